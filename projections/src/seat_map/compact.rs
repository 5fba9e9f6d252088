//! Seat statuses at 2 bits a seat: the compact format of the HTTP contract.
//!
//! Seat i is in byte i/4 at bits (i%4)*2, least significant first: 0 available, 1 held, 2 sold, 3 blocked.

use ticketflow_domain::show::SeatStatus;

const STATUSES: [SeatStatus; 4] =
    [SeatStatus::Available, SeatStatus::Held, SeatStatus::Sold, SeatStatus::Blocked];

/// The statuses of all seats of a show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactMap {
    bytes: Vec<u8>,
    seats: usize,
}

impl CompactMap {
    /// Of a show nobody has touched.
    pub fn all_available(seats: usize) -> Self {
        Self { bytes: vec![0; seats.div_ceil(4)], seats }
    }

    /// How many seats.
    pub fn len(&self) -> usize {
        self.seats
    }

    /// Whether there is no seat.
    pub fn is_empty(&self) -> bool {
        self.seats == 0
    }

    /// The status of a seat.
    pub fn get(&self, seat: usize) -> SeatStatus {
        STATUSES[usize::from(self.bytes[seat / 4] >> (seat % 4 * 2) & 3)]
    }

    /// Sets the status of a seat and gives the one before.
    pub fn set(&mut self, seat: usize, status: SeatStatus) -> SeatStatus {
        let before = self.get(seat);
        let (byte, shift) = (&mut self.bytes[seat / 4], seat % 4 * 2);
        *byte = *byte & !(3 << shift) | (status as u8) << shift;
        before
    }

    /// The packed bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The packed bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_seats_share_a_byte_and_do_not_mix() {
        let mut map = CompactMap::all_available(6);
        assert_eq!(map.set(1, SeatStatus::Held), SeatStatus::Available);
        map.set(2, SeatStatus::Sold);
        map.set(5, SeatStatus::Blocked);
        assert_eq!(map.set(1, SeatStatus::Blocked), SeatStatus::Held);
        let statuses: Vec<u8> = (0..6).map(|seat| map.get(seat) as u8).collect();
        assert_eq!(statuses, [0, 3, 2, 0, 0, 3]);
        assert_eq!(map.into_bytes(), [0b0010_1100, 0b0000_1100]);
    }
}
