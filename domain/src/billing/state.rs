//! The books of an issuer, folded from their stream. Folding never fails.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::amounts::Amounts;
use super::commands::BillingCommand;
use super::documents::{DocumentId, DocumentType, Scheme, SeriesCode};
use super::events::{BillingEvent, DocumentIssued, FolioRangeLoaded, Issuer};
use super::receipts::Receipts;
use crate::ids::{CustomerId, OrderId, RefundId, ShowId};
use crate::money::Currency;
use crate::time::Timestamp;

/// Who issues, and by whose rules.
#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub(super) struct Series {
    pub(super) code: SeriesCode,
    pub(super) scheme: Scheme,
    pub(super) issuer: Issuer,
}

#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub(super) struct Range {
    pub(super) next: u64,
    pub(super) last: u64,
    pub(super) expires_at: Option<Timestamp>,
}

impl Range {
    fn is_usable(&self, now: Timestamp) -> bool {
        self.next <= self.last && self.expires_at.is_none_or(|end| now < end)
    }
}

/// The folios of a document type.
#[derive(Debug, Clone, Default, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub(super) struct Sequence {
    /// Those with folios left, in order.
    pub(super) ranges: VecDeque<Range>,
    /// The last folio that was loaded.
    pub(super) loaded_to: u64,
    pub(super) issued: u64,
}

/// A receipt, and how much of it was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct Receipt {
    /// The document.
    pub document: DocumentId,
    /// Of the order's event in the log.
    pub source_position: u64,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Whose order.
    pub customer_id: CustomerId,
    /// Of which show.
    pub show_id: ShowId,
    /// What it adds up to.
    pub total: i64,
    /// In what.
    pub currency: Currency,
    /// Taken back by credit notes so far.
    pub given_back: i64,
}

/// What takes a part of a receipt back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct CreditNote {
    /// The document.
    pub document: DocumentId,
    /// Of which refund.
    pub refund_id: RefundId,
    /// Whether it takes back all of the receipt at once.
    pub annuls: bool,
    /// Of the refund's event in the log.
    pub source_position: u64,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// What it adds up to.
    pub amounts: Amounts,
}

/// A document that is not done with: something has still to be done, or to be said by the authority.
#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct DocumentProgress {
    /// Of which order.
    pub order_id: OrderId,
    /// Of the event that it was made for.
    pub source_position: u64,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Under which the authority is asked; `None` while it is to be given the document, or has no say.
    pub track_id: Option<String>,
    /// Whether the authority was ever given it.
    pub was_submitted: bool,
    /// Whether the authority has taken it, or has no say.
    pub is_accepted: bool,
    /// Why the authority did not take it.
    pub refusal: Option<String>,
    /// Whether the buyer's mail is with a mail server.
    pub is_mailed: bool,
}

/// An order or refund that waits for an operator.
#[derive(Debug, Clone, PartialEq, Eq, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize)]
pub struct ParkedSource {
    /// Of which order.
    pub order_id: OrderId,
    /// Why.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Since when.
    pub at: Timestamp,
}

/// How many folios of a kind are used and left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FolioStock {
    /// Of which kind.
    pub document_type: DocumentType,
    /// Documents made.
    pub issued: u64,
    /// Folios that may still be used now.
    pub left: u64,
    /// The next one.
    pub next: Option<u64>,
    /// From when on it may not be used.
    pub expires_at: Option<Timestamp>,
}

/// The books.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BillingState {
    pub(super) series: Option<Series>,
    pub(super) sequences: BTreeMap<DocumentType, Sequence>,
    pub(super) receipts: Receipts,
    pub(super) open: BTreeMap<DocumentId, DocumentProgress>,
    /// Of those, what is not mailed: the rest may be many, while an authority is away.
    pub(super) unmailed: BTreeSet<DocumentId>,
    pub(super) parked: BTreeMap<u64, ParkedSource>,
    pub(super) skipped: BTreeSet<u64>,
}

impl BillingState {
    /// Who issues here, and by whose rules.
    #[must_use]
    pub fn issuer(&self) -> Option<(&Issuer, Scheme)> {
        self.series.as_ref().map(|series| (&series.issuer, series.scheme))
    }

    /// The receipt of an order.
    #[must_use]
    pub fn receipt(&self, order_id: OrderId) -> Option<Receipt> {
        self.receipts.get(order_id)
    }

    /// The credit notes of an order, in the order in which they were issued.
    #[must_use]
    pub fn credit_notes(&self, order_id: OrderId) -> Vec<CreditNote> {
        self.receipts.notes(order_id)
    }

    /// What is not done with, in the order of type and folio.
    pub fn open(&self) -> impl Iterator<Item = (&DocumentId, &DocumentProgress)> {
        self.open.iter()
    }

    /// What is not mailed, in the order of type and folio.
    pub fn unmailed(&self) -> impl Iterator<Item = (DocumentId, &DocumentProgress)> {
        self.unmailed.iter().filter_map(|document| Some((*document, self.open.get(document)?)))
    }

    /// What the authority did not take, and why, in the order of type and folio.
    pub fn refused(&self) -> impl Iterator<Item = (DocumentId, &DocumentProgress, &str)> {
        let with_refusal =
            self.open.iter().map(|(&document, progress)| (document, progress, progress.refusal.as_deref()));
        with_refusal.filter_map(|(document, progress, refusal)| Some((document, progress, refusal?)))
    }

    /// What is left to do for a document; `None` when it is done with, or was never made.
    #[must_use]
    pub fn progress(&self, document: DocumentId) -> Option<&DocumentProgress> {
        self.open.get(&document)
    }

    /// What waits for an operator, by the position of its event.
    pub fn parked(&self) -> impl Iterator<Item = (u64, &ParkedSource)> {
        self.parked.iter().map(|(&position, parked)| (position, parked))
    }

    /// Whether the event at this position needs nothing more done by itself: it waits for an operator, or was passed over.
    #[must_use]
    pub fn is_set_aside(&self, source_position: u64) -> bool {
        self.parked.contains_key(&source_position) || self.skipped.contains(&source_position)
    }

    /// How many folios of each kind are used and left at a moment.
    pub fn stock(&self, now: Timestamp) -> impl Iterator<Item = FolioStock> + '_ {
        self.sequences.iter().map(move |(&document_type, sequence)| {
            let usable = || sequence.ranges.iter().filter(|range| range.is_usable(now));
            FolioStock {
                document_type,
                issued: sequence.issued,
                left: usable().map(|range| range.last - range.next + 1).sum(),
                next: usable().next().map(|range| range.next),
                expires_at: usable().next().and_then(|range| range.expires_at),
            }
        })
    }

    /// The last folio of this kind that was ever loaded; 0 when none was.
    #[must_use]
    pub fn loaded_to(&self, document_type: DocumentType) -> u64 {
        self.sequences.get(&document_type).map_or(0, |sequence| sequence.loaded_to)
    }

    /// The folio that the next document of this kind gets.
    pub(super) fn next_folio(&self, document_type: DocumentType, now: Timestamp) -> Option<u64> {
        let ranges = &self.sequences.get(&document_type)?.ranges;
        ranges.iter().find(|range| range.is_usable(now)).map(|range| range.next)
    }

    /// Whether there is such a document.
    pub(super) fn was_issued(&self, document: DocumentId) -> bool {
        let Some(sequence) = self.sequences.get(&document.document_type) else { return false };
        // What lies behind the folios that are left was used, or expired unused.
        let left = sequence.ranges.iter().any(|range| (range.next..=range.last).contains(&document.folio));
        !left && (1..=sequence.loaded_to).contains(&document.folio)
    }

    /// What these commands read of the books, copied: whoever carries several out decides each on top of what the ones before came to, in
    /// this, and folds all of it into the books once it is durable.
    #[must_use]
    pub fn excerpt(&self, commands: &[BillingCommand]) -> Self {
        let mut excerpt =
            Self { series: self.series.clone(), sequences: self.sequences.clone(), ..Self::default() };
        for command in commands {
            match command {
                BillingCommand::OpenSeries { .. } | BillingCommand::LoadFolioRange(_) => {}
                BillingCommand::IssueReceipt(receipt) => {
                    excerpt.receipts.take_over(receipt.order_id, &self.receipts);
                    excerpt.take_over_source(receipt.source_position, self);
                }
                BillingCommand::IssueCreditNote(note) => {
                    excerpt.receipts.take_over(note.order_id, &self.receipts);
                    excerpt.take_over_source(note.source_position, self);
                }
                BillingCommand::RecordSubmission { document, .. }
                | BillingCommand::RecordVerdict { document, .. }
                | BillingCommand::Reopen { document }
                | BillingCommand::RecordMail { document, .. } => {
                    let progress = self.open.get_key_value(document);
                    excerpt.open.extend(progress.map(|(document, progress)| (*document, progress.clone())));
                }
                BillingCommand::Park { source_position, .. }
                | BillingCommand::Retry { source_position }
                | BillingCommand::Skip { source_position, .. } => {
                    excerpt.take_over_source(*source_position, self);
                }
            }
        }
        excerpt
    }

    fn take_over_source(&mut self, source_position: u64, others: &Self) {
        let parked = others.parked.get(&source_position);
        self.parked.extend(parked.map(|parked| (source_position, parked.clone())));
        self.skipped.extend(others.skipped.get(&source_position));
    }

    /// Folds an event.
    pub fn evolve(&mut self, event: &BillingEvent) {
        match event {
            BillingEvent::SeriesOpened(event) => {
                self.series =
                    Some(Series { code: event.series, scheme: event.scheme, issuer: event.issuer.clone() });
            }
            BillingEvent::FolioRangeLoaded(event) => self.loaded(event),
            BillingEvent::DocumentIssued(event) => self.issued(event),
            BillingEvent::DocumentSubmitted(event) => {
                if let Some(progress) = self.open.get_mut(&event.document) {
                    progress.track_id = Some(event.track_id.clone());
                    progress.was_submitted = true;
                    progress.refusal = None;
                }
            }
            BillingEvent::DocumentAccepted(event) => self.change(event.document, |progress| {
                progress.is_accepted = true;
                progress.refusal = None;
            }),
            BillingEvent::DocumentRefused(event) => {
                self.change(event.document, |progress| progress.refusal = Some(event.reason.clone()));
            }
            BillingEvent::DocumentReopened(event) => self.change(event.document, |progress| {
                progress.track_id = None;
                progress.refusal = None;
            }),
            BillingEvent::DocumentMailed(event) => {
                self.unmailed.remove(&event.document);
                self.change(event.document, |progress| progress.is_mailed = true);
            }
            BillingEvent::SourceParked(event) => {
                let parked = ParkedSource {
                    order_id: event.order_id,
                    error: event.error.clone(),
                    attempts: event.attempts,
                    at: event.at,
                };
                self.parked.insert(event.source_position, parked);
            }
            BillingEvent::SourceRetried(event) => drop(self.parked.remove(&event.source_position)),
            BillingEvent::SourceSkipped(event) => {
                self.parked.remove(&event.source_position);
                self.skipped.insert(event.source_position);
            }
        }
    }

    fn loaded(&mut self, event: &FolioRangeLoaded) {
        let sequence = self.sequences.entry(event.document_type).or_default();
        sequence.ranges.push_back(Range {
            next: event.first,
            last: event.last,
            expires_at: event.expires_at,
        });
        sequence.loaded_to = sequence.loaded_to.max(event.last);
    }

    fn issued(&mut self, event: &DocumentIssued) {
        let DocumentId { document_type, folio } = event.document;
        let sequence = self.sequences.entry(document_type).or_default();
        sequence.issued += 1;
        // What had expired before it stays behind unused.
        while sequence.ranges.front().is_some_and(|range| range.last <= folio) {
            sequence.ranges.pop_front();
        }
        if let Some(range) = sequence.ranges.front_mut() {
            range.next = range.next.max(folio + 1);
        }
        match &event.refund {
            None => {
                let receipt = Receipt {
                    document: event.document,
                    source_position: event.source_position,
                    issued_at: event.issued_at,
                    customer_id: event.customer_id,
                    show_id: event.show_id,
                    total: event.amounts.total,
                    currency: event.currency,
                    given_back: 0,
                };
                self.receipts.insert(event.order_id, &receipt);
            }
            Some(refund) => {
                let note = CreditNote {
                    document: event.document,
                    refund_id: refund.refund_id,
                    annuls: refund.annuls,
                    source_position: event.source_position,
                    issued_at: event.issued_at,
                    amounts: event.amounts,
                };
                self.receipts.add_note(event.order_id, note);
            }
        }
        self.parked.remove(&event.source_position);
        let progress = DocumentProgress {
            order_id: event.order_id,
            source_position: event.source_position,
            issued_at: event.issued_at,
            track_id: None,
            was_submitted: false,
            is_accepted: document_type.scheme() == Scheme::Plain,
            refusal: None,
            is_mailed: false,
        };
        self.open.insert(event.document, progress);
        self.unmailed.insert(event.document);
    }

    /// Changes what is left to do, and forgets the document when that is nothing.
    fn change(&mut self, document: DocumentId, change: impl FnOnce(&mut DocumentProgress)) {
        let Some(progress) = self.open.get_mut(&document) else { return };
        change(progress);
        if progress.is_accepted && progress.is_mailed {
            self.open.remove(&document);
        }
    }
}
