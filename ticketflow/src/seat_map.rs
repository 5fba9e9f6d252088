//! `--seat-map`: where the read models are kept beside memory.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use ticketflow_command_service::{Clock, random};
use ticketflow_domain::ops::OpsEvent;
use ticketflow_event_store::{
    Append, Category, EncodedEvents, EventStore, Expected, Position, StreamId, Urgency, push_ops_event,
};
use ticketflow_projections::{Audit, PostgresPorts, PostgresProjection};

/// The one stream of what operators did.
const OPERATORS: StreamId = StreamId::new(Category::Ops, [0; 16]);
/// In memory alone, which is always there.
const MEMORY: &str = "memory";

/// Starts to keep the read models where `--seat-map` says; nothing for `memory`. To be called within a Tokio runtime.
pub(crate) fn start(seat_map: &str, store: &EventStore) -> Result<Option<Arc<PostgresProjection>>> {
    if seat_map == MEMORY {
        return Ok(None);
    }
    let url = database(seat_map)?;
    let ports =
        PostgresPorts { url, store: store.clone(), audit: audit(store.clone()), now: || Clock::System.now() };
    Ok(Some(PostgresProjection::start(ports).context("--seat-map")?))
}

/// The database that a `--seat-map` names.
pub(crate) fn database(seat_map: &str) -> Result<String> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| seat_map.starts_with(scheme)) {
        // What was given may hold a password and is not repeated.
        bail!("--seat-map takes `memory` or postgres://USER:PASSWORD@HOST:PORT/DATABASE");
    }
    Ok(seat_map.to_owned())
}

fn audit(store: EventStore) -> Audit {
    Arc::new(move |event| {
        let store = store.clone();
        Box::pin(async move { append(&store, &event).await.map_err(|error| format!("{error:#}")) })
    })
}

async fn append(store: &EventStore, event: &OpsEvent) -> Result<Position> {
    let mut events = EncodedEvents::new();
    push_ops_event(&mut events, event)?;
    let append = Append {
        stream: OPERATORS,
        expected: Expected::Any,
        batch_id: random::<16>(),
        recorded_at_ms: Clock::System.now().as_millis(),
        metadata: Vec::new(),
        events,
        urgency: Urgency::Essential,
    };
    Ok(store.append(append).await?.last_position)
}
