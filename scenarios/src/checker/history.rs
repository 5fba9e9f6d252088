//! The journal as operations: what was asked, each attempt, and what it came to.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::journal::{Action, Facts, Record};

/// The journal contradicts itself; nothing can be concluded from it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HistoryError {
    /// An answer without its request.
    #[error("journal line {line}: an answer to operation {op}, which has no open attempt")]
    AnswerWithoutRequest {
        /// Where.
        line: usize,
        /// Which operation.
        op: u64,
    },
    /// An operation changed between attempts.
    #[error("journal line {line}: operation {op} asks for something else than before")]
    ChangedAction {
        /// Where.
        line: usize,
        /// Which operation.
        op: u64,
    },
}

/// A point of the journal: its line, which is the order of events, and the wall clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) line: usize,
    pub(crate) at_ms: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Ok { status: u16, replayed: bool, facts: Facts },
    Fail { status: u16, code: String, facts: Facts },
    Unknown { reason: String },
}

#[derive(Clone, Debug)]
pub(crate) struct Try {
    pub(crate) invoked: Moment,
    pub(crate) answer: Option<(Moment, Answer)>,
}

/// What an operation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Refused,
    Open,
}

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) op: u64,
    pub(crate) client: u32,
    pub(crate) action: Action,
    pub(crate) key: String,
    pub(crate) tries: Vec<Try>,
}

impl Operation {
    /// When it was first asked.
    pub(crate) fn invoked(&self) -> Moment {
        self.tries.first().map(|first| first.invoked).unwrap_or_default()
    }

    /// The first success.
    pub(crate) fn first_ok(&self) -> Option<(Moment, u16, &Facts)> {
        self.answers().find_map(|(moment, answer)| match answer {
            Answer::Ok { status, facts, .. } => Some((moment, *status, facts)),
            _ => None,
        })
    }

    /// Every answer in journal order; a missing last one is no answer.
    pub(crate) fn answers(&self) -> impl Iterator<Item = (Moment, &Answer)> {
        self.tries
            .iter()
            .filter_map(|attempt| attempt.answer.as_ref().map(|(moment, answer)| (*moment, answer)))
    }

    /// The refusal that settled it: status, code and what it says.
    pub(crate) fn refusal(&self) -> Option<(Moment, u16, &str, &Facts)> {
        match self.tries.last()?.answer.as_ref()? {
            (moment, Answer::Fail { status, code, facts }) => Some((*moment, *status, code, facts)),
            _ => None,
        }
    }

    /// Whether its only attempt was refused: no earlier attempt can have taken effect.
    pub(crate) fn refused_at_once(&self) -> bool {
        self.tries.len() == 1 && self.refusal().is_some()
    }

    /// Done as soon as one answer says so; refused when the last answer says so. A repeated release finds nothing to
    /// release whether or not the first one worked, so its refusal settles nothing; a scan refused because of its own
    /// gate has been done.
    pub(crate) fn outcome(&self) -> Outcome {
        if self.first_ok().is_some() {
            return Outcome::Done;
        }
        let Some((_, _, _, facts)) = self.refusal() else { return Outcome::Open };
        match &self.action {
            Action::Release { .. } if self.tries.len() > 1 => Outcome::Open,
            Action::CheckIn { gate, .. } if facts.used_at_gate.as_ref() == Some(gate) => Outcome::Done,
            _ => Outcome::Refused,
        }
    }

    /// The operation and its settling answer, for messages.
    pub(crate) fn describe(&self) -> String {
        let name = self.action.name();
        let came_to = match (self.first_ok(), self.refusal()) {
            (Some((moment, status, _)), _) => format!("acknowledged with {status} (line {})", moment.line),
            (None, Some((moment, status, code, _))) => {
                format!("refused with {status} {code} (line {})", moment.line)
            }
            (None, None) => match self.answers().last() {
                Some((moment, Answer::Unknown { reason })) => {
                    format!("left open: {reason} (line {})", moment.line)
                }
                _ => "never answered".to_owned(),
            },
        };
        format!("{name} op {} of client {} (line {}), {came_to}", self.op, self.client, self.invoked().line)
    }
}

/// A show as it was made.
#[derive(Clone, Debug)]
pub(crate) struct MadeShow {
    pub(crate) seats: Vec<String>,
    pub(crate) price: i64,
}

/// The whole journal.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub(crate) seed: Option<u64>,
    pub(crate) shows: BTreeMap<String, MadeShow>,
    pub(crate) operations: BTreeMap<u64, Operation>,
    pub(crate) restarts: u32,
}

impl History {
    /// Puts records in order.
    ///
    /// # Errors
    /// [`HistoryError`] when they contradict each other.
    pub fn of(records: &[Record]) -> Result<Self, HistoryError> {
        let mut history = Self::default();
        for (index, record) in records.iter().enumerate() {
            history.add(index + 1, record)?;
        }
        Ok(history)
    }

    fn add(&mut self, line: usize, record: &Record) -> Result<(), HistoryError> {
        match record.clone() {
            Record::Run { seed } => self.seed = Some(seed),
            Record::Show { show, seats, price } => {
                self.shows.insert(show, MadeShow { seats, price });
            }
            Record::Restart { .. } => self.restarts += 1,
            Record::Invoke { op, client, at_ms, key, action, .. } => {
                let fresh =
                    Operation { op, client, action: action.clone(), key: key.clone(), tries: Vec::new() };
                let operation = self.operations.entry(op).or_insert(fresh);
                if operation.action != action || operation.key != key {
                    return Err(HistoryError::ChangedAction { line, op });
                }
                operation.tries.push(Try { invoked: Moment { line, at_ms }, answer: None });
            }
            Record::Ok { op, at_ms, status, replayed, facts, .. } => {
                self.answer(line, at_ms, op, Answer::Ok { status, replayed, facts })?;
            }
            Record::Fail { op, at_ms, status, code, facts, .. } => {
                self.answer(line, at_ms, op, Answer::Fail { status, code, facts })?;
            }
            Record::Unknown { op, at_ms, reason, .. } => {
                self.answer(line, at_ms, op, Answer::Unknown { reason })?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, line: usize, at_ms: u64, op: u64, answer: Answer) -> Result<(), HistoryError> {
        let attempt = self.operations.get_mut(&op).and_then(|operation| operation.tries.last_mut());
        match attempt {
            Some(attempt) if attempt.answer.is_none() => {
                attempt.answer = Some((Moment { line, at_ms }, answer));
                Ok(())
            }
            _ => Err(HistoryError::AnswerWithoutRequest { line, op }),
        }
    }
}
