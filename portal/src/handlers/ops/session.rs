//! `POST /ops/sign-in` and `POST /ops/sign-out`.

use super::is_unauthorized;
use crate::handlers::{fields, private, see_other, with_cookie};
use crate::language::Language;
use crate::operator_cookie::OperatorKey;
use crate::pages::ops::sign_in::{self, Before};
use crate::pages::problem;
use crate::router::Portal;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::response::Response;
use http::StatusCode;

const START: &str = "/ops";

/// The page to sign in, whoever asks.
pub(crate) async fn page(State(portal): State<Portal>, language: Language) -> Response {
    let page = sign_in::render(&portal.frame(language, "/ops/sign-in"), START, Before::Nothing);
    private(StatusCode::OK, page)
}

/// Keeps the key if the API takes it.
pub(crate) async fn sign_in(
    State(portal): State<Portal>,
    language: Language,
    form: Result<axum::Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    let fields = fields(form);
    let to = way_back(fields.one("to"));
    let wrong = || {
        let page = sign_in::render(&portal.frame(language, "/ops/sign-in"), to, Before::WrongKey);
        private(StatusCode::UNAUTHORIZED, page)
    };
    let Some(key) = OperatorKey::typed(fields.one("key")) else { return wrong() };
    match portal.config.api.projections(&key).await {
        Ok(_) => with_cookie(see_other(to), key.keep(portal.config.secure_cookies)),
        Err(error) if is_unauthorized(&error) => wrong(),
        Err(error) => problem::from_api(language, to, &error),
    }
}

/// Forgets the key.
pub(crate) async fn sign_out(State(portal): State<Portal>, language: Language) -> Response {
    let page = sign_in::render(&portal.frame(language, "/ops/sign-in"), START, Before::SignedOut);
    with_cookie(private(StatusCode::OK, page), OperatorKey::forget(portal.config.secure_cookies))
}

/// A page of the operators, whatever the form says: nobody is led elsewhere.
fn way_back(to: &str) -> &str {
    let rest = to.strip_prefix(START).filter(|_| to.bytes().all(|byte| byte.is_ascii_graphic()));
    match rest {
        Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => to,
        _ => START,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_to_a_page_of_the_operators() {
        for own in ["/ops", "/ops/events?stream=show-1", "/ops?done=pause"] {
            assert_eq!(way_back(own), own);
        }
        for other in
            ["", "/", "https://evil.example", "//evil.example/ops", "/opsx", "/ops/\r\nX: 1", "/ops/é"]
        {
            assert_eq!(way_back(other), START, "{other}");
        }
    }
}
