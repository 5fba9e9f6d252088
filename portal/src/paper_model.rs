//! The API's documents about papers as the portal reads them: what billing gave up on, folios, and what the tax authority did
//! not take. Taken as gently as in `operator_model.rs`.

use serde::Deserialize;

/// What billing gave up on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ParkedList {
    pub(crate) data: Vec<Parked>,
    /// Whether there are more than the API lists.
    pub(crate) has_more: bool,
}

/// An order or a refund that billing gave up on, or its mail.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parked {
    /// The position of its event.
    pub(crate) id: u64,
    /// The stream of the books.
    pub(crate) series: String,
    pub(crate) order_id: String,
    pub(crate) error: String,
    pub(crate) attempts: u64,
    pub(crate) parked_at: String,
    pub(crate) payload: Option<ParkedEvent>,
}

/// Its event, as far as the page names it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ParkedEvent {
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// What was done with what was parked.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ParkedDone {
    pub(crate) done: u64,
}

/// What an operator can do with one that is parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParkedAction {
    Retry,
    GiveUp,
}

impl ParkedAction {
    /// As addresses name it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::GiveUp => "skip",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        [Self::Retry, Self::GiveUp].into_iter().find(|action| action.name() == name)
    }
}

/// How many folios there are, and whose.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FolioStocks {
    /// The books.
    pub(crate) series: String,
    pub(crate) issuer: FolioIssuer,
    /// By kind of document, as far as any was ever loaded.
    pub(crate) data: Vec<FolioStock>,
}

/// Who issues.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FolioIssuer {
    pub(crate) name: String,
    pub(crate) tax_id: String,
    pub(crate) is_demo: bool,
}

/// Folios of a kind of document.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct FolioStock {
    pub(crate) document_type: String,
    /// The authority's number for the kind.
    pub(crate) code: Option<u16>,
    pub(crate) issued: u64,
    pub(crate) left: u64,
    pub(crate) next: Option<u64>,
    pub(crate) loaded_to: u64,
    /// The day from which on the next ones may not be used.
    pub(crate) expires_on: Option<String>,
    pub(crate) is_low: bool,
}

/// Folios that may be used now.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LoadedFolios {
    pub(crate) document_type: String,
    pub(crate) first: u64,
    pub(crate) last: u64,
    /// The same file was loaded before.
    pub(crate) were_there: bool,
}

/// What the authority did not take.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RefusedList {
    pub(crate) data: Vec<RefusedDocument>,
    pub(crate) has_more: bool,
}

/// A document that the authority did not take.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RefusedDocument {
    pub(crate) document_type: String,
    pub(crate) folio: u64,
    pub(crate) order_id: String,
    pub(crate) issued_at: String,
    pub(crate) reason: String,
}

/// What only a process that issues fiscal documents has.
#[derive(Debug)]
pub(crate) enum Fiscal<T> {
    Here(T),
    /// The process that was asked issues none.
    NotHere,
    /// It does, and cannot say now.
    NotNow,
}

impl<T> Fiscal<T> {
    pub(crate) const fn here(&self) -> Option<&T> {
        match self {
            Self::Here(known) => Some(known),
            Self::NotHere | Self::NotNow => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_new_is_taken_gently() {
        let unreadable = r#"{"id": 7, "order_id": "01O", "error": "e", "payload": null, "shard": 3}"#;
        let parked: Parked = serde_json::from_str(unreadable).unwrap();
        assert!(parked.id == 7 && parked.payload.is_none() && parked.series.is_empty());
        let stock: FolioStock =
            serde_json::from_str(r#"{"document_type": "ticket", "left": 3, "next": null}"#).unwrap();
        assert_eq!((stock.left, stock.next, stock.code), (3, None, None));
    }

    #[test]
    fn actions_have_the_names_of_the_api() {
        let parsed = ["retry", "skip", "drop"].map(ParkedAction::parse);
        assert_eq!(parsed, [Some(ParkedAction::Retry), Some(ParkedAction::GiveUp), None]);
    }
}
