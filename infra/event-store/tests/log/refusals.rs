//! Data folders that are not opened, and what is said about them.

use std::sync::Arc;

use ticketflow_event_store::{EmbeddedLog, Expected, LogOptions, OpenError, SegmentFault, SimDisk};

use crate::world::{batch, open, small_options, stream};

fn three_segments(seed: u64) -> SimDisk {
    let disk = SimDisk::new(seed);
    let (log, _) = open(&disk);
    for number in 1..=16 {
        let pending = log.append(batch(number + seed, stream(1), Expected::Any, &[1000]));
        log.drive();
        pending.wait().unwrap();
    }
    drop(log);
    disk
}

fn segments(disk: &SimDisk) -> Vec<String> {
    disk.paths().into_iter().filter(|path| path.ends_with(".segment")).collect()
}

fn refusal(disk: &SimDisk) -> OpenError {
    let before: Vec<_> = segments(disk).iter().map(|path| disk.content(path)).collect();
    let error = EmbeddedLog::open(Arc::new(disk.clone()), small_options()).expect_err("it must be refused");
    assert_eq!(
        segments(disk).iter().map(|path| disk.content(path)).collect::<Vec<_>>(),
        before,
        "nothing is changed"
    );
    error
}

fn assert_segment(disk: &SimDisk, path: &str, expected: SegmentFault) {
    match refusal(disk) {
        OpenError::Segment { segment, fault } => assert_eq!((segment.as_str(), fault), (path, expected)),
        other => panic!("{other}"),
    }
}

#[test]
fn missing_segments_are_missed() {
    let whole = three_segments(1);
    let paths = segments(&whole);
    assert!(paths.len() >= 3);
    let first = whole.fork(1);
    first.erase(&paths[0]);
    assert_segment(&first, &paths[1], SegmentFault::Disconnected);
    let middle = whole.fork(1);
    middle.erase(&paths[1]);
    assert_segment(&middle, &paths[2], SegmentFault::Disconnected);
    let last = whole.fork(1);
    last.erase(&paths[paths.len() - 1]);
    let error = refusal(&last);
    assert!(matches!(error, OpenError::LostEvents { position: 16, .. }), "{error}");
    let all = whole.fork(1);
    paths.iter().for_each(|path| assert!(all.erase(path)));
    assert!(matches!(refusal(&all), OpenError::LostEvents { head: 0, position: 16, .. }));
}

#[test]
fn foreign_newer_short_and_misnamed_segments_are_told_apart() {
    let whole = three_segments(1);
    let paths = segments(&whole);
    let content = whole.content(&paths[1]).unwrap();

    let foreign = whole.fork(1);
    foreign.put(&paths[1], &[b'x'; 4096]);
    assert_segment(&foreign, &paths[1], SegmentFault::Foreign);

    let short = whole.fork(1);
    short.put(&paths[1], &content[..content.len() - 1]);
    assert_segment(&short, &paths[1], SegmentFault::Truncated);

    let newer = whole.fork(1);
    let mut bytes = content.clone();
    bytes[8] = 9;
    bytes[100] = 1;
    newer.put(&paths[1], &bytes);
    assert_segment(&newer, &paths[1], SegmentFault::Newer { found: 9 });

    let misnamed = whole.fork(1);
    misnamed.put("log/00000000000000000099.segment", &content);
    assert_segment(&misnamed, "log/00000000000000000099.segment", SegmentFault::Misnamed);

    let other = three_segments(50);
    let mixed = whole.fork(1);
    for path in mixed.paths().into_iter().filter(|path| path.ends_with(".snapshot")) {
        mixed.erase(&path);
    }
    mixed.put(&paths[1], &other.content(&paths[1]).unwrap());
    assert_segment(&mixed, &paths[1], SegmentFault::Disconnected);
}

#[test]
fn other_files_are_left_alone_and_reported() {
    let disk = three_segments(1);
    disk.put("log/notes.txt", b"mine");
    let (log, report) = open(&disk);
    assert_eq!(report.ignored_files, ["notes.txt"]);
    drop(log);
    assert_eq!(disk.content("log/notes.txt").unwrap(), b"mine");
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let disk = SimDisk::new(1);
    for options in [
        LogOptions { first_segment_bytes: 5000, ..small_options() },
        LogOptions { segment_bytes: 4096, first_segment_bytes: 8192, ..small_options() },
        LogOptions { max_batch_bytes: 4096, ..small_options() },
        LogOptions { queue_batches: 0, ..small_options() },
    ] {
        let result = EmbeddedLog::open(Arc::new(disk.clone()), options);
        assert!(matches!(result, Err(OpenError::Options(_))));
    }
    assert_eq!(disk.calls(), 0, "the disk is not touched");
}
