//! What every event store has to do, as one suite of tests that runs against each of them.
//!
//! Owns the cases and the batches in them. A store is described by [`World`]: how to make an empty log, open it as one more
//! process would, restart what it stands on, and lose its acknowledgements. Files, servers and their start are left to the
//! tests of the adapters. Cases panic with what does not hold.

mod appending;
mod batches;
mod feeding;
mod outages;
mod world;
mod writers;

use futures_util::future::LocalBoxFuture;

pub use batches::{held, opened, stream};
pub use world::{Log, World};

type Case = for<'a> fn(&'a mut dyn Log) -> LocalBoxFuture<'a, ()>;

/// Every case by name.
const CASES: [(&str, Case); 14] = [
    ("a batch is appended at the revision that is expected", |log| Box::pin(appending::at_a_revision(log))),
    ("another revision is refused, whether lower or higher", |log| Box::pin(appending::conflicts(log))),
    ("everything in a batch reads back as it was", |log| Box::pin(appending::reads_back(log))),
    ("a batch offered again is not stored again", |log| Box::pin(appending::offered_again(log))),
    ("batches up to the limit are taken whole, larger ones refused", |log| Box::pin(appending::large(log))),
    ("a closed store takes nothing", |log| Box::pin(appending::closed(log))),
    ("writers of different streams do not disturb each other", |log| Box::pin(writers::interleaved(log))),
    ("of writers at the same revision one wins", |log| Box::pin(writers::race(log))),
    ("who catches up has what was acknowledged to others", |log| Box::pin(writers::catch_up(log))),
    ("all who open the log have the same positions and chain", |log| Box::pin(writers::same_chain(log))),
    ("a feed from any position has order and no gaps", |log| Box::pin(feeding::from_any_position(log))),
    ("a feed goes on with what others append", |log| Box::pin(feeding::live(log))),
    ("everything acknowledged is there after a restart", |log| Box::pin(outages::restart(log))),
    ("a batch whose acknowledgement is lost is there once", |log| {
        Box::pin(outages::lost_acknowledgements(log))
    }),
];

/// Runs all cases, each on an empty log.
///
/// # Panics
/// When one does not hold.
pub async fn run_all(world: &mut dyn World) {
    for (name, case) in CASES {
        println!("{}: {name}", world.name());
        let mut log = world.empty_log().await;
        case(&mut *log).await;
        log.close().await;
    }
}
