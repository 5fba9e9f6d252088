//! The page that Prometheus scrapes, and the thread that keeps its memory flat between scrapes.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::{InitError, process};

/// Upper bounds of histograms whose names end in [`EVENTS`]: a batch has one event when all is quiet.
const BUCKETS_EVENTS: [f64; 9] = [1.0, 5.0, 10.0, 50.0, 100.0, 500.0, 1_000.0, 10_000.0, 100_000.0];
/// The end of the name of a histogram that counts events.
const EVENTS: &str = "_events";
/// Upper bounds of every other histogram, in seconds: fine around the objectives (25 ms, 100 ms, 300 ms), coarse elsewhere.
const BUCKETS_SECONDS: [f64; 16] =
    [0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0];
/// How often samples are folded into buckets. At 50,000 requests a second, this long holds 2 MB of samples.
const FOLD_INTERVAL: Duration = Duration::from_secs(5);

type Hook = Box<dyn Fn() + Send + Sync>;

/// Renders the metrics of this process. Cheap to clone.
#[derive(Clone)]
pub struct MetricsPage {
    shared: Arc<Shared>,
}

struct Shared {
    prometheus: PrometheusHandle,
    hooks: Mutex<Vec<Hook>>,
}

impl MetricsPage {
    pub(crate) fn install() -> Result<Self, InitError> {
        let prometheus = PrometheusBuilder::new()
            .set_buckets(&BUCKETS_SECONDS)
            .and_then(|builder| {
                builder.set_buckets_for_metric(Matcher::Suffix(EVENTS.to_owned()), &BUCKETS_EVENTS)
            })
            .and_then(PrometheusBuilder::install_recorder)
            .map_err(InitError::Metrics)?;
        let page = Self { shared: Arc::new(Shared { prometheus, hooks: Mutex::default() }) };
        let shared = Arc::downgrade(&page.shared);
        thread::Builder::new()
            .name("metrics-fold".to_owned())
            .spawn(move || fold_samples(&shared))
            .map_err(InitError::Thread)?;
        Ok(page)
    }

    /// Has `hook` called before each rendering, to set gauges that are too hot to be set as they change.
    pub fn before_render(&self, hook: impl Fn() + Send + Sync + 'static) {
        let mut hooks = self.shared.hooks.lock().unwrap_or_else(PoisonError::into_inner);
        hooks.push(Box::new(hook));
    }

    /// The page, in the Prometheus text format: `text/plain; version=0.0.4`.
    #[must_use]
    pub fn render(&self) -> String {
        for hook in self.shared.hooks.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            hook();
        }
        let mut page = self.shared.prometheus.render();
        process::append_to(&mut page);
        page
    }
}

/// Ends with the process, or soon after the last [`MetricsPage`] is dropped.
fn fold_samples(shared: &Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        shared.prometheus.run_upkeep();
        drop(shared);
        thread::sleep(FOLD_INTERVAL);
    }
}
