//! The simulated gateway's books: a state machine of charges and refunds by key, without clock or network.
//!
//! Invariant: a charge moves only from nothing to authorised, declined or voided, from authorised to captured or
//! voided, and refunds never exceed what was captured. A step is journalled before it is taken, and taken before it is
//! answered. Every step repeated gives the first answer. Faults, delays and lost answers are made by the adapters.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::gateway::{Authorization, AuthorizeRequest, Capture, ChargeStatus, GatewayError, Refund, Void};
use crate::journal::{Journal, JournalError, Line, Operation};
use crate::key_table::KeyTable;

/// Longest key, in characters.
const MAX_KEY_CHARACTERS: usize = 128;
/// Longest token, in bytes.
const MAX_TOKEN_BYTES: usize = 256;
/// The currency of a charge that was voided before it was seen.
const NO_CURRENCY: [u8; 3] = *b"XXX";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Authorized,
    Captured,
    Voided,
    Declined,
}

struct Charge {
    amount_minor: i64,
    refunded_minor: i64,
    currency: [u8; 3],
    stage: Stage,
}

impl Charge {
    fn status(&self) -> ChargeStatus {
        match self.stage {
            Stage::Authorized => ChargeStatus::Authorized,
            Stage::Captured if self.refunded_minor > 0 => {
                ChargeStatus::Refunded { amount_minor: self.refunded_minor }
            }
            Stage::Captured => ChargeStatus::Captured,
            Stage::Voided => ChargeStatus::Voided,
            Stage::Declined => ChargeStatus::Declined,
        }
    }
}

struct Repayment {
    charge: u32,
    amount_minor: i64,
}

/// One charge as listed for reconciliation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCharge {
    /// The caller's key.
    pub key: String,
    /// Where the charge stands.
    pub status: ChargeStatus,
    /// Amount in minor units; 0 where a key was voided before it was seen.
    pub amount_minor: i64,
    /// ISO 4217 code; `XXX` where a key was voided before it was seen.
    pub currency: [u8; 3],
}

/// A page of the list of charges, in the order in which the keys were first seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChargePage {
    /// The charges.
    pub charges: Vec<ListedCharge>,
    /// Whether there are more after the last one.
    pub has_more: bool,
}

/// The books behind one lock. The journal's write happens under it: the order of lines is the order of steps.
pub(crate) struct Simulator {
    books: Mutex<Books>,
}

struct Books {
    charges: KeyTable<Charge>,
    repayments: KeyTable<Repayment>,
    journal: Option<Journal>,
}

impl Simulator {
    pub(crate) fn in_memory() -> Self {
        Self { books: Mutex::new(Books::empty()) }
    }

    pub(crate) fn open(path: &Path) -> Result<Self, JournalError> {
        let mut books = Books::empty();
        books.journal = Some(Journal::open(path, |line| books.replay(&line))?);
        Ok(Self { books: Mutex::new(books) })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // A panic cannot leave a step half taken: the steps are single assignments.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the gateway has an answer for this key already.
    pub(crate) fn knows(&self, key: &str) -> bool {
        self.books().charges.find(key).is_some()
    }

    /// Makes or declines the charge, or repeats the first answer.
    pub(crate) fn authorize(
        &self,
        request: &AuthorizeRequest,
        decline: bool,
    ) -> Result<Authorization, GatewayError> {
        validate(request)?;
        let mut books = self.books();
        if let Some(number) = books.charges.find(&request.key) {
            return repeated_authorization(request, books.charges.value(number));
        }
        let (operation, stage) = match decline {
            true => (Operation::Declined, Stage::Declined),
            false => (Operation::Authorized, Stage::Authorized),
        };
        books.record(&Line {
            operation,
            key: Cow::Borrowed(&request.key),
            order: None,
            amount_minor: Some(request.amount_minor),
            currency: Some(String::from_utf8_lossy(&request.currency)),
        })?;
        let charge = Charge {
            amount_minor: request.amount_minor,
            refunded_minor: 0,
            currency: request.currency,
            stage,
        };
        books.charges.insert(&request.key, charge);
        Ok(authorization(&request.key, stage))
    }

    /// Takes the money of an authorised charge.
    pub(crate) fn capture(&self, key: &str) -> Result<Capture, GatewayError> {
        validate_key(key)?;
        let mut books = self.books();
        let Some(number) = books.charges.find(key) else {
            return Ok(Capture::Refused { status: ChargeStatus::NotFound });
        };
        match books.charges.value(number).stage {
            Stage::Captured => Ok(Capture::Captured),
            Stage::Voided | Stage::Declined => {
                Ok(Capture::Refused { status: books.charges.value(number).status() })
            }
            Stage::Authorized => {
                books.record(&key_line(Operation::Captured, key))?;
                books.charges.value_mut(number).stage = Stage::Captured;
                Ok(Capture::Captured)
            }
        }
    }

    /// Gives up an authorised charge, or closes a key never seen.
    pub(crate) fn void(&self, key: &str) -> Result<Void, GatewayError> {
        validate_key(key)?;
        let mut books = self.books();
        let Some(number) = books.charges.find(key) else {
            books.record(&key_line(Operation::Voided, key))?;
            books.charges.insert(key, closed_key());
            return Ok(Void::Voided);
        };
        match books.charges.value(number).stage {
            Stage::Voided | Stage::Declined => Ok(Void::Voided),
            Stage::Captured => Ok(Void::Refused { status: books.charges.value(number).status() }),
            Stage::Authorized => {
                books.record(&key_line(Operation::Voided, key))?;
                books.charges.value_mut(number).stage = Stage::Voided;
                Ok(Void::Voided)
            }
        }
    }

    /// Gives back part or all of a captured charge.
    pub(crate) fn refund(
        &self,
        refund_key: &str,
        order_key: &str,
        amount: i64,
    ) -> Result<Refund, GatewayError> {
        validate_key(refund_key)?;
        validate_key(order_key)?;
        if amount <= 0 {
            return Err(GatewayError::rejected("a refund must be more than zero"));
        }
        let mut books = self.books();
        let charge = books.charges.find(order_key);
        if let Some(number) = books.repayments.find(refund_key) {
            let earlier = books.repayments.value(number);
            return match charge == Some(earlier.charge) && amount == earlier.amount_minor {
                true => Ok(Refund::Refunded),
                false => Err(GatewayError::rejected("the refund key was used for another order or amount")),
            };
        }
        let Some(number) = charge else {
            return Ok(Refund::Refused { reason: "no such charge".into() });
        };
        if let Err(reason) = refundable(books.charges.value(number), amount) {
            return Ok(Refund::Refused { reason });
        }
        books.record(&Line {
            operation: Operation::Refunded,
            key: Cow::Borrowed(refund_key),
            order: Some(Cow::Borrowed(order_key)),
            amount_minor: Some(amount),
            currency: None,
        })?;
        books.repay(refund_key, number, amount);
        Ok(Refund::Refunded)
    }

    pub(crate) fn status(&self, key: &str) -> Result<ChargeStatus, GatewayError> {
        validate_key(key)?;
        let books = self.books();
        Ok(books
            .charges
            .find(key)
            .map_or(ChargeStatus::NotFound, |number| books.charges.value(number).status()))
    }

    /// Up to `limit` charges after the one under `starting_after`; `None` if there is no such key.
    pub(crate) fn charges(&self, starting_after: Option<&str>, limit: usize) -> Option<ChargePage> {
        let books = self.books();
        let from = match starting_after {
            Some(key) => books.charges.find(key)? + 1,
            None => 0,
        };
        let count = books.charges.len();
        let to = count.min(from.saturating_add(u32::try_from(limit).unwrap_or(u32::MAX)));
        let charges = (from..to)
            .map(|number| {
                let charge = books.charges.value(number);
                ListedCharge {
                    key: books.charges.key(number),
                    status: charge.status(),
                    amount_minor: charge.amount_minor,
                    currency: charge.currency,
                }
            })
            .collect();
        Some(ChargePage { charges, has_more: to < count })
    }
}

impl Books {
    fn empty() -> Self {
        Self { charges: KeyTable::new(), repayments: KeyTable::new(), journal: None }
    }

    /// Writes a step down before it is taken. A step that cannot be written down is not taken.
    fn record(&mut self, line: &Line<'_>) -> Result<(), GatewayError> {
        match &mut self.journal {
            Some(journal) => journal.append(line).map_err(|error| {
                tracing::error!(%error, "the simulated gateway cannot write its journal");
                GatewayError::unavailable(format!("the simulated gateway cannot write its journal: {error}"))
            }),
            None => Ok(()),
        }
    }

    fn repay(&mut self, refund_key: &str, charge: u32, amount_minor: i64) {
        self.charges.value_mut(charge).refunded_minor += amount_minor;
        self.repayments.insert(refund_key, Repayment { charge, amount_minor });
    }

    /// Takes a step again that an earlier process took and wrote down.
    fn replay(&mut self, line: &Line<'_>) -> Result<(), String> {
        let key = &*line.key;
        let known = self.charges.find(key);
        match line.operation {
            Operation::Authorized | Operation::Declined => {
                let amount_minor = line.amount_minor.ok_or("an authorisation without an amount")?;
                let currency = line.currency.as_deref().unwrap_or_default().as_bytes();
                let currency = currency.try_into().map_err(|_| "an authorisation without a currency")?;
                let stage = match line.operation {
                    Operation::Declined => Stage::Declined,
                    _ => Stage::Authorized,
                };
                if known.is_some() {
                    return Err(format!("{key} was authorised before"));
                }
                self.charges.insert(key, Charge { amount_minor, refunded_minor: 0, currency, stage });
            }
            Operation::Captured => self.move_on(known, key, Stage::Captured)?,
            Operation::Voided if known.is_none() => {
                self.charges.insert(key, closed_key());
            }
            Operation::Voided => self.move_on(known, key, Stage::Voided)?,
            Operation::Refunded => {
                let amount = line.amount_minor.ok_or("a refund without an amount")?;
                let order = line.order.as_deref().ok_or("a refund without an order")?;
                let charge =
                    self.charges.find(order).ok_or_else(|| format!("refund of unknown charge {order}"))?;
                refundable(self.charges.value(charge), amount)?;
                if self.repayments.find(key).is_some() {
                    return Err(format!("refund {key} was made before"));
                }
                self.repay(key, charge, amount);
            }
        }
        Ok(())
    }

    fn move_on(&mut self, known: Option<u32>, key: &str, stage: Stage) -> Result<(), String> {
        match known.map(|number| self.charges.value_mut(number)) {
            Some(charge) if charge.stage == Stage::Authorized => charge.stage = stage,
            _ => return Err(format!("{key} is not authorised")),
        }
        Ok(())
    }
}

fn closed_key() -> Charge {
    Charge { amount_minor: 0, refunded_minor: 0, currency: NO_CURRENCY, stage: Stage::Voided }
}

fn key_line(operation: Operation, key: &str) -> Line<'_> {
    Line { operation, key: Cow::Borrowed(key), order: None, amount_minor: None, currency: None }
}

fn repeated_authorization(
    request: &AuthorizeRequest,
    charge: &Charge,
) -> Result<Authorization, GatewayError> {
    // A key closed before it was seen has no amount to compare.
    let same = charge.amount_minor == request.amount_minor && charge.currency == request.currency;
    if charge.stage != Stage::Voided && !same {
        return Err(GatewayError::rejected("the key was used with another amount or currency"));
    }
    Ok(authorization(&request.key, charge.stage))
}

fn authorization(key: &str, stage: Stage) -> Authorization {
    match stage {
        Stage::Authorized | Stage::Captured => Authorization::Approved { reference: format!("sim_{key}") },
        Stage::Declined => Authorization::Declined { reason: "the card was declined".into() },
        Stage::Voided => Authorization::Declined { reason: "the charge was voided".into() },
    }
}

fn refundable(charge: &Charge, amount_minor: i64) -> Result<(), String> {
    if charge.stage != Stage::Captured {
        return Err("the charge was not captured".into());
    }
    if amount_minor <= 0 || amount_minor > charge.amount_minor - charge.refunded_minor {
        return Err("more than is left of the charge".into());
    }
    Ok(())
}

fn validate(request: &AuthorizeRequest) -> Result<(), GatewayError> {
    validate_key(&request.key)?;
    if request.amount_minor < 0 {
        return Err(GatewayError::rejected("the amount must not be negative"));
    }
    if !request.currency.iter().all(u8::is_ascii_uppercase) {
        return Err(GatewayError::rejected("the currency must be three capital letters"));
    }
    if request.token.len() > MAX_TOKEN_BYTES {
        return Err(GatewayError::rejected(format!("the token must be at most {MAX_TOKEN_BYTES} bytes")));
    }
    Ok(())
}

fn validate_key(key: &str) -> Result<(), GatewayError> {
    let well_formed =
        (1..=MAX_KEY_CHARACTERS).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    match well_formed {
        true => Ok(()),
        false => Err(GatewayError::rejected(format!(
            "a key is 1 to {MAX_KEY_CHARACTERS} visible ASCII characters"
        ))),
    }
}

#[cfg(test)]
mod tests;
