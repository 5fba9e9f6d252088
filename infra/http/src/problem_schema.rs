//! The problem document as the API's document describes it: its members, and which problems an operation ends in.
//!
//! Invariant: the members named here are those that `problem.rs` writes; the tests compare the two.

use std::collections::BTreeMap;

use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{
    AllOfBuilder, ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::openapi::{Components, ContentBuilder, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use crate::{PROBLEM_CONTENT_TYPE, Problem};

impl ToSchema for Problem {}

impl PartialSchema for Problem {
    fn schema() -> RefOr<Schema> {
        let text =
            |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
        let whole = |description: &str, format| {
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .format(Some(SchemaFormat::KnownFormat(format)))
                .minimum(Some(0))
                .description(Some(description))
        };
        let seats = ArrayBuilder::new()
            .items(ObjectBuilder::new().schema_type(Type::String))
            .description(Some("The seats that could not be had"));
        ObjectBuilder::new()
            .description(Some(
                "A refusal (RFC 9457). A `code` may bring further members, named where it can occur.",
            ))
            .property("type", text("`urn:ticketflow:problem:` and the code"))
            .property("title", text("Says what the code means; the same in every occurrence"))
            .property("status", whole("The status of the answer", KnownFormat::UInt16))
            .property("code", text("Stable name of the kind of problem"))
            .property("detail", text("What happened this time and what to do about it"))
            .property("instance", text("The path that was asked"))
            .property("trace_id", text("The id of the request in logs and traces"))
            .property(
                "retry_after_ms",
                whole(
                    "When to ask again, in milliseconds; the header Retry-After has it in seconds",
                    KnownFormat::UInt64,
                ),
            )
            .property("conflicting_seats", seats)
            .required("type")
            .required("title")
            .required("status")
            .required("code")
            .required("detail")
            .into()
    }
}

/// Adds the answers that these problems are, one response a status; what operations have in
/// common goes to the components.
pub(crate) fn add_refusals(operation: &mut Operation, components: &mut Components, refusals: &[Problem]) {
    let mut by_status: BTreeMap<u16, Vec<&Problem>> = BTreeMap::new();
    for problem in refusals {
        let same_status = by_status.entry(problem.status().as_u16()).or_default();
        if same_status.iter().all(|other| other.code() != problem.code()) {
            same_status.push(problem);
        }
    }
    for (status, problems) in by_status {
        for problem in &problems {
            components.examples.entry(problem.code().to_owned()).or_insert_with(|| example(problem));
        }
        let answer = match problems[..] {
            // Most operations have these in common.
            [only] => {
                let code = only.code();
                components.responses.entry(code.to_owned()).or_insert_with(|| response(&problems).into());
                RefOr::Ref(Ref::from_response_name(code))
            }
            _ => response(&problems).into(),
        };
        let before = operation.responses.responses.insert(status.to_string(), answer);
        assert!(before.is_none(), "{status} is described twice: problems are described by their list alone");
    }
    components.schemas.entry("Problem".to_owned()).or_insert_with(Problem::schema);
}

fn example(problem: &Problem) -> RefOr<utoipa::openapi::example::Example> {
    let document = serde_json::from_slice(&problem.render(None)).expect("a problem document is JSON");
    ExampleBuilder::new().summary(problem.title()).value(Some(document)).build().into()
}

fn response(problems: &[&Problem]) -> Response {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("- `{}`: {}", problem.code(), problem.title())).collect();
    let codes = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(problems.iter().map(|problem| problem.code())));
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(ObjectBuilder::new().property("code", codes));
    let examples = problems.iter().map(|problem| {
        let code = problem.code();
        (code, RefOr::Ref(Ref::new(format!("#/components/examples/{code}"))))
    });
    let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(examples);
    let mut response =
        ResponseBuilder::new().description(lines.join("\n")).content(PROBLEM_CONTENT_TYPE, content.build());
    if problems.iter().any(|problem| problem.is_retried()) {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let header =
            HeaderBuilder::new().schema(Some(seconds)).description(Some("When to ask again, in seconds"));
        response = response.header("Retry-After", header.build());
    }
    response.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::OWN_MEMBERS;
    use serde_json::{Value, json};

    #[test]
    fn the_schema_names_the_members_that_are_written() {
        let schema = serde_json::to_value(Problem::schema()).unwrap();
        let mut described: Vec<&str> =
            schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut written = OWN_MEMBERS.to_vec();
        described.sort_unstable();
        written.sort_unstable();
        assert_eq!(described, written);
        let smallest: Value =
            serde_json::from_slice(&Problem::gone("hold_ended", "The hold has ended").render(None)).unwrap();
        let mut always: Vec<&String> = smallest.as_object().unwrap().keys().collect();
        let mut required: Vec<&str> =
            schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        always.sort_unstable();
        required.sort_unstable();
        assert_eq!(required, always);
    }

    #[test]
    fn problems_of_a_status_share_a_response() {
        let (gone, taken, busy) = (
            Problem::conflict("gone", "Gone"),
            Problem::conflict("taken", "Taken"),
            Problem::too_many("busy", "Busy", 500),
        );
        let (mut operation, mut components) = (Operation::new(), Components::new());
        add_refusals(&mut operation, &mut components, &[gone.clone(), busy, taken, gone]);
        let answers = serde_json::to_value(&operation.responses).unwrap();
        let content = &answers["409"]["content"][PROBLEM_CONTENT_TYPE];
        assert_eq!(content["schema"]["allOf"][1]["properties"]["code"]["enum"], json!(["gone", "taken"]));
        assert_eq!(content["examples"]["taken"]["$ref"], "#/components/examples/taken");
        assert_eq!(answers["409"]["headers"], Value::Null);
        assert_eq!(answers["429"]["$ref"], "#/components/responses/busy");
        let shared = serde_json::to_value(&components.responses).unwrap();
        assert_eq!(shared["busy"]["headers"]["Retry-After"]["schema"]["type"], "integer");
        let examples = serde_json::to_value(&components.examples).unwrap();
        assert_eq!(examples["busy"]["value"]["retry_after_ms"], 500);
    }
}
