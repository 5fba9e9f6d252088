//! `/shows/{show}/checkout`: the reservation, the buyer's data, the card, one button. The form carries the idempotency
//! key that was made for it, so that pressing twice buys once.

use super::{Frame, problem_notice};
use crate::api_model::{Money, ShowDetail};
use crate::hold_cookie::RememberedHold;
use crate::language::Language;
use crate::pages::seat_map::{countdown, give_back_form};
use crate::texts::{Advice, Texts, fill};
use crate::wording;
use maud::{Markup, html};

/// What the buyer wrote, given back as it was when something has to be corrected.
#[derive(Default)]
pub(crate) struct BuyerForm {
    pub(crate) rut: String,
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) card: String,
}

/// What is wrong with it, by field.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct FieldProblems {
    pub(crate) rut: Option<&'static str>,
    pub(crate) name: Option<&'static str>,
    pub(crate) email: Option<&'static str>,
    pub(crate) card: Option<&'static str>,
}

impl FieldProblems {
    pub(crate) fn none(&self) -> bool {
        *self == Self::default()
    }

    /// The name of the first field to correct.
    fn first(&self) -> Option<&'static str> {
        let fields = [("rut", self.rut), ("name", self.name), ("email", self.email), ("card", self.card)];
        fields.into_iter().find(|(_, problem)| problem.is_some()).map(|(name, _)| name)
    }
}

pub(crate) struct CheckoutView<'a> {
    pub(crate) detail: &'a ShowDetail,
    pub(crate) hold: &'a RememberedHold,
    /// Whether a payment may be under way: then the hold waits for it, and no time is counted down.
    pub(crate) paying: bool,
    pub(crate) form: &'a BuyerForm,
    pub(crate) problems: FieldProblems,
    pub(crate) problem: Option<Advice>,
    pub(crate) key: &'a str,
    /// Goes with the key, whatever language the page is in later.
    pub(crate) buyer_language: Option<Language>,
    pub(crate) test_cards: bool,
}

pub(crate) fn render(frame: &Frame<'_>, view: &CheckoutView<'_>) -> Markup {
    let texts = frame.texts();
    let show = &view.detail.show;
    let content = html! {
        div.checkout {
            header.checkout-head {
                h1 { (texts.checkout_title) }
                p.show-facts {
                    span { bdi { (show.name) } }
                    span { bdi { (show.venue) } }
                    time datetime=(show.starts_at) { (frame.date_time(&show.starts_at)) }
                }
            }
            @if let Some(advice) = view.problem { (problem_notice(frame, advice, &[])) }
            div.checkout-columns {
                (form(frame, view))
                (summary(frame, view))
            }
        }
    };
    frame.page(texts.checkout_title, "checkout-page", &["checkout.js"], content)
}

fn form(frame: &Frame<'_>, view: &CheckoutView<'_>) -> Markup {
    let texts = frame.texts();
    let (values, problems) = (view.form, &view.problems);
    let (first, total) = (problems.first(), wording::money(&view.hold.total));
    html! {
        form.checkout-form method="post" action={ "/shows/" (view.detail.show.show_id) "/checkout" } novalidate
            data-pay-form data-paying=(texts.paying) {
            input type="hidden" name="key" value=(view.key);
            input type="hidden" name="buyer_language" value=(view.buyer_language.map_or("", Language::code));
            fieldset {
                legend { (texts.buyer) }
                (Field { label: texts.rut, name: "rut", kind: "text", value: &values.rut, hint: texts.rut_hint,
                    problem: problems.rut, complete: "off", longest: 16, first_wrong: first == Some("rut") }.render(html! {
                        span hidden data-rut-wrong=(texts.rut_wrong) data-rut-malformed=(texts.rut_malformed) {}
                    }))
                (Field { label: texts.name, name: "name", kind: "text", value: &values.name, hint: "",
                    problem: problems.name, complete: "name", longest: 200, first_wrong: first == Some("name") }.render(html! {}))
                (Field { label: texts.email, name: "email", kind: "email", value: &values.email, hint: texts.email_hint,
                    problem: problems.email, complete: "email", longest: 254, first_wrong: first == Some("email") }.render(html! {}))
            }
            fieldset {
                legend { (texts.payment) }
                (card(texts, view))
            }
            div.pay {
                button.button.large type="submit" { (fill(texts.pay, &[("total", &total)])) }
                p.unseen role="status" data-paying-word {}
                p.hint { (texts.paying_same_key) }
            }
        }
    }
}

/// A labelled input with its hint and, if any, what is wrong with it.
struct Field<'a> {
    label: &'a str,
    name: &'a str,
    kind: &'a str,
    value: &'a str,
    hint: &'a str,
    problem: Option<&'a str>,
    complete: &'a str,
    longest: u32,
    /// The first field to correct gets the focus, so that a keyboard or a screen reader starts there.
    first_wrong: bool,
}

impl Field<'_> {
    fn render(self, extra: Markup) -> Markup {
        let described = format!("{}-hint {}-problem", self.name, self.name);
        html! {
            div.field.wide {
                label for=(self.name) { (self.label) }
                input id=(self.name) name=(self.name) type=(self.kind) value=(self.value) autocomplete=(self.complete)
                    spellcheck="false" autofocus[self.first_wrong] required maxlength=(self.longest) aria-describedby=(described)
                    aria-invalid=[self.problem.map(|_| "true")];
                p.hint id={ (self.name) "-hint" } { (self.hint) }
                p.field-problem id={ (self.name) "-problem" } role="alert" { (self.problem.unwrap_or_default()) }
                (extra)
            }
        }
    }
}

fn card(texts: &Texts, view: &CheckoutView<'_>) -> Markup {
    if !view.test_cards {
        let field = Field {
            label: texts.card_token,
            name: "card",
            kind: "text",
            value: &view.form.card,
            hint: "",
            problem: view.problems.card,
            complete: "off",
            longest: 128,
            first_wrong: view.problems.first() == Some("card"),
        };
        return field.render(html! {});
    }
    let cards = [
        ("tok_approve", "4242", texts.card_approve),
        ("tok_decline", "0002", texts.card_decline),
        ("tok_slow_20", "0020", texts.card_slow),
        ("tok_lost_answer", "0404", texts.card_lost),
        ("tok_outage", "0503", texts.card_outage),
    ];
    let chosen = if view.form.card.is_empty() { cards[0].0 } else { &view.form.card };
    html! {
        div.field.wide {
            label for="card" { (texts.card) }
            select id="card" name="card" aria-describedby="card-hint card-problem" {
                @for (token, digits, meaning) in cards {
                    option value=(token) selected[token == chosen] { "•••• " (digits) " · " (meaning) }
                }
            }
            p.hint id="card-hint" { (texts.payment_note) }
            p.field-problem id="card-problem" role="alert" { (view.problems.card.unwrap_or_default()) }
        }
    }
}

fn summary(frame: &Frame<'_>, view: &CheckoutView<'_>) -> Markup {
    let texts = frame.texts();
    let hold = view.hold;
    html! {
        aside.summary.panel-box aria-labelledby="summary-title" {
            h2 #summary-title { (texts.summary) }
            @if !view.paying { (countdown(frame, &view.detail.show.show_id, hold)) }
            ul.summary-seats {
                @for (seat, amount) in &hold.seats {
                    li {
                        span { bdi { (frame.seat_words(seat)) } }
                        span { (wording::money(&Money { amount: *amount, currency: hold.total.currency.clone() })) }
                    }
                }
                @if hold.seats.is_empty() { li { (frame.tickets(hold.count)) } }
            }
            p.summary-total { span { (texts.total) } b { (wording::money(&hold.total)) } }
            @if !view.paying { (give_back_form(frame, &view.detail.show.show_id, false)) }
        }
    }
}
