//! Orders and refunds get their documents, whichever way they came: from the log or from the durable buffer.
//!
//! Invariant: what can never have a document is parked and the others go on; when folios are missing nothing is parked and nothing
//! is given up.

use ticketflow_domain::billing::{BillingCommand, BillingRejection, FolioStock};
use ticketflow_event_store::Position;

use crate::billing::Phase;
use crate::desk::{Desk, Interruption};
use crate::fiscal::LOW_STOCK;
use crate::sources::Source;

/// What became of an order or refund.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// It has its document, or is set aside: nothing is left to do.
    Settled,
    /// It is to be tried again: the receipt that it takes back is not there yet.
    Early,
}

impl Desk {
    /// Gives each source its document; what cannot have one is parked.
    pub(crate) async fn give_documents(&self, sources: &[Source]) -> Result<Vec<Given>, Interruption> {
        let shelf = self.shelf().await?;
        let is_open: Vec<bool> = {
            let books = shelf.read();
            sources.iter().map(|source| !books.is_set_aside(source.position)).collect()
        };
        let wanted: Vec<&Source> =
            sources.iter().zip(&is_open).filter(|(_, is_open)| **is_open).map(|(source, _)| source).collect();
        let commands: Vec<BillingCommand> = wanted.iter().map(|source| source.command.clone()).collect();
        fail::fail_point!("billing::before-issuing");
        let answers = shelf.carry_out(&commands, self.now()).await?;
        fail::fail_point!("billing::issued");
        let mut given = vec![Given::Settled; sources.len()];
        let places = is_open.iter().enumerate().filter(|(_, is_open)| **is_open).map(|(place, _)| place);
        let mut park = Vec::new();
        let mut missing = None;
        let mut issued = 0;
        for ((place, source), answer) in places.zip(wanted).zip(answers) {
            match answer {
                Ok(events) => issued += events.len(),
                // An operator passed over it a moment ago.
                Err(BillingRejection::Skipped(_)) => {}
                Err(none_left @ BillingRejection::NoFolioLeft(_)) => missing = Some(none_left),
                // What follows from an order that waits for folios waits as well.
                Err(BillingRejection::ReceiptMissing(_)) if missing.is_some() => {}
                Err(BillingRejection::ReceiptMissing(_)) if source.comes_again => given[place] = Given::Early,
                Err(rejection) => park.push(BillingCommand::Park {
                    source_position: source.position,
                    order_id: source.order_id,
                    error: rejection.to_string(),
                    attempts: source.attempts,
                }),
            }
        }
        if issued > 0 {
            metrics::counter!("billing_documents_total").increment(issued as u64);
            self.issued.notify_one();
            self.to_submit.notify_one();
        }
        if !park.is_empty() {
            tracing::error!(
                count = park.len(),
                "orders or refunds cannot have a document; they wait for an operator"
            );
            shelf.carry_out(&park, self.now()).await?;
        }
        missing.map_or(Ok(given), |rejection| Err(Interruption::Refused(rejection)))
    }

    /// Everything up to the position has its document or is set aside.
    pub(crate) async fn reached(&self, position: Position) -> Result<(), Interruption> {
        let shelf = self.shelf().await?;
        let books = shelf.read();
        let stock: Vec<FolioStock> = books.current().stock(self.now()).collect();
        for kind in &stock {
            let name = format!("{:?}", kind.document_type);
            metrics::gauge!("billing_folios_left", "document_type" => name).set(kind.left as f64);
        }
        let parked = books.all().map(|books| books.parked().count()).sum();
        metrics::gauge!("billing_parked").set(parked as f64);
        let low = stock.iter().any(|kind| kind.left < LOW_STOCK);
        metrics::gauge!("billing_folios_low").set(if low { 1.0 } else { 0.0 });
        let head = self.ports.store.log().head().position;
        let mut status = self.status();
        (status.position, status.parked, status.stock, status.last_error) = (position, parked, stock, None);
        if position >= head || status.phase == Phase::Waiting {
            status.phase = Phase::Live;
        }
        Ok(())
    }
}
