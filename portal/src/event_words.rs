//! What a stored event says, in one line. Pure.
//!
//! An event that nobody here knows is named by its type; a field that is missing leaves its place empty.

use crate::api_model::{GENERAL_ROW, Money, Plan};
use crate::operator_model::Event;
use crate::pages::Frame;
use crate::texts::fill;
use crate::texts::operators::OperatorTexts;
use crate::wording;
use serde_json::Value;

/// Seats named in a line before the rest is a number.
const NAMED_SEATS: usize = 8;

/// What is known of a show besides the event.
#[derive(Clone, Copy, Default)]
pub(crate) struct Surroundings<'a> {
    /// Names the seats, which an event has by their numbers.
    pub(crate) plan: Option<&'a Plan>,
    /// Of the amounts, which an event has without.
    pub(crate) currency: Option<&'a str>,
}

/// The sentence.
pub(crate) fn sentence(frame: &Frame<'_>, event: &Event, around: Surroundings<'_>) -> String {
    let texts = frame.language.operator_texts();
    let template = match event.kind.as_str() {
        "ShowCreated" => texts.said_show_created,
        "SalesOpened" => texts.said_sales_opened,
        "SalesClosed" => texts.said_sales_closed,
        "ShowCancelled" => texts.said_show_cancelled,
        "SeatsBlocked" => texts.said_seats_blocked,
        "SeatsUnblocked" => texts.said_seats_unblocked,
        "SeatsHeld" => texts.said_seats_held,
        "HoldReleased" => texts.said_hold_released,
        "HoldExpired" => texts.said_hold_expired,
        "PaymentStarted" => texts.said_payment_started,
        "OrderPaid" => texts.said_order_paid,
        "PaymentFailed" => texts.said_payment_failed,
        "PaymentCaptured" => texts.said_payment_captured,
        "ChargeVoided" => texts.said_charge_voided,
        "TicketsRefunded" => texts.said_tickets_refunded,
        "RefundSettled" => texts.said_refund_settled,
        "TicketCheckedIn" => texts.said_ticket_checked_in,
        "PlaceholderCreated" => texts.said_placeholder_created,
        "BuyerDetailsRecorded" => texts.said_buyer_details_recorded,
        "ProjectionBatchSkipped" => texts.said_projection_batch_skipped,
        _ => texts.said_other,
    };
    let text = |name: &str| event.data[name].as_str().unwrap_or_default();
    let number =
        |name: &str| event.data[name].as_u64().map_or_else(String::new, |number| frame.count(number));
    let values = [
        ("projection", text("projection")),
        ("first", &number("first_position")),
        ("last", &number("last_position")),
        ("type", event.kind.as_str()),
        ("name", text("name")),
        ("reason", text("reason")),
        ("gate", text("gate")),
        ("why", failure(texts, text("reason"))),
        ("seats", &seats(frame, &event.data, around.plan)),
        ("amount", &amount(frame, &event.data, around.currency)),
    ];
    fill(template, &values)
}

fn failure<'a>(texts: &'static OperatorTexts, reason: &'a str) -> &'a str {
    match reason {
        "declined" => texts.failed_declined,
        "timed_out" => texts.failed_timed_out,
        "unavailable" => texts.failed_unavailable,
        "abandoned" => texts.failed_abandoned,
        other => other,
    }
}

/// `Platea · row A, seats 3, 4`, with many the first ones and how many more; without a plan how many.
fn seats(frame: &Frame<'_>, data: &Value, plan: Option<&Plan>) -> String {
    let texts = frame.language.operator_texts();
    let one = std::slice::from_ref(&data["seat"]);
    let listed = data["seats"].as_array().map_or(one, Vec::as_slice);
    let indices: Vec<usize> =
        listed.iter().filter_map(|seat| usize::try_from(seat["seat"].as_u64()?).ok()).collect();
    let named = indices.iter().take(NAMED_SEATS);
    let names: Option<Vec<String>> =
        plan.and_then(|plan| named.map(|index| plan.seat_name(*index)).collect());
    match (names, indices.len()) {
        (Some(names), count) if count > names.len() => {
            let more = frame.count((count - names.len()) as u64);
            fill(texts.seats_named_more, &[("names", &by_row(frame, &names)), ("n", &more)])
        }
        (Some(names), count) if count > 0 => by_row(frame, &names),
        (_, 1) => texts.seats_one.to_owned(),
        (_, count) => fill(texts.seats_many, &[("n", &frame.count(count as u64))]),
    }
}

/// Names that follow each other in a row share its name; a name of another shape stays as it is.
fn by_row(frame: &Frame<'_>, names: &[String]) -> String {
    let texts = frame.language.operator_texts();
    let row = |name: &String| name.rsplit_once('-').map(|(row, _)| row.to_owned());
    let groups = names.chunk_by(|one, next| row(one).is_some() && row(one) == row(next)).map(|group| {
        let parts = row(&group[0]).and_then(|row| {
            let (zone, row) = row.rsplit_once('-')?;
            Some((zone.to_owned(), row.to_owned()))
        });
        match parts {
            Some((zone, row)) if row == GENERAL_ROW => {
                fill(texts.seats_general, &[("zone", &zone), ("n", &frame.count(group.len() as u64))])
            }
            Some((zone, row)) if group.len() > 1 => {
                let numbers: Vec<&str> =
                    group.iter().filter_map(|name| Some(name.rsplit_once('-')?.1)).collect();
                fill(texts.seats_of_row, &[("zone", &zone), ("row", &row), ("numbers", &numbers.join(", "))])
            }
            _ => frame.seat_words(&group[0]),
        }
    });
    groups.collect::<Vec<_>>().join("; ")
}

fn amount(frame: &Frame<'_>, data: &Value, currency: Option<&str>) -> String {
    let amount = ["total", "amount"].iter().find_map(|name| data[*name].as_i64());
    match (amount, currency) {
        (Some(amount), Some(currency)) => wording::money(&Money { amount, currency: currency.to_owned() }),
        (Some(amount), None) => frame.count(amount.unsigned_abs()),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;
    use jiff::tz::TimeZone;
    use serde_json::json;

    fn event(kind: &str, data: Value) -> Event {
        serde_json::from_value(json!({
            "position": 1, "stream": "show-X", "revision": 1, "recorded_at": "2026-11-22T12:00:00Z", "batch_id": "b",
            "chain_hash": "c", "type": kind, "data": data,
        }))
        .unwrap()
    }

    fn plan() -> Plan {
        serde_json::from_value(json!({"zones": [
            {"name": "Platea", "first": 0, "count": 5, "rows": [
                {"label": "A", "first": 0, "seats": 2}, {"label": "B", "first": 2, "seats": ["1", "1b", "9"]}]},
            {"name": "Cancha", "general": true, "first": 5, "count": 3},
        ]}))
        .unwrap()
    }

    fn say(kind: &str, data: Value, plan: Option<&Plan>) -> String {
        let zone = TimeZone::UTC;
        let frame = Frame { language: Language::English, time_zone: &zone, address: "/" };
        sentence(&frame, &event(kind, data), Surroundings { plan, currency: plan.map(|_| "CLP") })
    }

    fn touched(seats: &[usize]) -> Value {
        seats.iter().map(|seat| json!({"seat": seat, "revision": 1})).collect()
    }

    #[test]
    fn an_event_is_said_in_one_line() {
        let plan = plan();
        let sold = json!({"seats": touched(&[1, 3]), "total": 50_000});
        assert_eq!(
            say("OrderPaid", sold.clone(), Some(&plan)),
            "Sold for $50.000: Platea · row A, seat 2; Platea · row B, seat 1b"
        );
        assert_eq!(say("OrderPaid", sold, None), "Sold for 50,000: 2 seats");
        let held = json!({"seats": touched(&[5, 6, 7, 0, 1]), "total": 1});
        assert_eq!(
            say("SeatsHeld", held, Some(&plan)),
            "Put on hold for a buyer: Cancha · 3 without number; Platea · row A, seats 1, 2"
        );
        let many = json!({"seats": touched(&[0, 1, 2, 3, 4, 0, 0, 0, 5, 6]), "reason": ""});
        assert!(say("SeatsBlocked", many, Some(&plan)).ends_with(" and 2 more"));
        let admitted = json!({"seat": {"seat": 4, "revision": 2}, "gate": "North"});
        assert_eq!(
            say("TicketCheckedIn", admitted, Some(&plan)),
            "Admitted at the gate North: Platea · row B, seat 9"
        );
        let failed = json!({"seats": touched(&[0]), "reason": "timed_out", "charge_unknown": true});
        assert_eq!(
            say("PaymentFailed", failed, None),
            "A payment failed (no answer in time), seats free again: 1 seat"
        );
    }

    #[test]
    fn what_an_operator_passed_over_is_said_with_the_reason() {
        let skipped = json!({"projection": "postgres", "first_position": 7_001, "last_position": 7_002, "error": "x",
            "reason": "the show was cancelled", "at": "2026-11-22T12:00:00Z"});
        assert_eq!(
            say("ProjectionBatchSkipped", skipped, None),
            "postgres passed over the events 7,001 to 7,002: the show was cancelled"
        );
    }

    #[test]
    fn an_event_of_a_later_version_is_named_and_a_seat_beyond_the_plan_is_counted() {
        assert_eq!(say("SeatsPainted", json!({"color": "red"}), None), "SeatsPainted");
        let beyond = json!({"seats": touched(&[99])});
        assert_eq!(say("HoldReleased", beyond, Some(&plan())), "The buyer gave a hold back: 1 seat");
        assert_eq!(say("SeatsHeld", Value::Null, None), "Put on hold for a buyer: 0 seats");
    }
}
