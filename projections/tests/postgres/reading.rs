//! Reads from the tables say the same as reads from memory; while there are none, memory answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::bed::{Answer, Reader, caught_up, faults, play, played, start, start_at, until, until_state};
use crate::history::History;
use ticketflow_projections::ProjectionState;
use ticketflow_testbed::TcpProxy;

pub(crate) fn paths(history: &History) -> Vec<String> {
    let shows: Vec<String> = history.shows().map(|(show, _)| show.to_string()).collect();
    let mut paths: Vec<String> =
        ["/v1/shows", "/v1/shows?limit=2", "/v1/shows?limit=1000"].map(str::to_owned).into();
    for show in &shows {
        paths.push(format!("/v1/shows?limit=1&starting_after={show}"));
        paths.push(format!("/v1/shows/{show}"));
        paths.push(format!("/v1/shows/{show}/seats"));
        paths.push(format!("/v1/shows/{show}/seats?format=compact"));
    }
    paths.extend(history.orders().map(|order| format!("/v1/orders/{order}")));
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    paths.extend([
        format!("/v1/shows/{unknown}"),
        format!("/v1/shows/{unknown}/seats"),
        format!("/v1/shows/{unknown}/seats?format=compact"),
        format!("/v1/shows?starting_after={unknown}"),
        format!("/v1/orders/{unknown}"),
    ]);
    paths
}

pub(crate) fn same(path: &str, one: &Answer, other: &Answer) {
    assert_eq!((one.status, one.body.clone()), (other.status, other.body.clone()), "{path}");
    for header in ["etag", "cache-control", "content-type", "x-position", "x-seats-total", "vary"] {
        assert_eq!(one.header(header), other.header(header), "{path}: {header}");
    }
}

#[test]
fn every_endpoint_answers_from_the_tables_as_from_memory() {
    play(|server| async move {
        let (log, history) = played(41, 3_000);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        let (tables, memory) = (Reader::new(&log, Some(projection.clone())), Reader::new(&log, None));
        let paths = paths(&history);
        assert!(paths.len() > 50, "{}", paths.len());
        for path in &paths {
            let (one, other) = (tables.get(path).await, memory.get(path).await);
            assert_eq!(one.header("x-read-model"), "postgres", "{path}");
            assert_eq!(other.header("x-read-model"), "memory", "{path}");
            assert_eq!((one.header("age"), other.header("age")), ("0", "0"), "{path}");
            same(path, &one, &other);
            if !one.header("etag").is_empty() {
                let request = Request::get(path).header("if-none-match", one.header("etag"));
                let known = tables.ask(request.body(Body::empty()).unwrap()).await;
                assert_eq!((known.status, known.header("x-read-model")), (304, "postgres"), "{path}");
            }
        }
        projection.stop().await;
    });
}

#[test]
fn a_reader_sees_its_own_write_whatever_the_tables_are_doing() {
    play(|server| async move {
        let (log, mut history) = played(42, 300);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        let reader = Reader::new(&log, Some(projection.clone()));
        for _ in 0..20 {
            history.append(&log, 1);
            let position = log.head().position;
            let answer = reader.get(&format!("/v1/shows?min_position={position}")).await;
            assert_eq!(answer.status, 200);
            let is_of_tables = answer.header("x-read-model") == "postgres";
            assert!(!is_of_tables || projection.position() >= position);
        }
        projection.pause().await.unwrap();
        history.append(&log, 10);
        let position = log.head().position;
        // Tables that an operator holds back answer nobody.
        for path in [format!("/v1/shows?min_position={position}"), "/v1/shows".to_owned()] {
            let answer = reader.get(&path).await;
            assert_eq!((answer.status, answer.header("x-read-model")), (200, "memory"));
            assert_eq!(answer.header("age"), "0");
        }
        let late = reader.get(&format!("/v1/shows?min_position={}", position + 1)).await;
        assert_eq!((late.status, &late.json()["code"]), (503, &json!("still_processing")));
        projection.resume().await.unwrap();
        until("the tables answer again", async || {
            reader.get("/v1/shows").await.header("x-read-model") == "postgres"
        })
        .await;
        projection.stop().await;
    });
}

#[test]
fn while_the_server_is_down_memory_answers_and_afterwards_the_tables_again() {
    play(|mut server| async move {
        let (log, mut history) = played(43, 500);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        let reader = Reader::new(&log, Some(projection.clone()));
        let show = history.shows().next().unwrap().0;
        let order = history.orders().next().unwrap();
        let paths = [
            "/v1/shows".to_owned(),
            format!("/v1/shows/{show}"),
            format!("/v1/shows/{show}/seats"),
            format!("/v1/shows/{show}/seats?format=compact"),
            format!("/v1/orders/{order}"),
        ];
        for _ in 0..2 {
            for path in &paths {
                assert_eq!(reader.get(path).await.header("x-read-model"), "postgres");
            }
            server.process().kill();
            // From the first read on: the connections of readers are broken, and nobody is told so.
            history.append(&log, 100);
            let position = log.head().position;
            until("memory has it", async || reader.models.position() >= position).await;
            for path in &paths {
                let answer = reader.get(path).await;
                assert_eq!((answer.status, answer.header("x-read-model")), (200, "memory"), "{path}");
                assert_eq!(answer.header("age"), "0");
            }
            until_state(&projection, ProjectionState::Unreachable).await;
            let own = reader.get(&format!("{}?min_position={position}", paths[1])).await;
            assert_eq!((own.status, own.header("x-read-model")), (200, "memory"));
            server.restart().unwrap();
            until("the tables answer again", async || {
                let answer = reader.get(&paths[2]).await;
                assert_eq!(answer.status, 200);
                answer.header("x-read-model") == "postgres"
            })
            .await;
            assert!(projection.wait_for(position, Duration::from_secs(10)).await);
        }
        projection.stop().await;
    });
}

#[test]
fn a_server_that_vanishes_without_a_word_costs_readers_two_seconds_at_most() {
    play(|server| async move {
        let (log, mut history) = played(44, 300);
        let mut proxy = TcpProxy::start(server.address()).unwrap();
        let (from, to) = (server.address().to_string(), proxy.address().to_string());
        let url = server.url().replace(&from, &to);
        let projection = start_at(url, &log);
        caught_up(&projection, &log).await;
        let reader = Arc::new(Reader::new(&log, Some(projection.clone())));
        for _ in 0..2 {
            assert_eq!(reader.get("/v1/shows").await.header("x-read-model"), "postgres");
            proxy.swallow_answers();
            let begun = Instant::now();
            // More than there are connections.
            let reads: Vec<_> = (0..20)
                .map(|_| {
                    let reader = reader.clone();
                    tokio::spawn(async move { reader.get("/v1/shows").await.status })
                })
                .collect();
            for read in reads {
                assert_eq!(read.await.unwrap(), 200);
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
            until_state(&projection, ProjectionState::Unreachable).await;
            history.append(&log, 50);
            proxy.resume().unwrap();
            caught_up(&projection, &log).await;
            until("the tables answer again", async || {
                reader.get("/v1/shows").await.header("x-read-model") == "postgres"
            })
            .await;
        }
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        projection.stop().await;
    });
}
