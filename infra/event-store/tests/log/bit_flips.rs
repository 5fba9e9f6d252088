//! A flipped bit anywhere is found, and never costs an acknowledged batch in silence.

use std::sync::Arc;

use ticketflow_event_store::{EmbeddedLog, Expected, Head, OpenError, SimDisk, VerifyFault, verify};

use crate::world::{batch, open, read_all, small_options, stream};

fn closed_log() -> (SimDisk, Head) {
    let disk = SimDisk::new(5);
    let (log, _) = open(&disk);
    for number in 1..=14 {
        let pending = log.append(batch(number, stream((number % 3) as u8), Expected::Any, &[90, 200]));
        log.drive();
        pending.wait().unwrap();
    }
    log.write_snapshot("seats", log.head(), &[4; 100]).unwrap();
    let head = log.head();
    log.close().unwrap();
    (disk, head)
}

fn used_bytes(disk: &SimDisk, path: &str) -> usize {
    disk.content(path).unwrap().iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1)
}

#[test]
fn every_flipped_bit_of_a_closed_log_is_found() {
    let (disk, head) = closed_log();
    let stored: Vec<_> = disk.paths().into_iter().filter(|path| path.contains(".s")).collect();
    assert!(stored.iter().filter(|path| path.ends_with(".segment")).count() >= 2);
    assert!(stored.iter().filter(|path| path.ends_with(".snapshot")).count() >= 2);
    for path in &stored {
        let used = used_bytes(&disk, path).max(128);
        for byte in 0..used {
            let flipped = disk.fork(1);
            flipped.flip_bit(path, byte, (byte % 8) as u8);
            let report = verify(&flipped, None, |_| {}).unwrap();
            assert!(report.fault.is_some(), "{path} byte {byte}: verify without a head");
            let opened = EmbeddedLog::open(Arc::new(flipped.clone()), small_options());
            match opened {
                // Opening skips what the stored index vouches for; it must not lose anything of it.
                Ok((log, _)) => assert_eq!(log.head(), head, "{path} byte {byte}: opening lost the end"),
                Err(OpenError::Corrupt { .. } | OpenError::Segment { .. } | OpenError::LostEvents { .. }) => {
                }
                Err(error) => panic!("{path} byte {byte}: {error}"),
            }
        }
    }
}

#[test]
fn without_an_index_only_the_last_flush_can_be_taken_for_unfinished() {
    let (disk, head) = closed_log();
    for path in disk.paths() {
        if path.ends_with(".snapshot") {
            disk.erase(&path);
        }
    }
    let segments: Vec<_> = disk.paths().into_iter().filter(|path| path.ends_with(".segment")).collect();
    let last = segments.last().unwrap();
    let mut cuts = 0;
    for path in &segments {
        for byte in 0..used_bytes(&disk, path) {
            let flipped = disk.fork(1);
            flipped.flip_bit(path, byte, (byte % 8) as u8);
            let with_head = verify(&flipped, Some(head), |_| {}).unwrap();
            assert!(with_head.fault.is_some(), "{path} byte {byte}: verify against the noted head");
            if let Ok((log, report)) = EmbeddedLog::open(Arc::new(flipped.clone()), small_options()) {
                assert_eq!(path, last, "byte {byte}");
                assert_eq!(log.head().position, head.position - 2, "only the last batch is gone");
                assert!(report.cut.is_some(), "the cut is reported");
                assert_eq!(read_all(&log).len(), 13);
                cuts += 1;
            }
        }
    }
    assert!(cuts > 0, "the rule about the last flush is real");
}

#[test]
fn damage_is_named_by_segment_offset_and_position() {
    let (disk, _) = closed_log();
    let path = disk.paths().into_iter().find(|path| path.ends_with(".segment")).unwrap();
    disk.flip_bit(&path, 128 + 100, 0);
    let report = verify(&disk, None, |_| {}).unwrap();
    let Some(VerifyFault::Frame { segment, offset, position, .. }) = report.fault else {
        panic!("{:?}", report.fault);
    };
    assert_eq!((segment, offset, position), (path.clone(), 128, 1));
    for path in disk.paths().into_iter().filter(|path| path.ends_with(".snapshot")) {
        disk.erase(&path);
    }
    let error = EmbeddedLog::open(Arc::new(disk), small_options()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&path) && text.contains("offset 128") && text.contains("position 1"), "{text}");
}

#[test]
fn a_flip_inside_a_finished_group_is_damage_even_without_a_later_flush() {
    let disk = SimDisk::new(8);
    let (log, _) = open(&disk);
    let group: Vec<_> =
        (1..=4).map(|number| log.append(batch(number, stream(1), Expected::Any, &[300]))).collect();
    log.drive();
    for pending in group {
        pending.wait().unwrap();
    }
    drop(log);
    for path in disk.paths().into_iter().filter(|path| path.ends_with(".snapshot")) {
        disk.erase(&path);
    }
    // The second of four batches that were written and synced together.
    disk.flip_bit("log/00000000000000000001.segment", 128 + 496 + 40, 3);
    let error = EmbeddedLog::open(Arc::new(disk), small_options()).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
}

#[test]
fn a_sector_that_vanished_below_a_later_flush_is_damage() {
    let disk = SimDisk::new(8);
    let (log, _) = open(&disk);
    for number in [40, 80] {
        let pending = log.append(batch(number, stream(1), Expected::Any, &[1500]));
        log.drive();
        pending.wait().unwrap();
    }
    drop(log);
    for path in disk.paths().into_iter().filter(|path| path.ends_with(".snapshot")) {
        disk.erase(&path);
    }
    // It looks like a torn write, but the frame behind it says that this one had been durable.
    let path = "log/00000000000000000001.segment";
    let mut bytes = disk.content(path).unwrap();
    bytes[512..1024].fill(0);
    disk.put(path, &bytes);
    let error = EmbeddedLog::open(Arc::new(disk), small_options()).unwrap_err();
    assert!(matches!(error, OpenError::Corrupt { offset: 128, position: 1, .. }), "{error}");
}

#[test]
fn bytes_behind_the_end_of_a_finished_segment_are_found() {
    let (disk, _) = closed_log();
    let path = "log/00000000000000000001.segment";
    let length = disk.content(path).unwrap().len();
    disk.flip_bit(path, length - 1, 0);
    let report = verify(&disk, None, |_| {}).unwrap();
    assert!(matches!(report.fault, Some(VerifyFault::DirtyEnd { .. })), "{:?}", report.fault);
}
