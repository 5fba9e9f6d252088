//! Billing ends between any two steps on the way to the authority, whose answers get lost as well: each document is taken once.

use ticketflow_billing_projector::AuthorityControl;
use ticketflow_domain::billing::DocumentType;

use crate::submission::taken_once;
use crate::world::*;

/// Between these, in the order in which they come.
const STEPS: [&str; 6] = [
    "billing::folio-key-kept",
    "billing::before-submitting",
    "billing::submitted",
    "billing::submission-written-down",
    "billing::before-verdict",
    "billing::verdict-written-down",
];

// Alone in its process: failpoints are everybody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_under_way_is_taken_once() {
    let scenario = fail::FailScenario::setup();
    let mut world = World::new(97, DocumentType::TaxedReceipt);
    for (number, step) in (0..).zip(STEPS) {
        for hit in 1..=4 {
            world.sell(40).await;
            let control = AuthorityControl {
                answers_to_lose: (number + hit) % 3,
                polls_until_verdict: hit % 2,
                ..AuthorityControl::default()
            };
            world.authority.set_control(control).unwrap();
            // The next hits but the last pass; the last ends billing as an error of the software would.
            fail::cfg(step, &format!("{}*off->1*panic", hit - 1)).unwrap();
            let billing = world.start();
            let since = std::time::Instant::now();
            while !billing.has_ended() && !world.is_all_taken(&billing) {
                assert!(since.elapsed() < PATIENCE, "{step} at hit {hit}: {:?}", billing.status());
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
            }
            drop(billing);
            fail::remove(step);
        }
    }
    let billing = world.start();
    world.all_taken(&billing).await;
    billing.stop().await;
    scenario.teardown();
    assert!(world.count(refused).is_empty(), "a repeated document is no refused one");
    taken_once(&world).await;
}
