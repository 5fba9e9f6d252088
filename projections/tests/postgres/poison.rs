//! What cannot be applied stops the tables where they are; an operator passes over it or goes on, and is on record.

use serde_json::json;
use ticketflow_domain::ShowId;
use ticketflow_event_store::{
    Append, BatchJson, Category, EmbeddedLog, EncodedEvents, EventJson, Expected, StreamId, Urgency,
};
use ticketflow_projections::{ProjectionState, verify_seat_map};
use ticketflow_testbed::Postgres;

use crate::bed::{Reader, caught_up, faults, play, played, start, until, until_state};
use crate::history::durable;
use crate::reading;

/// An event that no version of the software wrote.
fn append_unreadable(log: &EmbeddedLog, show_id: ShowId) -> u64 {
    let mut events = EncodedEvents::new();
    events.push(999, 1, b"of a later version");
    let append = Append {
        stream: StreamId::new(Category::Show, show_id.to_bytes()),
        expected: Expected::Any,
        batch_id: [9; 16],
        recorded_at_ms: 0,
        metadata: Vec::new(),
        events,
        urgency: Urgency::Essential,
    };
    durable(log.append(append)).first_position
}

#[test]
fn an_event_that_does_not_read_back_stops_the_tables_until_it_is_passed_over() {
    play(|server| async move {
        let (log, mut history) = played(31, 300);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        let show_id = history.shows().next().unwrap().0;
        let poison = append_unreadable(&log, show_id);
        history.append(&log, 300);
        until_state(&projection, ProjectionState::Stopped).await;
        let status = projection.status();
        assert_eq!(status.position, poison - 1, "everything before it is there");
        let error = status.last_error.unwrap();
        assert!(error.contains(&format!("position {poison}")) && error.contains("999"), "{error}");
        // The checkpoint was not moved past it, and going on without passing over it stops again.
        projection.resume().await.unwrap();
        until_state(&projection, ProjectionState::Stopped).await;
        assert_eq!(projection.position(), poison - 1);

        projection.skip("written by mistake").await.unwrap();
        caught_up(&projection, &log).await;
        assert_eq!(projection.status().last_error, None);
        let events = recorded(&log);
        assert_eq!(events.len(), 1);
        let event = serde_json::to_value(&events[0]).unwrap();
        assert_eq!(event["type"], "ProjectionBatchSkipped");
        let data = &event["data"];
        assert_eq!(
            (&data["first_position"], &data["reason"]),
            (&json!(poison), &json!("written by mistake"))
        );
        let kept = "SELECT first_position, last_position, reason FROM ticketflow.skipped_batch";
        assert_eq!(server.query(kept).unwrap(), format!("{poison}|{poison}|written by mistake"));

        // The fold of the log leaves out the same batch, now, after a restart and after a rebuild.
        let verified = verify_seat_map(&server.url(), &log, |_| {}).await.unwrap();
        assert_eq!((verified.faults, verified.skipped), (Vec::new(), 1));
        projection.stop().await;
        history.append(&log, 100);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        projection.rebuild().await.unwrap();
        caught_up(&projection, &log).await;
        assert_eq!(projection.status().last_error, None);
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        projection.stop().await;
    });
}

fn recorded(log: &EmbeddedLog) -> Vec<EventJson> {
    let mut reader = log.read_stream(StreamId::new(Category::Ops, [0; 16]), 1).unwrap();
    let mut events = Vec::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        events.extend(BatchJson::of(&batch).unwrap().events);
    }
    events
}

#[test]
fn a_row_that_the_database_refuses_is_found_in_the_run_and_named() {
    play(|server| async move {
        let (log, mut history) = played(32, 200);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        let most = refuse_orders(&server);
        history.append(&log, 1_500);
        until_state(&projection, ProjectionState::Stopped).await;
        let (poison, error) = (projection.position() + 1, projection.status().last_error.unwrap());
        assert!(error.contains(&format!("position {poison} ")), "{error}");
        let counted = server.query("SELECT count(*) FROM ticketflow_seats_1.orders").unwrap();
        assert_eq!(counted, most.to_string(), "all before it are there, in batches that fit");
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        // Once the database takes it again, going on is enough.
        server.query("DROP TRIGGER few ON ticketflow_seats_1.orders").unwrap();
        projection.resume().await.unwrap();
        caught_up(&projection, &log).await;
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        projection.stop().await;
    });
}

#[test]
fn a_pause_lasts_until_it_is_ended_and_survives_a_restart() {
    play(|server| async move {
        let (log, mut history) = played(33, 200);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        let reader = Reader::new(&log, Some(projection.clone()));
        let paused = reader.act("pause", None).await;
        assert_eq!((paused.status, &paused.json()["state"]), (200, &json!("paused")));
        let (at, again) = (projection.position(), reader.act("pause", None).await);
        assert_eq!((again.status, &again.json()["code"]), (409, &json!("wrong_state")));
        history.append(&log, 200);
        let status = projection.status();
        assert_eq!((status.position, status.state), (at, ProjectionState::Paused));
        assert!(status.lag_events > 0);
        assert_eq!(reader.act("rebuild", None).await.status, 409);
        let nothing = reader.act("skip", Some(json!({"reason": "none"}))).await;
        assert_eq!((nothing.status, &nothing.json()["code"]), (409, &json!("nothing_to_skip")));
        projection.stop().await;

        let projection = start(&server, &log);
        until_state(&projection, ProjectionState::Paused).await;
        assert_eq!(projection.position(), at);
        projection.resume().await.unwrap();
        caught_up(&projection, &log).await;
        assert!(projection.resume().await.is_err(), "there is nothing to resume");
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        projection.stop().await;
    });
}

/// From the twentieth order from now on no more are taken; says how many there are then.
fn refuse_orders(server: &Postgres) -> i64 {
    let orders: i64 =
        server.query("SELECT count(*) FROM ticketflow_seats_1.orders").unwrap().parse().unwrap();
    let most = orders + 20;
    server
        .query(&format!(
            "CREATE FUNCTION few_orders() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
               IF (SELECT count(*) FROM ticketflow_seats_1.orders) >= {most} THEN RAISE check_violation; END IF;
               RETURN NEW; END $$;
             CREATE TRIGGER few BEFORE INSERT ON ticketflow_seats_1.orders FOR EACH ROW EXECUTE FUNCTION few_orders()"
        ))
        .unwrap();
    most
}

#[test]
fn a_rebuild_by_another_process_takes_the_runner_along() {
    play(|server| async move {
        let (log, mut history) = played(34, 200);
        let one = start(&server, &log);
        caught_up(&one, &log).await;
        let other = start(&server, &log);
        until_state(&other, ProjectionState::Standby).await;
        refuse_orders(&server);
        history.append(&log, 1_500);
        until_state(&one, ProjectionState::Stopped).await;
        until_state(&other, ProjectionState::Stopped).await;
        server.query("DROP TRIGGER few ON ticketflow_seats_1.orders").unwrap();
        one.resume().await.unwrap();
        caught_up(&one, &log).await;
        // The other one does not know that yet.
        assert_eq!(other.status().state, ProjectionState::Stopped);
        other.rebuild().await.unwrap();
        until("the rebuild is done", async || other.status().rebuild_ratio.is_none()).await;
        assert_eq!(other.status().last_error, None);
        history.append(&log, 200);
        // Whoever of the two is first keeps the new tables.
        until("one keeps the tables and one stands by", async || {
            let mut states = [&one, &other].map(|runner| (runner.status().state, runner.position()));
            states.sort_unstable_by_key(|(state, _)| state.as_str());
            let head = log.head().position;
            matches!(states, [(ProjectionState::Live, at), (ProjectionState::Standby, _)] if at == head)
        })
        .await;
        let live = "SELECT live_generation FROM ticketflow.projection";
        assert_eq!(server.query(live).unwrap(), "2");
        assert_eq!(faults(&server, &log).await, Vec::<String>::new());
        one.stop().await;
        other.stop().await;
    });
}

#[test]
fn a_batch_that_was_passed_over_is_none_of_another_history() {
    play(|server| async move {
        let (log, mut history) = played(35, 200);
        let projection = start(&server, &log);
        caught_up(&projection, &log).await;
        refuse_orders(&server);
        history.append(&log, 1_500);
        until_state(&projection, ProjectionState::Stopped).await;
        projection.skip("a test").await.unwrap();
        until_state(&projection, ProjectionState::Stopped).await;
        projection.stop().await;
        server.query("DROP TRIGGER few ON ticketflow_seats_1.orders").unwrap();

        // The log was restored to where it was before and went on otherwise.
        let (log, history) = played(36, 3_000);
        let skipped = "SELECT first_position FROM ticketflow.skipped_batch";
        let position: u64 = server.query(skipped).unwrap().parse().unwrap();
        assert!(log.head().position > position);
        let projection = start(&server, &log);
        until_state(&projection, ProjectionState::Stopped).await;
        let reader = Reader::new(&log, Some(projection.clone()));
        let memory = Reader::new(&log, None);
        for path in reading::paths(&history) {
            assert_eq!(reader.get(&path).await.header("x-read-model"), "memory", "tables of another history");
        }
        projection.rebuild().await.unwrap();
        until_state(&projection, ProjectionState::Live).await;
        caught_up(&projection, &log).await;
        for path in reading::paths(&history) {
            let answer = reader.get(&path).await;
            assert_eq!(answer.header("x-read-model"), "postgres");
            reading::same(&path, &answer, &memory.get(&path).await);
        }
        projection.stop().await;
    });
}

#[test]
fn tables_that_are_gone_stop_the_projection_and_a_rebuild_brings_them_back() {
    for wreck in [
        "DROP TABLE ticketflow_seats_1.seats",
        "DROP SCHEMA ticketflow_seats_1 CASCADE",
        "DELETE FROM ticketflow_seats_1.checkpoint",
    ] {
        play(|server| async move {
            let (log, mut history) = played(37, 200);
            let projection = start(&server, &log);
            caught_up(&projection, &log).await;
            server.query(wreck).unwrap();
            history.append(&log, 200);
            until("it stops", async || projection.status().state == ProjectionState::Stopped).await;
            projection.rebuild().await.unwrap();
            until_state(&projection, ProjectionState::Live).await;
            caught_up(&projection, &log).await;
            assert_eq!(faults(&server, &log).await, Vec::<String>::new(), "{wreck}");
            projection.stop().await;
        });
    }
}
