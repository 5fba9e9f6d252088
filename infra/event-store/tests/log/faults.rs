//! Every I/O call of a scripted run fails in every way; after recovery acknowledged = recovered.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ticketflow_event_store::{
    AppendError, Category, EmbeddedLog, Expected, Fault, Head, LogOptions, PendingAppend, SimDisk, StreamId,
    Urgency,
};

use crate::world::{assert_whole, batch, check_views, open, small_options, stream};

/// What the caller of an append knows about a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Knowledge {
    Acknowledged,
    Refused,
    Unknown,
}

#[derive(Default)]
struct Journal {
    batches: Vec<(u64, Knowledge)>,
    /// Head after the last acknowledged batch.
    head: Head,
    fatal: u32,
}

/// Several streams, groups of several batches, large batches, conflicts, snapshots, segment rolls, a close and a reopening.
fn run_script(disk: &SimDisk) -> Journal {
    let fatal = Arc::new(AtomicU32::new(0));
    let told = fatal.clone();
    let options = LogOptions {
        fatal: Arc::new(move |_| {
            told.fetch_add(1, Ordering::SeqCst);
        }),
        ..small_options()
    };
    let mut journal = Journal::default();
    let mut number = 0;
    for life in 0..2u8 {
        let Ok((log, _)) = EmbeddedLog::open(Arc::new(disk.clone()), options.clone()) else { break };
        for round in 0..9u8 {
            let mut group = Vec::new();
            for place in 0..=(round % 4) {
                number += 1;
                let (stream, expected) = match place {
                    0 => (stream(round % 3), Expected::Any),
                    1 => (StreamId::new(Category::Customer, [round; 16]), Expected::Revision(0)),
                    2 => (stream(7), Expected::Revision(u64::from(round) * 1000 + 5)),
                    _ => (StreamId::billing("B39").unwrap(), Expected::Any),
                };
                let sizes: &[usize] = if round % 5 == 4 { &[900, 1300, 16] } else { &[24, 0, 100] };
                group.push((number, log.append(batch(number, stream, expected, sizes))));
            }
            log.drive();
            group.into_iter().for_each(|(number, pending)| journal.note(number, pending));
            if journal.batches.last().is_some_and(|(_, known)| *known == Knowledge::Acknowledged) {
                journal.head = log.head();
            }
            if round == 3 {
                // Its outcome does not matter to the log; its calls are there to fail.
                let _ = log.write_snapshot("seats", log.head(), &[round + life; 700]);
            }
        }
        let _ = log.close();
    }
    journal.fatal = fatal.load(Ordering::SeqCst);
    journal
}

impl Journal {
    fn note(&mut self, number: u64, mut pending: PendingAppend) {
        let known = match pending.try_wait().expect("driving answers everything") {
            Ok(_) => Knowledge::Acknowledged,
            Err(AppendError::Unknown) => Knowledge::Unknown,
            Err(
                AppendError::Conflict { .. }
                | AppendError::Unavailable
                | AppendError::StorageLow
                | AppendError::TooLarge,
            ) => Knowledge::Refused,
        };
        self.batches.push((number, known));
    }

    /// The recovered log holds every acknowledged batch once and in order, no refused one, and nothing else.
    fn check(&self, disk: &SimDisk, what: &str) {
        let (log, report) = match EmbeddedLog::open(Arc::new(disk.clone()), small_options()) {
            Ok(opened) => opened,
            Err(error) => panic!("{what}: {error}"),
        };
        let found: Vec<u64> = check_views(&log).iter().map(|batch| batch.number).collect();
        let mut rest = found.iter().copied().peekable();
        for (number, known) in &self.batches {
            let present = rest.next_if_eq(number).is_some();
            match known {
                Knowledge::Acknowledged => {
                    assert!(present, "{what}: acknowledged {number} is lost: {found:?}")
                }
                Knowledge::Refused => assert!(!present, "{what}: refused {number} is there"),
                Knowledge::Unknown => {}
            }
        }
        assert_eq!(rest.next(), None, "{what}: out of order or never appended");
        assert_eq!(report.head, log.head());
        assert_whole(disk, &log);

        let mut pending = log.append(batch(10_000, stream(1), Expected::Any, &[40]));
        log.drive();
        let appended =
            pending.try_wait().expect("driving answers everything").expect("the log takes appends again");
        assert_eq!(appended.last_position, report.head.position + 1, "{what}");
        assert_whole(disk, &log);
        log.close().expect("closing works again");
    }
}

#[test]
fn a_run_without_faults_is_recovered_whole() {
    let disk = SimDisk::new(1);
    let journal = run_script(&disk);
    let acknowledged = journal.batches.iter().filter(|(_, known)| *known == Knowledge::Acknowledged).count();
    assert!(acknowledged > 25, "the script appends: {acknowledged}");
    assert!(
        journal.batches.iter().any(|(_, known)| *known == Knowledge::Refused),
        "the script meets conflicts"
    );
    let segments = disk.paths().iter().filter(|path| path.ends_with(".segment")).count();
    assert!(segments > 2, "the script rolls segments: {segments}");
    journal.check(&disk, "no fault");
}

#[test]
fn acknowledged_equals_recovered_whatever_call_fails() {
    let probe = SimDisk::new(1);
    run_script(&probe);
    let calls = probe.calls();
    assert!(calls > 150, "the script works on the disk: {calls}");
    let mut fatal = 0;
    for call in 1..=calls {
        for fault in [Fault::InputOutput, Fault::NoSpace, Fault::Short, Fault::PowerCut] {
            for seed in 0..4 {
                let disk = SimDisk::new(seed * 1000 + call);
                disk.fail_call(call, fault);
                let journal = run_script(&disk);
                fatal += journal.fatal;
                // The process may die alone, or with the machine.
                if fault == Fault::PowerCut || seed % 2 == 0 {
                    disk.restart();
                } else {
                    disk.kill();
                }
                journal.check(&disk, &format!("call {call} {fault:?} seed {seed}"));
            }
        }
    }
    assert!(fatal > 0, "some faults hit the writer");
}

#[test]
fn a_fault_during_recovery_loses_nothing_either() {
    // A run that ends with a torn flush; then every call of the recovery fails too.
    for seed in 0..6 {
        let torn = SimDisk::new(seed);
        let probe = SimDisk::new(seed);
        run_script(&probe);
        torn.fail_call(probe.calls() * 2 / 3, Fault::PowerCut);
        let journal = run_script(&torn);
        torn.restart();
        let probe = torn.fork(seed);
        drop(open(&probe));
        for call in 1..=probe.calls() {
            for fault in [Fault::InputOutput, Fault::NoSpace, Fault::Short, Fault::PowerCut] {
                let disk = torn.fork(seed * 7 + call);
                disk.fail_call(call, fault);
                drop(EmbeddedLog::open(Arc::new(disk.clone()), small_options()));
                disk.restart();
                journal.check(&disk, &format!("recovery call {call} {fault:?} seed {seed}"));
            }
        }
    }
}

#[test]
fn a_failed_sync_that_the_system_forgets_is_survived() {
    // The classic: fsync fails, the process restarts and reads its bytes from memory, acknowledges them as recovered, and
    // then power fails. Recovery must have written them again.
    for seed in 0..40 {
        let disk = SimDisk::new(seed);
        let (log, _) = open(&disk);
        log.append(batch(1, stream(1), Expected::Any, &[2000])).await_in(&log).expect("appends");
        let mut unknown = log.append(batch(2, stream(1), Expected::Any, &[1500]));
        disk.fail_call(disk.calls() + 2, Fault::InputOutput);
        log.drive();
        if unknown.try_wait() != Some(Err(AppendError::Unknown)) {
            // The batch began a new segment, so the second call was another one.
            continue;
        }
        drop(log);
        disk.kill();
        let (log, report) = open(&disk);
        assert_eq!(check_views(&log).len(), 2, "what was written is read from memory");
        drop(log);
        disk.restart();
        let (log, after) = open(&disk);
        assert_eq!(after.head, report.head, "seed {seed}");
        assert_eq!(check_views(&log).len(), 2);
    }
}

#[test]
fn after_a_failed_sync_everything_is_refused_and_the_owner_is_told_once() {
    let told = Arc::new(AtomicU32::new(0));
    let count = told.clone();
    let disk = SimDisk::new(3);
    let options = LogOptions {
        fatal: Arc::new(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
        }),
        ..small_options()
    };
    let (log, _) = EmbeddedLog::open(Arc::new(disk.clone()), options).unwrap();
    let mut first = log.append(batch(1, stream(1), Expected::Any, &[10]));
    let mut conflict = log.append(batch(2, stream(1), Expected::Revision(0), &[10]));
    disk.fail_call(disk.calls() + 2, Fault::InputOutput);
    log.drive();
    assert_eq!(first.try_wait(), Some(Err(AppendError::Unknown)));
    assert_eq!(
        conflict.try_wait(),
        Some(Err(AppendError::Unavailable)),
        "a conflict with the unknown is none"
    );
    let calls = disk.calls();
    let mut essential = batch(3, stream(1), Expected::Any, &[10]);
    essential.urgency = Urgency::Essential;
    assert_eq!(log.append(essential).wait(), Err(AppendError::Unavailable));
    log.drive();
    assert_eq!((told.load(Ordering::SeqCst), log.head()), (1, Head::default()));
    drop(log);
    assert_eq!(disk.calls(), calls, "a broken log leaves the disk alone");
}

/// Drives the log and gives the answer.
trait AwaitIn {
    fn await_in(self, log: &EmbeddedLog) -> Result<ticketflow_event_store::Appended, AppendError>;
}

impl AwaitIn for PendingAppend {
    fn await_in(mut self, log: &EmbeddedLog) -> Result<ticketflow_event_store::Appended, AppendError> {
        log.drive();
        self.try_wait().expect("driving answers everything")
    }
}
