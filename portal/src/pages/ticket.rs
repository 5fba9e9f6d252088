//! `/orders/{order}`: the tickets of a purchase, each with its QR code, made to be shown on a phone or printed.

use super::{Frame, done_notice};
use crate::api_model::{Document, GENERAL_ROW, Order, Ticket};
use crate::poster::poster;
use crate::texts::{Texts, fill};
use crate::wording;
use fast_qr::{ECL, QRBuilder};
use maud::{Markup, html};

/// Quiet modules around a code, as the standard asks.
const QUIET_MODULES: usize = 4;

pub(crate) fn render(frame: &Frame<'_>, order: &Order, note: Option<&str>) -> Markup {
    let texts = frame.texts();
    let content = html! {
        div.tickets {
            header.tickets-head {
                @if let Some(note) = note { (done_notice(note)) }
                @if order.status == "PAID" { p.tickets-thanks { (texts.thanks) } }
                h1 { (texts.tickets_title) }
                dl.order-facts {
                    div { dt { (texts.order_reference) } dd { code { (order.order_id) } } }
                    div { dt { (texts.total) } dd { (wording::money(&order.total)) } }
                    @if let Some(refunded) = order.refunded.as_ref().filter(|money| money.amount > 0) {
                        div { dt { (texts.status_refunded) } dd { (wording::money(refunded)) } }
                    }
                    @if order.status != "PAID" { div { dt { (texts.payment) } dd { (status_word(texts, &order.status)) } } }
                }
                p.hint {
                    @if let Some(when) = &order.paid_at { (fill(texts.paid_on, &[("when", &frame.date_time(when))])) "." }
                }
                (papers(frame, order))
                p.ways.no-print {
                    button.button.quiet type="button" data-print hidden { (texts.print) }
                    @if can_refund_several(order) {
                        a.link href={ "/orders/" (order.order_id) "/refund" } { (texts.refund_all_link) }
                    }
                }
            }
            ol.ticket-list {
                @for (index, ticket) in order.tickets.iter().enumerate() { (one(frame, order, ticket, index)) }
            }
            p.hint.no-print { (texts.keep_link) }
        }
    };
    frame.page(texts.tickets_title, "ticket-page", &["checkout.js"], content)
}

/// Receipt, credit notes and tickets to download; while they are made, that nobody needs them to get in.
fn papers(frame: &Frame<'_>, order: &Order) -> Markup {
    let texts = frame.texts();
    let admits = order.tickets.iter().any(|ticket| ticket.status == "PAID");
    let Some(receipt) = &order.receipt else {
        let says = if admits && order.documents.is_some() { texts.documents_pending } else { "" };
        return html! { p.hint.no-print data-documents-pending[!says.is_empty()] { (says) } };
    };
    let delivered = order.documents.as_deref() == Some("delivered");
    let live = order.tickets.iter().any(|ticket| ticket.status != "REFUNDED");
    let language = frame.language_code();
    let address = |file: &str| format!("/v1/orders/{}/{file}?lang={language}", order.order_id);
    html! {
        section.papers.no-print aria-label=(texts.documents_title) {
            ul {
                @if live { li { a.button href=(address("tickets.pdf")) { (texts.tickets_pdf) } } }
                li { a.link href=(address("receipt.pdf")) { (document_name(texts, receipt)) } }
                @for note in &order.credit_notes {
                    li { a.link href=(address(&format!("credit-notes/{}.pdf", note.folio))) { (document_name(texts, note)) } }
                }
            }
            p.hint { (if delivered { texts.documents_delivered } else { texts.documents_issued }) }
        }
    }
}

fn document_name(texts: &Texts, document: &Document) -> String {
    let name = texts.document_kind(&document.document_type).unwrap_or(texts.document_receipt);
    fill(texts.document_number, &[("name", name), ("folio", &document.folio.to_string())])
}

fn can_refund_several(order: &Order) -> bool {
    order.tickets.iter().filter(|ticket| ticket.status == "PAID").count() > 1
}

fn one(frame: &Frame<'_>, order: &Order, ticket: &Ticket, index: usize) -> Markup {
    let texts = frame.texts();
    let position = [("n", (index + 1).to_string()), ("total", order.tickets.len().to_string())];
    html! {
        li.ticket data-status=(ticket.status) {
            div.ticket-art { (poster(&order.show_id)) }
            div.ticket-body {
                p.ticket-count {
                    span { (fill(texts.ticket_word, &[("n", &position[0].1), ("total", &position[1].1)])) }
                    span class={ "badge " (status_kind(&ticket.status)) } { (status_word(texts, &ticket.status)) }
                }
                h2 { bdi { (order.show_name) } }
                p.ticket-facts {
                    time datetime=(order.starts_at) { (frame.date_time(&order.starts_at)) }
                    span { bdi { (order.venue) } }
                }
                (place(texts, ticket))
                p.ticket-foot {
                    b { (wording::money(&ticket.price)) }
                    span.ticket-links.no-print {
                        @if order.receipt.is_some() && ticket.status != "REFUNDED" {
                            a.link href={ "/v1/orders/" (order.order_id) "/tickets/" (ticket.ticket_id) ".pdf?lang=" (frame.language_code()) } { (texts.ticket_pdf) }
                        }
                        @if ticket.status == "PAID" {
                            a.link href={ "/orders/" (order.order_id) "/refund?ticket=" (ticket.ticket_id) } { (texts.refund_link) }
                        }
                    }
                }
            }
            div.ticket-code {
                @match (ticket.status.as_str(), &ticket.qr) {
                    ("PAID", Some(text)) => {
                        (qr(text, &fill(texts.qr_label, &[("seat", &frame.seat_words(&ticket.seat))])))
                        p { (texts.show_at_door) }
                    }
                    ("PENDING_PAYMENT" | "PAID", _) => { p.ticket-void { (texts.qr_pending) } }
                    _ => { p.ticket-void.stamp { (status_word(texts, &ticket.status)) } }
                }
            }
        }
    }
}

/// Zone, row and seat in large type; the seat's name when the API gives no parts.
fn place(texts: &Texts, ticket: &Ticket) -> Markup {
    let row = ticket.row.as_deref().filter(|row| !row.is_empty());
    html! {
        dl.place {
            @match (&ticket.zone, row, &ticket.number) {
                (Some(zone), Some(GENERAL_ROW), _) => {
                    div.place-zone { dt { (texts.zone) } dd { bdi { (zone) } } }
                    div { dt { (texts.place) } dd { (texts.general_zone) } }
                }
                (Some(zone), Some(row), Some(number)) => {
                    div.place-zone { dt { (texts.zone) } dd { bdi { (zone) } } }
                    div { dt { (fill(texts.row, &[("row", "")]).trim()) } dd { bdi { (row) } } }
                    div { dt { (fill(texts.seat, &[("seat", "")]).trim()) } dd { bdi { (number) } } }
                }
                _ => { div.place-zone { dt { (fill(texts.seat, &[("seat", "")]).trim()) } dd { bdi { (ticket.seat) } } } }
            }
        }
    }
}

pub(super) fn status_word<'a>(texts: &'a Texts, status: &'a str) -> &'a str {
    match status {
        "PAID" => texts.status_paid,
        "USED" => texts.status_used,
        "REFUNDED" => texts.status_refunded,
        "PENDING_PAYMENT" => texts.status_pending,
        "EXPIRED" => texts.status_expired,
        newer => newer,
    }
}

fn status_kind(status: &str) -> &'static str {
    match status {
        "PAID" => "on",
        "PENDING_PAYMENT" => "soon",
        _ => "off",
    }
}

/// The code as one path of squares, black on white whatever the theme: scanners want contrast, not taste.
fn qr(text: &str, label: &str) -> Markup {
    let Ok(code) = QRBuilder::new(text).ecl(ECL::M).build() else {
        // Longer than any code holds: the text itself still admits a person at the door.
        return html! { code.qr-text { (text) } };
    };
    let side = code.size + 2 * QUIET_MODULES;
    let mut path = String::new();
    for row in 0..code.size {
        let mut column = 0;
        while column < code.size {
            let run = (column..code.size).take_while(|&at| code[row][at].value()).count();
            if run > 0 {
                path.push_str(&format!(
                    "M{} {}h{run}v1h-{run}z",
                    column + QUIET_MODULES,
                    row + QUIET_MODULES
                ));
            }
            column += run.max(1);
        }
    }
    html! {
        svg.qr viewBox=(format!("0 0 {side} {side}")) role="img" aria-label=(label) shape-rendering="crispEdges" {
            rect width=(side) height=(side) fill="#fff" {}
            path d=(path) fill="#000" {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_with_its_quiet_zone_and_a_text_too_long_is_written() {
        let drawn = qr("TF1.abcdef", "code").into_string();
        assert!(
            drawn.contains("M4 4h7v1h-7z"),
            "the finder pattern's first row, behind four quiet modules: {drawn}"
        );
        assert!(qr(&"x".repeat(5_000), "code").into_string().starts_with("<code"));
    }
}
