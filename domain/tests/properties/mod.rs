//! What has to hold after any sequence of commands (`reachable`) and after any sequence of events (`totality`).
//!
//! `wishes` draws commands that are now and then nonsense, `world` carries them out, `ledger` counts again naively from
//! the events what the state claims. Failing cases are kept as seeds in `proptest-regressions`.

mod invariants;
mod ledger;
mod reachable;
mod totality;
mod wishes;
mod world;

use proptest::test_runner::{Config, FileFailurePersistence};

/// So many cases, failures kept in the named file of seeds.
fn config(cases: u32, seeds: &'static str) -> Config {
    let failure_persistence = Some(Box::new(FileFailurePersistence::Direct(seeds)) as Box<_>);
    Config { cases, failure_persistence, max_shrink_iters: 20_000, ..Config::default() }
}
