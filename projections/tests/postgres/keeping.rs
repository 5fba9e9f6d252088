//! The tables equal the fold of the log, whatever ends the server or the runner in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ticketflow_projections::{ActionError, ProjectionState};

use crate::bed::{caught_up, faults, log, play, played, start, until, until_state};
use crate::history::History;

#[test]
fn kept_once_kept_twice_and_resumed_at_every_step_the_tables_are_the_fold() {
    play(|server| async move {
        let (log, mut history) = played(11, 300);
        for step in 0..8 {
            let projection = start(&server, &log);
            caught_up(&projection, &log).await;
            assert_eq!(faults(&server, &log).await, Vec::<String>::new(), "step {step}");
            projection.stop().await;
            // The second time there is nothing left to do.
            let again = start(&server, &log);
            caught_up(&again, &log).await;
            assert_eq!(faults(&server, &log).await, Vec::<String>::new(), "step {step}, again");
            again.stop().await;
            history.append(&log, 1 + step * 97);
        }
        let shows = server.query("SELECT count(*) FROM ticketflow.generation").unwrap();
        assert_eq!(shows, "1", "one generation serves all the time");
    });
}

#[test]
fn a_server_killed_again_and_again_costs_time_and_nothing_else() {
    play(|mut server| async move {
        let (log, mut history) = played(12, 500);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        let stop = Arc::new(AtomicBool::new(false));
        let selling = std::thread::spawn({
            let (log, stop) = (log.clone(), stop.clone());
            move || {
                let mut batches = 0;
                while !stop.load(Ordering::Relaxed) {
                    history.append(&log, 50);
                    batches += 50;
                }
                batches
            }
        });
        for _ in 0..4 {
            let (before, head) = (projection.position(), log.head().position);
            until("events on the way", async || projection.position() > before + 500).await;
            server.process().kill();
            until_state(&projection, ProjectionState::Unreachable).await;
            let status = projection.status();
            assert!(status.last_error.is_some(), "{status:?}");
            // Selling does not notice.
            until("the log goes on", async || log.head().position > head + 1_000).await;
            server.restart().unwrap();
        }
        stop.store(true, Ordering::Relaxed);
        assert!(selling.join().unwrap() > 0);
        caught_up(&projection, &log).await;
        assert_eq!(projection.status().last_error, None);
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        projection.stop().await;
    });
}

#[test]
fn a_server_that_hangs_is_given_up_and_found_again() {
    play(|mut server| async move {
        let (log, mut history) = played(13, 200);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        // The main process does not take new connections, and the one that serves the runner is asked to hang as well.
        let backends =
            server.query("SELECT pid FROM pg_stat_activity WHERE application_name = 'ticketflow'").unwrap();
        server.process().pause().unwrap();
        let backends: Vec<_> = backends.lines().map(|line| line.parse().unwrap()).collect();
        let signal = |signal| {
            for &backend in &backends {
                let id = rustix::process::Pid::from_raw(backend).unwrap();
                // One that ended by itself needs no signal.
                let _ = rustix::process::kill_process(id, signal);
            }
        };
        signal(rustix::process::Signal::STOP);
        until_state(&projection, ProjectionState::Unreachable).await;
        history.append(&log, 100);
        signal(rustix::process::Signal::CONT);
        server.process().resume().unwrap();
        caught_up(&projection, &log).await;
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        projection.stop().await;
    });
}

#[test]
fn a_server_that_is_down_at_the_start_is_waited_for() {
    play(|mut server| async move {
        let (log, _) = played(14, 200);
        server.process().kill();
        let projection = start(&server, &log);
        until_state(&projection, ProjectionState::Unreachable).await;
        server.restart().unwrap();
        caught_up(&projection, &log).await;
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        projection.stop().await;
    });
}

#[test]
fn of_two_runners_one_waits_for_the_other() {
    play(|server| async move {
        let (log, mut history) = played(15, 200);
        let first = start(&server, &log);
        caught_up(&first, &log).await;
        let second = start(&server, &log);
        until_state(&second, ProjectionState::Standby).await;
        assert_eq!((second.status().last_error, second.status().actions.len()), (None, 0));
        assert_eq!(second.pause().await, Err(ActionError::WrongState { state: ProjectionState::Standby }));
        history.append(&log, 100);
        caught_up(&first, &log).await;
        let head = log.head().position;
        until("the second one sees how far the first is", async || second.position() == head).await;
        assert_eq!(second.status().state, ProjectionState::Standby);
        first.stop().await;
        history.append(&log, 100);
        caught_up(&second, &log).await;
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        second.stop().await;
    });
}

#[test]
fn a_killed_connection_loses_the_run_and_not_the_rows() {
    play(|server| async move {
        let (log, mut history) = played(16, 200);
        let projection = start(&server, &log);
        for _ in 0..6 {
            history.append(&log, 400);
            let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'ticketflow'";
            server.query(kill).unwrap();
        }
        caught_up(&projection, &log).await;
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        projection.stop().await;
    });
}

#[test]
fn tables_of_another_log_are_refused_until_they_are_rebuilt() {
    play(|server| async move {
        let (first, _) = played(17, 300);
        let projection = start(&server, &first);
        caught_up(&projection, &first).await;
        projection.stop().await;
        for (seed, batches) in [(18, 900), (19, 10)] {
            let other = log();
            History::new(seed, 3, 4).append(&other, batches);
            let projection = start(&server, &other);
            until_state(&projection, ProjectionState::Stopped).await;
            let error = projection.status().last_error.unwrap();
            assert!(error.contains("rebuild"), "{error}");
            assert!(ticketflow_projections::verify_seat_map(&server.url(), &other, |_| {}).await.is_err());
            if seed == 19 {
                projection.rebuild().await.unwrap();
                caught_up(&projection, &other).await;
                assert_eq!(faults(&server, &other).await, Vec::<String>::new());
            }
            projection.stop().await;
        }
    });
}

/// A table, the part of a show that it is, and what a hand may do to its columns; keys aside.
type Hands = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const HANDS: [Hands; 7] = [
    (
        "shows",
        "show",
        &[
            ("name", "name || '!'"),
            ("venue", "venue || '!'"),
            ("starts_at_ms", "starts_at_ms + 1"),
            ("currency", "'XXX'"),
            ("sales", "(sales + 1) % 4"),
            ("position", "position + 1"),
            (
                "created",
                "convert_to(replace(convert_from(created, 'UTF8'), '\"price\":', '\"price\":1'), 'UTF8')",
            ),
        ],
    ),
    (
        "zones",
        "zones",
        &[
            ("name", "name || '!'"),
            ("price", "price + 1"),
            ("general", "NOT general"),
            ("available", "available + 1"),
            ("held", "held + 1"),
            ("sold", "sold + 1"),
            ("blocked", "blocked + 1"),
        ],
    ),
    (
        "seats",
        "seats",
        &[
            ("zone", "zone + 1"),
            ("status", "(status + 1) % 4"),
            ("revision", "revision + 1"),
            ("price", "price + 1"),
            ("hold_id", "gen_random_uuid()"),
            ("order_id", "gen_random_uuid()"),
        ],
    ),
    (
        "holds",
        "holds",
        &[
            ("customer_id", "gen_random_uuid()"),
            ("seats", "seats + 1"),
            ("total", "total + 1"),
            ("expires_at_ms", "expires_at_ms + 1"),
            ("order_id", "gen_random_uuid()"),
            ("give_up_at_ms", "coalesce(give_up_at_ms, 0) + 1"),
        ],
    ),
    (
        "orders",
        "orders",
        &[
            ("customer_id", "gen_random_uuid()"),
            ("total", "total + 1"),
            ("refunded", "refunded + 1"),
            ("captured", "NOT captured"),
            ("paid_at_ms", "paid_at_ms + 1"),
            ("position", "position + 1"),
        ],
    ),
    (
        "tickets",
        "orders",
        &[
            ("ticket_id", "gen_random_uuid()"),
            ("seat", "seat + 1"),
            ("generation", "generation + 1"),
            ("status", "(status + 1) % 3"),
        ],
    ),
    (
        "sales",
        "sales",
        &[
            ("sold", "sold + 1"),
            ("sold_amount", "sold_amount + 1"),
            ("refunded", "refunded + 1"),
            ("refunded_amount", "refunded_amount + 1"),
        ],
    ),
];

#[test]
fn a_change_of_any_column_is_found_and_the_show_and_the_part_are_named() {
    play(|server| async move {
        let (log, history) = played(20, 600);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        projection.stop().await;
        let shows: Vec<String> = history.shows().map(|(show_id, _)| show_id.to_string()).collect();
        for (table, part, columns) in HANDS {
            server.query(&format!("CREATE TABLE kept AS SELECT * FROM ticketflow_seats_1.{table}")).unwrap();
            for (column, changed) in columns {
                let change = format!("UPDATE ticketflow_seats_1.{table} SET {column} = {changed}");
                server.query(&change).unwrap();
                let found = faults(&server, &log).await;
                let named = |fault: &String| {
                    fault.contains(&format!("the {part} ")) && shows.iter().any(|show| fault.contains(show))
                };
                assert!(!found.is_empty() && found.iter().all(named), "{table}.{column}: {found:?}");
                let undo = format!(
                    "TRUNCATE ticketflow_seats_1.{table};
                     INSERT INTO ticketflow_seats_1.{table} SELECT * FROM kept"
                );
                server.query(&undo).unwrap();
            }
            server.query("DROP TABLE kept").unwrap();
            assert_eq!(faults(&server, &log).await, Vec::<String>::new(), "{table}");
        }
        server.query("DELETE FROM ticketflow_seats_1.holds").unwrap();
        assert!(faults(&server, &log).await[0].contains("the holds "));
    });
}

#[test]
fn no_column_is_left_out_of_the_comparison() {
    play(|server| async move {
        let log = log();
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        projection.stop().await;
        // Keys say which row it is, the checkpoint is compared with the log.
        let mut known: Vec<String> = ["checkpoint.chain_hash", "checkpoint.position"]
            .into_iter()
            .map(str::to_owned)
            .chain(HANDS.iter().flat_map(|(table, _, columns)| {
                columns.iter().map(move |(column, _)| format!("{table}.{column}"))
            }))
            .collect();
        known.sort_unstable();
        let found = server
            .query(
                "SELECT c.table_name || '.' || c.column_name FROM information_schema.columns AS c
                 LEFT JOIN information_schema.key_column_usage AS k USING (table_schema, table_name, column_name)
                 WHERE c.table_schema = 'ticketflow_seats_1' AND k.column_name IS NULL
                   AND c.table_name <> '_sqlx_migrations' AND c.column_name <> 'show_id'",
            )
            .unwrap();
        let mut found: Vec<&str> = found.lines().collect();
        found.sort_unstable();
        assert_eq!(found, known);
    });
}
