//! The tables are built anew beside those that serve, and take their place without anyone noticing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use ticketflow_projections::ProjectionState;

use crate::bed::{Reader, caught_up, faults, play, played, start, until};

fn generations(server: &ticketflow_testbed::Postgres) -> String {
    server
        .query("SELECT string_agg(number || ' ' || state, ', ' ORDER BY number) FROM ticketflow.generation")
        .unwrap()
}

/// The load is steady and leaves room for what it is to disturb.
const BETWEEN_SALES: Duration = Duration::from_millis(1);
const BETWEEN_READS: Duration = Duration::from_millis(2);

/// Ends those who look at the flag, however the test ends.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_rebuild_under_load_fails_no_read_and_ends_in_the_same_rows() {
    play(|server| async move {
        let (log, mut history) = played(51, 6_000);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        let show = history.shows().next().unwrap().0;
        let order = history.orders().next().unwrap();
        let reader = Arc::new(Reader::new(&log, Some(projection.clone())));
        let (stop, reads, from_tables) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let selling = std::thread::spawn({
            let (log, stop, projection) = (log.clone(), stop.clone(), projection.clone());
            move || {
                while !stop.load(Ordering::Relaxed) {
                    // As much as this machine keeps up with beside the readers and the rebuild.
                    if log.head().position - projection.position() < 500 {
                        history.append(&log, 10);
                    }
                    std::thread::sleep(BETWEEN_SALES);
                }
            }
        });
        // A failure must not leave the seller at work.
        let _stopping = StopOnDrop(stop.clone());
        let readers: Vec<_> = (0..4)
            .map(|_| {
                let (reader, stop, reads, from_tables) =
                    (reader.clone(), stop.clone(), reads.clone(), from_tables.clone());
                tokio::spawn(async move {
                    let mut last = 0;
                    while !stop.load(Ordering::Relaxed) {
                        tokio::time::sleep(BETWEEN_READS).await;
                        for path in [
                            format!("/v1/shows/{show}"),
                            format!("/v1/orders/{order}"),
                            format!("/v1/shows/{show}/seats?format=compact"),
                        ] {
                            let answer = reader.get(&path).await;
                            assert_eq!(answer.status, 200, "{path}");
                            assert!(answer.header("age").parse::<u64>().is_ok(), "{path}");
                            reads.fetch_add(1, Ordering::Relaxed);
                            let is_of_tables = answer.header("x-read-model") == "postgres";
                            from_tables.fetch_add(u64::from(is_of_tables), Ordering::Relaxed);
                            let position = answer.header("x-position").parse().unwrap_or(last);
                            assert!(!is_of_tables || position >= last, "{path}: {position} after {last}");
                            last = if is_of_tables { position } else { last };
                        }
                    }
                })
            })
            .collect();
        for round in 0..3 {
            let before = generations(&server);
            let begun = reader.act("rebuild", None).await;
            assert_eq!(begun.status, 202, "{:?}", begun.json());
            assert_eq!(begun.json()["state"], "rebuilding");
            assert_eq!(reader.act("rebuild", None).await.status, 409, "one at a time");
            until("the rebuild is done", async || {
                let status = projection.status();
                if let Some(ratio) = status.rebuild_ratio {
                    assert!((0.0..=1.0).contains(&ratio) && status.state == ProjectionState::Rebuilding);
                }
                status.rebuild_ratio.is_none()
            })
            .await;
            assert_eq!(projection.status().last_error, None, "round {round}");
            // How large a share they answer says how busy the machine is: memory answers while they are behind.
            let served = from_tables.load(Ordering::Relaxed);
            until("the tables answer after it", async || from_tables.load(Ordering::Relaxed) > served + 50)
                .await;
            until("the old ones are gone", async || {
                let after = generations(&server);
                after != before && after.ends_with("live") && !after.contains(',')
            })
            .await;
        }
        stop.store(true, Ordering::Relaxed);
        selling.join().unwrap();
        for reading in readers {
            reading.await.unwrap();
        }
        caught_up(&projection, &log).await;
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        let (reads, from_tables) = (reads.load(Ordering::Relaxed), from_tables.load(Ordering::Relaxed));
        println!("{from_tables} of {reads} reads were answered from the tables");
        projection.stop().await;
    });
}

#[test]
fn tables_that_were_wrong_are_named_and_replaced() {
    play(|server| async move {
        let (log, history) = played(52, 1_000);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        let show = history.shows().next().unwrap().0;
        let of_show = format!("show_id = '{:032x}'", u128::from_be_bytes(show.to_bytes()));
        server
            .query(&format!("UPDATE ticketflow_seats_1.seats SET revision = 77 WHERE seat = 5 AND {of_show}"))
            .unwrap();
        assert_eq!(faults(&server, &log).await.len(), 1);
        projection.rebuild().await.unwrap();
        caught_up(&projection, &log).await;
        until("the rebuild is done", async || projection.status().rebuild_ratio.is_none()).await;
        let error = projection.status().last_error.unwrap();
        assert!(error.contains(&show.to_string()) && error.contains("seats"), "{error}");
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        projection.stop().await;
    });
}

#[test]
fn a_rebuild_that_a_crash_interrupts_is_cleaned_up_and_can_be_begun_again() {
    play(|mut server| async move {
        let (log, _) = played(53, 20_000);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        projection.rebuild().await.unwrap();
        until("the new tables are being filled", async || {
            projection.status().rebuild_ratio.is_none_or(|ratio| ratio > 0.0)
        })
        .await;
        server.process().kill();
        until("the rebuild gives up", async || projection.status().rebuild_ratio.is_none()).await;
        server.restart().unwrap();
        caught_up(&projection, &log).await;
        projection.stop().await;
        // The next one that takes the place clears away what nobody uses.
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        let left = generations(&server);
        assert!(left.ends_with("live") && !left.contains(','), "{left}");
        let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'ticketflow_seats_%'";
        assert_eq!(server.query(schemas).unwrap(), "1");
        projection.rebuild().await.unwrap();
        until("the rebuild is done", async || projection.status().rebuild_ratio.is_none()).await;
        caught_up(&projection, &log).await;
        assert_eq!(projection.status().last_error, None);
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        projection.stop().await;
    });
}
