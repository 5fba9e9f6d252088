//! Many threads, one log on the real disk.

use std::sync::Arc;

use ticketflow_event_store::{AppendError, EmbeddedLog, Expected, Feed, LogOptions, RealDisk};

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
                        match log.append(batch(number, contested, Expected::Revision(revision), &[50])).wait()
                        {
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
