//! `/orders/{order}/refund`: the question before tickets are given back, with the amount, for one ticket or all.

use super::{Frame, problem_notice};
use crate::api_model::{Money, Order, Ticket};
use crate::texts::{Advice, fill};
use crate::wording;
use maud::{Markup, html};

pub(crate) fn render(
    frame: &Frame<'_>,
    order: &Order,
    tickets: &[&Ticket],
    key: &str,
    problem: Option<Advice>,
) -> Markup {
    let texts = frame.texts();
    let amount = tickets.iter().fold(0_i64, |sum, ticket| sum.saturating_add(ticket.price.amount));
    let amount = wording::money(&Money { amount, currency: order.total.currency.clone() });
    let question = match tickets.len() {
        0 | 1 => texts.refund_question.to_owned(),
        many => fill(texts.refund_question_many, &[("n", &many.to_string())]),
    };
    let content = html! {
        div.narrow.confirm {
            @if let Some(advice) = problem { (problem_notice(frame, advice, &[])) }
            h1 { (question) }
            p { bdi { (order.show_name) } " · " (frame.date_time(&order.starts_at)) }
            ul.summary-seats.panel-box {
                @for ticket in tickets {
                    li { span { bdi { (frame.seat_words(&ticket.seat)) } } span { (wording::money(&ticket.price)) } }
                }
            }
            p { (fill(texts.refund_explain, &[("amount", &amount)])) }
            form method="post" action={ "/orders/" (order.order_id) "/refund" } {
                input type="hidden" name="key" value=(key);
                @for ticket in tickets { input type="hidden" name="ticket" value=(ticket.ticket_id); }
                div.field.wide {
                    label for="reason" { (texts.refund_reason) }
                    input id="reason" name="reason" type="text" maxlength="200" autocomplete="off";
                }
                div.ways {
                    button.button.danger type="submit" disabled[tickets.is_empty()] {
                        (fill(texts.refund_confirm, &[("amount", &amount)]))
                    }
                    a.button.quiet href={ "/orders/" (order.order_id) } { (texts.refund_cancel) }
                }
            }
        }
    };
    frame.page(texts.refund_title, "refund-page", &[], content)
}
