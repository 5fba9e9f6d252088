//! How the short lists of an event are stored: as any list of the archive, and read back at once.
//!
//! The archive's own way back pushes element by element into the list, which costs more than all the rest of reading an
//! event. The stored bytes are the same.

use rkyv::rancor::Fallible;
use rkyv::ser::{Allocator, Writer};
use rkyv::vec::{ArchivedVec, VecResolver};
use rkyv::with::{ArchiveWith, DeserializeWith, SerializeWith};
use rkyv::{Archive, Deserialize, Place, Serialize};
use smallvec::SmallVec;

/// Stores a [`SmallVec`] of `N` elements in place.
pub struct StoredList;

impl<T: Archive, const N: usize> ArchiveWith<SmallVec<[T; N]>> for StoredList {
    type Archived = ArchivedVec<T::Archived>;
    type Resolver = VecResolver;

    fn resolve_with(list: &SmallVec<[T; N]>, resolver: VecResolver, out: Place<Self::Archived>) {
        ArchivedVec::resolve_from_slice(list, resolver, out);
    }
}

impl<T, S, const N: usize> SerializeWith<SmallVec<[T; N]>, S> for StoredList
where
    T: Serialize<S>,
    S: Fallible + Allocator + Writer + ?Sized,
{
    fn serialize_with(list: &SmallVec<[T; N]>, serializer: &mut S) -> Result<VecResolver, S::Error> {
        ArchivedVec::serialize_from_slice(list, serializer)
    }
}

impl<T, D, const N: usize> DeserializeWith<ArchivedVec<T::Archived>, SmallVec<[T; N]>, D> for StoredList
where
    T: Archive + Copy,
    T::Archived: Deserialize<T, D>,
    D: Fallible + ?Sized,
{
    #[inline(always)]
    fn deserialize_with(
        stored: &ArchivedVec<T::Archived>,
        deserializer: &mut D,
    ) -> Result<SmallVec<[T; N]>, D::Error> {
        let Some((first, rest)) = stored.as_slice().split_first() else { return Ok(SmallVec::new()) };
        let first = first.deserialize(deserializer)?;
        if rest.len() < N {
            let mut in_place = [first; N];
            for (place, element) in in_place[1..].iter_mut().zip(rest) {
                *place = element.deserialize(deserializer)?;
            }
            return Ok(SmallVec::from_buf_and_len(in_place, stored.len()));
        }
        let mut list = Vec::with_capacity(stored.len());
        for element in stored.as_slice() {
            list.push(element.deserialize(deserializer)?);
        }
        Ok(SmallVec::from_vec(list))
    }
}
