//! The operators' pages in a real browser: sign in, see figures and charts move, press the buttons, see to the papers, look
//! into the log, travel in time, on a desktop and on a phone, and without a finding of axe.
//!
//! Runs against the fake API, or against a running TicketFlow when `TICKETFLOW_URL` and `TICKETFLOW_OPERATOR_KEY` name it;
//! that one must have a show with numbered seats on sale. Without chromedriver it prints `SKIPPED`; without the file that
//! `TICKETFLOW_AXE` names, axe is left out and said so.

// Test code from top to bottom: a surprise ends the test.
#![allow(clippy::unwrap_used)]

#[path = "browser/driver.rs"]
#[allow(dead_code, missing_docs, unreachable_pub)]
mod driver;
#[allow(dead_code, missing_docs, unreachable_pub)]
mod fake_api;

use axum::http::StatusCode;
use driver::{Browser, Missing};
use fake_api::FakeApi;
use fake_api::operations::OPERATOR_KEY;
use fake_api::papers::parked;
use serde_json::{Value, json};
use ticketflow_portal::{ApiClient, PortalConfig, router};

const DESKTOP: (u32, u32) = (1440, 900);
const PHONE: (u32, u32) = (390, 844);
const MAP: &str = "document.querySelector('seat-map')";
const LIVE: &str =
    "document.querySelector('[data-state]:not([hidden]):not(.lost)')?.textContent === 'En vivo'";

/// A place to test, and the fake behind it if it is one.
struct Place {
    base: String,
    key: String,
    fake: Option<FakeApi>,
    axe: Option<String>,
}

impl Place {
    async fn new() -> Self {
        let axe = match std::env::var("TICKETFLOW_AXE").map(std::fs::read_to_string) {
            Ok(Ok(script)) => Some(script),
            _ => {
                println!("SKIPPED: axe, for TICKETFLOW_AXE names no readable axe.min.js");
                None
            }
        };
        if let (Ok(url), Ok(key)) =
            (std::env::var("TICKETFLOW_URL"), std::env::var("TICKETFLOW_OPERATOR_KEY"))
        {
            return Self { base: url.trim_end_matches('/').to_owned(), key, fake: None, axe };
        }
        let fake = FakeApi::new();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let portal = router(PortalConfig::new(ApiClient::in_process(fake.router())));
        tokio::spawn(async move { axum::serve(listener, portal).await.unwrap() });
        Self { base, key: OPERATOR_KEY.to_owned(), fake: Some(fake), axe }
    }

    /// No finding of axe, and nothing wider than the screen, on a desktop and on a phone.
    async fn looks_right(&self, browser: &Browser, what: &str) {
        for (width, height) in [DESKTOP, PHONE] {
            browser.resize(width, height).await;
            browser.wait(&format!("innerWidth === {width}")).await;
            let wide = browser.run("return document.documentElement.scrollWidth - innerWidth").await;
            assert!(
                wide.as_i64().is_some_and(|pixels| pixels <= 0),
                "{what} is {wide} px too wide for {width}"
            );
            let Some(axe) = &self.axe else { continue };
            browser.run(&format!("{axe}; return null")).await;
            let found = browser
                .run_until_done(
                    "axe.run().then((run) => done(run.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target)}`)))",
                )
                .await;
            assert_eq!(found, json!([]), "{what} at {width} px");
        }
        browser.resize(DESKTOP.0, DESKTOP.1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operators_night_in_a_real_browser() {
    let browser = match Browser::start().await {
        Ok(browser) => browser,
        Err(Missing(reason)) => {
            println!("SKIPPED: {reason}");
            return;
        }
    };
    let place = Place::new().await;
    signs_in(&browser, &place).await;
    sees_the_figures_move_after_a_sale(&browser, &place).await;
    if let Some(fake) = &place.fake {
        presses_the_buttons(&browser, &place, fake).await;
        sees_trouble_come_and_go(&browser, fake).await;
        sees_to_the_papers(&browser, &place, fake).await;
    }
    looks_into_the_log(&browser, &place).await;
    travels_in_time(&browser, &place).await;
    signs_out(&browser, &place).await;
    browser.close().await;
}

async fn signs_in(browser: &Browser, place: &Place) {
    browser.open(&format!("{}/?lang=es", place.base)).await;
    browser.open(&format!("{}/ops/events", place.base)).await;
    browser.fill("#key", "wrong").await;
    browser.click("main form button").await;
    browser.wait("document.getElementById('key-problem')").await;
    place.looks_right(browser, "the page to sign in").await;
    browser.fill("#key", &place.key).await;
    browser.click("main form button").await;
    browser.wait("location.pathname === '/ops/events' && document.querySelector('.log-event')").await;
    assert_eq!(
        browser.run("return document.cookie.includes('operator')").await,
        false,
        "no script reads the key"
    );
    // The two refusals above are in the console as the browser's own words; what comes after is an error.
    browser.console().await;
}

async fn sees_the_figures_move_after_a_sale(browser: &Browser, place: &Place) {
    browser.open(&format!("{}/ops", place.base)).await;
    browser.wait(LIVE).await;
    browser.wait("document.querySelectorAll('.u-over').length === 2").await;
    assert_eq!(browser.run("return document.querySelector('h1').textContent").await, "Todo va al día");
    place.looks_right(browser, "the dashboard").await;
    let position = "document.querySelector('[data-projection=memory] [data-word=position]').textContent";
    let before = browser.run(&format!("return {position}")).await;
    hold_a_seat(browser).await;
    browser.wait(&format!("{position} !== {before}")).await;
    browser.wait(LIVE).await;
    assert_eq!(browser.console().await, "");
}

/// Somebody buys: a hold from the page's own origin, by the plain form of best seats.
async fn hold_a_seat(browser: &Browser) {
    let script = "(async () => {
        const read = async (address) => new DOMParser().parseFromString(await (await fetch(address)).text(), 'text/html');
        const show = (await read('/')).querySelector('.card:has(.badge.on) a').getAttribute('href');
        const form = (await read(show)).querySelector('form:has([name=best])');
        const answer = await fetch(form.getAttribute('action'), { method: 'POST', body: new URLSearchParams(new FormData(form)), redirect: 'manual' });
        done([show, answer.type]);
    })()";
    let held = browser.run_until_done(script).await;
    assert_eq!(held[1], "opaqueredirect", "the hold leads on to the checkout: {held}");
}

async fn presses_the_buttons(browser: &Browser, place: &Place, fake: &FakeApi) {
    let card = "document.querySelector('[data-projection=postgres]')";
    let offered = format!(
        "[...{card}.querySelectorAll('[data-action]:not([hidden])')].map((one) => one.dataset.action).join()"
    );
    browser.click("[data-projection=postgres] [data-action=pause] button").await;
    browser.wait("document.querySelector('h1').textContent === 'postgres está en pausa'").await;
    browser.wait(&format!("{offered} === 'resume'")).await;
    place.looks_right(browser, "the dashboard with a paused projection").await;
    browser.click("[data-projection=postgres] [data-action=resume] button").await;
    browser.wait("document.querySelector('h1').textContent === 'Todo va al día'").await;
    // The state changes while the page is open, and the buttons with it.
    fake.set_projection(&json!({"state": "stopped", "verdict": "halted", "last_error": "no such seat"}));
    browser.wait(&format!("{offered} === 'resume,skip,rebuild'")).await;
    browser.click("[data-projection=postgres] [data-action=skip] summary").await;
    browser.fill("[data-projection=postgres] [data-action=skip] input", "función anulada").await;
    place.looks_right(browser, "the dashboard with a form open").await;
    browser.click("[data-projection=postgres] [data-action=skip] form button").await;
    // The notice of the button before is still there until this one's page comes.
    browser.wait("document.querySelector('.notice.good')?.textContent.includes('pasó por alto')").await;
    assert_eq!(fake.last_action(), Some(("skip".into(), json!({"reason": "función anulada"}))));
    browser.click("[data-projection=postgres] [data-action=rebuild] summary").await;
    browser.click("[data-projection=postgres] [data-action=rebuild] form button").await;
    browser.wait(&format!("{card}.querySelector('[data-word=rebuild]').textContent.startsWith('0 %')")).await;
    fake.set_projection(&json!({"rebuild_ratio": 0.62, "eta_seconds": 41.0}));
    browser.wait(&format!("{card}.querySelector('progress').value === 62")).await;
    place.looks_right(browser, "the dashboard during a rebuild").await;
    fake.set_projection(&json!({"state": "live", "rebuild_ratio": null, "eta_seconds": null}));
    browser.wait(&format!("{card}.querySelector('.rebuild').hidden")).await;
}

async fn sees_trouble_come_and_go(browser: &Browser, fake: &FakeApi) {
    let behind = json!({"verdict": "behind", "lag_events": 31_204, "lag_seconds": 14.2, "trend": "growing", "rate": 820.0});
    fake.set_projection(&behind);
    browser
        .wait("document.querySelector('.verdict.bad h1')?.textContent === 'postgres va con retraso'")
        .await;
    browser.wait("document.title.startsWith('⚠')").await;
    if let Ok(path) = std::env::var("TICKETFLOW_PICTURE") {
        std::fs::write(path, browser.picture().await).unwrap();
    }
    fake.set_projection(
        &json!({"verdict": "keeping_up", "lag_events": 0, "lag_seconds": 0.0, "trend": "steady"}),
    );
    browser.wait("document.querySelector('.verdict.good') && !document.title.startsWith('⚠')").await;
    assert_eq!(browser.console().await, "");
}

async fn sees_to_the_papers(browser: &Browser, place: &Place, fake: &FakeApi) {
    fake.papers(|papers| {
        let hostile = format!("<script>alert(1)</script> {}", "550-".repeat(400));
        papers.parked.push(parked(1_390, "01KBN6HOSTILE0000000000000", &hostile, "OrderPaid"));
    });
    let title = |words: &str| format!("document.querySelector('h1').textContent === '{words}'");
    let done = |words: &str| {
        format!("document.querySelector('.notice.good')?.textContent.includes('{words}') && !location.search")
    };
    browser.click("[data-projection=billing] a[href='/ops/papers']").await;
    browser.wait("location.pathname === '/ops/papers'").await;
    for (language, words) in [("en", "4 documents wait for you"), ("es", "4 documentos te esperan")] {
        browser.open(&format!("{}/ops/papers?lang={language}", place.base)).await;
        browser.wait(&title(words)).await;
        place.looks_right(browser, &format!("the papers, {language}")).await;
    }
    browser.click("[aria-labelledby=parked-1201] form button").await;
    browser.wait(&done("Se intenta de nuevo ahora")).await;
    browser.wait(&title("3 documentos te esperan")).await;
    browser.click("[aria-labelledby=parked-1377] summary").await;
    browser.fill("[aria-labelledby=parked-1377] [name=reason]", "anulada en caja").await;
    place.looks_right(browser, "the papers with a form open").await;
    browser.click("[aria-labelledby=parked-1377] details button").await;
    browser.wait(&done("Quedó descartado")).await;
    assert_eq!(fake.last_action(), Some(("skip 1377".into(), json!({"reason": "anulada en caja"}))));
    browser.click("form[action='/ops/papers/refused'] button").await;
    browser.wait(&done("Se envían de nuevo")).await;
    browser.wait(&title("1 documento te espera")).await;
    loads_folios(browser, place, fake).await;
    assert_eq!(browser.console().await, "");
}

/// Pasted, and refused; then the file itself, whose bytes are not UTF-8.
async fn loads_folios(browser: &Browser, place: &Place, fake: &FakeApi) {
    let forged =
        (StatusCode::UNPROCESSABLE_ENTITY, "authorisation_forged", "the authority did not sign".into());
    fake.papers(|papers| papers.refusal = Some(forged));
    browser.fill("#folio-text", "<AUTORIZACION/>").await;
    browser.click("[data-load] button").await;
    let refused = "document.querySelector('.notice.bad')?.textContent.includes('La autoridad no firmó')";
    browser.wait(refused).await;
    assert_eq!(browser.run("return document.getElementById('folio-text').value").await, "");
    place.looks_right(browser, "the papers with a refused file").await;
    // What the browser itself says of the answer's status; what comes after is an error.
    browser.console().await;
    let file = tempfile::Builder::new().suffix(".xml").tempfile().unwrap();
    std::fs::write(&file, b"<AUTORIZACION>\xd1and\xfa</AUTORIZACION>").unwrap();
    browser.fill("#folio-file", file.path().to_str().unwrap()).await;
    browser.wait("document.querySelector('[data-text]').hidden").await;
    browser.click("[data-load] button").await;
    let loaded = "document.querySelector('.notice.good')?.textContent.includes('ya se pueden usar')";
    browser.wait(loaded).await;
    let sent = json!({"authorisation": "<AUTORIZACION>Ñandú</AUTORIZACION>"});
    assert_eq!(fake.last_action(), Some(("load".into(), sent)));
    place.looks_right(browser, "the papers with folios loaded").await;
}

async fn looks_into_the_log(browser: &Browser, place: &Place) {
    browser.open(&format!("{}/ops/events", place.base)).await;
    browser.wait("document.querySelector('.log-event .log-type')").await;
    let ticks = browser
        .run("return [document.querySelectorAll('.tick.good').length, document.querySelectorAll('.log-batch').length]")
        .await;
    assert!(ticks[0] == ticks[1] && ticks[0] != 0, "a tick under every batch: {ticks}");
    place.looks_right(browser, "the log").await;
    browser.run("[...document.querySelectorAll('.log-event')].find((one) => one.textContent.includes('SeatsHeld')).querySelector('a').click()").await;
    browser.wait("document.querySelector('.event-json')?.textContent.includes('\"seats\"')").await;
    place.looks_right(browser, "an event").await;
    assert_eq!(browser.console().await, "");
}

async fn travels_in_time(browser: &Browser, place: &Place) {
    // From the event of the hold above to the map after it.
    browser.click(".turns a[href*='time-travel']").await;
    browser.wait(&format!("{MAP}?.hasAttribute('ready')")).await;
    place.looks_right(browser, "a moment of the past").await;
    let held = format!("[...{MAP}.statuses].filter((status) => status === 1).length");
    let free = "Number(document.querySelector('[data-word=free]').textContent.replaceAll('.', ''))";
    let on_page = "Number(document.querySelector('[data-word=held]').textContent.replaceAll('.', ''))";
    browser.wait(&format!("{held} > 0 && {held} === {on_page}")).await;
    let (then, free_then) = (
        browser.run(&format!("return {held}")).await.as_u64().unwrap(),
        browser.run(&format!("return {free}")).await.as_u64().unwrap(),
    );
    let revision = browser.run("return Number(document.getElementById('revision').value)").await;
    browser.click("[data-step='-1']").await;
    browser.wait(&format!("{held} < {then} && {free} > {free_then} && {held} === {on_page}")).await;
    browser.wait("document.querySelector('[data-word=sentence]').textContent").await;
    // The keyboard moves the slider, and the map with it.
    browser.run("document.getElementById('revision').focus()").await;
    browser.press("\u{e014}").await;
    browser.wait(&format!("{held} === {then} && location.search === '?revision={revision}'")).await;
    browser.press("\u{e011}").await;
    browser.wait(&format!("{held} < {then} && location.search === '?revision=1'")).await;
    browser
        .wait("document.querySelector('[data-step=\"-1\"]').getAttribute('aria-disabled') === 'true'")
        .await;
    browser.click("[data-present]").await;
    browser
        .wait("document.getElementById('revision').value === document.getElementById('revision').max")
        .await;
    let picked: Value = browser.run(&format!("{MAP}.toggle(0); return {MAP}.picked.size")).await;
    assert_eq!(picked, 0, "nobody buys in the past");
    assert_eq!(browser.console().await, "");
}

async fn signs_out(browser: &Browser, place: &Place) {
    browser.open(&format!("{}/ops/shows", place.base)).await;
    browser.wait("document.querySelector('.past-shows a')").await;
    place.looks_right(browser, "the shows to travel through").await;
    browser.click(".ops-nav button").await;
    browser.wait("document.querySelector('.notice.good') && document.getElementById('key')").await;
    browser.open(&format!("{}/ops", place.base)).await;
    browser.wait("document.getElementById('key')").await;
}
