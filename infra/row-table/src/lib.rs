//! Rows of one kind in memory by the million, and indexes from their keys to them.
//!
//! Made for tables that grow while buyers wait: rows lie in chunks, and a large index grows one shard at a time, so that no
//! insertion copies or rehashes more than some ten thousand. A row costs its own size, an index entry 9 to 20 bytes.
//! What a row means, and what its key and the key's hash are, is left to the owner.

mod index;
mod rows;
mod slots;

pub use index::{RowIndex, hash_of_random_id};
pub use rows::{CHUNK_ROWS, Rows};
pub use slots::Slots;
