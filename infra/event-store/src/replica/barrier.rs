//! Asking the server where its log ends, once for all who ask at the same time.

use std::time::Instant;

use tokio::sync::Mutex;

use crate::log_server::{Cursor, LogServer, ServerUnavailable};

/// The last answer and when its question was asked.
#[derive(Default)]
pub(crate) struct Barrier(Mutex<Option<(Instant, Cursor)>>);

impl Barrier {
    /// Where the server's log ended at some moment after this call began.
    pub(crate) async fn end(&self, server: &dyn LogServer) -> Result<Cursor, ServerUnavailable> {
        let began = Instant::now();
        let mut last = self.0.lock().await;
        if let Some((asked, end)) = *last
            && asked >= began
        {
            return Ok(end);
        }
        let asked = Instant::now();
        let end = server.end().await?;
        *last = Some((asked, end));
        Ok(end)
    }
}
