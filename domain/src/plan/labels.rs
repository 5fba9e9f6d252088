//! The numbers of a row's seats as text, in one string: a plan has tens of thousands, and most have two or three letters.

use std::hash::Hash;

use rkyv::rancor::{Fallible, Source};
use rkyv::ser::{Allocator, Writer};
use rkyv::string::ArchivedString;
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::{Archive, Place};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

/// Labels in order. Stored, and written as JSON, as a list of texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct SeatLabels {
    text: Box<str>,
    /// Where each label ends in the text.
    ends: Box<[u32]>,
}

impl SeatLabels {
    /// How many.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The label at that place from the left, counted from 0.
    pub fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        Some(&self.text[start..end])
    }

    /// All labels from the left to the right.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index).expect("the index is below the length"))
    }
}

impl<S: AsRef<str>> FromIterator<S> for SeatLabels {
    fn from_iter<I: IntoIterator<Item = S>>(labels: I) -> Self {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for label in labels {
            text.push_str(label.as_ref());
            ends.push(text.len() as u32);
        }
        Self { text: text.into(), ends: ends.into() }
    }
}

impl serde::Serialize for SeatLabels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> serde::Deserialize<'de> for SeatLabels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(<Vec<String>>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl PartialSchema for SeatLabels {
    fn schema() -> RefOr<Schema> {
        <Vec<String>>::schema()
    }
}

impl ToSchema for SeatLabels {}

impl Archive for SeatLabels {
    type Archived = ArchivedVec<ArchivedString>;
    type Resolver = VecResolver;

    fn resolve(&self, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_len(self.len(), resolver, out);
    }
}

impl<S: Fallible<Error: Source> + Allocator + Writer + ?Sized> rkyv::Serialize<S> for SeatLabels {
    fn serialize(&self, serializer: &mut S) -> Result<VecResolver, S::Error> {
        let labels: Vec<String> = self.iter().map(str::to_owned).collect();
        ArchivedVec::<ArchivedString>::serialize_from_slice(&labels, serializer)
    }
}

impl<D: Fallible + ?Sized> rkyv::Deserialize<SeatLabels, D> for ArchivedVec<ArchivedString> {
    fn deserialize(&self, _: &mut D) -> Result<SeatLabels, D::Error> {
        Ok(self.iter().map(ArchivedString::as_str).collect())
    }
}

#[cfg(test)]
mod tests {
    use rkyv::rancor::Error;

    use super::*;

    #[test]
    fn labels_are_stored_and_written_as_a_list_of_texts() {
        let texts = ["1", "1b", "Ñandú", "12"].map(str::to_owned).to_vec();
        let labels: SeatLabels = texts.iter().collect();
        assert_eq!(labels.iter().collect::<Vec<_>>(), texts);
        assert_eq!((labels.get(2), labels.get(4)), (Some("Ñandú"), None));
        assert!(SeatLabels::default().is_empty() && !labels.is_empty());

        let bytes = rkyv::to_bytes::<Error>(&labels).unwrap();
        assert_eq!(bytes[..], rkyv::to_bytes::<Error>(&texts).unwrap()[..], "as it was stored before");
        assert_eq!(rkyv::from_bytes::<SeatLabels, Error>(&bytes).unwrap(), labels);
        assert_eq!(rkyv::from_bytes::<Vec<String>, Error>(&bytes).unwrap(), texts);

        let json = serde_json::to_string(&labels).unwrap();
        assert_eq!(json, serde_json::to_string(&texts).unwrap());
        assert_eq!(serde_json::from_str::<SeatLabels>(&json).unwrap(), labels);
    }
}
