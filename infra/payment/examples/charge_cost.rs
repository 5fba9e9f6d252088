//! Measures the simulated gateway: time and memory per charge (authorise and capture) in this process, with or without a
//! file, and the time to read the file again. Usage: `charge_cost CHARGES [FOLDER]`; prints one line per figure.

use std::path::PathBuf;
use std::time::Instant;

use ticketflow_payment::{AuthorizeRequest, PaymentGateway, SimulatedGateway};

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells a process its size");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("the size is among it");
    line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("the size is a number")
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let charges: u64 =
        arguments.next().and_then(|it| it.parse().ok()).expect("first argument: how many charges");
    let path = arguments.next().map(|folder| PathBuf::from(folder).join("charge_cost.jsonl"));
    let gateway = match &path {
        Some(path) => SimulatedGateway::open(path).expect("the folder takes a file"),
        None => SimulatedGateway::in_memory(),
    };
    let size_before = resident_kib();
    let started = Instant::now();
    for number in 0..charges {
        let key = ulid::Ulid::from_parts(number, u128::from(number)).to_string();
        let token = "tok_visa".to_owned();
        let request = AuthorizeRequest { key: key.clone(), amount_minor: 25_000, currency: *b"CLP", token };
        gateway.authorize(request).await.expect("no fault is set");
        gateway.capture(&key).await.expect("no fault is set");
    }
    println!("microseconds per charge: {:.2}", started.elapsed().as_secs_f64() * 1e6 / charges as f64);
    println!("bytes in memory per charge: {}", (resident_kib() - size_before) * 1024 / charges);
    drop(gateway);
    if let Some(path) = path {
        let bytes = std::fs::metadata(&path).expect("it was just written").len();
        let started = Instant::now();
        drop(SimulatedGateway::open(&path).expect("it was just written"));
        println!("read again in {} ms, {} bytes per charge", started.elapsed().as_millis(), bytes / charges);
        std::fs::remove_file(&path).expect("it is ours");
    }
}
