//! The rows: numbered in order of insertion, in chunks of which only the first may move while it grows.
//!
//! Numbers are 32 bits and wrap; at no time may so many rows be kept that they meet. Rows that belong together can be kept
//! as neighbours of one slice, at the price of a few unused numbers at the end of a chunk.

use std::collections::VecDeque;
use std::ops::{Index, IndexMut};

/// Rows per chunk: large enough that the list of chunks stays short, small enough to waste little. Divides 2^32.
pub const CHUNK_ROWS: usize = 1 << CHUNK_BITS;
const CHUNK_BITS: u32 = 10;
/// Chunk numbers wrap here.
const CHUNK_MASK: u32 = u32::MAX >> CHUNK_BITS;

/// A growing list of rows.
#[derive(Debug, Clone)]
pub struct Rows<T> {
    chunks: VecDeque<Vec<T>>,
    /// Number of the first chunk that is kept.
    first_chunk: u32,
    /// Room that the first chunk begins with.
    first_capacity: usize,
}

impl<T> Default for Rows<T> {
    fn default() -> Self {
        Self { chunks: VecDeque::new(), first_chunk: 0, first_capacity: 0 }
    }
}

impl<T> Rows<T> {
    /// No rows. The first chunk grows as needed, so that many tables stay small.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No rows, and none will ever be moved: for secrets, of which growing would leave copies behind.
    #[must_use]
    pub fn in_whole_chunks() -> Self {
        Self { first_capacity: CHUNK_ROWS, ..Self::default() }
    }

    /// Adds a row and gives its number.
    pub fn push(&mut self, row: T) -> u32 {
        let number = self.next_number();
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK_ROWS => chunk.push(row),
            _ => self.begin_chunk().push(row),
        }
        number
    }

    /// Adds rows as neighbours, which [`Rows::run`] gives as one slice. Gives the number of the first and how many were
    /// added: of a run longer than [`CHUNK_ROWS`] only the first so many.
    pub fn push_run(&mut self, rows: impl ExactSizeIterator<Item = T>) -> (u32, usize) {
        let count = rows.len().min(CHUNK_ROWS);
        let room = self.chunks.back().map_or(0, |chunk| CHUNK_ROWS - chunk.len());
        if room < count || self.chunks.is_empty() {
            self.begin_chunk();
        }
        let number = self.next_number();
        let chunk = self.chunks.back_mut().expect("a chunk with room was just made sure of");
        chunk.extend(rows.take(count));
        (number, count)
    }

    #[cold]
    fn begin_chunk(&mut self) -> &mut Vec<T> {
        let capacity = if self.chunks.is_empty() { self.first_capacity } else { CHUNK_ROWS };
        self.chunks.push_back_mut(Vec::with_capacity(capacity))
    }

    /// The number that the next row gets if it is added by itself.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        let before = (self.chunks.len() as u32).saturating_sub(1);
        let used = self.chunks.back().map_or(0, Vec::len) as u32;
        (self.first_chunk.wrapping_add(before) << CHUNK_BITS).wrapping_add(used)
    }

    fn place(&self, number: u32) -> (usize, usize) {
        let chunk = (number >> CHUNK_BITS).wrapping_sub(self.first_chunk) & CHUNK_MASK;
        (chunk as usize, number as usize % CHUNK_ROWS)
    }

    /// A row.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        let (chunk, row) = self.place(number);
        self.chunks.get(chunk)?.get(row)
    }

    /// A row, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        let (chunk, row) = self.place(number);
        self.chunks.get_mut(chunk)?.get_mut(row)
    }

    /// Rows that were added as one run.
    ///
    /// # Panics
    /// When they were not.
    #[must_use]
    pub fn run(&self, first: u32, count: usize) -> &[T] {
        let (chunk, row) = self.place(first);
        if count == 0 { &[] } else { &self.chunks[chunk][row..row + count] }
    }

    /// Rows that were added as one run, to be changed.
    ///
    /// # Panics
    /// When they were not.
    #[must_use]
    pub fn run_mut(&mut self, first: u32, count: usize) -> &mut [T] {
        let (chunk, row) = self.place(first);
        if count == 0 { &mut [] } else { &mut self.chunks[chunk][row..row + count] }
    }

    /// All rows that are kept, in order of insertion.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flatten()
    }

    /// Forgets the chunks in which every row was added before that number.
    pub fn forget_before(&mut self, number: u32) {
        let (whole, _) = self.place(number);
        for _ in 0..whole.min(self.chunks.len().saturating_sub(1)) {
            self.chunks.pop_front();
            self.first_chunk = self.first_chunk.wrapping_add(1) & CHUNK_MASK;
        }
    }
}

impl<T> IntoIterator for Rows<T> {
    type Item = T;
    type IntoIter = std::iter::Flatten<std::collections::vec_deque::IntoIter<Vec<T>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.chunks.into_iter().flatten()
    }
}

impl<T> Index<u32> for Rows<T> {
    type Output = T;

    fn index(&self, number: u32) -> &T {
        self.get(number).expect("a row of that number is kept")
    }
}

impl<T> IndexMut<u32> for Rows<T> {
    fn index_mut(&mut self, number: u32) -> &mut T {
        self.get_mut(number).expect("a row of that number is kept")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_keep_their_numbers_across_chunks() {
        let mut rows = Rows::new();
        let numbers: Vec<u32> = (0..5_000).map(|row| rows.push(row)).collect();
        assert_eq!(numbers, (0..5_000).collect::<Vec<u32>>());
        rows[4_999] += 1;
        assert_eq!((rows[0], rows[1_024], rows[4_999], rows.get(5_000)), (0, 1_024, 5_000, None));
        assert_eq!(rows.iter().count(), 5_000);
        assert_eq!(rows.into_iter().nth(2_000), Some(2_000));
    }

    #[test]
    fn a_run_is_one_slice_and_the_same_runs_get_the_same_numbers() {
        let lengths: Vec<usize> = (0..2_000).map(|at| [1, 2, 4, 10, 0][at % 5]).collect();
        let fill = || {
            let mut rows = Rows::new();
            let firsts: Vec<u32> = lengths
                .iter()
                .enumerate()
                .map(|(at, &length)| {
                    let (first, count) =
                        rows.push_run((0..length).map(|_| at).collect::<Vec<_>>().into_iter());
                    assert_eq!(count, length);
                    first
                })
                .collect();
            (rows, firsts)
        };
        let (mut rows, firsts) = fill();
        for (at, (&first, &length)) in firsts.iter().zip(&lengths).enumerate() {
            assert_eq!(rows.run(first, length), vec![at; length], "run {at}");
            for number in first..first + length as u32 {
                assert_eq!(rows.get(number), Some(&at));
            }
        }
        rows.run_mut(firsts[1], 2)[1] = 7;
        assert_eq!(rows.run(firsts[1], 2), [1, 7]);
        assert_eq!(rows.iter().count(), lengths.iter().sum::<usize>());
        assert_eq!(fill().1, firsts);
    }

    #[test]
    fn of_a_run_longer_than_a_chunk_the_first_rows_are_kept() {
        let mut rows = Rows::new();
        rows.push(0);
        let (first, count) =
            rows.push_run((0..CHUNK_ROWS + 5).map(|row| row as u32).collect::<Vec<_>>().into_iter());
        assert_eq!((first, count), (CHUNK_ROWS as u32, CHUNK_ROWS));
        assert_eq!(rows.run(first, count).last(), Some(&(CHUNK_ROWS as u32 - 1)));
        assert_eq!(rows.push(7), 2 * CHUNK_ROWS as u32);
    }

    #[test]
    fn what_is_forgotten_makes_room_and_numbers_wrap() {
        let mut rows = Rows { first_chunk: CHUNK_MASK - 1, ..Rows::new() };
        let first = rows.push(0_u64);
        for row in 1..10_000_u64 {
            assert_eq!(rows.push(row), first.wrapping_add(row as u32));
            rows.forget_before(first.wrapping_add(row as u32).wrapping_sub(100).max(first));
        }
        for row in 9_900..10_000_u64 {
            assert_eq!(rows.get(first.wrapping_add(row as u32)), Some(&row));
        }
        assert_eq!(rows.get(first), None);
    }

    #[test]
    fn rows_in_whole_chunks_stay_where_they_are() {
        let mut rows = Rows::in_whole_chunks();
        let places: Vec<*const u32> = (0..3_000)
            .map(|row| {
                let number = rows.push(row);
                std::ptr::from_ref(&rows[number])
            })
            .collect();
        assert!((0..3_000).all(|number| std::ptr::eq(&rows[number], places[number as usize])));
    }

    #[test]
    fn forgetting_keeps_the_last_chunk_so_that_numbers_go_on() {
        let mut rows = Rows::new();
        for row in 0..CHUNK_ROWS {
            rows.push(row);
        }
        rows.forget_before(CHUNK_ROWS as u32);
        assert_eq!(rows.push(7), CHUNK_ROWS as u32);
    }
}
