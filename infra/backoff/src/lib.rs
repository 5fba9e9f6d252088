//! How long to wait before the next try to reach a server: doubling, capped, with full jitter, so that many processes do
//! not come back at the same instant.

use std::time::Duration;

/// Upper bound of the first wait.
const FIRST: Duration = Duration::from_millis(50);
/// No wait is longer: a server that came back is noticed within that time.
const LONGEST: Duration = Duration::from_secs(5);

/// The waits of one series of failures.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait: evenly between nothing and the bound, which doubles.
    pub fn next_wait(&mut self) -> Duration {
        let mut random = [0; 4];
        // Without randomness the whole bound is waited for, which is right as well.
        let share = getrandom::fill(&mut random)
            .map_or(1.0, |()| f64::from(u32::from_le_bytes(random)) / f64::from(u32::MAX));
        self.bound().mul_f64(share)
    }

    fn bound(&mut self) -> Duration {
        let bound = FIRST.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX)).min(LONGEST);
        self.failures = (self.failures + 1).min(31);
        bound
    }

    /// It worked: the next failure is the first again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_to_the_longest_and_start_again_after_success() {
        let mut backoff = Backoff::default();
        let bounds: Vec<u128> = (0..9).map(|_| backoff.bound().as_millis()).collect();
        assert_eq!(bounds, [50, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        for _ in 0..100 {
            assert!(backoff.next_wait() <= LONGEST);
        }
        backoff.reset();
        assert!(backoff.next_wait() <= FIRST);
    }
}
