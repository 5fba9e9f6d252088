//! Documents on their way to the authority, whatever goes wrong.

use std::collections::BTreeSet;
use std::time::Duration;

use ticketflow_billing_projector::{AuthorityControl, BillingHandle};
use ticketflow_domain::billing::{BillingEvent, DocumentId, DocumentType};
use ticketflow_fiscal_chile::{MAX_DOCUMENTS, Refusal, SubmissionStatus};

use crate::endpoints::{KEY, ask, operators_router};
use crate::world::*;

/// The books say once of each document that it was taken, and the authority has every one of them, byte for byte.
pub(crate) async fn taken_once(world: &World) {
    let issued: BTreeSet<DocumentId> =
        world.documents().into_iter().map(|(_, _, view)| view.document).collect();
    let taken = world.count(accepted);
    assert!(taken.values().all(|count| *count == 1), "{taken:?}");
    assert_eq!(taken.into_keys().collect::<BTreeSet<_>>(), issued);
    world.authority.set_control(AuthorityControl::default()).unwrap();
    let signed: Vec<_> = world.signed().await.into_values().collect();
    let office = world.ports().office;
    let (receipts, notes): (Vec<_>, Vec<_>) =
        signed.into_iter().partition(|signed| signed.document_type().is_receipt());
    for part in receipts.chunks(MAX_DOCUMENTS).chain(notes.chunks(MAX_DOCUMENTS)) {
        let envelope = office.envelope(&world.options.issuer, part, now()).unwrap();
        let track_id = world.authority.submit(envelope).await.unwrap();
        let SubmissionStatus::Processed { accepted, refused } =
            world.authority.status(track_id).await.unwrap()
        else {
            panic!("the envelope was refused")
        };
        assert_eq!(accepted, [], "the authority did not have these");
        assert!(refused.iter().all(|document| document.refusal == Refusal::Repeated), "{refused:?}");
        assert_eq!(refused.len(), part.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_submitted_as_they_are_issued() {
    let mut world = World::new(91, DocumentType::TaxedReceipt);
    world
        .authority
        .set_control(AuthorityControl { polls_until_verdict: 2, longest_latency_ms: 3, ..Default::default() })
        .unwrap();
    let billing = world.start();
    for _ in 0..10 {
        world.sell(60).await;
        world.all_taken(&billing).await;
    }
    until("nothing is left to say", &billing, |status| {
        status.unsubmitted == 0 && status.authority_error.is_none()
    })
    .await;
    billing.stop().await;
    assert_eq!(world.count(refused).len(), 0);
    assert!(world.count(submitted).values().all(|count| *count == 1), "each was given once");
    taken_once(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn billing_that_ends_anywhere_while_answers_are_lost_gives_each_document_once() {
    let mut world = World::new(92, DocumentType::ExemptReceipt);
    for step in 0..36_u32 {
        world.sell(30).await;
        world
            .authority
            .set_control(AuthorityControl {
                longest_latency_ms: u64::from(step % 3) * 4,
                outage: step % 7 == 6,
                answers_to_lose: step % 3,
                polls_until_verdict: step % 4,
                ..Default::default()
            })
            .unwrap();
        let billing = world.start();
        let seen = world.log.head().position;
        // A different moment each time: after so many events of billing, or in the middle of an outage.
        until("it has begun", &billing, |status| {
            world.log.head().position >= seen + u64::from(step % 12)
                || status.authority_error.is_some()
                || status.unsubmitted == 0
        })
        .await;
        tokio::time::sleep(Duration::from_micros(u64::from(step) * 517)).await;
        end(billing, step).await;
    }
    world.authority.set_control(AuthorityControl::default()).unwrap();
    let billing = world.start();
    world.all_taken(&billing).await;
    billing.stop().await;
    assert!(world.count(refused).is_empty(), "a repeated document is no refused one");
    taken_once(&world).await;
}

/// As asked for, or as a crash: whatever is under way is cut off.
async fn end(billing: BillingHandle, step: u32) {
    if step.is_multiple_of(2) {
        billing.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_give_each_document_once() {
    let mut world = World::new(93, DocumentType::TaxedReceipt);
    world.start().stop().await;
    let instances = [world.start(), world.start()];
    for _ in 0..8 {
        world.sell(40).await;
        tokio::task::yield_now().await;
    }
    for billing in &instances {
        world.all_taken(billing).await;
    }
    for billing in instances {
        billing.stop().await;
    }
    taken_once(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_stays_refused_until_an_operator_has_it_submitted_again() {
    let mut world = World::new(94, DocumentType::TaxedReceipt);
    world
        .authority
        .set_control(AuthorityControl { refusals_per_mille: 1_000, ..Default::default() })
        .unwrap();
    world.sell(300).await;
    let billing = world.start();
    let all_refused = async |world: &World, billing: &BillingHandle| {
        until("all are refused", billing, |status| {
            let issued = world.documents().len();
            issued > 0
                && status.unsubmitted == 0
                && world.count(refused).len() == issued
                && status.position == world.log.head().position
        })
        .await;
    };
    all_refused(&world, &billing).await;
    world.authority.set_control(AuthorityControl::default()).unwrap();
    let first = world.count(refused);
    // Others are taken meanwhile, and a restart changes nothing either.
    billing.stop().await;
    world.sell(100).await;
    let billing = world.start();
    until("the others are taken", &billing, |status| {
        status.unsubmitted == 0
            && world.count(accepted).len() + first.len() == world.documents().len()
            && status.position == world.log.head().position
    })
    .await;
    assert_eq!(world.count(refused), first);
    // As an operator does, at whichever instance.
    let operators = operators_router(&world);
    let listed = async || ask(&operators, "GET", "/v1/ops/refused-documents", Some(KEY), None).await.json();
    let shown = listed().await["data"].as_array().unwrap().clone();
    let is_shown = |one: &serde_json::Value| {
        one["reason"].as_str().is_some_and(|text| text.contains("refused by chance"))
    };
    assert_eq!(shown.iter().filter(|one| is_shown(one)).count(), first.len());
    let asked = ask(&operators, "POST", "/v1/ops/refused-documents", Some(KEY), None).await;
    assert_eq!(asked.status, 202);
    assert_eq!(listed().await, serde_json::json!({"data": [], "has_more": false}));
    world.all_taken(&billing).await;
    let reopened = |event: &BillingEvent| match event {
        BillingEvent::DocumentReopened(reopened) => Some(reopened.document),
        _ => None,
    };
    assert_eq!(world.count(reopened), first, "each once");
    billing.stop().await;
    taken_once(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_authority_is_away_documents_are_issued_and_mailed_and_then_it_gets_them_all() {
    let mut world = World::new(95, DocumentType::TaxedReceipt);
    world.authority.set_control(AuthorityControl { outage: true, ..Default::default() }).unwrap();
    world.sell(250).await;
    let billing = world.start_mailing();
    let mails = world.folder.path().join("mail");
    let mailed = || std::fs::read_dir(&mails).map_or(0, Iterator::count);
    until("every document is mailed", &billing, |status| {
        let issued = world.documents().len();
        issued > 20 && status.position == world.log.head().position && mailed() >= issued
    })
    .await;
    until("it says that the authority is away", &billing, |status| {
        status.authority_error.as_deref() == Some("the authority does not answer")
            && status.unsubmitted == world.documents().len()
    })
    .await;
    assert_eq!(world.count(submitted).len(), 0);
    // Two hours later.
    set_clock_seconds_after_start(7_200);
    world.sell(50).await;
    world.authority.set_control(AuthorityControl::default()).unwrap();
    world.all_taken(&billing).await;
    billing.stop().await;
    taken_once(&world).await;

    let texts = std::fs::read_dir(&mails).unwrap().map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let texts: Vec<String> = texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
    for name in ["boleta-1.pdf", "boleta-1.xml", "nota-de-credito-1.pdf", "nota-de-credito-1.xml"] {
        assert_eq!(texts.iter().filter(|text| text.contains(&format!("\"{name}\""))).count(), 1, "{name}");
    }
    assert!(texts.iter().all(|text| text.contains("application/xml")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_that_has_forgotten_gets_the_documents_again() {
    let mut world = World::new(96, DocumentType::TaxedReceipt);
    world
        .authority
        .set_control(AuthorityControl { polls_until_verdict: 1_000_000, ..Default::default() })
        .unwrap();
    world.sell(200).await;
    let billing = world.start();
    until("all are submitted", &billing, |status| {
        let issued = world.documents().len();
        issued > 10 && status.unsubmitted == 0 && world.count(submitted).len() == issued
    })
    .await;
    billing.stop().await;
    let key = ticketflow_billing_projector::FiscalKeys::test_authority_key(&world.fiscal_folder()).unwrap();
    world.authority = ticketflow_billing_projector::FiscalAuthority::simulated(key, 1_234);
    let billing = world.start();
    world.all_taken(&billing).await;
    billing.stop().await;
    taken_once(&world).await;
}
