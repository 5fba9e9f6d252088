//! The API's documents for operators as the portal reads them. What a newer API adds is ignored, what an older one lacks is
//! empty, and a state that nobody here knows is shown by its own name.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How the projections are doing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProjectionPage {
    pub(crate) at: String,
    pub(crate) data: Vec<Projection>,
}

/// How a projection is doing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Projection {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) position: u64,
    pub(crate) head: u64,
    pub(crate) lag_events: u64,
    pub(crate) lag_seconds: f64,
    pub(crate) rate: f64,
    pub(crate) rebuild_ratio: Option<f64>,
    pub(crate) eta_seconds: Option<f64>,
    pub(crate) last_error: Option<String>,
    pub(crate) verdict: Verdict,
    pub(crate) since: Option<String>,
    pub(crate) trend: Trend,
    pub(crate) caught_up_in_seconds: Option<f64>,
    /// What can be done with it now, by name.
    pub(crate) actions: Vec<String>,
}

/// The projection whose papers have a page of their own.
pub(crate) const BILLING: &str = "billing";

/// Whether a projection does its work, in the API's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    #[default]
    KeepingUp,
    Behind,
    Halted,
    /// One that a newer API added: worth a look.
    #[serde(other)]
    Other,
}

/// Which way a lag goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trend {
    Growing,
    Shrinking,
    #[default]
    #[serde(other)]
    Steady,
}

/// What an operator can do with a projection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    Pause,
    Resume,
    Rebuild,
    Skip,
}

impl Action {
    pub(crate) const ALL: [Self; 4] = [Self::Resume, Self::Pause, Self::Skip, Self::Rebuild];

    /// As addresses name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Rebuild => "rebuild",
            Self::Skip => "skip",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

/// Which page of the log.
#[derive(Debug, Default)]
pub(crate) struct EventQuery {
    pub(crate) stream: Option<String>,
    pub(crate) from: Option<u64>,
    pub(crate) before: Option<u64>,
    pub(crate) from_revision: Option<u64>,
    pub(crate) newest_first: bool,
    pub(crate) limit: usize,
}

impl EventQuery {
    pub(crate) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = vec![("limit", self.limit.to_string())];
        if self.newest_first {
            pairs.push(("order", "newest_first".to_owned()));
        }
        if let Some(stream) = &self.stream {
            pairs.push(("stream", stream.clone()));
        }
        let numbers = [("from", self.from), ("before", self.before), ("from_revision", self.from_revision)];
        pairs.extend(numbers.into_iter().filter_map(|(name, number)| Some((name, number?.to_string()))));
        pairs
    }
}

/// A page of the log.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EventPage {
    pub(crate) data: Vec<Event>,
    pub(crate) has_more: bool,
}

/// A stored event.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    pub(crate) position: u64,
    pub(crate) stream: String,
    pub(crate) revision: u64,
    pub(crate) recorded_at: String,
    pub(crate) batch_id: String,
    pub(crate) chain_hash: String,
    #[serde(default)]
    pub(crate) previous_chain_hash: Option<String>,
    #[serde(default)]
    pub(crate) chain_holds: Option<bool>,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) data: Value,
}

impl Event {
    /// The show whose stream it is in.
    pub(crate) fn show(&self) -> Option<&str> {
        self.stream.strip_prefix("show-")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_new_is_taken_gently() {
        let old = r#"{"name": "memory", "state": "live", "position": 3}"#;
        let read: Projection = serde_json::from_str(old).unwrap();
        assert_eq!((read.position, read.verdict, read.trend), (3, Verdict::KeepingUp, Trend::Steady));
        let new =
            r#"{"name": "x", "state": "dreaming", "verdict": "asleep", "trend": "spiral", "shards": 4}"#;
        let read: Projection = serde_json::from_str(new).unwrap();
        assert_eq!(
            (read.state.as_str(), read.verdict, read.trend),
            ("dreaming", Verdict::Other, Trend::Steady)
        );
    }
}
