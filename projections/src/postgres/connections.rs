//! The connections of readers: few, kept for the next, and closed at the least doubt.
//!
//! Invariant: a connection on which something failed or was given up is closed at once, without another word to a server that
//! may hang, so that a database that vanishes takes no connection along for longer than one read.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::control::{self, Generation};
use super::error::DatabaseError;
use super::load::damaged;

/// Reads are short, and the cores are few.
const CONNECTIONS: usize = 8;

/// Connections that are open or may be opened.
pub(crate) struct Connections {
    options: PgConnectOptions,
    permits: Semaphore,
    idle: Mutex<Vec<PgConnection>>,
}

impl Connections {
    /// Connects when it is first asked.
    pub(crate) fn new(options: PgConnectOptions) -> Self {
        Self { options, permits: Semaphore::new(CONNECTIONS), idle: Mutex::default() }
    }

    /// Closes what is idle, and takes nobody in any more.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A snapshot of the live generation. To be bounded in time by the caller, and ended when it was read.
    pub(crate) async fn snapshot(&self) -> Result<Snapshot<'_>, DatabaseError> {
        let closed = |_| DatabaseError::Unavailable(sqlx::Error::PoolClosed);
        let permit = self.permits.acquire().await.map_err(closed)?;
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => control::connect(&self.options).await?,
        };
        sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(&mut connection).await?;
        match control::use_live(&mut connection).await? {
            Some(generation) => {
                Ok(Snapshot { connections: self, connection: Some(connection), generation, _permit: permit })
            }
            None => Err(damaged("there are no tables yet")),
        }
    }
}

/// A read under way; dropped before its end, it takes its connection along.
pub(crate) struct Snapshot<'a> {
    connections: &'a Connections,
    connection: Option<PgConnection>,
    generation: Generation,
    _permit: SemaphorePermit<'a>,
}

impl Snapshot<'_> {
    /// Which tables are read.
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Ends it; the next reader gets the connection.
    pub(crate) async fn end(mut self) -> Result<(), DatabaseError> {
        if let Some(mut connection) = self.connection.take() {
            sqlx::query("COMMIT").execute(&mut connection).await?;
            self.connections.idle().push(connection);
        }
        Ok(())
    }
}

impl Deref for Snapshot<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect("it is there until the end")
    }
}

impl DerefMut for Snapshot<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("it is there until the end")
    }
}
