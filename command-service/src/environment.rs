//! The ports to time and chance: what the deciding code may not fetch by itself.
//!
//! Real in production; a test or a simulator hands in its own clock.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use ticketflow_domain::Timestamp;

/// The time of decisions.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's.
    System,
    /// Set by hand, in milliseconds since 1970.
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Manual(millis) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
        }
    }
}

/// Random bytes fetched from the operating system at once; a system call per id would cost more than the decision.
const POOL_BYTES: usize = 4_096;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL_BYTES], used: POOL_BYTES }) };
}

struct Pool {
    bytes: [u8; POOL_BYTES],
    used: usize,
}

/// Unpredictable bytes from the operating system.
#[must_use]
pub fn random<const N: usize>() -> [u8; N] {
    const { assert!(N <= POOL_BYTES) };
    POOL.with_borrow_mut(|pool| {
        if pool.used + N > POOL_BYTES {
            getrandom::fill(&mut pool.bytes).expect("the operating system has randomness once it has booted");
            pool.used = 0;
        }
        let taken = &mut pool.bytes[pool.used..pool.used + N];
        let random = (&*taken).try_into().expect("a slice of N");
        // Handed out once: whoever reads this memory later learns nothing of ids given out before.
        taken.fill(0);
        pool.used += N;
        random
    })
}

/// The bytes of a fresh ULID: 48 bits of time, 80 of chance. An order's id is its owner's key to it, so all 80 bits are fresh.
#[must_use]
pub fn fresh_ulid(now: Timestamp) -> [u8; 16] {
    let mut bytes = [0; 16];
    let millis = u64::try_from(now.as_millis()).unwrap_or(0).to_be_bytes();
    bytes[..6].copy_from_slice(&millis[2..]);
    bytes[6..].copy_from_slice(&random::<10>());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_never_repeat() {
        let early = fresh_ulid(Timestamp::from_millis(1_000));
        let late = fresh_ulid(Timestamp::from_millis(2_000));
        assert!(early < late);
        let many: std::collections::HashSet<[u8; 16]> =
            (0..10_000).map(|_| fresh_ulid(Timestamp::from_millis(5))).collect();
        assert_eq!(many.len(), 10_000);
    }
}
