//! The operators' pages. Every request is made to the API with the key of the operator's own cookie, which the API checks;
//! without a key that it takes there is the page to sign in, and nothing else.

pub(crate) mod event_log;
pub(crate) mod live;
pub(crate) mod paper_actions;
pub(crate) mod papers;
pub(crate) mod past;
pub(crate) mod projections;
pub(crate) mod session;

use super::private;
use crate::api_client::ApiError;
use crate::language::Language;
use crate::operator_cookie::OperatorKey;
use crate::pages::ops::sign_in::{self, Before};
use crate::pages::problem;
use crate::router::Portal;
use axum::response::Response;
use http::{HeaderMap, StatusCode};

/// Why there is no answer to give: the operator has to sign in, or the API did not do as asked.
enum NotNow {
    SignIn(Before),
    Api(ApiError),
}

impl From<ApiError> for NotNow {
    /// A key that the API refuses is no key, whenever it came to be so.
    fn from(error: ApiError) -> Self {
        match is_unauthorized(&error) {
            true => Self::SignIn(Before::WrongKey),
            false => Self::Api(error),
        }
    }
}

fn is_unauthorized(error: &ApiError) -> bool {
    matches!(error, ApiError::Refused(refusal) if refusal.status == StatusCode::UNAUTHORIZED)
}

/// The key of the request's cookie.
fn key_of(headers: &HeaderMap) -> Result<OperatorKey, NotNow> {
    OperatorKey::read(headers).ok_or(NotNow::SignIn(Before::Nothing))
}

impl Portal {
    /// The page for whoever cannot have the one at `address`.
    fn not_now(&self, language: Language, address: &str, reason: NotNow) -> Response {
        match reason {
            NotNow::SignIn(before) => {
                let page = sign_in::render(&self.frame(language, address), address, before);
                private(StatusCode::UNAUTHORIZED, page)
            }
            NotNow::Api(error) => problem::from_api(language, address, &error),
        }
    }
}
