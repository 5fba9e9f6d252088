//! The pulse of selling: one hold after the other on a few shows, and the longest time without one that succeeded.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::http::Client;

/// A request that takes longer counts as failed.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);
/// Between two beats.
const PAUSE: Duration = Duration::from_millis(50);

/// When holds succeeded lately, over several shows.
#[derive(Default)]
pub(crate) struct Pulse {
    /// Per show: the last success, and the longest silence since it was last asked.
    shows: Mutex<Vec<(Instant, Duration)>>,
    stopping: AtomicBool,
    keys: AtomicU64,
}

impl Pulse {
    /// One show more to be watched; its number.
    pub(crate) fn add(&self) -> usize {
        let mut shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        shows.push((Instant::now(), Duration::ZERO));
        shows.len() - 1
    }

    /// Beats on a show with a seat of this name until stopped.
    pub(crate) fn beat(&self, number: usize, address: SocketAddr, show: &str, seat: &str) {
        let mut client = Client::new(address, ANSWER_WITHIN);
        let body = serde_json::json!({"seats": [seat]});
        while !self.stopping.load(Ordering::Relaxed) {
            let key = format!("pulse-{number}-{}", self.keys.fetch_add(1, Ordering::Relaxed));
            let path = format!("/v1/shows/{show}/holds");
            if let Ok(answer) = client.send("POST", &path, &[("idempotency-key", &key)], Some(&body))
                && answer.status == 201
            {
                self.succeeded(number);
                let held = answer.json();
                let text = |name: &str| held[name].as_str().unwrap_or_default().to_owned();
                let path = format!("{path}/{}", text("hold_id"));
                // A hold that could not be given back runs out by itself.
                let _ = client.send("DELETE", &path, &[("hold-token", &text("hold_token"))], None);
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn succeeded(&self, number: usize) {
        let mut shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, longest) = &mut shows[number];
        *longest = (*longest).max(last.elapsed());
        *last = Instant::now();
    }

    /// The longest time that a show was without a success since the last call, ongoing silences included.
    pub(crate) fn longest_silence(&self) -> Duration {
        let mut shows = self.shows.lock().unwrap_or_else(PoisonError::into_inner);
        let silence = shows.iter().map(|(last, longest)| (*longest).max(last.elapsed())).max();
        for (_, longest) in shows.iter_mut() {
            *longest = Duration::ZERO;
        }
        silence.unwrap_or_default()
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}
