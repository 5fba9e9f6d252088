//! The door: a genuine ticket of this show admits once; everything else is turned away with the reason.

use serde_json::{Value, json};
use ticketflow_domain::{SeatIndex, ShowId, TicketId};
use ticketflow_ticket_code::{TicketCode, TicketSigner};

use crate::harness::{Ask, House};

fn scan(show: &str, code: &str, gate: &str) -> Ask {
    Ask::post(format!("/v1/shows/{show}/checkins")).organiser().json(&json!({"ticket": code, "gate": gate}))
}

fn code(order: &Value, index: usize) -> String {
    order["tickets"][index]["qr"].as_str().expect("a code").to_owned()
}

#[test]
fn a_second_scan_hears_when_and_where_the_first_was() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1", "Platea-A-2"]);
    service.send(scan(&show, &code(&paid, 0), "Puerta Ñ")).expect(200);
    let first = service.send(scan(&show, &code(&paid, 0), "Sur")).problem(409, "already_used");
    assert_eq!(first["gate"], "Puerta Ñ");
    let used_at = first["first_used_at"].as_str().unwrap().to_owned();
    assert_eq!(used_at, ticketflow_domain::Timestamp::from_millis(house.now_ms()).to_string());
    house.pass_seconds(60);
    drop(service);
    let service = house.open();
    let again = service.send(scan(&show, &code(&paid, 0), "Sur")).problem(409, "already_used");
    assert_eq!((again["first_used_at"].as_str(), &again["gate"]), (Some(used_at.as_str()), &first["gate"]));
    service.send(scan(&show, &code(&paid, 1), "Sur")).expect(200);
    let order = service.order(paid["order_id"].as_str().unwrap());
    assert_eq!(order["tickets"][0]["status"], "USED");
}

#[test]
fn of_many_scans_at_the_same_instant_one_admits() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1"]);
    let answers =
        service.send_all((0..50).map(|gate| scan(&show, &code(&paid, 0), &format!("G{gate}"))).collect());
    let admitted: Vec<usize> = (0..50).filter(|&gate| answers[gate].status == 200).collect();
    assert_eq!(admitted.len(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.problem(409, "already_used")["gate"], format!("G{}", admitted[0]));
    }
}

#[test]
fn a_refund_and_a_scan_at_the_same_instant_never_both_win() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    for seat in 1..=12 {
        let paid = service.sell(&show, &[&format!("Platea-A-{seat}")]);
        let path = format!("/v1/orders/{}/refunds", paid["order_id"].as_str().unwrap());
        let refund = Ask::post(path).fresh_key().json(&json!({"reason": ""}));
        let asks = vec![scan(&show, &code(&paid, 0), "1"), refund.clone(), scan(&show, &code(&paid, 0), "2")];
        let answers = service.send_all(asks);
        let used = answers[0].status == 200 || answers[2].status == 200;
        let refunded = answers[1].status == 201;
        assert!(used != refunded, "{:?}", answers.iter().map(|answer| answer.text()).collect::<Vec<_>>());
    }
}

#[test]
fn a_refunded_ticket_does_not_admit_and_neither_does_the_old_code_after_a_resale() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1"]);
    let path = format!("/v1/orders/{}/refunds", paid["order_id"].as_str().unwrap());
    service.send(Ask::post(path).fresh_key().json(&json!({}))).expect(201);
    service.send(scan(&show, &code(&paid, 0), "1")).problem(422, "refunded");
    let resold = service.sell(&show, &["Platea-A-1"]);
    service.send(scan(&show, &code(&paid, 0), "1")).problem(422, "refunded");
    service.send(scan(&show, &code(&resold, 0), "1")).expect(200);
    service.send(scan(&show, &code(&paid, 0), "1")).problem(422, "refunded");
    service.send(scan(&show, &code(&resold, 0), "1")).problem(409, "already_used");
}

#[test]
fn a_ticket_for_another_show_is_told_apart_from_a_forged_one() {
    let house = House::new();
    let service = house.open();
    let (show, other) = (service.show(), service.show());
    let paid = service.sell(&show, &["Platea-A-1"]);
    let refused = service.send(scan(&other, &code(&paid, 0), "1")).problem(422, "wrong_show");
    assert_eq!(refused["show_id"], show);
    service.send(scan(&show, &code(&paid, 0), "1")).expect(200);
}

#[test]
fn no_altered_or_made_up_code_admits() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1"]);
    let genuine = code(&paid, 0);
    for at in (0..genuine.len()).step_by(3) {
        let mut altered = genuine.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        service.send(scan(&show, &altered, "1")).problem(422, "forged");
    }
    let ticket: TicketId = paid["tickets"][0]["ticket_id"].as_str().unwrap().parse().unwrap();
    let show_id: ShowId = show.parse().unwrap();
    let claims = TicketCode { ticket_id: ticket, show_id, seat: SeatIndex(0), generation: 2 };
    let made_up = TicketSigner::new(&[8; 32]).sign(&claims);
    let long = "TF:".to_owned() + &"A".repeat(100_000);
    for text in [
        "",
        "TF:",
        "TF:AAAA",
        "tf:aaaa",
        &genuine[3..],
        &genuine[..genuine.len() - 2],
        &format!("{genuine}AA"),
        &genuine.to_lowercase(),
        &made_up,
        ticket.to_string().as_str(),
        "🎟️",
        "\u{0}",
        &long,
    ] {
        service.send(scan(&show, text, "1")).problem(422, "forged");
    }
    service.send(scan(&show, &genuine, "1")).expect(200);
}

#[test]
fn a_genuine_signature_over_a_ticket_that_was_never_sold_does_not_admit() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let paid = service.sell(&show, &["Platea-A-1"]);
    let ticket: TicketId = paid["tickets"][0]["ticket_id"].as_str().unwrap().parse().unwrap();
    let show_id: ShowId = show.parse().unwrap();
    let signer = TicketSigner::new(&[7; 32]);
    let real = signer.read(&code(&paid, 0)).unwrap();
    let claims = [
        TicketCode { seat: SeatIndex(1), ..real },
        TicketCode { seat: SeatIndex(u32::MAX), ..real },
        TicketCode { generation: real.generation + 1, ..real },
        TicketCode { ticket_id: TicketId::from_bytes([1; 16]), ..real },
        TicketCode { ticket_id: ticket, show_id, seat: SeatIndex(43), generation: 0 },
    ];
    for claim in claims {
        let refused = service.send(scan(&show, &signer.sign(&claim), "1"));
        assert_eq!(refused.status, 422, "{claim:?}: {}", refused.text());
        refused.is_problem();
    }
    service.send(scan(&show, &code(&paid, 0), "1")).expect(200);
}
