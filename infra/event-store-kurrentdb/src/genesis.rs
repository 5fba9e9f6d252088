//! The stream that says what the log is: one event, made by who opens the log first.
//!
//! Its id is made at random, so it tells this log from any other of the same name: on another server, or after the streams
//! were deleted.

use kurrentdb::{Error, EventData, ReadStreamOptions, StreamState};
use serde::{Deserialize, Serialize};
use ticketflow_event_store::OfferError;

use crate::address::KurrentAddress;
use crate::calls::{Calls, Write};
use crate::connection::{ConnectError, Connection};

const EVENT_TYPE: &str = "LogCreated";
/// How batches are stored: see `events`. A later software that stores them otherwise says another number.
const FORMAT: u32 = 1;
/// Tries until one's own event or another's is there.
const TRIES: usize = 5;

#[derive(Serialize, Deserialize)]
struct LogCreated {
    format: u32,
}

/// Which log this is; makes it if there is none.
pub(crate) async fn identity(
    connection: &Connection,
    calls: &Calls,
    address: &KurrentAddress,
) -> Result<String, ConnectError> {
    let unreachable = |reason: String| ConnectError::Unreachable { address: format!("{address:?}"), reason };
    let mut reason = "the log cannot be made".to_owned();
    for _ in 0..TRIES {
        match read(connection, address).await {
            Ok(Some(identity)) => return identity,
            Ok(None) => {}
            Err(error) => return Err(ConnectError::of(&error, address)),
        }
        let created = EventData::json(EVENT_TYPE, &LogCreated { format: FORMAT });
        let write = Write {
            stream: address.log.clone(),
            expected: StreamState::NoStream,
            events: vec![created.expect("a number has a JSON form")],
        };
        match calls.append(write).await {
            // Whoever was faster, the first event counts.
            Ok(()) | Err(OfferError::Conflict) => {}
            Err(error) => reason = error.to_string(),
        }
    }
    Err(unreachable(reason))
}

/// What the first event of the log's own stream says, if there is one.
async fn read(
    connection: &Connection,
    address: &KurrentAddress,
) -> Result<Option<Result<String, ConnectError>>, Error> {
    let used = connection.client();
    let mut options = ReadStreamOptions::default().max_count(1).requires_leader(true);
    if let Some(credentials) = &connection.credentials {
        options = options.authenticated(credentials.clone());
    }
    let log = &address.log;
    let first = async {
        let mut events = used.client.read_stream(log.as_str(), &options).await?;
        events.next().await
    };
    let event = match first.await {
        Ok(resolved) => resolved.and_then(|resolved| resolved.event),
        Err(Error::ResourceNotFound) => None,
        Err(error) => {
            connection.failed(used.number, &error);
            return Err(error);
        }
    };
    Ok(event.map(|event| {
        let unfit = |reason: String| ConnectError::Unfit { log: log.clone(), reason };
        if event.event_type != EVENT_TYPE {
            return Err(unfit(format!("its first event is {}", event.event_type)));
        }
        let created: LogCreated = event.as_json().map_err(|error| unfit(error.to_string()))?;
        if created.format != FORMAT {
            return Err(unfit(format!("it is stored in format {}, known is {FORMAT}", created.format)));
        }
        Ok(format!("KurrentDB log {log} created as {}", event.id))
    }))
}
