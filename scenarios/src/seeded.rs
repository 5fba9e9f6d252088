//! Repeatable randomness: one seed gives one sequence, on every machine.
//!
//! Not for secrets. Every report prints the seed that it ran with, so that a failure can be run again.

/// A small generator (SplitMix64): 64 bits of state, no allocation, good enough to choose seats and moments.
#[derive(Clone, Debug)]
pub struct Seeded {
    state: u64,
}

impl Seeded {
    /// A generator that always gives the same sequence for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// An own sequence for one of many users of the same seed (a client, a cycle).
    pub fn branch(seed: u64, branch: u64) -> Self {
        let mut parent = Self::new(seed ^ branch.wrapping_mul(0xd6e8_feb8_6659_fd93));
        Self::new(parent.next_u64())
    }

    /// A seed nobody chose, for runs without one.
    pub fn fresh_seed() -> u64 {
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
        // Short enough to be typed again by hand.
        u64::from_le_bytes(bytes) % 1_000_000_000
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; zero when `limit` is zero.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 {
            return 0;
        }
        ((u128::from(self.next_u64()) * limit as u128) >> 64) as usize
    }

    /// True `percent` times in a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_sequence_and_branches_differ() {
        let draw = |mut random: Seeded| (0..50).map(|_| random.below(1000)).collect::<Vec<_>>();
        assert_eq!(draw(Seeded::new(7)), draw(Seeded::new(7)));
        assert_ne!(draw(Seeded::branch(7, 1)), draw(Seeded::branch(7, 2)));
        assert!(draw(Seeded::new(7)).iter().all(|value| *value < 1000));
    }
}
