//! Whether every order has its papers, seen from outside: one receipt, a credit note for each refund, folios without a gap or a
//! double, one mail for each document.
//!
//! What was sold is read in the log browser, what was issued on the order's page, what was mailed in the mails themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::Client;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Events of a page.
const PAGE: u64 = 1_000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

/// What was found.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PaperTrail {
    /// Paid orders.
    pub orders: usize,
    /// Refunds.
    pub refunds: usize,
    /// Documents, each mailed as one mail.
    pub mails: usize,
    /// What does not hold.
    pub violations: Vec<String>,
}

impl PaperTrail {
    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { orders, refunds, mails, violations } = self;
        let mut text = format!("  {orders} orders and {refunds} refunds, {mails} documents mailed\n");
        violations.iter().for_each(|violation| text.push_str(&format!("  VIOLATION  {violation}\n")));
        text
    }
}

/// Paid orders and how often each was refunded, as the log says.
///
/// # Errors
/// When the log browser does not answer.
pub fn orders_in_log(client: &mut Client, operator_key: &str) -> Result<BTreeMap<String, usize>> {
    let bearer = format!("Bearer {operator_key}");
    let mut orders = BTreeMap::new();
    let mut from = 1;
    loop {
        let path = format!("/v1/ops/events?from={from}&limit={PAGE}");
        let answer = client.get(&path, &[("Authorization", &bearer)])?;
        if answer.status != 200 {
            bail!("the log browser answers {}: {}", answer.status, answer.excerpt());
        }
        let page = answer.json();
        for event in page["data"].as_array().context("a page of the log is a list")? {
            let order =
                || event["data"]["order_id"].as_str().map(str::to_owned).context("an order has an id");
            match event["type"].as_str() {
                Some("OrderPaid") => drop(orders.entry(order()?).or_insert(0)),
                Some("TicketsRefunded") => *orders.entry(order()?).or_insert(0) += 1,
                _ => {}
            }
            from = event["position"].as_u64().context("an event has a position")? + 1;
        }
        if page["has_more"] != true {
            return Ok(orders);
        }
    }
}

/// Waits until the papers of all orders are delivered, and looks at all of them. `mails` says of each mail how often it is there, by
/// its Message-ID.
///
/// # Errors
/// When the server does not answer.
pub fn follow(
    address: SocketAddr,
    operator_key: &str,
    within: Duration,
    mails: impl FnOnce() -> Result<BTreeMap<String, usize>>,
) -> Result<PaperTrail> {
    let mut client = Client::new(address, TIMEOUT);
    let orders = orders_in_log(&mut client, operator_key)?;
    let mut trail =
        PaperTrail { orders: orders.len(), refunds: orders.values().sum(), ..PaperTrail::default() };
    let mut folios: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut expected_mails = BTreeSet::new();
    let until = Instant::now() + within;
    for (order, refunds) in &orders {
        let found = delivered(&mut client, order, *refunds, until)?;
        let notes = found["credit_notes"].as_array().cloned().unwrap_or_default();
        if found["documents"] != "delivered" || notes.len() != *refunds {
            trail
                .violations
                .push(format!("order {order} with {refunds} refunds has no complete papers: {found}"));
            continue;
        }
        let words = std::iter::once("order").chain(std::iter::repeat("refund"));
        for (document, word) in std::iter::once(&found["receipt"]).chain(&notes).zip(words) {
            let kind = document["document_type"].as_str().unwrap_or("none").to_owned();
            let folio = document["folio"].as_u64().unwrap_or(0);
            if !folios.entry(kind.clone()).or_default().insert(folio) {
                trail
                    .violations
                    .push(format!("folio {folio} of {kind} is there twice, once for order {order}"));
            }
            expected_mails.insert(format!("{word}.{order}.{folio}"));
        }
    }
    for (kind, folios) in folios {
        if !folios.iter().copied().eq(1..=folios.len() as u64) {
            trail.violations.push(format!(
                "the folios of {kind} have gaps: {} up to {:?}",
                folios.len(),
                folios.last()
            ));
        }
    }
    let mails = mails()?;
    trail.mails = mails.len();
    let arrived: BTreeSet<String> = mails.keys().map(|id| local_part(id).to_owned()).collect();
    for missing in expected_mails.difference(&arrived) {
        trail.violations.push(format!("the mail {missing} is not there"));
    }
    for surplus in arrived.difference(&expected_mails) {
        trail.violations.push(format!("the mail {surplus} belongs to no document"));
    }
    Ok(trail)
}

fn local_part(message_id: &str) -> &str {
    message_id.split_once('@').map_or(message_id, |(local, _)| local)
}

/// The order once its papers are delivered, or as it is when time is up.
fn delivered(client: &mut Client, order: &str, refunds: usize, until: Instant) -> Result<Value> {
    loop {
        let answer = client.get(&format!("/v1/orders/{order}"), &[])?;
        let found = answer.json();
        let notes = found["credit_notes"].as_array().map_or(0, Vec::len);
        if (found["documents"] == "delivered" && notes == refunds) || Instant::now() >= until {
            return Ok(found);
        }
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

/// The mails in a folder of `--mail file:FOLDER`, by their Message-ID. A file is one mail.
///
/// # Errors
/// When the folder cannot be read.
pub fn mails_in(folder: &Path) -> Result<BTreeMap<String, usize>> {
    let mut mails = BTreeMap::new();
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        if let Some(id) = name.strip_suffix(".eml") {
            mails.insert(id.to_owned(), 1);
        }
    }
    Ok(mails)
}
