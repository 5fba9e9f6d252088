//! Load generator: workloads, the loop that drives them, and the baseline they are compared with.
//!
//! One thread, no allocation per request, request bytes patched in place: it shares two cores with the server it
//! measures, so every microsecond it spends is one the server does not get. Its own CPU share is in every report.

mod baseline;
mod connection;
mod driver;
mod floor;
mod histogram;
mod holds;
mod hot_seat;
mod one_connection;
mod options;
mod process;
mod purchases;
mod recorder;
mod replicated;
mod requests;

pub use baseline::{Baseline, BaselineOptions, BaselineReport, PgbenchLine, baseline, beside_baseline};
pub use floor::{Floor, measure as measure_floor};
pub use histogram::Histogram;
pub use holds::{BesideReadersReport, holds, holds_beside_readers, seat_map};
pub use hot_seat::{HotSeatReport, hot_seat};
pub use one_connection::{OneConnectionReport, one_connection};
pub use options::{LoadOptions, parse_address};
pub use process::{ProcessSample, own_cpu_time, sample as sample_process};
pub use purchases::{FillReport, SoakReport, fill, purchases, soak};
pub use recorder::{LaneReport, RunReport, ServerUse};
pub use replicated::{ReplicatedOptions, ReplicatedReport, replicated};
