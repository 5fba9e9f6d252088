//! Answers to paths and methods that nothing is mounted at.

use http::{Method, StatusCode, Uri};

use crate::Problem;
use crate::problem::bounded;

/// Longest part of an unknown path that its answer repeats.
const QUOTED_PATH_LIMIT_BYTES: usize = 200;

/// 404 for a path that no route matches.
pub async fn not_found(uri: Uri) -> Problem {
    Problem::not_found("route_not_found", "There is nothing at this path")
        .detail(format!("nothing is served at {}", bounded(uri.path(), QUOTED_PATH_LIMIT_BYTES)))
}

/// 405 for a path that exists with other methods; the router adds `Allow`.
pub async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "The path does not take this method")
        .detail(format!(
            "{} does not take {}; the Allow header lists what it takes",
            bounded(uri.path(), QUOTED_PATH_LIMIT_BYTES),
            bounded(method.as_str(), QUOTED_PATH_LIMIT_BYTES)
        ))
}
