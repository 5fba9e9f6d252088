//! Gives every fiscal document to the authority and finds out what it thinks of it: what the books say was not given is submitted, and
//! what became of it is written into the books.
//!
//! Invariants: a document is the same at every try, so that one given twice, after a lost answer or a crash, is one document to the
//! authority, which says so: that counts as taken. Nothing is written down that the authority did not say, except that a document cannot
//! be made at all. An authority that is away is waited for; what it refuses stays refused until an operator has it submitted again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ticketflow_backoff::Backoff;
use ticketflow_domain::billing::{BillingCommand, DocumentId};
use ticketflow_fiscal_chile::{
    DocumentType, Refusal, RefusedDocument, SignedDocument, StatusError, SubmissionStatus, SubmitError,
    TrackId,
};
use ticketflow_telemetry::with_causes;
use tokio::task::JoinSet;

use super::measures;
use super::rounds::{Envelope, Item, Marks, Place, Work, gather};
use super::{FiscalPorts, own_type};
use crate::books::BooksError;
use crate::desk::Desk;
use crate::press::PressError;

/// Envelopes asked about in one round.
const MOST_ASKED: usize = 64;
/// Documents made at once.
const UNDER_WAY: usize = 4;
/// After so long a document that cannot be made now is tried again.
const LATER: Duration = Duration::from_secs(30);
/// How often the books are looked at when nobody says that there is something new: another process may have issued it, or an operator
/// wants something submitted again.
const LOOK: Duration = Duration::from_secs(5);

/// The part of billing that speaks with the authority.
pub(crate) struct Submission {
    desk: Arc<Desk>,
    ports: Arc<FiscalPorts>,
    marks: Marks,
}

/// What a round came to.
#[derive(Default)]
struct Round {
    /// Something was written down, or will be tried in another way.
    went_on: bool,
    /// The authority did not answer, or a document cannot be made now.
    trouble: Option<String>,
}

impl Submission {
    pub(crate) fn new(desk: Arc<Desk>, ports: FiscalPorts) -> Self {
        Self { desk, ports: Arc::new(ports), marks: Marks::default() }
    }

    /// Until billing is to stop. A round that has begun is finished and written down.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::default();
        while !*self.desk.stopping.borrow() {
            let work = match self.look().await {
                Ok(work) => work,
                Err(error) => {
                    let error = with_causes(&error);
                    tracing::error!(error, "the books cannot be read; nothing is submitted");
                    self.desk.status().authority_error = Some(error);
                    tokio::select! {
                        () = tokio::time::sleep(LOOK) => {}
                        () = self.desk.stopped() => {}
                    }
                    continue;
                }
            };
            if work.envelopes.is_empty() && work.submitted.is_empty() {
                if work.unsubmitted == 0 {
                    self.desk.status().authority_error = None;
                }
                tokio::select! {
                    () = self.desk.to_submit.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                    () = self.desk.stopped() => {}
                }
                continue;
            }
            let Round { went_on, trouble } = self.round(work).await;
            if let Some(error) = &trouble {
                tracing::warn!(error, "fiscal documents wait for the authority; selling and mailing go on");
            }
            self.desk.status().authority_error = trouble;
            if went_on {
                backoff.reset();
            } else {
                tokio::select! {
                    () = tokio::time::sleep(backoff.next_wait()) => {}
                    () = self.desk.stopped() => {}
                }
            }
        }
    }

    /// What is to be done, and says how things stand.
    async fn look(&mut self) -> Result<Work, BooksError> {
        let (shelf, now) = (self.desk.shelf().await?, Instant::now());
        let work = gather(&shelf.read(), &self.marks, now);
        drop(shelf);
        measures::standing(&work, self.desk.now());
        self.desk.status().unsubmitted = work.unsubmitted;
        Ok(work)
    }

    async fn round(&mut self, work: Work) -> Round {
        let mut round = Round::default();
        for envelope in work.envelopes {
            if *self.desk.stopping.borrow() {
                return round;
            }
            if !self.submit(envelope, &mut round).await {
                return round;
            }
        }
        for ((books, track_id), documents) in work.submitted.into_iter().take(MOST_ASKED) {
            if *self.desk.stopping.borrow() || !self.ask(books, &track_id, documents, &mut round).await {
                return round;
            }
        }
        round
    }

    /// Whether the authority is there.
    async fn submit(&mut self, envelope: Envelope, round: &mut Round) -> bool {
        let (items, signed) = self.make(envelope.items, round).await;
        if items.is_empty() {
            return true;
        }
        let (office, issuer, now) = (self.ports.office.clone(), envelope.issuer, self.desk.now());
        let sealing = tokio::task::spawn_blocking(move || office.envelope(&issuer, &signed, now));
        let sealed = match sealing.await {
            Ok(Ok(sealed)) => sealed,
            // Each document could be signed: it is the cover, which is for whoever set the issuer up.
            Ok(Err(error)) => {
                round.trouble = Some(with_causes(&error));
                return true;
            }
            Err(error) => {
                round.trouble = Some(error.to_string());
                return true;
            }
        };
        fail::fail_point!("billing::before-submitting", |_| false);
        let answer = self.ports.authority.submit(sealed).await;
        fail::fail_point!("billing::submitted", |_| false);
        match answer {
            Ok(track_id) => self.was_submitted(items, track_id, round).await,
            // It may have taken it: the next try finds that out.
            Err(error @ SubmitError::Unavailable) => {
                round.trouble = Some(error.to_string());
                return false;
            }
            Err(error @ SubmitError::NotAnEnvelope(_)) => {
                let places = items.into_iter().map(|item| item.place).collect();
                self.apart(places, with_causes(&error), round).await;
            }
        }
        true
    }

    /// Reads and signs. What cannot be made is written down as refused, or waits.
    async fn make(&mut self, items: Vec<Item>, round: &mut Round) -> (Vec<Item>, Vec<SignedDocument>) {
        let mut waiting = items.into_iter();
        let mut under_way = JoinSet::new();
        let (mut made, mut impossible) = (Vec::new(), Vec::new());
        loop {
            while under_way.len() < UNDER_WAY
                && let Some(item) = waiting.next()
            {
                let ports = self.ports.clone();
                under_way.spawn(async move {
                    let signed = sign(&ports, &item).await;
                    (item, signed)
                });
            }
            match under_way.join_next().await {
                None => break,
                Some(Err(error)) => round.trouble = Some(error.to_string()),
                Some(Ok((item, Ok(Some(signed))))) => made.push((item, signed)),
                // Documents of the authority's are made or not, never none.
                Some(Ok((_, Ok(None)))) => {}
                Some(Ok((item, Err(error))))
                    if error.passes() || matches!(error, PressError::NoFiscalKeys) =>
                {
                    round.trouble = Some(with_causes(&error));
                    self.marks.later.insert(item.place, Instant::now() + LATER);
                }
                Some(Ok((item, Err(error)))) => {
                    impossible
                        .push((item.place, Some(format!("it cannot be made: {}", with_causes(&error)))));
                }
            }
        }
        self.write_verdicts(impossible, round).await;
        // In the order of their folios, whichever was made first.
        made.sort_unstable_by_key(|(item, _)| item.place);
        made.into_iter().unzip()
    }

    async fn was_submitted(&mut self, items: Vec<Item>, track_id: TrackId, round: &mut Round) {
        let mut record: BTreeMap<usize, Vec<BillingCommand>> = BTreeMap::new();
        for item in &items {
            let (books, document) = item.place;
            let command = BillingCommand::RecordSubmission { document, track_id: track_id.to_string() };
            record.entry(books).or_default().push(command);
        }
        self.desk.write_down(record).await;
        fail::fail_point!("billing::submission-written-down");
        round.went_on = true;
        measures::submitted(&items, self.desk.now());
        for item in items {
            self.marks.again.remove(&item.place);
            self.marks.later.remove(&item.place);
        }
    }

    /// Nothing in an envelope was looked at: one of its documents may be to blame, and the others are not.
    async fn apart(&mut self, places: Vec<Place>, reason: String, round: &mut Round) {
        if let [place] = places[..] {
            self.write_verdicts(vec![(place, Some(format!("the envelope: {reason}")))], round).await;
        } else {
            tracing::error!(
                reason,
                documents = places.len(),
                "an envelope was refused; its documents go one by one"
            );
            self.marks.alone.extend(&places);
            self.marks.again.extend(&places);
            round.went_on = true;
        }
    }

    /// Whether the authority is there.
    async fn ask(
        &mut self,
        books: usize,
        track_id: &str,
        documents: Vec<DocumentId>,
        round: &mut Round,
    ) -> bool {
        let places: Vec<_> = documents.into_iter().map(|document| (books, document)).collect();
        let Ok(track_id) = track_id.parse::<TrackId>() else {
            tracing::error!(
                track_id,
                "a number that is not the authority's; its documents are submitted again"
            );
            self.marks.again.extend(places);
            return true;
        };
        match self.ports.authority.status(track_id).await {
            Ok(SubmissionStatus::Processing) => {}
            Ok(SubmissionStatus::Refused(refusal)) => self.apart(places, refusal.to_string(), round).await,
            Ok(SubmissionStatus::Processed { accepted, refused }) => {
                let verdicts = verdicts(accepted, refused);
                let (said, unsaid): (Vec<_>, Vec<_>) =
                    places.into_iter().partition(|(_, document)| verdicts.contains_key(document));
                let said = said.into_iter().map(|place| (place, verdicts[&place.1].clone())).collect();
                self.write_verdicts(said, round).await;
                round.went_on |= !unsaid.is_empty();
                self.marks.again.extend(unsaid);
            }
            // It has forgotten: the same documents once more do no harm.
            Err(StatusError::Unknown(_)) => {
                self.marks.again.extend(places);
                round.went_on = true;
            }
            Err(error @ StatusError::Unavailable) => {
                round.trouble = Some(error.to_string());
                return false;
            }
        }
        true
    }

    async fn write_verdicts(&mut self, verdicts: Vec<(Place, Option<String>)>, round: &mut Round) {
        if verdicts.is_empty() {
            return;
        }
        let mut record: BTreeMap<usize, Vec<BillingCommand>> = BTreeMap::new();
        let mut counts = [0_u64; 2];
        for (place, refusal) in verdicts {
            if let Some(reason) = &refusal {
                let DocumentId { document_type, folio } = place.1;
                tracing::error!(
                    ?document_type,
                    folio,
                    reason,
                    "a document was refused; see /v1/ops/refused-documents"
                );
            }
            counts[usize::from(refusal.is_some())] += 1;
            self.marks.again.remove(&place);
            self.marks.alone.remove(&place);
            self.marks.later.remove(&place);
            let command = BillingCommand::RecordVerdict { document: place.1, refusal };
            record.entry(place.0).or_default().push(command);
        }
        fail::fail_point!("billing::before-verdict");
        self.desk.write_down(record).await;
        fail::fail_point!("billing::verdict-written-down");
        round.went_on = true;
        measures::verdicts(counts);
    }
}

async fn sign(ports: &FiscalPorts, item: &Item) -> Result<Option<SignedDocument>, PressError> {
    let copy = ports.press.copy(&item.documents, item.order_id, item.view.source_position).await?;
    ports.press.signed(&item.documents, item.view, Arc::new(copy)).await
}

/// Why the authority did not take a document; `None` where it did, now or at a try whose answer was lost.
fn verdicts(
    accepted: Vec<(DocumentType, u64)>,
    refused: Vec<RefusedDocument>,
) -> BTreeMap<DocumentId, Option<String>> {
    let id = |kind, folio| DocumentId { document_type: own_type(kind), folio };
    let reason = |refusal: Refusal| (refusal != Refusal::Repeated).then(|| refusal.to_string());
    let accepted = accepted.into_iter().map(|(kind, folio)| (id(kind, folio), None));
    let refused = refused.into_iter().map(|one| (id(one.document_type, one.folio), reason(one.refusal)));
    accepted.chain(refused).collect()
}
