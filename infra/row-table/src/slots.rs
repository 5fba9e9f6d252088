//! Rows that come and go: each has a number while it is there, and the number of one that went is given to another.
//!
//! Memory follows the most rows that were there at once. Rows lie in chunks, so that no insertion copies the whole.

use crate::rows::Rows;

/// Rows that come and go.
#[derive(Debug, Clone)]
pub struct Slots<T> {
    rows: Rows<Option<T>>,
    /// Numbers without a row, the next one to be given last.
    free: Vec<u32>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { rows: Rows::new(), free: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// The number that the next row gets.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        self.free.last().copied().unwrap_or_else(|| self.rows.next_number())
    }

    /// Adds a row and gives its number.
    pub fn insert(&mut self, row: T) -> u32 {
        let Some(number) = self.free.pop() else { return self.rows.push(Some(row)) };
        self.rows[number] = Some(row);
        number
    }

    /// Adds an empty row, to be filled where it is, and gives its number.
    pub fn insert_empty(&mut self) -> (u32, &mut T)
    where
        T: Default,
    {
        let number = self.insert(T::default());
        (number, self.rows[number].as_mut().expect("it was just inserted"))
    }

    /// Takes a row out.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        let row = self.rows.get_mut(number)?.take()?;
        self.free.push(number);
        Some(row)
    }

    /// A row.
    #[must_use]
    pub fn get(&self, number: u32) -> Option<&T> {
        self.rows.get(number)?.as_ref()
    }

    /// A row, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.rows.get_mut(number)?.as_mut()
    }

    /// All rows, in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.rows.iter().flatten()
    }
}

impl<T> IntoIterator for Slots<T> {
    type Item = T;
    type IntoIter = std::iter::Flatten<<Rows<Option<T>> as IntoIterator>::IntoIter>;

    fn into_iter(self) -> Self::IntoIter {
        self.rows.into_iter().flatten()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn rows_are_found_by_number_and_numbers_are_given_again() {
        let (mut slots, mut expected) = (Slots::default(), HashMap::new());
        let mut random = 1_u64;
        for row in 0..50_000_u64 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let expected_number = slots.next_number();
            let number = match row % 2 {
                0 => slots.insert(row),
                _ => {
                    let (number, place) = slots.insert_empty();
                    *place = row;
                    number
                }
            };
            assert_eq!(number, expected_number);
            assert_eq!(expected.insert(number, row), None, "the number was free");
            let other = (random >> 40) as u32 % 3_000;
            assert_eq!(slots.get(other).copied(), expected.get(&other).copied());
            assert_eq!(slots.remove(other), expected.remove(&other));
            assert_eq!(slots.remove(other), None);
        }
        assert!(slots.rows.iter().count() < 10_000, "numbers are used again");
        let mut rows: Vec<u64> = expected.into_values().collect();
        rows.sort_unstable();
        let mut kept: Vec<u64> = slots.iter().copied().collect();
        kept.sort_unstable();
        assert_eq!(kept, rows);
        assert_eq!(slots.into_iter().count(), rows.len());
    }
}
