//! `ticketflow rebuild`: has a running server build a projection anew, and shows how far that is until it is done.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::Value;
use ticketflow_scenarios::http::Client;
use ticketflow_scenarios::plan::read_operator_key;

use crate::data_folder::DataFolder;
use crate::demo::resolve;
use crate::progress::Progress;

const TIMEOUT: Duration = Duration::from_secs(30);
/// Between two looks at the rebuild.
const LOOK: Duration = Duration::from_millis(200);

/// Options of `rebuild`.
#[derive(Args)]
pub(crate) struct RebuildArguments {
    /// Name of the projection, as GET /v1/ops/projections lists it
    projection: String,
    #[command(flatten)]
    folder: DataFolder,
    /// Address of the running server
    #[arg(long, default_value = "127.0.0.1:8080", env = "TICKETFLOW_LISTEN")]
    url: String,
    /// Prints the status at the end as JSON
    #[arg(long)]
    json: bool,
}

/// Begins the rebuild and waits for its end. Exit code 0 only if it took the old tables' place and nothing was wrong.
pub(crate) fn run(arguments: RebuildArguments) -> Result<ExitCode> {
    let name = &arguments.projection;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        bail!("{name:?} is no name of a projection");
    }
    let bearer = format!("Bearer {}", read_operator_key(&arguments.folder.data)?);
    let headers = [("Authorization", bearer.as_str())];
    let mut client = Client::new(resolve(&arguments.url)?, TIMEOUT);
    let begun = client.send("POST", &format!("/v1/ops/projections/{name}/rebuild"), &headers, None)?;
    if begun.status != 202 {
        bail!("the server does not rebuild {name}: {}", begun.excerpt());
    }
    let mut progress = Progress::new("rebuilding", 0);
    let status = loop {
        let status = status(&mut client, name, &headers)?;
        let Some(ratio) = status["rebuild_ratio"].as_f64() else { break status };
        let head = status["head"].as_u64().unwrap_or(0);
        progress.show((ratio * head as f64) as u64, head);
        std::thread::sleep(LOOK);
    };
    progress.finish();
    let error = status["last_error"].as_str();
    if arguments.json {
        println!("{status}");
    } else {
        println!("{name}: {} at position {} of {}", status["state"], status["position"], status["head"]);
        error.into_iter().for_each(|error| println!("FAULT  {error}"));
    }
    Ok(if error.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn status(client: &mut Client, name: &str, headers: &[(&str, &str)]) -> Result<Value> {
    let answer = client.get("/v1/ops/projections", headers)?;
    let all = answer.json();
    let found = all["data"].as_array().and_then(|all| all.iter().find(|status| status["name"] == name));
    found
        .cloned()
        .with_context(|| format!("the server does not say how {name} is doing: {}", answer.excerpt()))
}
