//! Request bytes, built once and patched in place: the hot path writes two fixed-width fields into a copy.

use std::io::Write;

use crate::buyer::Buyer;
use crate::plan::{Plan, SEAT_NAME_LENGTH, Show};
use crate::seeded::Seeded;

/// Width of an idempotency key: eight hexadecimal digits of the run, sixteen of a counter.
const KEY_LENGTH: usize = 24;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// Gives every request of a run its own idempotency key.
pub(crate) struct Keys {
    run: u64,
    count: u64,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self { run: Seeded::fresh_seed(), count: 0 }
    }

    /// Writes the next key over `target`.
    fn write_next(&mut self, target: &mut [u8]) {
        self.count += 1;
        write_hex(self.run, &mut target[..8]);
        write_hex(self.count, &mut target[8..KEY_LENGTH]);
    }
}

fn write_hex(mut value: u64, target: &mut [u8]) {
    for place in target.iter_mut().rev() {
        *place = HEX[(value & 15) as usize];
        value >>= 4;
    }
}

/// The hold of one seat of one show.
pub(crate) struct HoldRequest {
    bytes: Vec<u8>,
    key_at: usize,
    seat_at: usize,
    plan: Plan,
}

impl HoldRequest {
    pub(crate) fn new(show: &Show) -> Self {
        let body = format!("{{\"seats\":[\"{}\"]}}", "s".repeat(SEAT_NAME_LENGTH));
        let start =
            format!("POST /v1/shows/{}/holds HTTP/1.1\r\nHost: ticketflow\r\nIdempotency-Key: ", show.id);
        let bytes = format!(
            "{start}{}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            "k".repeat(KEY_LENGTH),
            body.len()
        )
        .into_bytes();
        Self { key_at: start.len(), seat_at: bytes.len() - SEAT_NAME_LENGTH - 3, bytes, plan: show.plan }
    }

    /// Writes the request for the seat with this index.
    pub(crate) fn write(&self, seat: usize, keys: &mut Keys, request: &mut Vec<u8>) {
        request.clear();
        request.extend_from_slice(&self.bytes);
        keys.write_next(&mut request[self.key_at..self.key_at + KEY_LENGTH]);
        self.plan.write_seat_name(seat, &mut request[self.seat_at..self.seat_at + SEAT_NAME_LENGTH]);
    }
}

/// A read of a show's seat map.
pub(crate) fn seat_map_request(show: &Show, map: Map) -> Vec<u8> {
    let (query, header) = match map {
        Map::Compact => ("?format=compact", ""),
        Map::Whole => ("", ""),
        Map::WholeCompressed => ("", "Accept-Encoding: gzip\r\n"),
    };
    format!("GET /v1/shows/{}/seats{query} HTTP/1.1\r\nHost: ticketflow\r\n{header}\r\n", show.id)
        .into_bytes()
}

/// Which seat map is read.
#[derive(Clone, Copy)]
pub(crate) enum Map {
    /// Two bits a seat.
    Compact,
    /// JSON.
    Whole,
    /// JSON, as a reader gets it that takes gzip.
    WholeCompressed,
}

/// A hold as its answer named it; the buffers are reused.
#[derive(Default)]
pub(crate) struct HeldSeats {
    pub(crate) show: usize,
    pub(crate) hold_id: String,
    pub(crate) hold_token: String,
}

impl HeldSeats {
    /// Takes id and token from a hold's answer; false when they are missing.
    pub(crate) fn take(&mut self, show: usize, body: &[u8]) -> bool {
        use crate::http::json_text;
        let (Some(hold_id), Some(hold_token)) = (json_text(body, "hold_id"), json_text(body, "hold_token"))
        else {
            return false;
        };
        self.show = show;
        self.hold_id.clear();
        self.hold_id.push_str(hold_id);
        self.hold_token.clear();
        self.hold_token.push_str(hold_token);
        true
    }
}

/// Writes purchases and releases of holds.
pub(crate) struct HoldEnding {
    keys: Keys,
    body: Vec<u8>,
}

impl HoldEnding {
    pub(crate) fn new() -> Self {
        Self { keys: Keys::new(), body: Vec::with_capacity(256) }
    }

    /// Writes the purchase of a hold by a buyer.
    pub(crate) fn write_purchase(
        &mut self,
        show: &Show,
        held: &HeldSeats,
        buyer: &Buyer,
        request: &mut Vec<u8>,
    ) {
        self.body.clear();
        let written = write!(
            self.body,
            "{{\"buyer\":{{\"rut\":\"{}\",\"name\":\"{}\",\"email\":\"{}\"}},\
             \"payment\":{{\"method\":\"card\",\"token\":\"tok_approved\"}}}}",
            buyer.rut, buyer.name, buyer.email
        );
        written.expect("a vector takes every byte");
        self.write(request, "POST", show, held, "/purchase");
    }

    /// Writes the release of a hold.
    pub(crate) fn write_release(&mut self, show: &Show, held: &HeldSeats, request: &mut Vec<u8>) {
        self.body.clear();
        self.write(request, "DELETE", show, held, "");
    }

    fn write(&mut self, request: &mut Vec<u8>, method: &str, show: &Show, held: &HeldSeats, tail: &str) {
        let mut key = [0_u8; KEY_LENGTH];
        self.keys.write_next(&mut key);
        request.clear();
        let written = write!(
            request,
            "{method} /v1/shows/{}/holds/{}{tail} HTTP/1.1\r\nHost: ticketflow\r\nHold-Token: {}\r\nIdempotency-Key: {}\r\n",
            show.id,
            held.hold_id,
            held.hold_token,
            std::str::from_utf8(&key).expect("hexadecimal digits are text"),
        );
        written.expect("a vector takes every byte");
        if !self.body.is_empty() {
            request.extend_from_slice(b"Content-Type: application/json\r\n");
        }
        write!(request, "Content-Length: {}\r\n\r\n", self.body.len()).expect("a vector takes every byte");
        request.extend_from_slice(&self.body);
    }
}

/// Hands out every seat of a list of shows once, show after show.
pub(crate) struct SeatSupply {
    shows: Vec<Show>,
    show: usize,
    seat: usize,
}

impl SeatSupply {
    pub(crate) fn new(shows: Vec<Show>) -> Self {
        Self { shows, show: 0, seat: 0 }
    }

    /// The next show and seat index, or nothing when all are used.
    pub(crate) fn take(&mut self) -> Option<(usize, usize)> {
        let seats = self.shows.get(self.show)?.plan.seats();
        let taken = (self.show, self.seat);
        self.seat += 1;
        if self.seat == seats {
            self.seat = 0;
            self.show += 1;
        }
        Some(taken)
    }

    /// The show whose seats are being handed out; the last one at the end.
    pub(crate) fn current(&self) -> usize {
        self.show.min(self.shows.len().saturating_sub(1))
    }

    pub(crate) fn shows(&self) -> &[Show] {
        &self.shows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show() -> Show {
        Show { id: "01SHOW".to_owned(), plan: Plan::with_seats(200, 1000).expect("valid") }
    }

    #[test]
    fn a_patched_hold_is_a_well_formed_request() {
        let hold = HoldRequest::new(&show());
        let (mut keys, mut request) = (Keys::new(), Vec::new());
        hold.write(101, &mut keys, &mut request);
        let first = String::from_utf8(request.clone()).expect("text");
        let (head, body) = first.split_once("\r\n\r\n").expect("head and body");
        assert!(head.starts_with("POST /v1/shows/01SHOW/holds HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("Content-Length: {}", body.len())), "{head}");
        let parsed: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(parsed["seats"][0], "P-R101-101");
        hold.write(101, &mut keys, &mut request);
        assert_ne!(first.as_bytes(), request, "every request has its own key");
    }

    #[test]
    fn a_purchase_names_hold_token_and_buyer() {
        let mut held = HeldSeats::default();
        assert!(held.take(0, br#"{"hold_id":"01H","hold_token":"secret","position":3}"#));
        assert!(!HeldSeats::default().take(0, b"{}"));
        let mut request = Vec::new();
        HoldEnding::new().write_purchase(&show(), &held, &Buyer::numbered(3), &mut request);
        let text = String::from_utf8(request).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("head and body");
        assert!(head.starts_with("POST /v1/shows/01SHOW/holds/01H/purchase HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("Hold-Token: secret\r\n"), "{head}");
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())), "{head}");
        let parsed: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(parsed["buyer"]["email"], "buyer3@example.com");
    }

    #[test]
    fn every_seat_is_handed_out_once() {
        let mut supply = SeatSupply::new(vec![show(), show()]);
        let mut taken = std::collections::HashSet::new();
        while let Some(seat) = supply.take() {
            assert!(taken.insert(seat));
        }
        assert_eq!((taken.len(), supply.current()), (400, 1));
    }
}
