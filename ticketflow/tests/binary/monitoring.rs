//! What is scraped, alerted on and drawn exists: every metric that the files under `infra/deploy` name is in the exposition of
//! a server that has sold something.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::machine::Machine;

/// Words of the query language that look like metrics.
const QUERY_WORDS: [&str; 7] = ["by", "without", "on", "and", "or", "unless", "bool"];
/// What Prometheus itself makes of every scrape.
const MADE_BY_PROMETHEUS: &str = "up";

fn deployed(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The metrics of a query: its words that are no function, no label and no word of the language.
fn metrics(query: &str) -> BTreeSet<String> {
    let mut bare = String::new();
    let (mut in_text, mut depth) = (false, 0);
    for character in query.chars() {
        match character {
            '"' => in_text = !in_text,
            '{' | '[' if !in_text => depth += 1,
            '}' | ']' if !in_text => depth -= 1,
            _ if in_text || depth > 0 => {}
            _ => bare.push(character),
        }
    }
    let mut found = BTreeSet::new();
    let mut rest = bare.as_str();
    while let Some(start) = rest.find(|character: char| character.is_ascii_alphabetic() || character == '_') {
        let word_and_rest = &rest[start..];
        let end = word_and_rest
            .find(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
            .unwrap_or(word_and_rest.len());
        let (word, after) = word_and_rest.split_at(end);
        rest = after;
        if word == "by" || word == "without" {
            // The labels in the parentheses behind it.
            rest = rest.split_once(')').map_or("", |(_, after)| after);
            continue;
        }
        let next = rest.trim_start();
        let is_function =
            ["(", "by ", "by(", "without ", "without("].iter().any(|call| next.starts_with(call));
        if !QUERY_WORDS.contains(&word) && !is_function {
            found.insert(word.to_owned());
        }
    }
    found
}

fn queries_of_the_dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(&deployed("grafana/ticketflow.json")).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    targets.map(|target| target["expr"].as_str().expect("a query").to_owned()).collect()
}

fn queries_of_the_alerts() -> Vec<String> {
    let rules = deployed("prometheus/alerts.yml");
    rules.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).map(str::to_owned).collect()
}

#[test]
fn the_metrics_of_a_query_are_found() {
    let query = "histogram_quantile(0.99, sum by (le, route) (rate(a_bucket{route=\"/x/{y}\", m=~\"p|q\"}[2m]))) > 0.3 and b_total == bool 1";
    assert_eq!(metrics(query), BTreeSet::from(["a_bucket".to_owned(), "b_total".to_owned()]));
}

#[test]
fn every_metric_of_the_alerts_and_the_dashboard_exists() {
    let machine = Machine::new();
    let server = machine.serve(&[]);
    let show = server.show(40);
    server.sell(&show, 0);
    let metrics_page = || String::from_utf8(server.get("/metrics").body).expect("text");
    server.until("the sale is in the samples", || {
        let head = server.get("/health/ready").json()["position"].to_string();
        metrics_page().contains(&format!("projection_position{{projection=\"memory\"}} {head}\n"))
    });
    let page = metrics_page();
    let exposed: BTreeSet<&str> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .filter(|name| !name.is_empty())
        .collect();
    let queries: Vec<String> =
        queries_of_the_alerts().into_iter().chain(queries_of_the_dashboard()).collect();
    assert!(queries.len() > 25, "{}", queries.len());
    let mut named = BTreeSet::new();
    for query in &queries {
        let metrics = metrics(query);
        assert!(!metrics.is_empty(), "{query} asks for nothing");
        for metric in &metrics {
            let exists = metric == MADE_BY_PROMETHEUS || exposed.contains(metric.as_str());
            assert!(exists, "{metric} is not exposed; {query}\n{page}");
        }
        named.extend(metrics);
    }
    assert!(named.contains("projection_lag_seconds") && named.len() > 15, "{named:?}");
    for state in ["live", "catching_up", "rebuilding", "paused", "stopped", "unreachable"] {
        let expected = u8::from(state == "live");
        let line = format!("projection_state{{projection=\"memory\",state=\"{state}\"}} {expected}\n");
        assert!(page.contains(&line), "{line} {page}");
    }
    for route in ["/v1/shows/{show}/holds", "/v1/shows/{show}/holds/{hold}/purchase"] {
        assert!(
            page.contains(&format!("route=\"{route}\"")),
            "the queries name a route that exists: {route}"
        );
    }
}
