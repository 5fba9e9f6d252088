//! The contract of the payment port, run against every adapter: in-process, in-process with a file, and over HTTP.
//!
//! The faults are set at the simulator behind the adapter, so that each adapter has to report the same thing in its way.

#![allow(clippy::unwrap_used, reason = "all of this file is tests")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ticketflow_payment::{
    Authorization, AuthorizeRequest, Call, Capture, ChargeStatus, Control, GatewayError, HttpGateway,
    PaymentGateway, Refund, SimulatedGateway, Void, simulator_router,
};

/// The caller's patience; calls that shall be answered are answered in far less.
const PATIENCE: Duration = Duration::from_secs(5);
/// Patience where it shall run out.
const IMPATIENCE: Duration = Duration::from_millis(100);

struct Subject {
    gateway: Arc<dyn PaymentGateway>,
    /// The same gateway with a caller or adapter that soon gives up.
    impatient: Arc<dyn PaymentGateway>,
    simulator: SimulatedGateway,
    _folder: Option<tempfile::TempDir>,
}

/// A caller's own deadline around an adapter that has none.
struct Impatient(SimulatedGateway);

async fn give_up<T>(call: impl Future<Output = Result<T, GatewayError>>) -> Result<T, GatewayError> {
    let elapsed = |_| Err(GatewayError::Unknown { reason: "the caller gave up".into() });
    tokio::time::timeout(IMPATIENCE, call).await.unwrap_or_else(elapsed)
}

impl PaymentGateway for Impatient {
    fn authorize(&self, request: AuthorizeRequest) -> ticketflow_payment::GatewayFuture<'_, Authorization> {
        Box::pin(give_up(self.0.authorize(request)))
    }
    fn capture<'a>(&'a self, key: &'a str) -> ticketflow_payment::GatewayFuture<'a, Capture> {
        Box::pin(give_up(self.0.capture(key)))
    }
    fn void<'a>(&'a self, key: &'a str) -> ticketflow_payment::GatewayFuture<'a, Void> {
        Box::pin(give_up(self.0.void(key)))
    }
    fn refund<'a>(
        &'a self,
        refund_key: &'a str,
        order_key: &'a str,
        amount_minor: i64,
    ) -> ticketflow_payment::GatewayFuture<'a, Refund> {
        Box::pin(give_up(self.0.refund(refund_key, order_key, amount_minor)))
    }
    fn status<'a>(&'a self, key: &'a str) -> ticketflow_payment::GatewayFuture<'a, ChargeStatus> {
        Box::pin(give_up(self.0.status(key)))
    }
}

fn in_process() -> Subject {
    let simulator = SimulatedGateway::in_memory();
    let gateway = Arc::new(simulator.clone());
    Subject { gateway, impatient: Arc::new(Impatient(simulator.clone())), simulator, _folder: None }
}

fn with_file() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let simulator = SimulatedGateway::open(&folder.path().join("charges.jsonl")).unwrap();
    let gateway = Arc::new(simulator.clone());
    Subject { gateway, impatient: Arc::new(Impatient(simulator.clone())), simulator, _folder: Some(folder) }
}

async fn over_http() -> Subject {
    let simulator = SimulatedGateway::in_memory();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = simulator_router(simulator.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let gateway = Arc::new(HttpGateway::new(&url, PATIENCE).unwrap());
    let impatient = Arc::new(HttpGateway::new(&url, IMPATIENCE).unwrap());
    Subject { gateway, impatient, simulator, _folder: None }
}

/// Runs a contract test against every adapter.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod simulated_in_process { $(#[tokio::test] async fn $name() { super::$name(super::in_process()).await })* }
        mod simulated_with_file { $(#[tokio::test] async fn $name() { super::$name(super::with_file()).await })* }
        mod simulated_over_http { $(#[tokio::test] async fn $name() { super::$name(super::over_http().await).await })* }
    };
}

contract!(
    a_charge_goes_from_authorized_to_captured_to_refunded,
    every_call_repeated_gives_the_first_answer,
    a_declined_key_stays_declined,
    a_void_closes_a_key_for_ever,
    captured_money_is_not_voided,
    refunds_never_exceed_the_charge,
    contradicting_repeats_are_rejected,
    malformed_calls_are_rejected_and_change_nothing,
    a_lost_answer_is_unknown_and_the_charge_is_made,
    an_outage_certainly_charges_nothing,
    a_slow_charge_is_made_though_the_caller_has_gone,
    a_void_overtakes_a_slow_charge,
    a_timeout_is_unknown_and_the_call_never_happens,
    live_faults_end_when_they_are_taken_back,
    one_key_is_charged_once_however_many_ask,
);

fn request(key: &str, token: &str) -> AuthorizeRequest {
    AuthorizeRequest { key: key.into(), amount_minor: 25_000, currency: *b"CLP", token: token.into() }
}

fn approved(answer: &Result<Authorization, GatewayError>) -> bool {
    matches!(answer, Ok(Authorization::Approved { .. }))
}

fn declined(answer: &Result<Authorization, GatewayError>) -> bool {
    matches!(answer, Ok(Authorization::Declined { .. }))
}

fn unknown<T>(answer: Result<T, GatewayError>) -> bool {
    matches!(answer, Err(GatewayError::Unknown { .. }))
}

fn unavailable<T>(answer: Result<T, GatewayError>) -> bool {
    matches!(answer, Err(GatewayError::Unavailable { .. }))
}

fn rejected<T>(answer: Result<T, GatewayError>) -> bool {
    matches!(answer, Err(GatewayError::Rejected { .. }))
}

async fn eventually(subject: &Subject, key: &str, status: ChargeStatus) {
    let deadline = Instant::now() + PATIENCE;
    while subject.gateway.status(key).await != Ok(status) {
        assert!(Instant::now() < deadline, "{key} did not become {status:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn a_charge_goes_from_authorized_to_captured_to_refunded(subject: Subject) {
    let gateway = &subject.gateway;
    assert_eq!(gateway.status("o-1").await, Ok(ChargeStatus::NotFound));
    assert!(approved(&gateway.authorize(request("o-1", "tok_visa")).await));
    assert_eq!(gateway.status("o-1").await, Ok(ChargeStatus::Authorized));
    assert_eq!(gateway.capture("o-1").await, Ok(Capture::Captured));
    assert_eq!(gateway.status("o-1").await, Ok(ChargeStatus::Captured));
    assert_eq!(gateway.refund("r-1", "o-1", 10_000).await, Ok(Refund::Refunded));
    assert_eq!(gateway.status("o-1").await, Ok(ChargeStatus::Refunded { amount_minor: 10_000 }));
    assert_eq!(gateway.refund("r-2", "o-1", 15_000).await, Ok(Refund::Refunded));
    assert_eq!(gateway.status("o-1").await, Ok(ChargeStatus::Refunded { amount_minor: 25_000 }));
}

async fn every_call_repeated_gives_the_first_answer(subject: Subject) {
    let gateway = &subject.gateway;
    let first = gateway.authorize(request("o-1", "tok_visa")).await;
    assert!(approved(&first));
    assert_eq!(gateway.authorize(request("o-1", "tok_visa")).await, first);
    for _ in 0..2 {
        assert_eq!(gateway.capture("o-1").await, Ok(Capture::Captured));
    }
    for _ in 0..3 {
        assert_eq!(gateway.refund("r-1", "o-1", 20_000).await, Ok(Refund::Refunded));
    }
    assert_eq!(gateway.status("o-1").await, Ok(ChargeStatus::Refunded { amount_minor: 20_000 }));
    assert_eq!(gateway.capture("o-1").await, Ok(Capture::Captured), "a refund does not undo the capture");
    assert_eq!(gateway.authorize(request("o-1", "tok_visa")).await, first);
    for _ in 0..2 {
        assert_eq!(gateway.void("o-2").await, Ok(Void::Voided));
    }
}

async fn a_declined_key_stays_declined(subject: Subject) {
    let gateway = &subject.gateway;
    assert!(declined(&gateway.authorize(request("o-1", "tok_decline")).await));
    assert!(declined(&gateway.authorize(request("o-1", "tok_visa")).await), "another card takes another key");
    assert_eq!(gateway.status("o-1").await, Ok(ChargeStatus::Declined));
    assert_eq!(gateway.capture("o-1").await, Ok(Capture::Refused { status: ChargeStatus::Declined }));
    assert_eq!(gateway.void("o-1").await, Ok(Void::Voided), "there is no charge and never will be");
    assert_eq!(gateway.status("o-1").await, Ok(ChargeStatus::Declined));

    subject.simulator.set_control(Control { decline_ratio: 1.0, ..Control::default() }).unwrap();
    assert!(declined(&gateway.authorize(request("o-2", "tok_visa")).await));
}

async fn a_void_closes_a_key_for_ever(subject: Subject) {
    let gateway = &subject.gateway;
    assert!(approved(&gateway.authorize(request("authorized", "tok_visa")).await));
    for key in ["authorized", "never-seen"] {
        assert_eq!(gateway.void(key).await, Ok(Void::Voided));
        assert_eq!(gateway.status(key).await, Ok(ChargeStatus::Voided));
        assert!(declined(&gateway.authorize(request(key, "tok_visa")).await), "{key}");
        assert_eq!(gateway.capture(key).await, Ok(Capture::Refused { status: ChargeStatus::Voided }));
        assert!(matches!(gateway.refund("r", key, 1).await, Ok(Refund::Refused { .. })));
    }
}

async fn captured_money_is_not_voided(subject: Subject) {
    let gateway = &subject.gateway;
    assert!(approved(&gateway.authorize(request("o-1", "tok_visa")).await));
    assert_eq!(gateway.capture("o-1").await, Ok(Capture::Captured));
    assert_eq!(gateway.void("o-1").await, Ok(Void::Refused { status: ChargeStatus::Captured }));
    assert_eq!(gateway.refund("r-1", "o-1", 5).await, Ok(Refund::Refunded));
    let status = ChargeStatus::Refunded { amount_minor: 5 };
    assert_eq!(gateway.void("o-1").await, Ok(Void::Refused { status }));
    assert_eq!(gateway.status("o-1").await, Ok(status));
}

async fn refunds_never_exceed_the_charge(subject: Subject) {
    let gateway = &subject.gateway;
    let refused = |answer| matches!(answer, Ok(Refund::Refused { .. }));
    assert!(refused(gateway.refund("r-0", "o-1", 1).await), "nothing charged");
    assert!(approved(&gateway.authorize(request("o-1", "tok_visa")).await));
    assert!(refused(gateway.refund("r-0", "o-1", 1).await), "nothing captured");
    assert_eq!(gateway.capture("o-1").await, Ok(Capture::Captured));
    assert!(refused(gateway.refund("r-1", "o-1", 25_001).await));
    assert!(refused(gateway.refund("r-1", "o-1", i64::MAX).await));
    assert_eq!(gateway.refund("r-2", "o-1", 20_000).await, Ok(Refund::Refunded));
    assert!(refused(gateway.refund("r-3", "o-1", 5_001).await));
    assert_eq!(
        gateway.refund("r-3", "o-1", 5_000).await,
        Ok(Refund::Refunded),
        "a refusal does not use up the key"
    );
    assert_eq!(gateway.status("o-1").await, Ok(ChargeStatus::Refunded { amount_minor: 25_000 }));
}

async fn contradicting_repeats_are_rejected(subject: Subject) {
    let gateway = &subject.gateway;
    for key in ["o-1", "o-2"] {
        assert!(approved(&gateway.authorize(request(key, "tok_visa")).await));
        assert_eq!(gateway.capture(key).await, Ok(Capture::Captured));
    }
    assert!(rejected(
        gateway.authorize(AuthorizeRequest { amount_minor: 1, ..request("o-1", "tok_visa") }).await
    ));
    assert!(rejected(
        gateway.authorize(AuthorizeRequest { currency: *b"USD", ..request("o-1", "tok_visa") }).await
    ));
    assert_eq!(gateway.refund("r-1", "o-1", 10).await, Ok(Refund::Refunded));
    assert!(rejected(gateway.refund("r-1", "o-1", 11).await));
    assert!(rejected(gateway.refund("r-1", "o-2", 10).await));
    assert_eq!(gateway.status("o-1").await, Ok(ChargeStatus::Refunded { amount_minor: 10 }));
    assert_eq!(gateway.status("o-2").await, Ok(ChargeStatus::Captured));
}

async fn malformed_calls_are_rejected_and_change_nothing(subject: Subject) {
    let gateway = &subject.gateway;
    for key in ["", "with space", "con-eñe", &"k".repeat(129), "line\nbreak"] {
        assert!(rejected(gateway.authorize(request(key, "tok_visa")).await), "{key:?}");
        assert!(rejected(gateway.capture(key).await), "{key:?}");
        assert!(rejected(gateway.void(key).await), "{key:?}");
        assert!(rejected(gateway.status(key).await), "{key:?}");
        assert!(rejected(gateway.refund(key, "o-1", 1).await), "{key:?}");
        assert!(rejected(gateway.refund("r-1", key, 1).await), "{key:?}");
    }
    let valid = request("o-1", "tok_visa");
    assert!(rejected(gateway.authorize(AuthorizeRequest { amount_minor: -1, ..valid.clone() }).await));
    assert!(rejected(gateway.authorize(AuthorizeRequest { currency: *b"clp", ..valid.clone() }).await));
    assert!(rejected(gateway.authorize(AuthorizeRequest { token: "t".repeat(257), ..valid }).await));
    assert!(rejected(gateway.authorize(request("o-1", "tok_slow_soon")).await));
    assert!(rejected(gateway.refund("r-1", "o-1", 0).await));
    assert!(rejected(gateway.refund("r-1", "o-1", -5).await));
    assert!(subject.simulator.charges(None, 10).unwrap().charges.is_empty());
    assert!(
        approved(&gateway.authorize(request(&"k".repeat(128), "tok_visa")).await),
        "128 characters are allowed"
    );
    assert!(
        approved(&gateway.authorize(request("a/b?c=d%20\"e\\", "tok_visa")).await),
        "all visible characters are"
    );
}

async fn a_lost_answer_is_unknown_and_the_charge_is_made(subject: Subject) {
    let gateway = &subject.gateway;
    let asked = Instant::now();
    assert!(unknown(gateway.authorize(request("by-token", "tok_lost_answer")).await));
    assert!(asked.elapsed() < PATIENCE, "the caller hears at once, not at its deadline");
    assert_eq!(gateway.status("by-token").await, Ok(ChargeStatus::Authorized));
    assert!(
        approved(&gateway.authorize(request("by-token", "tok_lost_answer")).await),
        "asked again, it answers"
    );

    let lost = |call| Control { lost_answer: true, faulty_calls: vec![call], ..Control::default() };
    subject.simulator.set_control(lost(Call::Authorize)).unwrap();
    assert!(unknown(gateway.authorize(request("live", "tok_visa")).await));
    assert_eq!(gateway.status("live").await, Ok(ChargeStatus::Authorized));
    subject.simulator.set_control(lost(Call::Capture)).unwrap();
    assert!(unknown(gateway.capture("live").await));
    assert_eq!(gateway.status("live").await, Ok(ChargeStatus::Captured));
    subject.simulator.set_control(lost(Call::Refund)).unwrap();
    assert!(unknown(gateway.refund("r-1", "live", 7).await));
    assert_eq!(gateway.status("live").await, Ok(ChargeStatus::Refunded { amount_minor: 7 }));
    subject.simulator.set_control(lost(Call::Void)).unwrap();
    assert!(unknown(gateway.void("by-token").await));
    assert_eq!(gateway.status("by-token").await, Ok(ChargeStatus::Voided));
    subject.simulator.set_control(lost(Call::Status)).unwrap();
    assert!(unknown(gateway.status("live").await));
}

async fn an_outage_certainly_charges_nothing(subject: Subject) {
    let gateway = &subject.gateway;
    assert!(unavailable(gateway.authorize(request("by-token", "tok_outage")).await));
    assert_eq!(gateway.status("by-token").await, Ok(ChargeStatus::NotFound));

    subject.simulator.set_control(Control { outage: true, ..Control::default() }).unwrap();
    assert!(unavailable(gateway.authorize(request("live", "tok_visa")).await));
    assert!(unavailable(gateway.capture("live").await));
    assert!(unavailable(gateway.void("live").await));
    assert!(unavailable(gateway.refund("r-1", "live", 1).await));
    assert!(unavailable(gateway.status("live").await));
    assert!(subject.simulator.charges(None, 10).unwrap().charges.is_empty());
}

async fn a_slow_charge_is_made_though_the_caller_has_gone(subject: Subject) {
    assert!(unknown(subject.impatient.authorize(request("by-token", "tok_slow_0.3")).await));
    assert_eq!(subject.gateway.status("by-token").await, Ok(ChargeStatus::NotFound), "not yet");
    eventually(&subject, "by-token", ChargeStatus::Authorized).await;

    let slow = Control { latency_ms: 300, faulty_calls: vec![Call::Capture], ..Control::default() };
    subject.simulator.set_control(slow).unwrap();
    assert!(unknown(subject.impatient.capture("by-token").await));
    eventually(&subject, "by-token", ChargeStatus::Captured).await;

    assert!(approved(&subject.gateway.authorize(request("patient", "tok_slow_0.05")).await));
}

async fn a_void_overtakes_a_slow_charge(subject: Subject) {
    let gateway = Arc::clone(&subject.gateway);
    assert!(unknown(subject.impatient.authorize(request("o-1", "tok_slow_0.3")).await));
    let waiting = tokio::spawn(async move { gateway.authorize(request("o-1", "tok_slow_0.4")).await });
    assert_eq!(subject.gateway.void("o-1").await, Ok(Void::Voided));
    assert!(declined(&waiting.await.unwrap()), "the late charge meets the tombstone");
    assert_eq!(subject.gateway.status("o-1").await, Ok(ChargeStatus::Voided));
}

async fn a_timeout_is_unknown_and_the_call_never_happens(subject: Subject) {
    subject.simulator.set_control(Control { timeout: true, ..Control::default() }).unwrap();
    assert!(unknown(subject.impatient.authorize(request("o-1", "tok_visa")).await));
    assert!(unknown(subject.impatient.status("o-1").await));
    subject.simulator.set_control(Control::default()).unwrap();
    assert_eq!(subject.gateway.status("o-1").await, Ok(ChargeStatus::NotFound));
}

async fn live_faults_end_when_they_are_taken_back(subject: Subject) {
    let gateway = &subject.gateway;
    subject.simulator.set_control(Control { outage: true, ..Control::default() }).unwrap();
    assert!(unavailable(gateway.authorize(request("o-1", "tok_visa")).await));
    let refused = subject.simulator.set_control(Control { decline_ratio: 2.0, ..Control::default() });
    assert!(refused.is_err());
    assert!(subject.simulator.control().outage, "a refused control leaves the one before in force");
    subject.simulator.set_control(Control::default()).unwrap();
    assert!(approved(&gateway.authorize(request("o-1", "tok_visa")).await));
}

async fn one_key_is_charged_once_however_many_ask(subject: Subject) {
    let mut asking = tokio::task::JoinSet::new();
    for number in 0..64 {
        let gateway = Arc::clone(&subject.gateway);
        asking.spawn(async move {
            let answer = gateway.authorize(request("o-1", "tok_visa")).await;
            let refund_of_unknown = gateway.refund(&format!("r-{number}"), "o-2", 1).await;
            (answer, refund_of_unknown)
        });
    }
    let answers = asking.join_all().await;
    assert!(answers.iter().all(|(answer, _)| approved(answer) && *answer == answers[0].0));
    let listed = subject.simulator.charges(None, 10).unwrap();
    assert_eq!(listed.charges.len(), 1);
    assert_eq!(listed.charges[0].amount_minor, 25_000);
}
