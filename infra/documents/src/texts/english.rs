//! The sentences in English. What the tax office reads stays in Spanish.

use super::Texts;

/// The table.
pub(crate) static ENGLISH: Texts = Texts {
    demo: "DEMO, SIN VALIDEZ TRIBUTARIA · DEMO, NOT A TAX DOCUMENT",
    tickets_title: "Tickets: {show}",
    ticket_number: "Ticket {n} of {total}",
    when: "Date",
    doors_time: "Time",
    venue: "Venue",
    buyer: "Name",
    price: "Price",
    zone: "Zone",
    row: "Row",
    seat: "Seat",
    place: "Place",
    general_admission: "General admission",
    order: "Order",
    tax_id: "RUT",
    issued_on: "Date of issue",
    billed_to: "Billed to",
    description: "Description",
    quantity: "Quantity",
    amount: "Amount",
    net: "Net",
    exempt: "Exempt",
    tax: "VAT ({percent}%)",
    total: "Total",
    refers_to: "Refers to: {document} of {date}. {reason}",
    page: "Page {n} of {total}",
    stamp: "Timbre Electrónico SII",
    resolution: "Res. {number} de {year} · Verifique documento: {address}",
};
