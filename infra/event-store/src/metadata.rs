//! What a batch says beside its events: which commands it carries out, so that their answers survive a restart.
//!
//! A batch answers many commands at once. For each command with an idempotency key it holds the key's hash, the
//! request's fingerprint and which events are its answer. Layout: version (u16), count (u16), records of 28 bytes.

/// Version of the layout.
const VERSION: u16 = 1;
const HEADER_BYTES: usize = 4;
const RECORD_BYTES: usize = 28;

/// One command of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandRecord {
    /// First half of the SHA-256 of principal, route and idempotency key.
    pub key: [u8; 16],
    /// First bytes of the SHA-256 of the request body: the same key with another body is refused.
    pub fingerprint: [u8; 8],
    /// Index within the batch of the command's first event.
    pub first_event: u16,
    /// How many events the command had.
    pub event_count: u16,
}

/// Metadata that this version of the software cannot read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the metadata of a batch does not read back")]
pub struct MetadataError;

/// The records as a batch's metadata.
#[must_use]
pub fn encode_commands(records: &[CommandRecord]) -> Vec<u8> {
    let count = u16::try_from(records.len()).expect("a batch has at most 65,535 events, hence commands");
    let mut bytes = Vec::with_capacity(HEADER_BYTES + records.len() * RECORD_BYTES);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&count.to_le_bytes());
    for record in records {
        bytes.extend_from_slice(&record.key);
        bytes.extend_from_slice(&record.fingerprint);
        bytes.extend_from_slice(&record.first_event.to_le_bytes());
        bytes.extend_from_slice(&record.event_count.to_le_bytes());
    }
    bytes
}

/// The records in a batch's metadata; none where it has no metadata.
///
/// # Errors
/// [`MetadataError`].
pub fn decode_commands(
    metadata: &[u8],
) -> Result<impl ExactSizeIterator<Item = CommandRecord> + '_, MetadataError> {
    let records = match metadata {
        [] => metadata,
        _ => {
            let (header, records) = metadata.split_at_checked(HEADER_BYTES).ok_or(MetadataError)?;
            let count = usize::from(u16::from_le_bytes([header[2], header[3]]));
            let known = u16::from_le_bytes([header[0], header[1]]) == VERSION;
            if !known || records.len() != count * RECORD_BYTES {
                return Err(MetadataError);
            }
            records
        }
    };
    Ok(records.chunks_exact(RECORD_BYTES).map(|bytes| CommandRecord {
        key: bytes[..16].try_into().expect("16 of 28 bytes"),
        fingerprint: bytes[16..24].try_into().expect("8 of 28 bytes"),
        first_event: u16::from_le_bytes([bytes[24], bytes[25]]),
        event_count: u16::from_le_bytes([bytes[26], bytes[27]]),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_round_trip_and_other_bytes_are_refused() {
        let records: Vec<_> = (0..3)
            .map(|n| CommandRecord {
                key: [n; 16],
                fingerprint: [n; 8],
                first_event: n.into(),
                event_count: 1,
            })
            .collect();
        let bytes = encode_commands(&records);
        assert_eq!(decode_commands(&bytes).unwrap().collect::<Vec<_>>(), records);
        assert_eq!(decode_commands(&[]).unwrap().len(), 0);
        assert!(decode_commands(&bytes[..bytes.len() - 1]).is_err());
        assert!(decode_commands(&[9, 0, 0, 0]).is_err());
        assert!(decode_commands(&[1]).is_err());
    }
}
