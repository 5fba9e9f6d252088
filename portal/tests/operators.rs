//! The operators' pages over a fake API, as a browser without JavaScript meets them: signing in, reading, pressing buttons,
//! papers, the log and the past.

// Test code from top to bottom: a surprise ends the test.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, missing_docs, unreachable_pub)]
mod fake_api;
#[path = "operators/papers.rs"]
mod papers;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use fake_api::operations::OPERATOR_KEY;
use fake_api::{FakeApi, THEATRE};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use ticketflow_portal::{ApiClient, PortalConfig, router};
use tower::ServiceExt;

/// A browser with one cookie and without scripts.
struct Operator {
    portal: Router,
    cookie: String,
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

    fn json(&self) -> Value {
        assert_eq!(self.status, StatusCode::OK, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    #[track_caller]
    fn says(&self, words: &[&str]) {
        for word in words {
            assert!(self.text.contains(word), "{word} is not on the page: {}", self.text);
        }
    }
}

impl Operator {
    fn new(api: &FakeApi) -> Self {
        let portal = router(PortalConfig::new(ApiClient::in_process(api.router())));
        Self { portal, cookie: String::new(), language: "en" }
    }

    /// Signed in.
    async fn at_work(api: &FakeApi) -> Self {
        let mut operator = Self::new(api);
        let page = operator.post("/ops/sign-in", &[("key", OPERATOR_KEY)]).await;
        assert_eq!(page.location(), "/ops");
        operator
    }

    async fn send(&mut self, mut request: Request<Body>) -> Page {
        let headers = request.headers_mut();
        headers.insert(header::COOKIE, self.cookie.parse().unwrap());
        headers.insert(header::ACCEPT_LANGUAGE, self.language.parse().unwrap());
        let response = self.portal.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        if let Some(cookie) = head.headers.get(header::SET_COOKIE) {
            self.cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        }
        let text = String::from_utf8_lossy(&body.collect().await.unwrap().to_bytes()).into_owned();
        assert!(!text.contains(OPERATOR_KEY), "no page shows the key");
        Page { status: head.status, headers: head.headers, text }
    }

    async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let escape = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(fields.join("&")));
        self.send(request.unwrap()).await
    }
}

/// Every address that needs the key.
fn guarded() -> Vec<String> {
    let show = format!("/ops/shows/{THEATRE}/time-travel");
    ["/ops", "/ops/papers", "/ops/events?stream=show-1&before=9", "/ops/events/1", "/ops/shows", &show]
        .map(String::from)
        .into()
}

#[tokio::test]
async fn without_the_key_there_is_the_page_to_sign_in_and_nothing_else() {
    let api = FakeApi::new();
    let mut operator = Operator::new(&api);
    for cookie in ["", "ticketflow_operator=d3Jvbmc", "ticketflow_operator=%%%"] {
        operator.cookie = cookie.into();
        for path in guarded() {
            let page = operator.get(&path).await;
            assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
            let to = path.replace('&', "&amp;");
            page.says(&["Operator sign-in", &format!("name=\"to\" value=\"{to}\"")]);
        }
        let act = operator.post("/ops/projections/postgres/pause", &[]).await;
        assert_eq!(act.status, StatusCode::UNAUTHORIZED);
        for path in [
            "projections",
            "history",
            &format!("shows/{THEATRE}/moment"),
            &format!("shows/{THEATRE}/seats?at=1"),
        ] {
            let live = operator.get(&format!("/ops/live/{path}")).await;
            assert_eq!(live.status, StatusCode::UNAUTHORIZED, "{path}");
            assert!(!live.text.contains("memory"));
        }
    }
    assert!(api.last_action().is_none(), "nothing was done");
}

#[tokio::test]
async fn signing_in_leads_back_and_signing_out_forgets() {
    let api = FakeApi::new();
    let mut operator = Operator::new(&api);
    for wrong in ["", "wrong", "two words", &"x".repeat(9_000)] {
        let page = operator.post("/ops/sign-in", &[("key", wrong)]).await;
        assert_eq!(page.status, StatusCode::UNAUTHORIZED);
        page.says(&["That key is not valid here", "aria-invalid=\"true\""]);
        assert!(!page.headers.contains_key(header::SET_COOKIE));
    }
    let page =
        operator.post("/ops/sign-in", &[("key", &format!(" {OPERATOR_KEY}\n")), ("to", "/ops/events")]).await;
    assert_eq!(page.location(), "/ops/events");
    let cookie = page.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/ops;")
    );
    assert!(!cookie.contains("Secure") && !cookie.contains(OPERATOR_KEY), "{cookie}");
    let elsewhere =
        operator.post("/ops/sign-in", &[("key", OPERATOR_KEY), ("to", "//evil.example/ops")]).await;
    assert_eq!(elsewhere.location(), "/ops");
    operator.get("/ops").await.says(&["Everything keeps up"]);
    operator.post("/ops/sign-out", &[]).await.says(&["You are signed out"]);
    assert_eq!(operator.get("/ops").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn behind_https_the_key_travels_encrypted_only() {
    let api = ApiClient::in_process(FakeApi::new().router());
    let mut operator = Operator::new(&FakeApi::new());
    operator.portal = router(PortalConfig::new(api).with_secure_cookies(true));
    let page = operator.post("/ops/sign-in", &[("key", OPERATOR_KEY)]).await;
    assert!(page.headers[header::SET_COOKIE].to_str().unwrap().ends_with("; Secure"));
}

#[tokio::test]
async fn another_sites_form_presses_nothing() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    let request = Request::post("/ops/projections/postgres/pause")
        .header(header::ORIGIN, "https://evil.example")
        .header(header::HOST, "tickets.example")
        .body(Body::empty());
    assert_eq!(operator.send(request.unwrap()).await.status, StatusCode::FORBIDDEN);
    assert!(api.last_action().is_none());
}

#[tokio::test]
async fn the_dashboard_says_in_both_languages_what_is_the_matter_and_what_to_press() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    operator.get("/ops").await.says(&[
        "Everything keeps up",
        "Nothing to do.",
        "Since 18:03:10, for",
        "0.1 s",
        "1,204/s",
    ]);
    operator.language = "es";
    operator.get("/ops").await.says(&["Todo va al día", "0,1 s", "1.204/s", "Desde las 18:03:10"]);
    operator.language = "en";
    let cases = [
        (
            json!({"verdict": "behind", "lag_events": 31_204, "lag_seconds": 14.2, "trend": "growing"}),
            "postgres is behind",
            "falls further behind",
            "31,204 events",
        ),
        (
            json!({"trend": "shrinking", "caught_up_in_seconds": 40.0}),
            "postgres is behind",
            "in about 40 s",
            "14 s",
        ),
        (
            json!({"verdict": "halted", "state": "stopped", "last_error": "the batch at position 7 <b>"}),
            "postgres has stopped",
            "to skip a batch with a reason",
            "position 7 &lt;b&gt;",
        ),
        (
            json!({"state": "unreachable"}),
            "postgres cannot reach its database",
            "goes on by itself",
            "Unreachable",
        ),
        (json!({"state": "dreaming"}), "postgres does not move", "Read its last error", "dreaming"),
        (
            json!({"verdict": "keeping_up", "state": "rebuilding", "rebuild_ratio": 0.5, "eta_seconds": 300.0}),
            "Everything keeps up",
            "value=\"50\"",
            "50 % done, about 5 min left",
        ),
    ];
    for (members, title, next, figure) in cases {
        api.set_projection(&members);
        operator.get("/ops").await.says(&[title, next, figure]);
    }
}

/// The buttons that are offered for `postgres`.
fn offered(page: &Page) -> Vec<&str> {
    let card = page.text.split("data-projection=\"postgres\"").nth(1).expect("postgres is on the page");
    let actions = card.split("data-action=\"").skip(1);
    actions
        .filter_map(|rest| {
            let (name, rest) = rest.split_once('"')?;
            (!rest.split('>').next()?.contains("hidden")).then_some(name)
        })
        .collect()
}

#[tokio::test]
async fn the_buttons_that_fit_are_offered_and_do_what_they_say() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    let page = operator.get("/ops").await;
    assert_eq!(offered(&page), ["pause", "rebuild"]);
    page.says(&["There is nothing to press for it now"]);

    let paused = operator.post("/ops/projections/postgres/pause", &[]).await;
    assert_eq!(paused.location(), "/ops?done=pause&projection=postgres");
    let page = operator.get("/ops?done=pause&projection=postgres").await;
    page.says(&["postgres is paused. It stays where it is", "Press Resume"]);
    assert_eq!(offered(&page), ["resume"]);

    let twice = operator.post("/ops/projections/postgres/pause", &[]).await;
    assert_eq!(twice.status, StatusCode::CONFLICT);
    twice.says(&["That does not fit what the projection is doing now", "postgres is paused"]);
    operator.post("/ops/projections/postgres/resume", &[]).await.location();

    api.set_projection(&json!({"state": "stopped", "verdict": "halted", "last_error": "no such seat"}));
    assert_eq!(offered(&operator.get("/ops").await), ["resume", "skip", "rebuild"]);
    let unreasoned = operator.post("/ops/projections/postgres/skip", &[("reason", "  ")]).await;
    assert_eq!(unreasoned.status, StatusCode::UNPROCESSABLE_ENTITY);
    unreasoned.says(&["Write a reason"]);
    operator.post("/ops/projections/postgres/skip", &[("reason", "función anulada")]).await.location();
    assert_eq!(api.last_action(), Some(("skip".into(), json!({"reason": "función anulada"}))));
    assert_eq!(offered(&operator.get("/ops").await), ["pause", "rebuild"]);

    let impossible = operator.post("/ops/projections/memory/pause", &[]).await;
    assert_eq!(impossible.status, StatusCode::CONFLICT);
    impossible.says(&["cannot be paused"]);
    let unknown = operator.post("/ops/projections/none/pause", &[]).await;
    unknown.says(&["There is no projection of that name"]);
    for path in ["/ops/projections/postgres/drop", "/ops/projections/a%2Fb/pause"] {
        assert_eq!(operator.post(path, &[]).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let injected = operator.get("/ops?done=pause&projection=%3Cscript%3E").await;
    assert!(!injected.text.contains("is paused. It stays"), "a link puts no words on the page");
}

#[tokio::test]
async fn the_stream_says_what_the_page_says() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    operator.language = "es";
    let request = Request::get("/ops/live/projections")
        .header(header::COOKIE, &operator.cookie)
        .header(header::ACCEPT_LANGUAGE, "es")
        .body(Body::empty());
    let mut answer = operator.portal.clone().oneshot(request.unwrap()).await.unwrap();
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "text/event-stream");
    let frame = answer.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
    let text = std::str::from_utf8(&frame).unwrap();
    let json = text.strip_prefix("event: figures\ndata: ").unwrap();
    let figures: Value = serde_json::from_str(json.trim_end()).unwrap();
    assert_eq!((&figures["title"], &figures["mark"]), (&json!("Todo va al día"), &json!("good")));
    let page = operator.get("/ops").await;
    for projection in figures["projections"].as_array().unwrap() {
        for name in ["state", "lag", "lag_events", "trend", "rate", "position"] {
            let word = projection["words"][name].as_str().unwrap();
            page.says(&[&format!("data-word=\"{name}\">{word}<")]);
        }
    }
    assert_eq!(figures["projections"][1]["actions"], json!(["pause", "rebuild"]));
    let history = operator.get("/ops/live/history").await.json();
    assert_eq!(history["history"][1]["name"], "postgres");
}

#[tokio::test]
async fn the_log_is_paged_filtered_and_ticked() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    api.sell_for_the_log(THEATRE, 70);
    let positions = |page: &Page| -> Vec<u64> {
        let links = page.text.split("class=\"log-position\" href=\"/ops/events/").skip(1);
        links.map(|rest| rest.split('"').next().unwrap().parse().unwrap()).collect()
    };
    let newest = operator.get("/ops/events").await;
    let head = positions(&newest)[0];
    assert_eq!(positions(&newest), (head - 49..=head).rev().collect::<Vec<_>>());
    newest.says(&["✓ ", "Older", "Put on hold for a buyer: 1 seat"]);
    assert!(!newest.text.contains("Newer") && !newest.text.contains("BROKEN"));
    let older = operator.get(&format!("/ops/events?before={}", head - 49)).await;
    assert_eq!(positions(&older)[0], head - 50);
    let back = operator.get(&format!("/ops/events?after={}", head - 50)).await;
    assert_eq!(positions(&back), positions(&newest));
    let at = operator.get("/ops/events?at=3&stream=").await;
    assert_eq!(positions(&at), [3, 2, 1]);
    let stream = format!("show-{THEATRE}");
    let filtered = operator.get(&format!("/ops/events?stream={stream}&at=")).await;
    assert_eq!(positions(&filtered).len(), 50);
    filtered.says(&[&format!("value=\"{stream}\""), &format!("stream={stream}&amp;before=")]);
    let nothing = operator.get("/ops/events?stream=show-01NONE").await;
    nothing.says(&["No event fits that"]);
    let malformed = operator.get("/ops/events?stream=%3Cb%3E").await;
    assert_eq!(malformed.status, StatusCode::UNPROCESSABLE_ENTITY);
    malformed.says(&["A stream is named like", "value=\"&lt;b&gt;\""]);

    let sold = operator.get(&format!("/ops/events/{head}")).await;
    sold.says(&[
        "Sold for $",
        "Chain hash before it",
        "was computed again and is the stored one",
        "&quot;seats&quot;: [",
    ]);
    sold.says(&[&format!("/ops/shows/{THEATRE}/time-travel?at={head}")]);
    operator
        .get("/ops/events/1")
        .await
        .says(&["The show was created: El faro de papel", "the start of the log"]);
    api.break_the_chain_at(head);
    operator.get("/ops/events").await.says(&["✗ BROKEN"]);
    operator.get(&format!("/ops/events/{head}")).await.says(&["run ticketflow verify"]);
    assert_eq!(operator.get(&format!("/ops/events/{}", head + 1)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(operator.get("/ops/events/x").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_past_of_a_show_is_a_page_for_every_event() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    api.sell_for_the_log(THEATRE, 2);
    let path = format!("/ops/shows/{THEATRE}/time-travel");
    operator.get("/ops/shows").await.says(&["El faro de papel", &path]);
    let moment = format!("/ops/live/shows/{THEATRE}/moment");
    let present = operator.get(&moment).await.json();
    assert_eq!((&present["revision"], &present["last"]), (&json!(5), &json!(5)));
    let mut free = Vec::new();
    for revision in 1..=5 {
        let page = operator.get(&format!("{path}?revision={revision}")).await;
        let said = operator.get(&format!("{moment}?revision={revision}")).await.json();
        page.says(&[
            said["words"]["sentence"].as_str().unwrap(),
            &format!("Event {revision} of 5"),
            &format!("value=\"{revision}\""),
            &format!("data-seats=\"/ops/live/shows/{THEATRE}/seats?at={}\"", said["position"]),
        ]);
        let by_position = operator.get(&format!("{moment}?at={}", said["position"])).await.json();
        assert_eq!(by_position, said);
        free.push(said["words"]["free"].as_str().unwrap().replace(',', "").parse::<u64>().unwrap());
    }
    let before = free[0];
    assert_eq!(free, [before, before - 1, before - 1, before - 2, before - 2]);
    let (early, late) =
        (operator.get(&format!("{path}?at=0")).await, operator.get(&format!("{path}?revision=99")).await);
    early.says(&["Event 1 of 5"]);
    late.says(&["Event 5 of 5"]);
    let junk = operator.get(&format!("{path}?revision=x")).await;
    junk.says(&["Event 5 of 5"]);
    assert_eq!(operator.get("/ops/shows/01NONE/time-travel").await.status, StatusCode::NOT_FOUND);
    assert_eq!(operator.get("/ops/live/shows/01NONE/moment").await.status, StatusCode::NOT_FOUND);
    assert_eq!(operator.get(&format!("/ops/live/shows/{THEATRE}/seats")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_api_that_is_down_says_so_and_keeps_the_operator_signed_in() {
    let api = FakeApi::new();
    let mut operator = Operator::at_work(&api).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    operator.portal = router(PortalConfig::new(ApiClient::remote(&format!("http://{address}")).unwrap()));
    let cookie = operator.cookie.clone();
    for path in guarded() {
        let page = operator.get(&path).await;
        assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        page.says(&["We cannot show this right now"]);
    }
    assert_eq!(operator.get("/ops/live/projections").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        operator.post("/ops/sign-in", &[("key", OPERATOR_KEY)]).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(operator.cookie, cookie);
}
