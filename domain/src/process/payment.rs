//! The payment of one order, from the started payment to sold seats or a closed charge.
//!
//! Invariant: never charged without seats or a refund, never seats without a charge. Every step is safe to run
//! twice, because the gateway knows the charge by our order id and the show records each outcome once. The show's
//! events hold what is durable; this machine holds the way between them, and after a crash it is entered again at
//! [`PaymentProcess::resumed`].

use crate::show::PaymentFailure;

/// Where the payment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Authorising,
    Unknown,
    /// Taken up after a crash: no request of ours is on its way from this process any more.
    Resumed,
    Confirming {
        reference: String,
    },
    Failing,
    Done,
}

/// What was seen of the world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// The gateway authorised the charge.
    Approved {
        /// The gateway's name for it.
        reference: String,
    },
    /// The gateway said no.
    Declined,
    /// The gateway may or may not have charged: its answer was lost.
    OutcomeUnknown,
    /// The gateway was certainly not reached.
    Unreachable,
    /// Asked again, the gateway has an authorised or captured charge.
    FoundCharged {
        /// The gateway's name for it.
        reference: String,
    },
    /// Asked again, the gateway has no charge; the request may still be on its way.
    FoundNothing,
    /// The time for an answer to the buyer is over.
    TimedOut,
    /// The show sold the seats.
    OrderConfirmed,
    /// The show refused to sell.
    OrderRefused,
    /// The show released the seats.
    FailureRecorded,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ask the gateway to authorise.
    Authorise,
    /// Ask the gateway what became of the charge, after a pause.
    AskAgain,
    /// Have the show sell the seats.
    ConfirmOrder {
        /// The gateway's name for the charge.
        reference: String,
    },
    /// Have the show release the seats; where the charge is unknown the show remembers to have it voided.
    FailOrder {
        /// Why.
        reason: PaymentFailure,
        /// Whether the gateway may have charged.
        charge_unknown: bool,
    },
    /// Nothing more: what is owed at the gateway (capture, void) is an open charge of the show.
    Finish,
}

/// The way of one payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentProcess {
    stage: Stage,
}

impl PaymentProcess {
    /// A payment that was just recorded as started.
    pub fn started() -> (Self, Step) {
        (Self { stage: Stage::Authorising }, Step::Authorise)
    }

    /// A payment found under way after a crash: the gateway may have been asked, so it is asked what it knows.
    pub fn resumed() -> (Self, Step) {
        (Self { stage: Stage::Resumed }, Step::AskAgain)
    }

    /// The next step after an observation. One that does not fit the stage (a late answer) changes nothing.
    pub fn observe(&mut self, observation: Observation) -> Option<Step> {
        let (stage, step) = match (&self.stage, observation) {
            (Stage::Authorising | Stage::Unknown, Observation::Approved { reference })
            | (Stage::Unknown | Stage::Resumed, Observation::FoundCharged { reference }) => {
                (Stage::Confirming { reference: reference.clone() }, Step::ConfirmOrder { reference })
            }
            (Stage::Authorising | Stage::Unknown | Stage::Resumed, Observation::Declined) => {
                (Stage::Failing, fail(PaymentFailure::Declined, false))
            }
            (Stage::Authorising, Observation::Unreachable) => {
                (Stage::Failing, fail(PaymentFailure::Unavailable, false))
            }
            (Stage::Authorising | Stage::Unknown, Observation::OutcomeUnknown)
            | (Stage::Unknown, Observation::Unreachable | Observation::FoundNothing) => {
                (Stage::Unknown, Step::AskAgain)
            }
            // Nothing was charged before the crash. Should a request still be on its way, the void that follows closes the key.
            (Stage::Resumed, Observation::FoundNothing) => {
                (Stage::Failing, fail(PaymentFailure::Abandoned, true))
            }
            (Stage::Resumed, Observation::OutcomeUnknown | Observation::Unreachable) => {
                (Stage::Resumed, Step::AskAgain)
            }
            (Stage::Authorising | Stage::Unknown | Stage::Resumed, Observation::TimedOut) => {
                (Stage::Failing, fail(PaymentFailure::TimedOut, true))
            }
            (Stage::Confirming { .. }, Observation::OrderConfirmed) => (Stage::Done, Step::Finish),
            (Stage::Confirming { .. }, Observation::OrderRefused) => {
                (Stage::Failing, fail(PaymentFailure::Abandoned, true))
            }
            (Stage::Failing, Observation::FailureRecorded) => (Stage::Done, Step::Finish),
            _ => return None,
        };
        self.stage = stage;
        Some(step)
    }
}

fn fail(reason: PaymentFailure, charge_unknown: bool) -> Step {
    Step::FailOrder { reason, charge_unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approved() -> Observation {
        Observation::Approved { reference: "r".into() }
    }

    fn confirm() -> Option<Step> {
        Some(Step::ConfirmOrder { reference: "r".into() })
    }

    fn run(mut process: PaymentProcess, observations: &[Observation]) -> Vec<Option<Step>> {
        observations.iter().map(|observation| process.observe(observation.clone())).collect()
    }

    #[test]
    fn every_way_through() {
        let found = Observation::FoundCharged { reference: "r".into() };
        let unknown_then = |last| vec![Observation::OutcomeUnknown, Observation::FoundNothing, last];
        let ask = || Some(Step::AskAgain);
        let finish = || Some(Step::Finish);
        let failed = |reason, unknown| Some(fail(reason, unknown));
        for (observations, steps) in [
            (vec![approved(), Observation::OrderConfirmed], vec![confirm(), finish()]),
            (
                vec![Observation::Declined, Observation::FailureRecorded],
                vec![failed(PaymentFailure::Declined, false), finish()],
            ),
            (vec![Observation::Unreachable], vec![failed(PaymentFailure::Unavailable, false)]),
            (vec![Observation::TimedOut], vec![failed(PaymentFailure::TimedOut, true)]),
            (unknown_then(found), vec![ask(), ask(), confirm()]),
            (unknown_then(Observation::TimedOut), vec![ask(), ask(), failed(PaymentFailure::TimedOut, true)]),
            (
                unknown_then(Observation::Declined),
                vec![ask(), ask(), failed(PaymentFailure::Declined, false)],
            ),
            (
                vec![approved(), Observation::OrderRefused, Observation::FailureRecorded],
                vec![confirm(), failed(PaymentFailure::Abandoned, true), finish()],
            ),
        ] {
            assert_eq!(run(PaymentProcess::started().0, &observations), steps, "{observations:?}");
        }
    }

    #[test]
    fn a_late_answer_after_the_time_out_sells_nothing() {
        let steps = run(PaymentProcess::started().0, &[Observation::TimedOut, approved()]);
        assert_eq!(steps[1], None);
    }

    #[test]
    fn after_a_crash_a_charge_that_was_never_made_frees_the_seats_at_once() {
        let steps =
            run(PaymentProcess::resumed().0, &[Observation::OutcomeUnknown, Observation::FoundNothing]);
        assert_eq!(steps, [Some(Step::AskAgain), Some(fail(PaymentFailure::Abandoned, true))]);
    }

    #[test]
    fn after_a_crash_the_gateway_is_asked_and_never_charged_anew() {
        let (process, first) = PaymentProcess::resumed();
        assert_eq!(first, Step::AskAgain);
        let all = [
            approved(),
            Observation::Declined,
            Observation::OutcomeUnknown,
            Observation::Unreachable,
            Observation::FoundNothing,
            Observation::TimedOut,
            Observation::OrderConfirmed,
            Observation::FailureRecorded,
        ];
        for observation in all {
            assert_ne!(run(process.clone(), &[observation])[0], Some(Step::Authorise));
        }
    }
}
