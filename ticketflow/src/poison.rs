//! `ticketflow poison`: what billing gave up on, and what an operator does with it, on a running server.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use ticketflow_scenarios::http::Client;
use ticketflow_scenarios::plan::read_operator_key;

use crate::data_folder::DataFolder;
use crate::demo::resolve;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Options of `poison`.
#[derive(Args)]
pub(crate) struct PoisonArguments {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    folder: DataFolder,
    /// Address of the running server
    #[arg(long, default_value = "127.0.0.1:8080", env = "TICKETFLOW_LISTEN", global = true)]
    url: String,
    /// Prints what the server answers
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Action {
    /// Lists orders, refunds and mails that were given up on
    List,
    /// Tries one again, or all of them
    Retry {
        /// As the list says
        #[arg(required_unless_present = "all")]
        id: Option<u64>,
        /// All that are listed
        #[arg(long, conflicts_with = "id")]
        all: bool,
    },
    /// Gives one up for good: no document, or no mail
    Skip {
        /// As the list says
        id: u64,
        /// Why, for whoever reads the log later
        #[arg(long)]
        reason: String,
    },
}

/// Exit code 0 only if what was asked for is done.
pub(crate) fn run(arguments: PoisonArguments) -> Result<ExitCode> {
    let bearer = format!("Bearer {}", read_operator_key(&arguments.folder.data)?);
    let headers = [("Authorization", bearer.as_str())];
    let mut client = Client::new(resolve(&arguments.url)?, TIMEOUT);
    let (method, path, body) = match &arguments.action {
        Action::List => ("GET", "/v1/ops/poison".to_owned(), None),
        Action::Retry { id: Some(id), .. } => ("POST", format!("/v1/ops/poison/{id}/retry"), None),
        Action::Retry { id: None, .. } => ("POST", "/v1/ops/poison".to_owned(), None),
        Action::Skip { id, reason } => {
            ("POST", format!("/v1/ops/poison/{id}/skip"), Some(json!({ "reason": reason })))
        }
    };
    let answer = client.send(method, &path, &headers, body.as_ref())?;
    if answer.status != 200 {
        bail!("the server refuses: {}", answer.excerpt());
    }
    let answer = answer.json();
    if arguments.json {
        println!("{answer}");
        return Ok(ExitCode::SUCCESS);
    }
    match arguments.action {
        Action::List => list(&answer)?,
        Action::Retry { .. } => println!("{} tried again", answer["done"]),
        Action::Skip { id, .. } => println!("{id} is given up"),
    }
    Ok(ExitCode::SUCCESS)
}

fn list(answer: &Value) -> Result<()> {
    let parked = answer["data"].as_array().context("the server answers without a list")?;
    if parked.is_empty() {
        println!("nothing is parked");
    }
    for one in parked {
        let text = |name: &str| one[name].as_str().unwrap_or("?").to_owned();
        println!(
            "{}  order {}  since {}  after {} tries  {}",
            one["id"],
            text("order_id"),
            text("parked_at"),
            one["attempts"],
            text("error"),
        );
    }
    if answer["has_more"] == true {
        println!("... and more");
    }
    Ok(())
}
