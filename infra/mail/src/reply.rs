//! What an SMTP server said, and what that means for the mail.

use crate::legible::one_line;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::response::Response;
use std::time::Duration;

/// Of a reply, for a log.
const MAX_REPLY: usize = 300;
/// RFC 5321, 3.8: the server closes the connection, often because nobody has said anything for long.
const CLOSING: &str = "421";

/// An answer that was not the one hoped for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// 5xx.
    No(String),
    /// 4xx.
    NotNow(String),
    /// The connection broke, or nothing came in time: what was said may have been heard.
    Silence(String),
}

impl Trouble {
    /// Whether a connection that was good a while ago is not any more.
    pub(crate) fn is_end_of_connection(&self) -> bool {
        match self {
            Self::Silence(_) => true,
            Self::NotNow(reply) => reply.starts_with(CLOSING),
            Self::No(_) => false,
        }
    }

    pub(crate) fn into_text(self) -> String {
        match self {
            Self::No(text) | Self::NotNow(text) | Self::Silence(text) => text,
        }
    }
}

/// Waits for an answer, and no longer than `limit`.
pub(crate) async fn answer<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(limit, asked).await {
        Ok(answered) => answered.map_err(|error| trouble(&error)),
        Err(_) => Err(Trouble::Silence(format!("no answer within {} s", limit.as_secs()))),
    }
}

fn trouble(error: &Error) -> Trouble {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match error.status() {
        Some(code) if error.is_permanent() => Trouble::No(shown(&format!("{code} {cause}"))),
        Some(code) => Trouble::NotNow(shown(&format!("{code} {cause}"))),
        None => Trouble::Silence(shown(&error.to_string())),
    }
}

/// An answer as one line.
pub(crate) fn shown_response(response: &Response) -> String {
    let lines: Vec<&str> = response.message().collect();
    shown(&format!("{} {}", response.code(), lines.join(" ")))
}

fn shown(text: &str) -> String {
    one_line(text, MAX_REPLY)
}

/// A text in which a person's address stands no more.
pub(crate) fn without_address(text: &str, address: &str) -> String {
    let (lower, address) = (text.to_ascii_lowercase(), address.to_ascii_lowercase());
    let mut clean = String::with_capacity(text.len());
    let mut from = 0;
    // Lower case in ASCII keeps every byte's place.
    while let Some(at) = lower[from..].find(&address) {
        clean.push_str(&text[from..from + at]);
        clean.push_str("recipient");
        from += at + address.len();
    }
    clean.push_str(&text[from..]);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_does_not_name_the_recipient() {
        let reply = "550 5.1.1 <Ana@Example.CL>: ana@example.cl is not here";
        assert_eq!(without_address(reply, "ana@example.cl"), "550 5.1.1 <recipient>: recipient is not here");
        assert_eq!(without_address("250 ñandú", "ana@example.cl"), "250 ñandú");
    }
}
