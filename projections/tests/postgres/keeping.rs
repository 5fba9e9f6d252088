//! The tables equal the fold of the log, whatever ends the server or the runner in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ticketflow_projections::ProjectionState;

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
        until("the second one says why it waits", async || {
            second.status().last_error.is_some_and(|error| error.contains("another process"))
        })
        .await;
        history.append(&log, 100);
        caught_up(&first, &log).await;
        assert_eq!(second.position(), 0);
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

#[test]
fn a_changed_row_is_found_and_named() {
    play(|server| async move {
        let (log, history) = played(20, 600);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        projection.stop().await;
        let show = history.shows().nth(1).unwrap().0;
        let changes = [
            ("seats", "UPDATE ticketflow_seats_1.seats SET revision = revision + 1 WHERE seat = 3"),
            ("zones", "UPDATE ticketflow_seats_1.zones SET held = held + 1 WHERE zone = 0"),
            ("sales", "UPDATE ticketflow_seats_1.sales SET sold = sold + 1 WHERE zone = 0"),
            ("show", "UPDATE ticketflow_seats_1.shows SET sales = (sales + 1) % 4 WHERE true"),
        ];
        for (part, change) in changes {
            let undo = change.replace("+ 1", "- 1").replace("(sales - 1)", "(sales + 3)");
            let of_show = format!(" AND show_id = '{:032x}'", u128::from_be_bytes(show.to_bytes()));
            server.query(&format!("{change}{of_show}")).unwrap();
            let found = faults(&server, &log).await;
            assert_eq!(found.len(), 1, "{part}: {found:?}");
            assert!(found[0].contains(&show.to_string()) && found[0].contains(part), "{found:?}");
            server.query(&format!("{undo}{of_show}")).unwrap();
            assert_eq!(faults(&server, &log).await, Vec::<String>::new(), "{part}");
        }
        server.query("UPDATE ticketflow_seats_1.tickets SET status = 2 - status").unwrap();
        assert!(faults(&server, &log).await.iter().all(|fault| fault.contains("orders")));
        server.query("UPDATE ticketflow_seats_1.tickets SET status = 2 - status").unwrap();
        server.query("DELETE FROM ticketflow_seats_1.holds").unwrap();
        assert!(faults(&server, &log).await.iter().all(|fault| fault.contains("holds")));
    });
}
