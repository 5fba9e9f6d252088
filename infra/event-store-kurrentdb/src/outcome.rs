//! What a failed append means for the batch.
//!
//! Statuses are those of the server's source; some are told apart by their text alone, and so are errors of the client. A text that
//! is no longer recognised makes an outcome unknown, which costs time and loses nothing.

use kurrentdb::Error;
use ticketflow_event_store::OfferError;
use tonic::Code;

/// What the client says of a call that has ended: by then nothing of the append was sent, as a call has one append at a time.
const CALL_ENDED: &str = "Batch-append stream has been closed";
/// What the client says when there is no connection that a call could be opened on.
const NOT_CONNECTED: &str = "client error (Connect)";

/// Whether the call had ended before the append could be sent.
pub(crate) fn call_had_ended(error: &Error) -> bool {
    matches!(error, Error::ServerError(text) if text.contains(CALL_ENDED))
}

/// What a failed append means.
pub(crate) fn refusal(error: &Error) -> OfferError {
    match error {
        Error::WrongExpectedVersion { .. } => OfferError::Conflict,
        Error::NotLeaderException(_) => OfferError::Unavailable("the server is not the leader".to_owned()),
        Error::AccessDenied => OfferError::Unavailable("the server refuses the user".to_owned()),
        Error::ServerError(text) if text.contains(NOT_CONNECTED) => OfferError::Unavailable(text.clone()),
        Error::ResourceDeleted => deleted(),
        Error::Grpc { code, message } => match code {
            Code::AlreadyExists => OfferError::Conflict,
            Code::InvalidArgument if message.starts_with("MaximumAppend") => OfferError::TooLarge,
            Code::PermissionDenied | Code::Unauthenticated => {
                OfferError::Unavailable("the server refuses the user".to_owned())
            }
            Code::NotFound => deleted(),
            // A status without a code: the server did not handle it, being busy or not ready.
            Code::Ok => OfferError::Unavailable(message.clone()),
            Code::InvalidArgument => OfferError::Unavailable(error.to_string()),
            // More than the server reads as one message.
            Code::ResourceExhausted if message.contains("message size") => OfferError::TooLarge,
            _ => OfferError::Unknown(error.to_string()),
        },
        _ => OfferError::Unknown(error.to_string()),
    }
}

fn deleted() -> OfferError {
    OfferError::Unavailable("the stream was deleted on the server".to_owned())
}
