//! Trace ids: taken over from a caller's W3C `traceparent`, made up otherwise.
//!
//! Invariant: a `TraceId` is always 32 lower-case hexadecimal digits, so it needs no escaping anywhere.
//! Trace ids are names, not secrets: the generator is fast and well seeded, not cryptographic.

use std::cell::Cell;
use std::fmt;

use http::HeaderValue;

const TRACE_ID_LENGTH: usize = 32;
/// Length of `00-<trace id>-<parent id>-<flags>`; later versions may append fields after another dash.
const TRACEPARENT_LENGTH: usize = 55;

/// The id under which one request is found in answers, logs and traces: 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; TRACE_ID_LENGTH]);

impl TraceId {
    /// A fresh id.
    #[must_use]
    pub fn generate() -> Self {
        let [high, low] = next_random_pair();
        let mut text = [0; TRACE_ID_LENGTH];
        write_hexadecimal(&mut text[..16], high);
        write_hexadecimal(&mut text[16..], low);
        Self(text)
    }

    /// The trace id of a `traceparent` header, or `None` when the header is not valid by W3C Trace Context.
    #[must_use]
    pub fn from_traceparent(header: &[u8]) -> Option<Self> {
        if header.len() < TRACEPARENT_LENGTH
            || [header[2], header[35], header[52]] != [b'-'; 3]
            || !header[..TRACEPARENT_LENGTH]
                .iter()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
        {
            return None;
        }
        match (&header[..2], header.get(TRACEPARENT_LENGTH)) {
            (b"ff", _) | (b"00", Some(_)) => return None,
            (_, Some(byte)) if *byte != b'-' => return None,
            _ => {}
        }
        let text: [u8; TRACE_ID_LENGTH] = header[3..35].try_into().ok()?;
        let parent = &header[36..52];
        let is_hexadecimal = |bytes: &[u8]| !bytes.contains(&b'-');
        let is_zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == b'0');
        (is_hexadecimal(&header[..2])
            && is_hexadecimal(&text)
            && is_hexadecimal(parent)
            && is_hexadecimal(&header[53..TRACEPARENT_LENGTH])
            && !is_zero(&text)
            && !is_zero(parent))
        .then_some(Self(text))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are ASCII")
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.0).expect("hexadecimal digits are visible ASCII")
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

fn write_hexadecimal(text: &mut [u8], number: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.chunks_exact_mut(2).zip(number.to_be_bytes()) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

thread_local! {
    static GENERATOR: Cell<[u64; 4]> = Cell::new(seed());
}

fn seed() -> [u64; 4] {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).expect("the kernel's random source answers once it is seeded");
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = u64::from_le_bytes(chunk.try_into().expect("chunks of eight bytes"));
    }
    // The generator below stays at zero for ever when its whole state is zero.
    words[0] |= 1;
    words
}

fn next_random_pair() -> [u64; 2] {
    GENERATOR.with(|generator| {
        let mut state = generator.get();
        let pair = [next_random(&mut state), next_random(&mut state)];
        generator.set(state);
        pair
    })
}

/// One step of xoshiro256++ (Blackman and Vigna, public domain).
fn next_random(state: &mut [u64; 4]) -> u64 {
    let result = state[0].wrapping_add(state[3]).rotate_left(23).wrapping_add(state[0]);
    let shifted = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= shifted;
    state[3] = state[3].rotate_left(45);
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_are_distinct_lower_case_hexadecimal() {
        let ids: std::collections::HashSet<_> = (0..10_000).map(|_| TraceId::generate()).collect();
        assert_eq!(ids.len(), 10_000);
        for id in ids {
            assert_eq!(id.as_str().len(), 32);
            assert!(id.as_str().bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')));
        }
    }

    #[test]
    fn traceparent_is_taken_only_when_valid() {
        let taken = |header: &str| TraceId::from_traceparent(header.as_bytes());
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let id = taken(good).expect("the example of the standard");
        assert_eq!(id.as_str(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(taken(&good.replacen("00-", "cc-", 1)), Some(id));
        assert_eq!(taken(&format!("{}-more", good.replacen("00-", "cc-", 1))), Some(id));
        for bad in [
            "",
            "00",
            &good[..54],
            &format!("{good}-more"),
            &format!("{}x", good.replacen("00-", "cc-", 1)),
            &good.replacen("00-", "ff-", 1),
            &good.to_uppercase(),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6-3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0-",
            "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        ] {
            assert_eq!(taken(bad), None, "{bad}");
        }
    }
}
