//! From what a buyer asks for to the seats that a hold gets: all of them, or the reason why not.

use smallvec::SmallVec;

use super::MAX_SEATS_PER_HOLD;
use super::best_available::best_available;
use super::commands::Selection;
use super::rejection::Rejection;
use super::seats::{SeatStatus, Seats};
use crate::plan::SeatIndex;

/// Seats of one hold, in the order asked for.
pub(super) type Chosen = SmallVec<[SeatIndex; 4]>;

/// The available seats that the selection asks for.
pub(super) fn choose(seats: &Seats, selection: &Selection) -> Result<Chosen, Rejection> {
    match selection {
        Selection::Named { seats: names, expected_revisions } => named(seats, names, expected_revisions),
        Selection::BestAvailable { zone, quantity, together } => {
            check_quantity(*quantity as usize, MAX_SEATS_PER_HOLD)?;
            best(seats, zone.as_deref(), *quantity, *together)
        }
        Selection::General { zone, quantity } => {
            check_quantity(*quantity as usize, MAX_SEATS_PER_HOLD)?;
            general(seats, zone, *quantity)
        }
    }
}

fn check_quantity(quantity: usize, most: usize) -> Result<(), Rejection> {
    match quantity {
        0 => Err(Rejection::NoSeat),
        _ if quantity > most => Err(Rejection::TooManySeats { most }),
        _ => Ok(()),
    }
}

/// The seats of these names, each once, `most` at most.
pub(super) fn find_named(seats: &Seats, names: &[String], most: usize) -> Result<Chosen, Rejection> {
    check_quantity(names.len(), most)?;
    let mut found = Chosen::with_capacity(names.len());
    for name in names {
        found.push(seats.seating().find(name).ok_or_else(|| Rejection::SeatUnknown(name.clone()))?);
    }
    if found.len() > 1 {
        let mut sorted = found.clone();
        sorted.sort_unstable();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Rejection::SeatNamedTwice(seats.seating().place(pair[0]).to_string()));
        }
    }
    Ok(found)
}

fn named(seats: &Seats, names: &[String], expected: &[(String, u32)]) -> Result<Chosen, Rejection> {
    let found = find_named(seats, names, MAX_SEATS_PER_HOLD)?;
    for &seat in &found {
        let zone = seats.seating().zone_of(seat);
        if seats.seating().zone_spans()[zone as usize].general {
            return Err(Rejection::ZoneIsGeneral(seats.seating().zone(seat).name.clone()));
        }
    }
    let mut moved = Vec::new();
    for (name, revision) in expected {
        let seat = seats.seating().find(name).filter(|seat| found.contains(seat));
        let seat = seat.ok_or_else(|| Rejection::SeatUnknown(name.clone()))?;
        if seats.get(seat).is_some_and(|current| current.revision != *revision) {
            moved.push(seat);
        }
    }
    let taken = not_in(seats, &found, SeatStatus::Available);
    if !taken.is_empty() {
        return Err(Rejection::SeatsUnavailable(taken));
    }
    if moved.is_empty() { Ok(found) } else { Err(Rejection::SeatsMoved(moved)) }
}

/// Those of the seats that are not in that status.
pub(super) fn not_in(seats: &Seats, chosen: &[SeatIndex], status: SeatStatus) -> Vec<SeatIndex> {
    let other = |seat: &&SeatIndex| seats.get(**seat).is_none_or(|current| current.status != status);
    chosen.iter().filter(other).copied().collect()
}

fn best(seats: &Seats, zone: Option<&str>, quantity: u32, together: bool) -> Result<Chosen, Rejection> {
    let spans = seats.seating().zone_spans();
    let zones = match zone {
        None => 0..spans.len() as u32,
        Some(name) => {
            let index =
                seats.seating().zone_named(name).ok_or_else(|| Rejection::ZoneUnknown(name.to_owned()))?;
            if spans[index as usize].general {
                return Err(Rejection::ZoneIsGeneral(name.to_owned()));
            }
            index..index + 1
        }
    };
    let numbered = zones.clone().filter(|&zone| !spans[zone as usize].general);
    let available = numbered.map(|zone| seats.zone_counts()[zone as usize].of(SeatStatus::Available)).sum();
    if available < quantity {
        return Err(Rejection::NotEnoughSeats { available });
    }
    best_available(seats, zones, quantity, together).ok_or(Rejection::NotTogether { quantity })
}

fn general(seats: &Seats, zone: &str, quantity: u32) -> Result<Chosen, Rejection> {
    let index = seats.seating().zone_named(zone).ok_or_else(|| Rejection::ZoneUnknown(zone.to_owned()))?;
    if !seats.seating().zone_spans()[index as usize].general {
        return Err(Rejection::ZoneIsNumbered(zone.to_owned()));
    }
    let available = seats.zone_counts()[index as usize].of(SeatStatus::Available);
    if available < quantity {
        return Err(Rejection::NotEnoughSeats { available });
    }
    Ok(seats.first_available_in(index, quantity as usize).collect())
}
