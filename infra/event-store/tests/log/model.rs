//! Random appends, closings, kills and power cuts against a list.

use proptest::prelude::*;
use ticketflow_event_store::{AppendError, Expected, Fault, PendingAppend, SimDisk};

use crate::world::{assert_whole, batch, check_views, open, stream};

#[derive(Clone, Debug)]
enum Step {
    /// Batches flushed together: stream, whether the right revision is expected, payload sizes.
    Append(Vec<(u8, Option<bool>, Vec<usize>)>),
    Snapshot,
    Close,
    Kill,
    PowerCut,
    /// The call after so many calls fails.
    Fault(u64, u8),
}

fn step() -> impl Strategy<Value = Step> {
    let sizes = prop::collection::vec(0usize..700, 1..4);
    let one = (0u8..4, prop::option::of(any::<bool>()), sizes);
    prop_oneof![
        8 => prop::collection::vec(one, 1..5).prop_map(Step::Append),
        1 => Just(Step::Snapshot),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        1 => Just(Step::PowerCut),
        2 => (1u64..12, 0u8..4).prop_map(|(calls, kind)| Step::Fault(calls, kind)),
    ]
}

/// What must be in the log, and what may follow it: the outcome of the last flush can be unknown.
#[derive(Default)]
struct Model {
    certain: Vec<u64>,
    possible: Vec<u64>,
}

impl Model {
    fn note(&mut self, number: u64, mut pending: PendingAppend) {
        match pending.try_wait().expect("driving answers everything") {
            Ok(_) => self.certain.push(number),
            Err(AppendError::Unknown) => self.possible.push(number),
            Err(
                AppendError::Conflict { .. }
                | AppendError::Unavailable
                | AppendError::StorageLow
                | AppendError::TooLarge,
            ) => {}
        }
    }

    /// Compares with the log; from then on its content is certain.
    fn settle(&mut self, found: Vec<u64>) {
        assert!(found.starts_with(&self.certain), "{found:?} lost some of {:?}", self.certain);
        let more = &found[self.certain.len()..];
        assert!(self.possible.starts_with(more), "{more:?} was never appended, only {:?}", self.possible);
        self.certain = found;
        self.possible.clear();
    }
}

/// Runs the steps, each against the list, and opens the log once more at the end.
fn run(seed: u64, steps: Vec<Step>) {
    let disk = SimDisk::new(seed);
    let mut model = Model::default();
    let mut number = 0;
    let (mut log, _) = open(&disk);
    for step in steps {
        let mut reopen = true;
        match step {
            Step::Append(group) => {
                let mut pending = Vec::new();
                for (place, right, sizes) in group {
                    number += 1;
                    let revision = log.stream_revision(&stream(place));
                    let expected = match right {
                        None => Expected::Any,
                        Some(true) => Expected::Revision(revision),
                        Some(false) => Expected::Revision(revision + 100),
                    };
                    pending.push((number, log.append(batch(number, stream(place), expected, &sizes))));
                }
                log.drive();
                pending.into_iter().for_each(|(number, pending)| model.note(number, pending));
                reopen = !model.possible.is_empty();
            }
            Step::Snapshot => {
                let _ = log.write_snapshot("model", log.head(), &[1; 50]);
                reopen = false;
            }
            Step::Fault(calls, kind) => {
                let fault =
                    [Fault::InputOutput, Fault::NoSpace, Fault::Short, Fault::PowerCut][usize::from(kind)];
                disk.fail_call(disk.calls() + calls, fault);
                reopen = false;
            }
            Step::Close => drop(log.close()),
            Step::Kill => disk.kill(),
            Step::PowerCut => disk.cut_power(),
        }
        if reopen {
            drop(log);
            disk.restart();
            (log, _) = open(&disk);
            model.settle(check_views(&log).iter().map(|batch| batch.number).collect());
            assert_whole(&disk, &log);
        }
    }
    drop(log);
    disk.restart();
    let (log, _) = open(&disk);
    model.settle(check_views(&log).iter().map(|batch| batch.number).collect());
    assert_whole(&disk, &log);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_log_is_the_list_of_what_was_acknowledged(seed: u64, steps in prop::collection::vec(step(), 1..40)) {
        run(seed, steps);
    }
}

#[test]
fn a_flush_that_was_written_in_part_is_not_taken_for_damage() {
    let append =
        |sizes: &[&[usize]]| Step::Append(sizes.iter().map(|sizes| (0, None, sizes.to_vec())).collect());
    let mut last = vec![
        (0, None, vec![561, 241, 513]),
        (0, Some(false), vec![0]),
        (0, None, vec![0]),
        (0, None, vec![177]),
    ];
    run(
        1_596_239_033_612_586_091,
        vec![
            append(&[&[289, 513]]),
            Step::Snapshot,
            append(&[&[465, 385, 49]]),
            append(&[&[497, 417], &[593]]),
            append(&[&[81, 465], &[225]]),
            Step::Close,
            append(&[&[257, 529]]),
            append(&[&[177, 481], &[529, 17, 209]]),
            append(&[&[321, 289, 625], &[273, 625], &[0], &[497]]),
            Step::Fault(4, 2),
            append(&[&[0, 49]]),
            Step::Fault(2, 0),
            Step::Append(std::mem::take(&mut last)),
        ],
    );
}
