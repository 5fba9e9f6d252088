//! With faults: servers die, acknowledgements are lost, the network is cut, the disk is full. The stream holds the same.

use std::net::SocketAddr;
use std::time::Instant;

use ticketflow_relay::{RelayOptions, RelayState};
use ticketflow_testbed::{NatsCluster, NatsServer, TcpProxy};

use crate::world::{ACK_TIMEOUT, Look, World, eventually, installed, run, state_with};

fn proxy_to(server: &NatsServer) -> TcpProxy {
    let address: Option<SocketAddr> = server.url().strip_prefix("nats://").and_then(|text| text.parse().ok());
    TcpProxy::start(address.expect("an address")).expect("a proxy")
}

fn url(proxy: &TcpProxy) -> String {
    format!("nats://{}", proxy.address())
}

#[test]
fn an_acknowledgement_lost_at_any_message_is_settled_by_reading() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut proxy = proxy_to(&server);
        let mut world = World::new(1);
        let show = world.show();
        let relay = world.relay(&url(&proxy)).await;
        world.relayed(&relay).await;
        for lost in 1..=12 {
            let swallowed = proxy.swallowed_bytes();
            // Acknowledgements before it on the same connection may be under way, and are lost as well.
            proxy.swallow_answers_after(b"HPUB orders.", lost);
            for _ in 0..12 {
                world.sell(show, 1);
            }
            eventually("acknowledgements are lost", async || proxy.swallowed_bytes() > swallowed).await;
            proxy.resume().expect("it goes on");
            world.relayed(&relay).await;
            look.holds_what_is_told_by(&world).await;
        }
        assert_eq!(relay.status().last_error, None);
    });
}

#[test]
fn a_relay_that_ends_before_any_acknowledgement_is_taken_up_by_the_next() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut proxy = proxy_to(&server);
        let mut world = World::new(1);
        let show = world.show();
        for lost in 1..=8 {
            for _ in 0..8 {
                world.sell(show, 1);
            }
            let swallowed = proxy.swallowed_bytes();
            proxy.swallow_answers_after(b"HPUB orders.", lost);
            let relay = world.relay(&url(&proxy)).await;
            eventually("acknowledgements are lost", async || proxy.swallowed_bytes() > swallowed).await;
            relay.stop().await;
            proxy.resume().expect("it goes on");
        }
        let relay = world.relay(&server.url()).await;
        world.relayed(&relay).await;
        look.holds_what_is_told_by(&world).await;
    });
}

#[test]
fn a_server_killed_while_messages_are_on_the_way_loses_and_doubles_none() {
    let Some(mut server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut world = World::new(1);
        let show = world.show();
        let relay = world.relay(&server.url()).await;
        for round in 1..=5 {
            let before = look.count().await.unwrap_or(0);
            for _ in 0..300 {
                world.sell(show, 1);
            }
            eventually("some get through", async || {
                look.count().await.is_some_and(|count| count > before + 20 * round)
            })
            .await;
            server.process().kill();
            world.sell(show, 1);
            server.restart().expect("it comes up again");
        }
        world.relayed(&relay).await;
        look.holds_what_is_told_by(&world).await;
    });
}

#[test]
fn a_cluster_whose_leader_is_killed_loses_and_doubles_none() {
    let Some(mut cluster) = installed(NatsCluster::start()) else { return };
    run(async {
        let look = Look::into(&cluster.url()).await;
        let mut world = World::new(1);
        let show = world.show();
        let options =
            RelayOptions { replicas: 3, ack_timeout: ACK_TIMEOUT * 5, ..RelayOptions::new(cluster.url()) };
        let relay = world.relay_with(options).await;
        world.relayed(&relay).await;
        for _ in 0..2 {
            let before = look.stream().await.cached_info().state.last_sequence;
            for _ in 0..400 {
                world.sell(show, 1);
            }
            eventually("some get through", async || {
                look.count().await.is_some_and(|count| count > before + 20)
            })
            .await;
            let leader = stream_leader(&look, &cluster).await;
            cluster.nodes_mut()[leader].process().kill();
            let since = Instant::now();
            world.relayed(&relay).await;
            eprintln!("everything was in the stream {:.1} s after the kill", since.elapsed().as_secs_f64());
            cluster.nodes_mut()[leader].restart().expect("it comes back");
            cluster.wait_until_settled().expect("all three agree");
        }
        look.holds_what_is_told_by(&world).await;
    });
}

/// Which server leads the stream.
async fn stream_leader(look: &Look, cluster: &NatsCluster) -> usize {
    let stream = look.stream().await;
    assert_eq!(stream.cached_info().config.num_replicas, 3);
    let name = stream.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone());
    let name = name.expect("a leader");
    cluster.nodes().iter().position(|node| node.name() == name).expect("one of the three")
}

#[test]
fn servers_that_cannot_be_reached_are_waited_for() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut proxy = proxy_to(&server);
        proxy.cut();
        let mut world = World::new(1);
        let show = world.show();
        let relay = world.relay(&url(&proxy)).await;
        state_with(&relay, RelayState::Waiting, "").await;
        assert_eq!(relay.status().position, 0);
        for _ in 0..3 {
            world.sell(show, 1);
            proxy.resume().expect("it goes on");
            world.relayed(&relay).await;
            proxy.cut();
            // Selling goes on, and nobody notices.
            world.sell(show, 1);
        }
        proxy.resume().expect("it goes on");
        world.relayed(&relay).await;
        eventually("it is live", async || relay.status().state == RelayState::Live).await;
        look.holds_what_is_told_by(&world).await;
    });
}

#[test]
fn a_full_server_is_waited_for() {
    let Some(mut server) = installed(NatsServer::start()) else { return };
    let path = server.folder().join("server.conf");
    let roomy = std::fs::read_to_string(&path).expect("a configuration");
    let narrow = roomy.replace("sync_interval: always", "sync_interval: always\n  max_file_store: 100KB");
    assert_ne!(narrow, roomy);
    std::fs::write(&path, narrow).expect("a file");
    server.process().stop().expect("it stops");
    server.restart().expect("it comes up with little space");
    run(async {
        let look = Look::into(&server.url()).await;
        let mut world = World::new(1);
        let show = world.show();
        let relay = world.relay(&server.url()).await;
        for _ in 0..300 {
            world.sell(show, 1);
        }
        state_with(&relay, RelayState::Waiting, "resource").await;
        let fitted = look.count().await.expect("a stream");
        assert!(fitted > 0 && fitted < world.told.len() as u64, "{fitted} fitted");
        std::fs::write(&path, roomy).expect("a file");
        server.process().stop().expect("it stops");
        server.restart().expect("it comes up with more space");
        world.relayed(&relay).await;
        look.holds_what_is_told_by(&world).await;
    });
}
