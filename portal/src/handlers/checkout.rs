//! `GET` and `POST /shows/{show}/checkout`.
//!
//! The order of things after a purchase matters: the answer sets the cookie of the order before the browser moves on,
//! so that a second press of the button, whose hold is gone, still arrives at the tickets.

use super::{Fields, fields, key_of, new_key, private, see_other, with_cookie};
use crate::api_client::ApiError;
use crate::api_model::{Buyer, Payment, Purchase, ShowDetail};
use crate::hold_cookie::{RememberedHold, is_id, keep_last_order, last_order};
use crate::language::Language;
use crate::pages::checkout::{BuyerForm, CheckoutView, FieldProblems, render};
use crate::pages::problem::{self, explain};
use crate::router::Portal;
use crate::texts::{Advice, Texts};
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use ticketflow_domain::Rut;
use ticketflow_domain::rut::InvalidRut;

/// The page; without a hold it leads to the tickets just bought, or back to the map.
pub(crate) async fn page(
    State(portal): State<Portal>,
    language: Language,
    Path(show): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !is_id(&show) {
        return problem::unknown_show(language);
    }
    let path = format!("/shows/{show}/checkout");
    let Some(hold) = RememberedHold::read(&headers, Timestamp::now()) else {
        return without_hold(&portal, &show, &headers);
    };
    let detail = match portal.show(language, &show, &path).await {
        Ok(detail) => detail,
        Err(response) => return *response,
    };
    let attempt = Attempt { form: BuyerForm::default(), key: new_key(), problems: FieldProblems::default() };
    attempt.page(&portal, language, &detail, &hold, StatusCode::OK, None)
}

fn without_hold(portal: &Portal, show: &str, headers: &HeaderMap) -> Response {
    if let Some(order) = last_order(headers) {
        return see_other(&format!("/orders/{order}"));
    }
    let forgotten = RememberedHold::forget(show, portal.config.secure_cookies);
    with_cookie(see_other(&format!("/shows/{show}?notice=over")), forgotten)
}

/// Pays.
pub(crate) async fn pay(
    State(portal): State<Portal>,
    language: Language,
    Path(show): Path<String>,
    headers: HeaderMap,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Response {
    if !is_id(&show) {
        return problem::unknown_show(language);
    }
    let Some(hold) = RememberedHold::read(&headers, Timestamp::now()) else {
        return without_hold(&portal, &show, &headers);
    };
    let attempt = Attempt::new(&fields(form), language.texts());
    if !attempt.problems.none() {
        let (status, advice) = (StatusCode::UNPROCESSABLE_ENTITY, language.texts().advice.field_invalid);
        return attempt.again(&portal, language, &show, &hold, status, advice).await;
    }
    let form = &attempt.form;
    let purchase = Purchase {
        buyer: Buyer { rut: &form.rut, name: &form.name, email: &form.email },
        payment: Payment { method: "card", token: &form.card },
    };
    let paid = portal.config.api.purchase(&show, &hold.hold_id, &hold.token, &attempt.key, &purchase).await;
    let secure = portal.config.secure_cookies;
    match paid {
        Ok(done) if is_id(&done.order_id) => {
            let moved_on = see_other(&format!("/orders/{}", done.order_id));
            let remembered = with_cookie(moved_on, keep_last_order(&show, &done.order_id, secure));
            with_cookie(remembered, RememberedHold::forget(&show, secure))
        }
        Ok(_) => problem::unknown_order(language),
        Err(error) => attempt.refused(&portal, language, &show, &hold, &error).await,
    }
}

/// One press of the button.
struct Attempt {
    form: BuyerForm,
    key: String,
    problems: FieldProblems,
}

impl Attempt {
    fn new(fields: &Fields, texts: &'static Texts) -> Self {
        let form = BuyerForm {
            rut: fields.one("rut").to_owned(),
            name: fields.one("name").to_owned(),
            email: fields.one("email").to_owned(),
            card: fields.one("card").to_owned(),
        };
        let problems = check(&form, texts);
        Self { form, key: key_of(fields), problems }
    }

    /// What a refused payment leads to. A hold that is over leads back to the map; anything else to the form, with
    /// the data as written. The key changes only when the refusal is final: while the outcome is unknown or under
    /// way, the same key finds the purchase that may have happened.
    async fn refused(
        mut self,
        portal: &Portal,
        language: Language,
        show: &str,
        hold: &RememberedHold,
        error: &ApiError,
    ) -> Response {
        let texts = language.texts();
        let secure = portal.config.secure_cookies;
        let back_to_map = |notice: &str| {
            let moved = see_other(&format!("/shows/{show}?notice={notice}"));
            with_cookie(moved, RememberedHold::forget(show, secure))
        };
        match error.code() {
            "hold_ended" => return back_to_map("over"),
            "payment_timeout" => return back_to_map("timeout"),
            _ => {}
        }
        let (mut status, mut advice) = explain(texts, error);
        if error.outcome_unknown() {
            tracing::warn!(error = error as &dyn std::error::Error, "the outcome of a purchase is unknown");
            (status, advice) = (StatusCode::SERVICE_UNAVAILABLE, texts.advice.outcome_unknown);
        } else if error.code() != "payment_under_way" {
            self.key = new_key();
        }
        self.again(portal, language, show, hold, status, advice).await
    }

    async fn again(
        self,
        portal: &Portal,
        language: Language,
        show: &str,
        hold: &RememberedHold,
        status: StatusCode,
        advice: Advice,
    ) -> Response {
        match portal.show(language, show, &format!("/shows/{show}/checkout")).await {
            Ok(detail) => self.page(portal, language, &detail, hold, status, Some(advice)),
            Err(response) => *response,
        }
    }

    fn page(
        self,
        portal: &Portal,
        language: Language,
        detail: &ShowDetail,
        hold: &RememberedHold,
        status: StatusCode,
        problem: Option<Advice>,
    ) -> Response {
        let path = format!("/shows/{}/checkout", detail.show.show_id);
        let view = CheckoutView {
            detail,
            hold,
            form: &self.form,
            problems: self.problems,
            problem,
            key: &self.key,
            test_cards: portal.config.test_cards,
        };
        private(status, render(&portal.frame(language, &path), &view))
    }
}

/// The checks that can be made before asking the API, with the words of the page's language. The API decides.
fn check(form: &BuyerForm, texts: &'static Texts) -> FieldProblems {
    let rut = form.rut.parse::<Rut>().err().map(|error| match error {
        InvalidRut::Malformed => texts.rut_malformed,
        InvalidRut::WrongCheckDigit => texts.rut_wrong,
    });
    let address_is_whole = form.email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
    });
    FieldProblems {
        rut,
        name: form.name.is_empty().then_some(texts.name_missing),
        email: (!address_is_whole || form.email.contains(char::is_whitespace)).then_some(texts.email_wrong),
        card: form.card.is_empty().then_some(texts.card_missing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_checked_by_itself() {
        let texts = Language::English.texts();
        let good = || BuyerForm {
            rut: "12.345.678-5".into(),
            name: "Ñandú 🎭".into(),
            email: "a@b.cl".into(),
            card: "tok_approve".into(),
        };
        assert!(check(&good(), texts).none());
        let rut = |rut: &str| check(&BuyerForm { rut: rut.into(), ..good() }, texts).rut;
        assert_eq!(rut("12.345.678-4"), Some(texts.rut_wrong));
        assert_eq!(rut("12345678"), Some(texts.rut_malformed));
        for email in ["", "a", "a@", "@b.cl", "a@b", "a@.cl", "a@b.", "a b@c.cl"] {
            assert!(check(&BuyerForm { email: email.into(), ..good() }, texts).email.is_some(), "{email:?}");
        }
        assert_eq!(check(&BuyerForm::default(), texts).card, Some(texts.card_missing));
    }
}
