//! The row changes of a run of batches, each row once. Pure.
//!
//! Invariant: writing the changes of a run leaves what writing those of each of its events in turn would leave.

use std::collections::BTreeMap;

use ticketflow_domain::TicketId;
use ticketflow_event_store::Head;

use super::invoice_rows::{DeliveryRow, InvoiceKey, InvoiceRow, IssuerRow, Progress};
use super::ticket_rows::{TicketChange, TicketRow};

/// What one event does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Issuer(IssuerRow),
    Invoice(InvoiceRow),
    Progress(InvoiceKey, Progress, DeliveryRow),
    Ticket(TicketRow),
    TicketBecomes(TicketId, TicketChange),
}

/// What a run of batches does to the rows.
#[derive(Debug, Default)]
pub(crate) struct RowChanges {
    /// The last batch of the run; `None` when there was none.
    pub(crate) to: Option<Head>,
    /// Events that changed something.
    pub(crate) events: usize,
    pub(crate) issuers: Vec<IssuerRow>,
    /// New ones, with what became of them in the run.
    pub(crate) invoices: BTreeMap<InvoiceKey, InvoiceRow>,
    /// What became of those that were there before.
    pub(crate) progress: BTreeMap<InvoiceKey, Progress>,
    pub(crate) deliveries: Vec<DeliveryRow>,
    /// New ones, as they are after the run.
    pub(crate) tickets: BTreeMap<TicketId, TicketRow>,
    /// What became of those that were there before.
    pub(crate) ticket_changes: BTreeMap<TicketId, TicketChange>,
}

impl RowChanges {
    /// Adds what an event does.
    pub(crate) fn add(&mut self, change: Change) {
        self.events += 1;
        match change {
            Change::Issuer(row) => self.issuers.push(row),
            Change::Invoice(row) => drop(self.invoices.insert(row.key.clone(), row)),
            Change::Progress(key, progress, delivery) => {
                self.deliveries.push(delivery);
                match self.invoices.get_mut(&key) {
                    Some(invoice) => invoice.becomes(progress),
                    None => self.progress.entry(key).or_default().then(progress),
                }
            }
            Change::Ticket(row) => drop(self.tickets.insert(row.ticket_id, row)),
            Change::TicketBecomes(ticket_id, change) => match self.tickets.get_mut(&ticket_id) {
                Some(ticket) => ticket.becomes(change),
                None => drop(self.ticket_changes.insert(ticket_id, change)),
            },
        }
    }

    /// Rows that are written.
    pub(crate) fn rows(&self) -> usize {
        self.issuers.len()
            + self.invoices.len()
            + self.progress.len()
            + self.deliveries.len()
            + self.tickets.len()
            + self.ticket_changes.len()
    }
}

#[cfg(test)]
mod tests {
    use ticketflow_domain::Timestamp;
    use ticketflow_domain::billing::{
        DocumentAccepted, DocumentId, DocumentMailed, DocumentRefused, DocumentReopened, DocumentSubmitted,
        DocumentType, SeriesCode,
    };

    use super::super::invoice_rows::{accepted, mailed, refused, reopened, submitted};
    use super::*;

    const DOCUMENT: DocumentId = DocumentId { document_type: DocumentType::TaxedReceipt, folio: 7 };

    fn series() -> SeriesCode {
        "CALETA".parse().unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_millis(1_893_456_000_000 + second * 1_000)
    }

    /// What can become of a document, in turn.
    fn steps() -> Vec<Change> {
        let document = DOCUMENT;
        let track_id = "T1".to_owned();
        let reason = "no timbre".to_owned();
        vec![
            submitted(series(), DocumentSubmitted { document, track_id, at: at(1) }, 11),
            refused(series(), DocumentRefused { document, reason, at: at(2) }, 12),
            mailed(series(), DocumentMailed { document, message_id: "<7@c>".to_owned(), at: at(3) }, 13),
            reopened(series(), DocumentReopened { document, at: at(3) }, 14),
            submitted(series(), DocumentSubmitted { document, track_id: "T2".to_owned(), at: at(4) }, 15),
            accepted(series(), DocumentAccepted { document, at: at(5) }, 16),
        ]
    }

    fn cells(changes: &RowChanges) -> Vec<Option<String>> {
        changes.progress.values().next().unwrap().cells()
    }

    #[test]
    fn steps_of_a_run_come_to_one_change_that_says_what_all_of_them_do() {
        let texts = |cells: [Option<&str>; 4]| cells.map(|cell| cell.map(str::to_owned)).to_vec();
        let mailed_at = Some("2030-01-01 00:00:03.000");
        let after = [
            texts([Some("submitted"), Some("T1"), None, None]),
            texts([Some("refused"), Some("T1"), Some("no timbre"), None]),
            texts([Some("refused"), Some("T1"), Some("no timbre"), mailed_at]),
            texts([Some("issued"), Some("T1"), None, mailed_at]),
            texts([Some("submitted"), Some("T2"), None, mailed_at]),
            texts([Some("accepted"), Some("T2"), None, mailed_at]),
        ];
        let mut changes = RowChanges::default();
        for (step, expected) in steps().into_iter().zip(after) {
            changes.add(step);
            assert_eq!(cells(&changes), expected);
        }
        assert_eq!((changes.rows(), changes.deliveries.len(), changes.events), (7, 6, 6));
    }

    #[test]
    fn a_later_mail_says_nothing_of_the_authority() {
        let mut changes = RowChanges::default();
        changes.add(steps().swap_remove(2));
        assert_eq!(cells(&changes), [None, None, None, Some("2030-01-01 00:00:03.000".to_owned())]);
    }

    #[test]
    fn every_step_is_a_row_with_its_position_and_its_words() {
        let mut changes = RowChanges::default();
        steps().into_iter().for_each(|step| changes.add(step));
        let rows: Vec<Vec<String>> =
            changes.deliveries.iter().map(|row| row.cells().into_iter().flatten().collect()).collect();
        assert_eq!(
            rows[0],
            ["11", "CALETA", "taxed_receipt", "7", "submitted", "2030-01-01 00:00:01.000", "T1"]
        );
        assert_eq!(rows[1][4..], ["refused", "2030-01-01 00:00:02.000", "no timbre"]);
        assert_eq!(rows[5][4..], ["accepted", "2030-01-01 00:00:05.000"]);
    }

    #[test]
    fn a_ticket_that_was_there_before_is_changed_and_a_new_one_is_made_so() {
        let (ticket_id, gate) = (TicketId::from_bytes([5; 16]), "Norte".to_owned());
        let used = TicketChange::Used { at: at(9), gate };
        let mut changes = RowChanges::default();
        changes.add(Change::TicketBecomes(ticket_id, used.clone()));
        assert_eq!((changes.tickets.len(), changes.ticket_changes.get(&ticket_id)), (0, Some(&used)));
    }
}
