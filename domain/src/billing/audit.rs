//! The invariants of all books of a log, checked event by event against a bookkeeping of its own.
//!
//! Deliberately naive and independent of [`super::BillingState`], so that the two don't share a mistake: it knows what was sold and
//! given back from the shows' events, and holds every document against that. Used to prove a stored log; issuing never depends on it.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::documents::{DocumentId, DocumentType, SeriesCode};
use super::events::{BillingEvent, DocumentIssued};
use crate::ids::OrderId;
use crate::show::ShowEvent;
use crate::show::audit::Violation;

/// What asks for a document.
#[derive(Debug, Clone, Copy)]
struct Source {
    order_id: OrderId,
    amount: i64,
    is_refund: bool,
}

/// What is known of one issuer's books.
#[derive(Default)]
struct Book {
    /// The ranges that were loaded, in order.
    ranges: BTreeMap<DocumentType, Vec<(u64, u64)>>,
    last: BTreeMap<DocumentType, u64>,
    issued: HashSet<DocumentId>,
    mailed: HashSet<DocumentId>,
    accepted: HashSet<DocumentId>,
}

/// The bookkeeping of all books.
#[derive(Default)]
pub struct BillingAudit {
    sources: HashMap<u64, Source>,
    /// Which order or refund has its document.
    documented: HashSet<u64>,
    receipts: HashMap<OrderId, i64>,
    books: HashMap<SeriesCode, Book>,
    documents: u64,
    violations: Vec<Violation>,
}

impl BillingAudit {
    /// Takes an event of a show, stored at `position`.
    pub fn observe_show(&mut self, event: &ShowEvent, position: u64) {
        let source = match event {
            ShowEvent::OrderPaid(paid) => {
                Source { order_id: paid.order_id, amount: paid.total, is_refund: false }
            }
            ShowEvent::TicketsRefunded(refunded) => {
                Source { order_id: refunded.order_id, amount: refunded.amount, is_refund: true }
            }
            _ => return,
        };
        self.sources.insert(position, source);
    }

    /// Takes an event of the books of a series, stored at `position`. Books come after what they are about.
    pub fn observe(&mut self, series: SeriesCode, event: &BillingEvent, position: u64) {
        let book = self.books.entry(series).or_default();
        let mut wrong = |what: String| {
            self.violations.push(Violation { position, what: format!("series {series}: {what}") })
        };
        match event {
            BillingEvent::FolioRangeLoaded(range) => {
                let ranges = book.ranges.entry(range.document_type).or_default();
                if ranges.last().is_some_and(|(_, last)| range.first <= *last) || range.first > range.last {
                    wrong(format!("range {} to {} overlaps another", range.first, range.last));
                }
                ranges.push((range.first, range.last));
            }
            BillingEvent::DocumentIssued(issued) => self.issued(series, issued, position),
            BillingEvent::DocumentMailed(mailed) => {
                if !book.issued.contains(&mailed.document) {
                    wrong(format!("{:?} was mailed and never issued", mailed.document));
                }
                if !book.mailed.insert(mailed.document) {
                    wrong(format!("{:?} was mailed twice", mailed.document));
                }
            }
            BillingEvent::DocumentAccepted(accepted) => {
                if !book.issued.contains(&accepted.document) || !book.accepted.insert(accepted.document) {
                    wrong(format!("{:?} was accepted twice, or never issued", accepted.document));
                }
            }
            BillingEvent::DocumentSubmitted(submitted) if !book.issued.contains(&submitted.document) => {
                wrong(format!("{:?} was submitted and never issued", submitted.document));
            }
            BillingEvent::SeriesOpened(_)
            | BillingEvent::DocumentSubmitted(_)
            | BillingEvent::DocumentRefused(_)
            | BillingEvent::DocumentReopened(_)
            | BillingEvent::SourceParked(_)
            | BillingEvent::SourceRetried(_)
            | BillingEvent::SourceSkipped(_) => {}
        }
    }

    fn issued(&mut self, series: SeriesCode, issued: &DocumentIssued, position: u64) {
        let mut wrong = Vec::new();
        let DocumentId { document_type, folio } = issued.document;
        let name = format!("{document_type:?} {folio}");
        self.documents += 1;
        if !self.documented.insert(issued.source_position) {
            wrong.push(format!("{name} is a second document for position {}", issued.source_position));
        }
        match self.sources.get(&issued.source_position) {
            Some(source) => {
                let same = source.order_id == issued.order_id
                    && source.amount == issued.amounts.total
                    && source.is_refund == issued.refund.is_some();
                if !same {
                    wrong.push(format!("{name} is not what position {} asks for", issued.source_position));
                }
            }
            None => wrong
                .push(format!("{name} is about position {}, where nothing was sold", issued.source_position)),
        }
        let sums = issued.amounts;
        if sums.net + sums.tax + sums.exempt != sums.total {
            wrong.push(format!("{name} does not add up"));
        }
        match &issued.refund {
            None => {
                if self.receipts.insert(issued.order_id, sums.total).is_some() {
                    wrong.push(format!("{name} is a second receipt of order {}", issued.order_id));
                }
            }
            Some(refund) => match self.receipts.get_mut(&issued.order_id) {
                Some(left) if *left >= sums.total => *left -= sums.total,
                _ => wrong.push(format!("{name} takes back more than {:?} gave", refund.receipt)),
            },
        }
        let book = self.books.entry(series).or_default();
        let ranges = book.ranges.get(&document_type).map_or(&[][..], Vec::as_slice);
        if !ranges.iter().any(|(first, last)| (*first..=*last).contains(&folio)) {
            wrong.push(format!("{name} is outside of every range"));
        }
        // The next one, or the first of a later range: what a range had left may have expired.
        let follows = match book.last.insert(document_type, folio) {
            Some(last) => {
                folio == last + 1 || (folio > last && ranges.iter().any(|(first, _)| *first == folio))
            }
            None => ranges.iter().any(|(first, _)| *first == folio),
        };
        if !follows {
            wrong.push(format!("{name} does not follow the folio before"));
        }
        book.issued.insert(issued.document);
        self.violations.extend(
            wrong.into_iter().map(|what| Violation { position, what: format!("series {series}: {what}") }),
        );
    }

    /// How many documents there are, and what does not hold.
    #[must_use]
    pub fn finish(self) -> (u64, Vec<Violation>) {
        (self.documents, self.violations)
    }
}
