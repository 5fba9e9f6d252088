//! Request counters and latency histograms of one mounted route.
//!
//! Every handle is registered once, at the first request that needs it, so a request formats no label and looks up no
//! name. Series: `http_requests_total` and `http_request_seconds`, labelled `route`, `method` and `status` (`2xx`...).

use std::sync::OnceLock;
use std::time::Duration;

use http::{Method, StatusCode};
use metrics::{Counter, Histogram};

/// The label of requests that match no route.
const UNMATCHED_ROUTE: &str = "(unmatched)";
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "other"];
const STATUS_CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Default)]
pub(crate) struct RouteMetrics {
    route: OnceLock<Box<str>>,
    series: [[OnceLock<Series>; STATUS_CLASSES.len()]; METHODS.len()],
}

struct Series {
    requests: Counter,
    seconds: Histogram,
}

impl RouteMetrics {
    /// Learns the route's pattern from the first request that reaches it; it is the same for all.
    pub(crate) fn learn_route<'a>(&self, pattern: impl FnOnce() -> Option<&'a str>) {
        self.route.get_or_init(|| pattern().unwrap_or(UNMATCHED_ROUTE).into());
    }

    pub(crate) fn route(&self) -> &str {
        self.route.get().map_or(UNMATCHED_ROUTE, |route| route)
    }

    pub(crate) fn record(&self, method: MethodIndex, status: StatusCode, latency: Duration) {
        let class = usize::from(status.as_u16() / 100).clamp(1, STATUS_CLASSES.len()) - 1;
        let series = self.series[method.0][class].get_or_init(|| self.register(method, class));
        series.requests.increment(1);
        series.seconds.record(latency.as_secs_f64());
    }

    fn register(&self, method: MethodIndex, class: usize) -> Series {
        let labels = [
            ("route", self.route().to_owned()),
            ("method", METHODS[method.0].to_owned()),
            ("status", STATUS_CLASSES[class].to_owned()),
        ];
        Series {
            requests: metrics::counter!("http_requests_total", &labels),
            seconds: metrics::histogram!("http_request_seconds", &labels),
        }
    }
}

/// Which of [`METHODS`] a request has.
#[derive(Clone, Copy)]
pub(crate) struct MethodIndex(usize);

impl From<&Method> for MethodIndex {
    fn from(method: &Method) -> Self {
        let name = method.as_str();
        let last = METHODS.len() - 1;
        Self(METHODS.iter().position(|known| *known == name).unwrap_or(last))
    }
}
