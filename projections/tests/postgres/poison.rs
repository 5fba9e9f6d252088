//! What cannot be applied stops the tables where they are; an operator passes over it or goes on, and is on record.

use serde_json::json;
use ticketflow_domain::ShowId;
use ticketflow_event_store::{
    Append, BatchJson, Category, EmbeddedLog, EncodedEvents, EventJson, Expected, StreamId, Urgency,
};
use ticketflow_projections::{ProjectionState, verify_seat_map};

use crate::bed::{Reader, caught_up, faults, play, played, start, until_state};
use crate::history::durable;

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
        let orders: i64 =
            server.query("SELECT count(*) FROM ticketflow_seats_1.orders").unwrap().parse().unwrap();
        // From the hundredth order from now on no more are taken.
        server
            .query(&format!(
                "CREATE FUNCTION few_orders() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   IF (SELECT count(*) FROM ticketflow_seats_1.orders) >= {} THEN RAISE check_violation; END IF;
                   RETURN NEW; END $$;
                 CREATE TRIGGER few BEFORE INSERT ON ticketflow_seats_1.orders FOR EACH ROW EXECUTE FUNCTION few_orders()",
                orders + 20
            ))
            .unwrap();
        history.append(&log, 1_500);
        until_state(&projection, ProjectionState::Stopped).await;
        let (poison, error) = (projection.position() + 1, projection.status().last_error.unwrap());
        assert!(error.contains(&format!("position {poison} ")), "{error}");
        let counted = server.query("SELECT count(*) FROM ticketflow_seats_1.orders").unwrap();
        assert_eq!(counted, (orders + 20).to_string(), "all before it are there, in batches that fit");
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
