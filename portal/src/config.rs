//! The settings of the portal, checked when they are made so that no page can fail on them later.

use std::sync::Arc;

use crate::api_client::ApiClient;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jiff::tz::TimeZone;

/// Where venues are unless a setting says otherwise.
const DEFAULT_TIME_ZONE: &str = "America/Santiago";

/// A time zone name that the IANA database does not know.
#[derive(Debug, thiserror::Error)]
#[error("{name:?} is not a time zone; write it like America/Santiago")]
pub struct UnknownTimeZone {
    name: String,
    #[source]
    source: jiff::Error,
}

/// What the portal needs to know.
#[derive(Clone)]
pub struct PortalConfig {
    pub(crate) api: ApiClient,
    pub(crate) time_zone: TimeZone,
    pub(crate) test_cards: bool,
    pub(crate) secure_cookies: bool,
    pub(crate) public_origin: Option<String>,
    pub(crate) closing: Closing,
}

/// Comes to its end when the process begins to stop.
pub(crate) type Closing = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

impl PortalConfig {
    /// A portal before the given API: venue times in America/Santiago, real card tokens, cookies for plain HTTP.
    pub fn new(api: ApiClient) -> Self {
        let time_zone =
            TimeZone::get(DEFAULT_TIME_ZONE).expect("the bundled time zone data knows its own default");
        let closing: Closing = Arc::new(|| std::future::pending().boxed());
        Self { api, time_zone, test_cards: false, secure_cookies: false, public_origin: None, closing }
    }

    /// The time zone in which dates are written. The API gives instants only; shows are read in the venue's wall
    /// clock, and one installation sells for one country.
    ///
    /// # Errors
    /// `UnknownTimeZone` when the IANA data inside the binary has no such zone.
    pub fn with_time_zone(mut self, name: &str) -> Result<Self, UnknownTimeZone> {
        self.time_zone =
            TimeZone::get(name).map_err(|source| UnknownTimeZone { name: name.to_owned(), source })?;
        Ok(self)
    }

    /// Offers the payment simulator's test cards at the checkout instead of a field for a card token.
    pub fn with_test_cards(mut self, offered: bool) -> Self {
        self.test_cards = offered;
        self
    }

    /// Marks cookies `Secure`: for a portal that is reached over HTTPS only.
    pub fn with_secure_cookies(mut self, secure: bool) -> Self {
        self.secure_cookies = secure;
        self
    }

    /// Ends live streams once the future comes to its end, so that a process which stops need not wait for them.
    pub fn closing_after<F>(mut self, closing: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.closing = Arc::new(move || closing().boxed());
        self
    }

    /// The origin that browsers see (`https://tickets.example`), for a proxy that changes the `Host` header. Form
    /// posts from it are taken besides those from the request's own host.
    pub fn with_public_origin(mut self, origin: impl Into<String>) -> Self {
        self.public_origin = Some(origin.into());
        self
    }
}
