//! Writes a checked document as the `Documento` element of its schema: elements in the schema's order, texts cut to its lengths.
//!
//! Invariant: what is written validates for any texts. The order of the calls below is the order in the schema.

use jiff::civil::DateTime;

use crate::documents::{
    Correction, CreditNote, Document, DocumentType, LineKind, Receipt, ReceiptLine, TicketInfo, plain_rut,
    plain_time,
};
use crate::latin1::clean;
use crate::stamp::{NO_NAME, Stamp};
use crate::xml_writer::XmlWriter;

/// Shows on behalf of others (`IndServicio`).
const SHOWS_FOR_OTHERS: u8 = 4;
/// No tax on this line (`IndExe`).
const EXEMPT: u8 = 1;
const VAT_PERCENT: u8 = 19;

const LONG_NAME: usize = 100;
const ACTIVITY: usize = 80;
const ADDRESS: usize = 70;
const PLACE: usize = 20;
const CONTACT: usize = 80;
const ITEM: usize = 80;
const EVENT: usize = 80;
const TICKET_TYPE: usize = 10;
const EVENT_CODE: usize = 5;
const SECTION: usize = 20;
const ROW_OR_SEAT: usize = 3;
const REASON: usize = 90;

/// What the `Documento` of this document is called (`ID`).
pub(crate) fn document_id(document_type: DocumentType, folio: u64) -> String {
    format!("F{folio}T{}", document_type.code())
}

/// `<Documento ID="...">...</Documento>`.
pub(crate) fn write_document(document: &Document, stamp: &Stamp, signed_at: DateTime) -> String {
    let mut writer = XmlWriter::default();
    let id = document_id(document.document_type(), document.folio());
    writer.raw(&format!("<Documento ID=\"{id}\">\n"));
    match document {
        Document::Receipt(receipt) => write_receipt(&mut writer, receipt),
        Document::CreditNote(note) => write_credit_note(&mut writer, note),
    }
    writer.raw(stamp.as_xml());
    writer.raw("\n");
    writer.leaf("TmstFirma", plain_time(signed_at));
    writer.raw("</Documento>");
    writer.finish()
}

fn write_receipt(writer: &mut XmlWriter, receipt: &Receipt) {
    writer.parent("Encabezado", |writer| {
        writer.parent("IdDoc", |writer| {
            writer.leaf("TipoDTE", receipt.document_type.code());
            writer.leaf("Folio", receipt.folio);
            writer.leaf("FchEmis", receipt.issued_on);
            writer.leaf("IndServicio", SHOWS_FOR_OTHERS);
        });
        writer.parent("Emisor", |writer| {
            let issuer = &receipt.issuer;
            writer.leaf("RUTEmisor", plain_rut(issuer.rut));
            writer.optional("RznSocEmisor", Some(clean(&issuer.name, LONG_NAME)));
            writer.optional("GiroEmisor", Some(clean(&issuer.activity, ACTIVITY)));
            writer.optional("DirOrigen", Some(clean(&issuer.address, ADDRESS)));
            writer.optional("CmnaOrigen", Some(clean(&issuer.district, PLACE)));
            writer.optional("CiudadOrigen", Some(clean(&issuer.city, PLACE)));
        });
        writer.parent("Receptor", |writer| {
            let receiver = &receipt.receiver;
            writer.leaf("RUTRecep", receiver.plain_rut());
            writer.optional("RznSocRecep", receiver.name.as_deref().map(|name| clean(name, LONG_NAME)));
            writer.optional("Contacto", receiver.contact.as_deref().map(|contact| clean(contact, CONTACT)));
        });
        writer.parent("Totales", |writer| {
            let totals = receipt.totals;
            if receipt.document_type == DocumentType::TaxedReceipt {
                writer.leaf("MntNeto", totals.net);
            } else {
                writer.leaf("MntExe", totals.exempt);
            }
            // The schema has no tax of zero.
            writer.optional("IVA", (totals.tax > 0).then(|| totals.tax.to_string()));
            writer.leaf("MntTotal", totals.total);
        });
    });
    for (line, number) in receipt.lines.iter().zip(1_usize..) {
        writer.parent("Detalle", |writer| write_receipt_line(writer, line, number, receipt.document_type));
    }
}

fn write_receipt_line(
    writer: &mut XmlWriter,
    line: &ReceiptLine,
    number: usize,
    document_type: DocumentType,
) {
    writer.leaf("NroLinDet", number);
    if document_type == DocumentType::ExemptReceipt {
        writer.leaf("IndExe", EXEMPT);
    }
    writer.leaf("ItemEspectaculo", if matches!(line.kind, LineKind::Ticket(_)) { "01" } else { "02" });
    writer.leaf("RUTMandante", plain_rut(line.organiser));
    writer.leaf("NmbItem", required(&line.name, ITEM));
    if let LineKind::Ticket(ticket) = &line.kind {
        writer.parent("InfoTicket", |writer| write_ticket(writer, ticket));
    }
    writer.leaf("QtyItem", line.quantity);
    // The schema has no price of zero: a free ticket has an amount only.
    writer.optional("PrcItem", (line.unit_price > 0).then(|| line.unit_price.to_string()));
    writer.leaf("MontoItem", line.amount());
}

fn write_ticket(writer: &mut XmlWriter, ticket: &TicketInfo) {
    writer.leaf("FolioTicket", ticket.number);
    writer.leaf("FchGenera", plain_time(ticket.issued_at));
    writer.leaf("NmbEvento", required(&ticket.event_name, EVENT));
    writer.leaf("TpoTicket", required(&ticket.ticket_type, TICKET_TYPE));
    writer.leaf("CdgEvento", required(&ticket.event_code, EVENT_CODE));
    writer.leaf("FchEvento", plain_time(ticket.event_at));
    writer.leaf("LugarEvento", required(&ticket.venue, EVENT));
    writer.leaf("UbicEvento", required(&ticket.section, SECTION));
    writer.optional("FilaUbicEvento", ticket.row.as_deref().map(|row| clean(row, ROW_OR_SEAT)));
    writer.optional("AsntoUbicEvento", ticket.seat.as_deref().map(|seat| clean(seat, ROW_OR_SEAT)));
}

fn write_credit_note(writer: &mut XmlWriter, note: &CreditNote) {
    let taxed = note.reference.document_type == DocumentType::TaxedReceipt;
    writer.parent("Encabezado", |writer| {
        writer.parent("IdDoc", |writer| {
            writer.leaf("TipoDTE", DocumentType::CreditNote.code());
            writer.leaf("Folio", note.folio);
            writer.leaf("FchEmis", note.issued_on);
            // Lines are gross, as those of the boleta are.
            writer.optional("MntBruto", taxed.then(|| "1".to_owned()));
        });
        writer.parent("Emisor", |writer| {
            let issuer = &note.issuer;
            writer.leaf("RUTEmisor", plain_rut(issuer.rut));
            writer.leaf("RznSoc", required(&issuer.name, LONG_NAME));
            writer.leaf("GiroEmis", required(&issuer.activity, ACTIVITY));
            writer.leaf("Acteco", issuer.activity_code);
            writer.optional("DirOrigen", Some(clean(&issuer.address, ADDRESS)));
            writer.optional("CmnaOrigen", Some(clean(&issuer.district, PLACE)));
            writer.optional("CiudadOrigen", Some(clean(&issuer.city, PLACE)));
        });
        writer.parent("Receptor", |writer| {
            let receiver = &note.receiver;
            writer.leaf("RUTRecep", receiver.plain_rut());
            let name = clean(receiver.name.as_deref().unwrap_or_default(), LONG_NAME);
            writer.leaf("RznSocRecep", if name.is_empty() { NO_NAME } else { &name });
            writer.optional("Contacto", receiver.contact.as_deref().map(|contact| clean(contact, CONTACT)));
        });
        writer.parent("Totales", |writer| {
            let totals = note.totals;
            if taxed {
                writer.leaf("MntNeto", totals.net);
                writer.leaf("TasaIVA", VAT_PERCENT);
                writer.leaf("IVA", totals.tax);
            } else {
                writer.leaf("MntExe", totals.exempt);
            }
            writer.leaf("MntTotal", totals.total);
        });
    });
    for (line, number) in note.lines.iter().zip(1_usize..) {
        writer.parent("Detalle", |writer| {
            writer.leaf("NroLinDet", number);
            if !taxed {
                writer.leaf("IndExe", EXEMPT);
            }
            writer.leaf("NmbItem", required(&line.name, ITEM));
            writer.leaf("MontoItem", line.amount);
        });
    }
    writer.parent("Referencia", |writer| {
        writer.leaf("NroLinRef", 1);
        writer.leaf("TpoDocRef", note.reference.document_type.code());
        writer.leaf("FolioRef", note.reference.folio);
        writer.leaf("FchRef", note.reference.issued_on);
        writer.leaf("CodRef", if note.correction == Correction::Annuls { 1 } else { 3 });
        writer.optional("RazonRef", Some(clean(&note.reason, REASON)));
    });
}

/// A text that has to be there: a question mark if nothing of it can be written.
fn required(text: &str, max_characters: usize) -> String {
    let cleaned = clean(text, max_characters);
    if cleaned.is_empty() { "?".to_owned() } else { cleaned }
}
