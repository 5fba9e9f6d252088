//! The tax authority as billing reaches it: envelopes in, numbers and verdicts out. Today it is the simulated one in this process, whose
//! faults are set live; one over HTTP takes its place here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ticketflow_fiscal_chile::{
    PublicKey, SimulatedAuthority, StatusError, SubmissionStatus, SubmitError, TrackId,
};
use utoipa::ToSchema;

/// Longest latency that can be set.
const MAX_LATENCY_MS: u64 = 60_000;
const MAX_PER_MILLE: u16 = 1_000;

/// What the simulated authority does to submissions, set live. The default answers at once and takes what is right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = FiscalAuthorityControl, example = json!({"shortest_latency_ms": 50, "longest_latency_ms": 400, "refusals_per_mille": 5}))]
pub struct AuthorityControl {
    /// What an answer takes at least, in milliseconds.
    pub shortest_latency_ms: u64,
    /// What an answer takes at most, in milliseconds; 60,000 at most.
    pub longest_latency_ms: u64,
    /// How many of 1,000 documents are refused for no reason of theirs.
    pub refusals_per_mille: u16,
    /// Nobody is answered.
    pub outage: bool,
    /// So many of the next submissions are taken without the sender hearing of it.
    pub answers_to_lose: u32,
    /// How often a submission is still being looked at when it is asked for.
    pub polls_until_verdict: u32,
}

/// Why a control was not accepted; the one before it stays in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAuthorityControl {
    /// The latency is too long.
    #[error("a latency is at most 60,000 ms, and the shortest is not longer than the longest")]
    Latency,
    /// More than all.
    #[error("refusals_per_mille must be at most 1,000")]
    Refusals,
}

struct Simulated {
    authority: SimulatedAuthority,
    control: AuthorityControl,
}

/// The authority. Clones are the same one.
#[derive(Clone)]
pub struct FiscalAuthority {
    simulated: Arc<Mutex<Simulated>>,
}

impl FiscalAuthority {
    /// A simulated one in this process, which signs authorisations with this key.
    #[must_use]
    pub fn simulated(key: PublicKey, seed: u64) -> Self {
        let authority = SimulatedAuthority::new(key, seed);
        let simulated = Simulated { authority, control: AuthorityControl::default() };
        Self { simulated: Arc::new(Mutex::new(simulated)) }
    }

    /// What it does to submissions.
    #[must_use]
    pub fn control(&self) -> AuthorityControl {
        self.lock().control
    }

    /// Changes all of it.
    ///
    /// # Errors
    /// [`InvalidAuthorityControl`].
    pub fn set_control(&self, control: AuthorityControl) -> Result<(), InvalidAuthorityControl> {
        if control.longest_latency_ms > MAX_LATENCY_MS
            || control.shortest_latency_ms > control.longest_latency_ms
        {
            return Err(InvalidAuthorityControl::Latency);
        }
        if control.refusals_per_mille > MAX_PER_MILLE {
            return Err(InvalidAuthorityControl::Refusals);
        }
        let mut simulated = self.lock();
        simulated.control = control;
        let authority = &mut simulated.authority;
        let [shortest, longest] =
            [control.shortest_latency_ms, control.longest_latency_ms].map(Duration::from_millis);
        authority.set_latency(shortest, longest);
        authority.set_refusals_per_mille(control.refusals_per_mille);
        authority.set_outage(control.outage);
        authority.lose_answers(control.answers_to_lose);
        authority.set_polls_until_verdict(control.polls_until_verdict);
        Ok(())
    }

    /// Hands an envelope in.
    ///
    /// # Errors
    /// [`SubmitError`]; after [`SubmitError::Unavailable`] it may have been taken all the same.
    pub async fn submit(&self, envelope: Vec<u8>) -> Result<TrackId, SubmitError> {
        self.wait().await;
        // It looks at every signature.
        let authority = self.clone();
        let submitting = tokio::task::spawn_blocking(move || {
            let mut simulated = authority.lock();
            let answer = simulated.authority.submit(&envelope);
            if answer == Err(SubmitError::Unavailable) && !simulated.control.outage {
                simulated.control.answers_to_lose = simulated.control.answers_to_lose.saturating_sub(1);
            }
            answer
        });
        submitting.await.unwrap_or(Err(SubmitError::Unavailable))
    }

    /// What became of an envelope.
    ///
    /// # Errors
    /// [`StatusError`].
    pub async fn status(&self, track_id: TrackId) -> Result<SubmissionStatus, StatusError> {
        self.wait().await;
        self.lock().authority.status(track_id)
    }

    async fn wait(&self) {
        let latency = self.lock().authority.next_latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Simulated> {
        self.simulated.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ticketflow_fiscal_chile::RsaKey;

    #[test]
    fn what_is_out_of_bounds_is_refused_and_changes_nothing() {
        let authority = FiscalAuthority::simulated(RsaKey::from_seed(&[1; 32], 512).unwrap().public_key(), 1);
        let fine = AuthorityControl { longest_latency_ms: 5, refusals_per_mille: 3, ..Default::default() };
        authority.set_control(fine).unwrap();
        for (bad, error) in [
            (AuthorityControl { longest_latency_ms: 60_001, ..fine }, InvalidAuthorityControl::Latency),
            (AuthorityControl { shortest_latency_ms: 6, ..fine }, InvalidAuthorityControl::Latency),
            (AuthorityControl { refusals_per_mille: 1_001, ..fine }, InvalidAuthorityControl::Refusals),
        ] {
            assert_eq!(authority.set_control(bad), Err(error));
        }
        assert_eq!(authority.control(), fine);
    }
}
