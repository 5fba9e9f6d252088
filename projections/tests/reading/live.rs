//! The live map: a snapshot, then every change once, also for those who come back, come late or read slowly.

use std::time::Duration;

use data_encoding::BASE64;
use serde_json::json;

use crate::seats::unpack;
use crate::stage::{Following, Message, Stage, on_stage};

/// Batches that a follower may lag behind before it gets a snapshot.
const KEPT_BATCHES: usize = 64;
/// At most five batches a second.
const BATCH: Duration = Duration::from_millis(200);

async fn next(following: &mut Following) -> Message {
    following.next().await.expect("the stream goes on")
}

/// The statuses in a snapshot.
fn statuses(message: &Message) -> Vec<u8> {
    assert_eq!(message.event, "snapshot");
    assert_eq!(message.data["seats_total"], 44);
    unpack(
        &BASE64
            .decode(message.data["compact"].as_str().expect("as the contract says").as_bytes())
            .expect("as the contract says"),
        44,
    )
}

/// What a follower that applies every message sees.
async fn follow_until(following: &mut Following, seen: &mut [u8], stage: &Stage) {
    loop {
        let message = next(following).await;
        if message.event == "snapshot" {
            seen.copy_from_slice(&statuses(&message));
        } else {
            for seat in message.data["seats"].as_array().expect("as the contract says") {
                let names = ["available", "held", "sold", "blocked"];
                let code =
                    names.iter().position(|name| seat["status"] == *name).expect("as the contract says");
                seen[seat["index"].as_u64().expect("as the contract says") as usize] = code as u8;
            }
        }
        if message.id == stage.head() {
            return;
        }
    }
}

#[test]
fn a_follower_gets_a_snapshot_and_then_the_changes_in_batches() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        stage.hold(show, &["Platea-A-1"]).await;
        let mut following = stage.follow(show, None).await;
        let first = next(&mut following).await;
        assert_eq!((first.id, statuses(&first)[0]), (stage.head(), 1));
        stage.hold(show, &["Platea-B-12", "Platea-A-2"]).await;
        stage.sell(show, &["Platea-A-3"]).await;
        let delta = next(&mut following).await;
        assert_eq!((delta.event.as_str(), delta.id), ("delta", stage.head()));
        assert_eq!(
            delta.data["seats"],
            json!([
                {"seat": "Platea-A-2", "index": 1, "status": "held", "revision": 1},
                {"seat": "Platea-A-3", "index": 2, "status": "sold", "revision": 2},
                {"seat": "Platea-B-12", "index": 23, "status": "held", "revision": 1},
            ])
        );
        let begun = tokio::time::Instant::now();
        for seat in 5..=8 {
            stage.hold(show, &[&format!("Platea-B-{seat}")]).await;
            next(&mut following).await;
        }
        assert!(begun.elapsed() >= 3 * BATCH, "not more than five a second: {:?}", begun.elapsed());
        let other = stage.show().await;
        stage.hold(other, &["Platea-A-1"]).await;
        stage.hold(show, &["Platea-A-12"]).await;
        let delta = next(&mut following).await;
        assert_eq!(delta.data["seats"].as_array().unwrap().len(), 1, "changes of other shows are not told");
    });
}

#[test]
fn whoever_comes_back_goes_on_where_it_was() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        let mut stays = stage.follow(show, None).await;
        next(&mut stays).await;
        let mut leaves = stage.follow(show, None).await;
        next(&mut leaves).await;
        stage.hold(show, &["Platea-A-1"]).await;
        next(&mut stays).await;
        let last = next(&mut leaves).await.id;
        drop(leaves);
        for seat in ["Platea-A-2", "Platea-A-3"] {
            stage.hold(show, &[seat]).await;
            next(&mut stays).await;
        }
        let mut back = stage.follow(show, Some(last)).await;
        for seat in ["Platea-A-2", "Platea-A-3"] {
            let missed = next(&mut back).await;
            assert_eq!((missed.event.as_str(), &missed.data["seats"][0]["seat"]), ("delta", &json!(seat)));
        }
        stage.hold(show, &["Platea-A-4"]).await;
        assert_eq!(next(&mut back).await.data["seats"][0]["seat"], "Platea-A-4");
        for unknown in [0, 1, last + 1_000_000, u64::MAX] {
            let mut lost = stage.follow(show, Some(unknown)).await;
            assert_eq!(next(&mut lost).await.event, "snapshot", "{unknown}");
        }
    });
}

#[test]
fn a_change_while_nobody_followed_is_not_missed_by_whoever_comes_back_at_once() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        let mut following = stage.follow(show, None).await;
        next(&mut following).await;
        stage.hold(show, &["Platea-A-1"]).await;
        let last = next(&mut following).await.id;
        drop(following);
        stage.hold(show, &["Platea-A-2"]).await;
        let mut back = stage.follow(show, Some(last)).await;
        let mut seen = vec![0; 44];
        follow_until(&mut back, &mut seen, &stage).await;
        assert_eq!(seen[1], 1);
    });
}

#[test]
fn a_follower_that_does_not_read_gets_a_snapshot_and_holds_up_nobody() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        let mut slow = stage.follow(show, None).await;
        let mut quick = stage.follow(show, None).await;
        next(&mut slow).await;
        next(&mut quick).await;
        for round in 0..KEPT_BATCHES + 10 {
            let seat = format!("Platea-A-{}", round % 12 + 1);
            let hold = stage.hold(show, &[&seat]).await;
            next(&mut quick).await;
            stage.release(show, hold).await;
            next(&mut quick).await;
        }
        stage.sell(show, &["Platea-B-1"]).await;
        next(&mut quick).await;
        let caught_up = next(&mut slow).await;
        assert_eq!((caught_up.id, statuses(&caught_up)[12]), (stage.head(), 2));
        stage.hold(show, &["Platea-B-2"]).await;
        let delta = next(&mut slow).await;
        assert_eq!((delta.event.as_str(), delta.id), ("delta", stage.head()));
    });
}

#[test]
fn many_changes_at_once_come_as_a_snapshot() {
    on_stage(|mut stage| async move {
        let plan = json!({"zones": [{"name": "Z", "price": 1, "rows": [{"label": "A", "seats": 1_500}]}]});
        let show = stage.planned("x", crate::stage::START_MS, None, plan).await;
        let mut following = stage.follow(show, None).await;
        next(&mut following).await;
        let block = ticketflow_domain::show::ShowCommand::BlockSeats {
            seats: (1..=1_200).map(|number| format!("Z-A-{number}")).collect(),
            reason: String::new(),
        };
        stage.carry_out(show, &block).await;
        let message = next(&mut following).await;
        assert_eq!(message.event, "snapshot");
        let bytes = BASE64.decode(message.data["compact"].as_str().unwrap().as_bytes()).unwrap();
        assert_eq!(unpack(&bytes, 1_500).iter().filter(|&&status| status == 3).count(), 1_200);
    });
}

#[test]
fn every_follower_ends_up_with_the_map_whenever_it_came() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        let mut followers = Vec::new();
        for round in 0..40 {
            if round % 3 == 0 {
                let following = stage.follow(show, None).await;
                followers.push((following, vec![0; 44]));
            }
            let seat = format!("Platea-{}-{}", if round % 2 == 0 { "A" } else { "B" }, round % 12 + 1);
            let hold = stage.hold(show, &[&seat]).await;
            if round % 5 == 0 {
                tokio::time::sleep(BATCH).await;
            }
            if round % 4 != 0 {
                stage.release(show, hold).await;
            } else {
                stage
                    .carry_out(show, &ticketflow_domain::show::ShowCommand::ReleaseHold { hold_id: hold })
                    .await;
                stage.change_any(show).await;
            }
        }
        let compact = stage.get(&format!("/v1/shows/{show}/seats?format=compact")).await;
        let truth = unpack(&compact.body, 44);
        for (following, seen) in &mut followers {
            follow_until(following, seen, &stage).await;
            assert_eq!(*seen, truth);
        }
    });
}

#[test]
fn a_show_that_is_not_there_is_not_followed_and_the_end_of_the_server_ends_the_stream() {
    on_stage(|mut stage| async move {
        let unknown = stage.get("/v1/shows/01ARZ3NDEKTSV4RRFFQ69G5FAV/seats/stream").await;
        unknown.problem(404, "show_unknown");
        let show = stage.show().await;
        let mut following = stage.follow(show, None).await;
        next(&mut following).await;
        stage.shutdown.begin();
        assert!(following.next().await.is_none());
    });
}
