//! `/ops/papers`: whether all receipts, tickets and mails are out, and for those that are not, why and what to press.
//!
//! Forms and links alone; the script only reads a chosen file into the form that takes its text.

use super::paper_verdict::{PaperVerdict, verdict};
use super::{Part, folios, page, parked, refused, refused_notice};
use crate::hold_cookie::is_id;
use crate::operator_model::Projection;
use crate::pages::{Frame, done_notice};
use crate::paper_model::{Fiscal, FolioStocks, ParkedList, RefusedList};
use crate::texts::operators::OperatorTexts;
use maud::{Markup, html};

/// So many of a kind are shown: a screen or two. Who has more has one cause to find, not each.
pub(super) const MOST_SHOWN: usize = 50;

/// What the page shows.
pub(crate) struct Papers {
    pub(crate) parked: ParkedList,
    /// How billing is doing, where the process that was asked knows.
    pub(crate) billing: Option<Projection>,
    pub(crate) folios: Fiscal<FolioStocks>,
    pub(crate) refused: Fiscal<RefusedList>,
}

/// What was answered to the last press of a button.
pub(crate) enum Outcome {
    Nothing,
    /// As asked, in words.
    Done(String),
    /// What it comes to, and what the API says about it.
    Refused {
        title: &'static str,
        detail: String,
        /// A file of folios was refused: the form for another one is open.
        was_file: bool,
    },
}

pub(crate) fn render(frame: &Frame<'_>, papers: &Papers, outcome: &Outcome) -> Markup {
    let texts = frame.language.operator_texts();
    let was_file = matches!(outcome, Outcome::Refused { was_file: true, .. });
    let is_fiscal = !matches!((&papers.folios, &papers.refused), (Fiscal::NotHere, Fiscal::NotHere));
    let content = html! {
        @match outcome {
            Outcome::Nothing => {}
            Outcome::Done(words) => (done_notice(words)),
            Outcome::Refused { title, detail, .. } => (refused_notice(title, detail)),
        }
        (said(texts, &verdict(frame, papers)))
        (parked::section(frame, &papers.parked))
        @if is_fiscal {
            (folios::section(frame, &papers.folios, was_file))
            (refused::section(frame, &papers.refused))
        } @else {
            section.paper-part {
                h2 { (texts.no_fiscal) }
                p.lead { (texts.no_fiscal_why) " " code { "ticketflow folios list --url …" } }
            }
        }
    };
    page(frame, Part::Papers, texts.papers, &["ops-papers.js"], content)
}

fn said(texts: &OperatorTexts, verdict: &PaperVerdict<'_>) -> Markup {
    html! {
        header.verdict.(verdict.mark.class()) {
            span.verdict-sign aria-hidden="true" {}
            div {
                h1 { (verdict.title) }
                p { (verdict.next) }
                @if let Some(error) = verdict.trouble {
                    @if !error.is_empty() { p.verdict-error lang="en" { (error) } }
                    p { a.link href="/ops" { (texts.papers_see_billing) } }
                }
            }
        }
    }
}

/// The name of a part, how many there are, and what can be pressed for all of them.
pub(super) fn part_head(id: &str, name: &str, count: Option<&str>, for_all: Markup) -> Markup {
    html! {
        header.paper-head {
            h2 #(id) { (name) @if let Some(count) = count { " " span.badge.hot { (count) } } }
            (for_all)
        }
    }
}

/// What stands for a part that only processes with a tax authority have.
pub(super) fn not_here<T>(texts: &OperatorTexts, part: &Fiscal<T>) -> Markup {
    html! {
        @match part {
            Fiscal::Here(_) => {}
            Fiscal::NotHere => p.empty-line { (texts.no_fiscal) },
            Fiscal::NotNow => p.empty-line { strong { (texts.fiscal_not_now) } },
        }
    }
}

/// A link to the page of an order, which its buyer has too.
pub(super) fn order_link(order: &str) -> Markup {
    html! {
        @if is_id(order) { a href={ "/orders/" (order) } { code { (order) } } }
        @else { code { (order) } }
    }
}
