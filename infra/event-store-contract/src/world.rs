//! What the suite needs to know of a store.

use futures_util::future::LocalBoxFuture;
use ticketflow_event_store::EventStore;

/// One kind of event store.
pub trait World {
    /// For messages.
    fn name(&self) -> String;

    /// Makes a log without events.
    fn empty_log(&mut self) -> LocalBoxFuture<'_, Box<dyn Log>>;
}

/// One log.
pub trait Log {
    /// Opens it as one more process would; where only one process can, one more handle of it.
    fn open(&mut self) -> LocalBoxFuture<'_, EventStore>;

    /// Ends everything that the log stands on, and all that [`Log::open`] gave, and starts it again.
    fn restart(&mut self) -> LocalBoxFuture<'_, ()>;

    /// Has acknowledgements lost on their way to all that were opened, or come through again. `false` where none travels.
    fn lose_acknowledgements(&mut self, lose: bool) -> bool;

    /// Ends everything.
    fn close(self: Box<Self>) -> LocalBoxFuture<'static, ()>;
}
