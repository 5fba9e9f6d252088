//! `/ops/live/...`: what the operators' scripts read from the API, under the key of the cookie.
//!
//! The stream of the projections is put into the reader's words on its way, so that page and stream say the same; the
//! rest is handed on unread. When the browser leaves, the body is dropped and with it the API's.

use super::key_of;
use crate::handlers::Asked;
use crate::handlers::live::{handed_on, unavailable};
use crate::hold_cookie::is_id;
use crate::language::Language;
use crate::operator_model::ProjectionPage;
use crate::pages::ops::figures::figures;
use crate::router::Portal;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use std::convert::Infallible;

/// A message of the API with a hundred projections in it is far shorter.
const MAX_MESSAGE_BYTES: usize = 256 << 10;
const MESSAGE_END: &[u8] = b"\n\n";

/// How the projections are doing, second by second, in words.
pub(crate) async fn projections(
    State(portal): State<Portal>,
    language: Language,
    headers: HeaderMap,
) -> Response {
    let Ok(key) = key_of(&headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    let path = "/v1/ops/projections/stream";
    match portal.config.api.forward_signed(&key, path, &headers).await {
        Ok(answer) if answer.status() == StatusCode::OK => {
            let closing = (portal.config.closing)();
            let said = in_words(portal, language, answer.into_body().into_data_stream()).take_until(closing);
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
            ];
            (headers, Body::from_stream(said)).into_response()
        }
        Ok(answer) => answer.status().into_response(),
        Err(error) => unavailable(path, &error),
    }
}

/// Ends where the API's stream ends or makes no sense; the browser then connects again.
fn in_words(
    portal: Portal,
    language: Language,
    messages: BodyDataStream,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold((messages, Vec::new()), move |(mut messages, mut kept)| {
        let portal = portal.clone();
        async move {
            loop {
                if let Some(page) = next_page(&mut kept) {
                    let frame = portal.frame(language, "/ops");
                    let json = serde_json::to_string(&figures(&frame, &page)).ok()?;
                    let said = Bytes::from(format!("event: figures\ndata: {json}\n\n"));
                    return Some((Ok(said), (messages, kept)));
                }
                let chunk = messages.next().await?.ok()?;
                if kept.len() + chunk.len() > MAX_MESSAGE_BYTES {
                    tracing::warn!("the stream of the projections sent a message without an end");
                    return None;
                }
                kept.extend_from_slice(&chunk);
            }
        }
    })
}

/// Takes the next message that says how the projections are doing; others are passed over.
fn next_page(kept: &mut Vec<u8>) -> Option<ProjectionPage> {
    loop {
        let end = kept.windows(MESSAGE_END.len()).position(|window| window == MESSAGE_END)?;
        let message: Vec<u8> = kept.drain(..end + MESSAGE_END.len()).collect();
        let page = message
            .split(|byte| *byte == b'\n')
            .find_map(|line| serde_json::from_slice(line.strip_prefix(b"data:")?).ok());
        if page.is_some() {
            return page;
        }
    }
}

/// How they were doing during the last minutes.
pub(crate) async fn history(State(portal): State<Portal>, headers: HeaderMap) -> Response {
    hand_on(&portal, "/v1/ops/projections/history", &headers).await
}

#[derive(Deserialize, Default)]
pub(crate) struct AtQuery {
    at: Option<u64>,
}

/// The map of a show as it was, compact.
pub(crate) async fn seats(
    State(portal): State<Portal>,
    Path(show): Path<String>,
    query: Asked<AtQuery>,
    headers: HeaderMap,
) -> Response {
    let at = query.map(|query| query.0).unwrap_or_default().at;
    match at.filter(|_| is_id(&show)) {
        Some(at) => {
            hand_on(&portal, &format!("/v1/ops/shows/{show}/seats?format=compact&at={at}"), &headers).await
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn hand_on(portal: &Portal, path: &str, headers: &HeaderMap) -> Response {
    let Ok(key) = key_of(headers) else { return StatusCode::UNAUTHORIZED.into_response() };
    match portal.config.api.forward_signed(&key, path, headers).await {
        Ok(answer) => handed_on(portal, answer),
        Err(error) => unavailable(path, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_whole_however_they_are_cut() {
        let text = b": keep-alive\n\nevent: projections\nid: 1\ndata: {\"data\":[{\"name\":\"a\"}]}\n\ndata: nonsense\n\n\
            data:{\"data\":[{\"name\":\"b\"}]}\n\ndata: {\"da";
        for cut in 1..text.len() {
            let (mut kept, mut names) = (Vec::new(), Vec::new());
            for part in [&text[..cut], &text[cut..]] {
                kept.extend_from_slice(part);
                while let Some(page) = next_page(&mut kept) {
                    names.push(page.data[0].name.clone());
                }
            }
            assert_eq!(names, ["a", "b"], "cut at {cut}");
            assert_eq!(kept, b"data: {\"da");
        }
    }
}
