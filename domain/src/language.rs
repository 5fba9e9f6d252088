//! The languages that buyers are written to in. Requests, settings and stored details have them by their codes.

use std::str::FromStr;

/// A language of mails and documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
pub enum Language {
    /// Spanish, as in Chile.
    #[serde(rename = "es")]
    Spanish,
    /// English.
    #[serde(rename = "en")]
    English,
}

/// A text that names no language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a language: es or en is expected")]
pub struct InvalidLanguage;

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Spanish, Self::English];

    /// Its tag, as `lang`, `Content-Language` and the metadata of documents carry it.
    #[must_use]
    pub const fn tag(self) -> &'static str {
        match self {
            Self::Spanish => "es-CL",
            Self::English => "en",
        }
    }

    /// What stands for it in requests, settings and stored details.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Spanish => "es",
            Self::English => "en",
        }
    }
}

impl FromStr for Language {
    type Err = InvalidLanguage;

    fn from_str(text: &str) -> Result<Self, InvalidLanguage> {
        Self::ALL.into_iter().find(|language| language.code() == text).ok_or(InvalidLanguage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_read_and_stored_by_its_code() {
        for language in Language::ALL {
            assert_eq!(language.code().parse(), Ok(language));
            let stored = serde_json::to_string(&language).unwrap();
            assert_eq!(stored, format!("\"{}\"", language.code()));
            assert_eq!(serde_json::from_str::<Language>(&stored).unwrap(), language);
            assert!(language.tag().starts_with(language.code()));
        }
        for bad in ["", "ES", "es-CL", "fr", "english", " en"] {
            assert_eq!(bad.parse::<Language>(), Err(InvalidLanguage), "{bad:?}");
        }
    }
}
