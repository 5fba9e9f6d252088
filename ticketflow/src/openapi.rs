//! The OpenAPI document: put together from the parts of all services, printed by `ticketflow openapi`, served at
//! `/openapi.json` and shown at `/docs`.
//!
//! Invariant: a name in the document has one meaning; parts that disagree on one do not start. `docs/openapi.json` is
//! the document as of this version: a test compares the two.

mod docs_page;

use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Result;
use axum::Router;
use ticketflow_http::document_operator_key;
use utoipa::openapi::info::LicenseBuilder;
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder, RefOr, Server, Tag};

use crate::health;

/// As the sections of the document come.
const TAGS: [(&str, &str); 9] = [
    ("Shows", "Performances: made, opened, closed and called off by organisers; listed for everybody."),
    (
        "Seats",
        "The map of a show: whole, compact, live, and as a drawing. Organisers take seats out of sale.",
    ),
    ("Holds", "Seats set aside for one buyer until a deadline."),
    ("Orders", "Paid holds with their tickets, and what is given back of them."),
    ("Check-in", "The door admits a ticket, once."),
    ("Operations", "For operators: the log, the past, and how the read models are doing."),
    ("Health", "What load balancers and monitoring ask."),
    (
        "Payment simulator",
        "Served while the simulator runs in the process, for operators: faults to set, charges made.",
    ),
    (
        "Tax authority simulator",
        "Served by a process that issues fiscal documents, for operators: faults to set.",
    ),
];

const DESCRIPTION: &str = "\
Sells seats from an append-only event log. JSON with `snake_case` names; ids are ULIDs, times RFC 3339 in UTC, money is \
in minor units with its currency.

**Repeating.** Every POST that changes something, check-in apart, needs an `Idempotency-Key`. The same request with the \
same key gives the first answer again, with `Idempotency-Replayed: true`; another request with it is refused.

**Reading one's own writes.** Every write answers with its `position`; a read with `?min_position=` waits for it.

**Refusals** are problem documents (RFC 9457) with a stable `code`. Every answer carries `X-Instance` and `X-Trace-Id`; \
429 and 503 carry `Retry-After`.";

/// Prints the document.
pub(crate) fn run() -> Result<ExitCode> {
    println!("{}", format_names(document().to_pretty_json()?));
    Ok(ExitCode::SUCCESS)
}

/// The document and the page that shows it.
pub(crate) fn router() -> Router {
    docs_page::router(format_names(document().to_json().expect("the document has a JSON form")))
}

/// The registry of OpenAPI formats spells `uint32` what the library writes as `u-int32`.
fn format_names(json: String) -> String {
    json.replace("\"u-int", "\"uint")
}

/// Everything that a process serves.
fn document() -> OpenApi {
    let mut simulator = ticketflow_payment::simulator_openapi();
    document_operator_key(&mut simulator);
    let simulator = OpenApiBuilder::new().build().nest("/simulator", simulator);
    let mut document = OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("TicketFlow")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .license(Some(
                    LicenseBuilder::new()
                        .name("MIT OR Apache-2.0")
                        .identifier(Some("MIT OR Apache-2.0"))
                        .build(),
                ))
                .build(),
        )
        .servers(Some([Server::new("/")]))
        .tags(Some(TAGS.map(tag)))
        .build();
    for part in [
        ticketflow_command_service::openapi(),
        ticketflow_projections::openapi(),
        ticketflow_billing_projector::openapi(),
        ticketflow_billing_projector::poison_openapi(),
        ticketflow_billing_projector::fiscal_openapi(),
        health::openapi(),
        simulator,
    ] {
        add(&mut document, part);
    }
    document
}

fn tag((name, description): (&str, &str)) -> Tag {
    TagBuilder::new().name(name).description(Some(description)).build()
}

fn add(document: &mut OpenApi, part: OpenApi) {
    for (path, item) in part.paths.paths {
        document.paths.paths.entry(path).or_default().merge_operations(item);
    }
    let all = document.components.get_or_insert_with(Components::new);
    let components = part.components.unwrap_or_default();
    add_named(&mut all.schemas, components.schemas);
    add_named(&mut all.responses, components.responses);
    add_named(&mut all.examples, components.examples);
    add_named(&mut all.security_schemes, components.security_schemes);
}

fn add_named<T: PartialEq>(all: &mut BTreeMap<String, RefOr<T>>, part: BTreeMap<String, RefOr<T>>) {
    for (name, value) in part {
        if let Some(other) = all.get(&name) {
            assert!(*other == value, "two parts of the API mean different things by {name}");
        }
        all.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_repository_is_the_document() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/openapi.json");
        let file = std::fs::read_to_string(path).unwrap_or_default();
        let document = format_names(document().to_pretty_json().unwrap()) + "\n";
        let differs = file.lines().zip(document.lines()).position(|(file, document)| file != document);
        assert!(
            file == document,
            "docs/openapi.json is not what the code says, from line {} on; refresh it with `make openapi`",
            differs.unwrap_or(file.lines().count().min(document.lines().count())) + 1,
        );
    }
}
