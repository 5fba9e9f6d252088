//! More than a show can take: refused at once and told when to come back; nothing is lost and nothing is sold twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{House, hold};
use crate::troubled_disk::TroubledDisk;

/// Commands that a show lets wait.
const QUEUE: usize = 4_096;
/// Commands that may be in the hands of the show's task besides.
const BATCH: usize = 1_024;

#[test]
fn a_full_queue_refuses_at_once_and_goes_on_when_the_disk_does() {
    let disk = TroubledDisk::new(1);
    let house = House::on(Arc::new(disk.clone()));
    let service = house.open();
    let show = service.show();
    let other = service.show();
    disk.stall();
    let ask = || hold(&show, &json!({"general": {"zone": "Cancha", "quantity": 1}}));
    let waiting: Vec<_> = (0..QUEUE + 2 * BATCH).map(|_| service.leave(ask())).collect();
    let refused =
        |waiting: &[tokio::task::JoinHandle<_>]| waiting.iter().filter(|task| task.is_finished()).count();
    service.until("what is too much was refused", || refused(&waiting) > 0);
    let begun = Instant::now();
    let late = service.send(ask());
    let took = begun.elapsed();
    late.problem(429, "too_many_requests");
    assert!(late.headers.contains_key("retry-after"));
    assert!(took < Duration::from_secs(1), "{took:?}");
    // Readers do not wait for the disk, and another show's readers even less.
    assert_eq!(service.count(&show, "available"), 44);
    assert_eq!(service.count(&other, "available"), 44);
    disk.go_on();
    let answers: Vec<_> = waiting.into_iter().map(|task| service.block_on(task).expect("answered")).collect();
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!(count(201), 20, "as many as there are places");
    assert_eq!(count(201) + count(409) + count(429), answers.len());
    assert!(count(429) > 0);
    assert_eq!(service.count(&show, "held"), 20);
    service.still_sells();
}
