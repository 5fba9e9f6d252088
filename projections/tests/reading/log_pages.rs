//! The log browser's pages: newest first, between positions, of one stream, and the hash chain under every event.

use serde_json::{Value, json};
use ticketflow_domain::ShowId;

use crate::stage::{Stage, on_stage};

async fn page(stage: &Stage, query: &str) -> (Vec<Value>, bool) {
    let page = stage.operator(&format!("/v1/ops/events?{query}")).await.expect(200);
    (page["data"].as_array().expect("a list").clone(), page["has_more"] == true)
}

/// All that a query gives, newest first, in pages of three.
async fn pages(stage: &Stage, query: &str) -> Vec<Value> {
    let (mut all, mut before) = (Vec::new(), u64::MAX);
    loop {
        let query = format!("{query}&order=newest_first&limit=3&before={before}");
        let (data, has_more) = page(stage, &query).await;
        assert!(data.len() == 3 || !has_more, "{query}");
        all.extend(data);
        if !has_more {
            return all;
        }
        before =
            all.last().and_then(|event| event["position"].as_u64()).expect("a page that is not the last");
    }
}

/// Two shows whose events lie between each other.
async fn two_shows(stage: &mut Stage) -> (ShowId, ShowId) {
    let (show, other) = (stage.show().await, stage.show().await);
    stage.sell(show, &["Platea-A-1", "Platea-A-2"]).await;
    stage.hold(other, &["Platea-B-1"]).await;
    let order = stage.sell(show, &["Platea-A-3"]).await;
    stage.sell(other, &["Platea-B-2"]).await;
    stage.refund(show, &order, &[0]).await;
    (show, other)
}

#[test]
fn the_newest_come_first_and_every_page_goes_on_where_the_last_one_ended() {
    on_stage(|mut stage| async move {
        let (show, other) = two_shows(&mut stage).await;
        for stream in [String::new(), format!("stream=show-{show}"), format!("stream=show-{other}")] {
            let (mut oldest_first, _) = page(&stage, &format!("{stream}&limit=1000")).await;
            assert!(oldest_first.len() > 4);
            oldest_first.reverse();
            assert_eq!(pages(&stage, &stream).await, oldest_first, "{stream}");
        }
        let nothing: (Vec<Value>, bool) = (Vec::new(), false);
        for query in ["before=0", "before=1", "before=5&from=5"] {
            assert_eq!(page(&stage, query).await, nothing, "{query}");
            assert_eq!(page(&stage, &format!("{query}&order=newest_first")).await, nothing, "{query}");
        }
    });
}

#[test]
fn a_position_of_another_stream_bounds_a_stream_as_well() {
    on_stage(|mut stage| async move {
        let (show, _) = two_shows(&mut stage).await;
        let (all, _) = page(&stage, &format!("stream=show-{show}")).await;
        for before in 1..=stage.head() + 2 {
            let expected: Vec<&Value> =
                all.iter().filter(|event| event["position"].as_u64().unwrap() < before).collect();
            let query = format!("stream=show-{show}&before={before}");
            assert_eq!(page(&stage, &query).await.0.iter().collect::<Vec<_>>(), expected, "{query}");
            let (newest, has_more) = page(&stage, &format!("{query}&order=newest_first&limit=1")).await;
            assert_eq!(newest.first(), expected.last().copied(), "{query}");
            assert_eq!(has_more, expected.len() > 1, "{query}");
        }
    });
}

#[test]
fn an_event_is_found_by_its_revision() {
    on_stage(|mut stage| async move {
        let (show, other) = two_shows(&mut stage).await;
        for stream in [show, other].map(|show| format!("stream=show-{show}")) {
            let (all, _) = page(&stage, &stream).await;
            for (index, event) in all.iter().enumerate() {
                let revision = index + 1;
                let (found, has_more) =
                    page(&stage, &format!("{stream}&from_revision={revision}&limit=1")).await;
                assert_eq!((found, has_more), (vec![event.clone()], revision < all.len()));
                let since = format!("{stream}&from_revision={revision}&order=newest_first");
                assert_eq!(page(&stage, &since).await.0.len(), all.len() - index);
            }
            let past = page(&stage, &format!("{stream}&from_revision={}", all.len() + 1)).await;
            assert_eq!(past, (Vec::new(), false));
        }
    });
}

#[test]
fn every_event_names_the_link_before_its_batch_and_the_chain_is_computed_anew() {
    on_stage(|mut stage| async move {
        let (show, _) = two_shows(&mut stage).await;
        let (all, _) = page(&stage, "").await;
        let mut link = json!("0".repeat(64));
        let mut batch = Value::Null;
        for event in &all {
            if event["batch_id"] != batch {
                assert_eq!(event["previous_chain_hash"], link, "{event}");
                batch = event["batch_id"].clone();
            }
            assert_eq!(event["chain_holds"], true);
            link = event["chain_hash"].clone();
        }
        let (of_stream, _) = page(&stage, &format!("stream=show-{show}&order=newest_first")).await;
        for event in of_stream {
            assert!(all.contains(&event), "the links are the log's, whatever is left out: {event}");
        }
    });
}
