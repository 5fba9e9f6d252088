//! The whole seat map as text: megabytes for a stadium, which must not cost the buyers their turn.
//!
//! It is rendered by one reader at a time and shared by all who ask within a moment, compressed where they take that, away
//! from the threads that answer buyers; and no more of it is sent in a second than leaves room for selling.

use std::io::Write;
use std::sync::Arc;
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
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::UNAVAILABLE;
use super::catalogue::etag;
use super::pace::{MAX_WAIT, Pace};
use super::source::MapSource;
use crate::postgres::DatabaseError;
use crate::seat_map::{RenderedMap, SeatMapView};

/// How old a rendered map may be when it is handed to the next reader; its position says how old it is.
const SHARED_FOR: Duration = Duration::from_millis(100);
/// A seat as text, about.
const SEAT_BYTES: usize = 140;
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
/// Answers smaller than this go without waiting for a turn: selling does not notice them.
const SMALL_BYTES: usize = 256 << 10;
/// Renderings under way at once, of all shows: one core is left to the buyers.
static RENDERING: Semaphore = Semaphore::const_new(1);

/// What a reader asks for.
#[derive(Clone, Copy)]
pub(super) struct WholeMapRequest<'a> {
    /// None where nothing of the map is sent.
    pub(super) pace: Option<&'a Pace>,
    pub(super) headers: &'a HeaderMap,
    /// The answer is to have this position.
    pub(super) at_least: Position,
}

/// Why there is no answer.
pub(super) enum WholeMapError {
    /// The reader gets this.
    Refused(Problem),
    /// The map can be answered from elsewhere.
    Database(DatabaseError),
}

impl WholeMapError {
    /// Where there is no elsewhere.
    pub(super) fn into_problem(self) -> Problem {
        match self {
            Self::Refused(problem) => problem,
            Self::Database(_) => UNAVAILABLE,
        }
    }
}

impl From<Problem> for WholeMapError {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// Answers with the whole map, whose last event was at `position` a moment ago.
pub(super) async fn answer(
    map: &MapSource,
    position: Position,
    request: WholeMapRequest<'_>,
) -> Result<Response, WholeMapError> {
    let WholeMapRequest { pace, headers, at_least } = request;
    let at_least = at_least.min(position);
    let compressed = takes_gzip(headers);
    let variant = if compressed { "full-gzip" } else { "full" };
    let present = etag(position, variant);
    if is_known(headers, &present) {
        return Ok(varying(not_modified(present)));
    }
    let mut rendered = shared(map, at_least, compressed).await?;
    let shared_tag = etag(rendered.position, variant);
    if is_known(headers, &shared_tag) {
        return Ok(varying(not_modified(shared_tag)));
    }
    let bytes = rendered.body(compressed).len();
    if let Some(pace) = pace.filter(|_| bytes > SMALL_BYTES) {
        let turn = pace.reserve(bytes as u64, Instant::now()).ok_or_else(too_many)?;
        if !turn.wait.is_zero() {
            // A reader that waits keeps no text, and gets what is the present by then.
            drop(rendered);
            tokio::time::sleep(turn.wait).await;
            rendered = shared(map, at_least, compressed).await?;
        }
        turn.taken();
    }
    let body = rendered.body(compressed).clone();
    let mut response = ([(CONTENT_TYPE, "application/json")], body).into_response();
    if compressed {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response.headers_mut().insert(ETAG, etag(rendered.position, variant));
    response.headers_mut().insert(CACHE_CONTROL, NO_CACHE);
    Ok(varying(response))
}

fn too_many() -> Problem {
    UNAVAILABLE.detail("too many read whole seat maps now")
}

fn varying(mut response: Response) -> Response {
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    response
}

/// Whether the client would rather have gzip than the plain text (RFC 9110, 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let weight_of = |wanted: &str| {
        let accepted = headers.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
        accepted.flat_map(|value| value.split(',')).find_map(|coding| {
            let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
            let parameters = parameters.trim().to_ascii_lowercase();
            let weight = parameters.strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
            name.trim().eq_ignore_ascii_case(wanted).then(|| weight.unwrap_or(0.0))
        })
    };
    let gzip = weight_of("gzip").unwrap_or(0.0);
    gzip > 0.0 && gzip >= weight_of("identity").unwrap_or(0.0)
}

impl RenderedMap {
    fn body(&self, compressed: bool) -> &Bytes {
        self.gzip.as_ref().filter(|_| compressed).unwrap_or(&self.json)
    }
}

/// A shared rendering that is young enough and has what the reader asks for, or a new one, which those find who ask next
/// even if this reader goes away meanwhile.
async fn shared(map: &MapSource, at_least: Position, compressed: bool) -> Result<RenderedMap, WholeMapError> {
    let turn = async {
        let slot = map.rendered().clone().lock_owned().await;
        let young = slot
            .as_ref()
            .filter(|rendered| rendered.at.elapsed() < SHARED_FOR && rendered.position >= at_least);
        match young.filter(|rendered| !compressed || rendered.gzip.is_some()) {
            Some(rendered) => Ok(rendered.clone()),
            None => {
                let young = young.cloned();
                Err((slot, young))
            }
        }
    };
    let began = Instant::now();
    let (mut slot, young) = match tokio::time::timeout(MAX_WAIT, turn).await.map_err(|_| too_many())? {
        Ok(rendered) => return Ok(rendered),
        Err(to_render) => to_render,
    };
    // Read before a place among the renderings is taken: a database that is slow holds up nobody else's maps.
    let view = match young {
        Some(_) => None,
        None => Some(map.view().await.map_err(WholeMapError::Database)?),
    };
    let permit = tokio::time::timeout_at(began + MAX_WAIT * 2, RENDERING.acquire());
    let permit = permit.await.map_err(|_| too_many())?;
    let map = map.clone();
    let rendering = tokio::task::spawn_blocking(move || {
        let mut rendered = match (young, view) {
            (Some(rendered), _) => rendered,
            (None, Some(view)) => render_now(map.info(), &view),
            (None, None) => return None,
        };
        if compressed {
            rendered.gzip = Some(gzip(&rendered.json));
        }
        rendered.at = Instant::now();
        *slot = Some(rendered.clone());
        drop((slot, permit));
        forget_later(map.rendered().clone(), rendered.at);
        Some(rendered)
    });
    let stopping = || UNAVAILABLE.detail("the server is stopping");
    Ok(rendering.await.ok().flatten().ok_or_else(stopping)?)
}

fn render_now(info: &ShowInfo, view: &SeatMapView) -> RenderedMap {
    let json = Bytes::from(render(info, view));
    RenderedMap { at: Instant::now(), position: view.position, json, gzip: None }
}

/// Drops a rendering that is too old to be shared: a map that nobody reads keeps no text.
fn forget_later(rendered: Arc<Mutex<Option<RenderedMap>>>, at: Instant) {
    tokio::spawn(async move {
        tokio::time::sleep_until(at + SHARED_FOR).await;
        let mut slot = rendered.lock().await;
        if slot.as_ref().is_some_and(|rendered| rendered.at == at) {
            *slot = None;
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
        for yes in ["gzip", "br, gzip", "deflate,GZIP ;q=0.5", "gzip; q=1", "identity;q=0.5, gzip"] {
            assert!(says(yes), "{yes}");
        }
        for no in [
            "gzip;Q=0",
            "gzip;q=0.1, identity",
            "",
            "br",
            "gzip;q=0",
            "gzip; q=0.000",
            "gzip;q=often",
            "x-gzip-like",
            "identity",
        ] {
            assert!(!says(no), "{no}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
