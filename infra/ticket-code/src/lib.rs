//! Ticket codes: the text of a ticket's QR code, signed so that a door verifies it without asking anybody.
//!
//! Version, key id, ticket, show, seat and generation under an Ed25519 signature. The signature is deterministic, so a ticket
//! has one code for life and none is stored. Whether the ticket still admits is decided by the show.

use data_encoding::BASE32_NOPAD;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};
use ticketflow_domain::{SeatIndex, ShowId, TicketId};

/// First characters of every ticket code; all characters belong to a QR code's dense alphanumeric mode.
const CODE_PREFIX: &str = "TF:";
const CODE_VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 4;
const SIGNED_BYTES: usize = 1 + KEY_ID_BYTES + 16 + 16 + 4 + 4;
const SIGNATURE_BYTES: usize = 64;

/// What a ticket code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketCode {
    /// The ticket.
    pub ticket_id: TicketId,
    /// Its show.
    pub show_id: ShowId,
    /// Its seat.
    pub seat: SeatIndex,
    /// The seat's revision when it was sold.
    pub generation: u32,
}

/// A code that is none of ours: misread, made up or altered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the code was not issued here")]
pub struct ForgedCode;

/// Makes and reads ticket codes.
#[derive(Clone)]
pub struct TicketSigner {
    signing: SigningKey,
    key_id: [u8; KEY_ID_BYTES],
}

impl std::fmt::Debug for TicketSigner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TicketSigner(..)")
    }
}

impl TicketSigner {
    /// With the key of this seed.
    #[must_use]
    pub fn new(seed: &[u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(seed);
        let public: [u8; 32] = Sha256::digest(signing.verifying_key().as_bytes()).into();
        Self { key_id: public[..KEY_ID_BYTES].try_into().expect("4 of 32 bytes"), signing }
    }

    /// The key with which doors verify codes.
    #[must_use]
    pub fn verifying_key(&self) -> VerifyingKey {
        self.signing.verifying_key()
    }

    /// The text of a ticket's QR code.
    #[must_use]
    pub fn sign(&self, code: &TicketCode) -> String {
        let mut bytes = Vec::with_capacity(SIGNED_BYTES + SIGNATURE_BYTES);
        bytes.push(CODE_VERSION);
        bytes.extend_from_slice(&self.key_id);
        bytes.extend_from_slice(&code.ticket_id.to_bytes());
        bytes.extend_from_slice(&code.show_id.to_bytes());
        bytes.extend_from_slice(&code.seat.0.to_be_bytes());
        bytes.extend_from_slice(&code.generation.to_be_bytes());
        let signature = self.signing.sign(&bytes);
        bytes.extend_from_slice(&signature.to_bytes());
        format!("{CODE_PREFIX}{}", BASE32_NOPAD.encode(&bytes))
    }

    /// What a code says, if it is one of ours.
    ///
    /// # Errors
    /// [`ForgedCode`].
    pub fn read(&self, text: &str) -> Result<TicketCode, ForgedCode> {
        let encoded = text.trim().strip_prefix(CODE_PREFIX).ok_or(ForgedCode)?;
        let bytes = BASE32_NOPAD.decode(encoded.as_bytes()).map_err(|_| ForgedCode)?;
        let (signed, signature) = bytes.split_at_checked(SIGNED_BYTES).ok_or(ForgedCode)?;
        let signature = Signature::from_slice(signature).map_err(|_| ForgedCode)?;
        if signed[0] != CODE_VERSION || signed[1..1 + KEY_ID_BYTES] != self.key_id {
            return Err(ForgedCode);
        }
        self.signing.verifying_key().verify_strict(signed, &signature).map_err(|_| ForgedCode)?;
        let array = |start: usize| -> [u8; 16] { signed[start..start + 16].try_into().expect("16 bytes") };
        let number = |start: usize| u32::from_be_bytes(signed[start..start + 4].try_into().expect("4 bytes"));
        Ok(TicketCode {
            ticket_id: TicketId::from_bytes(array(5)),
            show_id: ShowId::from_bytes(array(21)),
            seat: SeatIndex(number(37)),
            generation: number(41),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer(seed: u8) -> TicketSigner {
        TicketSigner::new(&[seed; 32])
    }

    #[test]
    fn a_code_reads_back_and_no_changed_character_passes() {
        let code = TicketCode {
            ticket_id: TicketId::from_bytes([3; 16]),
            show_id: ShowId::from_bytes([4; 16]),
            seat: SeatIndex(5),
            generation: 6,
        };
        let text = signer(1).sign(&code);
        assert_eq!(signer(1).read(&text), Ok(code));
        assert_eq!(signer(1).sign(&code), text, "the same code every time");
        assert_eq!(signer(2).read(&text), Err(ForgedCode));
        for index in 0..text.len() {
            let mut altered = text.clone().into_bytes();
            altered[index] = if altered[index] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert_eq!(signer(1).read(&altered), Err(ForgedCode), "{index}");
        }
        assert_eq!(signer(1).read(""), Err(ForgedCode));
    }
}
