//! The best free seats for a party: side by side, nearest the focal point, leaving no single seat alone.
//!
//! A ladder, relaxed step by step: one row without orphans; one row; then, unless the party insists on sitting
//! together, as few blocks as possible, later blocks near the first, nobody alone where it can be helped.

use std::ops::Range;

use smallvec::SmallVec;

use super::seats::Seats;
use crate::plan::{Point, SeatIndex};

/// Seats found, in plan order within each block.
pub(super) type Found = SmallVec<[SeatIndex; 4]>;

/// The best `quantity` available seats of the numbered zones among `zones`; none when the ladder ends.
pub(super) fn best_available(
    seats: &Seats,
    zones: Range<u32>,
    quantity: u32,
    together: bool,
) -> Option<Found> {
    let search = Search { seats, zones };
    let focal = seats.seating().plan().focal_point;
    let one_row = [Orphans::Avoid, Orphans::Allow]
        .into_iter()
        .find_map(|orphans| search.best_block(quantity, orphans, focal, &Found::new()));
    match one_row {
        Some(first) => Some(block(first, quantity).collect()),
        None if together => None,
        None => search.few_blocks(quantity),
    }
}

fn block(first: u32, size: u32) -> impl Iterator<Item = SeatIndex> {
    (first..first + size).map(SeatIndex)
}

/// Whether a block may leave a single free seat beside it.
#[derive(Clone, Copy, PartialEq)]
enum Orphans {
    Avoid,
    Allow,
}

struct Search<'a> {
    seats: &'a Seats,
    zones: Range<u32>,
}

impl Search<'_> {
    /// Rows of the numbered zones searched with at least that many free seats, the one nearest to the focal point first.
    fn rows(&self, at_least: u32) -> impl Iterator<Item = (u32, Range<u32>)> + '_ {
        let seating = self.seats.seating();
        seating.rows_nearest_first().iter().filter_map(move |&row| {
            let span = seating.row_spans()[row as usize];
            let general = seating.zone_spans()[span.zone as usize].general;
            let fits =
                !general && self.zones.contains(&span.zone) && self.seats.available_in_row(row) >= at_least;
            fits.then_some((row, span.first..span.end))
        })
    }

    /// The first seat of the block of `size` neighbours in one row that is nearest to `anchor`.
    fn best_block(&self, size: u32, orphans: Orphans, anchor: Point, taken: &Found) -> Option<u32> {
        let seating = self.seats.seating();
        let free = |seat: u32| self.seats.is_available(seat) && !taken.contains(&SeatIndex(seat));
        let mut best: Option<(i64, u32)> = None;
        for (row, seats) in self.rows(size) {
            let at_least = seating.row_distance_at_least(row, anchor) * i64::from(size);
            if best.is_some_and(|(score, _)| at_least > score) {
                continue;
            }
            for run in runs(seats, &free) {
                for first in windows(&run, size, orphans) {
                    let score = block(first, size).map(|seat| seating.distance_between(seat, anchor)).sum();
                    if best.is_none_or(|found| (score, first) < found) {
                        best = Some((score, first));
                    }
                }
            }
        }
        best.map(|(_, first)| first)
    }

    /// Length of the longest stretch of free neighbours, `most` at most.
    fn longest_run(&self, most: u32) -> u32 {
        let free = |seat: u32| self.seats.is_available(seat);
        let mut longest = 0;
        for (_, seats) in self.rows(1) {
            let runs = runs(seats, &free).map(|run| run.end - run.start);
            longest = longest.max(runs.max().unwrap_or(0));
            if longest >= most {
                return most;
            }
        }
        longest
    }

    /// Splits the party: the largest block that can be had, then the rest near it.
    fn few_blocks(&self, quantity: u32) -> Option<Found> {
        let seating = self.seats.seating();
        let mut found = Found::new();
        let mut anchor = seating.plan().focal_point;
        // Free seats only become fewer on the way, so a size that was not to be had is not tried again.
        let mut most = self.longest_run(quantity);
        while (found.len() as u32) < quantity {
            let rest = quantity - found.len() as u32;
            let (first, size) = block_sizes(rest).find_map(|size| {
                if size > most {
                    return None;
                }
                let with = |orphans| self.best_block(size, orphans, anchor, &found);
                let first = with(Orphans::Avoid).or_else(|| with(Orphans::Allow));
                if first.is_none() {
                    most = size - 1;
                }
                Some((first?, size))
            })?;
            if found.is_empty() {
                anchor = seating.position(SeatIndex(first + size / 2));
            }
            found.extend(block(first, size));
        }
        Some(found)
    }
}

/// Sizes to try for the next block, largest first; one that would leave a single person over comes after the next smaller.
fn block_sizes(rest: u32) -> impl Iterator<Item = u32> {
    let lonely = rest.saturating_sub(1);
    let swap = lonely > 2;
    (1..=rest).rev().map(move |size| match size {
        _ if swap && size == lonely => lonely - 1,
        _ if swap && size == lonely - 1 => lonely,
        _ => size,
    })
}

/// The stretches of free neighbours within a row.
fn runs(row: Range<u32>, free: &impl Fn(u32) -> bool) -> impl Iterator<Item = Range<u32>> {
    let mut next = row.start;
    std::iter::from_fn(move || {
        while next < row.end && !free(next) {
            next += 1;
        }
        let start = next;
        while next < row.end && free(next) {
            next += 1;
        }
        (start < next).then_some(start..next)
    })
}

/// First seats of the blocks of `size` that fit into a run.
fn windows(run: &Range<u32>, size: u32, orphans: Orphans) -> impl Iterator<Item = u32> + use<> {
    let (start, end) = (run.start, run.end);
    let last = (end + 1).saturating_sub(size);
    (start..last.max(start)).filter(move |first| {
        let (left, right) = (first - start, end - (first + size));
        orphans == Orphans::Allow || (left != 1 && right != 1)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::events::SeatRevision;
    use super::super::seats::SeatStatus;
    use super::*;
    use crate::money::Currency;
    use crate::plan::{PlanSpec, Seating};

    /// Rows of free (`.`) and taken (`x`) seats, the first row nearest to the stage.
    fn theatre(rows: &[&str]) -> Seats {
        let row = |(index, row): (usize, &&str)| {
            let label = char::from(b'A' + index as u8).to_string();
            serde_json::json!({"label": label, "seats": row.len()})
        };
        let specs: Vec<_> = rows.iter().enumerate().map(row).collect();
        let spec: PlanSpec =
            serde_json::from_value(serde_json::json!({"zones": [{"name": "P", "price": 1, "rows": specs}]}))
                .unwrap();
        let seating = Arc::new(Seating::new(spec.check(Currency::CLP).unwrap()));
        let mut seats = Seats::new(seating);
        for (index, state) in rows.concat().chars().enumerate() {
            if state == 'x' {
                let seat = SeatRevision { seat: SeatIndex(index as u32), revision: 1 };
                seats.change(seat, SeatStatus::Held, 0);
            }
        }
        seats
    }

    fn best(rows: &[&str], quantity: u32, together: bool) -> Option<Vec<String>> {
        let seats = theatre(rows);
        let found = best_available(&seats, 0..1, quantity, together)?;
        Some(found.iter().map(|&seat| seats.seating().place(seat).to_string()).collect())
    }

    #[test]
    fn the_middle_of_the_front_row_comes_first() {
        assert_eq!(best(&["......", "......"], 2, true).unwrap(), ["P-A-3", "P-A-4"]);
    }

    #[test]
    fn no_single_seat_is_left_alone_while_there_is_another_way() {
        assert_eq!(best(&["x...x", "....."], 2, true).unwrap(), ["P-B-1", "P-B-2"], "A would leave one seat");
        assert_eq!(best(&["x...x"], 2, true).unwrap(), ["P-A-2", "P-A-3"], "no other way");
    }

    #[test]
    fn together_means_one_row_or_nothing() {
        assert_eq!(best(&["..x..", "x..x."], 3, true), None);
        assert_eq!(best(&["..x..", "x..x."], 3, false).unwrap().len(), 3);
    }

    #[test]
    fn a_split_party_leaves_nobody_alone_where_it_can_be_helped() {
        assert_eq!(
            best(&["...xx", "..xxx", "..xxx"], 4, false).unwrap(),
            ["P-B-1", "P-B-2", "P-C-1", "P-C-2"]
        );
    }

    #[test]
    fn every_free_seat_can_be_sold() {
        assert_eq!(best(&[".x.x."], 3, false).unwrap().len(), 3);
        assert_eq!(best(&[".x.x."], 4, false), None);
    }
}
