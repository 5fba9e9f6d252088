//! The identity of a mail: what makes two deliveries one mail, at the reader's, at the server's and in a folder.

use std::fmt;
use std::str::FromStr;

/// Fits a header line and, with an extension, a file's name.
const MAX_BYTES: usize = 200;

/// `local@domain`, without the angle brackets. Of characters that mean nothing in a header, a path or a boundary, so that it is
/// a file's name as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(String);

/// A text that is not a message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a message id: one `@` between words of letters, digits, `-` and `_` with dots between them is expected, at most 200 in all"
)]
pub struct InvalidMessageId;

impl MessageId {
    /// Without the angle brackets.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MessageId {
    type Err = InvalidMessageId;

    fn from_str(text: &str) -> Result<Self, InvalidMessageId> {
        let is_word = |word: &str| {
            !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let (local, domain) = text.split_once('@').ok_or(InvalidMessageId)?;
        let is_valid =
            text.len() <= MAX_BYTES && [local, domain].iter().all(|side| side.split('.').all(is_word));
        if is_valid { Ok(Self(text.to_owned())) } else { Err(InvalidMessageId) }
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_is_harmless_everywhere() {
        for text in ["confirmation.01KB2R5T7W9YAC4EG6HJ8KMNPQ@tickets.example.cl", "a@b"] {
            assert_eq!(text.parse::<MessageId>().map(|id| id.to_string()), Ok(text.to_owned()));
        }
        let long = format!("{}@example.cl", "a".repeat(200));
        for text in [
            "", "@", "a@", "@b", "a", "a@b@c", ".a@b", "a..b@c", "a/../b@c", "a b@c", "a\r\n@c", "ñ@c",
            "<a@b>", &long,
        ] {
            assert_eq!(text.parse::<MessageId>(), Err(InvalidMessageId), "{text:?}");
        }
    }
}
