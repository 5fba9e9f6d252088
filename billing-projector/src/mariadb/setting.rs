//! Where the invoices are kept, as the setting `--invoices` says.
//!
//! Invariant: a password leaves this file in the options of a connection and in no text.

use std::fmt;
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::mysql::MySqlConnectOptions;

const SCHEME: &str = "mysql://";

/// `memory`, or `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, and after a comma the same of a replica.
#[derive(Clone)]
pub enum InvoicesSetting {
    /// The books in memory are asked.
    Memory,
    /// And a MariaDB keeps them in tables as well.
    MariaDb(InvoiceUrls),
}

/// The servers.
#[derive(Clone)]
pub struct InvoiceUrls {
    pub(crate) primary: MySqlConnectOptions,
    pub(crate) replica: Option<MySqlConnectOptions>,
}

/// A text that is no such setting. What it says does not repeat the text, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInvoicesSetting {
    /// Neither of the two forms.
    #[error(
        "expected `memory` or `mysql://USER:PASSWORD@HOST:PORT/DATABASE`, perhaps with a comma and a replica's URL"
    )]
    Form,
    /// Not a URL.
    #[error(
        "a URL of the invoices' database cannot be read; characters such as @ / : # in a password are written as %40 %2F %3A %23"
    )]
    Url,
    /// Without what comes after the host.
    #[error("a URL of the invoices' database names no database: mysql://USER:PASSWORD@HOST:PORT/DATABASE")]
    NoDatabase,
    /// More than a primary and a replica.
    #[error("the invoices have a primary and at most one replica")]
    TooMany,
}

impl FromStr for InvoicesSetting {
    type Err = InvalidInvoicesSetting;

    fn from_str(text: &str) -> Result<Self, InvalidInvoicesSetting> {
        if text == "memory" { Ok(Self::Memory) } else { text.parse().map(Self::MariaDb) }
    }
}

impl FromStr for InvoiceUrls {
    type Err = InvalidInvoicesSetting;

    fn from_str(text: &str) -> Result<Self, InvalidInvoicesSetting> {
        let mut urls = text.split(',').map(options_of);
        let primary = urls.next().ok_or(InvalidInvoicesSetting::Form)??;
        let replica = urls.next().transpose()?;
        if urls.next().is_some() {
            return Err(InvalidInvoicesSetting::TooMany);
        }
        Ok(Self { primary, replica })
    }
}

fn options_of(url: &str) -> Result<MySqlConnectOptions, InvalidInvoicesSetting> {
    if !url.starts_with(SCHEME) {
        return Err(InvalidInvoicesSetting::Form);
    }
    // The cause may quote the URL.
    let options = MySqlConnectOptions::from_str(url).map_err(|_| InvalidInvoicesSetting::Url)?;
    if options.get_database().is_none_or(str::is_empty) {
        return Err(InvalidInvoicesSetting::NoDatabase);
    }
    Ok(options.disable_statement_logging())
}

impl fmt::Debug for InvoiceUrls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |options: &MySqlConnectOptions| {
            let database = options.get_database().unwrap_or_default();
            format!("{}:{}/{database}", options.get_host(), options.get_port())
        };
        let mut shown = formatter.debug_struct("InvoiceUrls");
        shown.field("primary", &named(&self.primary));
        shown.field("replica", &self.replica.as_ref().map(named)).finish()
    }
}

impl fmt::Debug for InvoicesSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => formatter.write_str("Memory"),
            Self::MariaDb(urls) => formatter.debug_tuple("MariaDb").field(urls).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        assert!(matches!("memory".parse(), Ok(InvoicesSetting::Memory)));
        let urls: InvoiceUrls = "mysql://u:p%40ss@db1:3307/billing".parse().unwrap();
        assert_eq!((urls.primary.get_host(), urls.primary.get_port()), ("db1", 3307));
        assert!(urls.replica.is_none());
        let urls: InvoiceUrls = "mysql://u:p@db1/billing,mysql://u:p@db2/billing".parse().unwrap();
        assert_eq!(urls.replica.unwrap().get_host(), "db2");
    }

    #[test]
    fn a_password_is_in_no_error_and_in_no_debug_text() {
        use InvalidInvoicesSetting::{Form, NoDatabase, TooMany, Url};
        let wrong = [
            ("", Form),
            ("memoria", Form),
            ("postgres://u:hunter2@h/d", Form),
            ("mysql://u:hunter2@h", NoDatabase),
            ("mysql://u:hunter2@h/", NoDatabase),
            ("mysql://u:hunter2@h:port/d", Url),
            ("mysql://u:hunter2@h/d,hunter2", Form),
            ("mysql://u:hunter2@h/d,mysql://u:hunter2@h/d,mysql://u:hunter2@h/d", TooMany),
        ];
        for (text, expected) in wrong {
            let error = text.parse::<InvoicesSetting>().unwrap_err();
            assert_eq!(error, expected, "{text}");
            assert!(!format!("{error} {error:?}").contains("hunter2"));
        }
        let setting: InvoicesSetting = "mysql://u:hunter2@h/d,mysql://u:hunter2@h2/d".parse().unwrap();
        assert_eq!(
            format!("{setting:?}"),
            "MariaDb(InvoiceUrls { primary: \"h:3306/d\", replica: Some(\"h2:3306/d\") })"
        );
    }
}
