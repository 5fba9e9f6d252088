//! A batch as events of KurrentDB, and back.
//!
//! Each event is one event, with its type and its data as JSON. What belongs to the batch is in their metadata: each says of
//! which batch it is, at which place and of how many; the first says the rest. The ids of the events follow from the batch's,
//! so that the server recognises an append that is repeated.

use std::borrow::Cow;
use std::io::{Read, Write};

use bytes::Bytes;
use data_encoding::HEXLOWER;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use kurrentdb::{EventData, RecordedEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use ticketflow_domain::Timestamp;
use ticketflow_event_store::{BatchMessage, CommandJson, SeenHead};
use uuid::Uuid;

/// Data from here on is compressed: the plan of a stadium would not fit into an append, which has at most 1 MiB unless the
/// server is set up for more.
const COMPRESSED_FROM: usize = 64 << 10;
/// Data is never longer than this, in bytes, so that a few compressed bytes do not fill the memory.
const MAX_BYTES: u64 = 64 << 20;

/// What an event says beside its type and data.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metadata {
    /// Id of its batch, hexadecimal.
    pub(crate) batch: String,
    /// Its place in the batch, from 0.
    pub(crate) index: u32,
    /// Events of the batch.
    pub(crate) of: u32,
    /// Whether the data is compressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    encoding: Option<Encoding>,
    /// In the first event of a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) first: Option<FirstMetadata>,
}

/// What is said once a batch.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FirstMetadata {
    pub(crate) recorded_at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) commands: Vec<CommandJson>,
    pub(crate) seen: SeenHead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Encoding {
    Gzip,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape<'a> {
    #[serde(rename = "type", borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The events of a batch; `None` when one is too long.
pub(crate) fn encode(message: &BatchMessage) -> Option<Vec<EventData>> {
    let of = message.events.len() as u32;
    let encode_one = |(index, event): (u32, &RawValue)| {
        let shape: Shape<'_> =
            serde_json::from_str(event.get()).expect("an event is an object with type and data");
        let json = shape.data.get();
        if json.len() as u64 > MAX_BYTES {
            return None;
        }
        let (data, encoding) = if json.len() < COMPRESSED_FROM {
            let data = EventData::json(&shape.event_type, &shape.data).expect("JSON has a JSON form");
            (data, None)
        } else {
            let compressed = compress(json.as_bytes());
            (EventData::binary(&shape.event_type, compressed.into()), Some(Encoding::Gzip))
        };
        let first = (index == 0).then(|| FirstMetadata {
            recorded_at: message.recorded_at,
            commands: message.commands.clone(),
            seen: message.seen.clone(),
        });
        let metadata = Metadata { batch: message.batch_id.clone(), index, of, encoding, first };
        let metadata = serde_json::to_vec(&metadata).expect("texts and numbers have a JSON form");
        Some(data.id(event_id(&message.batch_id, index)).metadata(metadata.into()))
    };
    (0..).zip(message.events.iter().map(Box::as_ref)).map(encode_one).collect()
}

/// The id of an event: the same in every try, and of this batch alone.
fn event_id(batch_id: &str, index: u32) -> Uuid {
    let hash = Sha256::new().chain_update(batch_id).chain_update(index.to_be_bytes()).finalize();
    let half: [u8; 16] = hash[..16].try_into().expect("16 of 32 bytes");
    uuid::Builder::from_custom_bytes(half).into_uuid()
}

/// What an event says of its batch.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn metadata(event: &RecordedEvent) -> Result<Metadata, String> {
    let metadata: Metadata = serde_json::from_slice(&event.custom_metadata).map_err(|e| e.to_string())?;
    let whole = metadata.index < metadata.of
        && (metadata.index == 0) == metadata.first.is_some()
        && HEXLOWER.decode(metadata.batch.as_bytes()).is_ok_and(|id| id.len() == 16);
    if !whole {
        return Err("its metadata does not fit together".to_owned());
    }
    if event.id != event_id(&metadata.batch, metadata.index) {
        return Err("its id is not the one of its place in the batch".to_owned());
    }
    Ok(metadata)
}

/// An event as it was in its batch.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn decode(event: &RecordedEvent, metadata: &Metadata) -> Result<Box<RawValue>, String> {
    let json = match metadata.encoding {
        None => event.data.clone(),
        Some(Encoding::Gzip) => decompress(&event.data)?,
    };
    let data: &RawValue = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    let shape = Shape { event_type: Cow::Borrowed(&event.event_type), data };
    serde_json::value::to_raw_value(&shape).map_err(|error| error.to_string())
}

fn compress(json: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(json.len() / 4), Compression::fast());
    encoder.write_all(json).expect("a vector takes all bytes");
    encoder.finish().expect("a vector takes all bytes")
}

fn decompress(data: &[u8]) -> Result<Bytes, String> {
    let mut json = Vec::new();
    GzDecoder::new(data).take(MAX_BYTES).read_to_end(&mut json).map_err(|error| error.to_string())?;
    Ok(json.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_every_time_and_of_one_place_each() {
        let id = event_id("00", 0);
        assert_eq!(id, event_id("00", 0));
        assert_eq!(id.get_version_num(), 8);
        assert!(id != event_id("00", 1) && id != event_id("01", 0));
    }

    #[test]
    fn data_is_compressed_and_read_back() {
        let json = vec![b'7'; 100_000];
        let compressed = compress(&json);
        assert!(compressed.len() < 1_000);
        assert_eq!(decompress(&compressed).unwrap(), json);
        assert!(decompress(&compressed[..20]).is_err());
    }
}
