//! Log-linear histogram of latencies in nanoseconds: constant memory, about 0.8 % relative error, no allocation.

/// Linear steps inside each power of two; 128 keeps the error below one percent.
const STEPS: u64 = 128;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// Enough buckets for every 64-bit value.
const BUCKETS: usize = ((64 - STEP_BITS as usize) + 1) * STEPS as usize;

/// Counts of values by size.
#[derive(Clone)]
pub struct Histogram {
    counts: Box<[u64]>,
    total: u64,
    largest: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into_boxed_slice(), total: 0, largest: 0 }
    }
}

impl Histogram {
    /// Adds one value.
    pub fn record(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.total += 1;
        self.largest = self.largest.max(value);
    }

    /// How many values were added.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The largest value, exact.
    pub fn max(&self) -> u64 {
        self.largest
    }

    /// The value that `per_mille` of 1,000 values do not exceed (500 is the median); zero when empty.
    pub fn quantile(&self, per_mille: u64) -> u64 {
        let wanted = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return upper_end(index).min(self.largest);
            }
        }
        self.largest
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.counts.fill(0);
        self.total = 0;
        self.largest = 0;
    }
}

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let shift = 63 - value.leading_zeros() - STEP_BITS;
    (u64::from(shift + 1) * STEPS + ((value >> shift) - STEPS)) as usize
}

/// Largest value that falls into a bucket.
fn upper_end(index: usize) -> u64 {
    let index = index as u64;
    if index < STEPS {
        return index;
    }
    let shift = index / STEPS - 1;
    let low = (STEPS + index % STEPS) << shift;
    low + ((1_u64 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded::Seeded;

    #[test]
    fn quantiles_are_within_one_percent_of_the_exact_ones() {
        let mut random = Seeded::new(1);
        let mut histogram = Histogram::default();
        let mut exact: Vec<u64> = (0..10_000).map(|_| random.next_u64() >> random.below(60)).collect();
        for value in &exact {
            histogram.record(*value);
        }
        exact.sort_unstable();
        for per_mille in [1, 500, 900, 990, 999, 1000] {
            let index = (exact.len() * per_mille).div_ceil(1000).max(1) - 1;
            let (real, told) = (exact[index], histogram.quantile(per_mille as u64));
            assert!(told >= real && told - real <= real / 100 + 1, "{per_mille}: {told} for {real}");
        }
        assert_eq!(histogram.max(), exact[exact.len() - 1]);
    }

    #[test]
    fn the_extremes_fit_and_an_empty_histogram_answers_zero() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(990), 0);
        histogram.record(0);
        histogram.record(u64::MAX);
        assert_eq!((histogram.quantile(1), histogram.quantile(1000)), (0, u64::MAX));
        histogram.clear();
        assert_eq!((histogram.count(), histogram.max()), (0, 0));
    }
}
