//! What the log keeps in memory: the end of every stream, landmarks from positions to addresses, the segments, the head.
//!
//! Invariant: the index describes durable frames only. The writer changes it after a flush; readers bound themselves by it.
//! Its bytes are stored as the snapshot `index`, so that opening a log scans only what came after.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::frame::ChainHash;
use crate::segment::Segment;
use crate::stream::{Category, Position, Revision, StreamId};

/// A landmark every so many bytes: finding a position scans at most this much, and a terabyte costs 256 MB of memory.
pub(crate) const LANDMARK_BYTES: u64 = 64 << 10;

/// Layout of the bytes below.
const INDEX_VERSION: u64 = 1;

/// The end of the durable log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// Position of the last durable event; 0 in an empty log.
    pub position: Position,
    /// Chain hash of the last durable batch; zeros in an empty log.
    pub chain_hash: ChainHash,
}

/// The end of one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamTail {
    pub(crate) revision: Revision,
    pub(crate) last_address: u64,
}

/// `address` is the frame whose first event has `position`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landmark {
    pub(crate) position: Position,
    pub(crate) address: u64,
}

#[derive(Clone, Default)]
pub(crate) struct Index {
    pub(crate) streams: HashMap<StreamId, StreamTail>,
    pub(crate) landmarks: Vec<Landmark>,
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Where the frames of each segment but the last end.
    pub(crate) ends: Vec<u64>,
    pub(crate) head: Head,
    /// Address of the last frame; 0 in an empty log.
    pub(crate) last_frame: u64,
    /// Where the next frame goes.
    pub(crate) end_address: u64,
}

impl Index {
    pub(crate) fn revision(&self, stream: &StreamId) -> Revision {
        self.streams.get(stream).map_or(0, |tail| tail.revision)
    }

    /// Whether a frame at `address` should become a landmark.
    pub(crate) fn wants_landmark(last: Option<&Landmark>, address: u64) -> bool {
        last.is_none_or(|last| address >= last.address + LANDMARK_BYTES)
    }

    /// The segment that holds `address`, and where its durable frames end.
    pub(crate) fn segment_of(&self, address: u64) -> Option<(&Arc<Segment>, u64)> {
        let after = self.segments.partition_point(|segment| segment.header.base_address <= address);
        let number = after.checked_sub(1)?;
        let segment = &self.segments[number];
        let end = self.ends.get(number).copied().unwrap_or(self.end_address);
        (address < segment.limit()).then_some((segment, end))
    }

    /// The first frame of the segment after the one that holds `address`.
    pub(crate) fn next_segment_start(&self, address: u64) -> Option<u64> {
        let after = self.segments.partition_point(|segment| segment.header.base_address <= address);
        self.segments.get(after).map(|segment| segment.first_frame())
    }

    /// The nearest landmark at or before a position; the start of the log without one.
    pub(crate) fn landmark_before(&self, position: Position) -> Landmark {
        let after = self.landmarks.partition_point(|landmark| landmark.position <= position);
        match after.checked_sub(1) {
            Some(number) => self.landmarks[number],
            None => Landmark {
                position: 1,
                address: self.segments.first().map_or(0, |segment| segment.first_frame()),
            },
        }
    }

    /// Whether this index and one made by reading every frame describe the same log. This one may know of a new segment that
    /// has no frame yet.
    pub(crate) fn describes_the_same_as(&self, read: &Self) -> bool {
        let same_end = self.ends == read.ends && self.end_address == read.end_address;
        let began_segment = self.ends.split_last() == Some((&read.end_address, read.ends.as_slice()));
        (same_end || began_segment)
            && self.head == read.head
            && self.last_frame == read.last_frame
            && self.landmarks == read.landmarks
            && self.streams == read.streams
    }

    /// The bytes of the index; head position and hash are in the snapshot's own header.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(
            48 + 8 * self.ends.len() + 16 * self.landmarks.len() + 33 * self.streams.len(),
        );
        let mut number = |value: u64| bytes.extend_from_slice(&value.to_le_bytes());
        number(INDEX_VERSION);
        number(self.last_frame);
        number(self.end_address);
        number(self.ends.len() as u64);
        number(self.landmarks.len() as u64);
        number(self.streams.len() as u64);
        self.ends.iter().for_each(|end| number(*end));
        for landmark in &self.landmarks {
            number(landmark.position);
            number(landmark.address);
        }
        // Sorted, so that equal indexes have equal bytes.
        let mut streams: Vec<_> = self.streams.iter().collect();
        streams.sort_unstable_by_key(|(stream, _)| **stream);
        for (stream, tail) in streams {
            bytes.push(stream.category as u8);
            bytes.extend_from_slice(&stream.id);
            bytes.extend_from_slice(&tail.revision.to_le_bytes());
            bytes.extend_from_slice(&tail.last_address.to_le_bytes());
        }
        bytes
    }

    /// The index without its segments; `None` when the bytes are of another version or do not add up.
    pub(crate) fn decode(bytes: &[u8], head: Head) -> Option<Self> {
        let mut rest = Fields(bytes);
        if rest.number()? != INDEX_VERSION {
            return None;
        }
        let (last_frame, end_address) = (rest.number()?, rest.number()?);
        let (ends, landmarks, streams) = (rest.number()?, rest.number()?, rest.number()?);
        let ends = (0..ends).map(|_| rest.number()).collect::<Option<_>>()?;
        let landmarks = (0..landmarks)
            .map(|_| Some(Landmark { position: rest.number()?, address: rest.number()? }))
            .collect::<Option<_>>()?;
        let streams = (0..streams)
            .map(|_| {
                let category = Category::from_number(rest.array::<1>()?[0])?;
                let stream = StreamId::new(category, rest.array()?);
                Some((stream, StreamTail { revision: rest.number()?, last_address: rest.number()? }))
            })
            .collect::<Option<_>>()?;
        rest.0.is_empty().then_some(Self {
            streams,
            landmarks,
            segments: Vec::new(),
            ends,
            head,
            last_frame,
            end_address,
        })
    }
}

/// Little-endian fields, read from the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_survives_its_bytes() {
        let stream = StreamId::new(Category::Show, [7; 16]);
        let index = Index {
            streams: [(stream, StreamTail { revision: 3, last_address: 4224 })].into_iter().collect(),
            landmarks: vec![
                Landmark { position: 1, address: 128 },
                Landmark { position: 9, address: 70_000 },
            ],
            ends: vec![4000],
            head: Head { position: 12, chain_hash: [9; 32] },
            last_frame: 4224,
            end_address: 4400,
            ..Index::default()
        };
        let bytes = index.encode();
        let read = Index::decode(&bytes, index.head).unwrap();
        assert_eq!(read.encode(), bytes);
        assert_eq!((read.revision(&stream), read.head), (3, index.head));
        for cut in 0..bytes.len() {
            assert!(Index::decode(&bytes[..cut], index.head).is_none(), "{cut} bytes");
        }
    }
}
