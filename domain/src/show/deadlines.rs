//! When live holds run out, the next one first.
//!
//! Nearly all holds of a show last equally long, so their deadlines come in order: a queue, not a tree. A hold that ends
//! early leaves its deadline behind; those are dropped when they come to the front, or all at once when they are the greater
//! part. Which deadlines still count is known to the holds alone, so the owner says it (`counts`).

use std::collections::VecDeque;

use crate::ids::HoldId;
use crate::time::Timestamp;

/// When a hold runs out.
pub(super) type Deadline = (Timestamp, HoldId);

/// So few deadlines that no longer count are never worth a sweep.
const SWEEP_FROM: usize = 64;

/// Deadlines in order. Invariant: the first one counts.
#[derive(Debug, Clone, Default)]
pub(super) struct Deadlines {
    queue: VecDeque<Deadline>,
    /// How many in the queue no longer count.
    dead: usize,
}

impl Deadlines {
    /// Adds a deadline that counts from now on.
    pub(super) fn add(&mut self, deadline: Deadline) {
        if self.queue.back().is_none_or(|last| last.0 <= deadline.0) {
            self.queue.push_back(deadline);
        } else {
            let at = self.queue.partition_point(|other| other.0 <= deadline.0);
            self.queue.insert(at, deadline);
        }
    }

    /// To be called after a deadline in the queue ceased to count.
    pub(super) fn one_ended(&mut self, counts: impl Fn(&Deadline) -> bool) {
        self.dead += 1;
        while let Some(first) = self.queue.front()
            && self.dead > 0
            && !counts(first)
        {
            self.queue.pop_front();
            self.dead -= 1;
        }
        if self.dead >= SWEEP_FROM && self.dead * 2 > self.queue.len() {
            self.queue.retain(counts);
            self.dead = 0;
        }
    }

    /// The first deadline that counts.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.queue.front().map(|(at, _)| *at)
    }

    /// All deadlines in order; the owner leaves out those that no longer count.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Deadline> {
        self.queue.iter()
    }
}

impl FromIterator<Deadline> for Deadlines {
    fn from_iter<I: IntoIterator<Item = Deadline>>(deadlines: I) -> Self {
        let mut deadlines: Vec<Deadline> = deadlines.into_iter().collect();
        deadlines.sort_unstable();
        Self { queue: deadlines.into(), dead: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_first_that_counts_is_always_in_front() {
        let (mut deadlines, mut live) = (Deadlines::default(), BTreeSet::new());
        let mut random = 12_345_u64;
        for step in 0..20_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if random >> 62 == 0 && !live.is_empty() {
                let nth = (random >> 20) as usize % live.len();
                let ended: Deadline = *live.iter().nth(nth).unwrap();
                live.remove(&ended);
                deadlines.one_ended(|deadline| live.contains(deadline));
            } else if live.len() < 300 {
                // Mostly in order, now and then the clock is set back.
                let at = if step % 50 == 0 { step / 2 } else { step };
                let deadline =
                    (Timestamp::from_millis(at as i64), HoldId::from_bytes(u128::from(step).to_be_bytes()));
                live.insert(deadline);
                deadlines.add(deadline);
            }
            assert_eq!(deadlines.first(), live.first().map(|(at, _)| *at));
            assert!(deadlines.queue.len() <= live.len() * 2 + SWEEP_FROM);
        }
        let left: Vec<Deadline> =
            deadlines.iter().filter(|deadline| live.contains(*deadline)).copied().collect();
        assert_eq!(left.len(), live.len());
        assert!(left.is_sorted_by_key(|(at, _)| *at));
    }
}
