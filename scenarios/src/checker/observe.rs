//! What the server shows after the last restart: seat maps, orders, and the gateway's charges when asked for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::history::History;
use crate::http::Client;
use crate::journal::{Action, now_ms};
use crate::load::parse_address;
use crate::plan::amount_of;

/// A full seat map may take a moment right after a restart.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// The gateway lists 10,000 charges a page: a kill test makes some ten thousands.
const MAX_CHARGE_PAGES: usize = 1_000;

/// A seat map.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShownShow {
    pub(crate) position: Option<u64>,
    pub(crate) seats: BTreeMap<String, String>,
}

/// An order.
#[derive(Clone, Debug, Default)]
pub(crate) struct ShownOrder {
    pub(crate) status: String,
    pub(crate) total: Option<i64>,
    /// Ticket id to seat and status.
    pub(crate) tickets: BTreeMap<String, (String, String)>,
}

/// A charge as the gateway lists it.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) key: String,
    pub(crate) status: String,
    pub(crate) amount: i64,
    pub(crate) refunded: i64,
}

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    /// When reading the seat maps began and when it was over.
    pub(crate) from_ms: u64,
    pub(crate) until_ms: u64,
    pub(crate) shows: BTreeMap<String, ShownShow>,
    /// Orders by id; an order that the server does not know is absent.
    pub(crate) orders: BTreeMap<String, ShownOrder>,
    pub(crate) charges: Option<Vec<Charge>>,
}

impl Observation {
    /// Reads every show and every acknowledged order of the journal.
    ///
    /// # Errors
    /// When the server does not answer, or answers something that is neither the thing nor 404.
    pub fn fetch(
        address: SocketAddr,
        key: &str,
        charges_url: Option<&str>,
        history: &History,
    ) -> Result<Self> {
        let mut client = Client::new(address, READ_LIMIT);
        let authorization = format!("Bearer {key}");
        let headers = [("Authorization", authorization.as_str())];
        let mut observation = Self::default();
        for operation in history.operations.values() {
            let Action::Purchase { .. } = operation.action else { continue };
            let Some(order) = operation.first_ok().and_then(|(_, _, facts)| facts.order.as_ref()) else {
                continue;
            };
            let path = format!("/v1/orders/{order}");
            let response = client.get(&path, &headers)?;
            match response.status {
                200 => {
                    observation.orders.insert(order.clone(), shown_order(&response.json()));
                }
                404 => {}
                status => bail!("GET {path} gave {status}: {}", response.excerpt()),
            }
        }
        observation.from_ms = now_ms();
        for show in history.shows.keys() {
            let path = format!("/v1/shows/{show}/seats");
            let response = client.get(&path, &[])?;
            match response.status {
                200 => {
                    observation.shows.insert(show.clone(), shown_show(&response.json()));
                }
                404 => {}
                status => bail!("GET {path} gave {status}: {}", response.excerpt()),
            }
        }
        observation.until_ms = now_ms();
        if let Some(url) = charges_url {
            observation.charges = Some(fetch_charges(address, url, &headers)?);
        }
        Ok(observation)
    }
}

fn shown_show(answer: &Value) -> ShownShow {
    let seats = answer["seats"].as_array().map(Vec::as_slice).unwrap_or_default();
    let seat = |seat: &Value| Some((seat["seat"].as_str()?.to_owned(), seat["status"].as_str()?.to_owned()));
    ShownShow { position: answer["position"].as_u64(), seats: seats.iter().filter_map(seat).collect() }
}

fn shown_order(answer: &Value) -> ShownOrder {
    let tickets = answer["tickets"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ShownOrder {
        status: text(&answer["status"]),
        total: amount_of(&answer["total"]),
        tickets: tickets
            .iter()
            .map(|ticket| (text(&ticket["ticket_id"]), (text(&ticket["seat"]), text(&ticket["status"]))))
            .collect(),
    }
}

/// `url` is a path on the same server or an address of its own.
fn fetch_charges(server: SocketAddr, url: &str, headers: &[(&str, &str)]) -> Result<Vec<Charge>> {
    let (address, path) = if url.starts_with('/') {
        (server, url.to_owned())
    } else {
        let plain = url.strip_prefix("http://").unwrap_or(url);
        let (host, path) = plain.split_once('/').unwrap_or((plain, ""));
        (parse_address(host)?, format!("/{path}"))
    };
    let mut client = Client::new(address, READ_LIMIT);
    let mut charges = Vec::new();
    let mut page = path.clone();
    for _ in 0..MAX_CHARGE_PAGES {
        let response = client.get(&page, headers)?;
        if response.status != 200 {
            bail!("GET {page} gave {}: {}", response.status, response.excerpt());
        }
        let answer = response.json();
        charges.extend(charges_of(&answer)?);
        let Some(last) = charges.last().filter(|_| answer["has_more"] == true) else { return Ok(charges) };
        let separator = if path.contains('?') { '&' } else { '?' };
        page = format!("{path}{separator}starting_after={}", last.key);
    }
    bail!("GET {path} lists charges without end")
}

fn charges_of(answer: &Value) -> Result<Vec<Charge>> {
    let list = answer.as_array().or_else(|| answer["data"].as_array()).context("the charges are no list")?;
    list.iter()
        .map(|charge| {
            Ok(Charge {
                key: charge["key"].as_str().context("a charge has no key")?.to_owned(),
                status: charge["status"].as_str().context("a charge has no status")?.to_lowercase(),
                amount: amount_of(&charge["amount"])
                    .or_else(|| charge["amount_minor"].as_i64())
                    .context("a charge has no amount")?,
                refunded: amount_of(&charge["refunded"])
                    .or_else(|| charge["refunded_minor"].as_i64())
                    .unwrap_or(0),
            })
        })
        .collect()
}
