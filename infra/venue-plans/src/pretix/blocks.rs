//! A pretix row cut into blocks of real neighbours: one category, no aisle in between.
//!
//! Every seat of the row is in exactly one block, in the order of their places.

use super::schema::{Place, Row, Seat};

/// A gap this many times the row's usual distance is an aisle.
const AISLE_FACTOR: f64 = 1.8;
/// Sorting has to shorten the way along the seats by this factor to be the better order.
const DISORDER_FACTOR: f64 = 1.5;
/// Seats of one block: as many points as a row's path may have.
const LARGEST_BLOCK: usize = 2_000;

/// A seat with its place on the whole plan, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) seat: &'a Seat,
    pub(super) place: Place,
}

/// The blocks of a row.
pub(super) struct Blocks<'a> {
    pub(super) blocks: Vec<Vec<Placed<'a>>>,
    /// Whether the listed order was not the order of the places.
    pub(super) sorted: bool,
}

/// Cuts a row whose origin is given.
pub(super) fn blocks(row: &Row, origin: Place) -> Blocks<'_> {
    let mut seats: Vec<Placed<'_>> =
        row.seats.iter().map(|seat| Placed { seat, place: origin + seat.position }).collect();
    let sorted = sort_if_better(&mut seats);
    let widest = usual_distance(&seats).map_or(f64::INFINITY, |usual| usual * AISLE_FACTOR);
    let mut blocks: Vec<Vec<Placed<'_>>> = Vec::new();
    for seat in seats {
        let joins = |block: &&mut Vec<Placed<'_>>| {
            block.len() < LARGEST_BLOCK
                && block.last().is_some_and(|last| {
                    last.seat.category == seat.seat.category && last.place.distance(seat.place) <= widest
                })
        };
        match blocks.last_mut().filter(joins) {
            Some(block) => block.push(seat),
            None => blocks.push(vec![seat]),
        }
    }
    Blocks { blocks, sorted }
}

/// The lower median of the distances between neighbours that do not coincide.
fn usual_distance(seats: &[Placed<'_>]) -> Option<f64> {
    let distances = seats.windows(2).map(|pair| pair[0].place.distance(pair[1].place));
    median(distances.filter(|&distance| distance > 0.0).collect())
}

/// The lower median.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len().checked_sub(1)? / 2).copied()
}

fn sort_if_better(seats: &mut Vec<Placed<'_>>) -> bool {
    let extent = |value: fn(&Placed<'_>) -> f64| {
        let (least, most) = seats
            .iter()
            .map(value)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), at| (least.min(at), most.max(at)));
        most - least
    };
    let along: fn(&Placed<'_>) -> f64 = if extent(|seat| seat.place.x) >= extent(|seat| seat.place.y) {
        |seat| seat.place.x
    } else {
        |seat| seat.place.y
    };
    let mut other = seats.clone();
    other.sort_by(|one, two| along(one).total_cmp(&along(two)));
    let better = way(seats) > way(&other) * DISORDER_FACTOR;
    if better {
        *seats = other;
    }
    better
}

fn way(seats: &[Placed<'_>]) -> f64 {
    seats.windows(2).map(|pair| pair[0].place.distance(pair[1].place)).sum()
}

#[cfg(test)]
mod tests {
    use super::super::schema::Label;
    use super::*;

    fn cut(seats: &[(&str, f64, &str)]) -> (Vec<Vec<String>>, bool) {
        let seat = |&(number, x, category): &(&str, f64, &str)| Seat {
            seat_number: Label::Text(number.into()),
            position: Place { x, y: 0.0 },
            category: category.into(),
        };
        let row = Row {
            row_number: Label::Number(1),
            position: Place::default(),
            row_label: None,
            seat_label: None,
            seats: seats.iter().map(seat).collect(),
        };
        let cut = blocks(&row, Place::default());
        let numbers =
            |block: &Vec<Placed<'_>>| block.iter().map(|at| at.seat.seat_number.to_string()).collect();
        (cut.blocks.iter().map(numbers).collect(), cut.sorted)
    }

    #[test]
    fn a_row_ends_at_an_aisle_and_where_the_category_changes() {
        let row = [("1", 0.0, "x"), ("2", 30.0, "x"), ("3", 90.0, "x"), ("4", 120.0, "y"), ("5", 150.0, "x")];
        assert_eq!(cut(&row).0, [vec!["1", "2"], vec!["3"], vec!["4"], vec!["5"]]);
    }

    #[test]
    fn odd_and_even_numbers_are_put_side_by_side_by_their_place() {
        let row = [("1", 0.0, "x"), ("3", 60.0, "x"), ("2", 30.0, "x"), ("5", 120.0, "x"), ("4", 90.0, "x")];
        assert_eq!(cut(&row), (vec![["1", "2", "3", "4", "5"].map(String::from).to_vec()], true));
    }

    #[test]
    fn seats_on_one_spot_stay_one_block() {
        assert_eq!(cut(&[("1", 5.0, "x"), ("2", 5.0, "x"), ("3", 5.0, "x")]).0.len(), 1);
    }
}
