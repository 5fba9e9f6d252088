//! The whole seat map as text: megabytes for a stadium, which must not cost the buyers their turn.
//!
//! It is rendered by one reader at a time and shared by all who ask within a moment, compressed where they take that, away
//! from the threads that answer buyers; and no more of it is sent in a second than leaves room for selling.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, VARY};
use http::{HeaderMap, HeaderValue};
use ticketflow_domain::plan::{RowSpan, SeatNumber, Seating};
use ticketflow_domain::show::{SeatStatus, ShowInfo};
use ticketflow_domain::{Currency, SeatIndex};
use ticketflow_event_store::Position;
use ticketflow_http::{Problem, is_known, not_modified};
use tokio::time::Instant;

use super::UNAVAILABLE;
use super::catalogue::etag;
use crate::seat_map::{RenderedMap, SeatMap, SeatMapView};

/// How old a rendered map may be when it is handed to the next reader; its position says how old it is.
const SHARED_FOR: Duration = Duration::from_millis(100);
/// A seat as text, about.
const SEAT_BYTES: usize = 140;
/// What all readers of whole maps get in a second at most: a line of 10 Gbit/s, and about a third of what two cores can send.
const BYTES_PER_SECOND: u64 = 1 << 30;
/// What may be sent at once after a pause, in time at that rate.
const BURST: Duration = Duration::from_millis(250);
/// How long a reader waits for its turn at most.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Answers with the whole map, of `at_least` that position.
pub(super) async fn answer(
    map: Arc<SeatMap>,
    pace: &Pace,
    headers: &HeaderMap,
    at_least: Position,
) -> Result<Response, Problem> {
    let compressed = takes_gzip(headers);
    let mut rendered = shared(&map, at_least, compressed).await?;
    let variant = if compressed { "full-gzip" } else { "full" };
    let mut tag = etag(rendered.position, variant);
    if is_known(headers, &tag) {
        return Ok(not_modified(tag));
    }
    let wait = pace.reserve(rendered.body(compressed).len() as u64, Instant::now());
    let wait = wait.ok_or(UNAVAILABLE.detail("too many read whole seat maps now"))?;
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
        rendered = shared(&map, at_least, compressed).await?;
        tag = etag(rendered.position, variant);
    }
    let body = rendered.body(compressed).clone();
    let mut response = ([(CONTENT_TYPE, "application/json")], body).into_response();
    let headers = response.headers_mut();
    if compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    headers.insert(ETAG, tag);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

/// Whether the client says that it takes gzip (RFC 9110, 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_ok_and(|weight| weight > 0.0)
    })
}

/// Shares out what may be sent in a second.
#[derive(Default)]
pub struct Pace {
    /// When everything reserved so far is sent.
    free_at: Mutex<Option<Instant>>,
}

impl Pace {
    /// Reserves room for so many bytes and says how long to wait for it. `None`, and nothing reserved, where that is too long.
    fn reserve(&self, bytes: u64, now: Instant) -> Option<Duration> {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begins = free_at.unwrap_or(now).max(now);
        let wait = begins.saturating_duration_since(now + BURST);
        if wait > MAX_WAIT {
            return None;
        }
        *free_at = Some(begins + Duration::from_nanos(bytes * 1_000_000_000 / BYTES_PER_SECOND));
        Some(wait)
    }
}

impl RenderedMap {
    fn body(&self, compressed: bool) -> &Bytes {
        self.gzip.as_ref().filter(|_| compressed).unwrap_or(&self.json)
    }
}

/// A shared rendering that is young enough and has what the reader asks for, or a new one.
async fn shared(map: &Arc<SeatMap>, at_least: Position, compressed: bool) -> Result<RenderedMap, Problem> {
    let mut shared = map.rendered.lock().await;
    let young = shared.take().filter(|rendered| {
        rendered.at.elapsed() < SHARED_FOR && rendered.position >= at_least.min(map.summary().position)
    });
    let rendered = match young {
        Some(rendered) if !compressed || rendered.gzip.is_some() => rendered,
        young => {
            let rendering = map.clone();
            let rendering = tokio::task::spawn_blocking(move || {
                let mut rendered = young.unwrap_or_else(|| rendered(&rendering));
                if compressed {
                    rendered.gzip = Some(gzip(&rendered.json));
                }
                rendered
            });
            let rendered = rendering.await.map_err(|_| UNAVAILABLE.detail("the server is stopping"))?;
            forget_later(map.clone(), rendered.at);
            rendered
        }
    };
    *shared = Some(rendered.clone());
    Ok(rendered)
}

fn rendered(map: &SeatMap) -> RenderedMap {
    let at = Instant::now();
    let view = map.view();
    RenderedMap { at, position: view.position, json: Bytes::from(render(&map.info, &view)), gzip: None }
}

/// Drops a rendering that is too old to be shared: a map that nobody reads keeps no text.
fn forget_later(map: Arc<SeatMap>, at: Instant) {
    tokio::spawn(async move {
        tokio::time::sleep_until(at + SHARED_FOR).await;
        let mut shared = map.rendered.lock().await;
        if shared.as_ref().is_some_and(|rendered| rendered.at == at) {
            *shared = None;
        }
    });
}

fn gzip(json: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 16), Compression::fast());
    encoder.write_all(json).expect("a vector takes all bytes");
    Bytes::from(encoder.finish().expect("a vector takes all bytes"))
}

/// The whole map as JSON, written by hand: what is the same along a row is quoted once.
pub(super) fn render(info: &ShowInfo, view: &SeatMapView) -> Vec<u8> {
    let seating = &info.seating;
    let mut json = Vec::with_capacity(100 + seating.seat_count() * SEAT_BYTES);
    write!(json, "{{\"show_id\":\"{}\",\"position\":{},\"seats\":[", info.show_id, view.position)
        .expect("a vector takes all bytes");
    let mut digits = itoa::Buffer::new();
    let mut text = |number: u32, json: &mut Vec<u8>| json.extend_from_slice(digits.format(number).as_bytes());
    for span in seating.row_spans() {
        let row = QuotedRow::new(seating, span, info.currency);
        for seat in (span.first..span.end).map(SeatIndex) {
            json.extend_from_slice(if seat.0 > 0 { b"," } else { b"" });
            let (status, revision) = (view.compact.get(seat.as_usize()), view.revisions[seat.as_usize()]);
            let number = seating.place(seat).number;
            let mut number = |json: &mut Vec<u8>| match number {
                SeatNumber::Counted(number) => text(number, json),
                SeatNumber::Labelled(label) => json.extend_from_slice(bare(&quote(label)).as_bytes()),
            };
            json.extend_from_slice(row.start.as_bytes());
            number(&mut json);
            json.extend_from_slice(row.middle.as_bytes());
            number(&mut json);
            json.extend_from_slice(b"\",\"status\":\"");
            json.extend_from_slice(status_name(status).as_bytes());
            json.extend_from_slice(b"\",\"revision\":");
            text(revision, &mut json);
            json.extend_from_slice(row.end.as_bytes());
        }
    }
    json.extend_from_slice(b"]}");
    json
}

/// The parts of a seat's JSON that are the same along a row.
struct QuotedRow {
    start: String,
    middle: String,
    end: String,
}

impl QuotedRow {
    fn new(seating: &Seating, span: &RowSpan, currency: Currency) -> Self {
        let first = SeatIndex(span.first);
        let place = seating.place(first);
        let (zone, row) = (quote(place.zone), quote(place.row));
        Self {
            start: format!("{{\"seat\":\"{}-{}-", bare(&zone), bare(&row)),
            middle: format!("\",\"zone\":{zone},\"row\":{row},\"number\":\""),
            end: format!(",\"price\":{{\"amount\":{},\"currency\":\"{currency}\"}}}}", seating.price(first)),
        }
    }
}

fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("a text has a JSON form")
}

/// Without the quotes.
fn bare(quoted: &str) -> &str {
    &quoted[1..quoted.len() - 1]
}

/// As in the HTTP contract.
pub(super) fn status_name(status: SeatStatus) -> &'static str {
    match status {
        SeatStatus::Available => "available",
        SeatStatus::Held => "held",
        SeatStatus::Sold => "sold",
        SeatStatus::Blocked => "blocked",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_say_that_they_take_it() {
        let says = |value: &'static str| {
            takes_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]))
        };
        for yes in ["gzip", "br, gzip", "deflate,GZIP ;q=0.5", "gzip; q=1"] {
            assert!(says(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.000", "gzip;q=often", "x-gzip-like", "identity"] {
            assert!(!says(no), "{no}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn readers_get_a_burst_then_the_rate_and_past_the_longest_wait_nothing() {
        let (pace, now) = (Pace::default(), Instant::now());
        let megabytes = |count: u64| count << 20;
        // A burst and the one that crosses it go at once.
        assert_eq!(pace.reserve(megabytes(256), now), Some(Duration::ZERO));
        let quarter = Duration::from_millis(250);
        assert_eq!(pace.reserve(megabytes(1024), now), Some(Duration::ZERO));
        assert_eq!(pace.reserve(megabytes(1024), now), Some(Duration::from_secs(1)));
        assert_eq!(pace.reserve(megabytes(1), now), Some(Duration::from_secs(2)));
        assert_eq!(pace.reserve(megabytes(1), now), None);
        // Refusals take no room, and time gives it back.
        assert_eq!(
            pace.reserve(megabytes(1), now + quarter),
            Some(MAX_WAIT - quarter + Duration::from_nanos(976_562))
        );
        assert_eq!(pace.reserve(megabytes(1), now + Duration::from_secs(60)), Some(Duration::ZERO));
    }
}
