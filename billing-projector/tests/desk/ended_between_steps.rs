//! Billing ends between any two steps, at any of its documents: what the next start finds is finished, once.

use std::collections::BTreeSet;

use crate::history::History;
use crate::stage::*;

/// Between these, in the order in which they come.
const STEPS: [&str; 6] = [
    "billing::before-issuing",
    "billing::issued",
    "billing::before-sending",
    "billing::sent",
    "billing::before-writing-down",
    "billing::written-down",
];

// Alone in its process: failpoints are everybody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_was_under_way_is_done_once() {
    let scenario = fail::FailScenario::setup();
    let folder = tempfile::tempdir().unwrap();
    let to = format!("file:{}", folder.path().display());
    let (log, keys, mut history) = (log(), Keys::new(), History::new(87, 4, 3));
    for step in STEPS {
        for hit in 1..=4 {
            keys.append(&log, &mut history, 60).await;
            // The next hits but the last pass; the last ends billing as an error of the software would.
            fail::cfg(step, &format!("{}*off->1*panic", hit - 1)).unwrap();
            let billing = keys.start_mailing(&log, &to);
            until("it has ended, or has nothing to do", || {
                billing.has_ended() || mailed(&log).len() == wanted(&log).len()
            })
            .await;
            drop(billing);
            fail::remove(step);
            let (documents, mailed) = (documents(&log).len(), mailed(&log).len());
            assert!(mailed <= documents, "{step} at hit {hit}");
        }
    }
    let billing = keys.start_mailing(&log, &to);
    all_mailed(&log, &billing).await;
    billing.stop().await;
    scenario.teardown();
    complete(&log);
    let files: BTreeSet<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".eml").map(str::to_owned))
        .collect();
    assert!(files.iter().eq(mailed(&log).keys()), "one mail for each document, and none without one");
}
