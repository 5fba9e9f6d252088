//! Measures appends per second beside a bare write-and-sync loop, and reading.
//!
//! `cargo run --release -p ticketflow-event-store --example append_bench [FOLDER] [SECONDS]`. The folder should lie on the disk
//! that counts, not in memory. Callers are threads that keep their share of the appends in flight, so that the figures hold
//! for the log and not for an async runtime. Processor time is given beside the rates: it means something on a busy machine too.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use ticketflow_event_store::{
    Append, Category, EmbeddedLog, EncodedEvents, Expected, LogOptions, RealDisk, StreamId, Urgency,
};

/// A seat hold with its command's key takes about this much.
const PAYLOAD_BYTES: usize = 200;
/// The frame around such a payload.
const FRAME_BYTES: usize = 352;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from).join("append-bench");
    let seconds = arguments.next().map_or(Ok(3), |text| text.parse())?;
    let duration = Duration::from_secs(seconds);
    std::fs::create_dir_all(&root)?;
    for in_flight in [1, 32, 256] {
        let bare = bare_loop(&root, in_flight, duration)?;
        let folder = root.join(format!("log-{in_flight}"));
        let (rate, p50, p99) = appends(&folder, in_flight, 1.max(in_flight / 128), duration)?;
        println!(
            "{in_flight:>4} in flight: {rate:>9.0} appends/s ({:.2} x bare write+sync {bare:.0}/s), p50 {p50:?} p99 {p99:?}",
            rate / bare
        );
    }
    let folder = root.join("log-many");
    let (rate, p50, p99) = appends(&folder, 8192, 2, duration)?;
    println!("8192 in flight: {rate:>9.0} appends/s, p50 {p50:?} p99 {p99:?}");
    reading(&folder)?;
    std::fs::remove_dir_all(&root)?;
    Ok(())
}

/// Processor time of this process so far, callers, writer and system calls included.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// What the disk gives: groups of the same size, written and synced into a file of zeros by one thread that does nothing else.
fn bare_loop(root: &Path, group: usize, duration: Duration) -> Result<f64, std::io::Error> {
    const FILE_BYTES: u64 = 64 << 20;
    let path = root.join("bare");
    let file = File::create(&path)?;
    file.write_all_at(&vec![0; FILE_BYTES as usize], 0)?;
    file.sync_all()?;
    let bytes = vec![7; group * FRAME_BYTES];
    let (mut offset, mut written) = (0, 0);
    let started = Instant::now();
    while started.elapsed() < duration {
        file.write_all_at(&bytes, offset)?;
        file.sync_data()?;
        written += group;
        offset += bytes.len() as u64;
        if offset + bytes.len() as u64 > FILE_BYTES {
            offset = 0;
        }
    }
    let rate = written as f64 / started.elapsed().as_secs_f64();
    std::fs::remove_file(path)?;
    Ok(rate)
}

fn small_batch(number: u64) -> Append {
    let mut events = EncodedEvents::new();
    events.push(1, 1, &[number as u8; PAYLOAD_BYTES]);
    Append {
        stream: StreamId::new(Category::Show, u128::from(number % 64).to_be_bytes()),
        expected: Expected::Any,
        batch_id: u128::from(number).to_be_bytes(),
        recorded_at_ms: 0,
        metadata: Vec::new(),
        events,
        urgency: Urgency::Normal,
    }
}

fn appends(
    folder: &Path,
    in_flight: usize,
    threads: usize,
    duration: Duration,
) -> Result<(f64, Duration, Duration), Box<dyn std::error::Error>> {
    let (log, _) = EmbeddedLog::open(Arc::new(RealDisk::new(folder)?), LogOptions::default())?;
    let stop = AtomicBool::new(false);
    let share = in_flight / threads;
    let started = Instant::now();
    let processor = processor_time();
    let mut latencies: Vec<Duration> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn({
                    let (log, stop) = (&log, &stop);
                    move || call(log, thread as u64 * 1_000_003, share, stop)
                })
            })
            .collect();
        std::thread::sleep(duration);
        stop.store(true, Ordering::Relaxed);
        callers.into_iter().flat_map(|caller| caller.join().expect("callers do not panic")).collect()
    });
    let rate = latencies.len() as f64 / started.elapsed().as_secs_f64();
    let spent = (processor_time() - processor) / u32::try_from(latencies.len().max(1))?;
    println!("     processor time per append, callers included: {spent:?}");
    latencies.sort_unstable();
    let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize];
    log.close()?;
    Ok((rate, at(0.5), at(0.99)))
}

/// Keeps `share` appends in flight until told to stop.
fn call(log: &EmbeddedLog, mut number: u64, share: usize, stop: &AtomicBool) -> Vec<Duration> {
    let mut latencies = Vec::new();
    let mut waiting = VecDeque::new();
    while !stop.load(Ordering::Relaxed) {
        while waiting.len() < share {
            number += 1;
            waiting.push_back((Instant::now(), log.append(small_batch(number))));
        }
        let (submitted, pending) = waiting.pop_front().expect("something is in flight");
        pending.wait().expect("the log takes appends");
        latencies.push(submitted.elapsed());
        // What the same flush answered is taken without sleeping again.
        while let Some((submitted, pending)) = waiting.front_mut() {
            let Some(answer) = pending.try_wait() else { break };
            answer.expect("the log takes appends");
            latencies.push(submitted.elapsed());
            waiting.pop_front();
        }
    }
    waiting.into_iter().for_each(|(_, pending)| {
        pending.wait().expect("the log takes appends");
    });
    latencies
}

fn reading(folder: &Path) -> Outcome {
    let started = Instant::now();
    let (log, report) = EmbeddedLog::open(Arc::new(RealDisk::new(folder)?), LogOptions::default())?;
    println!(
        "open: {:?}, {} of {} events scanned",
        started.elapsed(),
        report.scanned_batches,
        report.head.position
    );
    for pass in ["first", "warm"] {
        let (started, processor) = (Instant::now(), processor_time());
        let mut reader = log.read_from(1)?;
        let (mut events, mut bytes) = (0u64, 0u64);
        while let Some(batch) = reader.next_batch()? {
            for event in batch.events() {
                events += 1;
                bytes += event.payload.len() as u64;
            }
        }
        let taken = started.elapsed().as_secs_f64();
        let stored = events * FRAME_BYTES as u64;
        println!(
            "{pass} read: {:.1} million events/s, {:.2} GB/s of frames, {:.2} GB per processor second ({} MB of payload)",
            events as f64 / taken / 1e6,
            stored as f64 / taken / 1e9,
            stored as f64 / (processor_time() - processor).as_secs_f64() / 1e9,
            bytes >> 20
        );
    }
    let stream = StreamId::new(Category::Show, 5u128.to_be_bytes());
    let started = Instant::now();
    let mut reader = log.read_stream(stream, 0)?;
    let mut events = 0u64;
    while let Some(batch) = reader.next_batch()? {
        events += u64::from(batch.event_count());
    }
    println!(
        "one stream of 64: {:.2} million events/s",
        events as f64 / started.elapsed().as_secs_f64() / 1e6
    );
    let started = Instant::now();
    let report = log.verify(|_| {})?;
    assert_eq!(report.fault, None);
    println!("verify: {:.1} million events/s", report.events as f64 / started.elapsed().as_secs_f64() / 1e6);
    Ok(())
}
