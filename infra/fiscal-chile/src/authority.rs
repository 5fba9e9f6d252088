//! An authority to test with, in memory: it takes envelopes, gives them a number and tells later what it thinks of each document.
//!
//! Invariant: it takes a document only if everything that can be checked holds (`verdict`) and no document had its folio before.
//! What goes wrong besides follows from a seed and from what is set. It sends, stores and waits for nothing: where there is a
//! wire, whoever has it waits for [`SimulatedAuthority::next_latency`].

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::documents::DocumentType;
use crate::keys::PublicKey;
use crate::verdict::{Examined, NotAnEnvelope, Refusal, RefusedDocument, examine};

/// Submissions whose status can be asked for; older ones are forgotten. Folios are not.
const MAX_SUBMISSIONS: usize = 10_000;
/// The first number of 15 digits, and how many follow before the seed's own.
const FIRST_TRACK_ID: u64 = 100_000_000_000_000;
const TRACK_ID_SPREAD: u64 = 800_000_000_000_000;
const PER_MILLE: u64 = 1_000;

/// Under which a submission is asked for: 15 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(u64);

impl fmt::Display for TrackId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:015}", self.0)
    }
}

/// A text that is not 15 digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a track id has 15 digits")]
pub struct InvalidTrackId;

impl FromStr for TrackId {
    type Err = InvalidTrackId;

    fn from_str(text: &str) -> Result<Self, InvalidTrackId> {
        let fits = text.len() == 15 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|_| fits).map(Self).ok_or(InvalidTrackId)
    }
}

/// Why a submission got no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// Not there, or the answer was lost: the envelope may have been taken. Try again.
    #[error("the authority does not answer")]
    Unavailable,
    /// Trying again does not help.
    #[error("the authority does not take this file")]
    NotAnEnvelope(#[from] NotAnEnvelope),
}

/// Why there is no status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// Not there. Try again.
    #[error("the authority does not answer")]
    Unavailable,
    /// Not a submission of this authority, or too long ago.
    #[error("the authority knows no submission {0}")]
    Unknown(TrackId),
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubmissionStatus {
    /// Ask again later.
    Processing,
    /// Each document was looked at.
    Processed {
        /// Kinds and folios.
        accepted: Vec<(DocumentType, u64)>,
        /// With the reasons.
        refused: Vec<RefusedDocument>,
    },
    /// The envelope as a whole was not taken; no folio counts as used.
    Refused(Refusal),
}

#[derive(Debug)]
struct Submission {
    polls_left: u32,
    status: SubmissionStatus,
}

/// See the module.
#[derive(Debug)]
pub struct SimulatedAuthority {
    key: PublicKey,
    random: u64,
    next_track_id: u64,
    is_out: bool,
    answers_to_lose: u32,
    polls_until_verdict: u32,
    refusals_per_mille: u64,
    latency: (Duration, Duration),
    submissions: HashMap<TrackId, Submission>,
    order: VecDeque<TrackId>,
    /// Issuer, kind and folio of what was taken, with the digest of the document.
    folios: HashMap<(u32, DocumentType, u64), [u8; 20]>,
}

impl SimulatedAuthority {
    /// One that signs authorisations with this key. It answers at once, refuses nothing by chance and is there.
    #[must_use]
    pub fn new(key: PublicKey, seed: u64) -> Self {
        let mut authority = Self {
            key,
            random: seed,
            next_track_id: 0,
            is_out: false,
            answers_to_lose: 0,
            polls_until_verdict: 0,
            refusals_per_mille: 0,
            latency: (Duration::ZERO, Duration::ZERO),
            submissions: HashMap::new(),
            order: VecDeque::new(),
            folios: HashMap::new(),
        };
        authority.next_track_id = FIRST_TRACK_ID + authority.draw() % TRACK_ID_SPREAD;
        authority
    }

    /// Whether it answers nobody.
    pub fn set_outage(&mut self, is_out: bool) {
        self.is_out = is_out;
    }

    /// How many of the next submissions are taken without the sender hearing of it.
    pub fn lose_answers(&mut self, count: u32) {
        self.answers_to_lose = count;
    }

    /// How often a later submission is still being processed when it is asked for.
    pub fn set_polls_until_verdict(&mut self, polls: u32) {
        self.polls_until_verdict = polls;
    }

    /// How many of 1,000 documents are refused for no reason of theirs. Such a folio does not count as used.
    pub fn set_refusals_per_mille(&mut self, refusals: u16) {
        self.refusals_per_mille = u64::from(refusals);
    }

    /// Between what an answer takes.
    pub fn set_latency(&mut self, shortest: Duration, longest: Duration) {
        self.latency = (shortest, longest.max(shortest));
    }

    /// What the next answer takes: for the caller to wait.
    pub fn next_latency(&mut self) -> Duration {
        let (shortest, longest) = self.latency;
        let spread = u64::try_from((longest - shortest).as_micros()).unwrap_or(u64::MAX);
        shortest + Duration::from_micros(self.draw() % spread.saturating_add(1))
    }

    /// Takes an envelope.
    ///
    /// # Errors
    /// [`SubmitError`].
    pub fn submit(&mut self, envelope: &[u8]) -> Result<TrackId, SubmitError> {
        if self.is_out {
            return Err(SubmitError::Unavailable);
        }
        let status = match examine(envelope, &self.key)? {
            Ok(documents) => self.take(documents),
            Err(refusal) => SubmissionStatus::Refused(refusal),
        };
        let track_id = TrackId(self.next_track_id);
        self.next_track_id += 1;
        if self.order.len() == MAX_SUBMISSIONS
            && let Some(oldest) = self.order.pop_front()
        {
            self.submissions.remove(&oldest);
        }
        self.order.push_back(track_id);
        self.submissions.insert(track_id, Submission { polls_left: self.polls_until_verdict, status });
        if self.answers_to_lose > 0 {
            self.answers_to_lose -= 1;
            return Err(SubmitError::Unavailable);
        }
        Ok(track_id)
    }

    /// What became of a submission.
    ///
    /// # Errors
    /// [`StatusError`].
    pub fn status(&mut self, track_id: TrackId) -> Result<SubmissionStatus, StatusError> {
        if self.is_out {
            return Err(StatusError::Unavailable);
        }
        let submission = self.submissions.get_mut(&track_id).ok_or(StatusError::Unknown(track_id))?;
        if submission.polls_left > 0 {
            submission.polls_left -= 1;
            return Ok(SubmissionStatus::Processing);
        }
        Ok(submission.status.clone())
    }

    fn take(&mut self, documents: Vec<Examined>) -> SubmissionStatus {
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for document in documents {
            let Examined { document_type, folio, .. } = document;
            match self.take_document(document) {
                None => accepted.push((document_type, folio)),
                Some(refusal) => refused.push(RefusedDocument { document_type, folio, refusal }),
            }
        }
        SubmissionStatus::Processed { accepted, refused }
    }

    fn take_document(&mut self, document: Examined) -> Option<Refusal> {
        if document.refusal.is_some() {
            return document.refusal;
        }
        let key = (document.issuer.number(), document.document_type, document.folio);
        let by_chance = self.draw() % PER_MILLE < self.refusals_per_mille;
        match self.folios.get(&key) {
            Some(digest) if *digest == document.digest => Some(Refusal::Repeated),
            Some(_) => Some(Refusal::FolioUsed),
            None if by_chance => Some(Refusal::Simulated("refused by chance, as set".to_owned())),
            None => {
                self.folios.insert(key, document.digest);
                None
            }
        }
    }

    /// `SplitMix64`.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::RsaKey;

    fn authority() -> SimulatedAuthority {
        SimulatedAuthority::new(RsaKey::from_seed(&[9; 32], 512).unwrap().public_key(), 1)
    }

    #[test]
    fn track_ids_have_fifteen_digits() {
        let id = TrackId(authority().next_track_id);
        assert_eq!(id.to_string().len(), 15);
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "1", "12345678901234x", "1234567890123456", "+12345678901234"] {
            assert_eq!(text.parse::<TrackId>(), Err(InvalidTrackId), "{text}");
        }
    }

    #[test]
    fn who_is_out_does_not_answer_and_who_is_asked_nonsense_says_so() {
        let mut authority = authority();
        assert_eq!(authority.submit(b"<a/>"), Err(SubmitError::NotAnEnvelope(NotAnEnvelope::OtherRoot)));
        assert_eq!(authority.status(TrackId(1)), Err(StatusError::Unknown(TrackId(1))));
        authority.set_outage(true);
        assert_eq!(authority.submit(b"<a/>"), Err(SubmitError::Unavailable));
        assert_eq!(authority.status(TrackId(1)), Err(StatusError::Unavailable));
    }

    #[test]
    fn latency_stays_within_its_bounds_and_follows_from_the_seed() {
        let draw = || {
            let mut authority = authority();
            authority.set_latency(Duration::from_millis(10), Duration::from_millis(20));
            (0..100).map(|_| authority.next_latency()).collect::<Vec<_>>()
        };
        assert!(draw().iter().all(|latency| (10..=20).contains(&latency.as_millis())));
        assert_eq!(draw(), draw());
    }
}
