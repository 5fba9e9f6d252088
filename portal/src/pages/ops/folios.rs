//! The part of `/ops/papers` that says how many folios are left, and takes the file with the next ones.
//!
//! Invariant: the file holds a private key, so what was sent is never written back into the form, also not when it was refused.

use super::fact;
use super::figures::Mark;
use super::paper_verdict::kind_name;
use super::papers::{not_here, part_head};
use crate::pages::Frame;
use crate::paper_model::{Fiscal, FolioStock, FolioStocks};
use crate::wording;
use maud::{Markup, html};

/// `is_open` opens the form at once; where folios are few it is open anyway.
pub(super) fn section(frame: &Frame<'_>, folios: &Fiscal<FolioStocks>, is_open: bool) -> Markup {
    let texts = frame.language.operator_texts();
    html! {
        section.paper-part aria-labelledby="folios" {
            (part_head("folios", texts.folios, None, html! {}))
            (not_here(texts, folios))
            @if let Fiscal::Here(folios) = folios {
                (issuer(frame, folios))
                @if folios.data.is_empty() {
                    p.empty-line { (texts.folios_none) }
                } @else {
                    div.projections { @for stock in &folios.data { (self::stock(frame, stock)) } }
                }
                (form(frame, is_open || folios.data.is_empty() || folios.data.iter().any(|stock| stock.is_low)))
            }
        }
    }
}

fn issuer(frame: &Frame<'_>, folios: &FolioStocks) -> Markup {
    let texts = frame.language.operator_texts();
    let issuer = &folios.issuer;
    html! {
        p.lead {
            (texts.issuer) " " b { bdi { (issuer.name) } } ", RUT " span.paper-rut { (issuer.tax_id) } " · " (texts.books) " " code { (folios.series) }
        }
        @if issuer.is_demo {
            p.paper-demo { span.badge { (texts.demonstration) } " " span.hint { (texts.demonstration_why) } }
        }
    }
}

fn stock(frame: &Frame<'_>, stock: &FolioStock) -> Markup {
    let texts = frame.language.operator_texts();
    let id = format!("folios-{}", stock.document_type);
    let (mark, badge, word) = match (stock.left, stock.is_low) {
        (0, _) => (Mark::Bad, "alarm", texts.folios_out),
        (_, true) => (Mark::Warn, "hot", texts.folios_low),
        (_, false) => (Mark::Good, "on", texts.folios_enough),
    };
    let or_none = |number: Option<u64>| number.map_or_else(|| "–".to_owned(), |number| frame.count(number));
    let end = match &stock.expires_on {
        Some(day) => wording::day(frame.language, day),
        None if stock.left == 0 => "–".to_owned(),
        None => texts.folios_no_end.to_owned(),
    };
    html! {
        section.projection.panel-box.(mark.class()) aria-labelledby=(id) {
            header {
                h3.paper-kind #(id) {
                    (kind_name(frame, &stock.document_type))
                    @if let Some(code) = stock.code { " (" (code) ")" }
                }
                span.badge.(badge) { (word) }
            }
            p.projection-lag { b { (frame.count(stock.left)) } span { (texts.folios_left) } }
            dl.projection-facts {
                (fact(texts.folios_issued, &html! { (frame.count(stock.issued)) }))
                (fact(texts.folios_next, &html! { (or_none(stock.next)) }))
                (fact(texts.folios_loaded_to, &html! { (frame.count(stock.loaded_to)) }))
                (fact(texts.folios_until, &html! { (end) }))
            }
        }
    }
}

/// Nothing may keep or pass on what is typed here: no password store, no spelling service, no history.
fn form(frame: &Frame<'_>, is_open: bool) -> Markup {
    let texts = frame.language.operator_texts();
    html! {
        details.paper-load open[is_open] {
            summary.button.quiet { (texts.load) "…" }
            form.panel-box method="post" action="/ops/papers/folios" autocomplete="off" data-load {
                p.hint { (texts.load_explain) }
                div.field.wide data-file hidden {
                    label for="folio-file" { (texts.load_file) }
                    input #folio-file type="file" accept=".xml,text/xml,application/xml";
                }
                div.field.wide data-text {
                    label for="folio-text" { (texts.load_text) }
                    textarea #folio-text name="authorisation" rows="6" required spellcheck="false" autocomplete="off" autocapitalize="off" aria-describedby="folio-hint" {}
                    p #folio-hint.hint { (texts.load_hint) }
                }
                button.button type="submit" { (texts.load_confirm) }
            }
        }
    }
}
