//! `GET` and `POST /shows/{show}/checkout`.
//!
//! The order of things after a purchase matters: the answer sets the cookie of the order before the browser moves on,
//! so that a second press of the button, whose hold is gone, still arrives at the tickets.

use super::order::order_address;
use super::{Fields, fields, key_of, new_key, private, see_other, with_cookie};
use crate::api_client::ApiError;
use crate::api_model::{Buyer, GENERAL_ROW, HoldRequest, Payment, Purchase, ShowDetail};
use crate::hold_cookie::{RememberedHold, is_id, keep_last_order, last_order};
use crate::language::Language;
use crate::pages::checkout::{BuyerForm, CheckoutView, FieldProblems, render};
use crate::pages::problem::{self, explain};
use crate::router::Portal;
use crate::texts::{Advice, Texts};
use crate::wording;
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
    let attempt = Attempt {
        form: BuyerForm::default(),
        key: hold.paying_key.clone().unwrap_or_else(new_key),
        problems: FieldProblems::default(),
        paying: hold.paying_key.is_some(),
        buyer_language: hold.buyer_language(language),
    };
    let problem = attempt.paying.then_some(language.texts().advice.outcome_unknown);
    attempt.page(&portal, language, &detail, &hold, StatusCode::OK, problem)
}

fn without_hold(portal: &Portal, show: &str, headers: &HeaderMap) -> Response {
    if let Some((order, position)) = last_order(headers) {
        return see_other(&order_address(order, None, position));
    }
    back_to_map(show, "over", portal.config.secure_cookies)
}

/// To the map with a notice, without the hold.
fn back_to_map(show: &str, notice: &str, secure: bool) -> Response {
    with_cookie(see_other(&format!("/shows/{show}?notice={notice}")), RememberedHold::forget(show, secure))
}

/// The request for the places of a hold; none when the cookie could not keep their names. Places of general admission
/// are asked for by number: naming one is refused.
fn same_places(hold: &RememberedHold, detail: &ShowDetail) -> Option<HoldRequest> {
    if hold.seats.is_empty() {
        return None;
    }
    let all_in = |zone: &str| {
        let prefix = format!("{zone}-{GENERAL_ROW}-");
        hold.seats.iter().all(|(seat, _)| seat.starts_with(&prefix))
    };
    let general = detail.zones.iter().find(|zone| zone.general && all_in(&zone.name));
    Some(match general {
        Some(zone) => HoldRequest::General {
            zone: zone.name.clone(),
            quantity: u32::try_from(hold.seats.len()).unwrap_or(u32::MAX),
        },
        None => HoldRequest::Seats(hold.seats.iter().map(|(seat, _)| seat.clone()).collect()),
    })
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
    let attempt = Attempt::new(&fields(form), &hold, language);
    if !attempt.problems.none() {
        let (status, advice) = (StatusCode::UNPROCESSABLE_ENTITY, language.texts().advice.field_invalid);
        return attempt.again(&portal, language, &show, &hold, status, advice).await;
    }
    let form = &attempt.form;
    let purchase = Purchase {
        buyer: Buyer {
            rut: &form.rut,
            name: &form.name,
            email: &form.email,
            language: attempt.buyer_language.map(Language::code),
        },
        payment: Payment { method: "card", token: &form.card },
    };
    let paid = portal.config.api.purchase(&show, &hold.hold_id, &hold.token, &attempt.key, &purchase).await;
    let secure = portal.config.secure_cookies;
    match paid {
        Ok(done) if is_id(&done.order_id) => {
            let moved_on = see_other(&order_address(&done.order_id, None, done.position));
            let remembered =
                with_cookie(moved_on, keep_last_order(&show, &done.order_id, done.position, secure));
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
    /// Whether a payment may be under way.
    paying: bool,
    /// Of mails and documents: the page's when the key was made, since a repeated request has to be the same; `None` for one that
    /// was sent when buyers had none.
    buyer_language: Option<Language>,
}

impl Attempt {
    fn new(fields: &Fields, hold: &RememberedHold, language: Language) -> Self {
        let form = BuyerForm {
            rut: wording::rut(fields.one("rut")),
            name: fields.one("name").to_owned(),
            email: fields.one("email").to_owned(),
            card: fields.one("card").to_owned(),
        };
        let problems = check(&form, language.texts());
        let of_form = Language::parse(fields.one("buyer_language"));
        let buyer_language = of_form.or_else(|| hold.buyer_language(language));
        let paying = hold.paying_key.is_some();
        Self { form, key: key_of(fields), problems, paying, buyer_language }
    }

    /// What a refused payment leads to. A hold that is over leads back to the map; a payment that failed frees the
    /// seats, and they are asked for again; anything else leads to the form, with the data as written. The key changes
    /// only when the refusal is final: while the outcome is unknown or under way, and after a payment with other data,
    /// the same key finds the purchase that may have happened.
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
        match error.code() {
            "hold_ended" => return back_to_map(show, "over", secure),
            "payment_timeout" => return back_to_map(show, "timeout", secure),
            "payment_declined" => {
                return self.with_new_hold(portal, language, show, hold, error, "declined").await;
            }
            "payment_unavailable" => {
                return self.with_new_hold(portal, language, show, hold, error, "unavailable").await;
            }
            _ => {}
        }
        let (mut status, mut advice) = explain(texts, error);
        if error.outcome_unknown() {
            tracing::warn!(error = error as &dyn std::error::Error, "the outcome of a purchase is unknown");
            (status, advice) = (StatusCode::SERVICE_UNAVAILABLE, texts.advice.outcome_unknown);
        }
        if error.outcome_unknown() || error.code() == "payment_under_way" {
            self.paying = true;
            let now = Timestamp::now();
            let waiting = hold.waiting_for_payment(&self.key, self.buyer_language, now);
            let page = self.again(portal, language, show, &waiting, status, advice).await;
            return with_cookie(page, waiting.keep(show, now, secure));
        }
        if error.code() != "idempotency_key_reused" {
            self.key = new_key();
        }
        self.again(portal, language, show, hold, status, advice).await
    }

    /// A payment that failed freed the seats. Holding them again lets the buyer try another card with what is written
    /// already; when somebody else was faster, or their names are not remembered, the map says so.
    async fn with_new_hold(
        mut self,
        portal: &Portal,
        language: Language,
        show: &str,
        hold: &RememberedHold,
        error: &ApiError,
        notice_on_map: &str,
    ) -> Response {
        let secure = portal.config.secure_cookies;
        let detail = match portal.show(language, show, &format!("/shows/{show}/checkout")).await {
            Ok(detail) => detail,
            Err(response) => return with_cookie(*response, RememberedHold::forget(show, secure)),
        };
        let held = match same_places(hold, &detail) {
            Some(request) => portal.config.api.hold(show, &new_key(), &request).await.ok(),
            None => None,
        };
        let Some(held) = held.as_ref().map(RememberedHold::new) else {
            return back_to_map(show, notice_on_map, secure);
        };
        self.key = new_key();
        let (status, advice) = explain(language.texts(), error);
        let page = self.page(portal, language, &detail, &held, status, Some(advice));
        with_cookie(page, held.keep(show, Timestamp::now(), secure))
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
            paying: self.paying,
            form: &self.form,
            problems: self.problems,
            problem,
            key: &self.key,
            buyer_language: self.buyer_language,
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
