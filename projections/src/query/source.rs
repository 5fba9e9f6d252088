//! Where a read is answered from: the tables in PostgreSQL while there are any that can be reached, else the models in memory,
//! which every process has.
//!
//! Invariant: every answer says which of the two it is of, and how old it is. A database that fails during a read costs the
//! reader time, never the answer.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::AGE;
use http::{HeaderName, HeaderValue};
use ticketflow_domain::show::ShowInfo;
use ticketflow_event_store::Position;
use ticketflow_http::Problem;
use tokio::sync::Mutex;

use super::{MinPosition, POSITION_TIMEOUT, QueryPorts, STILL_PROCESSING};
use crate::feed_runner::MEMORY;
use crate::plan_drawing::DrawingHash;
use crate::postgres::{DatabaseError, POSTGRES, PostgresReads, PostgresShow};
use crate::read_models::ReadModels;
use crate::seat_map::{RenderedMap, SeatMap, SeatMapView};

const X_READ_MODEL: HeaderName = HeaderName::from_static("x-read-model");

/// What an answer is of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    model: &'static str,
    age: Duration,
}

impl Origin {
    /// The answer with its origin and its age in whole seconds (RFC 9111).
    pub(super) fn mark(self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        response.headers_mut().insert(X_READ_MODEL, HeaderValue::from_static(self.model));
        response.headers_mut().insert(AGE, HeaderValue::from(self.age.as_secs()));
        response
    }
}

/// What does not change of a show, and its map wherever that is.
#[derive(Clone)]
pub(super) enum MapSource {
    /// In memory.
    Memory(Arc<SeatMap>),
    /// In the tables.
    Postgres(Arc<PostgresShow>, Arc<PostgresReads>),
}

impl MapSource {
    pub(super) fn info(&self) -> &Arc<ShowInfo> {
        match self {
            Self::Memory(map) => &map.info,
            Self::Postgres(show, _) => &show.info,
        }
    }

    pub(super) fn plan_hash(&self) -> &DrawingHash {
        match self {
            Self::Memory(map) => &map.plan_hash,
            Self::Postgres(show, _) => &show.plan_hash,
        }
    }

    /// Where a rendering is shared.
    pub(super) fn rendered(&self) -> &Arc<Mutex<Option<RenderedMap>>> {
        match self {
            Self::Memory(map) => &map.rendered,
            Self::Postgres(show, _) => &show.rendered,
        }
    }

    /// Every seat as it is now.
    pub(super) async fn view(&self) -> Result<SeatMapView, DatabaseError> {
        match self {
            Self::Memory(map) => Ok(map.view()),
            Self::Postgres(show, reads) => reads.view(show).await,
        }
    }
}

impl QueryPorts {
    /// Reads from the tables, or from memory where that fails or there are none. Waits for a position that is asked for.
    pub(super) async fn read<T, F>(
        &self,
        wanted: MinPosition,
        from_tables: impl FnOnce(Arc<PostgresReads>) -> F,
        from_memory: impl FnOnce(&ReadModels) -> T,
    ) -> Result<(T, Origin), Problem>
    where
        F: Future<Output = Result<T, DatabaseError>>,
    {
        let position = wanted.min_position.unwrap_or(0);
        // Memory is ahead of the tables: who asks for a write just made is not kept waiting for those.
        if let Some(tables) = self.projections.postgres()
            && tables.position() >= position
            && let Some(reads) = tables.reads()
        {
            let age = tables.age();
            match from_tables(reads).await {
                Ok(read) => return Ok((read, Origin { model: POSTGRES, age })),
                Err(error) => tables.read_failed(&error),
            }
        }
        if !self.models.wait_for(position, POSITION_TIMEOUT).await {
            return Err(still_processing(position, self.models.position()));
        }
        let origin = self.memory_origin();
        Ok((from_memory(&self.models), origin))
    }

    /// Of what memory says now.
    pub(super) fn memory_origin(&self) -> Origin {
        Origin { model: MEMORY, age: self.projections.memory().age() }
    }
}

fn still_processing(wanted: Position, at: Position) -> Problem {
    STILL_PROCESSING.detail(format!("asked for position {wanted}, at {at}"))
}
