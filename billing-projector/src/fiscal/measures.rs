//! What is measured of submission. The service level is the share of documents that the authority was given within its deadline.

use ticketflow_domain::Timestamp;

use super::rounds::{Item, Work};

/// By when the authority wants a document after it was issued.
const DEADLINE_SECONDS: i64 = 3_600;

/// Makes the metrics known before there is anything to say.
pub(crate) fn announce() {
    standing(&Work::default(), Timestamp::from_millis(0));
    for in_time in ["yes", "no"] {
        metrics::counter!("fiscal_submissions_total", "in_time" => in_time).increment(0);
    }
    verdicts([0, 0]);
    metrics::counter!("fiscal_envelopes_total").increment(0);
}

/// How things stand.
pub(super) fn standing(work: &Work, now: Timestamp) {
    let age_ms = work.oldest.map_or(0, |oldest| (now.as_millis() - oldest.as_millis()).max(0));
    metrics::gauge!("fiscal_oldest_unsubmitted_seconds").set(age_ms as f64 / 1_000.0);
    metrics::gauge!("fiscal_documents_unsubmitted").set(work.unsubmitted as f64);
    metrics::gauge!("fiscal_documents_refused").set(work.refused as f64);
}

/// The documents of an envelope that the authority has.
pub(super) fn submitted(items: &[Item], now: Timestamp) {
    metrics::counter!("fiscal_envelopes_total").increment(1);
    // Later tries of the same document say nothing about the first.
    for item in items.iter().filter(|item| item.is_first) {
        let took_ms = now.as_millis() - item.view.issued_at.as_millis();
        let in_time = if took_ms <= DEADLINE_SECONDS * 1_000 { "yes" } else { "no" };
        metrics::counter!("fiscal_submissions_total", "in_time" => in_time).increment(1);
    }
}

/// How many were taken, and how many were not.
pub(super) fn verdicts([accepted, refused]: [u64; 2]) {
    metrics::counter!("fiscal_verdicts_total", "verdict" => "accepted").increment(accepted);
    metrics::counter!("fiscal_verdicts_total", "verdict" => "refused").increment(refused);
}
