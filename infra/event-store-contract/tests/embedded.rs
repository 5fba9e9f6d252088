//! The suite against the embedded log.

use std::sync::Arc;

use futures_util::future::LocalBoxFuture;
use ticketflow_event_store::{EmbeddedLog, EventStore, LogOptions, RealDisk};
use ticketflow_event_store_contract::{Log, World, run_all};

struct Folders;

struct OneFolder {
    folder: tempfile::TempDir,
    open: Option<EventStore>,
}

impl World for Folders {
    fn name(&self) -> String {
        "embedded log".to_owned()
    }

    fn empty_log(&mut self) -> LocalBoxFuture<'_, Box<dyn Log>> {
        let folder = tempfile::tempdir().expect("a folder");
        Box::pin(async { Box::new(OneFolder { folder, open: None }) as Box<dyn Log> })
    }
}

impl Log for OneFolder {
    fn open(&mut self) -> LocalBoxFuture<'_, EventStore> {
        let store = self.open.get_or_insert_with(|| {
            let disk = Arc::new(RealDisk::new(self.folder.path()).expect("the folder is there"));
            EventStore::embedded(EmbeddedLog::open(disk, LogOptions::default()).expect("the log opens").0)
        });
        let store = store.clone();
        Box::pin(async move { store })
    }

    fn restart(&mut self) -> LocalBoxFuture<'_, ()> {
        let open = self.open.take();
        Box::pin(async move {
            if let Some(open) = open {
                open.close().await.expect("the log closes");
            }
        })
    }

    fn lose_acknowledgements(&mut self, _lose: bool) -> bool {
        false
    }

    fn close(mut self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move { self.restart().await })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_embedded_log_does_what_an_event_store_has_to() {
    run_all(&mut Folders).await;
}
