//! The portal over a fake API, to look at its pages: `cargo run -p ticketflow-portal --example fake_api [ADDRESS]`.

#[path = "../tests/fake_api/mod.rs"]
#[allow(dead_code, missing_docs, clippy::unwrap_used, unreachable_pub)]
mod fake_api;

use ticketflow_portal::{ApiClient, PortalConfig, router};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8090".to_owned());
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    let api = ApiClient::in_process(fake_api::FakeApi::new().router());
    axum::serve(listener, router(PortalConfig::new(api).with_test_cards(true))).await
}
