//! How much of whole seat maps is sent in a second: so much that selling keeps its share of the machine.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// What all readers of whole maps get in a second at most: a line of 10 Gbit/s, and about a third of what two cores can send.
const BYTES_PER_SECOND: u64 = 1 << 30;
/// What may be sent at once after a pause, in time at that rate.
const BURST: Duration = Duration::from_millis(250);
/// How long a reader waits for its turn at most.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(2);

/// Shares out what may be sent in a second.
#[derive(Default)]
pub struct Pace {
    /// When everything reserved so far is sent.
    free_at: Mutex<Option<Instant>>,
}

/// Room reserved for an answer; given back if dropped before the answer is on its way.
pub(super) struct Turn<'a> {
    pace: &'a Pace,
    takes: Duration,
    /// How long to wait for it.
    pub(super) wait: Duration,
}

impl Pace {
    /// Reserves room for so many bytes. `None`, and nothing reserved, where the wait for it would be too long.
    pub(super) fn reserve(&self, bytes: u64, now: Instant) -> Option<Turn<'_>> {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = free_at.unwrap_or(now).max(now);
        let wait = begins.saturating_duration_since(now + BURST);
        if wait > MAX_WAIT {
            return None;
        }
        let takes = Duration::from_nanos(bytes * 1_000_000_000 / BYTES_PER_SECOND);
        *free_at = Some(begins + takes);
        Some(Turn { pace: self, takes, wait })
    }
}

impl Turn<'_> {
    /// The answer is on its way.
    pub(super) fn taken(mut self) {
        self.takes = Duration::ZERO;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut free_at = self.pace.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        *free_at = free_at.and_then(|at| at.checked_sub(self.takes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_get_a_burst_then_the_rate_and_past_the_longest_wait_nothing() {
        let (pace, now) = (Pace::default(), Instant::now());
        let sends = |megabytes: u64, at: Instant| {
            pace.reserve(megabytes << 20, at).map(|turn| {
                let wait = turn.wait;
                turn.taken();
                wait
            })
        };
        // A burst and the one that crosses it go at once.
        assert_eq!(sends(256, now), Some(Duration::ZERO));
        assert_eq!(sends(1024, now), Some(Duration::ZERO));
        assert_eq!(sends(1024, now), Some(Duration::from_secs(1)));
        assert_eq!(sends(1, now), Some(Duration::from_secs(2)));
        assert_eq!(sends(1, now), None);
        // Refusals take no room, and time gives it back.
        let a_quarter_later = now + Duration::from_millis(250);
        let one_megabyte = Duration::from_nanos(976_562);
        assert_eq!(sends(1, a_quarter_later), Some(Duration::from_millis(1_750) + one_megabyte));
        assert_eq!(sends(1, now + Duration::from_secs(60)), Some(Duration::ZERO));
    }

    #[test]
    fn a_reader_that_goes_away_gives_its_room_back() {
        let (pace, now) = (Pace::default(), Instant::now());
        pace.reserve(1 << 30, now).expect("a free pace").taken();
        let waits = |turn: Option<Turn<'_>>| turn.map(|turn| turn.wait);
        let expected = Some(Duration::from_millis(750));
        for _ in 0..5 {
            assert_eq!(waits(pace.reserve(1 << 30, now)), expected);
        }
    }
}
