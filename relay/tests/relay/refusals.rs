//! What a relay does not do: publish behind others' messages, or into a stream that is not this log's or could lose something.

use async_nats::jetstream::stream::Config;
use ticketflow_relay::{RelayState, STREAM};
use ticketflow_testbed::NatsServer;

use crate::world::{Look, World, installed, run, state_with};

#[test]
fn a_stream_that_somebody_else_wrote_to_is_refused() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut world = World::new(1);
        let show = world.show();
        let relay = world.relay(&server.url()).await;
        world.relayed(&relay).await;
        let publish = look.context.publish(format!("orders.{show}.paid"), "{}".into()).await;
        publish.expect("it is sent").await.expect("it is taken");
        world.sell(show, 1);
        // While it runs, and when it starts.
        state_with(
            &relay,
            RelayState::Stopped,
            "message 3 of the stream ORDERS was not published by a relay",
        )
        .await;
        let next = world.relay(&server.url()).await;
        state_with(&next, RelayState::Stopped, "nobody else may write to orders.>").await;
        assert_eq!(look.count().await, Some(3), "nothing was added");
    });
}

#[test]
fn a_stream_of_another_log_is_refused() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut world = World::new(1);
        let show = world.show();
        world.sell(show, 1);
        let relay = world.relay(&server.url()).await;
        world.relayed(&relay).await;
        relay.stop().await;
        let count = look.count().await;

        let mut same_length = World::new(2);
        let other_show = same_length.show();
        same_length.sell(other_show, 1);
        assert_eq!(same_length.log.head().position, world.log.head().position);
        let relay = same_length.relay(&server.url()).await;
        state_with(&relay, RelayState::Stopped, "belongs to another log: at position 5").await;

        let mut shorter = World::new(1);
        shorter.show();
        let relay = shorter.relay(&server.url()).await;
        state_with(&relay, RelayState::Stopped, "is at position 5 and the log ends at 2").await;
        assert_eq!(look.count().await, count, "nothing was added");
    });
}

#[test]
fn a_stream_that_could_lose_messages_is_refused() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let subjects = vec!["orders.>".to_owned()];
        let limited = Config {
            name: STREAM.to_owned(),
            subjects: subjects.clone(),
            max_messages: 9,
            ..Config::default()
        };
        look.context.create_stream(limited).await.expect("a stream");
        let mut world = World::new(1);
        world.show();
        let relay = world.relay(&server.url()).await;
        state_with(&relay, RelayState::Stopped, "a largest number of messages").await;
        look.context.delete_stream(STREAM).await.expect("it goes");

        let another = Config { name: "OTHERS".to_owned(), subjects, ..Config::default() };
        look.context.create_stream(another).await.expect("a stream");
        let relay = world.relay(&server.url()).await;
        state_with(&relay, RelayState::Stopped, "belong to another stream").await;
    });
}

#[test]
fn a_deleted_stream_is_made_anew_from_the_log_by_the_next_start_alone() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut world = World::new(1);
        let show = world.show();
        world.sell(show, 1);
        let relay = world.relay(&server.url()).await;
        world.relayed(&relay).await;
        let before = look.messages().await;
        look.context.delete_stream(STREAM).await.expect("it goes");
        world.sell(show, 1);
        state_with(&relay, RelayState::Waiting, "is not there").await;
        assert_eq!(look.count().await, None, "it is left to an operator");
        relay.stop().await;

        let relay = world.relay(&server.url()).await;
        world.relayed(&relay).await;
        look.holds_what_is_told_by(&world).await;
        let after = look.messages().await;
        for (before, after) in before.iter().zip(&after) {
            assert_eq!((&before.payload, &before.headers), (&after.payload, &after.headers));
        }
    });
}

#[test]
fn a_removed_last_message_is_refused() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut world = World::new(1);
        world.show();
        let relay = world.relay(&server.url()).await;
        world.relayed(&relay).await;
        relay.stop().await;
        let stream = look.context.get_stream(STREAM).await.expect("a stream");
        assert!(stream.delete_message(2).await.is_err(), "the stream does not let anybody");
        assert!(stream.purge().await.is_err());
        assert_eq!(look.count().await, Some(2));
        // One that was taken from a backup without its last messages: the sequence stands, the message is gone.
        let mut config = stream.cached_info().config.clone();
        look.context.delete_stream(STREAM).await.expect("it goes");
        config.first_sequence = Some(10);
        look.context.create_stream(config).await.expect("a stream");
        let relay = world.relay(&server.url()).await;
        state_with(&relay, RelayState::Stopped, "message 9 of the stream ORDERS, its last, has been removed")
            .await;
    });
}
