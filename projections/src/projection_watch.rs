//! What the projections were doing during the last minutes: a sample a second of each, and what follows from them — whether
//! it keeps up, since when, and which way its lag goes.
//!
//! Pure but for its own lock. Memory is bounded: [`KEPT_SAMPLES`] of each projection there is. Taking the samples and
//! sending them on is left to `query/projection_stream.rs`.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use ticketflow_domain::Timestamp;
use ticketflow_event_store::Position;
use utoipa::ToSchema;

use crate::{ProjectionState, ProjectionStatus};

/// Ten minutes at a sample a second: what an operator looks back on while something is going wrong.
pub(crate) const KEPT_SAMPLES: usize = 600;
/// Lag up to this is the ordinary distance between a write and its reader.
const KEEPING_UP_SECONDS: f64 = 1.0;
/// A trend is the change of the lag over so many samples.
const TREND_SAMPLES: usize = 20;
/// Samples that are averaged at both ends of the trend, against jitter.
const TREND_EDGE: usize = 3;
/// A lag that changed by fewer events did not change.
const TREND_LEAST_EVENTS: f64 = 100.0;

/// A projection at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = ProjectionSample)]
pub(crate) struct Sample {
    /// When.
    at: Timestamp,
    /// How far it was.
    #[schema(value_type = u64)]
    position: Position,
    /// How far the log was.
    #[schema(value_type = u64)]
    head: Position,
    /// The difference, in events.
    lag_events: u64,
    /// Age of what it did not have yet.
    lag_seconds: f64,
    /// Events folded per second, smoothed.
    rate: f64,
}

/// Whether a projection does its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ProjectionVerdict)]
pub(crate) enum Verdict {
    /// No more than a second behind the log, or a moment ago no more than that.
    KeepingUp,
    /// Working, and further behind for longer than a second.
    Behind,
    /// Paused, stopped, or without its database: it does not move.
    Halted,
}

/// Which way a lag goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LagTrend)]
pub(crate) enum Trend {
    /// Falling behind.
    Growing,
    /// As it was.
    Steady,
    /// Catching up.
    Shrinking,
}

/// A projection's status and what the samples say of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WatchedProjection)]
pub(crate) struct Watched {
    #[serde(flatten)]
    status: ProjectionStatus,
    /// Whether it does its work.
    verdict: Verdict,
    /// Since when the verdict is what it is, as far as this process has seen.
    since: Timestamp,
    /// Which way the lag goes.
    trend: Trend,
    /// Until a lag that shrinks is gone, at its pace of the last seconds.
    #[schema(required = true)]
    caught_up_in_seconds: Option<f64>,
}

/// The samples of one projection, the oldest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ProjectionHistory)]
pub(crate) struct History {
    name: &'static str,
    samples: Vec<Sample>,
}

/// What was seen of all projections.
#[derive(Default)]
pub(crate) struct ProjectionWatch {
    tracks: Mutex<Vec<Track>>,
}

struct Track {
    samples: VecDeque<Sample>,
    watched: Watched,
}

impl ProjectionWatch {
    /// Takes note of how all projections are doing now.
    pub(crate) fn observe(&self, at: Timestamp, statuses: Vec<ProjectionStatus>) {
        let mut tracks = self.tracks();
        tracks.retain(|track| statuses.iter().any(|status| status.name == track.watched.status.name));
        for status in statuses {
            let known = tracks.iter_mut().find(|track| track.watched.status.name == status.name);
            match known {
                Some(track) => track.observe(at, status),
                None => tracks.push(Track::new(at, status)),
            }
        }
    }

    /// How all are doing, as of the last observation.
    pub(crate) fn watched(&self) -> Vec<Watched> {
        self.tracks().iter().map(|track| track.watched.clone()).collect()
    }

    /// The newest samples of all, so many of each at most.
    pub(crate) fn histories(&self, limit: usize) -> Vec<History> {
        let history = |track: &Track| History {
            name: track.watched.status.name,
            samples: track.samples.range(track.samples.len().saturating_sub(limit)..).copied().collect(),
        };
        self.tracks().iter().map(history).collect()
    }

    fn tracks(&self) -> MutexGuard<'_, Vec<Track>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Track {
    fn new(at: Timestamp, status: ProjectionStatus) -> Self {
        let verdict = verdict(&status);
        let samples = VecDeque::from([sample(at, &status)]);
        let watched =
            Watched { status, verdict, since: at, trend: Trend::Steady, caught_up_in_seconds: None };
        Self { samples, watched }
    }

    fn observe(&mut self, at: Timestamp, status: ProjectionStatus) {
        // One late sample is a hiccup, and no reason to begin a new "since when".
        let was_late = self.samples.back().is_some_and(|sample| sample.lag_seconds > KEEPING_UP_SECONDS);
        if self.samples.len() == KEPT_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(sample(at, &status));
        let verdict = match verdict(&status) {
            Verdict::Behind if !was_late => Verdict::KeepingUp,
            verdict => verdict,
        };
        let since = if verdict == self.watched.verdict { self.watched.since } else { at };
        let change = change_per_sample(&self.samples);
        let trend = match change {
            Some((change, noise)) if change * TREND_SAMPLES as f64 > noise => Trend::Growing,
            Some((change, noise)) if -change * TREND_SAMPLES as f64 > noise => Trend::Shrinking,
            _ => Trend::Steady,
        };
        let caught_up_in_seconds = match (verdict, trend, change) {
            (Verdict::Behind, Trend::Shrinking, Some((change, _))) => {
                Some((status.lag_events as f64 / -change).round())
            }
            _ => None,
        };
        self.watched = Watched { status, verdict, since, trend, caught_up_in_seconds };
    }
}

fn sample(at: Timestamp, status: &ProjectionStatus) -> Sample {
    Sample {
        at,
        position: status.position,
        head: status.head,
        lag_events: status.lag_events,
        lag_seconds: status.lag_seconds,
        rate: status.rate,
    }
}

/// What another process keeps up is that one's matter.
fn verdict(status: &ProjectionStatus) -> Verdict {
    match status.state {
        ProjectionState::Paused | ProjectionState::Stopped | ProjectionState::Unreachable => Verdict::Halted,
        ProjectionState::Standby => Verdict::KeepingUp,
        _ if status.lag_seconds > KEEPING_UP_SECONDS => Verdict::Behind,
        _ => Verdict::KeepingUp,
    }
}

/// By how many events a second the lag changes, and the total change that is noise; nothing before there are enough samples.
/// Half of what the log takes in a second is what a healthy lag swings by.
fn change_per_sample(samples: &VecDeque<Sample>) -> Option<(f64, f64)> {
    let first = samples.len().checked_sub(TREND_SAMPLES + TREND_EDGE)?;
    let mean = |from: usize| {
        samples.range(from..from + TREND_EDGE).map(|sample| sample.lag_events as f64).sum::<f64>()
            / TREND_EDGE as f64
    };
    let (old, new) = (samples[first], samples[samples.len() - 1]);
    let log_rate = new.head.saturating_sub(old.head) as f64 / (TREND_SAMPLES + TREND_EDGE - 1) as f64;
    let change = (mean(samples.len() - TREND_EDGE) - mean(first)) / TREND_SAMPLES as f64;
    Some((change, TREND_LEAST_EVENTS.max(log_rate / 2.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(
        position: Position,
        head: Position,
        lag_seconds: f64,
        state: ProjectionState,
    ) -> ProjectionStatus {
        ProjectionStatus {
            name: "memory",
            state,
            position,
            head,
            lag_events: head - position,
            lag_seconds,
            rate: 0.0,
            rebuild_ratio: None,
            rebuild_rate: None,
            eta_seconds: None,
            last_error: None,
            actions: Vec::new(),
        }
    }

    fn second(second: u64) -> Timestamp {
        Timestamp::from_millis(i64::try_from(second).unwrap() * 1_000)
    }

    fn now(watch: &ProjectionWatch) -> Watched {
        watch.watched().remove(0)
    }

    #[test]
    fn a_verdict_says_since_when_it_holds() {
        let watch = ProjectionWatch::default();
        let live = ProjectionState::Live;
        watch.observe(second(1), vec![status(10, 10, 0.0, live)]);
        watch.observe(second(2), vec![status(10, 12, 0.9, live)]);
        assert_eq!((now(&watch).verdict, now(&watch).since), (Verdict::KeepingUp, second(1)));
        watch.observe(second(3), vec![status(10, 40, 1.1, live)]);
        assert_eq!((now(&watch).verdict, now(&watch).since), (Verdict::KeepingUp, second(1)), "a hiccup");
        watch.observe(second(4), vec![status(10, 60, 2.1, live)]);
        assert_eq!((now(&watch).verdict, now(&watch).since), (Verdict::Behind, second(4)));
        watch.observe(second(5), vec![status(10, 60, 3.1, ProjectionState::Stopped)]);
        assert_eq!((now(&watch).verdict, now(&watch).since), (Verdict::Halted, second(5)));
        watch.observe(second(6), vec![status(60, 60, 0.0, live)]);
        let standby = || vec![status(10, 60, 9.0, ProjectionState::Standby)];
        watch.observe(second(7), standby());
        watch.observe(second(8), standby());
        assert_eq!((now(&watch).verdict, now(&watch).since), (Verdict::KeepingUp, second(6)));
    }

    #[test]
    fn a_lag_grows_shrinks_and_is_said_to_be_gone_when_it_will_be() {
        let watch = ProjectionWatch::default();
        let seconds = (TREND_SAMPLES + TREND_EDGE) as u64;
        let mut lag = 50_000;
        let mut at = 0;
        let mut pass = |change: i64, lag: &mut u64| {
            for _ in 0..seconds {
                at += 1;
                *lag = lag.saturating_add_signed(change);
                watch.observe(second(at), vec![status(1, 1 + *lag, 5.0, ProjectionState::Live)]);
            }
            now(&watch)
        };
        let still = pass(0, &mut lag);
        assert_eq!((still.trend, still.caught_up_in_seconds), (Trend::Steady, None));
        let grown = pass(1_000, &mut lag);
        assert_eq!((grown.trend, grown.caught_up_in_seconds), (Trend::Growing, None));
        let shrunk = pass(-2_000, &mut lag);
        assert_eq!(shrunk.trend, Trend::Shrinking);
        assert_eq!(shrunk.caught_up_in_seconds, Some((lag as f64 / 2_000.0).round()));
        assert_eq!(pass(0, &mut lag).trend, Trend::Steady);
    }

    #[test]
    fn a_swing_within_half_a_second_of_the_log_is_no_trend() {
        let watch = ProjectionWatch::default();
        for at in 0..60 {
            let head = 1 + at * 20_000;
            let lag = (at % 7) * 900;
            watch.observe(second(at), vec![status(head - lag.min(head), head, 0.2, ProjectionState::Live)]);
            assert_eq!(now(&watch).trend, Trend::Steady, "at {at}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_goes_with_its_projection() {
        let watch = ProjectionWatch::default();
        for at in 0..KEPT_SAMPLES as u64 + 50 {
            watch.observe(second(at), vec![status(at, at, 0.0, ProjectionState::Live)]);
        }
        let history = watch.histories(KEPT_SAMPLES + 1).remove(0);
        assert_eq!(history.samples.len(), KEPT_SAMPLES);
        assert_eq!((history.samples[0].at, history.samples[0].position), (second(50), 50));
        watch.observe(second(9_999), Vec::new());
        assert!(watch.watched().is_empty() && watch.histories(1).is_empty());
    }
}
