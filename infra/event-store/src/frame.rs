//! One batch as bytes: the frame.
//!
//! Owns the layout that FORMAT.md describes byte by byte: encoding, checking, and the borrowed view [`Batch`].
//! Invariants: a frame starts at a multiple of 16 and so does every payload in it, so that archived payloads are used in
//! place; a frame never validates at another address or in another segment; zeros never validate.
//! Where frames lie and in which order is left to the segments.

use rkyv::util::AlignedVec;
use sha2::{Digest, Sha256};

use crate::append::Append;
use crate::stream::{Category, Position, Revision, StreamId};

/// First bytes of every frame.
pub(crate) const MAGIC: u32 = u32::from_le_bytes(*b"TKFR");
/// Bytes before the metadata.
pub(crate) const HEADER_BYTES: usize = 96;
/// SHA-256.
pub(crate) const HASH_BYTES: usize = 32;
/// Everything in a frame lies at multiples of this.
pub(crate) const ALIGNMENT: usize = 16;
/// The event count is stored in 16 bits.
pub(crate) const MAX_EVENTS: usize = u16::MAX as usize;
/// One event without payload is the least that a frame holds.
pub(crate) const MIN_FRAME_BYTES: usize = HEADER_BYTES + ALIGNMENT + HASH_BYTES;

/// Offset of the first byte under the checksum; magic, length and checksum lie before.
const CHECKED_FROM: usize = 12;
/// Offset of the first byte under the chain hash; what lies before says where the frame is stored, not what happened.
const HASHED_FROM: usize = 32;
const TABLE_ENTRY_BYTES: usize = 8;

/// A link of the hash chain.
pub type ChainHash = [u8; HASH_BYTES];

/// `length` rounded up to the alignment.
pub(crate) const fn padded(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT)
}

/// Bytes of a frame besides its events.
pub(crate) const fn overhead_bytes(metadata_bytes: usize) -> usize {
    HEADER_BYTES + padded(metadata_bytes) + HASH_BYTES
}

/// Where a frame stands: everything in it that the caller of `append` does not say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Placement {
    pub(crate) checksum_seed: u32,
    pub(crate) address: u64,
    /// Address of the stream's frame before, 0 for its first.
    pub(crate) previous_address: u64,
    /// Everything below this address was durable before this frame was written.
    pub(crate) flush_address: u64,
    pub(crate) first_position: Position,
    pub(crate) first_revision: Revision,
    pub(crate) previous_hash: ChainHash,
}

/// Appends the frame to `out` and returns its chain hash. `frame_bytes` is what [`Append::frame_bytes`] said.
pub(crate) fn encode(
    out: &mut AlignedVec<16>,
    place: &Placement,
    append: &Append,
    frame_bytes: usize,
) -> ChainHash {
    let start = out.len();
    let length = u32::try_from(frame_bytes).expect("frame_bytes fits 32 bits");
    let metadata_bytes = u32::try_from(append.metadata.len()).expect("metadata is shorter than its frame");
    let event_count = u16::try_from(append.events.len()).expect("encoded_bytes bounds the count");

    let mut header = [0u8; HEADER_BYTES];
    header[0..4].copy_from_slice(&MAGIC.to_le_bytes());
    header[4..8].copy_from_slice(&length.to_le_bytes());
    header[16..24].copy_from_slice(&place.previous_address.to_le_bytes());
    header[24..32].copy_from_slice(&place.flush_address.to_le_bytes());
    header[32..40].copy_from_slice(&place.first_position.to_le_bytes());
    header[40..48].copy_from_slice(&place.first_revision.to_le_bytes());
    header[48..64].copy_from_slice(&append.batch_id);
    header[64..80].copy_from_slice(&append.stream.id);
    header[80..88].copy_from_slice(&append.recorded_at_ms.to_le_bytes());
    header[88..92].copy_from_slice(&metadata_bytes.to_le_bytes());
    header[92] = append.stream.category as u8;
    header[94..96].copy_from_slice(&event_count.to_le_bytes());

    out.reserve(frame_bytes);
    out.extend_from_slice(&header);
    out.extend_from_slice(&append.metadata);
    out.resize(padded(out.len()), 0);
    out.extend_from_slice(append.events.table());
    out.resize(padded(out.len()), 0);
    out.extend_from_slice(append.events.payloads());

    let hash = chain(&place.previous_hash, &out[start + HASHED_FROM..]);
    out.extend_from_slice(&hash);
    debug_assert_eq!(out.len() - start, frame_bytes);

    let checksum = checksum(&out[start..], place.checksum_seed, place.address);
    out[start + 8..start + 12].copy_from_slice(&checksum.to_le_bytes());
    hash
}

fn chain(previous: &ChainHash, content: &[u8]) -> ChainHash {
    let mut digest = Sha256::new();
    digest.update(previous);
    digest.update(content);
    digest.finalize().into()
}

/// The seed ties the checksum to the segment (whose header holds a chain hash, which nobody who puts bytes into a payload
/// can foresee) and to the address, so that neither a misplaced frame nor one quoted inside a payload validates.
fn checksum(frame: &[u8], seed: u32, address: u64) -> u32 {
    let place = seed ^ (address as u32) ^ (address >> 32) as u32;
    crc32c::crc32c_append(place, &frame[CHECKED_FROM..])
}

/// Why bytes are not a valid frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// The first bytes are not a frame's.
    #[error("no frame starts here")]
    NoMagic,
    /// The length cannot be right, or the frame ends after its segment.
    #[error("the length of the frame is impossible")]
    Length,
    /// The checksum does not match.
    #[error("the checksum of the frame does not match")]
    Checksum,
    /// The checksum matches, but counts and lengths inside contradict each other.
    #[error("the frame contradicts itself")]
    Structure,
    /// The frame's position does not follow the one before.
    #[error("the frame has another position than the one before demands")]
    Position,
    /// The frame's revision does not follow the one before in its stream.
    #[error("the frame has another revision than its stream demands")]
    Revision,
    /// The frame does not point to the one before in its stream.
    #[error("the frame does not point to the one before in its stream")]
    PreviousAddress,
    /// The frame names an address after itself as durable.
    #[error("the frame names an impossible flush")]
    FlushAddress,
    /// The hash chain is broken.
    #[error("the chain hash does not follow from the one before")]
    ChainHash,
}

/// The length a frame starting with these bytes claims, or why none starts here.
pub(crate) fn claimed_length(bytes: &[u8]) -> Result<usize, FrameFault> {
    let magic = bytes.get(0..4).ok_or(FrameFault::NoMagic)?;
    if magic != MAGIC.to_le_bytes() {
        return Err(FrameFault::NoMagic);
    }
    let length = bytes.get(4..8).ok_or(FrameFault::Length)?;
    let length = u32::from_le_bytes(length.try_into().expect("a slice of 4")) as usize;
    if length < MIN_FRAME_BYTES || !length.is_multiple_of(ALIGNMENT) {
        return Err(FrameFault::Length);
    }
    Ok(length)
}

/// Reads the frame at the start of `bytes`, checking its checksum and structure.
pub(crate) fn check(bytes: &[u8], seed: u32, address: u64) -> Result<Batch<'_>, FrameFault> {
    let length = claimed_length(bytes)?;
    let bytes = bytes.get(..length).ok_or(FrameFault::Length)?;
    let stored = u32::from_le_bytes(bytes[8..12].try_into().expect("a slice of 4"));
    if stored != checksum(bytes, seed, address) {
        return Err(FrameFault::Checksum);
    }
    let batch = Batch { bytes, address };
    batch.check_structure().ok_or(FrameFault::Structure)?;
    Ok(batch)
}

/// One batch, read in place.
#[derive(Clone, Copy)]
pub struct Batch<'a> {
    bytes: &'a [u8],
    address: u64,
}

impl<'a> Batch<'a> {
    /// A view of bytes that [`check`] accepted before.
    pub(crate) fn of_checked(bytes: &'a [u8], address: u64) -> Self {
        Self { bytes, address }
    }

    fn array<const N: usize>(&self, offset: usize) -> [u8; N] {
        self.bytes[offset..offset + N].try_into().expect("the slice has N bytes")
    }

    /// The stream it belongs to.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        let category = Category::from_number(self.bytes[92]).expect("checked when the frame was read");
        StreamId::new(category, self.array(64))
    }

    /// The id that the caller gave it.
    #[must_use]
    pub fn batch_id(&self) -> [u8; 16] {
        self.array(48)
    }

    /// Position of its first event.
    #[must_use]
    pub fn first_position(&self) -> Position {
        u64::from_le_bytes(self.array(32))
    }

    /// Position of its last event.
    #[must_use]
    pub fn last_position(&self) -> Position {
        self.first_position() + u64::from(self.event_count()) - 1
    }

    /// Revision of its first event.
    #[must_use]
    pub fn first_revision(&self) -> Revision {
        u64::from_le_bytes(self.array(40))
    }

    /// Revision of its last event, hence of the stream after the batch.
    #[must_use]
    pub fn last_revision(&self) -> Revision {
        self.first_revision() + u64::from(self.event_count()) - 1
    }

    /// When it was decided, in Unix milliseconds.
    #[must_use]
    pub fn recorded_at_ms(&self) -> i64 {
        i64::from_le_bytes(self.array(80))
    }

    /// How many events it holds; at least 1.
    #[must_use]
    pub fn event_count(&self) -> u16 {
        u16::from_le_bytes(self.array(94))
    }

    /// What the caller stored beside the events, 16-byte aligned.
    #[must_use]
    pub fn metadata(&self) -> &'a [u8] {
        &self.bytes[HEADER_BYTES..HEADER_BYTES + self.metadata_bytes()]
    }

    /// Its link of the hash chain.
    #[must_use]
    pub fn chain_hash(&self) -> ChainHash {
        self.array(self.bytes.len() - HASH_BYTES)
    }

    /// The events in order.
    #[must_use]
    pub fn events(&self) -> Events<'a> {
        let table_start = HEADER_BYTES + padded(self.metadata_bytes());
        let table_bytes = usize::from(self.event_count()) * TABLE_ENTRY_BYTES;
        let payloads = table_start + padded(table_bytes);
        Events {
            table: &self.bytes[table_start..table_start + table_bytes],
            payloads: &self.bytes[payloads..self.bytes.len() - HASH_BYTES],
        }
    }

    /// Whether its link is the hash of `previous` and its content: whether nothing of it was altered since it followed that.
    #[must_use]
    pub fn follows(&self, previous: &ChainHash) -> bool {
        self.expected_chain_hash(previous) == self.chain_hash()
    }

    /// The link that must follow `previous` if nothing was altered.
    pub(crate) fn expected_chain_hash(&self, previous: &ChainHash) -> ChainHash {
        chain(previous, &self.bytes[HASHED_FROM..self.bytes.len() - HASH_BYTES])
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn address(&self) -> u64 {
        self.address
    }

    pub(crate) fn end_address(&self) -> u64 {
        self.address + self.bytes.len() as u64
    }

    pub(crate) fn previous_address(&self) -> u64 {
        u64::from_le_bytes(self.array(16))
    }

    pub(crate) fn flush_address(&self) -> u64 {
        u64::from_le_bytes(self.array(24))
    }

    fn metadata_bytes(&self) -> usize {
        u32::from_le_bytes(self.array(88)) as usize
    }

    fn check_structure(&self) -> Option<()> {
        Category::from_number(self.bytes[92])?;
        let count = usize::from(self.event_count());
        let table_start = HEADER_BYTES + padded(self.metadata_bytes());
        let payloads_start = table_start + padded(count * TABLE_ENTRY_BYTES);
        let payloads_end = self.bytes.len() - HASH_BYTES;
        let table = self.bytes.get(table_start..table_start + count * TABLE_ENTRY_BYTES)?;
        let payload_bytes: usize =
            table.chunks_exact(TABLE_ENTRY_BYTES).map(|entry| padded(entry_length(entry))).sum();
        let sound = count > 0
            && self.first_position() > 0
            && self.first_revision() > 0
            && payloads_start + payload_bytes == payloads_end;
        sound.then_some(())
    }
}

impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("stream", &self.stream().to_string())
            .field("first_position", &self.first_position())
            .field("first_revision", &self.first_revision())
            .field("event_count", &self.event_count())
            .finish_non_exhaustive()
    }
}

/// A batch that owns its bytes.
#[derive(Clone)]
pub struct OwnedBatch {
    bytes: AlignedVec<16>,
    address: u64,
}

impl OwnedBatch {
    pub(crate) fn copy_of(batch: Batch<'_>) -> Self {
        let mut bytes = AlignedVec::with_capacity(batch.bytes.len());
        bytes.extend_from_slice(batch.bytes);
        Self { bytes, address: batch.address }
    }

    /// The borrowed view.
    #[must_use]
    pub fn view(&self) -> Batch<'_> {
        Batch::of_checked(&self.bytes, self.address)
    }
}

impl std::fmt::Debug for OwnedBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.view().fmt(f)
    }
}

/// One event as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventRecord<'a> {
    /// The stable number of the event's type.
    pub event_type: u16,
    /// The version of the payload's layout.
    pub version: u16,
    /// The bytes, starting at a multiple of 16.
    pub payload: &'a [u8],
}

/// The events of a batch in order.
#[derive(Clone, Debug)]
pub struct Events<'a> {
    table: &'a [u8],
    payloads: &'a [u8],
}

impl<'a> Events<'a> {
    /// Of a table of entries and the payloads that they describe.
    pub(crate) fn new(table: &'a [u8], payloads: &'a [u8]) -> Self {
        Self { table, payloads }
    }
}

fn entry_length(entry: &[u8]) -> usize {
    u32::from_le_bytes(entry[0..4].try_into().expect("a slice of 4")) as usize
}

impl<'a> Iterator for Events<'a> {
    type Item = EventRecord<'a>;

    fn next(&mut self) -> Option<EventRecord<'a>> {
        let (entry, table) = self.table.split_at_checked(TABLE_ENTRY_BYTES)?;
        let length = entry_length(entry);
        let (payload, payloads) = self.payloads.split_at(padded(length));
        (self.table, self.payloads) = (table, payloads);
        Some(EventRecord {
            event_type: u16::from_le_bytes([entry[4], entry[5]]),
            version: u16::from_le_bytes([entry[6], entry[7]]),
            payload: &payload[..length],
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = self.table.len() / TABLE_ENTRY_BYTES;
        (count, Some(count))
    }
}

impl ExactSizeIterator for Events<'_> {}
