//! Folios: which the authority granted, how many are left, and how more of them are brought into use.
//!
//! Invariant: the private key of a range is durable in the folder of keys before the books say that its folios may be used: no folio is
//! ever used that cannot be stamped. What is not beyond doubt is refused, and nothing is kept of it.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use ticketflow_billing_books::{BillingBooks, FoldBooksError};
use ticketflow_domain::billing::{
    BillingCommand, BillingEvent, BillingRejection, BillingState, DocumentType, FolioStock, Issuer,
    LoadFolioRange, SeriesCode, decide,
};
use ticketflow_domain::{Rut, Timestamp};
use ticketflow_event_store::{EventStore, Position, StreamId, billing_event};
use ticketflow_fiscal_chile::{Caf, CafError, PublicKey};

use super::key_files::KeyFileError;
use super::keys::{Authorisation, FiscalKeys, TestIssuer};
use super::office::{FiscalError, chilean_time, rut};
use super::own_type;
use crate::books::{Books, BooksError, stream_of};

/// Below so many folios of a kind operators are warned: an hour of a large on-sale.
pub(crate) const LOW_STOCK: u64 = 10_000;
/// How long what other instances wrote is waited for before folios are brought in.
const CATCHES_UP_WITHIN: Duration = Duration::from_secs(10);
/// Folios of each kind that a demonstration begins with.
const FIRST_TEST_FOLIOS: u64 = 1_000_000;

/// Why folios were not loaded. It never quotes the file.
#[derive(Debug, thiserror::Error)]
pub enum FolioError {
    /// The file is no authorisation, or its key is not its own.
    #[error("the file cannot be used: {0}")]
    File(#[from] CafError),
    /// It has characters that no file of the authority has.
    #[error("the file has characters outside of ISO-8859-1")]
    Characters,
    /// The books are another issuer's.
    #[error("the folios are of {of}, and the issuer here is {here}")]
    OtherIssuer {
        /// Whose they are.
        of: Rut,
        /// Whose the books are.
        here: Rut,
    },
    /// The authority did not sign it.
    #[error("the authority did not sign this: it was changed, or is of another authority")]
    Forged,
    /// It is too late to use it.
    #[error("the folios could be used until {0}, and no longer")]
    Expired(Date),
    /// Some of them were loaded before.
    #[error("folios from {first} on overlap what was loaded: the next range begins after {last}")]
    Overlap {
        /// The first of the range.
        first: u64,
        /// The last that was loaded.
        last: u64,
    },
    /// The books have no use for them.
    #[error("the books take no such folios: {0}")]
    Refused(BillingRejection),
    /// The issuer of the books has no RUT.
    #[error(transparent)]
    Issuer(#[from] FiscalError),
    /// There are no books yet.
    #[error("the books are not open yet")]
    NotOpen,
    /// The key cannot be kept.
    #[error("the key of the folios cannot be kept")]
    Keys(#[from] KeyFileError),
    /// The books cannot be read or written.
    #[error(transparent)]
    Books(#[from] BooksError),
    /// Reading panicked.
    #[error("loading ended by an error of this software")]
    Task(#[from] tokio::task::JoinError),
}

impl FolioError {
    /// Whether the same may succeed later.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self, Self::Books(BooksError::Append(_)) | Self::NotOpen | Self::Task(_))
    }
}

/// Folios that are in the books now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadedFolios {
    /// Of which kind.
    pub document_type: DocumentType,
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// The day from which on what is left may not be used.
    pub expires_on: Option<Date>,
    /// Whether they were there before: the same file was loaded again.
    pub were_there: bool,
}

/// Folios of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolioLine {
    /// Used, left and next.
    pub stock: FolioStock,
    /// The last that was ever loaded.
    pub loaded_to: u64,
    /// The day from which on the next ones may not be used.
    pub expires_on: Option<Date>,
    /// Whether more should be loaded soon.
    pub is_low: bool,
}

/// Brings folios into the books of one issuer.
pub struct FolioDesk {
    store: EventStore,
    books: Arc<BillingBooks>,
    series: SeriesCode,
    keys: Arc<FiscalKeys>,
    authority: PublicKey,
    time_zone: TimeZone,
    now: fn() -> Timestamp,
}

impl FolioDesk {
    /// For the books of a series. `authority` is who signs authorisations, `time_zone` its clock.
    #[must_use]
    pub fn new(
        store: EventStore,
        books: Arc<BillingBooks>,
        series: SeriesCode,
        keys: Arc<FiscalKeys>,
        authority: PublicKey,
        time_zone: TimeZone,
        now: fn() -> Timestamp,
    ) -> Self {
        Self { store, books, series, keys, authority, time_zone, now }
    }

    /// The series that folios go to.
    #[must_use]
    pub fn series(&self) -> SeriesCode {
        self.series
    }

    /// The issuer and what there is of folios, by kind.
    ///
    /// # Errors
    /// [`FolioError`].
    pub async fn list(&self) -> Result<(Issuer, Vec<FolioLine>), FolioError> {
        let books = self.books().await?;
        let state = books.state();
        let (issuer, _) = state.issuer().ok_or(FolioError::NotOpen)?;
        let day = |at| chilean_time(at, &self.time_zone).ok().map(DateTime::date);
        let line = |stock: FolioStock| FolioLine {
            stock,
            loaded_to: state.loaded_to(stock.document_type),
            expires_on: stock.expires_at.and_then(day),
            is_low: stock.left < LOW_STOCK,
        };
        Ok((issuer.clone(), state.stock((self.now)()).map(line).collect()))
    }

    /// Takes an authorisation file, as its text. The same file again changes nothing and succeeds.
    ///
    /// # Errors
    /// [`FolioError`]; unless it is [`FolioError::Books`], nothing was loaded.
    pub async fn load(&self, text: &str) -> Result<LoadedFolios, FolioError> {
        let _alone = self.alone().await?;
        self.load_alone(text).await
    }

    /// What is checked has to hold until it is written: no other process brings folios into this folder meanwhile, and what the last one did
    /// is known, in the folder and in the books.
    async fn alone(&self) -> Result<std::fs::File, FolioError> {
        let keys = self.keys.clone();
        let lock = tokio::task::spawn_blocking(move || {
            let lock = keys.lock()?;
            keys.read_again().map(|()| lock)
        })
        .await??;
        self.store.catch_up(CATCHES_UP_WITHIN).await.map_err(BooksError::Append)?;
        Ok(lock)
    }

    async fn load_alone(&self, text: &str) -> Result<LoadedFolios, FolioError> {
        let file: Option<Vec<u8>> = text.chars().map(|character| u8::try_from(character).ok()).collect();
        let file = file.ok_or(FolioError::Characters)?;
        let (caf, key) = Caf::parse(&file)?;
        let books = self.books().await?;
        let here = rut(&issuer_of(&books)?)?;
        if caf.issuer() != here {
            return Err(FolioError::OtherIssuer { of: caf.issuer(), here });
        }
        if !caf.is_signed_by(&self.authority) {
            return Err(FolioError::Forged);
        }
        let now = (self.now)();
        let today = chilean_time(now, &self.time_zone)?.date();
        if let Some(end) = caf.expires_on().filter(|end| *end <= today) {
            return Err(FolioError::Expired(end));
        }
        let command = BillingCommand::LoadFolioRange(LoadFolioRange {
            document_type: own_type(caf.document_type()),
            first: *caf.folios().start(),
            last: *caf.folios().end(),
            expires_at: caf.expires_on().map(|end| self.midnight(end)).transpose()?,
            authorisation: caf.to_xml(),
        });
        let loaded = |were_there| LoadedFolios {
            document_type: own_type(caf.document_type()),
            first: *caf.folios().start(),
            last: *caf.folios().end(),
            expires_on: caf.expires_on(),
            were_there,
        };
        let decided = decide(&books.state(), &command, now);
        match decided {
            Ok(_) => self.refuse_what_others_have(&caf).await?,
            Err(BillingRejection::RangeNotNext { last }) => {
                if !self.is_in_the_books(caf.to_xml()).await? {
                    return Err(FolioError::Overlap { first: *caf.folios().start(), last });
                }
                // Loaded by another process, or a second time.
                let loaded = loaded(true);
                self.keep(file, Authorisation { caf, key }).await?;
                return Ok(loaded);
            }
            Err(rejection) => return Err(FolioError::Refused(rejection)),
        }
        let (loaded, public) = (loaded(false), caf.clone());
        // The key first: a folio without one could be used and never stamped.
        self.keep(file, Authorisation { caf, key }).await?;
        fail::fail_point!("billing::folio-key-kept", |_| Err(FolioError::NotOpen));
        match books.carry_out(&[command], now).await?.remove(0) {
            Ok(_) => Ok(loaded),
            // Somebody with another folder was faster, with the same file.
            Err(BillingRejection::RangeNotNext { .. }) if self.is_in_the_books(public.to_xml()).await? => {
                Ok(LoadedFolios { were_there: true, ..loaded })
            }
            // Or with another: with this key documents would be stamped for folios of theirs.
            Err(rejection) => {
                let keys = self.keys.clone();
                tokio::task::spawn_blocking(move || keys.forget(&public)).await??;
                Err(match rejection {
                    BillingRejection::RangeNotNext { last } => {
                        FolioError::Overlap { first: loaded.first, last }
                    }
                    other => FolioError::Refused(other),
                })
            }
        }
    }

    /// Folios of each kind for a demonstration that has none yet.
    pub(crate) async fn load_first_test_ranges(&self) -> Result<(), FolioError> {
        let _alone = self.alone().await?;
        let books = self.books().await?;
        let issuer = issuer_of(&books)?;
        let own = TestIssuer {
            rut: rut(&issuer)?,
            sender: rut(&issuer)?,
            name: issuer.name,
            today: chilean_time((self.now)(), &self.time_zone)?.date(),
        };
        for document_type in ticketflow_fiscal_chile::DocumentType::ALL {
            if books.state().loaded_to(own_type(document_type)) > 0 {
                continue;
            }
            let (keys, own) = (self.keys.clone(), own.clone());
            let making = tokio::task::spawn_blocking(move || {
                FiscalKeys::make_test_range(keys.folder(), &own, document_type, 1..=FIRST_TEST_FOLIOS)
            });
            let file = making.await??;
            match self.load_alone(&file.into_iter().map(char::from).collect::<String>()).await {
                // Another instance made its own at this moment.
                Ok(_) | Err(FolioError::Overlap { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn keep(&self, file: Vec<u8>, authorisation: Authorisation) -> Result<(), FolioError> {
        let keys = self.keys.clone();
        Ok(tokio::task::spawn_blocking(move || keys.keep(&file, authorisation)).await??)
    }

    /// Where the day begins, in Chile.
    fn midnight(&self, day: Date) -> Result<Timestamp, FolioError> {
        let midnight = day.to_zoned(self.time_zone.clone());
        let midnight = midnight.map_err(|_| FiscalError::OutOfRange("the day on which folios end"))?;
        Ok(Timestamp::from_millis(midnight.timestamp().as_millisecond()))
    }

    async fn books(&self) -> Result<Books, FolioError> {
        let (store, folded, series) = (self.store.clone(), self.books.clone(), self.series);
        Ok(tokio::task::spawn_blocking(move || Books::open(store, folded, series)).await??)
    }

    /// The same issuer may have had other books before: what was loaded there is used there.
    async fn refuse_what_others_have(&self, caf: &Caf) -> Result<(), FolioError> {
        let (store, books) = (self.store.clone(), self.books.clone());
        let folding = tokio::task::spawn_blocking(move || books.catch_up_all(store.log(), Position::MAX));
        folding.await?.map_err(BooksError::Fold)?;
        let (own, document_type) = (stream_of(self.series), own_type(caf.document_type()));
        let is_same =
            |books: &BillingState| books.issuer().is_some_and(|(of, _)| rut(of).ok() == Some(caf.issuer()));
        let of_issuer = |(stream, books): &(StreamId, &BillingState)| *stream != own && is_same(books);
        let books = self.books.read();
        let others = books.iter().filter(of_issuer).map(|(_, books)| books.loaded_to(document_type));
        let (last, first) = (others.max().unwrap_or(0), *caf.folios().start());
        if first <= last { Err(FolioError::Overlap { first, last }) } else { Ok(()) }
    }

    /// Whether an event says that this very range may be used.
    async fn is_in_the_books(&self, authorisation: String) -> Result<bool, FolioError> {
        let (store, stream) = (self.store.clone(), stream_of(self.series));
        let reading = tokio::task::spawn_blocking(move || is_loaded(&store, stream, &authorisation));
        Ok(reading.await??)
    }
}

fn issuer_of(books: &Books) -> Result<Issuer, FolioError> {
    books.state().issuer().map(|(issuer, _)| issuer.clone()).ok_or(FolioError::NotOpen)
}

fn is_loaded(store: &EventStore, stream: StreamId, authorisation: &str) -> Result<bool, BooksError> {
    let mut reader = store.log().read_stream(stream, 1).map_err(FoldBooksError::Read)?;
    while let Some(batch) = reader.next_batch().map_err(FoldBooksError::Read)? {
        let position = batch.first_position();
        for record in batch.events() {
            let event = billing_event(record).map_err(|source| FoldBooksError::Event { position, source })?;
            if matches!(&event, BillingEvent::FolioRangeLoaded(range) if range.authorisation == authorisation)
            {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
