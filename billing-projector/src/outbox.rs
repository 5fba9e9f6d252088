//! Mails every document to its buyer: what the books say is not mailed is sent, and then written into the books.
//!
//! Invariants: a mail has the same identity at every try, so that one sent twice after a crash is one mail; nothing is mailed that
//! the books say was mailed, so a rebuild mails nothing. A mail server that is away is waited for; a mail that it will not have is
//! parked, and the others go on.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ticketflow_backoff::Backoff;
use ticketflow_domain::billing::{BillingCommand, DocumentId};
use ticketflow_telemetry::with_causes;
use tokio::task::JoinSet;

use crate::books::BooksError;
use crate::desk::Desk;
use crate::letter::{Letter, LetterError, MailPorts};

/// Mails of one round: what they came to is written down together.
const ROUND: usize = 64;
/// Mails under way at once: more than processors, as each waits for a disk or a server.
const UNDER_WAY: usize = 8;
/// Tries of a mail that a server which takes others will not take now. With the pauses below, about a day.
const MAX_ATTEMPTS: u32 = 30;
/// First and longest pause before a mail is tried again.
const AGAIN_AFTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(3_600));
/// How often the books are looked at when nobody says that there is something new: another process may have issued it.
const LOOK: Duration = Duration::from_secs(5);

/// A document of one of the books.
type Place = (usize, DocumentId);

/// A mail that was not taken.
struct Again {
    attempts: u32,
    at: Instant,
}

/// The part of billing that mails.
pub(crate) struct Outbox {
    desk: Arc<Desk>,
    ports: Arc<MailPorts>,
    again: HashMap<Place, Again>,
}

impl Outbox {
    pub(crate) fn new(desk: Arc<Desk>, ports: MailPorts) -> Self {
        Self { desk, ports: Arc::new(ports), again: HashMap::new() }
    }

    /// Until billing is to stop. A round that has begun is finished and written down.
    pub(crate) async fn run(mut self) {
        let mut backoff = Backoff::default();
        while !*self.desk.stopping.borrow() {
            let letters = match self.due().await {
                Ok(letters) => letters,
                Err(error) => {
                    tracing::error!(
                        error = with_causes(&error),
                        "the books cannot be read; no mails are sent"
                    );
                    self.desk.status().mail_error = Some(with_causes(&error));
                    Vec::new()
                }
            };
            metrics::gauge!("billing_mails_waiting").set(self.again.len() as f64);
            if letters.is_empty() {
                tokio::select! {
                    () = self.desk.issued.notified() => {}
                    () = tokio::time::sleep(LOOK) => {}
                    () = self.desk.stopped() => {}
                }
                continue;
            }
            let (sent, trouble) = self.round(letters).await;
            if trouble.is_some() || self.again.is_empty() {
                self.desk.status().mail_error = trouble.clone();
            }
            match trouble {
                // Nothing went through: the server, not the mails.
                Some(_) if sent == 0 => tokio::select! {
                    () = tokio::time::sleep(backoff.next_wait()) => {}
                    () = self.desk.stopped() => {}
                },
                _ => backoff.reset(),
            }
        }
    }

    /// What is to be mailed now, the longest issued first.
    async fn due(&mut self) -> Result<Vec<(Place, Letter)>, BooksError> {
        let shelf = self.desk.shelf().await?;
        let now = Instant::now();
        let mut letters = Vec::new();
        for (index, books) in shelf.read().all().enumerate() {
            for (document, progress) in books.unmailed() {
                let place = (index, document);
                let waits = self.again.get(&place).is_some_and(|again| again.at > now);
                if letters.len() == ROUND {
                    return Ok(letters);
                }
                if waits || books.is_set_aside(progress.source_position) {
                    continue;
                }
                let Some(documents) = books.documents(progress.order_id) else { continue };
                // What a refund says of the calendar's entry comes after the entry.
                let receipt = &documents.receipt;
                let is_early = receipt.document != document
                    && !receipt.is_mailed
                    && !books.is_set_aside(receipt.source_position);
                if is_early {
                    continue;
                }
                let of_order = std::iter::once(&documents.receipt).chain(&documents.credit_notes);
                let Some(&view) = of_order.into_iter().find(|view| view.document == document) else {
                    continue;
                };
                letters.push((place, Letter { order_id: progress.order_id, documents, view }));
            }
        }
        Ok(letters)
    }

    /// Sends, and writes down what became of each. Says how many went through, and what was in the way of others.
    async fn round(&mut self, letters: Vec<(Place, Letter)>) -> (usize, Option<String>) {
        let mut waiting = letters.into_iter();
        let mut under_way = JoinSet::new();
        let mut outcomes = Vec::new();
        loop {
            while under_way.len() < UNDER_WAY
                && let Some((place, letter)) = waiting.next()
            {
                let ports = self.ports.clone();
                under_way.spawn(async move {
                    let outcome = letter.send(&ports).await;
                    (place, letter, outcome)
                });
            }
            match under_way.join_next().await {
                Some(Ok(outcome)) => outcomes.push(outcome),
                Some(Err(error)) => tracing::error!(%error, "a mail ended by an error of this software"),
                None => break,
            }
        }
        let sent = outcomes.iter().filter(|(.., outcome)| outcome.is_ok()).count();
        let mut trouble = None;
        let mut record: BTreeMap<usize, Vec<BillingCommand>> = BTreeMap::new();
        for (place, letter, outcome) in outcomes {
            let command = match outcome {
                Ok(message_id) => {
                    self.again.remove(&place);
                    Some(BillingCommand::RecordMail {
                        document: letter.document(),
                        message_id: message_id.to_string(),
                    })
                }
                Err(error) => {
                    let text = with_causes(&error);
                    let command = self.failed(place, &letter, &error, &text, sent > 0);
                    trouble = Some(text);
                    command
                }
            };
            record.entry(place.0).or_default().extend(command);
        }
        metrics::counter!("billing_mails_total").increment(sent as u64);
        fail::fail_point!("billing::before-writing-down", |_| (0, None));
        self.desk.write_down(record).await;
        fail::fail_point!("billing::written-down", |_| (0, None));
        (sent, trouble)
    }

    /// What follows from a mail that was not taken: it is tried again, or parked.
    fn failed(
        &mut self,
        place: Place,
        letter: &Letter,
        error: &LetterError,
        text: &str,
        others_went_through: bool,
    ) -> Option<BillingCommand> {
        let again = self.again.entry(place).or_insert(Again { attempts: 0, at: Instant::now() });
        // A server that is away says nothing about the mail, nor do many who download documents.
        if (others_went_through && !error.is_of_this_process()) || !error.passes() {
            again.attempts += 1;
        }
        if error.passes() && again.attempts < MAX_ATTEMPTS {
            let doubled = AGAIN_AFTER.0.saturating_mul(1 << again.attempts.min(12));
            again.at = Instant::now()
                + if again.attempts == 0 { Duration::ZERO } else { doubled.min(AGAIN_AFTER.1) };
            tracing::warn!(order_id = %letter.order_id, error = text, "a mail was not taken; it is tried again");
            return None;
        }
        let attempts = again.attempts;
        self.again.remove(&place);
        tracing::error!(order_id = %letter.order_id, error = text, "a mail cannot be sent; it waits for an operator");
        Some(BillingCommand::Park {
            source_position: letter.view.source_position,
            order_id: letter.order_id,
            error: text.to_owned(),
            attempts,
        })
    }
}
