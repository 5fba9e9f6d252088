//! The seats of a show: status, revision and owner of each, with counts per row and zone kept in step.
//!
//! 12 bytes a seat. Every change goes through [`Seats::change`], so that the counts can't drift.

use std::sync::Arc;

use crate::plan::{SeatIndex, Seating};
use crate::show::events::SeatRevision;

/// What a seat is to a buyer.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum SeatStatus {
    /// May be held.
    Available = 0,
    /// Set aside for a buyer.
    Held = 1,
    /// Has a live ticket.
    Sold = 2,
    /// Taken out of sale by the organiser.
    Blocked = 3,
}

/// One seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    /// Count of events that touched it.
    pub(super) revision: u32,
    /// Of a sold seat: its ticket's index.
    pub(super) ticket: u32,
    /// What it is to a buyer.
    pub(super) status: SeatStatus,
}

impl Seat {
    const NEW: Self = Self { revision: 0, ticket: 0, status: SeatStatus::Available };
}

/// How many seats of a zone are in each status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ZoneCounts {
    by_status: [u32; 4],
}

impl ZoneCounts {
    /// Seats in that status.
    pub fn of(&self, status: SeatStatus) -> u32 {
        self.by_status[status as usize]
    }
}

/// All seats of a show.
#[derive(Debug, Clone)]
pub(super) struct Seats {
    seating: Arc<Seating>,
    seats: Vec<Seat>,
    zones: Vec<ZoneCounts>,
    available_in_row: Vec<u32>,
    /// Per zone: no seat before this one is available, so that general admission need not search. In a zone of
    /// numbered seats, where nobody asks, it is not moved on.
    first_available: Vec<u32>,
}

impl Seats {
    pub(super) fn new(seating: Arc<Seating>) -> Self {
        let sizes = seating
            .zone_spans()
            .iter()
            .map(|zone| ZoneCounts { by_status: [zone.end - zone.first, 0, 0, 0] });
        Self {
            zones: sizes.collect(),
            available_in_row: seating.row_spans().iter().map(|row| row.end - row.first).collect(),
            first_available: seating.zone_spans().iter().map(|zone| zone.first).collect(),
            seats: vec![Seat::NEW; seating.seat_count()],
            seating,
        }
    }

    pub(super) fn seating(&self) -> &Arc<Seating> {
        &self.seating
    }

    pub(super) fn get(&self, seat: SeatIndex) -> Option<Seat> {
        self.seats.get(seat.as_usize()).copied()
    }

    pub(super) fn is_available(&self, seat: u32) -> bool {
        self.seats[seat as usize].status == SeatStatus::Available
    }

    pub(super) fn available_in_row(&self, row: u32) -> u32 {
        self.available_in_row[row as usize]
    }

    pub(super) fn zone_counts(&self) -> &[ZoneCounts] {
        &self.zones
    }

    /// The first available places of a zone, `quantity` at most.
    pub(super) fn first_available_in(
        &self,
        zone: u32,
        quantity: usize,
    ) -> impl Iterator<Item = SeatIndex> + '_ {
        let end = self.seating.zone_spans()[zone as usize].end;
        let free = (self.first_available[zone as usize]..end).filter(|&seat| self.is_available(seat));
        free.take(quantity).map(SeatIndex)
    }

    /// The seat's revision after one more event.
    pub(super) fn next_revision(&self, seat: SeatIndex) -> SeatRevision {
        SeatRevision { seat, revision: self.seats[seat.as_usize()].revision + 1 }
    }

    /// Sets status, revision and ticket of a seat. A seat that the plan does not have is passed over: folding never fails.
    pub(super) fn change(&mut self, to: SeatRevision, status: SeatStatus, ticket: u32) {
        let Some(seat) = self.seats.get_mut(to.seat.as_usize()) else { return };
        let before = std::mem::replace(seat, Seat { revision: to.revision, ticket, status }).status;
        if before == status {
            return;
        }
        let row = self.seating.row_of(to.seat) as usize;
        let zone = self.seating.row_spans()[row].zone as usize;
        self.zones[zone].by_status[before as usize] -= 1;
        self.zones[zone].by_status[status as usize] += 1;
        if status == SeatStatus::Available {
            self.available_in_row[row] += 1;
            self.first_available[zone] = self.first_available[zone].min(to.seat.0);
        } else if before == SeatStatus::Available {
            self.available_in_row[row] -= 1;
            if self.first_available[zone] == to.seat.0 && self.seating.zone_spans()[zone].general {
                self.skip_taken(zone);
            }
        }
    }

    fn skip_taken(&mut self, zone: usize) {
        let end = self.seating.zone_spans()[zone].end;
        while self.first_available[zone] < end && !self.is_available(self.first_available[zone]) {
            self.first_available[zone] += 1;
        }
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = Seat> + '_ {
        self.seats.iter().copied()
    }
}
