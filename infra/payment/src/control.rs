//! The faults of the simulated gateway: what is set live for all calls, and what one token asks for.
//!
//! Pure: this decides what shall happen to a call, the adapters make it happen. Declines at a ratio depend on the
//! key alone, so that a run with the same keys declines the same orders.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::gateway::{AuthorizeRequest, GatewayError};

/// Longest latency that can be set, and longest `tok_slow_{seconds}`: one hour. Bounds how long a call is kept.
pub(crate) const MAX_DELAY: Duration = Duration::from_secs(3600);

/// The calls of the port, to aim faults at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = GatewayCall)]
pub enum Call {
    /// Reserving an amount.
    Authorize,
    /// Taking it.
    Capture,
    /// Giving it up.
    Void,
    /// Giving it back.
    Refund,
    /// Asking about it.
    Status,
}

impl Call {
    /// Every call of the port.
    pub const ALL: [Self; 5] = [Self::Authorize, Self::Capture, Self::Void, Self::Refund, Self::Status];
}

/// What the simulator does to calls, set live. The default answers at once and approves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = GatewayControl, example = json!({"latency_ms": 300, "decline_ratio": 0.5, "faulty_calls": ["authorize"]}))]
pub struct Control {
    /// Time before a call is carried out and answered, in milliseconds.
    pub latency_ms: u64,
    /// Share of authorisations that are declined, 0 to 1, chosen by key.
    pub decline_ratio: f32,
    /// Calls are never answered and never carried out.
    pub timeout: bool,
    /// Calls are carried out, and their answers lost.
    pub lost_answer: bool,
    /// Calls are refused unprocessed.
    pub outage: bool,
    /// The calls that latency, timeout, lost answers and outage apply to; all of them by default.
    pub faulty_calls: Vec<Call>,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            latency_ms: 0,
            decline_ratio: 0.0,
            timeout: false,
            lost_answer: false,
            outage: false,
            faulty_calls: Call::ALL.to_vec(),
        }
    }
}

/// Why a control was not accepted; the one before it stays in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// The latency is too long.
    #[error("latency_ms must be at most {}", MAX_DELAY.as_millis())]
    LatencyTooLong,
    /// The ratio is no ratio.
    #[error("decline_ratio must be between 0 and 1")]
    DeclineRatioOutOfRange,
}

/// What shall happen to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Refused unprocessed.
    Outage,
    /// Never carried out, never answered.
    NeverAnswered,
    /// Carried out after `delay`.
    CarriedOut { delay: Duration, decline: bool, answer_lost: bool },
}

impl Control {
    pub(crate) fn validate(&self) -> Result<(), ControlError> {
        if u128::from(self.latency_ms) > MAX_DELAY.as_millis() {
            return Err(ControlError::LatencyTooLong);
        }
        if !(0.0..=1.0).contains(&self.decline_ratio) {
            return Err(ControlError::DeclineRatioOutOfRange);
        }
        Ok(())
    }

    /// The fate of a call other than an authorisation.
    pub(crate) fn fate(&self, call: Call) -> Fate {
        if !self.faulty_calls.contains(&call) {
            return Fate::CarriedOut { delay: Duration::ZERO, decline: false, answer_lost: false };
        }
        if self.outage {
            return Fate::Outage;
        }
        if self.timeout {
            return Fate::NeverAnswered;
        }
        let delay = Duration::from_millis(self.latency_ms);
        Fate::CarriedOut { delay, decline: false, answer_lost: self.lost_answer }
    }

    /// The fate of an authorisation. A token acts on the first authorisation of its key only: a repeat (`known`) gets
    /// the stored answer, as from a real gateway.
    pub(crate) fn authorization_fate(
        &self,
        request: &AuthorizeRequest,
        known: bool,
    ) -> Result<Fate, GatewayError> {
        let fate = self.fate(Call::Authorize);
        let Fate::CarriedOut { delay, answer_lost, .. } = fate else {
            return Ok(fate);
        };
        if known {
            return Ok(fate);
        }
        let decline = self.declines(&request.key);
        Ok(match token_fault(&request.token)? {
            TokenFault::None => Fate::CarriedOut { delay, decline, answer_lost },
            TokenFault::Decline => Fate::CarriedOut { delay, decline: true, answer_lost },
            TokenFault::Slow(longer) => Fate::CarriedOut { delay: delay + longer, decline, answer_lost },
            TokenFault::LostAnswer => Fate::CarriedOut { delay, decline, answer_lost: true },
            TokenFault::Outage => Fate::Outage,
        })
    }

    fn declines(&self, key: &str) -> bool {
        // 53 bits of the hash as a fraction of one, so that a ratio of 0 never and of 1 always declines.
        let fraction = (spread(key) >> 11) as f64 / (1_u64 << 53) as f64;
        fraction < f64::from(self.decline_ratio)
    }
}

/// FNV-1a with a final mix: stable between versions and machines, which a seeded run relies on.
fn spread(key: &str) -> u64 {
    let mut hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

#[derive(Debug, PartialEq, Eq)]
enum TokenFault {
    None,
    Decline,
    Slow(Duration),
    LostAnswer,
    Outage,
}

fn token_fault(token: &str) -> Result<TokenFault, GatewayError> {
    Ok(match token {
        "tok_decline" => TokenFault::Decline,
        "tok_lost_answer" => TokenFault::LostAnswer,
        "tok_outage" => TokenFault::Outage,
        _ => match token.strip_prefix("tok_slow_") {
            Some(seconds) => TokenFault::Slow(delay_from_seconds(seconds)?),
            None => TokenFault::None,
        },
    })
}

/// Whole or decimal seconds, such as `20` or `0.25`.
fn delay_from_seconds(text: &str) -> Result<Duration, GatewayError> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain
        .then(|| text.parse::<f64>().ok())
        .flatten()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|delay| *delay <= MAX_DELAY)
        .ok_or_else(|| {
            GatewayError::rejected(format!("tok_slow_ takes seconds, at most {}", MAX_DELAY.as_secs()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(key: &str, token: &str) -> AuthorizeRequest {
        AuthorizeRequest { key: key.into(), amount_minor: 1, currency: *b"CLP", token: token.into() }
    }

    fn carried_out(delay_ms: u64, decline: bool, answer_lost: bool) -> Fate {
        Fate::CarriedOut { delay: Duration::from_millis(delay_ms), decline, answer_lost }
    }

    #[test]
    fn tokens_set_the_fate_of_the_first_authorization_alone() {
        let control = Control { latency_ms: 5, ..Control::default() };
        for (token, first, repeat) in [
            ("tok_visa", carried_out(5, false, false), carried_out(5, false, false)),
            ("tok_decline", carried_out(5, true, false), carried_out(5, false, false)),
            ("tok_slow_2", carried_out(2005, false, false), carried_out(5, false, false)),
            ("tok_slow_0.25", carried_out(255, false, false), carried_out(5, false, false)),
            ("tok_lost_answer", carried_out(5, false, true), carried_out(5, false, false)),
            ("tok_outage", Fate::Outage, carried_out(5, false, false)),
        ] {
            assert_eq!(control.authorization_fate(&request("k", token), false), Ok(first), "{token}");
            assert_eq!(control.authorization_fate(&request("k", token), true), Ok(repeat), "{token}");
        }
    }

    #[test]
    fn malformed_slow_tokens_are_rejected() {
        for token in ["tok_slow_", "tok_slow_x", "tok_slow_-1", "tok_slow_3601", "tok_slow_1e9", "tok_slow_."]
        {
            let fate = Control::default().authorization_fate(&request("k", token), false);
            assert!(matches!(fate, Err(GatewayError::Rejected { .. })), "{token}: {fate:?}");
        }
    }

    #[test]
    fn live_faults_reach_the_calls_they_are_aimed_at() {
        let aimed = |control: Control| Control { faulty_calls: vec![Call::Capture], ..control };
        let outage = aimed(Control { outage: true, ..Control::default() });
        let timeout = aimed(Control { timeout: true, ..Control::default() });
        let lost = aimed(Control { lost_answer: true, latency_ms: 9, ..Control::default() });
        assert_eq!(outage.fate(Call::Capture), Fate::Outage);
        assert_eq!(timeout.fate(Call::Capture), Fate::NeverAnswered);
        assert_eq!(lost.fate(Call::Capture), carried_out(9, false, true));
        for control in [outage, timeout, lost] {
            assert_eq!(control.fate(Call::Void), carried_out(0, false, false));
        }
    }

    #[test]
    fn the_decline_ratio_is_met_by_key() {
        let declined = |ratio: f32| {
            let control = Control { decline_ratio: ratio, ..Control::default() };
            (0..10_000).filter(|number| control.declines(&format!("order-{number}"))).count()
        };
        assert_eq!(declined(0.0), 0);
        assert_eq!(declined(1.0), 10_000);
        assert!((2_800..3_200).contains(&declined(0.3)), "{}", declined(0.3));
        assert_eq!(declined(0.3), declined(0.3));
    }

    #[test]
    fn absurd_controls_are_refused() {
        let ratio = |decline_ratio| Control { decline_ratio, ..Control::default() }.validate();
        assert_eq!(ratio(1.5), Err(ControlError::DeclineRatioOutOfRange));
        assert_eq!(ratio(-0.1), Err(ControlError::DeclineRatioOutOfRange));
        assert_eq!(ratio(f32::NAN), Err(ControlError::DeclineRatioOutOfRange));
        let slow = Control { latency_ms: u64::MAX, ..Control::default() };
        assert_eq!(slow.validate(), Err(ControlError::LatencyTooLong));
    }
}
