//! `/ops/papers`: what is parked, folios, what the authority refused, every button and every refusal.

use super::fake_api::operations::OPERATOR_KEY;
use super::fake_api::papers::parked;
use super::{FakeApi, Operator, Page};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use ticketflow_portal::{ApiClient, PortalConfig, router};
use tower::ServiceExt;

const ORDER: &str = "01KBN68H3J5K7M9P1R3T5V7X9Z";
/// What of a file must never come back.
const PRIVATE_KEY: &str = "MIIBOgIBAAJBANsecretsecretsecret";
/// Every button, with its fields.
const BUTTONS: [(&str, &[(&str, &str)]); 5] = [
    ("/ops/papers/parked/retry", &[]),
    ("/ops/papers/parked/1201/retry", &[]),
    ("/ops/papers/parked/1201/skip", &[("reason", "no mailbox")]),
    ("/ops/papers/folios", &[("authorisation", "<AUTORIZACION/>")]),
    ("/ops/papers/refused", &[]),
];

fn authorisation() -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\r\n<AUTORIZACION><CAF><RS>ÑANDÚ &amp; CÍA</RS></CAF>\r\n<RSASK>-----BEGIN RSA PRIVATE KEY-----\r\n{PRIVATE_KEY}\r\n-----END RSA PRIVATE KEY-----</RSASK></AUTORIZACION>"
    )
}

fn nothing_waits(api: &FakeApi) {
    api.papers(|papers| {
        papers.parked.clear();
        papers.refused.clear();
        papers.folios.as_mut().unwrap()["data"][0]["is_low"] = json!(false);
    });
}

impl Page {
    #[track_caller]
    fn is_silent_about(&self, words: &[&str]) {
        for word in words {
            assert!(!self.text.contains(word), "{word} is on the page: {}", self.text);
        }
    }
}

#[tokio::test]
async fn the_page_says_what_waits_why_and_what_to_press() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    let page = operator.get("/ops/papers").await;
    assert_eq!(
        (page.status, &page.headers[header::CACHE_CONTROL]),
        (StatusCode::OK, &"no-store".parse().unwrap())
    );
    page.says(&[
        "3 documents wait for you",
        "mend its cause and press Try again",
        "href=\"/ops/papers\" aria-current=\"page\"",
        &format!("href=\"/orders/{ORDER}\""),
        "<p class=\"paper-error\" lang=\"en\">the mail order.",
        "<code>billing-BOLETA</code>",
        "href=\"/ops/events/1201\">1,201</a> <code>OrderPaid</code>",
        "Wednesday 25 November 2026, 12:03",
        "Try all again",
        "action=\"/ops/papers/parked/1201/retry\"",
        "action=\"/ops/papers/parked/1377/skip\"",
        "required maxlength=\"500\"",
    ]);
    page.says(&[
        "Teatro Caleta Clara SpA",
        "76.123.456-0",
        "Demonstration",
        "Boleta electrónica (39)",
        "8,800",
        "Running low",
        "Nota de crédito electrónica (61)",
        "1 May 2027",
        "no end",
        "Enough",
        "Boleta electrónica no. 12",
        "the folio was used for another document",
        "Submit all again",
    ]);
    operator.language = "es";
    operator.get("/ops/papers").await.says(&[
        "3 documentos te esperan",
        "miércoles 25 de noviembre de 2026, 12:03 h",
        "Reintentar todos",
        "Descartar",
        "8.800",
        "Quedan pocos",
        "1 de mayo de 2027",
        "Boleta electrónica N.º 12",
        "Enviar todos de nuevo",
    ]);
}

#[tokio::test]
async fn when_nothing_waits_it_says_so_and_offers_no_button_for_all() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    nothing_waits(&api);
    let page = operator.get("/ops/papers").await;
    page.says(&["All documents are out", "Nothing is parked.", "The authority refused none."]);
    page.is_silent_about(&["Try all again", "Submit all again", "class=\"badge hot\""]);
    api.papers(|papers| papers.parked.push(parked(7, ORDER, "no receipt", "OrderPaid")));
    let page = operator.get("/ops/papers").await;
    page.says(&["1 document waits for you", "Try again"]);
    page.is_silent_about(&["Try all again"]);
    api.set_billing(&json!({"verdict": "halted", "state": "unreachable", "last_error": "no folio <left>"}));
    let page = operator.get("/ops/papers").await;
    page.says(&["Documents are held up", "no folio &lt;left&gt;", "How billing is doing"]);
    api.set_billing(&Value::Null);
    api.papers(|papers| papers.parked.clear());
    operator.get("/ops/papers").await.says(&["No document waits for you here", "Another process issues"]);
}

#[tokio::test]
async fn more_than_a_screen_is_counted_and_said() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    let many = |papers: &mut super::fake_api::papers::FakePapers| {
        papers.parked = (1..=60).map(|id| parked(id, ORDER, "no receipt", "OrderPaid")).collect();
        let refused = papers.refused[0].clone();
        papers.refused = vec![refused; 51];
    };
    api.papers(many);
    let page = operator.get("/ops/papers").await;
    page.says(&[
        "111 documents wait for you",
        "The first 50 of 60 are shown",
        "The first 50 of 51 are shown",
    ]);
    assert_eq!(page.text.matches(">Try again</button>").count(), 50);
    api.papers(|papers| papers.has_more = true);
    let page = operator.get("/ops/papers").await;
    page.says(&[
        "More than 111 documents wait for you",
        "There are more than 60; the first 50 are shown",
        "60+",
    ]);
}

#[tokio::test]
async fn an_event_that_does_not_read_back_and_hostile_words_do_no_harm() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    let hostile = format!("<script>alert(1)</script>{}", "x".repeat(3_000));
    api.papers(|papers| {
        let mut one = parked(9, "01<b>/../", &hostile, "OrderPaid");
        one["payload"] = Value::Null;
        one["series"] = json!("<i>books</i>");
        papers.parked = vec![one];
        papers.refused[0]["reason"] = json!(hostile);
        papers.refused[0]["document_type"] = json!("<u>kind</u>");
        papers.folios.as_mut().unwrap()["issuer"]["name"] = json!(hostile);
    });
    let page = operator.get("/ops/papers").await;
    page.says(&[
        "&lt;script&gt;alert(1)&lt;/script&gt;x",
        "<code>01&lt;b&gt;/../</code>",
        "&lt;i&gt;books&lt;/i&gt;",
        "&lt;u&gt;kind&lt;/u&gt; no. 12",
        "href=\"/ops/events/9\">9</a></dd>",
    ]);
    page.is_silent_about(&["<script>alert", "href=\"/orders/01<", "href=\"/orders/01&lt;"]);
}

#[tokio::test]
async fn every_button_does_what_it_says_and_leads_back() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    let retried = operator.post("/ops/papers/parked/1201/retry", &[]).await;
    assert_eq!(retried.location(), "/ops/papers?done=retry");
    assert_eq!(api.last_action(), Some(("retry 1201".into(), Value::Null)));
    let page = operator.get("/ops/papers?done=retry").await;
    page.says(&["It is tried again now"]);
    page.is_silent_about(&["parked/1201"]);
    let given_up =
        operator.post("/ops/papers/parked/1377/skip", &[("reason", " sin boleta: anulada en caja ")]).await;
    assert_eq!(given_up.location(), "/ops/papers?done=skip");
    assert_eq!(
        api.last_action(),
        Some(("skip 1377".into(), json!({"reason": "sin boleta: anulada en caja"})))
    );
    operator.get("/ops/papers?done=skip").await.says(&["Your reason is in the log"]);
    api.papers(|papers| {
        papers.parked = vec![parked(1, ORDER, "a", "OrderPaid"), parked(2, ORDER, "b", "OrderPaid")]
    });
    let all = operator.post("/ops/papers/parked/retry", &[]).await;
    assert_eq!(all.location(), "/ops/papers?done=retry-all&n=2");
    operator.get("/ops/papers?done=retry-all&n=2").await.says(&["Tried again now: 2", "Nothing is parked."]);
    let submitted = operator.post("/ops/papers/refused", &[]).await;
    assert_eq!(submitted.location(), "/ops/papers?done=submit");
    operator
        .get("/ops/papers?done=submit")
        .await
        .says(&["They are submitted again", "The authority refused none."]);
    for junk in ["done=what", "done=retry-all&n=x", "done=load&kind=%3Cb%3E&first=1&last=2", "done=load"] {
        let page = operator.get(&format!("/ops/papers?{junk}")).await;
        assert_eq!(page.status, StatusCode::OK);
        page.is_silent_about(&["notice good"]);
    }
}

#[tokio::test]
async fn folios_are_loaded_as_they_were_pasted_and_their_key_comes_back_nowhere() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    let file = authorisation();
    let loaded = operator.post("/ops/papers/folios", &[("authorisation", &file)]).await;
    assert_eq!(loaded.location(), "/ops/papers?done=load&kind=taxed_receipt&first=10001&last=20000");
    assert_eq!(api.last_action(), Some(("load".into(), json!({"authorisation": file}))));
    let page = operator.get(loaded.location()).await;
    page.says(&[
        "Folios 10,001 to 20,000 can be used now: Boleta electrónica",
        "Delete the downloaded file",
        "18,800",
    ]);
    let again = operator.post("/ops/papers/folios", &[("authorisation", &file)]).await;
    assert_eq!(again.location(), "/ops/papers?done=load-again&kind=taxed_receipt&first=10001&last=20000");
    operator.get(again.location()).await.says(&["Folios 10,001 to 20,000 were loaded before"]);

    let refusals = [
        (StatusCode::UNPROCESSABLE_ENTITY, "authorisation_invalid", "The file is no authorisation"),
        (StatusCode::UNPROCESSABLE_ENTITY, "authorisation_of_another_issuer", "another issuer's"),
        (StatusCode::UNPROCESSABLE_ENTITY, "authorisation_forged", "The authority did not sign"),
        (StatusCode::UNPROCESSABLE_ENTITY, "authorisation_expired", "can be used no longer"),
        (StatusCode::CONFLICT, "folios_overlap", "were loaded before, or come before others"),
        (StatusCode::UNPROCESSABLE_ENTITY, "folios_refused", "The books take no such folios"),
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "not possible just now"),
        (StatusCode::UNPROCESSABLE_ENTITY, "something_new", "That could not be done"),
    ];
    for (status, code, title) in refusals {
        api.papers(|papers| papers.refusal = Some((status, code, format!("the words of <{code}>"))));
        let page = operator.post("/ops/papers/folios", &[("authorisation", &file)]).await;
        assert_eq!(page.status, status, "{code}");
        page.says(&[
            title,
            &format!("<p lang=\"en\">the words of &lt;{code}&gt;</p>"),
            "<details class=\"paper-load\" open>",
        ]);
        page.is_silent_about(&[PRIVATE_KEY, "AUTORIZACION", "ÑANDÚ"]);
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    }
    let huge = "x".repeat(100_000);
    for nothing in ["", " \r\n ", &huge] {
        let page = operator.post("/ops/papers/folios", &[("authorisation", nothing)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.says(&["Choose one authorisation file, or paste its text"]);
    }
}

#[tokio::test]
async fn a_refusal_is_said_above_the_list_read_anew() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    // Somebody else was first.
    api.papers(|papers| drop(papers.parked.remove(0)));
    for action in ["retry", "skip"] {
        let page = operator.post(&format!("/ops/papers/parked/1201/{action}"), &[("reason", "x")]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        page.says(&["somebody else was first", "2 documents wait for you"]);
        page.is_silent_about(&["parked/1201"]);
    }
    for reason in ["", "  ", &"ñ".repeat(501)] {
        let page = operator.post("/ops/papers/parked/1377/skip", &[("reason", reason)]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        page.says(&["Write a reason, of 500 characters at most", "parked/1377"]);
    }
    assert_eq!(api.last_action(), None);
    api.papers(|papers| {
        papers.refusal =
            Some((StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the books cannot be written".into()));
    });
    let page = operator.post("/ops/papers/parked/1377/retry", &[]).await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    page.says(&["not possible just now", "the books cannot be written", "2 documents wait for you"]);
    for path in ["1377/drop", "x/retry", "-1/skip", "99999999999999999999/retry"] {
        let page = operator.post(&format!("/ops/papers/parked/{path}"), &[("reason", "x")]).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        page.says(&["problem-status"]);
    }
    assert_eq!(operator.get("/ops/papers/folios").await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_process_without_fiscal_documents_says_so_in_plain_words() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    api.papers(|papers| papers.folios = None);
    let page = operator.get("/ops/papers").await;
    assert_eq!(page.status, StatusCode::OK);
    page.says(&[
        "No fiscal documents are issued here",
        "Plain receipts need no folios",
        "2 documents wait for you",
    ]);
    page.is_silent_about(&["Load folios", "Refused by the authority", "authorisation"]);
    for (path, fields) in [BUTTONS[3], BUTTONS[4]] {
        let page = operator.post(path, fields).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND);
        page.says(&["<p class=\"notice-title\">No fiscal documents are issued here</p>"]);
    }
    operator.language = "es";
    operator.get("/ops/papers").await.says(&["Aquí no se emiten documentos tributarios"]);
}

#[tokio::test]
async fn what_cannot_be_read_just_now_hides_nothing_else() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    api.papers(|papers| papers.is_unavailable = true);
    let page = operator.get("/ops/papers").await;
    assert_eq!(page.status, StatusCode::OK);
    page.says(&["2 documents wait for you", "This cannot be read just now"]);
    page.is_silent_about(&["Load folios", "The authority refused none."]);
}

#[tokio::test]
async fn no_button_works_without_the_key_or_from_another_site() {
    let api = FakeApi::new();
    let mut operator = Operator::new(&api);
    for cookie in ["", "ticketflow_operator=d3Jvbmc"] {
        operator.cookie = cookie.into();
        for (path, fields) in BUTTONS {
            let page = operator.post(path, fields).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
            page.says(&["Operator sign-in", "name=\"to\" value=\"/ops/papers\""]);
        }
        let empty = operator.post("/ops/papers/folios", &[]).await;
        assert_eq!(empty.status, StatusCode::UNAUTHORIZED);
    }
    let mut operator = Operator::at_work(&api).await;
    for (path, _) in BUTTONS {
        let foreign = Request::post(path)
            .header(header::ORIGIN, "https://evil.example")
            .header(header::HOST, "tickets.example")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from("reason=x&authorisation=x"));
        assert_eq!(operator.send(foreign.unwrap()).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(api.last_action(), None, "nothing was done");
}

#[tokio::test]
async fn an_api_that_is_gone_leaves_the_usual_page() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    operator.portal = router(PortalConfig::new(ApiClient::remote(&format!("http://{address}")).unwrap()));
    for (path, fields) in BUTTONS {
        let page = operator.post(path, fields).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        page.says(&["We cannot show this right now", "href=\"/ops/papers\""]);
        page.is_silent_about(&["AUTORIZACION"]);
    }
}

/// What a schema of the API's document has for members, those that may be missing included.
fn members(schema: &str) -> BTreeSet<String> {
    let document = include_str!("../../../docs/openapi.json");
    let document: Value = serde_json::from_str(document).unwrap();
    let members = &document["components"]["schemas"][schema]["properties"];
    members.as_object().unwrap_or_else(|| panic!("no schema {schema}")).keys().cloned().collect()
}

#[tokio::test]
async fn the_fake_answers_as_the_apis_document_says() {
    let api = FakeApi::new();
    let ask = async |request: axum::http::request::Builder, body: &str| -> Value {
        let request = request
            .header(header::AUTHORIZATION, format!("Bearer {OPERATOR_KEY}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_owned()));
        let answer = api.router().oneshot(request.unwrap()).await.unwrap();
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    };
    let parked = ask(Request::get("/v1/ops/poison"), "").await;
    let folios = ask(Request::get("/v1/ops/folios"), "").await;
    let refused = ask(Request::get("/v1/ops/refused-documents"), "").await;
    let loaded = ask(Request::post("/v1/ops/folios"), "{\"authorisation\": \"x\"}").await;
    let done = ask(Request::post("/v1/ops/poison"), "").await;
    let answers = [
        (&parked, "ParkedList"),
        (&parked["data"][0], "Parked"),
        (&folios, "FolioStocks"),
        (&folios["issuer"], "FolioIssuer"),
        (&folios["data"][0], "FolioStock"),
        (&refused, "RefusedList"),
        (&refused["data"][0], "RefusedDocument"),
        (&loaded, "FoliosLoaded"),
        (&done, "PoisonDone"),
    ];
    for (answer, schema) in answers {
        let said: BTreeSet<String> = answer.as_object().unwrap().keys().cloned().collect();
        assert_eq!(said, members(schema), "{schema}");
    }
}

#[tokio::test]
async fn the_card_of_billing_leads_there() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    let page = operator.get("/ops").await;
    let card = page.text.split("data-projection=\"billing\"").nth(1).expect("billing is on the page");
    assert!(card.contains("<a class=\"link\" href=\"/ops/papers\">What is parked, and folios</a>"), "{card}");
    let others = page.text.split("data-projection=\"billing\"").next().unwrap();
    assert_eq!(others.matches("\"/ops/papers\"").count(), 1, "the others have no link but the navigation's");
}
