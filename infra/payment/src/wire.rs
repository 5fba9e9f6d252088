//! The shapes that the HTTP adapter and the HTTP simulator exchange, and their translation to and from the port.
//!
//! Every call is a POST of one JSON object to a path named after the call. A failure is a problem document whose `code`
//! tells a gateway that did nothing (`not_processed`) from one that may have done something.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::gateway::{Authorization, AuthorizeRequest, Capture, ChargeStatus, Refund, Void};

/// The code of a failure after which the call was certainly not carried out.
pub(crate) const CODE_NOT_PROCESSED: &str = "not_processed";
/// The code of a call that was refused as malformed or contradictory.
pub(crate) const CODE_REJECTED: &str = "rejected";

pub(crate) const PATH_AUTHORIZE: &str = "/authorize";
pub(crate) const PATH_CAPTURE: &str = "/capture";
pub(crate) const PATH_VOID: &str = "/void";
pub(crate) const PATH_REFUND: &str = "/refund";
pub(crate) const PATH_STATUS: &str = "/status";
pub(crate) const PATH_CONTROL: &str = "/control";

/// An amount to reserve.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChargeToAuthorize, example = json!({
    "key": "01KBN68H3J5K7M9P1R3T5V7X9Z", "amount_minor": 25000, "currency": "CLP", "token": "tok_visa"
}))]
pub(crate) struct AuthorizeBody {
    /// Of the charge: a repeat of it gets the answer of the first.
    pub(crate) key: String,
    pub(crate) amount_minor: i64,
    pub(crate) currency: String,
    pub(crate) token: String,
}

impl From<AuthorizeRequest> for AuthorizeBody {
    fn from(request: AuthorizeRequest) -> Self {
        Self {
            key: request.key,
            amount_minor: request.amount_minor,
            currency: String::from_utf8_lossy(&request.currency).into_owned(),
            token: request.token,
        }
    }
}

impl AuthorizeBody {
    /// `None` if the currency is not three bytes.
    pub(crate) fn into_request(self) -> Option<AuthorizeRequest> {
        let currency = self.currency.as_bytes().try_into().ok()?;
        Some(AuthorizeRequest { key: self.key, amount_minor: self.amount_minor, currency, token: self.token })
    }
}

/// A charge.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChargeKey, example = json!({"key": "01KBN68H3J5K7M9P1R3T5V7X9Z"}))]
pub(crate) struct KeyBody {
    pub(crate) key: String,
}

/// An amount to give back.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChargeToRefund, example = json!({
    "refund_key": "01KBN6F0G2H4J6K8M0N2P4Q6R8", "order_key": "01KBN68H3J5K7M9P1R3T5V7X9Z", "amount_minor": 25000
}))]
pub(crate) struct RefundBody {
    /// A repeat of it gives nothing back twice.
    pub(crate) refund_key: String,
    pub(crate) order_key: String,
    pub(crate) amount_minor: i64,
}

/// A refusal of the gateway (RFC 9457); `code` says whether anything may have been done.
#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = GatewayProblem, example = json!({
    "title": "Service Unavailable", "status": 503, "detail": "simulated outage", "code": "not_processed"
}))]
pub(crate) struct Problem {
    #[serde(default)]
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) status: u16,
    #[serde(default)]
    pub(crate) detail: String,
    #[serde(default)]
    pub(crate) code: String,
}

/// What came of it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[schema(as = Authorization, example = json!({"outcome": "approved", "reference": "sim-1"}))]
pub(crate) enum AuthorizeAnswer {
    Approved { reference: String },
    Declined { reason: String },
}

/// What came of it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[schema(as = Capture, example = json!({"outcome": "captured"}))]
pub(crate) enum CaptureAnswer {
    Captured,
    Refused { charge: StatusAnswer },
}

/// What came of it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[schema(as = Void, example = json!({"outcome": "voided"}))]
pub(crate) enum VoidAnswer {
    Voided,
    Refused { charge: StatusAnswer },
}

/// What came of it.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[schema(as = ChargeRefund, example = json!({"outcome": "refunded"}))]
pub(crate) enum RefundAnswer {
    Refunded,
    Refused { reason: String },
}

/// What the gateway has of a charge.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(tag = "status", rename_all = "snake_case")]
#[schema(as = ChargeStatus, example = json!({"status": "captured"}))]
pub(crate) enum StatusAnswer {
    NotFound,
    Authorized,
    Captured,
    Voided,
    Declined,
    Refunded { refunded_minor: i64 },
}

/// Translates between two enums of the same variants, both ways, so that neither can gain a variant unnoticed.
macro_rules! same_variants {
    ($port:ident, $wire:ident: $($variant:ident $({ $($field:ident: $wire_field:ident),* })?),*) => {
        impl From<$port> for $wire {
            fn from(answer: $port) -> Self {
                match answer {
                    $($port::$variant $({ $($field),* })? => Self::$variant $({ $($wire_field: $field.into()),* })?,)*
                }
            }
        }

        impl From<$wire> for $port {
            fn from(answer: $wire) -> Self {
                match answer {
                    $($wire::$variant $({ $($wire_field),* })? => Self::$variant $({ $($field: $wire_field.into()),* })?,)*
                }
            }
        }
    };
}

same_variants!(Authorization, AuthorizeAnswer: Approved { reference: reference }, Declined { reason: reason });
same_variants!(Capture, CaptureAnswer: Captured, Refused { status: charge });
same_variants!(Void, VoidAnswer: Voided, Refused { status: charge });
same_variants!(Refund, RefundAnswer: Refunded, Refused { reason: reason });
same_variants!(ChargeStatus, StatusAnswer:
    NotFound, Authorized, Captured, Voided, Declined, Refunded { amount_minor: refunded_minor });
