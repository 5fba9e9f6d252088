//! How the projections are doing, second by second: live for who follows, and the last minutes for who comes.

use serde_json::{Value, json};

use crate::stage::{LONG, on_stage, pass_seconds};

#[test]
fn a_follower_sees_the_present_at_once_and_then_every_second() {
    on_stage(|mut stage| async move {
        stage.show().await;
        let mut following = stage.follow_projections().await;
        let first = following.next().await.expect("a moment");
        assert_eq!(first.event, "projections");
        let before = first.data["data"][0]["position"].as_u64().unwrap();
        stage.show().await;
        pass_seconds(1);
        let begun = tokio::time::Instant::now();
        let next = following.next().await.expect("a moment");
        assert!(begun.elapsed().as_millis() <= 1_000, "{:?}", begun.elapsed());
        assert_eq!(next.id - first.id, 1_000);
        let projection = &next.data["data"][0];
        assert_eq!(projection["position"], stage.head());
        assert!(projection["position"].as_u64().unwrap() > before);
        assert_eq!((&projection["name"], &projection["state"]), (&json!("memory"), &json!("live")));
        assert_eq!(
            (&projection["verdict"], &projection["trend"], &projection["caught_up_in_seconds"]),
            (&json!("keeping_up"), &json!("steady"), &Value::Null)
        );
        let status = stage.operator("/v1/ops/projections").await.expect(200)["data"][0].clone();
        for (name, value) in status.as_object().unwrap() {
            assert_eq!(&projection[name], value, "{name} is what the list says");
        }
    });
}

#[test]
fn a_follower_ends_with_the_server() {
    on_stage(|stage| async move {
        let mut following = stage.follow_projections().await;
        following.next().await.expect("a moment");
        stage.shutdown.begin();
        let end = tokio::time::timeout(LONG, following.next()).await.expect("it ends");
        assert!(end.is_none());
        stage.get("/v1/ops/projections/stream").await.problem(401, "unauthorized");
    });
}

#[test]
fn the_history_holds_a_sample_a_second_and_no_more_than_ten_minutes() {
    on_stage(|mut stage| async move {
        let begun = stage.operator("/v1/ops/projections/history").await.expect(200);
        assert_eq!(begun["history"][0]["samples"].as_array().unwrap().len(), 1);
        stage.show().await;
        let mut following = stage.follow_projections().await;
        following.next().await.expect("the present");
        for _ in 0..700 {
            pass_seconds(1);
            following.next().await.expect("a moment");
        }
        let page = stage.operator("/v1/ops/projections/history").await.expect(200);
        assert_eq!(page["data"][0]["position"], stage.head());
        assert_eq!(page["history"][0]["name"], "memory");
        let samples = page["history"][0]["samples"].as_array().unwrap();
        assert_eq!(samples.len(), 600);
        assert_eq!(samples[599]["at"], page["at"]);
        assert!(samples.iter().all(|sample| sample["position"] == stage.head()));
        let newest = stage.operator("/v1/ops/projections/history?limit=2").await.expect(200);
        assert_eq!(newest["history"][0]["samples"].as_array().unwrap()[..], samples[598..]);
        let none = stage.operator("/v1/ops/projections/history?limit=0").await.expect(200);
        assert_eq!(none["history"][0]["samples"], json!([]));
    });
}
