//! The connections of readers to one server: few, kept for the next, and closed at the least doubt.
//!
//! Invariant: a connection on which something failed or was given up is dropped at once, without another word to a server that may
//! hang, so that a database that vanishes takes no connection along for longer than one read.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow};
use tokio::sync::Semaphore;

use super::error::DatabaseError;
use super::schema::{self, within};

/// Reads are short, and the cores are few.
const CONNECTIONS: usize = 8;

/// Connections that are open or may be opened.
pub(crate) struct Connections {
    options: MySqlConnectOptions,
    permits: Semaphore,
    idle: Mutex<Vec<MySqlConnection>>,
}

impl Connections {
    /// Connects when it is first asked.
    pub(crate) fn new(options: MySqlConnectOptions) -> Self {
        Self { options, permits: Semaphore::new(CONNECTIONS), idle: Mutex::default() }
    }

    /// Closes what is idle, and takes nobody in any more.
    pub(crate) fn close(&self) {
        self.permits.close();
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<MySqlConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The rows that a question with one text in it comes to, within the limit.
    pub(crate) async fn ask(
        &self,
        question: &'static str,
        text: &str,
        limit: Duration,
    ) -> Result<Vec<MySqlRow>, DatabaseError> {
        within(limit, async {
            let closed = |_| DatabaseError::Unavailable(sqlx::Error::PoolClosed);
            let _permit = self.permits.acquire().await.map_err(closed)?;
            let idle = self.idle().pop();
            if let Some(connection) = idle {
                match self.ask_on(connection, question, text).await {
                    // The server was restarted since, or has closed what was idle: so it is with the others.
                    Err(DatabaseError::Unavailable(_)) => self.idle().clear(),
                    answered => return answered,
                }
            }
            self.ask_on(schema::connect(&self.options).await?, question, text).await
        })
        .await
    }

    async fn ask_on(
        &self,
        mut connection: MySqlConnection,
        question: &'static str,
        text: &str,
    ) -> Result<Vec<MySqlRow>, DatabaseError> {
        let rows = sqlx::query(question).bind(text).fetch_all(&mut connection).await?;
        self.idle().push(connection);
        Ok(rows)
    }
}
