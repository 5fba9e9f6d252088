//! Buyers who hang up and processes that end in the middle: every payment is found again and brought to its end.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use serde_json::json;
use ticketflow_payment::{Call, ChargeStatus, Control};

use crate::harness::{Ask, Held, House, Running, hold, plan};
use crate::payment::{faulty, is_charged_once, settle, until_paying};

/// Polls a future so often and then gives it up, as a connection that breaks does.
struct HangUp<F> {
    future: Pin<Box<F>>,
    polls_left: usize,
}

impl<F: Future> Future for HangUp<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls_left == 0 {
            return Poll::Ready(None);
        }
        self.polls_left -= 1;
        match self.future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if self.polls_left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

/// Whether the answer came within so many polls.
fn hang_up_after(service: &Running, ask: Ask, polls: usize) -> bool {
    let future = HangUp { future: Box::pin(service.begin(ask)), polls_left: polls };
    service.block_on(async { pin!(future).await.is_some() })
}

/// The end of the service at a moment when the payment has begun and the gateway's answer is not there.
fn crash_while_paying(house: &House, service: Running, held: &Held, key: &str) {
    drop(service.leave(held.purchase("tok_visa").key(key)));
    until_paying(&service, &held.show);
    drop(service);
    house.gateway.set_control(Control::default()).expect("the default is in bounds");
}

#[test]
fn a_crash_before_the_gateway_charged_releases_the_seats_and_closes_the_charge() {
    let house = House::new().with_payment_timeout(Duration::from_millis(300));
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    house.gateway.set_control(Control { timeout: true, ..Control::default() }).unwrap();
    crash_while_paying(&house, service, &held, "k");
    let service = house.open();
    service.until("the seats are released", || service.seat(&show, "Platea-A-1") == "available");
    settle(&service, &show);
    assert_eq!(house.charges().len(), 1);
    assert_eq!(house.charges()[0].1, ChargeStatus::Voided);
    service.send(held.purchase("tok_visa").key("k")).problem(410, "hold_ended");
    let paid = service.sell(&show, &["Platea-A-1"]);
    settle(&service, &show);
    assert_eq!(house.charge(paid["order_id"].as_str().unwrap()), ChargeStatus::Captured);
}

#[test]
fn a_crash_after_the_gateway_charged_ends_in_the_order_and_the_buyers_retry_gets_it() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    let held = service.hold(&show, &["Platea-A-1"]);
    house
        .gateway
        .set_control(Control { lost_answer: true, ..faulty(&[Call::Authorize, Call::Status]) })
        .unwrap();
    drop(service.leave(held.purchase("tok_visa").key("k")));
    service.until("the gateway has charged", || !house.charges().is_empty());
    assert_eq!(service.seat(&show, "Platea-A-1"), "held", "not sold yet");
    drop(service);
    house.gateway.set_control(Control::default()).unwrap();
    let service = house.open();
    service.until("the order is paid", || service.seat(&show, "Platea-A-1") == "sold");
    settle(&service, &show);
    let retried = service.send(held.purchase("tok_visa").key("k"));
    let order = retried.expect(201)["order_id"].as_str().unwrap().to_owned();
    assert!(retried.replayed());
    assert_eq!(retried.json()["tickets"][0]["seat"], "Platea-A-1");
    is_charged_once(&house, &order, 25_000);
    assert_eq!(service.order(&order)["tickets"][0]["qr"], retried.json()["tickets"][0]["qr"]);
}

#[test]
fn a_crash_before_the_capture_is_followed_by_the_capture() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    house.gateway.set_control(Control { outage: true, ..faulty(&[Call::Capture]) }).unwrap();
    let paid = service.sell(&show, &["Platea-A-1"]);
    let order = paid["order_id"].as_str().unwrap().to_owned();
    assert_eq!(house.charge(&order), ChargeStatus::Authorized);
    drop(service);
    house.gateway.set_control(Control::default()).unwrap();
    let service = house.open();
    settle(&service, &show);
    is_charged_once(&house, &order, 25_000);
}

#[test]
fn holds_survive_a_restart_and_so_do_their_deadlines() {
    let house = House::new();
    let service = house.open();
    let show = service.show_with(json!({"hold_seconds": 60}));
    let (first, second) = (service.hold(&show, &["Platea-A-1"]), service.hold(&show, &["Platea-A-2"]));
    drop(service);
    let service = house.open();
    assert_eq!(service.count(&show, "held"), 2);
    service.send(first.purchase("tok_visa")).expect(201);
    drop(service);
    house.pass_seconds(61);
    let service = house.open();
    service.until("the hold has ended", || service.seat(&show, "Platea-A-2") == "available");
    service.send(second.purchase("tok_visa")).problem(410, "hold_ended");
    assert_eq!(service.seat(&show, "Platea-A-1"), "sold");
}

#[test]
fn a_buyer_who_hangs_up_at_any_moment_has_paid_or_has_not() {
    let house = House::new();
    let service = house.open();
    let show = service.show_with(json!({"hold_seconds": 60}));
    let mut answered = false;
    let mut sold = 0;
    for polls in 1..40 {
        let held = service.hold(&show, &["Platea-A-1"]);
        let purchase = held.purchase("tok_visa").key(&format!("hang-up-{polls}"));
        answered = hang_up_after(&service, purchase.clone(), polls);
        house.pass_seconds(1_000);
        // Any question wakes the show, which then sees what is over.
        service.until("sold or free", || {
            let _ = crate::payment::open_charges(&service, &show);
            service.seat(&show, "Platea-A-1") != "held"
        });
        settle(&service, &show);
        let retried = service.send(purchase);
        let charged =
            house.charges().into_iter().filter(|(_, status, _)| *status == ChargeStatus::Captured).count();
        if service.seat(&show, "Platea-A-1") == "sold" {
            sold += 1;
            let order = retried.expect(201)["order_id"].as_str().unwrap().to_owned();
            assert_eq!(house.charge(&order), ChargeStatus::Captured, "after {polls} polls");
            let refund =
                Ask::post(format!("/v1/orders/{order}/refunds")).fresh_key().json(&json!({"reason": ""}));
            service.send(refund).expect(201);
            settle(&service, &show);
        } else {
            retried.problem(410, "hold_ended");
        }
        assert_eq!(charged, usize::from(charged > 0), "one order at most is charged and not given back");
        let open =
            house.charges().into_iter().filter(|(_, status, _)| *status == ChargeStatus::Authorized).count();
        assert_eq!(open, 0, "after {polls} polls: {:?}", house.charges());
        if answered {
            break;
        }
    }
    assert!(answered && sold > 0, "the last one is answered");
}

#[test]
fn an_organiser_who_hangs_up_while_creating_leaves_a_show_that_settles_its_payments() {
    let house = House::new();
    let service = house.open();
    for polls in 1..20 {
        let create =
            Ask::post("/v1/shows").organiser().key(&format!("create-{polls}")).json(&plan(json!({})));
        let answered = hang_up_after(&service, create.clone(), polls);
        let show = service.send(create).expect(201)["show_id"].as_str().unwrap().to_owned();
        service.open_sales(&show);
        let paid = service.sell(&show, &["Platea-A-1"]);
        settle(&service, &show);
        assert_eq!(
            house.charge(paid["order_id"].as_str().unwrap()),
            ChargeStatus::Captured,
            "after {polls} polls"
        );
        if answered {
            return;
        }
    }
    panic!("creating a show never answered");
}

#[test]
fn a_buyer_who_hangs_up_while_holding_finds_the_hold_under_its_key() {
    let house = House::new();
    let service = house.open();
    let show = service.show();
    for polls in 1..20 {
        let ask = hold(&show, &json!({"seats": ["Platea-A-1"]}));
        let answered = hang_up_after(&service, ask.clone(), polls);
        let held = Held::new(&show, service.send(ask).expect(201));
        assert_eq!(service.count(&show, "held"), 1);
        service.send(held.release()).expect(204);
        if answered {
            return;
        }
    }
    panic!("holding never answered");
}
