//! Receipts and the credit notes that take parts of them back, kept compact: an issuer may make millions.
//!
//! 96 bytes a receipt and a credit note, 9 to 20 for the index by order id. Growing moves nothing but a part of the index.

use ticketflow_row_table::{RowIndex, Rows, hash_of_random_id};

use super::documents::{DocumentId, DocumentType};
use super::state::{CreditNote, Receipt};
use crate::ids::{CustomerId, OrderId, ShowId};
use crate::money::Currency;
use crate::time::Timestamp;

/// No credit note.
const NONE: u32 = u32::MAX;

/// All receipts of an issuer, in the order in which they were issued.
#[derive(Debug, Clone, Default)]
pub(super) struct Receipts {
    rows: Rows<Row>,
    notes: Rows<NoteRow>,
    by_order: RowIndex,
}

#[derive(Debug, Clone)]
struct Row {
    order_id: OrderId,
    customer_id: CustomerId,
    show_id: ShowId,
    folio: u64,
    source_position: u64,
    issued_at: Timestamp,
    total: i64,
    given_back: i64,
    last_note: u32,
    currency: Currency,
    document_type: DocumentType,
}

impl Row {
    fn new(order_id: OrderId, receipt: &Receipt, last_note: u32) -> Self {
        let DocumentId { document_type, folio } = receipt.document;
        Self {
            order_id,
            customer_id: receipt.customer_id,
            show_id: receipt.show_id,
            folio,
            source_position: receipt.source_position,
            issued_at: receipt.issued_at,
            total: receipt.total,
            given_back: receipt.given_back,
            last_note,
            currency: receipt.currency,
            document_type,
        }
    }

    fn receipt(&self) -> Receipt {
        Receipt {
            document: DocumentId { document_type: self.document_type, folio: self.folio },
            source_position: self.source_position,
            issued_at: self.issued_at,
            customer_id: self.customer_id,
            show_id: self.show_id,
            total: self.total,
            currency: self.currency,
            given_back: self.given_back,
        }
    }
}

#[derive(Debug, Clone)]
struct NoteRow {
    note: CreditNote,
    /// The one of the same order before it.
    before: u32,
}

fn hash(id: OrderId) -> u64 {
    hash_of_random_id(&id.to_bytes())
}

impl Receipts {
    fn number(&self, order_id: OrderId) -> Option<u32> {
        self.by_order.find(hash(order_id), |row| self.rows[row].order_id == order_id)
    }

    /// Whether the order has a receipt.
    pub(super) fn contains(&self, order_id: OrderId) -> bool {
        self.number(order_id).is_some()
    }

    /// The receipt of an order.
    pub(super) fn get(&self, order_id: OrderId) -> Option<Receipt> {
        Some(self.rows[self.number(order_id)?].receipt())
    }

    /// The credit notes of an order, in the order in which they were issued.
    pub(super) fn notes(&self, order_id: OrderId) -> Vec<CreditNote> {
        self.number(order_id).map_or_else(Vec::new, |row| self.notes_of(&self.rows[row]))
    }

    fn notes_of(&self, row: &Row) -> Vec<CreditNote> {
        let last = self.notes.get(row.last_note);
        let backwards = std::iter::successors(last, |note| self.notes.get(note.before));
        let mut notes: Vec<CreditNote> = backwards.map(|row| row.note).collect();
        notes.reverse();
        notes
    }

    /// Adds the receipt of an order. One that it has is replaced; its credit notes stay.
    pub(super) fn insert(&mut self, order_id: OrderId, receipt: &Receipt) {
        match self.number(order_id) {
            Some(number) => {
                let row = &mut self.rows[number];
                *row = Row::new(order_id, receipt, row.last_note);
            }
            None => {
                let number = self.rows.push(Row::new(order_id, receipt, NONE));
                self.by_order.insert(hash(order_id), number);
            }
        }
    }

    /// Adds a credit note to the receipt of an order, and what it gives back. Nothing is given back of no receipt.
    pub(super) fn add_note(&mut self, order_id: OrderId, note: CreditNote) {
        let Some(number) = self.number(order_id) else { return };
        let row = &mut self.rows[number];
        row.given_back += note.amounts.total;
        row.last_note = self.notes.push(NoteRow { note, before: row.last_note });
    }

    /// Takes over what others have of an order.
    pub(super) fn take_over(&mut self, order_id: OrderId, others: &Self) {
        if self.contains(order_id) {
            return;
        }
        if let Some(receipt) = others.get(order_id) {
            self.restore(order_id, &receipt, others.notes(order_id));
        }
    }

    /// Adds a receipt with its credit notes as they were stored: what they give back is in the receipt.
    pub(super) fn restore(&mut self, order_id: OrderId, receipt: &Receipt, notes: Vec<CreditNote>) {
        self.insert(order_id, &Receipt { given_back: 0, ..*receipt });
        notes.into_iter().for_each(|note| self.add_note(order_id, note));
    }

    /// All receipts with their credit notes, in the order in which they were issued.
    pub(super) fn iter(&self) -> impl Iterator<Item = (OrderId, Receipt, Vec<CreditNote>)> {
        self.rows.iter().map(|row| (row.order_id, row.receipt(), self.notes_of(row)))
    }
}

impl PartialEq for Receipts {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Receipts {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_small_as_the_module_says() {
        assert_eq!((size_of::<Row>(), size_of::<NoteRow>()), (96, 96));
    }
}
