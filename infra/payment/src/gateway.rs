//! The payment port: what the purchase process may ask of a gateway, and what it may learn.
//!
//! Invariant: every call is idempotent by its key, so that an unknown outcome is resolved by asking again. After
//! `void` has answered [`Void::Voided`], no charge under that key exists or can ever come to exist, not even through
//! an authorisation that is still on its way; this is what makes reconciliation final.
//! Timeouts, retries and their bounds belong to the caller.

use std::pin::Pin;

/// The answer of a gateway call, boxed so that callers can hold an `Arc<dyn PaymentGateway>`.
pub type GatewayFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, GatewayError>> + Send + 'a>>;

/// A payment gateway. All calls are idempotent by key and safe to repeat after any error.
pub trait PaymentGateway: Send + Sync + 'static {
    /// Reserves the amount on the buyer's means of payment.
    ///
    /// A repeat with the same key, amount and currency gets the first answer again, a decline included: another
    /// attempt with another card needs another key. The same key with another amount is [`GatewayError::Rejected`].
    fn authorize(&self, request: AuthorizeRequest) -> GatewayFuture<'_, Authorization>;

    /// Takes the money that was authorised under `key`.
    fn capture<'a>(&'a self, key: &'a str) -> GatewayFuture<'a, Capture>;

    /// Gives up the charge under `key`. A key the gateway has never seen is closed for ever: an authorisation that
    /// arrives later is declined. Money already captured is not touched; that takes a refund.
    fn void<'a>(&'a self, key: &'a str) -> GatewayFuture<'a, Void>;

    /// Gives back `amount_minor` (minor units, more than zero) of the captured charge `order_key`, once per
    /// `refund_key`. The same `refund_key` with another order or amount is [`GatewayError::Rejected`].
    fn refund<'a>(
        &'a self,
        refund_key: &'a str,
        order_key: &'a str,
        amount_minor: i64,
    ) -> GatewayFuture<'a, Refund>;

    /// What the gateway knows of the charge under `key` at this moment. [`ChargeStatus::NotFound`] is not final: an
    /// authorisation may still be on its way; `void` makes it final.
    fn status<'a>(&'a self, key: &'a str) -> GatewayFuture<'a, ChargeStatus>;
}

/// What to charge, and to whom.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizeRequest {
    /// Our order id, the idempotency key at the gateway: 1 to 128 visible ASCII characters.
    pub key: String,
    /// Amount in minor units of the currency, not negative.
    pub amount_minor: i64,
    /// ISO 4217 code in capitals, such as `*b"CLP"`.
    pub currency: [u8; 3],
    /// The buyer's payment token as handed out by the gateway to the buyer's browser. Never stored or logged here.
    pub token: String,
}

/// Written by hand so that the token stays out of logs.
impl std::fmt::Debug for AuthorizeRequest {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AuthorizeRequest")
            .field("key", &self.key)
            .field("amount_minor", &self.amount_minor)
            .field("currency", &String::from_utf8_lossy(&self.currency))
            .field("token", &"(redacted)")
            .finish()
    }
}

/// The answer to an authorisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// The amount is reserved.
    Approved {
        /// The gateway's own name for the charge.
        reference: String,
    },
    /// The amount is not reserved and never will be under this key.
    Declined {
        /// Why, in words fit for the buyer.
        reason: String,
    },
}

/// The answer to a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capture {
    /// The money is taken, now or by an earlier call.
    Captured,
    /// There is nothing to take.
    Refused {
        /// What the charge is instead of authorised.
        status: ChargeStatus,
    },
}

/// The answer to a void.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Void {
    /// No charge exists under the key, and none can come to exist.
    Voided,
    /// The money was captured already: refund instead.
    Refused {
        /// Captured or refunded.
        status: ChargeStatus,
    },
}

/// The answer to a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refund {
    /// The amount is given back, now or by an earlier call with the same refund key.
    Refunded,
    /// Nothing was given back.
    Refused {
        /// Why: nothing captured, or more than is left of the charge.
        reason: String,
    },
}

/// The state of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeStatus {
    /// The gateway has never seen the key.
    NotFound,
    /// The amount is reserved, not taken.
    Authorized,
    /// The money is taken and nothing of it given back.
    Captured,
    /// Given up before capture, or closed before it was ever seen.
    Voided,
    /// The authorisation was declined.
    Declined,
    /// Captured, and given back in part or whole.
    Refunded {
        /// How much was given back so far, in minor units.
        amount_minor: i64,
    },
}

/// Why there is no answer. The variant tells whether money may have moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GatewayError {
    /// The call may or may not have been carried out: a timeout, a lost answer, a server error.
    /// Resolve by asking for the status, and close with a void.
    #[error("outcome of the payment call unknown: {reason}")]
    Unknown {
        /// What happened to the answer.
        reason: String,
    },
    /// The call was certainly not carried out: nothing was sent, or the gateway said so.
    #[error("payment gateway unavailable: {reason}")]
    Unavailable {
        /// What kept the call from the gateway.
        reason: String,
    },
    /// The gateway refused the call as malformed or as contradicting an earlier call under the same key. This call
    /// changed nothing, and repeating it will not help; what an earlier call did stands.
    #[error("payment gateway rejected the call: {reason}")]
    Rejected {
        /// What is wrong with the call.
        reason: String,
    },
}

impl GatewayError {
    pub(crate) fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown { reason: reason.into() }
    }

    pub(crate) fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into() }
    }

    pub(crate) fn rejected(reason: impl Into<String>) -> Self {
        Self::Rejected { reason: reason.into() }
    }
}
