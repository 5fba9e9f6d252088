//! What operators did beside selling, for the record. Stream: `ops-{zeros}`, one for all.
//!
//! These events decide nothing about shows: they say who passed over what, and why.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A projection was told to pass over a batch of the log that it could not apply.
#[derive(
    Debug, Clone, PartialEq, Eq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
pub struct ProjectionBatchSkipped {
    /// The projection's name.
    pub projection: String,
    /// Of the batch's first event.
    pub first_position: u64,
    /// Of the batch's last event.
    pub last_position: u64,
    /// Why it could not be applied.
    pub error: String,
    /// The operator's.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// Any event of an operators' stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
#[allow(missing_docs, reason = "each variant is its struct, which says what it is")]
pub enum OpsEvent {
    ProjectionBatchSkipped(ProjectionBatchSkipped),
}
