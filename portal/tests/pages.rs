//! Every page over a fake API, as a browser without JavaScript meets them: forms, redirects, cookies.

// Test code from top to bottom: a surprise ends the test.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, missing_docs, unreachable_pub)]
mod fake_api;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, Response, StatusCode, header};
use fake_api::{CANCELLED, DATED, FULL, FakeApi, HOSTILE, SOON, STADIUM, STUDIO, THEATRE};
use http_body_util::BodyExt;
use std::collections::BTreeMap;
use ticketflow_portal::{ApiClient, PortalConfig, router};
use tower::ServiceExt;

/// A browser with cookies and without scripts.
struct Visitor {
    portal: Router,
    cookies: BTreeMap<String, String>,
    language: &'static str,
}

struct Page {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Page {
    fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text);
        self.headers[header::LOCATION].to_str().unwrap()
    }

    /// Where it leads, without what the address says besides.
    fn place(&self) -> &str {
        self.location().split('?').next().unwrap()
    }

    /// The value of the first hidden or other input with this name.
    fn input(&self, name: &str) -> String {
        let after = self.text.split(&format!("name=\"{name}\" value=\"")).nth(1).expect(name);
        after.split('"').next().unwrap().to_owned()
    }
}

impl Visitor {
    fn new(api: &FakeApi) -> Self {
        Self::of(router(PortalConfig::new(ApiClient::in_process(api.router())).with_test_cards(true)))
    }

    fn of(portal: Router) -> Self {
        Self { portal, cookies: BTreeMap::new(), language: "en" }
    }

    async fn send(&mut self, mut request: Request<Body>) -> Page {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = request.headers_mut();
        headers.insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        headers.insert(header::ACCEPT_LANGUAGE, self.language.parse().unwrap());
        let response: Response<Body> = self.portal.clone().oneshot(request).await.unwrap();
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            assert!(text.contains("HttpOnly") && text.contains("SameSite=Lax"), "{text}");
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if text.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        let (head, body) = response.into_parts();
        let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
        Page { status: head.status, headers: head.headers, text }
    }

    async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send(form(path, fields).body(Body::from(encoded(fields))).unwrap()).await
    }

    /// Holds two seats of the theatre by the plain list.
    async fn hold_two(&mut self) -> Page {
        let list = self.get(&format!("/shows/{THEATRE}/list?zone=Balc%C3%B3n")).await;
        let seats: Vec<String> = list
            .text
            .split("name=\"seat\" value=\"")
            .skip(1)
            .take(2)
            .map(|rest| rest.split('"').next().unwrap().to_owned())
            .collect();
        let fields = [("key", list.input("key")), ("seat", seats[0].clone()), ("seat", seats[1].clone())];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post(&format!("/shows/{THEATRE}/hold"), &fields).await
    }
}

fn form(path: &str, _: &[(&str, &str)]) -> axum::http::request::Builder {
    Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
}

fn encoded(fields: &[(&str, &str)]) -> String {
    let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    fields
        .iter()
        .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
        .collect::<Vec<_>>()
        .join("&")
}

const BUYER: [(&str, &str); 4] =
    [("rut", "12.345.678-5"), ("name", "Ñandú O'Higgins <b>"), ("email", "a@b.cl"), ("card", "tok_approve")];

fn payment<'a>(key: &'a str, changed: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![("key", key)];
    for (name, value) in BUYER {
        let value = changed.iter().find(|(field, _)| *field == name).map_or(value, |(_, value)| *value);
        fields.push((name, value));
    }
    fields
}

#[tokio::test]
async fn every_page_speaks_both_languages() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let pages = [
        ("/".to_owned(), "Elige tu próxima función", "Pick your next night out"),
        (format!("/shows/{STADIUM}"), "Zonas y precios", "Zones and prices"),
        (format!("/shows/{THEATRE}/list?zone=Platea"), "Fila G", "Row G"),
        ("/nowhere".to_owned(), "Esta página no existe", "This page does not exist"),
        ("/orders/01NONE".to_owned(), "No encontramos esa compra", "We cannot find that order"),
        ("/shows/01NONE".to_owned(), "No encontramos esa función", "We cannot find that show"),
    ];
    for (path, spanish, english) in pages {
        for (language, words, tag) in [("es-CL,es;q=0.9", spanish, "es-CL"), ("en-GB", english, "en")] {
            visitor.language = language;
            let page = visitor.get(&path).await;
            assert!(page.text.contains(words), "{path} in {language}: {}", page.text);
            assert!(page.text.contains(&format!("<html lang=\"{tag}\"")), "{path}");
        }
    }
    visitor.language = "en";
    assert!(visitor.get("/?lang=es").await.text.contains("Cartelera"));
    assert!(visitor.get("/").await.text.contains("Cartelera"), "the choice is remembered");
}

#[tokio::test]
async fn a_purchase_works_with_forms_and_cookies_alone() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let held = visitor.hold_two().await;
    assert_eq!(held.location(), format!("/shows/{THEATRE}/checkout"));
    let checkout = visitor.get(held.location()).await;
    assert!(
        checkout.text.contains("$56.000") && checkout.text.contains("Balcón · row "),
        "{}",
        checkout.text
    );
    assert_eq!(checkout.headers[header::CACHE_CONTROL], "no-store");

    let key = checkout.input("key");
    let path = held.location().to_owned();
    let wrong = visitor.post(&path, &payment(&key, &[("rut", "12.345.678-4"), ("email", "a@b")])).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        wrong.text.contains("check digit does not match") && wrong.text.contains("does not look complete")
    );
    assert!(wrong.text.contains("autofocus required") && wrong.text.matches("autofocus").count() == 1);
    assert!(
        wrong.text.contains("&lt;b&gt;") && !wrong.text.contains("O'Higgins <b>"),
        "what was written comes back, escaped"
    );

    let cookies = visitor.cookies.clone();
    let paid = visitor.post(&path, &payment(&key, &[])).await;
    let order = paid.location().to_owned();
    assert!(order.starts_with("/orders/"));
    let tickets = visitor.get(&order).await;
    assert_eq!(tickets.text.matches("class=\"qr\"").count(), 2);
    assert!(
        tickets.text.contains("Your documents are being made")
            && tickets.text.contains("These tickets are all you need to get in")
            && !tickets.text.contains(".pdf"),
        "nobody waits for documents, and none is offered before it is there"
    );
    assert_eq!(tickets.headers[header::REFERRER_POLICY], "no-referrer");
    assert_eq!(tickets.headers[header::CACHE_CONTROL], "no-store");
    assert!(!visitor.cookies.contains_key("ticketflow_hold"));

    let after = std::mem::replace(&mut visitor.cookies, cookies);
    let again = visitor.post(&path, &payment(&key, &[])).await;
    assert_eq!(again.location(), order, "the second click of a double click arrives at the same tickets");
    visitor.cookies = after;
    assert_eq!(visitor.get(&path).await.location(), order, "so does going back to the checkout");
    assert_eq!(api.purchases(), 1);

    // A portal that has not heard of it yet says so, and asks again by itself.
    api.set_lags(true);
    let early = visitor.get(&order).await;
    assert_eq!(early.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(early.text.contains("your order is on its way to this page"), "{}", early.text);
    assert!(!early.text.contains("cannot find") && early.headers[header::REFRESH] == "2");
    api.set_lags(false);
    assert_eq!(visitor.get(&order).await.text.matches("class=\"qr\"").count(), 2);
}

#[tokio::test]
async fn refused_payments_say_what_to_do_and_keep_what_was_written() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let path = visitor.hold_two().await.location().to_owned();
    let mut key = visitor.get(&path).await.input("key");
    for (card, status, words) in [
        ("tok_decline", StatusCode::PAYMENT_REQUIRED, "Try another card"),
        ("tok_outage", StatusCode::SERVICE_UNAVAILABLE, "Try in a few minutes"),
    ] {
        let hold = visitor.cookies["ticketflow_hold"].clone();
        let page = visitor.post(&path, &payment(&key, &[("card", card)])).await;
        assert_eq!(page.status, status);
        assert!(page.text.contains(words) && page.text.contains("value=\"12.345.678-5\""), "{}", page.text);
        assert!(page.text.contains("we reserved your seats again") && page.text.contains("Pay $56.000"));
        assert_ne!(
            visitor.cookies["ticketflow_hold"], hold,
            "the failed payment freed the seats: they are held anew"
        );
        assert_ne!(page.input("key"), key, "a final refusal gets a new key");
        key = page.input("key");
    }
    let timed_out = visitor.post(&path, &payment(&key, &[("card", "tok_slow_20")])).await;
    assert_eq!(timed_out.location(), format!("/shows/{THEATRE}?notice=timeout"));
    assert!(visitor.get(timed_out.location()).await.text.contains("We released the seats"));
    assert_eq!(api.purchases(), 0);
}

#[tokio::test]
async fn another_card_pays_after_a_declined_one() {
    let api = FakeApi::new();
    let standing = [("general", "1"), ("zone", "De pie"), ("quantity", "3")];
    for numbered in [true, false] {
        let mut visitor = Visitor::new(&api);
        let held = match numbered {
            true => visitor.hold_two().await,
            false => visitor.post(&format!("/shows/{STUDIO}/hold"), &standing).await,
        };
        let path = held.location().to_owned();
        let key = visitor.get(&path).await.input("key");
        let declined = visitor.post(&path, &payment(&key, &[("card", "tok_decline")])).await;
        assert_eq!(declined.status, StatusCode::PAYMENT_REQUIRED, "{}", declined.text);
        let paid = visitor.post(&path, &payment(&declined.input("key"), &[])).await;
        assert!(paid.location().starts_with("/orders/"));
    }
    assert_eq!(api.purchases(), 2);
}

#[tokio::test]
async fn a_buyer_is_written_to_in_the_language_of_the_page() {
    let api = FakeApi::new();
    for asked in ["", "?lang=es", "?lang=en"] {
        let mut visitor = Visitor::new(&api);
        let path = visitor.hold_two().await.location().to_owned();
        let key = visitor.get(&format!("{path}{asked}")).await.input("key");
        visitor.post(&path, &payment(&key, &[])).await.location();
    }
    assert_eq!(api.buyer_languages(), ["en", "es", "en"], "the browser's, then as asked for");
    // A form keeps the language that it was made in: pressed again after another tab changed the page's, it is the same request.
    let mut visitor = Visitor::new(&api);
    let path = visitor.hold_two().await.location().to_owned();
    let form = visitor.get(&path).await;
    let (key, language) = (form.input("key"), form.input("buyer_language"));
    assert!(visitor.get(&format!("{path}?lang=es")).await.text.contains("lang=\"es-CL\""));
    let mut fields = payment(&key, &[]);
    fields.push(("buyer_language", &language));
    visitor.post(&path, &fields).await.location();
    assert_eq!(api.buyer_languages()[3], "en");
}

#[tokio::test]
async fn seats_that_a_declined_payment_lost_lead_back_to_the_map() {
    let api = FakeApi::new();
    api.let_a_rival_take_freed_seats();
    for (card, notice, words) in [
        ("tok_decline", "declined", "the seats went back on sale. Choose again and try another card"),
        ("tok_outage", "unavailable", "the seats went back on sale. Choose again in a few minutes"),
    ] {
        let mut visitor = Visitor::new(&api);
        let path = visitor.hold_two().await.location().to_owned();
        let key = visitor.get(&path).await.input("key");
        let lost = visitor.post(&path, &payment(&key, &[("card", card)])).await;
        assert_eq!(lost.location(), format!("/shows/{THEATRE}?notice={notice}"));
        assert!(!visitor.cookies.contains_key("ticketflow_hold"));
        assert!(visitor.get(lost.location()).await.text.contains(words));
    }
    assert_eq!(api.purchases(), 0);
}

#[tokio::test]
async fn a_lost_answer_is_found_again_by_pressing_again() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    // The fake loses the answer when its count of answers is odd: one hold before this one.
    visitor.hold_two().await;
    let path = visitor.hold_two().await.location().to_owned();
    let key = visitor.get(&path).await.input("key");
    let lost = visitor.post(&path, &payment(&key, &[("card", "tok_lost_answer")])).await;
    assert_eq!(lost.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(lost.text.contains("We do not know whether the payment went through"));
    assert_eq!(lost.input("key"), key, "the same key finds the purchase that happened");
    assert!(!lost.text.contains("data-expires"), "a clock that runs out would lead away from the payment");
    let reloaded = visitor.get(&format!("{path}?lang=es")).await;
    assert_eq!(reloaded.input("key"), key, "nor does another page forget it");
    assert!(reloaded.text.contains("No sabemos si el pago alcanzó a pasar"));
    let found = visitor.post(&path, &payment(&key, &[("card", "tok_lost_answer")])).await;
    assert!(found.location().starts_with("/orders/"), "it is the same request, on the page in Spanish too");
    assert_eq!((api.purchases(), api.buyer_languages()), (1, vec!["en".to_owned()]));
}

#[tokio::test]
async fn seats_that_are_gone_are_named_and_holds_can_be_given_back() {
    let api = FakeApi::new();
    let (mut first, mut second) = (Visitor::new(&api), Visitor::new(&api));
    let list = second.get(&format!("/shows/{THEATRE}/list?zone=Balc%C3%B3n")).await;
    let seat = list.input("seat");
    first.hold_two().await.location();
    let late = second.post(&format!("/shows/{THEATRE}/hold"), &[("zone", "Balcón"), ("seat", &seat)]).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text.contains("Somebody was faster") && late.text.contains("<bdi>Balcón · row "));
    let nothing = second.post(&format!("/shows/{THEATRE}/hold"), &[]).await;
    assert!(
        nothing.status == StatusCode::UNPROCESSABLE_ENTITY && nothing.text.contains("You picked no seat")
    );

    let map = first.get(&format!("/shows/{THEATRE}")).await;
    assert!(map.text.contains("You have a reservation"));
    let back = first.post(&format!("/shows/{THEATRE}/release"), &[("from", "list")]).await;
    assert_eq!(back.location(), format!("/shows/{THEATRE}/list?notice=given-back"));
    assert!(!first.get(back.location()).await.text.contains("You have a reservation"));
    let taken = second.post(&format!("/shows/{THEATRE}/hold"), &[("zone", "Balcón"), ("seat", &seat)]).await;
    assert_eq!(taken.status, StatusCode::SEE_OTHER, "what was given back can be taken");
}

#[tokio::test]
async fn a_hold_that_ended_leads_back_to_the_map() {
    let api = FakeApi::new();
    api.set_hold_seconds(-1);
    let mut visitor = Visitor::new(&api);
    let path = visitor.hold_two().await.location().to_owned();
    let over = visitor.get(&path).await;
    assert_eq!(over.location(), format!("/shows/{THEATRE}?notice=over"));
    assert!(visitor.get(over.location()).await.text.contains("Your reservation has ended"));
    assert_eq!(visitor.post(&path, &payment("k", &[])).await.location(), over.location());
}

#[tokio::test]
async fn the_scripts_of_the_map_get_answers_in_json() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let fields = [
        ("key", "0123456789abcdef0"),
        ("best", "1"),
        ("zone", "Balcón"),
        ("quantity", "3"),
        ("together", "1"),
    ];
    let request =
        || form("/", &[]).uri(format!("/shows/{THEATRE}/hold")).header(header::ACCEPT, "application/json");
    let held = visitor.send(request().body(Body::from(encoded(&fields))).unwrap()).await;
    assert_eq!(held.text, format!("{{\"location\":\"/shows/{THEATRE}/checkout\"}}"));
    let many = [("key", "0123456789abcdef1"), ("best", "1"), ("zone", "Balcón"), ("quantity", "999")];
    let refused = visitor.send(request().body(Body::from(encoded(&many))).unwrap()).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("\"code\":\"too_many_seats\"") && refused.text.contains("Remove some"));
}

#[tokio::test]
async fn tickets_are_refunded_once_after_a_question() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let path = visitor.hold_two().await.location().to_owned();
    let key = visitor.get(&path).await.input("key");
    let order = visitor.post(&path, &payment(&key, &[])).await.place().to_owned();
    let tickets = visitor.get(&order).await;
    let link = tickets.text.split(&format!("href=\"{order}/refund?ticket=")).nth(1).unwrap();
    let ticket = link.split('"').next().unwrap().to_owned();
    let question = visitor.get(&format!("{order}/refund?ticket={ticket}")).await;
    assert!(question.text.contains("Yes, refund $28.000"), "{}", question.text);
    assert_eq!(question.headers[header::REFERRER_POLICY], "same-origin", "its form must carry its origin");
    let fields = [("key", question.input("key")), ("ticket", ticket.clone())];
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let done = visitor.post(&format!("{order}/refund"), &fields).await;
    let after = visitor.get(done.location()).await;
    assert!(after.text.contains("Refund done") && after.text.matches("class=\"qr\"").count() == 1);
    let twice = visitor.post(&format!("{order}/refund"), &fields).await;
    assert!(twice.status == StatusCode::UNPROCESSABLE_ENTITY && twice.text.contains("already refunded"));
    let unnamed = visitor.post(&format!("{order}/refund"), &[]).await;
    assert_eq!(unnamed.status, StatusCode::OK, "a form that names no ticket asks again and refunds nothing");
    assert!(visitor.get(&order).await.text.contains("class=\"qr\""));
}

#[tokio::test]
async fn documents_are_offered_once_they_are_there() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let path = visitor.hold_two().await.location().to_owned();
    let key = visitor.get(&path).await.input("key");
    let order = visitor.post(&path, &payment(&key, &[])).await.place().to_owned();
    let file = |name: &str| format!("href=\"/v1{order}/{name}");
    let pending = visitor.get(&order).await;
    assert!(pending.text.contains("data-documents-pending"), "a script looks again");
    api.issue_documents(false);
    let issued = visitor.get(&order).await;
    assert!(
        issued.text.contains(&file("tickets.pdf?lang=en"))
            && issued.text.contains("on their way to your mail")
    );
    assert!(
        issued.text.contains(&file("receipt.pdf?lang=en"))
            && issued.text.contains("Boleta electrónica no. 12")
    );
    assert_eq!(issued.text.matches(&file("tickets/")).count(), 2, "each ticket by itself");
    assert!(!issued.text.contains("data-documents-pending") && !issued.text.contains("credit-notes"));

    let ticket = issued.text.split(&format!("{order}/refund?ticket=")).nth(1).unwrap();
    let ticket = ticket.split('"').next().unwrap().to_owned();
    let question = visitor.get(&format!("{order}/refund?ticket={ticket}")).await;
    let key = question.input("key");
    visitor.post(&format!("{order}/refund"), &[("key", &key), ("ticket", &ticket)]).await;
    api.issue_documents(true);
    let refunded = visitor.get(&format!("{order}?lang=es")).await;
    assert!(refunded.text.contains(&file("credit-notes/3.pdf?lang=es")));
    assert!(
        refunded.text.contains("Nota de crédito electrónica N.º 3") && refunded.text.contains("por correo")
    );
    assert_eq!(refunded.text.matches(&file("tickets/")).count(), 1, "none for a ticket that was given back");
}

#[tokio::test]
async fn the_other_language_is_the_same_page() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let link = |page: &Page| {
        let href = page.text.split("class=\"language\" href=\"").nth(1).unwrap().split('"').next().unwrap();
        href.replace("&amp;", "&")
    };
    let list = format!("/shows/{STADIUM}/list?zone=Sur%20Alta&from=40");
    let english = visitor.get(&list).await;
    assert!(
        english.text.contains("Seats in Sur Alta") && english.text.contains("Row 7E"),
        "{}",
        english.text
    );
    let spanish = visitor.get(&link(&english)).await;
    assert!(spanish.text.contains("Asientos en Sur Alta") && spanish.text.contains("Fila 7E"));
    assert!(!spanish.text.contains("Fila 1A"), "the same rows");
    let back = visitor.get(&link(&spanish)).await;
    assert!(back.text.contains("Seats in Sur Alta"));

    let refused = visitor.post(&format!("/shows/{STADIUM}/hold"), &[("zone", "Sur Alta")]).await;
    assert!(visitor.get(&link(&refused)).await.text.contains("Asientos en Sur Alta"), "after a refusal too");
    visitor.language = "en";
    let over = visitor.get(&format!("/shows/{THEATRE}?notice=over&lang=en")).await;
    assert!(visitor.get(&link(&over)).await.text.contains("Tu reserva terminó"), "and what it had to say");
    let more = visitor.get("/?after=01KABTHEATRE0000000000000A&lang=en").await;
    assert!(link(&more).starts_with("/?after=01KABTHEATRE0000000000000A&lang="));
}

#[tokio::test]
async fn a_show_that_sells_nothing_says_why_and_offers_nothing() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    for (show, words) in [
        (DATED, "You can buy from Sunday 20 December 2026, 12:00"),
        (SOON, "There is no date yet"),
        (CANCELLED, "Those who bought get their money back"),
        (FULL, "No seat is left"),
    ] {
        for page in ["", "/list"] {
            let page = visitor.get(&format!("/shows/{show}{page}")).await;
            assert!(page.text.contains(words), "{show}: {}", page.text);
            assert!(!page.text.contains("Find and reserve"), "{show}");
        }
    }
    let cancelled = visitor.get(&format!("/shows/{CANCELLED}/list?zone=Platea")).await;
    assert!(!cancelled.text.contains(" free<"), "nothing is left of a cancelled show: {}", cancelled.text);
    assert!(!cancelled.text.contains("Tick up to"));
    visitor.language = "es";
    let full = visitor.get(&format!("/shows/{FULL}")).await;
    assert!(
        full.text.contains("No queda ningún asiento libre") && full.text.contains("La cartelera tiene otras")
    );
}

#[tokio::test]
async fn places_without_a_number_are_not_called_seats() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let standing = [("general", "1"), ("zone", "De pie"), ("quantity", "2")];
    let path = visitor.post(&format!("/shows/{STUDIO}/hold"), &standing).await.location().to_owned();
    let checkout = visitor.get(&path).await;
    assert!(checkout.text.contains("De pie · General admission") && !checkout.text.contains("row GA"));
    let map = visitor.get(&format!("/shows/{STUDIO}")).await;
    assert!(map.text.contains("2 tickets · $16.000"), "{}", map.text);
    let order = visitor.post(&path, &payment(&checkout.input("key"), &[])).await.place().to_owned();
    let tickets = visitor.get(&order).await;
    assert!(
        tickets.text.contains("<dd>Unnumbered</dd>") && !tickets.text.contains(">GA<"),
        "{}",
        tickets.text
    );
    let question = visitor.get(&format!("{order}/refund")).await;
    assert!(question.text.contains("Refund these 2 tickets?"));
}

#[tokio::test]
async fn a_rut_is_taken_without_dots_and_shown_with_them() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let path = visitor.hold_two().await.location().to_owned();
    let key = visitor.get(&path).await.input("key");
    let wrong = visitor.post(&path, &payment(&key, &[("rut", "123456784")])).await;
    assert!(
        wrong.text.contains("value=\"12.345.678-4\"") && wrong.text.contains("check digit does not match")
    );
    let paid = visitor.post(&path, &payment(&key, &[("rut", "123456785")])).await;
    assert!(paid.location().starts_with("/orders/"));
}

#[tokio::test]
async fn hostile_names_stay_text_on_every_page() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let general = [("general", "1"), ("zone", "</select><img src=x>"), ("quantity", "2")];
    let path = visitor.post(&format!("/shows/{HOSTILE}/hold"), &general).await.location().to_owned();
    let key = visitor.get(&path).await.input("key");
    let mut texts = vec![visitor.get(&path).await.text];
    let order = visitor.post(&path, &payment(&key, &[])).await.location().to_owned();
    for path in [
        "/",
        &format!("/shows/{HOSTILE}"),
        &format!("/shows/{HOSTILE}/list"),
        &order,
        &format!("{order}/refund"),
    ] {
        let page = visitor.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        texts.push(page.text);
    }
    for text in texts {
        assert!(
            !text.contains("<script>") && !text.contains("<img") && !text.contains("onload=\"alert"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn foreign_forms_are_refused_and_do_nothing() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    let path = visitor.hold_two().await.location().to_owned();
    let key = visitor.get(&path).await.input("key");
    for (name, value) in
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")]
    {
        let request = form(&path, &[]).header(header::HOST, "tickets.example").header(name, value);
        let page = visitor.send(request.body(Body::from(encoded(&payment(&key, &[])))).unwrap()).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.text.contains("This form came from another site"));
    }
    assert_eq!(api.purchases(), 0);
}

#[tokio::test]
async fn an_api_that_is_down_gives_a_page_that_says_so() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let api = ApiClient::remote(&format!("http://{address}")).unwrap();
    let mut visitor = Visitor::of(router(PortalConfig::new(api)));
    for path in ["/", "/shows/01A", "/shows/01A/list", "/orders/01A"] {
        let page = visitor.get(path).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(
            page.text.contains("We cannot show this right now")
                && page.headers.contains_key(header::RETRY_AFTER)
        );
    }
    let live = visitor.get("/live/shows/01A/stream").await;
    assert_eq!(live.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn addresses_that_are_none_and_queries_that_are_junk_get_pages() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    for path in
        ["/shows/..%2F..%2Fops", "/shows/a%20b/list", "/orders/%3Cscript%3E", "/x/y/z", "/assets/none.js"]
    {
        assert_eq!(visitor.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/?after=%FF", "/?lang=xx", &format!("/shows/{THEATRE}/list?from=-1&zone=%00")] {
        assert_eq!(visitor.get(path).await.status, StatusCode::OK, "{path}");
    }
    let gone = visitor.get(&format!("/shows/{THEATRE}/list?zone=Nada")).await;
    assert!(gone.text.contains("This show has no such zone"));
    assert_eq!(visitor.get(&format!("/shows/{THEATRE}/hold")).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let mut empty = Visitor::new(&FakeApi::new().without_shows());
    assert!(empty.get("/").await.text.contains("No shows yet"));
}

#[tokio::test]
async fn every_answer_carries_the_protective_headers() {
    let api = FakeApi::new();
    let mut visitor = Visitor::new(&api);
    for path in ["/", "/nowhere", "/live/clock", &format!("/live/shows/{THEATRE}/seats"), "/assets/none.css"]
    {
        let page = visitor.get(path).await;
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
    let page = visitor.get(&format!("/shows/{STADIUM}")).await;
    assert!(
        !page.text.contains(" style=") && !page.text.contains("<style"),
        "the policy would drop inline style"
    );
    assert_eq!(
        page.text.matches("<script").count(),
        page.text.matches("<script type=\"module\" src=").count()
    );
}

#[tokio::test]
async fn the_list_of_a_stadium_zone_stays_small() {
    let api = FakeApi::new();
    let page = Visitor::new(&api).get(&format!("/shows/{STADIUM}/list?zone=Sur%20Alta")).await;
    let boxes = page.text.matches("type=\"checkbox\" name=\"seat\"").count();
    assert!((1_000..=1_500).contains(&boxes), "{boxes} boxes");
    assert!(page.text.contains("More rows, from"));
}
