//! Many threads, one log on the real disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ticketflow_event_store::{
    AppendError, EmbeddedLog, Expected, FatalError, Fault, Feed, LogOptions, RealDisk, SimDisk,
};

use crate::world::{Seen, batch, read_stream, stream};

fn threaded(folder: &std::path::Path) -> EmbeddedLog {
    let options = LogOptions {
        first_segment_bytes: 64 << 10,
        segment_bytes: 128 << 10,
        max_batch_bytes: 32 << 10,
        low_space_bytes: 0,
        ..LogOptions::default()
    };
    EmbeddedLog::open(Arc::new(RealDisk::new(folder).unwrap()), options).unwrap().0
}

#[test]
fn exactly_one_writer_wins_each_revision() {
    const WINS: u64 = 100;
    let folder = tempfile::tempdir().unwrap();
    let log = threaded(folder.path());
    let contested = stream(1);
    let wins: Vec<Vec<u64>> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4u64)
            .map(|writer| {
                let log = &log;
                scope.spawn(move || {
                    let mut won = Vec::new();
                    let mut revision = 0;
                    while revision < WINS {
                        let number = writer * 1_000_000 + revision;
                        let append = batch(number, contested, Expected::Revision(revision), &[50]);
                        // Half of them write themselves whenever the writer is free.
                        let pending =
                            if writer % 2 == 0 { log.append(append) } else { log.append_here(append) };
                        match pending.wait() {
                            Ok(appended) => {
                                assert_eq!(appended.revision, revision + 1);
                                won.push(appended.revision);
                                revision = appended.revision;
                            }
                            Err(AppendError::Conflict { actual }) => {
                                assert!(actual > revision, "a loser is told what it missed");
                                revision = actual;
                            }
                            Err(error) => panic!("{error}"),
                        }
                    }
                    won
                })
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let mut revisions = wins.concat();
    revisions.sort_unstable();
    assert_eq!(revisions, (1..=WINS).collect::<Vec<_>>());
    assert_eq!(read_stream(&log, contested, 0).len() as u64, WINS);
    assert_eq!(log.verify(|_| {}).unwrap().fault, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_feed_sees_everything_in_order_while_appends_go_on() {
    const BATCHES: u64 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let log = threaded(folder.path());
    for number in 0..500 {
        log.append(batch(number, stream((number % 5) as u8), Expected::Any, &[10, 200])).await.unwrap();
    }
    let mut feed = Feed::new(&log, 1).unwrap();
    let appender = log.clone();
    let appending = tokio::spawn(async move {
        let mut pending = Vec::new();
        for number in 500..BATCHES {
            pending.push(appender.append(batch(
                number,
                stream((number % 5) as u8),
                Expected::Any,
                &[10, 200],
            )));
            if pending.len() == 32 {
                for append in pending.drain(..) {
                    append.await.unwrap();
                }
            }
        }
        for append in pending {
            append.await.unwrap();
        }
    });
    let mut numbers = Vec::new();
    let mut position = 1;
    while (numbers.len() as u64) < BATCHES {
        // A dropped wait loses nothing.
        let given_up = tokio::time::timeout(std::time::Duration::ZERO, feed.next()).await;
        let chunk = match given_up {
            Ok(chunk) => chunk,
            Err(_) => feed.next().await,
        };
        for batch in chunk.unwrap().expect("the log is open").batches() {
            assert_eq!(batch.first_position(), position);
            position = batch.last_position() + 1;
            numbers.push(Seen::of(&batch).number);
        }
    }
    appending.await.unwrap();
    assert_eq!(numbers, (0..BATCHES).collect::<Vec<_>>());
    log.close().unwrap();
    assert!(feed.next().await.unwrap().is_none(), "a closed log ends its feeds");
}

#[test]
fn a_log_is_verified_while_it_grows_from_inside_and_outside() {
    let folder = tempfile::tempdir().unwrap();
    let log = threaded(folder.path());
    let outside = RealDisk::new(folder.path()).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..3_000 {
                let append = log.append(batch(number, stream((number % 5) as u8), Expected::Any, &[10, 300]));
                if number % 16 == 0 {
                    append.wait().unwrap();
                    log.write_snapshot("growing", log.head(), &[1; 40]).unwrap();
                }
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        let mut last_position = 0;
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            let inside = log.verify(|_| {}).unwrap();
            assert_eq!(inside.fault, None);
            let known = log.head();
            let outside = ticketflow_event_store::verify(&outside, Some(known), |_| {}).unwrap();
            assert_eq!(outside.fault, None);
            assert!(inside.head.position >= last_position && outside.head.position >= known.position);
            last_position = inside.head.position;
        }
    });
    assert_eq!(log.verify(|_| {}).unwrap().fault, None);
}

#[test]
fn a_full_queue_refuses_and_a_closed_log_too() {
    let folder = tempfile::tempdir().unwrap();
    let options = LogOptions {
        first_segment_bytes: 4096,
        segment_bytes: 4096,
        max_batch_bytes: 1000,
        queue_batches: 3,
        low_space_bytes: 0,
        driver: ticketflow_event_store::Driver::Manual,
        ..LogOptions::default()
    };
    let (log, _) = EmbeddedLog::open(Arc::new(RealDisk::new(folder.path()).unwrap()), options).unwrap();
    let mut waiting: Vec<_> =
        (1..=4).map(|number| log.append(batch(number, stream(1), Expected::Any, &[1]))).collect();
    assert_eq!(waiting.pop().unwrap().wait(), Err(AppendError::Unavailable));
    log.drive();
    for pending in waiting {
        pending.wait().unwrap();
    }
    log.close().unwrap();
    assert_eq!(log.append(batch(9, stream(1), Expected::Any, &[1])).wait(), Err(AppendError::Unavailable));
}

#[test]
fn who_appends_here_has_the_answer_when_the_writer_was_free() {
    let folder = tempfile::tempdir().unwrap();
    let log = threaded(folder.path());
    for number in 1..=3 {
        let mut pending = log.append_here(batch(number, stream(1), Expected::Revision(number - 1), &[9]));
        // The writer's thread sleeps, since nobody else appends: so the batch was written on this one.
        let appended = pending.try_wait().expect("answered on return").unwrap();
        assert_eq!((appended.revision, log.head().position), (number, number));
    }
    let mut lost = log.append_here(batch(9, stream(1), Expected::Revision(1), &[9]));
    assert_eq!(lost.try_wait(), Some(Err(AppendError::Conflict { actual: 3 })));
    let mut large = log.append_here(batch(9, stream(1), Expected::Any, &[40 << 10]));
    assert_eq!(large.try_wait(), Some(Err(AppendError::TooLarge)));
    log.close().unwrap();
    let mut late = log.append_here(batch(9, stream(1), Expected::Any, &[9]));
    assert_eq!(late.try_wait(), Some(Err(AppendError::Unavailable)));
}

#[test]
fn what_waits_while_a_caller_writes_is_written_too() {
    let folder = tempfile::tempdir().unwrap();
    let log = threaded(folder.path());
    std::thread::scope(|scope| {
        for writer in 0..4_u64 {
            let log = &log;
            scope.spawn(move || {
                for number in 0..500 {
                    let append = batch(writer * 1_000 + number, stream(writer as u8), Expected::Any, &[30]);
                    let pending =
                        if (writer + number) % 2 == 0 { log.append(append) } else { log.append_here(append) };
                    assert_eq!(pending.wait().unwrap().revision, number + 1);
                }
            });
        }
    });
    assert_eq!(log.head().position, 2_000);
    assert_eq!(log.verify(|_| {}).unwrap().fault, None);
}

#[test]
fn a_disk_that_fails_under_a_caller_ends_the_log_like_any_other() {
    let mut failed = 0;
    for call in 1..200 {
        let disk = SimDisk::new(call);
        let told = Arc::new(AtomicU32::new(0));
        let fatal = {
            let told = told.clone();
            Arc::new(move |_: &FatalError| {
                told.fetch_add(1, Ordering::SeqCst);
            })
        };
        let options = LogOptions {
            first_segment_bytes: 8 << 10,
            segment_bytes: 8 << 10,
            max_batch_bytes: 2 << 10,
            low_space_bytes: 0,
            fatal,
            ..LogOptions::default()
        };
        let (log, _) = EmbeddedLog::open(Arc::new(disk.clone()), options.clone()).unwrap();
        disk.fail_call(disk.calls() + call, Fault::InputOutput);
        let mut acknowledged = 0;
        for number in 1..=40 {
            match log.append_here(batch(number, stream(1), Expected::Any, &[300])).wait() {
                Ok(appended) => acknowledged = appended.revision,
                Err(AppendError::Unknown) => failed += 1,
                Err(AppendError::Unavailable | AppendError::StorageLow) => {}
                Err(error) => panic!("{error}"),
            }
        }
        // The owner is told once, by whoever met the fault, and nothing is taken after it.
        assert!(told.load(Ordering::SeqCst) <= 1);
        drop(log);
        disk.kill();
        let (log, _) = EmbeddedLog::open(Arc::new(disk.clone()), options).unwrap();
        assert!(read_stream(&log, stream(1), 0).len() as u64 >= acknowledged, "call {call}");
    }
    assert!(failed > 20, "the fault hit appends {failed} times");
}
