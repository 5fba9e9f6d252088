//! Measures what the shell adds to a request: the same trivial routes, bare and wrapped, called without a socket.
//!
//! Run with `cargo bench -p ticketflow-http`. Rounds alternate between the two, and the quickest round of each counts,
//! so that a noisy machine disturbs both alike.

use std::hint::black_box;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use ticketflow_http::{Problem, Shell, ShellOptions};
use tower::ServiceExt;

const REQUESTS_PER_ROUND: u32 = 5_000;
const ROUNDS: usize = 200;

fn routes() -> Router {
    Router::new().route("/v1/shows/{show}", get(|| async { "ok" })).route(
        "/v1/conflict",
        get(|| async {
            Problem::conflict("seats_unavailable", "Seats are not available")
                .detail("Platea-A-1 is held")
                .conflicting_seats(vec!["Platea-A-1".to_owned()])
        }),
    )
}

async fn round(router: &Router, path: &'static str) -> Duration {
    let started = Instant::now();
    for _ in 0..REQUESTS_PER_ROUND {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = http::Uri::from_static(path);
        let Ok(response) = router.clone().oneshot(request).await;
        black_box(response);
    }
    started.elapsed() / REQUESTS_PER_ROUND
}

fn main() {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers starts");
    let shell = Shell::new(ShellOptions { instance: "replica-1".to_owned(), max_in_flight: 8_192 });
    let bare = routes().with_state(());
    let wrapped = shell.wrap(routes());
    for path in ["/v1/shows/01J0", "/v1/conflict"] {
        let mut best = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            for (best, router) in best.iter_mut().zip([&bare, &wrapped]) {
                *best = (*best).min(runtime.block_on(round(router, path)));
            }
        }
        println!(
            "{path}: bare {} ns, in the shell {} ns, so the shell adds {} ns a request",
            best[0].as_nanos(),
            best[1].as_nanos(),
            best[1].saturating_sub(best[0]).as_nanos()
        );
    }
}
