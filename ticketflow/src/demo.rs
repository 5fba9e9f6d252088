//! The demo: three shows from the plan files, and a crowd that holds and buys.
//!
//! Speaks HTTP like everybody else, so that what the demo can do a client can.

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};
use ticketflow_command_service::{Clock, random};
use ticketflow_scenarios::buyer::Buyer;
use ticketflow_scenarios::http::Client;
use ticketflow_scenarios::plan::read_operator_key;

use crate::data_folder::DataFolder;
use crate::hexadecimal::hexadecimal;

const TIMEOUT: Duration = Duration::from_secs(30);
const DAY_SECONDS: u32 = 86_400;

/// Name, venue, days from now, plan file.
const SHOWS: [(&str, &str, u32, &str); 3] = [
    ("La casa de las mareas", "Teatro Caleta Clara, Valparaíso", 12, include_str!("../plans/theatre.json")),
    ("Los Cometas de Papel, gira 2027", "Arena Quillay, Santiago", 33, include_str!("../plans/arena.json")),
    ("Noche de Estadio", "Estadio Bahía Norte, Antofagasta", 61, include_str!("../plans/stadium.json")),
];

/// Options of `demo`.
#[derive(Args)]
pub(crate) struct DemoArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// Address of the running server
    #[arg(long, default_value = "127.0.0.1:8080", env = "TICKETFLOW_LISTEN")]
    url: String,
    /// Buyers that hold and buy at the same time
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=200))]
    crowd: u32,
    /// Seconds that the crowd stays
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
}

/// Makes the shows unless there are some, then lets the crowd in.
pub(crate) fn run(arguments: DemoArguments) -> Result<ExitCode> {
    let address = resolve(&arguments.url)?;
    let key = read_operator_key(&arguments.folder.data)?;
    let mut client = Client::new(address, TIMEOUT);
    create_shows(&mut client, &key)?;
    let shows: Vec<String> = shows(&mut client)?.into_iter().map(|show| show.id).collect();
    let crowd: Vec<_> = (0..arguments.crowd)
        .map(|_| {
            let (shows, end) = (shows.clone(), Instant::now() + Duration::from_secs(arguments.seconds));
            std::thread::spawn(move || buyer(address, &shows, end))
        })
        .collect();
    let mut seats = 0;
    for buyer in crowd {
        seats += buyer.join().map_err(|_| anyhow::anyhow!("a buyer of the crowd ended early"))??;
    }
    println!("{} shows; the crowd bought {seats} seats", shows.len());
    Ok(ExitCode::SUCCESS)
}

/// Makes the demo shows on the server of this process.
pub(crate) async fn fill(address: &str, key: &str) -> Result<()> {
    let (address, key) = (resolve(address)?, key.to_owned());
    tokio::task::spawn_blocking(move || create_shows(&mut Client::new(address, TIMEOUT), &key)).await?
}

/// The address of a server as users write it.
pub(crate) fn resolve(url: &str) -> Result<SocketAddr> {
    let host = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
    let mut addresses = host.to_socket_addrs().with_context(|| format!("cannot find {host}"))?;
    addresses.next().with_context(|| format!("{host} has no address"))
}

fn fresh_key() -> String {
    hexadecimal(&random::<16>())
}

fn post(client: &mut Client, path: &str, body: &Value, headers: &[(&str, &str)]) -> Result<(u16, Value)> {
    let key = fresh_key();
    let mut all = vec![("Idempotency-Key", key.as_str()), ("Content-Type", "application/json")];
    all.extend_from_slice(headers);
    let response = client.send("POST", path, &all, Some(body))?;
    Ok((response.status, response.json()))
}

/// Makes the demo shows and opens their sales, as far as that was not done before. A store with other shows is left alone.
fn create_shows(client: &mut Client, key: &str) -> Result<()> {
    let bearer = format!("Bearer {key}");
    let headers = [("Authorization", bearer.as_str())];
    let present = shows(client)?;
    if present.iter().any(|show| !SHOWS.iter().any(|(name, ..)| *name == show.name)) {
        return Ok(());
    }
    for (name, venue, days, plan) in SHOWS {
        let known = present.iter().find(|show| show.name == name);
        if known.is_some_and(|show| show.sales != "scheduled") {
            continue;
        }
        let show = match known {
            Some(show) => show.id.clone(),
            None => create_show(client, &headers, (name, venue, days), plan)?,
        };
        let (status, answer) = post(client, &format!("/v1/shows/{show}/open"), &json!({}), &headers)?;
        if status != 200 {
            bail!("sales of {name} did not open: {answer}");
        }
    }
    Ok(())
}

fn create_show(
    client: &mut Client,
    headers: &[(&str, &str)],
    (name, venue, days): (&str, &str, u32),
    plan: &str,
) -> Result<String> {
    let mut body: Value = serde_json::from_str(plan).context("a demo plan is not JSON")?;
    let evening = Clock::System.now().as_millis() / 86_400_000 * 86_400_000;
    let starts_at = ticketflow_domain::Timestamp::from_millis(evening).plus_seconds(days * DAY_SECONDS);
    body["name"] = json!(name);
    body["venue"] = json!(venue);
    body["starts_at"] = json!(starts_at.to_string());
    body["currency"] = json!("CLP");
    let (status, answer) = post(client, "/v1/shows", &body, headers)?;
    if status != 201 {
        bail!("the show {name} was not created: {answer}");
    }
    Ok(answer["show_id"].as_str().context("the answer has no show_id")?.to_owned())
}

struct ListedShow {
    id: String,
    name: String,
    sales: String,
}

fn shows(client: &mut Client) -> Result<Vec<ListedShow>> {
    let answer = client.get("/v1/shows?limit=200", &[])?.json();
    let shows = answer["data"].as_array().context("the server does not list shows")?;
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let listed = |show: &Value| {
        Some(ListedShow {
            id: text(&show["show_id"])?,
            name: text(&show["name"])?,
            sales: text(&show["sales"])?,
        })
    };
    Ok(shows.iter().filter_map(listed).collect())
}

/// Takes the best seats there are, buys most of them, lets some go; gives how many were bought.
fn buyer(address: SocketAddr, shows: &[String], end: Instant) -> Result<usize> {
    let mut client = Client::new(address, TIMEOUT);
    let mut bought = 0;
    while Instant::now() < end && !shows.is_empty() {
        let [show, quantity, mind, pause] = random::<4>();
        let show = &shows[usize::from(show) % shows.len()];
        let wanted = json!({"best_available": {"quantity": 1 + quantity % 4}});
        let (status, hold) = post(&mut client, &format!("/v1/shows/{show}/holds"), &wanted, &[])?;
        if status == 201 {
            bought += end_hold(&mut client, show, &hold, mind)?;
        }
        std::thread::sleep(Duration::from_millis(50 + 4 * u64::from(pause)));
    }
    Ok(bought)
}

fn end_hold(client: &mut Client, show: &str, hold: &Value, mind: u8) -> Result<usize> {
    let (Some(id), Some(token)) = (hold["hold_id"].as_str(), hold["hold_token"].as_str()) else {
        bail!("the answer to a hold is not one: {hold}");
    };
    let path = format!("/v1/shows/{show}/holds/{id}");
    if mind < 64 {
        client.send("DELETE", &path, &[("Hold-Token", token)], None)?;
        return Ok(0);
    }
    let person = Buyer::numbered(u64::from(u32::from_le_bytes(random())) % 20_000_000);
    let body = json!({
        "buyer": {"rut": person.rut, "name": person.name, "email": person.email},
        "payment": {"method": "card", "token": if mind > 240 { "tok_decline" } else { "tok_demo" }},
    });
    let (status, _) = post(client, &format!("{path}/purchase"), &body, &[("Hold-Token", token)])?;
    Ok(if status == 201 { hold["seats"].as_array().map_or(0, Vec::len) } else { 0 })
}
