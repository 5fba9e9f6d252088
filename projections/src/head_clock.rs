//! When the log reached which position, as seen from here: how old is what a projection does not have yet.
//!
//! Bounded: past its capacity every other sample is forgotten, so that old times become coarser and never wrong by more than
//! the distance of two samples.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ticketflow_event_store::{EventStore, Position};

/// Samples kept, 16 bytes each.
const CAPACITY: usize = 4_096;
/// No finer than this: a busy log moves thousands of times a second.
const RESOLUTION: Duration = Duration::from_millis(5);

/// When the log reached which position.
pub(crate) struct HeadClock {
    store: EventStore,
    samples: Mutex<VecDeque<(Position, Instant)>>,
}

impl HeadClock {
    /// What the log has already is as old as this call.
    pub(crate) fn new(store: EventStore) -> Arc<Self> {
        let samples = VecDeque::from([(store.log().head().position, Instant::now())]);
        Arc::new(Self { store, samples: Mutex::new(samples) })
    }

    /// Watches the head from here on. To be called within a Tokio runtime.
    pub(crate) fn start(self: &Arc<Self>) {
        let clock = Arc::downgrade(self);
        let mut head = self.store.log().subscribe_head();
        tokio::spawn(async move {
            while head.changed().await.is_ok() {
                let position = head.borrow_and_update().position;
                let Some(clock) = clock.upgrade() else { return };
                note(&mut clock.samples(), position, Instant::now());
            }
        });
    }

    fn samples(&self) -> MutexGuard<'_, VecDeque<(Position, Instant)>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far the log is.
    pub(crate) fn head(&self) -> Position {
        self.store.log().head().position
    }

    /// Age of the first event after `position`; zero at the head. While the event store cannot be heard, something may have
    /// happened since the last that was heard of it.
    pub(crate) fn age_after(&self, position: Position) -> Duration {
        let unheard = self.store.cut_off_for().unwrap_or_default();
        if self.head() <= position {
            return unheard;
        }
        let samples = self.samples();
        let after = samples.partition_point(|&(reached, _)| reached <= position);
        // Between two samples the later event is not noted yet: it is younger than the last one.
        samples.get(after).or(samples.back()).map_or(Duration::ZERO, |(_, at)| at.elapsed()).max(unheard)
    }
}

fn note(samples: &mut VecDeque<(Position, Instant)>, position: Position, now: Instant) {
    if samples.back().is_some_and(|&(_, at)| now.duration_since(at) < RESOLUTION) {
        return;
    }
    if samples.len() == CAPACITY {
        let mut keep = false;
        samples.retain(|_| {
            keep = !keep;
            keep
        });
    }
    samples.push_back((position, now));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_stay_bounded_in_order_and_span_the_whole_time() {
        let start = Instant::now();
        let mut samples = VecDeque::new();
        for step in 0..20_000_u32 {
            note(&mut samples, u64::from(step), start + RESOLUTION * step);
        }
        assert!(samples.len() <= CAPACITY);
        assert!(samples.iter().is_sorted());
        assert_eq!((samples[0], samples.back().unwrap().0), ((0, start), 19_999));
    }

    #[test]
    fn a_busy_log_is_noted_now_and_then() {
        let start = Instant::now();
        let mut samples = VecDeque::new();
        for step in 0..100 {
            note(&mut samples, step, start + RESOLUTION / 10 * step as u32);
        }
        assert_eq!(samples.len(), 10);
    }
}
