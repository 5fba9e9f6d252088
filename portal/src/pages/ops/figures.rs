//! What the dashboard says of the projections, as words and marks: made once, here, for the page and for the live stream.
//!
//! Pure. The browser puts the words where the page has their names and decides nothing.

use crate::operator_model::{Action, Projection, ProjectionPage, Trend, Verdict};
use crate::pages::Frame;
use crate::texts::fill;
use crate::texts::operators::OperatorTexts;
use jiff::Timestamp;
use serde::Serialize;

/// Lag that is shown with one digit behind the point; longer ones need none.
const FINE_SECONDS: f64 = 10.0;

/// How alarming something is; the names are those of CSS classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    Good,
    Warn,
    Bad,
}

impl Mark {
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// All that the dashboard says.
#[derive(Debug, Serialize)]
pub(crate) struct Figures {
    /// When it was so: the clock, and as the API wrote it.
    pub(crate) clock: String,
    pub(crate) at: String,
    pub(crate) mark: Mark,
    pub(crate) title: String,
    pub(crate) next: String,
    pub(crate) since: String,
    pub(crate) projections: Vec<Card>,
}

/// What it says of one projection. The fields behind `words` are numbers for the charts.
#[derive(Debug, Serialize)]
pub(crate) struct Card {
    pub(crate) name: String,
    pub(crate) mark: Mark,
    /// For the little bar of a rebuild.
    pub(crate) rebuild_percent: Option<u64>,
    pub(crate) actions: Vec<Action>,
    pub(crate) words: Words,
    lag_seconds: f64,
    position: u64,
    head: u64,
}

/// The words of one projection.
#[derive(Debug, Serialize)]
pub(crate) struct Words {
    pub(crate) state: String,
    pub(crate) since: String,
    pub(crate) lag: String,
    pub(crate) lag_events: String,
    pub(crate) trend: &'static str,
    pub(crate) rate: String,
    pub(crate) position: String,
    pub(crate) rebuild: String,
    pub(crate) error: String,
}

/// Puts it into words.
pub(crate) fn figures(frame: &Frame<'_>, page: &ProjectionPage) -> Figures {
    let texts = frame.language.operator_texts();
    let (title, next, since) = verdict(frame, page);
    let marks = page.data.iter().map(mark);
    Figures {
        clock: clock(frame, &page.at),
        at: page.at.clone(),
        mark: if page.data.is_empty() { Mark::Warn } else { marks.max().unwrap_or(Mark::Good) },
        title,
        next: next.to_owned(),
        since,
        projections: page.data.iter().map(|projection| card(frame, texts, projection, &page.at)).collect(),
    }
}

fn mark(projection: &Projection) -> Mark {
    match projection.verdict {
        Verdict::KeepingUp => Mark::Good,
        Verdict::Halted if projection.state == "stopped" || projection.state == "unreachable" => Mark::Bad,
        Verdict::Behind if projection.trend == Trend::Growing => Mark::Bad,
        Verdict::Behind | Verdict::Halted | Verdict::Other => Mark::Warn,
    }
}

/// What an operator reads first: what is the matter, what to do, since when.
fn verdict(frame: &Frame<'_>, page: &ProjectionPage) -> (String, String, String) {
    let texts = frame.language.operator_texts();
    let troubled: Vec<&Projection> =
        page.data.iter().filter(|projection| projection.verdict != Verdict::KeepingUp).collect();
    let since = |since: Option<&String>| {
        since.map_or_else(String::new, |since| spell(frame, texts.since, since, &page.at))
    };
    match troubled[..] {
        [] if page.data.is_empty() => (texts.nothing_projected.to_owned(), String::new(), String::new()),
        [] => {
            let latest = page.data.iter().filter_map(|projection| projection.since.as_ref()).max();
            (texts.all_well.to_owned(), texts.all_well_next.to_owned(), since(latest))
        }
        [one] => {
            let title = fill(one_title(texts, one), &[("name", &one.name)]);
            (title, advice(frame, one), since(one.since.as_ref()))
        }
        _ => {
            let title = fill(texts.several, &[("n", &troubled.len().to_string())]);
            let first = troubled.iter().filter_map(|projection| projection.since.as_ref()).min();
            (title, texts.next_several.to_owned(), since(first))
        }
    }
}

fn one_title(texts: &OperatorTexts, projection: &Projection) -> &'static str {
    match projection.state.as_str() {
        "paused" => texts.one_paused,
        "stopped" => texts.one_stopped,
        "unreachable" => texts.one_unreachable,
        _ if projection.verdict == Verdict::Behind => texts.one_behind,
        _ => texts.one_halted,
    }
}

fn advice(frame: &Frame<'_>, projection: &Projection) -> String {
    let texts = frame.language.operator_texts();
    match (projection.state.as_str(), projection.trend, projection.caught_up_in_seconds) {
        ("paused", ..) => texts.next_paused.to_owned(),
        ("stopped", ..) => texts.next_stopped.to_owned(),
        ("unreachable", ..) => texts.next_unreachable.to_owned(),
        _ if projection.verdict != Verdict::Behind => texts.next_halted.to_owned(),
        (_, Trend::Shrinking, Some(seconds)) => {
            fill(texts.next_shrinking_until, &[("time", &duration(frame, seconds))])
        }
        (_, Trend::Shrinking, None) => texts.next_shrinking.to_owned(),
        (_, Trend::Growing, _) => texts.next_growing.to_owned(),
        (_, Trend::Steady, _) => texts.next_steady.to_owned(),
    }
}

fn card(frame: &Frame<'_>, texts: &'static OperatorTexts, projection: &Projection, at: &str) -> Card {
    let percent = projection.rebuild_ratio.map(|ratio| (ratio.clamp(0.0, 1.0) * 100.0).floor() as u64);
    let rebuild = match (percent, projection.eta_seconds) {
        (None, _) => String::new(),
        (Some(percent), Some(eta)) => {
            let values = [("percent", percent.to_string()), ("time", duration(frame, eta))];
            fill(texts.rebuild_done_left, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
        }
        (Some(percent), None) => fill(texts.rebuild_done, &[("percent", &percent.to_string())]),
    };
    let position = [("position", frame.count(projection.position)), ("head", frame.count(projection.head))];
    let position = position.each_ref().map(|(name, value)| (*name, value.as_str()));
    let sentence = match projection.verdict {
        Verdict::KeepingUp => texts.since_well,
        Verdict::Behind => texts.since_behind,
        Verdict::Halted | Verdict::Other => texts.since_halted,
    };
    let words = Words {
        state: state(texts, &projection.state),
        since: projection.since.as_ref().map_or_else(String::new, |since| spell(frame, sentence, since, at)),
        lag: lag(frame, projection.lag_seconds),
        lag_events: match projection.lag_events {
            1 => texts.lag_events_one.to_owned(),
            events => fill(texts.lag_events_many, &[("n", &frame.count(events))]),
        },
        trend: match projection.trend {
            Trend::Growing => texts.trend_growing,
            Trend::Steady => texts.trend_steady,
            Trend::Shrinking => texts.trend_shrinking,
        },
        rate: fill(texts.per_second, &[("n", &frame.count(projection.rate.max(0.0).round() as u64))]),
        position: fill(texts.position_of, &position),
        rebuild,
        error: projection.last_error.clone().unwrap_or_default(),
    };
    Card {
        name: projection.name.clone(),
        mark: mark(projection),
        rebuild_percent: percent,
        actions: projection.actions.iter().filter_map(|name| Action::parse(name)).collect(),
        words,
        lag_seconds: projection.lag_seconds,
        position: projection.position,
        head: projection.head,
    }
}

fn state(texts: &OperatorTexts, state: &str) -> String {
    let known = match state {
        "live" => texts.state_live,
        "catching_up" => texts.state_catching_up,
        "rebuilding" => texts.state_rebuilding,
        "paused" => texts.state_paused,
        "stopped" => texts.state_stopped,
        "unreachable" => texts.state_unreachable,
        "standby" => texts.state_standby,
        other => other,
    };
    known.to_owned()
}

/// `0,3 s` in Spanish, `0.3 s` in English; whole from ten seconds on, in larger units from two minutes on.
fn lag(frame: &Frame<'_>, seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    if seconds >= FINE_SECONDS {
        return duration(frame, seconds);
    }
    let number = frame.decimal(seconds);
    fill(frame.language.operator_texts().seconds_short, &[("n", &number)])
}

/// A time span in its largest units.
pub(crate) fn duration(frame: &Frame<'_>, seconds: f64) -> String {
    let texts = frame.language.operator_texts();
    let seconds = seconds.max(0.0).round() as u64;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    match seconds {
        0..120 => fill(texts.seconds_short, &[("n", &seconds.to_string())]),
        120..7_200 => fill(texts.minutes_short, &[("n", &minutes.to_string())]),
        7_200..172_800 => {
            fill(texts.hours_short, &[("n", &hours.to_string()), ("m", &(minutes % 60).to_string())])
        }
        _ => fill(texts.days_short, &[("n", &(hours / 24).to_string()), ("h", &(hours % 24).to_string())]),
    }
}

/// `Since 21:04:10, for 12 min.`; empty when an instant does not read back.
fn spell(frame: &Frame<'_>, sentence: &str, since: &str, now: &str) -> String {
    let (Ok(from), Ok(to)) = (since.parse::<Timestamp>(), now.parse::<Timestamp>()) else {
        return String::new();
    };
    let seconds = (to.as_millisecond() - from.as_millisecond()) as f64 / 1_000.0;
    let values = [("time", clock(frame, since)), ("duration", duration(frame, seconds))];
    fill(sentence, &values.each_ref().map(|(name, value)| (*name, value.as_str())))
}

/// The wall clock with seconds.
pub(crate) fn clock(frame: &Frame<'_>, instant: &str) -> String {
    match instant.parse::<Timestamp>() {
        Ok(instant) => instant.to_zoned(frame.time_zone.clone()).strftime("%H:%M:%S").to_string(),
        Err(_) => instant.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;
    use jiff::tz::TimeZone;

    fn projection(name: &str, state: &str, verdict: Verdict) -> Projection {
        Projection {
            name: name.into(),
            state: state.into(),
            verdict,
            since: Some("2026-11-25T21:00:00Z".into()),
            ..Projection::default()
        }
    }

    fn said(data: Vec<Projection>) -> Figures {
        let frame = Frame { language: Language::English, time_zone: &TimeZone::UTC, address: "/ops" };
        figures(&frame, &ProjectionPage { at: "2026-11-25T21:12:30Z".into(), data })
    }

    #[test]
    fn all_well_says_so_and_since_when() {
        let figures = said(vec![projection("memory", "live", Verdict::KeepingUp)]);
        assert_eq!((figures.title.as_str(), figures.mark), ("Everything keeps up", Mark::Good));
        assert_eq!(figures.since, "Since 21:00:00, for 12 min.");
        assert_eq!(figures.projections[0].words.lag, "0.0 s");
        assert_eq!(said(Vec::new()).mark, Mark::Warn, "nothing to look at is no good news");
    }

    #[test]
    fn trouble_says_what_it_is_and_what_to_press() {
        let fine = || projection("memory", "live", Verdict::KeepingUp);
        let mut behind = projection("postgres", "live", Verdict::Behind);
        behind.trend = Trend::Growing;
        let figures = said(vec![fine(), behind.clone()]);
        assert_eq!((figures.title.as_str(), figures.mark), ("postgres is behind", Mark::Bad));
        behind.trend = Trend::Shrinking;
        behind.caught_up_in_seconds = Some(40.0);
        let figures = said(vec![fine(), behind.clone()]);
        assert!(figures.next.contains("in about 40 s") && figures.mark == Mark::Warn, "{}", figures.next);
        let paused = said(vec![fine(), projection("postgres", "paused", Verdict::Halted)]);
        assert!(paused.title == "postgres is paused" && paused.next.contains("Resume"));
        let stopped = projection("postgres", "stopped", Verdict::Halted);
        assert_eq!(said(vec![stopped.clone()]).mark, Mark::Bad);
        let several = said(vec![behind, stopped, fine()]);
        assert_eq!((several.title.as_str(), several.mark), ("2 projections need a look", Mark::Bad));
        let strange = said(vec![projection("postgres", "dreaming", Verdict::Other)]);
        assert_eq!(strange.title, "postgres does not move");
        assert_eq!(strange.projections[0].words.state, "dreaming");
    }

    #[test]
    fn actions_are_offered_as_the_api_says_and_only_those_that_have_a_button() {
        let mut stopped = projection("postgres", "stopped", Verdict::Halted);
        stopped.actions = ["resume", "defragment", "skip"].map(str::to_owned).into();
        assert_eq!(said(vec![stopped]).projections[0].actions, [Action::Resume, Action::Skip]);
        let standby = said(vec![projection("relay", "standby", Verdict::KeepingUp)]);
        assert_eq!((standby.projections[0].words.state.as_str(), standby.mark), ("Standing by", Mark::Good));
    }

    #[test]
    fn a_rebuild_says_how_far_it_is() {
        let mut rebuilding = projection("postgres", "rebuilding", Verdict::KeepingUp);
        rebuilding.rebuild_ratio = Some(0.427);
        rebuilding.eta_seconds = Some(184.0);
        let card = said(vec![rebuilding.clone()]).projections.remove(0);
        assert_eq!(
            (card.rebuild_percent, card.words.rebuild.as_str()),
            (Some(42), "42 % done, about 3 min left")
        );
        rebuilding.eta_seconds = None;
        assert_eq!(said(vec![rebuilding]).projections[0].words.rebuild, "42 % done");
    }

    #[test]
    fn spans_are_said_in_their_largest_units() {
        let frame = Frame { language: Language::Spanish, time_zone: &TimeZone::UTC, address: "/ops" };
        let written = [0.0, 119.4, 120.0, 7_300.0, 200_000.0].map(|seconds| duration(&frame, seconds));
        assert_eq!(written, ["0 s", "119 s", "2 min", "2 h 1 min", "2 d 7 h"]);
        assert_eq!(lag(&frame, 0.34), "0,3 s");
        assert_eq!(lag(&frame, f64::NAN), "0,0 s");
    }
}
