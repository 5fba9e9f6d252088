//! Measures the vault: customers made per second on a real disk with 256 requests in flight, the memory each takes, and
//! the time to open the file again. Usage: `creation_rate FOLDER CUSTOMERS`; prints one line per figure.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use ticketflow_key_vault::{CustomerId, KeyVault};

/// Requests waiting at once, as the target has it.
const IN_FLIGHT: usize = 256;

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells a process its size");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the size is among it");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("the size is a number")
}

fn id(number: u32) -> CustomerId {
    let mut id = [0; 16];
    id[12..].copy_from_slice(&number.to_be_bytes());
    id
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().expect("first argument: an existing folder"));
    let customers: u32 =
        arguments.next().and_then(|it| it.parse().ok()).expect("second argument: how many customers");
    let path = folder.join("creation_rate.keys");
    let vault = Arc::new(KeyVault::open_or_create(&path).expect("the folder takes a vault"));
    let (size_before, next) = (resident_kib(), Arc::new(AtomicU32::new(0)));
    let started = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (vault, next) = (Arc::clone(&vault), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= customers {
                    return;
                }
                vault.find_or_create(vault.lookup(number), || id(number)).await.expect("the disk has room");
            }
        });
    }
    workers.join_all().await;
    println!("created per second: {:.0}", f64::from(customers) / started.elapsed().as_secs_f64());
    println!(
        "bytes in memory per customer: {}",
        (resident_kib() - size_before) * 1024 / u64::from(customers)
    );
    drop(vault);
    let started = Instant::now();
    let vault = KeyVault::open(&path).expect("it was closed in good order");
    println!(
        "opened again with {} customers in {} ms",
        vault.customer_count(),
        started.elapsed().as_millis()
    );
    std::fs::remove_file(&path).expect("it is ours");
}
