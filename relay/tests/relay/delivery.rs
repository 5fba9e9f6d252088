//! Without faults: what is in the log gets into the stream, and a relay that is started again goes on.

use ticketflow_relay::{CHAIN_HASH_HEADER, CONTENT_TYPE, RelayState};
use ticketflow_testbed::NatsServer;

use crate::world::{Look, World, eventually, installed, run};

#[test]
fn what_is_there_and_what_comes_is_published_in_order() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut world = World::new(1);
        let show = world.show();
        let order = world.sell(show, 3);
        let relay = world.relay(&server.url()).await;
        world.relayed(&relay).await;
        world.refund(show, &order, &[0, 2]);
        world.check_in(show, &order, 1);
        let other = world.show();
        for _ in 0..40 {
            world.sell(other, 1);
            world.hold(other, 2);
        }
        world.close(show);
        world.relayed(&relay).await;
        look.holds_what_is_told_by(&world).await;
        let status = relay.status();
        assert_eq!((status.state, status.last_error), (RelayState::Live, None));

        let messages = look.messages().await;
        let first = &messages[0];
        assert_eq!(first.headers.get("Content-Type").map(ToString::to_string).as_deref(), Some(CONTENT_TYPE));
        let hash = first.headers.get(CHAIN_HASH_HEADER).map(ToString::to_string);
        assert_eq!(hash.map(|hash| hash.len()), Some(64));
        let body: serde_json::Value = serde_json::from_slice(&messages[2].payload).expect("JSON");
        assert_eq!(body["data"]["total"]["amount"], 30_000);
        assert_eq!(body["data"]["order_id"], order.order_id.to_string());
    });
}

#[test]
fn an_empty_log_makes_an_empty_stream_and_waits() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut world = World::new(1);
        let relay = world.relay(&server.url()).await;
        eventually("it is live", async || relay.status().state == RelayState::Live).await;
        assert_eq!(look.count().await, Some(0));
        world.show();
        world.relayed(&relay).await;
        look.holds_what_is_told_by(&world).await;
    });
}

#[test]
fn a_relay_that_ends_anywhere_is_taken_up_where_the_stream_ends() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut world = World::new(1);
        let show = world.show();
        for round in 0..25u64 {
            // Behind the last message are events without one: they are read again, each time.
            world.hold(show, 1);
            for _ in 0..3 {
                world.sell(show, 1);
            }
            let relay = world.relay(&server.url()).await;
            // The round says how much of it gets through before the end.
            let enough = look.count().await.unwrap_or(0).max(1) + round % 4;
            eventually("some get through", async || {
                look.count().await.is_some_and(|count| count >= enough.min(world.told.len() as u64))
            })
            .await;
            relay.stop().await;
        }
        let relay = world.relay(&server.url()).await;
        world.relayed(&relay).await;
        look.holds_what_is_told_by(&world).await;
        drop(relay);
        // Nothing new: another one publishes nothing.
        let relay = world.relay(&server.url()).await;
        world.relayed(&relay).await;
        look.holds_what_is_told_by(&world).await;
    });
}
