//! A read model is the fold of the log: rebuilt, resumed or caught up twice, it is the same.

use std::sync::Arc;

use ticketflow_domain::ShowId;
use ticketflow_domain::show::{OrderPaid, ShowCommand};
use ticketflow_projections::{FeedRunner, ReadModels, restore_models, store_models};

use crate::stage::{Stage, on_stage};

/// A little of everything that a read model shows.
async fn busy(stage: &mut Stage) -> (Vec<ShowId>, Vec<OrderPaid>) {
    let shows = vec![stage.show().await, stage.show().await];
    let mut orders = Vec::new();
    for &show in &shows {
        let order = stage.sell(show, &["Platea-A-1", "Platea-A-2", "Platea-A-3"]).await;
        stage.check_in(show, &order, 0).await;
        stage.refund(show, &order, &[2]).await;
        orders.push(order);
        orders.push(stage.sell(show, &["Platea-A-3"]).await);
        stage.hold(show, &["Platea-B-1"]).await;
        let block = ShowCommand::BlockSeats { seats: vec!["Cancha-GA-7".to_owned()], reason: String::new() };
        stage.carry_out(show, &block).await;
    }
    stage.carry_out(shows[1], &ShowCommand::CloseSales).await;
    (shows, orders)
}

/// All that can be seen of a model.
fn seen(models: &ReadModels, shows: &[ShowId], orders: &[OrderPaid]) -> String {
    let mut text = format!("position {}\n", models.position());
    for show in shows {
        let map = models.show(*show).expect("the show is there");
        let (view, summary) = (map.view(), map.summary());
        text.push_str(&format!(
            "{show} {:?} {:?} {} {:?} {:?}\n",
            view.compact.as_bytes(),
            view.revisions,
            view.position,
            summary.zones,
            summary.sales
        ));
    }
    for order in orders {
        text.push_str(&format!("{:?}\n", models.order(order.order_id).expect("the order is there")));
    }
    text
}

#[test]
fn rebuilt_from_the_log_it_is_the_same_at_every_step() {
    on_stage(|mut stage| async move {
        let (shows, orders) = busy(&mut stage).await;
        let live = seen(&stage.models, &shows, &orders);
        let rebuilt = Arc::new(ReadModels::default());
        for _ in 0..2 {
            // The second time there is nothing left to do.
            FeedRunner::catch_up(stage.log.clone(), rebuilt.clone()).expect("the log folds");
            assert_eq!(seen(&rebuilt, &shows, &orders), live);
        }
    });
}

#[test]
fn stopped_anywhere_and_resumed_it_is_the_same() {
    on_stage(|mut stage| async move {
        let (shows, orders) = busy(&mut stage).await;
        let live = seen(&stage.models, &shows, &orders);
        for stop in 0..stage.head() {
            let models = Arc::new(ReadModels::default());
            let mut reader = stage.log.read_from(1).expect("readable");
            while let Some(batch) = reader.next_batch().expect("readable") {
                if batch.last_position() > stop {
                    break;
                }
                models.apply(&batch).expect("it folds");
                models.reached(batch.last_position());
            }
            FeedRunner::catch_up(stage.log.clone(), models.clone()).expect("the log folds");
            assert_eq!(seen(&models, &shows, &orders), live, "stopped after {stop}");
        }
    });
}

/// What a start gives: the newest usable snapshot and the events behind it; and how far the snapshot alone is.
fn started(stage: &Stage) -> (Arc<ReadModels>, u64) {
    let models = Arc::new(restore_models(&stage.log));
    let from = models.position();
    FeedRunner::catch_up(stage.log.clone(), models.clone()).expect("the log folds");
    (models, from)
}

#[test]
fn through_a_snapshot_it_is_the_same_and_lives_on_the_same() {
    on_stage(|mut stage| async move {
        assert_eq!(store_models(&stage.log).expect("nothing to store").position, 0);
        let (mut shows, mut orders) = busy(&mut stage).await;
        let stored = store_models(&stage.log).expect("it is stored").position;
        assert_eq!(stored, stage.head());
        assert_eq!(seen(&started(&stage).0, &shows, &orders), seen(&stage.models, &shows, &orders));

        // Events after the snapshot touch what is in it: a stored order is refunded, its ticket used.
        let (show, order) = (shows[0], orders[0].clone());
        stage.check_in(show, &order, 1).await;
        let more = busy(&mut stage).await;
        shows.extend(more.0);
        orders.extend(more.1);
        let (models, from) = started(&stage);
        assert_eq!(from, stored);
        assert_eq!(seen(&models, &shows, &orders), seen(&stage.models, &shows, &orders));

        // The next snapshot is made from the one before.
        assert_eq!(store_models(&stage.log).expect("it is stored").position, stage.head());
        let (models, from) = started(&stage);
        assert_eq!(from, stage.head());
        assert_eq!(seen(&models, &shows, &orders), seen(&stage.models, &shows, &orders));
    });
}

#[test]
fn a_snapshot_that_does_not_read_back_is_passed_over() {
    on_stage(|mut stage| async move {
        let (shows, orders) = busy(&mut stage).await;
        for wrong in [&b"short"[..], &[0xFF; 64], &[0; 4096]] {
            stage.log.write_snapshot("read-models-2", stage.log.head(), wrong).expect("bytes are bytes");
            let (models, _) = started(&stage);
            assert_eq!(seen(&models, &shows, &orders), seen(&stage.models, &shows, &orders), "{wrong:?}");
        }
    });
}
