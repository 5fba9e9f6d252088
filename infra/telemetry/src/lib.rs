//! Logs and metrics of every role: one [`init`], one log format per surrounding, one page of metrics.
//!
//! **No personal data, ever.** Logs, metric labels and trace fields carry ids, codes, positions, counts and times. They
//! never carry a name, a RUT, an e-mail address, a payment or hold token, an `Authorization` header, a request body or
//! a query string. A log outlives the erasure of a person, so what identifies one must not get in. Panic messages that
//! are put together at run time may quote such data and are withheld; literal ones are logged.
//!
//! Invariant: the memory of metrics does not grow with traffic; samples are folded into buckets every few seconds.
//! It names no series of other crates: they record through the `metrics` and `tracing` facades.

mod logging;
mod metrics_page;
mod panic_log;
mod process;

pub use logging::LogFormat;
pub use metrics_page::MetricsPage;

/// The environment variable that filters logs, such as `info,ticketflow_http=debug`.
pub const LOG_VARIABLE: &str = "TICKETFLOW_LOG";

/// How telemetry is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// The shape of log lines.
    pub log_format: LogFormat,
    /// What is logged unless [`LOG_VARIABLE`] says otherwise, in the same syntax.
    pub default_filter: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { log_format: LogFormat::Auto, default_filter: "info".to_owned() }
    }
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// The filter is not one; the text names the part that is wrong.
    #[error("the log filter `{filter}` cannot be read (see {LOG_VARIABLE})")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// Another logger is installed in this process.
    #[error("this process already has a logger")]
    Logger(#[source] tracing::subscriber::SetGlobalDefaultError),
    /// Another metrics recorder is installed in this process, or the buckets are refused.
    #[error("cannot collect metrics")]
    Metrics(#[source] metrics_exporter_prometheus::BuildError),
    /// The thread that folds samples did not start.
    #[error("cannot start the metrics thread")]
    Thread(#[source] std::io::Error),
}

/// An error with everything that caused it, in one line: for logs, and for whoever is told why something waits.
#[must_use]
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Sets up logs on standard error, metrics and the logging of panics, once per process, before anything records.
///
/// # Errors
/// When the filter cannot be read, or when the process has a logger or a recorder already.
pub fn init(options: &Options) -> Result<MetricsPage, InitError> {
    let filter = std::env::var(LOG_VARIABLE).unwrap_or_else(|_| options.default_filter.clone());
    let subscriber = logging::subscriber(options.log_format, &filter, std::io::stderr)?;
    tracing::subscriber::set_global_default(subscriber).map_err(InitError::Logger)?;
    panic_log::install();
    MetricsPage::install()
}
