//! The log subscriber: lines for people on a terminal, one JSON object a line elsewhere.

use std::io::{IsTerminal, stderr};

use tracing::Subscriber;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::InitError;

/// The shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// [`LogFormat::Human`] when standard error is a terminal, [`LogFormat::Json`] otherwise.
    Auto,
    /// Lines for people, coloured on a terminal.
    Human,
    /// One JSON object a line, its fields at the top level.
    Json,
}

pub(crate) fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    writer: W,
) -> Result<Box<dyn Subscriber + Send + Sync>, InitError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|source| InitError::Filter { filter: filter.to_owned(), source })?;
    let is_terminal = stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    Ok(match format {
        LogFormat::Json => Box::new(lines.json().flatten_event(true).finish()),
        LogFormat::Auto if !is_terminal => Box::new(lines.json().flatten_event(true).finish()),
        LogFormat::Auto | LogFormat::Human => Box::new(lines.with_ansi(is_terminal).finish()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no writer panics").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, filter: &str) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = subscriber(format, filter, move || writer.clone()).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(position = 7, "recovered");
            tracing::debug!("a detail");
        });
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn json_lines_carry_their_fields_at_the_top() {
        let lines = logged(LogFormat::Json, "info");
        assert_eq!(lines.lines().count(), 1, "{lines}");
        assert!(lines.starts_with('{') && lines.ends_with("}\n"), "{lines}");
        for part in [r#""level":"INFO""#, r#""message":"recovered""#, r#""position":7"#] {
            assert!(lines.contains(part), "{part} in {lines}");
        }
    }

    #[test]
    fn human_lines_are_filtered_alike() {
        let lines = logged(LogFormat::Human, "warn,ticketflow_telemetry=debug");
        assert_eq!(lines.lines().count(), 2, "{lines}");
        assert!(lines.contains("recovered") && lines.contains("position"), "{lines}");
        assert_eq!(logged(LogFormat::Human, "warn"), "");
    }

    #[test]
    fn a_wrong_filter_is_named() {
        let error = subscriber(LogFormat::Json, "ticketflow=loud", stderr).err().unwrap();
        assert!(error.to_string().contains("`ticketflow=loud`"), "{error}");
    }
}
