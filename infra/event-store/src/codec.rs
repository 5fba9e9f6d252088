//! Domain events as bytes and back: the one place that knows which type number stands for which event.
//!
//! Every event struct is archived by itself (rkyv, checked on reading) under its number and version. A number is never
//! reused and a stored layout never edited: a changed event gets the next version here and an upcaster to today's
//! struct. The log below sees numbers and bytes only.

use rkyv::api::high::{HighDeserializer, HighSerializer, HighValidator};
use rkyv::bytecheck::CheckBytes;
use rkyv::rancor::Error as ArchiveError;
use rkyv::ser::allocator::ArenaHandle;
use rkyv::util::AlignedVec;
use rkyv::{Archive, Deserialize, Serialize};
use ticketflow_domain::billing::BillingEvent;
use ticketflow_domain::customer::CustomerEvent;
use ticketflow_domain::ops::OpsEvent;
use ticketflow_domain::show::ShowEvent;

use crate::append::EncodedEvents;
use crate::frame::EventRecord;

/// Stored numbers of the event types. Never reused, never renumbered.
mod number {
    pub(super) const SHOW_CREATED: u16 = 1;
    pub(super) const SALES_OPENED: u16 = 2;
    pub(super) const SALES_CLOSED: u16 = 3;
    pub(super) const SHOW_CANCELLED: u16 = 4;
    pub(super) const SEATS_BLOCKED: u16 = 5;
    pub(super) const SEATS_UNBLOCKED: u16 = 6;
    pub(super) const SEATS_HELD: u16 = 7;
    pub(super) const HOLD_RELEASED: u16 = 8;
    pub(super) const HOLD_EXPIRED: u16 = 9;
    pub(super) const PAYMENT_STARTED: u16 = 10;
    pub(super) const ORDER_PAID: u16 = 11;
    pub(super) const PAYMENT_FAILED: u16 = 12;
    pub(super) const PAYMENT_CAPTURED: u16 = 13;
    pub(super) const CHARGE_VOIDED: u16 = 14;
    pub(super) const TICKETS_REFUNDED: u16 = 15;
    pub(super) const REFUND_SETTLED: u16 = 16;
    pub(super) const TICKET_CHECKED_IN: u16 = 17;
    pub(super) const PLACEHOLDER_CREATED: u16 = 101;
    pub(super) const BUYER_DETAILS_RECORDED: u16 = 102;
    pub(super) const SERIES_OPENED: u16 = 201;
    pub(super) const FOLIO_RANGE_LOADED: u16 = 202;
    pub(super) const DOCUMENT_ISSUED: u16 = 203;
    pub(super) const DOCUMENT_SUBMITTED: u16 = 204;
    pub(super) const DOCUMENT_ACCEPTED: u16 = 205;
    pub(super) const DOCUMENT_REFUSED: u16 = 206;
    pub(super) const DOCUMENT_MAILED: u16 = 207;
    pub(super) const SOURCE_PARKED: u16 = 208;
    pub(super) const SOURCE_RETRIED: u16 = 209;
    pub(super) const SOURCE_SKIPPED: u16 = 210;
    pub(super) const DOCUMENT_REOPENED: u16 = 211;
    pub(super) const PROJECTION_BATCH_SKIPPED: u16 = 301;
}

/// Every event is in its first version so far.
const VERSION_1: u16 = 1;

/// Why an event, or a part of a snapshot, cannot be encoded or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a later version of the software, or never written by it.
    #[error("event type {event_type} version {version} is not known to this version of the software")]
    UnknownType {
        /// Its number.
        event_type: u16,
        /// Its version.
        version: u16,
    },
    /// The bytes are not of the type that they are stored under.
    #[error("an event of type {event_type} does not read back")]
    Malformed {
        /// Its number.
        event_type: u16,
        /// What is wrong with them.
        #[source]
        source: ArchiveError,
    },
    /// A part of a snapshot is not of the type that is expected there.
    #[error("a part of the snapshot does not read back")]
    MalformedSnapshot(#[source] ArchiveError),
    /// A snapshot ends within a part.
    #[error("the snapshot ends too early")]
    TruncatedSnapshot,
    /// The value has no archived form; its lengths exceed 32 bits.
    #[error("a value cannot be archived")]
    Unarchivable(#[source] ArchiveError),
}

/// Adds an event of a show's stream.
///
/// # Errors
/// [`CodecError::Unarchivable`]; then the event is not added.
pub fn push_show_event(events: &mut EncodedEvents, event: &ShowEvent) -> Result<(), CodecError> {
    match event {
        ShowEvent::ShowCreated(event) => push(events, number::SHOW_CREATED, event.as_ref()),
        ShowEvent::SalesOpened(event) => push(events, number::SALES_OPENED, event),
        ShowEvent::SalesClosed(event) => push(events, number::SALES_CLOSED, event),
        ShowEvent::ShowCancelled(event) => push(events, number::SHOW_CANCELLED, event),
        ShowEvent::SeatsBlocked(event) => push(events, number::SEATS_BLOCKED, event),
        ShowEvent::SeatsUnblocked(event) => push(events, number::SEATS_UNBLOCKED, event),
        ShowEvent::SeatsHeld(event) => push(events, number::SEATS_HELD, event),
        ShowEvent::HoldReleased(event) => push(events, number::HOLD_RELEASED, event),
        ShowEvent::HoldExpired(event) => push(events, number::HOLD_EXPIRED, event),
        ShowEvent::PaymentStarted(event) => push(events, number::PAYMENT_STARTED, event),
        ShowEvent::OrderPaid(event) => push(events, number::ORDER_PAID, event),
        ShowEvent::PaymentFailed(event) => push(events, number::PAYMENT_FAILED, event),
        ShowEvent::PaymentCaptured(event) => push(events, number::PAYMENT_CAPTURED, event),
        ShowEvent::ChargeVoided(event) => push(events, number::CHARGE_VOIDED, event),
        ShowEvent::TicketsRefunded(event) => push(events, number::TICKETS_REFUNDED, event),
        ShowEvent::RefundSettled(event) => push(events, number::REFUND_SETTLED, event),
        ShowEvent::TicketCheckedIn(event) => push(events, number::TICKET_CHECKED_IN, event),
    }
}

/// Reads an event of a show's stream.
///
/// # Errors
/// [`CodecError`].
pub fn show_event(record: EventRecord<'_>) -> Result<ShowEvent, CodecError> {
    Ok(match (record.event_type, record.version) {
        (number::SHOW_CREATED, VERSION_1) => ShowEvent::ShowCreated(Box::new(read(record)?)),
        (number::SALES_OPENED, VERSION_1) => ShowEvent::SalesOpened(read(record)?),
        (number::SALES_CLOSED, VERSION_1) => ShowEvent::SalesClosed(read(record)?),
        (number::SHOW_CANCELLED, VERSION_1) => ShowEvent::ShowCancelled(read(record)?),
        (number::SEATS_BLOCKED, VERSION_1) => ShowEvent::SeatsBlocked(read(record)?),
        (number::SEATS_UNBLOCKED, VERSION_1) => ShowEvent::SeatsUnblocked(read(record)?),
        (number::SEATS_HELD, VERSION_1) => ShowEvent::SeatsHeld(read(record)?),
        (number::HOLD_RELEASED, VERSION_1) => ShowEvent::HoldReleased(read(record)?),
        (number::HOLD_EXPIRED, VERSION_1) => ShowEvent::HoldExpired(read(record)?),
        (number::PAYMENT_STARTED, VERSION_1) => ShowEvent::PaymentStarted(read(record)?),
        (number::ORDER_PAID, VERSION_1) => ShowEvent::OrderPaid(read(record)?),
        (number::PAYMENT_FAILED, VERSION_1) => ShowEvent::PaymentFailed(read(record)?),
        (number::PAYMENT_CAPTURED, VERSION_1) => ShowEvent::PaymentCaptured(read(record)?),
        (number::CHARGE_VOIDED, VERSION_1) => ShowEvent::ChargeVoided(read(record)?),
        (number::TICKETS_REFUNDED, VERSION_1) => ShowEvent::TicketsRefunded(read(record)?),
        (number::REFUND_SETTLED, VERSION_1) => ShowEvent::RefundSettled(read(record)?),
        (number::TICKET_CHECKED_IN, VERSION_1) => ShowEvent::TicketCheckedIn(read(record)?),
        (event_type, version) => return Err(CodecError::UnknownType { event_type, version }),
    })
}

/// Adds an event of a customer's stream.
///
/// # Errors
/// [`CodecError::Unarchivable`]; then the event is not added.
pub fn push_customer_event(events: &mut EncodedEvents, event: &CustomerEvent) -> Result<(), CodecError> {
    match event {
        CustomerEvent::PlaceholderCreated(event) => push(events, number::PLACEHOLDER_CREATED, event),
        CustomerEvent::BuyerDetailsRecorded(event) => push(events, number::BUYER_DETAILS_RECORDED, event),
    }
}

/// Reads an event of a customer's stream.
///
/// # Errors
/// [`CodecError`].
pub fn customer_event(record: EventRecord<'_>) -> Result<CustomerEvent, CodecError> {
    Ok(match (record.event_type, record.version) {
        (number::PLACEHOLDER_CREATED, VERSION_1) => CustomerEvent::PlaceholderCreated(read(record)?),
        (number::BUYER_DETAILS_RECORDED, VERSION_1) => CustomerEvent::BuyerDetailsRecorded(read(record)?),
        (event_type, version) => return Err(CodecError::UnknownType { event_type, version }),
    })
}

/// Adds an event of a billing stream.
///
/// # Errors
/// [`CodecError::Unarchivable`]; then the event is not added.
pub fn push_billing_event(events: &mut EncodedEvents, event: &BillingEvent) -> Result<(), CodecError> {
    match event {
        BillingEvent::SeriesOpened(event) => push(events, number::SERIES_OPENED, event),
        BillingEvent::FolioRangeLoaded(event) => push(events, number::FOLIO_RANGE_LOADED, event),
        BillingEvent::DocumentIssued(event) => push(events, number::DOCUMENT_ISSUED, event),
        BillingEvent::DocumentSubmitted(event) => push(events, number::DOCUMENT_SUBMITTED, event),
        BillingEvent::DocumentAccepted(event) => push(events, number::DOCUMENT_ACCEPTED, event),
        BillingEvent::DocumentRefused(event) => push(events, number::DOCUMENT_REFUSED, event),
        BillingEvent::DocumentMailed(event) => push(events, number::DOCUMENT_MAILED, event),
        BillingEvent::SourceParked(event) => push(events, number::SOURCE_PARKED, event),
        BillingEvent::DocumentReopened(event) => push(events, number::DOCUMENT_REOPENED, event),
        BillingEvent::SourceRetried(event) => push(events, number::SOURCE_RETRIED, event),
        BillingEvent::SourceSkipped(event) => push(events, number::SOURCE_SKIPPED, event),
    }
}

/// Reads an event of a billing stream.
///
/// # Errors
/// [`CodecError`].
pub fn billing_event(record: EventRecord<'_>) -> Result<BillingEvent, CodecError> {
    Ok(match (record.event_type, record.version) {
        (number::SERIES_OPENED, VERSION_1) => BillingEvent::SeriesOpened(read(record)?),
        (number::FOLIO_RANGE_LOADED, VERSION_1) => BillingEvent::FolioRangeLoaded(read(record)?),
        (number::DOCUMENT_ISSUED, VERSION_1) => BillingEvent::DocumentIssued(read(record)?),
        (number::DOCUMENT_SUBMITTED, VERSION_1) => BillingEvent::DocumentSubmitted(read(record)?),
        (number::DOCUMENT_ACCEPTED, VERSION_1) => BillingEvent::DocumentAccepted(read(record)?),
        (number::DOCUMENT_REFUSED, VERSION_1) => BillingEvent::DocumentRefused(read(record)?),
        (number::DOCUMENT_MAILED, VERSION_1) => BillingEvent::DocumentMailed(read(record)?),
        (number::SOURCE_PARKED, VERSION_1) => BillingEvent::SourceParked(read(record)?),
        (number::DOCUMENT_REOPENED, VERSION_1) => BillingEvent::DocumentReopened(read(record)?),
        (number::SOURCE_RETRIED, VERSION_1) => BillingEvent::SourceRetried(read(record)?),
        (number::SOURCE_SKIPPED, VERSION_1) => BillingEvent::SourceSkipped(read(record)?),
        (event_type, version) => return Err(CodecError::UnknownType { event_type, version }),
    })
}

/// Adds an event of an operators' stream.
///
/// # Errors
/// [`CodecError::Unarchivable`]; then the event is not added.
pub fn push_ops_event(events: &mut EncodedEvents, event: &OpsEvent) -> Result<(), CodecError> {
    match event {
        OpsEvent::ProjectionBatchSkipped(event) => push(events, number::PROJECTION_BATCH_SKIPPED, event),
    }
}

/// Reads an event of an operators' stream.
///
/// # Errors
/// [`CodecError`].
pub fn ops_event(record: EventRecord<'_>) -> Result<OpsEvent, CodecError> {
    Ok(match (record.event_type, record.version) {
        (number::PROJECTION_BATCH_SKIPPED, VERSION_1) => OpsEvent::ProjectionBatchSkipped(read(record)?),
        (event_type, version) => return Err(CodecError::UnknownType { event_type, version }),
    })
}

/// Bytes before a part of a snapshot: its length, and zeros so that the part starts at a multiple of 16.
const PART_HEADER_BYTES: usize = 16;

/// Adds a value to the bytes of a snapshot, as a part of its own: whoever writes many need not hold all of them at once.
///
/// # Errors
/// [`CodecError::Unarchivable`]; then the part is not added.
pub fn push_snapshot_part<T>(bytes: &mut AlignedVec<16>, value: &T) -> Result<(), CodecError>
where
    T: for<'a, 'b> Serialize<HighSerializer<&'b mut AlignedVec<16>, ArenaHandle<'a>, ArchiveError>>,
{
    let start = bytes.len();
    bytes.resize(start + PART_HEADER_BYTES, 0);
    if let Err(error) = rkyv::api::high::to_bytes_in(value, &mut *bytes) {
        bytes.resize(start, 0);
        return Err(CodecError::Unarchivable(error));
    }
    let length = (bytes.len() - start - PART_HEADER_BYTES) as u64;
    bytes[start..start + 8].copy_from_slice(&length.to_le_bytes());
    bytes.resize(bytes.len().next_multiple_of(PART_HEADER_BYTES), 0);
    Ok(())
}

/// Takes the next part from the bytes of a snapshot, checked; `None` at their end.
///
/// # Errors
/// [`CodecError::MalformedSnapshot`]: another version of the software wrote it, or it is damaged.
pub fn take_snapshot_part<T>(bytes: &mut &[u8]) -> Result<Option<T>, CodecError>
where
    T: Archive,
    T::Archived:
        for<'a> CheckBytes<HighValidator<'a, ArchiveError>> + Deserialize<T, HighDeserializer<ArchiveError>>,
{
    if bytes.is_empty() {
        return Ok(None);
    }
    let (header, rest) = bytes.split_at_checked(PART_HEADER_BYTES).ok_or(CodecError::TruncatedSnapshot)?;
    let length = u64::from_le_bytes(header[..8].try_into().expect("8 of 16 bytes"));
    let padded =
        usize::try_from(length).ok().and_then(|length| length.checked_next_multiple_of(PART_HEADER_BYTES));
    let (part, rest) =
        padded.and_then(|padded| rest.split_at_checked(padded)).ok_or(CodecError::TruncatedSnapshot)?;
    *bytes = rest;
    let value = rkyv::from_bytes::<T, ArchiveError>(&part[..length as usize]);
    value.map(Some).map_err(CodecError::MalformedSnapshot)
}

fn push<T>(events: &mut EncodedEvents, event_type: u16, event: &T) -> Result<(), CodecError>
where
    T: for<'a, 'b> Serialize<HighSerializer<&'b mut AlignedVec<16>, ArenaHandle<'a>, ArchiveError>>,
{
    let encode = |buffer: &mut AlignedVec<16>| rkyv::api::high::to_bytes_in(event, buffer).map(|_| ());
    events.push_with(event_type, VERSION_1, encode).map_err(CodecError::Unarchivable)
}

fn read<T>(record: EventRecord<'_>) -> Result<T, CodecError>
where
    T: Archive,
    T::Archived:
        for<'a> CheckBytes<HighValidator<'a, ArchiveError>> + Deserialize<T, HighDeserializer<ArchiveError>>,
{
    let malformed = |source| CodecError::Malformed { event_type: record.event_type, source };
    rkyv::from_bytes::<T, ArchiveError>(record.payload).map_err(malformed)
}
