//! The languages in which mails are written.

use crate::texts::{ENGLISH, SPANISH, Texts};

/// A language of the mails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Spanish, as in Chile.
    Spanish,
    /// English.
    English,
}

impl Language {
    /// Its tag, as `Content-Language` and `lang` carry it.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Spanish => "es-CL",
            Self::English => "en",
        }
    }

    pub(crate) const fn texts(self) -> &'static Texts {
        match self {
            Self::Spanish => &SPANISH,
            Self::English => &ENGLISH,
        }
    }
}
