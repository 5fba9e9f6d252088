//! Reading by position and by revision.

use ticketflow_event_store::{AppendError, EmbeddedLog, EncodedEvents, Expected, ReadError, SimDisk};

use crate::world::{Seen, batch, check_views, open, read_all, read_stream, stream};

fn filled() -> (SimDisk, EmbeddedLog) {
    let disk = SimDisk::new(2);
    let (log, _) = open(&disk);
    for number in 1..=60 {
        let pending = log.append(batch(number, stream((number % 4) as u8), Expected::Any, &[40, 300, 0]));
        log.drive();
        pending.wait().unwrap();
    }
    (disk, log)
}

#[test]
fn every_position_finds_its_batch() {
    let (_disk, log) = filled();
    let all = check_views(&log);
    for position in 1..=log.head().position {
        let batch = log.read_at(position).unwrap().expect("the log holds it");
        let view = batch.view();
        assert!((view.first_position()..=view.last_position()).contains(&position));
        let mut reader = log.read_from(position).unwrap();
        assert_eq!(Seen::of(&reader.next_batch().unwrap().unwrap()), all[(position as usize - 1) / 3]);
    }
    let end = log.head().position;
    assert!(log.read_at(0).unwrap().is_none() && log.read_at(end + 1).unwrap().is_none());
    assert!(log.read_from(end + 1).unwrap().next_batch().unwrap().is_none());
    assert!(matches!(log.read_from(end + 2), Err(ReadError::AheadOfLog { .. })));
}

#[test]
fn a_stream_is_read_from_any_revision() {
    let (_disk, log) = filled();
    let whole = read_stream(&log, stream(1), 0);
    for revision in 1..=log.stream_revision(&stream(1)) {
        let part = read_stream(&log, stream(1), revision);
        assert_eq!(part, whole[(revision as usize - 1) / 3..], "from {revision}");
    }
    assert!(read_stream(&log, stream(1), log.stream_revision(&stream(1)) + 1).is_empty());
    assert!(read_stream(&log, stream(99), 0).is_empty());
}

#[test]
fn a_reader_at_the_end_goes_on_when_the_log_does() {
    let disk = SimDisk::new(2);
    let (log, _) = open(&disk);
    let mut reader = log.read_from(1).unwrap();
    for number in 1..=40 {
        assert!(reader.next_batch().unwrap().is_none());
        let pending = log.append(batch(number, stream(1), Expected::Any, &[700]));
        assert!(reader.next_batch().unwrap().is_none(), "what is not durable cannot be seen");
        log.drive();
        pending.wait().unwrap();
        assert_eq!(Seen::of(&reader.next_batch().unwrap().expect("it is durable now")).number, number);
    }
}

#[test]
fn a_segment_that_is_full_to_its_last_byte_ends_like_any_other() {
    let disk = SimDisk::new(2);
    let (log, _) = open(&disk);
    // 4096 - 128 = 2 frames of 1984 bytes: 96 header, 16 table, 1840 payload, 32 hash; metadata empty for number 40 and 80.
    for number in [40, 80] {
        let pending = log.append(batch(number, stream(1), Expected::Any, &[1840]));
        log.drive();
        assert!(pending.wait().is_ok());
    }
    assert_eq!(
        disk.content("log/00000000000000000001.segment").unwrap().last().copied().map(|byte| byte != 0),
        Some(true)
    );
    let mut reader = log.read_from(3).unwrap();
    assert!(reader.next_batch().unwrap().is_none());
    log.close().unwrap();
    let (log, _) = open(&disk);
    let mut reader = log.read_from(3).unwrap();
    let pending = log.append(batch(3, stream(2), Expected::Any, &[10]));
    log.drive();
    pending.wait().unwrap();
    assert_eq!(Seen::of(&reader.next_batch().unwrap().unwrap()).number, 3);
    assert_eq!(read_all(&log).len(), 3);
    drop(log);
    let (log, _) = open(&disk);
    assert_eq!(check_views(&log).len(), 3);
}

#[test]
fn batches_that_no_frame_holds_are_too_large() {
    let disk = SimDisk::new(2);
    let (log, _) = open(&disk);
    let empty = batch(1, stream(1), Expected::Any, &[]);
    assert_eq!(log.append(empty).wait(), Err(AppendError::TooLarge));
    assert_eq!(log.append(batch(1, stream(1), Expected::Any, &[3500])).wait(), Err(AppendError::TooLarge));
    let mut many = batch(1, stream(1), Expected::Any, &[1]);
    many.events = EncodedEvents::new();
    (0..70_000).for_each(|_| many.events.push(1, 1, &[]));
    assert_eq!(log.append(many).wait(), Err(AppendError::TooLarge));
    let mut largest = log.append(batch(40, stream(1), Expected::Any, &[3500 - 96 - 16 - 32 - 12]));
    log.drive();
    assert!(largest.try_wait().unwrap().is_ok());
}

#[test]
fn an_expected_revision_that_is_too_high_is_a_conflict_too() {
    let disk = SimDisk::new(2);
    let (log, _) = open(&disk);
    for (expected, answer) in [(1, Err(0)), (0, Ok(2)), (0, Err(2)), (3, Err(2)), (2, Ok(4))] {
        let mut pending = log.append(batch(1, stream(1), Expected::Revision(expected), &[1, 2]));
        log.drive();
        let outcome = pending.try_wait().unwrap();
        match answer {
            Ok(revision) => assert_eq!(outcome.unwrap().revision, revision),
            Err(actual) => assert_eq!(outcome, Err(AppendError::Conflict { actual })),
        }
    }
}
