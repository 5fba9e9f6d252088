//! Where the time of a replay goes: reading the log, decoding its events, folding them. One core, the folder's files warm.
//!
//! `cargo run --release -p ticketflow-command-service --example replay_bench -- DATA`, on a folder no server has open.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashMap;
use ticketflow_command_service::ShowFold;
use ticketflow_domain::ShowId;
use ticketflow_domain::show::ShowState;
use ticketflow_event_store::{
    Batch, Category, EmbeddedLog, LogOptions, RealDisk, decode_commands, show_event,
};

/// The fastest of so many passes counts.
const PASSES: usize = 5;

fn pass(log: &EmbeddedLog, mut each: impl FnMut(&Batch<'_>)) -> (u64, f64) {
    let begun = Instant::now();
    let mut reader = log.read_from(1).expect("the log can be read");
    let mut events = 0;
    while let Some(batch) = reader.next_batch().expect("the log reads back") {
        if batch.stream().category == Category::Show {
            events += u64::from(batch.event_count());
            each(&batch);
        }
    }
    (events, begun.elapsed().as_secs_f64())
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn report(what: &str, log: &EmbeddedLog, mut run: impl FnMut(&EmbeddedLog) -> (u64, f64)) {
    if std::env::args().nth(2).is_some_and(|only| !what.contains(&only)) {
        return;
    }
    let best = (0..PASSES).map(|_| run(log)).min_by(|a, b| a.1.total_cmp(&b.1)).expect("some passes");
    let (events, seconds) = best;
    println!(
        "{what:<28} {:>6.0} ns/event {:>7.2} million events/s",
        seconds * 1e9 / events as f64,
        events as f64 / seconds / 1e6
    );
}

fn main() {
    let folder = std::env::args().nth(1).expect("the data folder");
    let disk = Arc::new(RealDisk::new(std::path::Path::new(&folder)).expect("the folder opens"));
    let (log, _) = EmbeddedLog::open(disk, LogOptions::default()).expect("the log opens");
    let mut batches = 0;
    pass(&log, |_| batches += 1);
    println!("{} events in {batches} batches of shows", log.head().position);
    report("read", &log, |log| {
        pass(log, |batch| {
            black_box(batch.chain_hash());
        })
    });
    report("read, decode", &log, |log| {
        pass(log, |batch| {
            for record in batch.events() {
                black_box(show_event(record).expect("it reads back"));
            }
            black_box(decode_commands(batch.metadata()).expect("it reads back").count());
        })
    });
    report("read, decode, fold state", &log, |log| {
        let mut shows: HashMap<ShowId, ShowState> = HashMap::new();
        pass(log, |batch| {
            let state = shows.entry(ShowId::from_bytes(batch.stream().id)).or_default();
            for record in batch.events() {
                state.evolve(&show_event(record).expect("it reads back"));
            }
        })
    });
    report("all, with keys (ShowFold)", &log, |log| {
        let mut shows: HashMap<ShowId, ShowFold> = HashMap::new();
        pass(log, |batch| {
            shows.entry(ShowId::from_bytes(batch.stream().id)).or_default().apply(batch).expect("it folds");
        })
    });
}
