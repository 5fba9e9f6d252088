//! What the tables have to say: the fold of the log from its first event, event by event, kept as a digest a row; and what has to
//! hold of the books themselves.
//!
//! Independent of the runner in this: it reads the log again, from the beginning, writes nothing, and joins no runs. It shares with
//! it how an event becomes a row.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};
use ticketflow_domain::billing::{BillingEvent, DocumentType, FolioRangeLoaded};
use ticketflow_domain::{TicketId, Timestamp};
use ticketflow_event_store::{Batch, Category, EmbeddedLog, Head, Position, billing_event};

use super::changes::RowChanges;
use super::fold::{Fold, FoldError};
use super::invoice_rows::{InvoiceKey, Progress, document_type_name};
use super::tables::{Cells, DELIVERIES, INVOICES, ISSUERS, TICKETS, Table};
use super::ticket_rows::{TicketChange, change_cells};
use crate::order_facts::FactReader;

/// Of a row.
pub(crate) type Digest = [u8; 32];
/// The rows that a table has to have, by the text of their key.
pub(crate) type Expected = BTreeMap<String, Digest>;

/// The rows of all tables.
pub(crate) struct Reference {
    pub(crate) tables: [(&'static Table, Expected); 4],
    /// Where the books do not hold what they promise.
    pub(crate) faults: Vec<String>,
}

/// While the log is read.
#[derive(Default)]
struct Kept {
    issuers: Expected,
    invoices: BTreeMap<InvoiceKey, (Digest, Progress, Timestamp)>,
    deliveries: Expected,
    tickets: BTreeMap<TicketId, (Digest, Option<TicketChange>)>,
    ranges: HashMap<(String, DocumentType), Vec<FolioRangeLoaded>>,
}

/// The text of a row's key.
pub(crate) fn key_text(table: &Table, cells: &[Option<String>]) -> String {
    let parts = cells[..table.key_columns].iter().map(|cell| cell.as_deref().unwrap_or_default());
    parts.collect::<Vec<_>>().join(" ")
}

/// Of a row as it was made and as it has become.
pub(crate) fn digest(table: &Table, cells: &[Option<String>]) -> Digest {
    let (made, become_so) = cells.split_at(cells.len() - table.changing_columns);
    joined(digest_of(made), become_so)
}

fn joined(made: Digest, become_so: &[Option<String>]) -> Digest {
    if become_so.is_empty() {
        return made;
    }
    Sha256::new().chain_update(made).chain_update(digest_of(become_so)).finalize().into()
}

fn digest_of(cells: &[Option<String>]) -> Digest {
    let mut digest = Sha256::new();
    for cell in cells {
        // NULL, or a length and a text: no two rows come to the same bytes.
        match cell {
            None => digest.update([0]),
            Some(text) => {
                digest.update([1]);
                digest.update((text.len() as u64).to_be_bytes());
                digest.update(text);
            }
        }
    }
    digest.finalize().into()
}

fn made(table: &Table, cells: &Cells) -> Digest {
    digest_of(&cells[..cells.len() - table.changing_columns])
}

/// The rows at a position, which is the end of a batch. Blocks on the disk.
pub(crate) fn reference_at(
    facts: FactReader,
    log: &EmbeddedLog,
    to: Position,
    mut progress: impl FnMut(Position),
) -> Result<Reference, FoldError> {
    let mut fold = Fold::new(facts, HashMap::new(), Head::default());
    let mut kept = Kept::default();
    let mut reader = log.read_from(1)?;
    while reader.next_position() <= to {
        let Some(batch) = reader.next_batch()? else { break };
        let mut changes = RowChanges::default();
        fold.apply(&mut changes, &batch)?;
        kept.add(changes);
        kept.note_ranges(&batch)?;
        progress(batch.last_position());
    }
    Ok(kept.finish())
}

impl Kept {
    fn add(&mut self, changes: RowChanges) {
        for row in &changes.issuers {
            let cells = row.cells();
            self.issuers.insert(key_text(&ISSUERS, &cells), digest(&ISSUERS, &cells));
        }
        for (key, row) in changes.invoices {
            let made = made(&INVOICES, &row.cells());
            self.invoices.insert(key, (made, row.progress().clone(), row.issued_at()));
        }
        for (key, later) in changes.progress {
            if let Some((_, progress, _)) = self.invoices.get_mut(&key) {
                progress.then(later);
            }
        }
        for row in &changes.deliveries {
            let cells = row.cells();
            self.deliveries.insert(key_text(&DELIVERIES, &cells), digest(&DELIVERIES, &cells));
        }
        for (ticket_id, row) in changes.tickets {
            self.tickets.insert(ticket_id, (made(&TICKETS, &row.cells()), row.change().cloned()));
        }
        for (ticket_id, change) in changes.ticket_changes {
            if let Some((_, kept)) = self.tickets.get_mut(&ticket_id) {
                *kept = Some(change);
            }
        }
    }

    fn note_ranges(&mut self, batch: &Batch<'_>) -> Result<(), FoldError> {
        if batch.stream().category != Category::Billing {
            return Ok(());
        }
        let position = batch.first_position();
        let series = String::from_utf8_lossy(&batch.stream().id).trim_end_matches('\0').to_owned();
        for record in batch.events() {
            let event = billing_event(record).map_err(|source| FoldError::Event { position, source })?;
            if let BillingEvent::FolioRangeLoaded(range) = event {
                self.ranges.entry((series.clone(), range.document_type)).or_default().push(range);
            }
        }
        Ok(())
    }

    fn finish(self) -> Reference {
        let faults = self.folio_faults();
        let invoices = self.invoices.iter().map(|(key, (made, progress, _))| {
            (key_text(&INVOICES, &key.cells()), joined(*made, &progress.cells()))
        });
        let tickets = self.tickets.iter().map(|(ticket_id, (made, change))| {
            (ticket_id.to_string(), joined(*made, &change_cells(change.as_ref())))
        });
        let (invoices, tickets) = (invoices.collect(), tickets.collect());
        let tables = [
            (&ISSUERS, self.issuers),
            (&INVOICES, invoices),
            (&DELIVERIES, self.deliveries),
            (&TICKETS, tickets),
        ];
        Reference { tables, faults }
    }

    /// Folios follow each other without a gap, but for those of a range that had expired.
    fn folio_faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut before: HashMap<(String, DocumentType), u64> = HashMap::new();
        for (key, (_, _, issued_at)) in &self.invoices {
            let sequence = (key.series.clone(), key.document.document_type);
            let folio = key.document.folio;
            let last = before.insert(sequence.clone(), folio).unwrap_or_default();
            let ranges = self.ranges.get(&sequence).map_or(&[][..], Vec::as_slice);
            let may_be_left =
                |range: &&FolioRangeLoaded| range.expires_at.is_some_and(|end| end <= *issued_at);
            let passed_over = ranges.iter().filter(|range| !may_be_left(range)).find_map(|range| {
                let (first, end) = (range.first.max(last + 1), range.last.min(folio.saturating_sub(1)));
                (first <= end).then_some(first)
            });
            let kind = document_type_name(sequence.1);
            if let Some(passed_over) = passed_over {
                faults.push(format!(
                    "{} {kind}: folio {passed_over} was passed over before {folio}",
                    key.series
                ));
            }
            if !ranges.iter().any(|range| (range.first..=range.last).contains(&folio)) {
                faults.push(format!("{} {kind}: folio {folio} is of no range", key.series));
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_move_over_a_border_come_to_another_digest() {
        let cells = |cells: [Option<&str>; 2]| cells.map(|cell| cell.map(str::to_owned));
        let all = [
            cells([Some("ab"), Some("c")]),
            cells([Some("a"), Some("bc")]),
            cells([Some("abc"), None]),
            cells([Some("abc"), Some("")]),
            cells([None, Some("abc")]),
        ];
        let digests: std::collections::HashSet<Digest> = all.iter().map(|cells| digest_of(cells)).collect();
        assert_eq!(digests.len(), all.len());
    }
}
