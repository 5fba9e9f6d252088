//! Which message each event becomes: to the letter as in `golden`, and as `docs/asyncapi.yaml` describes it.
//!
//! A golden file is what consumers read today and is not edited: a changed meaning is another type. New ones are written with
//! `WRITE_GOLDEN_MESSAGES=1`.

mod schema;

use std::path::PathBuf;

use serde_json::{Value, json};
use ticketflow_domain::plan::{PlanSpec, SeatIndex};
use ticketflow_domain::show::*;
use ticketflow_domain::{Currency, CustomerId, HoldId, OrderId, RefundId, ShowId, TicketId, Timestamp};
use ticketflow_relay::{
    CHAIN_HASH_HEADER, CONTENT_TYPE, IntegrationMessage, MessageKind, POSITION_HEADER, ShowBook, UnknownShow,
};

const AT: Timestamp = Timestamp::from_millis(1_893_456_000_123);

fn show_id() -> ShowId {
    "01KBN5Z3V0Q8W4R6T9Y2M7C1XD".parse().expect("an id")
}

fn seat(seat: u32) -> SeatRevision {
    SeatRevision { seat: SeatIndex(seat), revision: 2 }
}

fn created() -> ShowEvent {
    let zones = json!({"zones": [
        {"name": "Platea Ñuñoa", "price": 25_000, "rows": [{"label": "A", "seats": 2}, {"label": "B", "seats": ["1", "1b"]}]},
        {"name": "Cancha", "price": 10_000, "capacity": 20},
    ]});
    let spec: PlanSpec = serde_json::from_value(zones).expect("a plan");
    ShowEvent::ShowCreated(Box::new(ShowCreated {
        show_id: show_id(),
        name: "La \"última\" función".to_owned(),
        venue: "Teatro Municipal".to_owned(),
        starts_at: AT.plus_seconds(86_400),
        currency: Currency::CLP,
        sales_open_at: None,
        max_seats_per_customer: Some(4),
        hold_seconds: 600,
        plan: spec.check(Currency::CLP).expect("the plan keeps the rules"),
        created_at: AT,
    }))
}

fn paid() -> ShowEvent {
    ShowEvent::OrderPaid(OrderPaid {
        order_id: OrderId::from_bytes([1; 16]),
        hold_id: HoldId::from_bytes([2; 16]),
        customer_id: CustomerId::from_bytes([3; 16]),
        seats: [seat(3), seat(5)].into_iter().collect(),
        tickets: [TicketId::from_bytes([4; 16]), TicketId::from_bytes([5; 16])].into_iter().collect(),
        total: 35_000,
        payment_reference: "auth-1".to_owned(),
        paid_at: AT,
    })
}

/// Each event that has a message.
fn told() -> Vec<(MessageKind, &'static str, ShowEvent)> {
    vec![
        (MessageKind::ShowPublished, "published", created()),
        (MessageKind::SalesOpened, "opened", ShowEvent::SalesOpened(SalesOpened { at: AT })),
        (MessageKind::SalesClosed, "closed", ShowEvent::SalesClosed(SalesClosed { at: AT })),
        (
            MessageKind::ShowCancelled,
            "cancelled",
            ShowEvent::ShowCancelled(ShowCancelled { reason: "the singer is ill".to_owned(), at: AT }),
        ),
        (MessageKind::OrderPaid, "paid", paid()),
        (
            MessageKind::TicketsRefunded,
            "refunded",
            ShowEvent::TicketsRefunded(TicketsRefunded {
                refund_id: RefundId::from_bytes([6; 16]),
                order_id: OrderId::from_bytes([1; 16]),
                tickets: [TicketId::from_bytes([5; 16])].into_iter().collect(),
                seats: [seat(5)].into_iter().collect(),
                amount: 10_000,
                reason: "cannot come".to_owned(),
                at: AT,
            }),
        ),
        (
            MessageKind::TicketCheckedIn,
            "checked_in",
            ShowEvent::TicketCheckedIn(TicketCheckedIn {
                ticket_id: TicketId::from_bytes([4; 16]),
                seat: seat(3),
                gate: "Norte".to_owned(),
                at: AT,
            }),
        ),
    ]
}

/// Each event that has none.
fn untold() -> Vec<ShowEvent> {
    let (hold_id, order_id, customer_id) =
        (HoldId::from_bytes([2; 16]), OrderId::from_bytes([1; 16]), CustomerId::from_bytes([3; 16]));
    let seats: SeatRevisions = [seat(0)].into_iter().collect();
    vec![
        ShowEvent::SeatsBlocked(SeatsBlocked { seats: seats.clone(), reason: String::new() }),
        ShowEvent::SeatsUnblocked(SeatsUnblocked { seats: seats.clone() }),
        ShowEvent::SeatsHeld(SeatsHeld {
            hold_id,
            customer_id: None,
            seats: seats.clone(),
            total: 1,
            expires_at: AT,
        }),
        ShowEvent::HoldReleased(HoldReleased { hold_id, seats: seats.clone() }),
        ShowEvent::HoldExpired(HoldExpired { hold_id, seats: seats.clone() }),
        ShowEvent::PaymentStarted(PaymentStarted {
            order_id,
            hold_id,
            customer_id,
            amount: 1,
            started_at: AT,
            give_up_at: AT,
        }),
        ShowEvent::PaymentFailed(PaymentFailed {
            order_id,
            hold_id,
            seats,
            reason: PaymentFailure::Declined,
            charge_unknown: false,
        }),
        ShowEvent::PaymentCaptured(PaymentCaptured { order_id, at: AT }),
        ShowEvent::ChargeVoided(ChargeVoided { order_id, at: AT }),
        ShowEvent::RefundSettled(RefundSettled {
            refund_id: RefundId::from_bytes([6; 16]),
            order_id,
            at: AT,
        }),
    ]
}

fn message(book: &mut ShowBook, position: u64, event: &ShowEvent) -> Option<IntegrationMessage> {
    book.message(show_id(), position, event).expect("the show is known")
}

fn golden(kind: MessageKind) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    folder.join(format!("{}.json", kind.event_type()))
}

#[test]
fn every_kind_is_to_the_letter_what_consumers_read() {
    let mut book = ShowBook::default();
    for ((kind, word, event), position) in told().iter().zip(1_041..) {
        let message = message(&mut book, position, event).expect("a message");
        assert_eq!((message.kind, message.position, message.id()), (*kind, position, position.to_string()));
        assert_eq!(message.subject(), format!("orders.{}.{word}", show_id()));
        let path = golden(*kind);
        if std::env::var_os("WRITE_GOLDEN_MESSAGES").is_some() && !path.exists() {
            std::fs::write(&path, &message.body).expect("a file");
        }
        let sample = std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("no {}", path.display()));
        assert_eq!(String::from_utf8(message.body).expect("text"), sample.trim_end(), "{kind:?}");
    }
    let files = std::fs::read_dir(golden(MessageKind::OrderPaid).parent().expect("a folder")).expect("files");
    assert_eq!(files.count(), MessageKind::ALL.len(), "one for each kind and no other");
}

#[test]
fn steps_on_the_way_are_not_told() {
    let mut book = ShowBook::default();
    message(&mut book, 1, &created());
    for event in untold() {
        assert_eq!(message(&mut book, 2, &event), None, "{event:?}");
    }
}

#[test]
fn an_event_of_a_show_that_was_never_created_is_an_error() {
    let error = ShowBook::default().message(show_id(), 7, &paid());
    assert_eq!(error, Err(UnknownShow { position: 7, show_id: show_id() }));
}

fn asyncapi() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/asyncapi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).expect("the document")).expect("YAML")
}

#[test]
fn every_kind_is_as_the_document_describes_it() {
    let document = asyncapi();
    assert_eq!(document["asyncapi"], "3.0.0");
    let mut book = ShowBook::default();
    for ((kind, word, event), position) in told().iter().zip(1..) {
        let message = message(&mut book, position, event).expect("a message");
        let channel = &document["channels"][word];
        assert_eq!(channel["address"], format!("orders.{{show}}.{word}"));
        let name = format!("{kind:?}");
        let described = schema::resolve(&document, &channel["messages"][&name]["$ref"]).expect("its message");
        assert_eq!(described["name"], kind.event_type());
        let operation = &document["operations"][format!("publish{name}")]["channel"]["$ref"];
        assert_eq!(*operation, format!("#/channels/{word}"));

        let body: Value = serde_json::from_slice(&message.body).expect("JSON");
        schema::check(&document, &described["payload"], &body, &name).expect("it is as described");
        let headers = json!({
            "Content-Type": CONTENT_TYPE,
            "Nats-Msg-Id": message.id(),
            POSITION_HEADER: message.position.to_string(),
            CHAIN_HASH_HEADER: "0123456789abcdef".repeat(4),
        });
        schema::check(&document, &described["headers"], &headers, &name).expect("so are its headers");

        // And what is not, is found: a member less, a member more, another type.
        for damage in ["/id", "/data/show/name", "/type"] {
            let mut damaged = body.clone();
            *damaged.pointer_mut(damage).expect("it is there") = json!(0);
            assert!(schema::check(&document, &described["payload"], &damaged, &name).is_err(), "{damage}");
        }
        let mut more = body.clone();
        more["data"]["rut"] = json!("11.111.111-1");
        assert!(schema::check(&document, &described["payload"], &more, &name).is_err());
        let mut less = body;
        less["data"].as_object_mut().expect("an object").remove("show");
        assert!(schema::check(&document, &described["payload"], &less, &name).is_err());
    }
    let count = |part: &str| document[part].as_object().map(serde_json::Map::len);
    assert_eq!((count("channels"), count("operations")), (Some(7), Some(7)), "and no others");
}
