//! Progress of long work: a bar on a terminal, a line now and then elsewhere. Always on standard error.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// Between two lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// A look at the clock or a bar costs as much as folding some events, so only every so many calls take one.
const CALLS_PER_LOOK: u32 = 256;

/// The progress of one piece of work.
pub(crate) struct Progress {
    calls: u32,
    bar: Option<ProgressBar>,
    what: &'static str,
    total: u64,
    last_line: Instant,
}

impl Progress {
    /// Of work with `total` steps of any kind.
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}");
            ProgressBar::new(total).with_style(style.expect("the template is valid")).with_message(what)
        });
        Self { calls: 0, bar, what, total, last_line: Instant::now() }
    }

    /// So much is done.
    pub(crate) fn set(&mut self, done: u64, total: u64) {
        self.total = total;
        self.calls = self.calls.wrapping_add(1);
        if self.calls.is_multiple_of(CALLS_PER_LOOK) {
            self.show(done, total);
        }
    }

    /// So much is done, for work that says so a few times a second.
    pub(crate) fn show(&mut self, done: u64, total: u64) {
        self.total = total;
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
        } else if self.last_line.elapsed() >= LINE_INTERVAL {
            self.last_line = Instant::now();
            eprintln!("{}: {} %", self.what, done * 100 / total.max(1));
        }
    }

    /// The work is done.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}
