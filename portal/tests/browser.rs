//! The page in a real browser: pick on the canvas, buy, see the codes, watch from a second browser, drive by keyboard,
//! lose a seat to somebody else, see every plan whole on every screen, and measure how smoothly a large plan pans.
//!
//! Runs against the fake API, or against a running TicketFlow when `TICKETFLOW_URL` names its base URL; that one must
//! have a show on sale with numbered seats and offer the test cards. Without chromedriver it prints `SKIPPED`.

// Test code from top to bottom: a surprise ends the test.
#![allow(clippy::unwrap_used)]

#[path = "browser/driver.rs"]
#[allow(missing_docs, unreachable_pub)]
mod driver;
#[allow(dead_code, missing_docs, unreachable_pub)]
mod fake_api;

use driver::{Browser, Missing};
use fake_api::FakeApi;
use serde_json::Value;
use std::time::{Duration, Instant};
use ticketflow_portal::{ApiClient, PortalConfig, router};

const MAP: &str = "document.querySelector('seat-map')";
const READY: &str = "document.querySelector('seat-map[ready]')?.feed?.position > 0";
/// Shows of the catalogue that are looked into for the largest plan.
const SHOWS_LOOKED_AT: usize = 9;
/// A desktop window, a phone, a tablet and a large screen, in CSS pixels.
const SCREENS: [(u32, u32); 4] = [(1440, 980), (390, 844), (768, 1024), (1920, 1080)];

/// The base URL to test: a running TicketFlow, or the portal over the fake.
async fn base_url() -> String {
    if let Ok(url) = std::env::var("TICKETFLOW_URL") {
        return url.trim_end_matches('/').to_owned();
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = ApiClient::in_process(FakeApi::new().router());
    let portal = router(PortalConfig::new(api).with_test_cards(true));
    tokio::spawn(async move { axum::serve(listener, portal).await.unwrap() });
    format!("http://{address}")
}

/// Two neighbouring free seats, their index the first of both, brought to the middle of the map.
async fn two_free_seats(browser: &Browser) -> u64 {
    let script = format!(
        "const m = {MAP}, free = (s) => m.statuses[s] === 0 && m.plan.rowOf[s] >= 0;
         let at = m.plan.total >> 1;
         for (let step = 0; step < m.plan.total; step++, at = (at + 1) % m.plan.total)
           if (free(at) && free(at + 1) && m.plan.rowOf[at] === m.plan.rowOf[at + 1]) {{ m.lookAt(at, 30); return at; }}
         return null;"
    );
    let seat = browser.run(&script).await.as_u64().expect("the show has two free seats side by side");
    browser.wait(&format!("!{MAP}.moving")).await;
    seat
}

async fn point_of(browser: &Browser, seat: u64) -> Value {
    browser.run(&format!("return {MAP}.screenPoint({seat})")).await
}

/// Clicks a seat and waits until it is picked.
async fn pick(browser: &Browser, seat: u64) {
    browser.click_at(&point_of(browser, seat).await).await;
    browser.wait(&format!("{MAP}.picked.has({seat})")).await;
}

async fn show_on_sale(browser: &Browser, base: &str) -> String {
    browser.open(&format!("{base}/?lang=es")).await;
    browser.wait("document.querySelector('.card')").await;
    let path = browser.run("return document.querySelector('.card:has(.badge.on) a')?.pathname").await;
    format!("{base}{}", path.as_str().expect("a show is on sale"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_in_a_real_browser() {
    let (buyer, watcher) = match (Browser::start().await, Browser::start().await) {
        (Ok(buyer), Ok(watcher)) => (buyer, watcher),
        (Err(Missing(reason)), _) | (_, Err(Missing(reason))) => {
            println!("SKIPPED: {reason}");
            return;
        }
    };
    let base = base_url().await;
    let show = show_on_sale(&buyer, &base).await;
    watcher.open(&format!("{base}/?lang=es")).await;
    watcher.open(&show).await;
    watcher.wait(READY).await;
    buys_two_seats_while_another_watches(&buyer, &watcher, &show).await;
    drives_the_map_by_keyboard(&watcher).await;
    leaves_one_map_after_another(&buyer, &show).await;
    loses_a_seat_to_somebody_else(&buyer, &watcher, &show).await;
    shows_every_plan_whole(&watcher, &base).await;
    pays_with_another_card_after_a_declined_one(&buyer, &show).await;
    measures_panning(&watcher, &base).await;
    buyer.close().await;
    watcher.close().await;
}

async fn buys_two_seats_while_another_watches(buyer: &Browser, watcher: &Browser, show: &str) {
    buyer.open(show).await;
    buyer.wait(READY).await;
    let seat = two_free_seats(buyer).await;
    pick(buyer, seat).await;
    pick(buyer, seat + 1).await;
    if let Ok(path) = std::env::var("TICKETFLOW_PICTURE") {
        std::fs::write(path, buyer.picture().await).unwrap();
    }
    assert_eq!(buyer.run("return document.querySelectorAll('#selection li').length").await, 2);
    buyer.click("#selection [data-submit]").await;
    buyer.wait("document.querySelector('[data-pay-form]') && /^\\d+:\\d\\d$/.test(document.querySelector('[data-expires]').textContent)").await;
    watcher.wait(&format!("{MAP}.statuses[{seat}] === 1 && {MAP}.statuses[{seat} + 1] === 1")).await;

    buyer.fill("#rut", "12.345.678-4").await;
    buyer.fill("#name", "Amparo Ñandú").await;
    buyer.wait("document.getElementById('rut-problem').textContent").await;
    buyer.run("document.getElementById('rut').value = ''").await;
    buyer.fill("#rut", "12.345.678-5").await;
    buyer.fill("#email", "amparo@example.cl").await;
    buyer.wait("document.getElementById('rut-problem').textContent === ''").await;
    buyer.click("[data-pay-form] button[type=submit]").await;
    buyer.wait("document.querySelectorAll('svg.qr').length === 2").await;
    let paid = Instant::now();
    watcher.wait(&format!("{MAP}.statuses[{seat}] === 2 && {MAP}.statuses[{seat} + 1] === 2")).await;
    let seen = paid.elapsed();
    println!("a second browser saw the seats sold {seen:?} after the buyer saw the tickets");
    assert!(seen < Duration::from_secs(1), "{seen:?}");
    assert_eq!(buyer.console().await, "");
}

async fn drives_the_map_by_keyboard(browser: &Browser) {
    let focus = format!("{MAP}.focusSeat");
    two_free_seats(browser).await;
    browser.run(&format!("{MAP}.canvas.focus()")).await;
    browser.press("\u{e014}").await;
    browser.wait(&format!("{focus} >= 0")).await;
    let spoken = browser.run(&format!("return {MAP}.speech.textContent")).await;
    assert!(spoken.as_str().is_some_and(|text| text.contains("fila") && text.contains('$')), "{spoken}");
    for (key, name) in [("\u{e014}", "right"), ("\u{e015}", "down"), ("\u{e012}", "left"), ("\u{e013}", "up")]
    {
        let before = browser.run(&format!("return {focus}")).await;
        browser.press(key).await;
        let after = browser.run(&format!("return {focus}")).await;
        println!("{name}: seat {before} -> {after}");
    }
    let free = two_free_seats(browser).await;
    browser.run(&format!("{MAP}.focusOn({free})")).await;
    browser.press("\u{e007}").await;
    browser.wait(&format!("{MAP}.picked.has({free})")).await;
    browser.press("\u{e00c}").await;
    browser.wait(&format!("{MAP}.picked.size === 0")).await;
    let scale = browser.run(&format!("return {MAP}.view.scale")).await.as_f64().unwrap();
    browser.press("+").await;
    browser.wait(&format!("{MAP}.view.scale > {scale}")).await;
}

async fn loses_a_seat_to_somebody_else(buyer: &Browser, watcher: &Browser, show: &str) {
    buyer.open(show).await;
    buyer.wait(READY).await;
    let seat = two_free_seats(buyer).await;
    watcher.run(&format!("{MAP}.lookAt({seat}, 30)")).await;
    watcher.wait(&format!("!{MAP}.moving")).await;
    pick(watcher, seat).await;
    pick(buyer, seat).await;
    buyer.click("#selection [data-submit]").await;
    watcher.wait(&format!("{MAP}.picked.size === 0 && document.querySelector('.map-toast.shown')")).await;
    assert_eq!(watcher.run("return document.querySelectorAll('#selection li').length").await, 0);
    buyer.wait("document.querySelector('[data-pay-form]')").await;
    buyer.click(".summary form button").await;
    watcher.wait(&format!("{MAP}.statuses[{seat}] === 0")).await;
}

/// A map that is left gives its connection back: a browser has six to a server, and the visitor sees more maps.
async fn leaves_one_map_after_another(browser: &Browser, show: &str) {
    let begun = Instant::now();
    for visit in 0..9 {
        browser.open(&format!("{show}?visit={visit}")).await;
        browser.wait(READY).await;
    }
    assert!(
        begun.elapsed() < Duration::from_secs(40),
        "a visit waited for a connection: {:?}",
        begun.elapsed()
    );
}

/// The first view of every plan shows all of it: nothing beyond the canvas, and nothing of the page over the canvas.
async fn shows_every_plan_whole(browser: &Browser, base: &str) {
    let mut looked_at = 0;
    for path in shows_of_the_catalogue(browser, base).await {
        browser.open(&format!("{base}{path}")).await;
        browser.wait(READY).await;
        for (width, height) in SCREENS {
            browser.resize(width, height).await;
            browser
                .wait(&format!(
                    "innerWidth === {width} && !{MAP}.moving && !{MAP}.pending && {MAP}.canvas.width === {MAP}.canvas.clientWidth && {MAP}.canvas.height === {MAP}.canvas.clientHeight"
                ))
                .await;
            let script = format!(
                "const m = {MAP}, box = m.canvas.getBoundingClientRect(), reach = m.plan.pitch * 0.75;
                 const [x0, y0, x1, y1] = m.plan.bounds;
                 const at = (x, y) => [(x - m.view.x) * m.view.scale, (y - m.view.y) * m.view.scale];
                 const [left, top] = at(x0 - reach, y0 - reach), [right, bottom] = at(x1 + reach, y1 + reach);
                 const whole = left >= 0 && top >= 0 && right <= box.width && bottom <= box.height;
                 const used = Math.max((right - left) / box.width, (bottom - top) / box.height);
                 const small = m.plan.pitch * m.view.scale > 30;
                 m.scrollIntoView(true);
                 const low = m.canvas.getBoundingClientRect();
                 const clear = document.elementFromPoint(low.left + low.width / 2, low.bottom - 2) === m.canvas;
                 return [whole, clear, used > 0.8 || small, [left, top, right, bottom, box.width, box.height].map(Math.round).join(' ')];"
            );
            let seen = browser.run(&script).await;
            let fits = seen[0] == true && seen[1] == true && seen[2] == true;
            assert!(fits, "{path} at {width}x{height}: [whole, uncovered, large, geometry] = {seen}");
            looked_at += 1;
        }
    }
    assert!(looked_at >= SCREENS.len(), "a catalogue without shows proves nothing");
    browser.resize(1440, 900).await;
    assert_eq!(browser.console().await, "", "a plan with an area that nobody drew is drawn, too");
}

/// A declined card costs the buyer neither the seats nor what is written.
async fn pays_with_another_card_after_a_declined_one(buyer: &Browser, show: &str) {
    buyer.open(show).await;
    buyer.wait(READY).await;
    let seat = two_free_seats(buyer).await;
    pick(buyer, seat).await;
    buyer.click("#selection [data-submit]").await;
    buyer.wait("document.querySelector('[data-pay-form]')").await;
    buyer.fill("#rut", "123456785").await;
    buyer.fill("#name", "Amparo Ñandú").await;
    buyer.fill("#email", "amparo@example.cl").await;
    buyer.wait("document.getElementById('rut').value === '12.345.678-5'").await;
    buyer.run("document.getElementById('card').value = 'tok_decline'").await;
    buyer.click("[data-pay-form] button[type=submit]").await;
    buyer.wait("document.querySelector('.notice.bad') && document.getElementById('rut').value === '12.345.678-5'").await;
    buyer.run("document.getElementById('card').value = 'tok_approve'").await;
    buyer.click("[data-pay-form] button[type=submit]").await;
    buyer.wait("document.querySelectorAll('svg.qr').length === 1").await;
}

/// The pages of the first shows.
async fn shows_of_the_catalogue(browser: &Browser, base: &str) -> Vec<String> {
    browser.open(base).await;
    browser.wait("document.querySelector('.card')").await;
    let links =
        browser.run("return [...document.querySelectorAll('.card a')].map((link) => link.pathname)").await;
    let paths = links.as_array().unwrap().iter().take(SHOWS_LOOKED_AT);
    paths.filter_map(|path| path.as_str().map(str::to_owned)).collect()
}

/// Pans the largest plan across its seats at three scales. Printed, not asserted: the machine decides.
async fn measures_panning(browser: &Browser, base: &str) {
    let (mut largest, mut total) = (String::new(), 0);
    for path in shows_of_the_catalogue(browser, base).await {
        browser.open(&format!("{base}{path}")).await;
        browser.wait(READY).await;
        let seats = browser.run(&format!("return {MAP}.plan.total")).await.as_u64().unwrap();
        if seats > total {
            (largest, total) = (path, seats);
        }
    }
    browser.open(&format!("{base}{largest}")).await;
    browser.wait(READY).await;
    for pitch in [3, 8, 24] {
        let script = format!(
            "const m = {MAP}; m.lookAt(m.plan.total - 2000, {pitch});
             const wait = () => m.moving || m.pending ? setTimeout(wait, 20) : pan();
             const pan = () => {{
               m.frames.length = 0; const gaps = []; let n = 0, last = performance.now();
               const step = (now) => {{
                 gaps.push(now - last); last = now;
                 m.view.x += (n % 120 < 60 ? 12 : -12) / m.view.scale; m.draw();
                 if (++n < 240) return requestAnimationFrame(step);
                 const at = (list, q) => [...list].sort((a, b) => a - b)[Math.floor(list.length * q)].toFixed(1);
                 done(`paint p50 ${{at(m.frames, 0.5)}} p99 ${{at(m.frames, 0.99)}} ms, frame p50 ${{at(gaps, 0.5)}} p99 ${{at(gaps, 0.99)}} ms`);
               }};
               requestAnimationFrame(step);
             }};
             wait();"
        );
        let measured = browser.run_until_done(&script).await;
        println!("panning {total} seats at {pitch} px a seat: {}", measured.as_str().unwrap_or_default());
    }
    assert_eq!(browser.console().await, "");
}
