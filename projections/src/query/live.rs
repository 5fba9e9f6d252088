//! `GET /v1/shows/{show}/seats/stream`: the seat map live, as server-sent events.
//!
//! First a snapshot, then batches of changes, rendered once for all followers. A follower that fell behind gets a snapshot
//! again; one that reconnects with `Last-Event-ID` goes on where it was if that is not long ago.

use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName};
use ticketflow_domain::show::SeatStatus;
use ticketflow_domain::{SeatIndex, ShowId};
use ticketflow_event_store::Position;
use ticketflow_http::{ApiPath, Problem, Shutdown, optional_header, write_json_text};
use tokio::sync::broadcast;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use super::QueryPorts;
use super::seats::base64;
use super::whole_map::status_name;
use crate::read_models::ReadModels;
use crate::seat_map::{Change, SeatMap};

/// How often changes are sent to those who follow a map: five times a second is live to the eye.
const CHANGES_INTERVAL: Duration = Duration::from_millis(200);
/// Past this many changed seats a snapshot is shorter.
const MOST_CHANGES: usize = 1_000;
/// Proxies close connections that say nothing for long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The seat map, live
///
/// Server-sent events whose `id` is the position. First `snapshot`: every seat at 2 bits as in the compact map, in base64.
/// Then `delta`, five times a second at most: the seats that changed. A `snapshot` comes again when too much changed, or
/// when the reader fell behind. Lines that start with a colon keep the connection alive.
#[utoipa::path(
    get, path = "/v1/shows/{show}/seats/stream", operation_id = "follow_seat_map", tag = "Seats",
    params(
        ("show" = ShowId, Path, description = "The show"),
        LastEventId
    ),
    responses((
        status = 200, description = "Events without an end", body = String, content_type = "text/event-stream",
        example = json!(concat!(
            "event: snapshot\nid: 3\ndata: {\"position\":3,\"seats_total\":4,\"compact\":\"AQ==\"}\n\n",
            "event: delta\nid: 5\ndata: {\"position\":5,\"seats\":[{\"seat\":\"Platea-A-1\",\"index\":0,",
            "\"status\":\"sold\",\"revision\":2}]}\n\n"
        ))
    ))
)]
pub(crate) async fn stream(
    State(ports): State<Arc<QueryPorts>>,
    ApiPath(show_id): ApiPath<ShowId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let map = ports.show(show_id)?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let body = Body::from_stream(messages(map, last, ports.shutdown.clone()));
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store"), (ACCEL_BUFFERING, "no")];
    Ok((headers, body).into_response())
}

/// Where a reader goes on.
struct LastEventId;

impl IntoParams for LastEventId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![optional_header(
            "Last-Event-ID",
            "The last position at hand: the stream goes on from there, if that is not long ago",
        )]
    }
}

struct Follower {
    map: Arc<SeatMap>,
    changes: broadcast::Receiver<Change>,
    /// What the follower has.
    position: Position,
    ready: Vec<Bytes>,
    /// A stream has no end of its own: it ends with the server, so that stopping need not wait for it.
    shutdown: Shutdown,
}

fn messages(
    map: Arc<SeatMap>,
    last: Option<Position>,
    shutdown: Shutdown,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    // Follows first and looks second: a change in between is sent twice rather than never.
    let changes = map.changes.follow();
    let missed = last.and_then(|last| map.changes.since(last));
    let (position, ready) = match missed {
        Some(missed) => {
            let position = missed.last().map(|change| change.position).or(last);
            (position.unwrap_or(0), missed.into_iter().rev().map(|change| change.message).collect())
        }
        None => {
            let snapshot = snapshot(&map);
            (snapshot.position, vec![snapshot.message])
        }
    };
    stream::unfold(Follower { map, changes, position, ready, shutdown }, |mut follower| async move {
        let message = follower.next().await?;
        Some((Ok(message), follower))
    })
}

impl Follower {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(message) = self.ready.pop() {
                return Some(message);
            }
            let received = tokio::select! {
                () = self.shutdown.begun() => return None,
                received = tokio::time::timeout(KEEP_ALIVE, self.changes.recv()) => received,
            };
            match received {
                Err(_) => return Some(Bytes::from_static(b": keep-alive\n\n")),
                Ok(Ok(change)) if change.position <= self.position => {}
                Ok(Ok(change)) => {
                    self.position = change.position;
                    return Some(change.message);
                }
                Ok(Err(broadcast::error::RecvError::Lagged(_))) => {
                    let snapshot = snapshot(&self.map);
                    self.position = snapshot.position;
                    return Some(snapshot.message);
                }
                Ok(Err(broadcast::error::RecvError::Closed)) => return None,
            }
        }
    }
}

fn snapshot(map: &SeatMap) -> Change {
    let (compact, position) = map.compact();
    let seats = compact.len();
    let message = format!(
        "event: snapshot\nid: {position}\ndata: {{\"position\":{position},\"seats_total\":{seats},\"compact\":\"{}\"}}\n\n",
        base64(&compact)
    );
    Change { position, message: Bytes::from(message) }
}

/// Sends changes to those who follow a map, as long as there are maps. To be called within a Tokio runtime.
pub(super) fn start(models: &Arc<ReadModels>) {
    let models = Arc::downgrade(models);
    tokio::spawn(async move {
        let mut tick = tokio::time::interval(CHANGES_INTERVAL);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let Some(models) = models.upgrade() else { return };
            for map in models.shows() {
                render_changes(&map);
            }
        }
    });
}

/// Sends what changed since the last call to those who follow the map.
fn render_changes(map: &SeatMap) {
    if !map.changes.followed() {
        return;
    }
    let (seats, position) = map.take_changes();
    match seats.len() {
        0 => {}
        1..=MOST_CHANGES => map.changes.send(delta(map, &seats, position)),
        _ => map.changes.send(snapshot(map)),
    }
}

fn delta(map: &SeatMap, seats: &[(SeatIndex, SeatStatus, u32)], position: Position) -> Change {
    let mut message =
        format!("event: delta\nid: {position}\ndata: {{\"position\":{position},\"seats\":[").into_bytes();
    for (at, (seat, status, revision)) in seats.iter().enumerate() {
        message.extend_from_slice(if at > 0 { b",{\"seat\":" } else { b"{\"seat\":" });
        write_json_text(&mut message, &map.info.seating.place(*seat).to_string());
        let (index, status) = (seat.0, status_name(*status));
        write!(message, ",\"index\":{index},\"status\":\"{status}\",\"revision\":{revision}}}")
            .expect("a vector takes all bytes");
    }
    message.extend_from_slice(b"]}\n\n");
    Change { position, message: Bytes::from(message) }
}
