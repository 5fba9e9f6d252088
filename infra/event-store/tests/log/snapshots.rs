//! Snapshots: whole or skipped, never ahead of the log, and the log's own makes opening short.

use ticketflow_event_store::{Expected, Head, SimDisk, SnapshotError, SnapshotFault};

use crate::world::{batch, check_views, open, stream};

fn append(log: &ticketflow_event_store::EmbeddedLog, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        let pending = log.append(batch(number, stream((number % 3) as u8), Expected::Any, &[500]));
        log.drive();
        pending.wait().unwrap();
    }
}

#[test]
fn the_newest_two_are_kept_and_the_newest_sound_one_is_read() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk);
    assert_eq!(log.snapshot_position("seats").unwrap(), 0);
    for round in 1..=4u8 {
        append(&log, u64::from(round)..=u64::from(round));
        log.write_snapshot("seats", log.head(), &[round; 300]).unwrap();
        assert_eq!(log.snapshot_position("seats").unwrap(), u64::from(round));
    }
    let kept: Vec<_> = disk.paths().into_iter().filter(|path| path.contains("seats")).collect();
    assert_eq!(
        kept,
        ["snapshots/seats-00000000000000000003.snapshot", "snapshots/seats-00000000000000000004.snapshot"]
    );
    let (snapshot, skipped) = log.latest_snapshot("seats").unwrap();
    let snapshot = snapshot.unwrap();
    assert_eq!((snapshot.position, snapshot.chain_hash), (4, log.head().chain_hash));
    assert_eq!((&snapshot.bytes[..], skipped.len()), (&[4; 300][..], 0));
    assert!(snapshot.bytes.as_ptr().addr().is_multiple_of(16));

    disk.flip_bit(&kept[1], 200, 1);
    let (older, skipped) = log.latest_snapshot("seats").unwrap();
    assert_eq!(older.unwrap().position, 3);
    assert_eq!((skipped[0].path.as_str(), &skipped[0].fault), (kept[1].as_str(), &SnapshotFault::Content));

    let renamed = disk.content(&kept[0]).unwrap();
    disk.put("snapshots/other-00000000000000000003.snapshot", &renamed);
    let (none, skipped) = log.latest_snapshot("other").unwrap();
    assert!(none.is_none());
    assert_eq!(skipped[0].fault, SnapshotFault::Misnamed);
}

#[test]
fn a_snapshot_of_another_history_is_passed_over() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk);
    append(&log, 1..=4);
    log.write_snapshot("seats", log.head(), &[4; 300]).unwrap();
    append(&log, 5..=8);
    // Another log got as far with other events, as after a flush that was cut.
    let other = SimDisk::new(2);
    let (longer, _) = open(&other);
    append(&longer, 1..=4);
    append(&longer, 105..=107);
    longer.write_snapshot("seats", longer.head(), &[7; 300]).unwrap();
    let foreign = "snapshots/seats-00000000000000000007.snapshot";
    disk.put(foreign, &other.content(foreign).unwrap());
    let (snapshot, skipped) = log.latest_snapshot("seats").unwrap();
    assert_eq!(snapshot.unwrap().position, 4);
    assert_eq!((skipped[0].path.as_str(), &skipped[0].fault), (foreign, &SnapshotFault::Foreign));

    // One that claims more than the log has keeps nobody from storing the next.
    disk.put("snapshots/seats-00000000000000000099.snapshot", &other.content(foreign).unwrap());
    assert_eq!(log.snapshot_position("seats").unwrap(), 7);
    let make = |to| {
        let mut bytes = rkyv::util::AlignedVec::new();
        bytes.extend_from_slice(&[to as u8; 40]);
        Ok::<_, SnapshotError>(bytes)
    };
    let stored = log.renew_snapshot("seats", make).unwrap();
    assert_eq!((stored.position, stored.bytes), (8, 40));
    assert_eq!(log.renew_snapshot("seats", make).unwrap().bytes, 0, "it is there");
    let kept: Vec<_> = disk.paths().into_iter().filter(|path| path.contains("seats")).collect();
    assert_eq!(kept, [foreign, "snapshots/seats-00000000000000000008.snapshot"]);

    // One that claims the very head and is not of this log is no reason to store none.
    disk.flip_bit(&kept[1], 150, 1);
    assert_eq!(log.renew_snapshot("seats", make).unwrap().bytes, 40);
    let (snapshot, skipped) = log.latest_snapshot("seats").unwrap();
    assert_eq!((snapshot.unwrap().position, skipped.len()), (8, 0));
}

#[test]
fn snapshots_in_a_stored_shape_of_before_are_removed() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk);
    append(&log, 1..=2);
    for name in ["seats-2", "seats-10", "seats", "seats-map-1", "orders-2"] {
        log.write_snapshot(name, log.head(), &[1; 30]).unwrap();
    }
    log.write_snapshot("seats-9", log.head(), &[2; 30]).unwrap();
    let left = disk.paths().into_iter().filter_map(|path| {
        path.strip_prefix("snapshots/")?.strip_suffix("-00000000000000000002.snapshot").map(str::to_owned)
    });
    assert_eq!(left.collect::<Vec<_>>(), ["orders-2", "seats", "seats-10", "seats-9", "seats-map-1"]);
}

#[test]
fn a_snapshot_ahead_of_the_log_or_with_a_strange_name_is_refused() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk);
    append(&log, 1..=2);
    let ahead = Head { position: 3, chain_hash: [0; 32] };
    assert!(matches!(
        log.write_snapshot("seats", ahead, &[]),
        Err(SnapshotError::AheadOfLog { head: 2, .. })
    ));
    for name in ["", "index", "../x", "Seats", "a b"] {
        assert!(
            matches!(log.write_snapshot(name, log.head(), &[]), Err(SnapshotError::Name { .. })),
            "{name}"
        );
    }
}

#[test]
fn the_stored_index_spares_the_scan_and_nothing_else_changes() {
    let disk = SimDisk::new(1);
    let (log, _) = open(&disk);
    append(&log, 1..=50);
    let all = check_views(&log);
    log.close().unwrap();
    let (log, report) = open(&disk);
    assert_eq!((report.index_position, report.scanned_batches, report.head.position), (50, 0, 50));
    assert_eq!(check_views(&log), all);
    append(&log, 51..=53);
    drop(log);

    let without = disk.fork(2);
    for path in without.paths().into_iter().filter(|path| path.contains("index")) {
        without.erase(&path);
    }
    let (scanned, report) = open(&without);
    assert_eq!((report.index_position, report.scanned_batches, report.head.position), (0, 53, 53));
    assert_eq!(check_views(&scanned).len(), 53);

    // The index of another log is told apart.
    let other = SimDisk::new(9);
    let (log, _) = open(&other);
    append(&log, 2..=30);
    log.close().unwrap();
    let path = other.paths().into_iter().rfind(|path| path.contains("index")).unwrap();
    without.put(&path, &other.content(&path).unwrap());
    drop(scanned);
    for path in without.paths().into_iter().filter(|path| path.contains("index-00000000000000000053")) {
        without.erase(&path);
    }
    let (log, report) = open(&without);
    assert_eq!(report.skipped_snapshots[0].fault, SnapshotFault::Foreign);
    assert_eq!(check_views(&log).len(), 53);
}
