//! What is to be done next before the authority, from what the books say. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use ticketflow_domain::billing::{DocumentId, DocumentView, Issuer, OrderDocuments, Scheme};
use ticketflow_domain::{OrderId, Timestamp};
use ticketflow_fiscal_chile::MAX_DOCUMENTS;

use crate::shelf::ShelfView;

/// Envelopes of one document in a round.
const MOST_ALONE: usize = 64;

/// A document of one of the books.
pub(super) type Place = (usize, DocumentId);

/// What this process knows of documents beyond the books. All of it can be forgotten.
#[derive(Default)]
pub(super) struct Marks {
    /// To be submitted though the books say that they were: the authority knows nothing of it.
    pub(super) again: HashSet<Place>,
    /// Were in an envelope that was refused as a whole: each goes in one of its own.
    pub(super) alone: HashSet<Place>,
    /// Cannot be made before then.
    pub(super) later: HashMap<Place, Instant>,
}

/// A document to be submitted.
pub(super) struct Item {
    pub(super) place: Place,
    pub(super) order_id: OrderId,
    pub(super) documents: OrderDocuments,
    pub(super) view: DocumentView,
    /// The authority was not given it before, as far as the books know.
    pub(super) is_first: bool,
}

/// Documents that go together: of one issuer, and of one kind of envelope.
pub(super) struct Envelope {
    pub(super) issuer: Issuer,
    pub(super) items: Vec<Item>,
}

/// What is to be done.
#[derive(Default)]
pub(super) struct Work {
    pub(super) envelopes: Vec<Envelope>,
    /// Documents by the books and the number to ask about.
    pub(super) submitted: BTreeMap<(usize, String), Vec<DocumentId>>,
    /// Documents that the authority was not given.
    pub(super) unsubmitted: usize,
    /// When the oldest of them was issued.
    pub(super) oldest: Option<Timestamp>,
    /// Documents that it did not take.
    pub(super) refused: usize,
}

/// Looks through the books.
pub(super) fn gather(shelf: &ShelfView<'_>, marks: &Marks, now: Instant) -> Work {
    let mut work = Work::default();
    for (index, books) in shelf.all().enumerate() {
        let Some((issuer, Scheme::Chile)) = books.issuer() else { continue };
        // Boletas, and credit notes.
        let mut together = [Vec::new(), Vec::new()];
        for (&document, progress) in books.open() {
            let place = (index, document);
            let is_again = marks.again.contains(&place);
            if progress.is_accepted {
                continue;
            }
            if progress.refusal.is_some() {
                work.refused += 1;
                continue;
            }
            if let (Some(track_id), false) = (&progress.track_id, is_again) {
                work.submitted.entry((index, track_id.clone())).or_default().push(document);
                continue;
            }
            let is_first = !progress.was_submitted && progress.refusal.is_none();
            if is_first {
                work.unsubmitted += 1;
                let oldest = work.oldest.get_or_insert(progress.issued_at);
                *oldest = (*oldest).min(progress.issued_at);
            }
            let is_alone = marks.alone.contains(&place);
            let group = &mut together[usize::from(!document.document_type.is_receipt())];
            let is_full =
                if is_alone { work.envelopes.len() >= MOST_ALONE } else { group.len() >= MAX_DOCUMENTS };
            if is_full || marks.later.get(&place).is_some_and(|at| *at > now) {
                continue;
            }
            let Some(documents) = books.documents(progress.order_id) else { continue };
            let mut of_order = std::iter::once(&documents.receipt).chain(&documents.credit_notes);
            let Some(&view) = of_order.find(|view| view.document == document) else { continue };
            let item = Item { place, order_id: progress.order_id, documents, view, is_first };
            if is_alone {
                work.envelopes.push(Envelope { issuer: issuer.clone(), items: vec![item] });
            } else {
                group.push(item);
            }
        }
        let filled = together.into_iter().filter(|items| !items.is_empty());
        work.envelopes.extend(filled.map(|items| Envelope { issuer: issuer.clone(), items }));
    }
    work
}
