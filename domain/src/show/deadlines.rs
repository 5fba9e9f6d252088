//! Which of some numbered things is due next: a list of their numbers in order of time.
//!
//! Nearly all deadlines of a show come in order, since all its holds last equally long, and a clock that was set back goes on
//! from where it is. So the place of a new one is looked for from the one added last, and mostly found beside it: adding takes
//! as long as the way between the two times, which is long once when the clock is set. Removing takes no looking, and leaves
//! nothing behind. 16 bytes a number.

use crate::time::Timestamp;

/// No number: no list of deadlines is that long.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Link {
    at: Timestamp,
    before: u32,
    after: u32,
}

/// Numbers in order of time; of equal times the one added first. Invariant: a number is in the list at most once.
#[derive(Debug, Clone)]
pub(super) struct Deadlines {
    /// By number. Those that are not in the list keep what they were.
    links: Vec<Link>,
    first: u32,
    /// The one added last; where that was removed, one that stood beside it.
    near: u32,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { links: Vec::new(), first: NONE, near: NONE }
    }
}

impl Deadlines {
    /// Adds a number, which must not be in the list.
    pub(super) fn add(&mut self, number: u32, at: Timestamp) {
        let mut before = self.near;
        while let Some(link) = self.link(before)
            && link.at > at
        {
            before = link.before;
        }
        while let Some(link) = self.link(self.after(before))
            && link.at <= at
        {
            before = self.after(before);
        }
        let link = Link { at, before, after: self.after(before) };
        let index = number as usize;
        if index >= self.links.len() {
            self.links.resize(index + 1, link);
        }
        self.links[index] = link;
        self.join(before, number);
        self.join(number, link.after);
        self.near = number;
    }

    /// Removes a number, which must be in the list.
    pub(super) fn remove(&mut self, number: u32) {
        let Some(&Link { before, after, .. }) = self.link(number) else { return };
        self.join(before, after);
        if self.near == number {
            self.near = if before == NONE { after } else { before };
        }
    }

    /// The first deadline.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.link(self.first).map(|link| link.at)
    }

    /// The numbers that are due by that time, in order.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = u32> {
        let due = move |number: u32| self.link(number).filter(|link| link.at <= now).map(|_| number);
        std::iter::successors(due(self.first), move |&number| due(self.after(number)))
    }

    fn link(&self, number: u32) -> Option<&Link> {
        self.links.get(number as usize)
    }

    fn after(&self, before: u32) -> u32 {
        self.link(before).map_or(self.first, |link| link.after)
    }

    /// Makes one the neighbour of the other; `NONE` stands for the end of the list.
    fn join(&mut self, before: u32, after: u32) {
        match self.links.get_mut(before as usize) {
            Some(link) => link.after = after,
            None => self.first = after,
        }
        if let Some(link) = self.links.get_mut(after as usize) {
            link.before = before;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    /// Adds and removes at random, at the times that `clock` gives for a step and a random number.
    fn compare_with_a_sorted_map(seed: u64, clock: impl Fn(u64, u64) -> i64) {
        let (mut deadlines, mut sorted, mut of_number) =
            (Deadlines::default(), BTreeMap::new(), HashMap::new());
        let mut random = seed;
        for step in 0..20_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (random >> 33) as u32 % 300;
            if let Some(key) = of_number.remove(&number) {
                deadlines.remove(number);
                sorted.remove(&key);
            } else {
                let at = Timestamp::from_millis(clock(step, random >> 20));
                deadlines.add(number, at);
                sorted.insert((at, step), number);
                of_number.insert(number, (at, step));
            }
            assert_eq!(deadlines.first(), sorted.keys().next().map(|(at, _)| *at));
            if step % 100 == 0 {
                let half = sorted.keys().nth(sorted.len() / 2).map_or(Timestamp::from_millis(0), |key| key.0);
                let due: Vec<u32> = deadlines.due(half).collect();
                let expected = sorted.iter().take_while(|((at, _), _)| *at <= half);
                assert_eq!(due, expected.map(|(_, number)| *number).collect::<Vec<_>>(), "step {step}");
            }
        }
        let all: Vec<u32> = deadlines.due(Timestamp::from_millis(i64::MAX)).collect();
        assert_eq!(all, sorted.into_values().collect::<Vec<_>>());
    }

    #[test]
    fn numbers_are_in_order_whatever_the_clock_does() {
        compare_with_a_sorted_map(1, |step, _| step as i64 / 3);
        compare_with_a_sorted_map(2, |step, _| if step < 10_000 { step as i64 } else { step as i64 - 9_000 });
        compare_with_a_sorted_map(3, |_, random| random as i64 % 1_000);
        compare_with_a_sorted_map(4, |step, _| -(step as i64));
    }
}
