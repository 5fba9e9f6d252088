//! The languages in which documents are written.

use crate::texts::{ENGLISH, SPANISH, Texts};

/// A language of the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Spanish, as in Chile.
    Spanish,
    /// English.
    English,
}

impl Language {
    /// Its tag, as the document's metadata carries it.
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
