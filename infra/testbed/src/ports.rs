//! Free ports for servers that keep theirs across restarts.
//!
//! Below the range from which the system takes ports for outgoing connections, so that none of those takes a server's port
//! while it is down. Two processes that look at the same time look in different places.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::TestbedError;

const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

/// A port that nobody listens on, given once in this process.
///
/// # Errors
/// [`TestbedError::NoPort`].
pub fn free_port() -> Result<u16, TestbedError> {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    // Neighbouring process ids start far from each other.
    let start = std::process::id().wrapping_mul(0x9E37_79B9) >> 16;
    for _ in 0..COUNT {
        let step = TAKEN.fetch_add(1, Ordering::Relaxed);
        let port = (FIRST + start.wrapping_add(step) % COUNT) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(TestbedError::NoPort)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_given_once() {
        let ports: std::collections::HashSet<u16> = (0..100).map(|_| free_port().expect("a port")).collect();
        assert_eq!(ports.len(), 100);
        let port = *ports.iter().next().expect("some");
        drop(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("it is free"));
    }
}
