//! Several relays of one log at once.

use ticketflow_relay::RelayState;
use ticketflow_testbed::NatsServer;

use crate::world::{Look, World, eventually, installed, run};

#[test]
fn two_relays_double_nothing_and_either_takes_over() {
    let Some(server) = installed(NatsServer::start()) else { return };
    run(async {
        let look = Look::into(&server.url()).await;
        let mut world = World::new(1);
        let show = world.show();
        for _ in 0..400 {
            world.sell(show, 1);
        }
        let first = world.relay(&server.url()).await;
        let second = world.relay(&server.url()).await;
        for _ in 0..200 {
            world.sell(show, 1);
        }
        world.relayed(&first).await;
        world.relayed(&second).await;
        look.holds_what_is_told_by(&world).await;
        // New work, again and again: both want it, one gets it.
        for _ in 0..20 {
            world.sell(show, 1);
            world.relayed(&first).await;
            world.relayed(&second).await;
        }
        look.holds_what_is_told_by(&world).await;
        first.stop().await;
        world.sell(show, 1);
        world.relayed(&second).await;
        eventually("the other one is live", async || second.status().state == RelayState::Live).await;
        look.holds_what_is_told_by(&world).await;
    });
}
