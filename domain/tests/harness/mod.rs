//! Given/when/then sentences about one show, at times counted from a fixed moment.
//!
//! Given commands that are accepted, when a command at a time, then exactly these events or this rejection. `then`
//! folds what was decided and goes on, so that one test may tell a whole story. A rejection has to change nothing.

pub(crate) mod facts;
pub(crate) mod wishes;

use ticketflow_domain::plan::PlanSpec;
use ticketflow_domain::show::{Context, Rejection, ShowCommand, ShowEvent, ShowState, decide};
use ticketflow_domain::{Currency, Plan, Timestamp};

/// The moment from which tests count, in milliseconds since 1970.
pub(crate) const START_MS: i64 = 1_800_000_000_000;

/// That many seconds after the start.
pub(crate) fn second(seconds: i64) -> Timestamp {
    milli(seconds * 1_000)
}

/// That many milliseconds after the start.
pub(crate) fn milli(millis: i64) -> Timestamp {
    Timestamp::from_millis(START_MS + millis)
}

/// A checked plan from its file's text.
pub(crate) fn plan(json: serde_json::Value) -> Plan {
    let spec: PlanSpec = serde_json::from_value(json).expect("of the plan format");
    spec.check(Currency::CLP).expect("a sound plan")
}

/// Two rows of twelve, a box of three with its own labels, fifteen standing places: seats 0-11, 12-23, 24-26, 27-41.
pub(crate) fn small_theatre() -> Plan {
    plan(serde_json::json!({"zones": [
        {"name": "Platea", "price": 20_000, "rows": [{"label": "A", "seats": 12}, {"label": "B", "seats": 12}]},
        {"name": "Palco", "price": 50_000, "rows": [{"label": "1", "seats": ["1", "2", "2b"]}]},
        {"name": "Cancha", "price": 9_000, "capacity": 15},
    ]}))
}

/// A show in the middle of its story.
#[derive(Debug, Clone, Default)]
pub(crate) struct Story {
    pub(crate) state: ShowState,
    now: Option<Timestamp>,
}

/// What a command came to.
#[must_use]
pub(crate) struct Outcome {
    story: Story,
    command: ShowCommand,
    decided: Result<Vec<ShowEvent>, Rejection>,
}

impl Story {
    /// Before the show exists.
    pub(crate) fn blank() -> Self {
        Self::default()
    }

    /// The small theatre, just created and not on sale.
    pub(crate) fn created() -> Self {
        Self::blank().given(wishes::create_show())
    }

    /// The small theatre on sale.
    pub(crate) fn on_sale() -> Self {
        Self::created().given(ShowCommand::OpenSales)
    }

    /// The small theatre on sale with at most so many seats for a customer.
    pub(crate) fn on_sale_with_limit(limit: u32) -> Self {
        Self::blank().given(wishes::create_show_with_limit(limit)).given(ShowCommand::OpenSales)
    }

    fn now(&self) -> Timestamp {
        self.now.unwrap_or(second(0))
    }

    /// What follows happens then.
    pub(crate) fn at(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// A command that is accepted with at least one event.
    #[track_caller]
    pub(crate) fn given(self, command: ShowCommand) -> Self {
        let outcome = self.when(command);
        let events = outcome.decided.as_ref().unwrap_or_else(|why| panic!("{:?}: {why}", outcome.command));
        assert!(!events.is_empty(), "{:?} was given, but changes nothing", outcome.command);
        let events = events.clone();
        outcome.then(&events)
    }

    /// Decides a command now.
    pub(crate) fn when(self, command: ShowCommand) -> Outcome {
        let decided = decide(&self.state, &command, &Context { now: self.now() });
        Outcome { story: self, command, decided }
    }
}

impl Outcome {
    /// Exactly these events.
    #[track_caller]
    pub(crate) fn then(mut self, events: &[ShowEvent]) -> Story {
        assert_eq!(self.decided.as_deref(), Ok(events), "{:?}", self.command);
        for event in events {
            self.story.state.evolve(event);
        }
        self.story
    }

    /// Accepted, and no fact of it: it was carried out before.
    #[track_caller]
    pub(crate) fn then_nothing(self) -> Story {
        self.then(&[])
    }

    /// Exactly this rejection, and the state is what it was.
    #[track_caller]
    pub(crate) fn then_rejected(self, why: Rejection) -> Story {
        assert_eq!(self.decided, Err(why), "{:?}", self.command);
        self.story
    }

    /// Rejected as invalid with a text that says so.
    #[track_caller]
    pub(crate) fn then_invalid(self, part: &str) -> Story {
        match &self.decided {
            Err(Rejection::InvalidShow(text)) if text.contains(part) => self.story,
            other => panic!("{:?}: {other:?} instead of a refusal with '{part}'", self.command),
        }
    }
}
