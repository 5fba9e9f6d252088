//! From a command and the books to events or a rejection. Pure. What is done already needs no event.

use super::amounts::Amounts;
use super::commands::{BillingCommand, IssueCreditNote, IssueReceipt, LoadFolioRange};
use super::documents::{DocumentId, DocumentType, Scheme, SeriesCode};
use super::events::*;
use super::rejection::BillingRejection as Rejection;
use super::state::{BillingState, Series};
use crate::time::Timestamp;

/// Folios of an issuer that counts by itself: more than there will ever be orders.
const OWN_FOLIOS: u64 = 999_999_999_999;
/// Characters of an issuer's texts, of an error and of a reason.
const MAX_TEXT: usize = 500;
/// Bytes of an authorisation: a range's is about two thousand.
const MAX_AUTHORISATION: usize = 20_000;

/// Decides a command: the events that carry it out, none if that is done already, or why not.
///
/// # Errors
/// [`BillingRejection`](super::BillingRejection).
pub fn decide(
    state: &BillingState,
    command: &BillingCommand,
    now: Timestamp,
) -> Result<Vec<BillingEvent>, Rejection> {
    if let BillingCommand::OpenSeries { series, scheme, issuer } = command {
        return open_series(state, *series, *scheme, issuer, now);
    }
    let series = state.series.as_ref().ok_or(Rejection::SeriesUnknown)?;
    match command {
        BillingCommand::OpenSeries { .. } => Ok(Vec::new()),
        BillingCommand::LoadFolioRange(range) => load(state, series, range, now),
        BillingCommand::IssueReceipt(receipt) => issue_receipt(state, series, receipt, now),
        BillingCommand::IssueCreditNote(note) => issue_credit_note(state, note, now),
        BillingCommand::RecordSubmission { document, track_id } => {
            let document = *document;
            let Some(progress) = open(state, document)? else { return Ok(Vec::new()) };
            if progress.is_accepted || progress.track_id.as_ref() == Some(track_id) {
                return Ok(Vec::new());
            }
            let track_id = track_id.clone();
            Ok(vec![BillingEvent::DocumentSubmitted(DocumentSubmitted { document, track_id, at: now })])
        }
        BillingCommand::RecordVerdict { document, refusal } => {
            record_verdict(state, *document, refusal.as_deref(), now)
        }
        BillingCommand::Reopen { document } => {
            let document = *document;
            let is_refused = open(state, document)?.is_some_and(|progress| progress.refusal.is_some());
            let reopened = || BillingEvent::DocumentReopened(DocumentReopened { document, at: now });
            Ok(is_refused.then(reopened).into_iter().collect())
        }
        BillingCommand::RecordMail { document, message_id } => {
            let document = *document;
            match open(state, document)? {
                Some(progress) if !progress.is_mailed => {
                    let message_id = message_id.clone();
                    Ok(vec![BillingEvent::DocumentMailed(DocumentMailed { document, message_id, at: now })])
                }
                _ => Ok(Vec::new()),
            }
        }
        BillingCommand::Park { source_position, order_id, error, attempts } => {
            if state.is_set_aside(*source_position) {
                return Ok(Vec::new());
            }
            Ok(vec![BillingEvent::SourceParked(SourceParked {
                source_position: *source_position,
                order_id: *order_id,
                error: cut(error),
                attempts: *attempts,
                at: now,
            })])
        }
        BillingCommand::Retry { source_position } => {
            let source_position = parked(state, *source_position)?;
            Ok(vec![BillingEvent::SourceRetried(SourceRetried { source_position, at: now })])
        }
        BillingCommand::Skip { source_position, reason } => {
            if state.skipped.contains(source_position) {
                return Ok(Vec::new());
            }
            let source_position = parked(state, *source_position)?;
            let reason = text(reason, "a reason of 1 to 500 characters is needed")?;
            Ok(vec![BillingEvent::SourceSkipped(SourceSkipped { source_position, reason, at: now })])
        }
    }
}

fn open_series(
    state: &BillingState,
    series: SeriesCode,
    scheme: Scheme,
    issuer: &Issuer,
    now: Timestamp,
) -> Result<Vec<BillingEvent>, Rejection> {
    if let Some(known) = &state.series {
        let same = known.code == series && known.scheme == scheme && known.issuer == *issuer;
        return if same { Ok(Vec::new()) } else { Err(Rejection::SeriesTaken) };
    }
    text(&issuer.name, "an issuer has a name of 1 to 500 characters")?;
    let others = [&issuer.activity, &issuer.address, &issuer.district, &issuer.city, &issuer.resolution];
    if others.iter().any(|text| text.chars().count() > MAX_TEXT) || issuer.tax_id.len() > MAX_TEXT {
        return Err(Rejection::InvalidText("texts of an issuer have at most 500 characters"));
    }
    let opened = SeriesOpened { series, scheme, issuer: issuer.clone(), at: now };
    let mut events = vec![BillingEvent::SeriesOpened(opened)];
    if scheme == Scheme::Plain {
        let own = [DocumentType::Receipt, DocumentType::CreditNote].map(|document_type| {
            BillingEvent::FolioRangeLoaded(FolioRangeLoaded {
                document_type,
                first: 1,
                last: OWN_FOLIOS,
                expires_at: None,
                authorisation: String::new(),
                at: now,
            })
        });
        events.extend(own);
    }
    Ok(events)
}

fn load(
    state: &BillingState,
    series: &Series,
    range: &LoadFolioRange,
    now: Timestamp,
) -> Result<Vec<BillingEvent>, Rejection> {
    let LoadFolioRange { document_type, first, last, expires_at, authorisation } = range;
    // Who counts by itself has all folios already.
    if series.scheme == Scheme::Plain || document_type.scheme() != series.scheme {
        return Err(Rejection::WrongDocumentType(*document_type));
    }
    if *first == 0 || last < first {
        return Err(Rejection::InvalidRange);
    }
    if authorisation.len() > MAX_AUTHORISATION {
        return Err(Rejection::InvalidText("an authorisation has at most 20,000 bytes"));
    }
    let loaded_to = state.loaded_to(*document_type);
    if *first <= loaded_to {
        return Err(Rejection::RangeNotNext { last: loaded_to });
    }
    Ok(vec![BillingEvent::FolioRangeLoaded(FolioRangeLoaded {
        document_type: *document_type,
        first: *first,
        last: *last,
        expires_at: *expires_at,
        authorisation: authorisation.clone(),
        at: now,
    })])
}

fn issue_receipt(
    state: &BillingState,
    series: &Series,
    receipt: &IssueReceipt,
    now: Timestamp,
) -> Result<Vec<BillingEvent>, Rejection> {
    if state.receipts.contains(receipt.order_id) {
        return Ok(Vec::new());
    }
    let document_type = receipt.document_type;
    if !document_type.is_receipt() || document_type.scheme() != series.scheme {
        return Err(Rejection::WrongDocumentType(document_type));
    }
    if receipt.total < 0 {
        return Err(Rejection::InvalidAmount);
    }
    Ok(vec![BillingEvent::DocumentIssued(DocumentIssued {
        document: next(state, document_type, receipt.source_position, now)?,
        order_id: receipt.order_id,
        customer_id: receipt.customer_id,
        show_id: receipt.show_id,
        refund: None,
        source_position: receipt.source_position,
        amounts: Amounts::of(document_type, receipt.total),
        currency: receipt.currency,
        issued_at: now,
    })])
}

fn issue_credit_note(
    state: &BillingState,
    note: &IssueCreditNote,
    now: Timestamp,
) -> Result<Vec<BillingEvent>, Rejection> {
    if state.credit_notes(note.order_id).iter().any(|known| known.refund_id == note.refund_id) {
        return Ok(Vec::new());
    }
    let receipt = state.receipts.get(note.order_id).ok_or(Rejection::ReceiptMissing(note.order_id))?;
    if note.amount < 0 || note.amount > receipt.total - receipt.given_back {
        return Err(Rejection::InvalidAmount);
    }
    let document_of_receipt = receipt.document.document_type;
    let document_type = document_of_receipt.credit_note();
    Ok(vec![BillingEvent::DocumentIssued(DocumentIssued {
        document: next(state, document_type, note.source_position, now)?,
        order_id: note.order_id,
        customer_id: receipt.customer_id,
        show_id: receipt.show_id,
        refund: Some(RefundReference {
            refund_id: note.refund_id,
            receipt: receipt.document,
            annuls: note.amount == receipt.total,
        }),
        source_position: note.source_position,
        amounts: Amounts::given_back(document_of_receipt, receipt.given_back, note.amount),
        currency: receipt.currency,
        issued_at: now,
    })])
}

/// The document that the event at this position gets.
fn next(
    state: &BillingState,
    document_type: DocumentType,
    source_position: u64,
    now: Timestamp,
) -> Result<DocumentId, Rejection> {
    if state.skipped.contains(&source_position) {
        return Err(Rejection::Skipped(source_position));
    }
    let folio = state.next_folio(document_type, now).ok_or(Rejection::NoFolioLeft(document_type))?;
    Ok(DocumentId { document_type, folio })
}

fn record_verdict(
    state: &BillingState,
    document: DocumentId,
    refusal: Option<&str>,
    now: Timestamp,
) -> Result<Vec<BillingEvent>, Rejection> {
    let Some(progress) = open(state, document)? else { return Ok(Vec::new()) };
    Ok(match refusal {
        _ if progress.is_accepted => Vec::new(),
        None => vec![BillingEvent::DocumentAccepted(DocumentAccepted { document, at: now })],
        Some(reason) if progress.refusal.as_deref() == Some(cut(reason).as_str()) => Vec::new(),
        Some(reason) => {
            vec![BillingEvent::DocumentRefused(DocumentRefused { document, reason: cut(reason), at: now })]
        }
    })
}

/// What is left to do for a document; `None` when it is done with.
fn open(
    state: &BillingState,
    document: DocumentId,
) -> Result<Option<&super::state::DocumentProgress>, Rejection> {
    match state.open.get(&document) {
        Some(progress) => Ok(Some(progress)),
        None if state.was_issued(document) => Ok(None),
        None => Err(Rejection::DocumentUnknown(document)),
    }
}

fn parked(state: &BillingState, source_position: u64) -> Result<u64, Rejection> {
    let is_parked = state.parked.contains_key(&source_position);
    if is_parked { Ok(source_position) } else { Err(Rejection::NotParked(source_position)) }
}

fn text(text: &str, wanted: &'static str) -> Result<String, Rejection> {
    let trimmed = text.trim();
    let fits = !trimmed.is_empty() && trimmed.chars().count() <= MAX_TEXT;
    if fits { Ok(trimmed.to_owned()) } else { Err(Rejection::InvalidText(wanted)) }
}

/// What others say may be long.
fn cut(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}
