//! What the operator sees: any moment of the past as it was shown then, the log, and how the read side is doing.

use serde_json::{Value, json};
use ticketflow_domain::show::ShowCommand;

use crate::stage::{Stage, on_stage};

async fn live(stage: &Stage, show: &str) -> Value {
    let path = format!("/v1/shows/{show}/seats?min_position={}", stage.head());
    stage.get(&path).await.expect(200)
}

#[test]
fn the_map_at_a_position_is_the_map_that_was_shown_then() {
    on_stage(|mut stage| async move {
        let before = stage.head();
        let (show, other) = (stage.show().await, stage.show().await);
        let id = show.to_string();
        let mut shown = Vec::new();
        let hold = stage.hold(show, &["Platea-A-1", "Platea-A-2"]).await;
        shown.push((stage.head(), live(&stage, &id).await));
        stage.release(show, hold).await;
        shown.push((stage.head(), live(&stage, &id).await));
        stage.hold(other, &["Platea-A-1"]).await;
        shown.push((stage.head(), live(&stage, &id).await));
        let order = stage.sell(show, &["Platea-A-1", "Platea-B-3"]).await;
        shown.push((stage.head(), live(&stage, &id).await));
        stage.check_in(show, &order, 1).await;
        shown.push((stage.head(), live(&stage, &id).await));
        stage.refund(show, &order, &[0]).await;
        shown.push((stage.head(), live(&stage, &id).await));
        let block = ShowCommand::BlockSeats { seats: vec!["Cancha-GA-2".to_owned()], reason: String::new() };
        stage.carry_out(show, &block).await;
        shown.push((stage.head(), live(&stage, &id).await));
        for (position, map) in &shown {
            let path = format!("/v1/ops/shows/{id}/seats?at={position}");
            let past = stage.operator(&path).await.expect(200);
            assert_eq!(past, *map, "at {position}");
            let compact = stage.operator(&format!("{path}&format=compact")).await;
            assert_eq!(compact.header("x-position"), map["position"].to_string());
            assert_eq!(compact.body, packed(map), "at {position}");
        }
        let now = stage.operator(&format!("/v1/ops/shows/{id}/seats")).await.expect(200);
        assert_eq!(now, shown.last().unwrap().1);
        let ahead = stage.operator(&format!("/v1/ops/shows/{id}/seats?at={}", u64::MAX)).await.expect(200);
        assert_eq!(ahead, now);
        let early = stage.operator(&format!("/v1/ops/shows/{id}/seats?at={before}")).await;
        early.problem(404, "show_unknown");
        let wrong = stage.operator(&format!("/v1/ops/shows/{id}/seats?at=-1")).await;
        wrong.problem(400, "malformed_query");
        stage.operator("/v1/ops/shows/01ARZ3NDEKTSV4RRFFQ69G5FAV/seats").await.problem(404, "show_unknown");
    });
}

/// The statuses of a whole map at 2 bits a seat.
fn packed(map: &Value) -> Vec<u8> {
    let seats = map["seats"].as_array().expect("a list");
    let mut bytes = vec![0; seats.len().div_ceil(4)];
    for (index, seat) in seats.iter().enumerate() {
        let status = ["available", "held", "sold", "blocked"].iter().position(|name| seat["status"] == *name);
        bytes[index / 4] |= (status.expect("a known status") as u8) << (index % 4 * 2);
    }
    bytes
}

#[test]
fn the_operators_endpoints_take_the_key_and_nothing_else() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        for path in [
            "/v1/ops/events".to_owned(),
            "/v1/ops/projections".to_owned(),
            "/v1/ops/projections/history".to_owned(),
            format!("/v1/ops/shows/{show}/seats"),
        ] {
            stage.get(&path).await.problem(401, "unauthorized");
            for wrong in ["Bearer x", "Bearer ", "Basic b3BlcmF0b3I6"] {
                stage.get_with(&path, &[("authorization", wrong)]).await.problem(401, "unauthorized");
            }
            stage.operator(&path).await.expect(200);
        }
    });
}

#[test]
fn the_log_is_shown_event_by_event() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        let other = stage.show().await;
        stage.sell(show, &["Platea-A-1"]).await;
        let all = stage.operator("/v1/ops/events").await.expect(200);
        let data = all["data"].as_array().unwrap();
        let positions: Vec<u64> = data.iter().map(|event| event["position"].as_u64().unwrap()).collect();
        assert_eq!(positions, (1..=stage.head()).collect::<Vec<_>>());
        assert_eq!(all["has_more"], false);
        let of_show = stage.operator(&format!("/v1/ops/events?stream=show-{show}")).await.expect(200);
        let revisions: Vec<u64> = of_show["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| event["revision"].as_u64().unwrap())
            .collect();
        assert_eq!(revisions, [1, 2, 3, 4, 5]);
        let mut paged = Vec::new();
        let mut from = 1;
        loop {
            let page = stage.operator(&format!("/v1/ops/events?from={from}&limit=2")).await.expect(200);
            paged.extend(page["data"].as_array().unwrap().clone());
            if page["has_more"] == false {
                break;
            }
            from = paged.last().unwrap()["position"].as_u64().unwrap() + 1;
        }
        assert_eq!(paged, *data);
        let nothing = json!({"data": [], "has_more": false});
        for from in [stage.head() + 1, stage.head() + 2, u64::MAX] {
            assert_eq!(stage.operator(&format!("/v1/ops/events?from={from}")).await.expect(200), nothing);
        }
        assert_eq!(stage.operator("/v1/ops/events?from=0").await.expect(200), all);
        let late = format!("/v1/ops/events?stream=show-{other}&from={}", stage.head());
        assert_eq!(stage.operator(&late).await.expect(200), nothing);
        for query in [
            "stream=x",
            "stream=show-x",
            "stream=",
            "from=x",
            "limit=-1",
            "nothing=1",
            "order=backwards",
            "before=x",
            "from_revision=1",
        ] {
            stage.operator(&format!("/v1/ops/events?{query}")).await.problem(400, "malformed_query");
        }
    });
}

#[test]
fn the_read_side_says_how_it_is_doing() {
    on_stage(|mut stage| async move {
        stage.show().await;
        let status = stage.operator("/v1/ops/projections").await.expect(200)["data"][0].clone();
        assert_eq!(
            (&status["state"], &status["lag_events"], &status["last_error"]),
            (&json!("live"), &json!(0), &Value::Null)
        );
        assert_eq!((&status["position"], &status["head"]), (&json!(stage.head()), &json!(stage.head())));
    });
}

#[test]
fn what_the_projection_in_memory_cannot_do_is_refused() {
    on_stage(|stage| async move {
        let act = async |path: &str, body| stage.command(&format!("/v1/ops/projections/{path}"), body).await;
        act("memory/rebuild", None).await.problem(409, "not_rebuildable");
        act("memory/pause", None).await.problem(409, "not_pausable");
        act("memory/resume", None).await.problem(409, "not_pausable");
        act("memory/skip", Some(json!({"reason": "a test"}))).await.problem(409, "nothing_to_skip");
        act("memory/skip", Some(json!({"reason": " "}))).await.problem(422, "reason_invalid");
        act("memory/skip", Some(json!({"reason": "x".repeat(501)}))).await.problem(422, "reason_invalid");
        act("memory/skip", Some(json!({}))).await.problem(400, "invalid_body");
        for action in ["rebuild", "pause", "resume"] {
            act(&format!("postgres/{action}"), None).await.problem(404, "projection_unknown");
        }
    });
}
