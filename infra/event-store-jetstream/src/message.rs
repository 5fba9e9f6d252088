//! A batch as the payload of a message: JSON, compressed where it is long.

use std::io::{Read, Write};

use async_nats::HeaderMap;
use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use ticketflow_event_store::BatchMessage;

/// Header that names the compression.
const ENCODING: &str = "Content-Encoding";
const GZIP: &str = "gzip";
/// A payload from here on is compressed: below, what is saved on the wire is not worth the time; above are the plans of
/// stadiums, which would not fit into a message.
const COMPRESSED_FROM: usize = 64 << 10;
/// A payload is never longer than this, in bytes, so that a few compressed bytes do not fill the memory.
const MAX_BYTES: u64 = 64 << 20;

/// The payload of a batch, and the header that goes with it; `None` when it is too long.
pub(crate) fn encode(message: &BatchMessage) -> Option<(Bytes, Option<(&'static str, &'static str)>)> {
    let json = serde_json::to_vec(message).expect("texts and numbers have a JSON form");
    if json.len() < COMPRESSED_FROM {
        return Some((json.into(), None));
    }
    if json.len() as u64 > MAX_BYTES {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 4), Compression::fast());
    encoder.write_all(&json).expect("a vector takes all bytes");
    let payload = encoder.finish().expect("a vector takes all bytes");
    Some((payload.into(), Some((ENCODING, GZIP))))
}

/// The batch in a payload.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn decode(headers: Option<&HeaderMap>, payload: &[u8]) -> Result<BatchMessage, String> {
    match headers.and_then(|headers| headers.get(ENCODING)).map(|encoding| encoding.as_str()) {
        None => serde_json::from_slice(payload).map_err(|error| error.to_string()),
        Some(GZIP) => {
            let mut json = Vec::new();
            let mut decoder = GzDecoder::new(payload).take(MAX_BYTES);
            decoder.read_to_end(&mut json).map_err(|error| error.to_string())?;
            serde_json::from_slice(&json).map_err(|error| error.to_string())
        }
        Some(other) => Err(format!("it is encoded as {other}")),
    }
}
