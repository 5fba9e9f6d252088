//! `ticketflow folios`: lists the folios of a running server, loads more, and makes some for demonstrations.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use ticketflow_billing_projector::{FiscalKeys, TestIssuer};
use ticketflow_domain::Rut;
use ticketflow_scenarios::http::Client;
use ticketflow_scenarios::plan::read_operator_key;

use crate::data_folder::DataFolder;
use crate::demo::resolve;
use crate::fiscal::{FiscalFolder, today};

const TIMEOUT: Duration = Duration::from_secs(30);
const PATH: &str = "/v1/ops/folios";

/// Options of `folios`.
#[derive(Args)]
pub(crate) struct FoliosArguments {
    #[command(subcommand)]
    command: FoliosCommand,
}

#[derive(Args)]
struct ServerArguments {
    #[command(flatten)]
    folder: DataFolder,
    /// Address of the running server that issues documents
    #[arg(long, default_value = "127.0.0.1:8080", env = "TICKETFLOW_LISTEN")]
    url: String,
    /// Prints the server's answer as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum FoliosCommand {
    /// Shows how many folios of each kind are used and left
    List(ServerArguments),
    /// Loads an authorisation file of the tax authority (CAF)
    Load {
        /// The file as it was downloaded
        file: PathBuf,
        #[command(flatten)]
        server: ServerArguments,
    },
    /// Makes folios by an authority of one's own, for demonstrations, and loads them
    TestRange {
        /// Kind of document: 39, 41 or 61
        #[arg(long = "type")]
        code: u16,
        /// How many
        #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
        count: u64,
        #[command(flatten)]
        keys: FiscalFolder,
        #[command(flatten)]
        server: ServerArguments,
    },
}

/// Exit code 0 only if it was done.
pub(crate) fn run(arguments: FoliosArguments) -> Result<ExitCode> {
    match arguments.command {
        FoliosCommand::List(server) => list(&server)?,
        FoliosCommand::Load { file, server } => {
            let bytes = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
            load(&server, text(&bytes))?;
        }
        FoliosCommand::TestRange { code, count, keys, server } => {
            load(&server, test_range(&server, &keys, code, count)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The characters of a file: in ISO-8859-1 it nearly always is, and says so or says nothing.
fn text(bytes: &[u8]) -> String {
    let beginning = String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).to_ascii_lowercase();
    match str::from_utf8(bytes) {
        Ok(text) if !beginning.contains("iso-8859-1") => text.trim_start_matches('\u{FEFF}').to_owned(),
        _ => bytes.iter().copied().map(char::from).collect(),
    }
}

fn ask(server: &ServerArguments, method: &str, body: Option<&Value>) -> Result<Value> {
    let bearer = format!("Bearer {}", read_operator_key(&server.folder.data)?);
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let mut client = Client::new(resolve(&server.url)?, TIMEOUT);
    let answer = client.send(method, PATH, &headers, body)?;
    match answer.status {
        200 => Ok(answer.json()),
        404 => bail!("the server issues no fiscal documents: start it with --receipts taxed or exempt"),
        _ => match answer.json()["detail"].as_str() {
            Some(detail) => bail!("{detail}"),
            None => bail!("the server refuses: {}", answer.excerpt()),
        },
    }
}

fn list(server: &ServerArguments) -> Result<()> {
    let answer = ask(server, "GET", None)?;
    if server.json {
        println!("{answer}");
        return Ok(());
    }
    println!("{} of {}", answer["series"].as_str().unwrap_or_default(), answer["issuer"]["name"]);
    println!("{:>4}  {:<20} {:>12} {:>12} {:>12}  until", "type", "document", "issued", "left", "next");
    for kind in answer["data"].as_array().into_iter().flatten() {
        let end = kind["expires_on"].as_str().unwrap_or("-");
        let low = if kind["is_low"] == true { "  LOW: load more" } else { "" };
        let name = kind["document_type"].as_str().unwrap_or_default();
        let [code, issued, left, next] =
            ["code", "issued", "left", "next"].map(|field| kind[field].as_u64().map(|n| n.to_string()));
        let [code, issued, left, next] =
            [code, issued, left, next].map(|number| number.unwrap_or_else(|| "-".to_owned()));
        println!("{code:>4}  {name:<20} {issued:>12} {left:>12} {next:>12}  {end}{low}");
    }
    Ok(())
}

fn load(server: &ServerArguments, authorisation: String) -> Result<()> {
    let answer = ask(server, "POST", Some(&json!({"authorisation": authorisation})))?;
    if server.json {
        println!("{answer}");
    } else {
        let before = if answer["were_there"] == true { " were there before" } else { " can be used now" };
        println!(
            "{}: folios {} to {}{before}",
            answer["document_type"].as_str().unwrap_or_default(),
            answer["first"],
            answer["last"]
        );
    }
    Ok(())
}

/// The next folios of the server's issuer, if that is a demonstration.
fn test_range(server: &ServerArguments, keys: &FiscalFolder, code: u16, count: u64) -> Result<String> {
    let document_type = ticketflow_billing_projector::ChileanDocumentType::from_code(code)
        .with_context(|| format!("--type takes 39, 41 or 61, not {code}"))?;
    let answer = ask(server, "GET", None)?;
    let issuer = &answer["issuer"];
    if issuer["is_demo"] != true {
        bail!("the issuer is no demonstration: its folios come from the tax authority");
    }
    let rut: Rut =
        issuer["tax_id"].as_str().unwrap_or_default().parse().context("the issuer's tax number")?;
    let kinds = answer["data"].as_array().context("the server lists no folios")?;
    let loaded_to =
        kinds.iter().find(|kind| kind["code"] == code).and_then(|kind| kind["loaded_to"].as_u64());
    let first = loaded_to.unwrap_or(0) + 1;
    let issuer = TestIssuer {
        rut,
        name: issuer["name"].as_str().unwrap_or_default().to_owned(),
        sender: rut,
        today: today()?,
    };
    let last = first.saturating_add(count - 1);
    let keys = keys.path(&server.folder);
    let file = FiscalKeys::make_test_range(&keys, &issuer, document_type, first..=last)?;
    Ok(text(&file))
}
