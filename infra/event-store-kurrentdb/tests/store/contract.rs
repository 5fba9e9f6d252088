//! The suite that every event store has to pass: against the double, and against a real server where one is named.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::SystemTime;

use futures_util::future::LocalBoxFuture;
use tempfile::TempDir;
use ticketflow_event_store::EventStore;
use ticketflow_event_store_contract::{Log, World, run_all};

use crate::double::Double;
use crate::servers::open;

/// Names a real server, as `kurrentdb://HOST:PORT?tls=false`. The suite makes logs of its own on it.
const REAL_SERVER: &str = "TICKETFLOW_KURRENTDB_URL";

/// The server that all logs of a suite are on.
#[derive(Clone)]
enum Server {
    Double(Rc<RefCell<Double>>),
    /// The address of a server, which the tests do not restart.
    Real(String),
}

struct Logs {
    server: Server,
    /// Before the names of its logs.
    name: String,
    made: u32,
}

struct OneLog {
    server: Server,
    log: String,
    opened: Vec<(EventStore, TempDir)>,
}

impl Server {
    fn url(&self, log: &str) -> String {
        match self {
            Self::Double(double) => double.borrow().url(log),
            Self::Real(url) => {
                let (servers, query) = url.split_once('?').unwrap_or((url, ""));
                format!("{}/{log}?{query}", servers.trim_end_matches('/'))
            }
        }
    }
}

impl World for Logs {
    fn name(&self) -> String {
        match self.server {
            Server::Double(_) => "KurrentDB, a double".to_owned(),
            Server::Real(_) => "KurrentDB".to_owned(),
        }
    }

    fn empty_log(&mut self) -> LocalBoxFuture<'_, Box<dyn Log>> {
        self.made += 1;
        let log = format!("{}{}", self.name, self.made);
        let log = OneLog { server: self.server.clone(), log, opened: Vec::new() };
        Box::pin(async { Box::new(log) as Box<dyn Log> })
    }
}

impl Log for OneLog {
    fn open(&mut self) -> LocalBoxFuture<'_, EventStore> {
        Box::pin(async {
            let folder = tempfile::tempdir().expect("a folder");
            let store = open(&self.server.url(&self.log), folder.path()).await.expect("the replica opens");
            self.opened.push((store.clone(), folder));
            store
        })
    }

    #[allow(clippy::await_holding_refcell_ref, reason = "nothing else runs in this thread meanwhile")]
    fn restart(&mut self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {
            self.end().await;
            if let Server::Double(double) = &self.server {
                let mut double = double.borrow_mut();
                double.stop().await;
                double.launch().await;
            }
        })
    }

    fn lose_acknowledgements(&mut self, lose: bool) -> bool {
        match &self.server {
            Server::Double(double) => {
                double.borrow().lose_answers(lose);
                true
            }
            Server::Real(_) => false,
        }
    }

    fn close(mut self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move { self.end().await })
    }
}

impl OneLog {
    async fn end(&mut self) {
        for (store, _) in self.opened.drain(..) {
            store.close().await.expect("the replica closes");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wire_does_what_an_event_store_has_to() {
    let server = Server::Double(Rc::new(RefCell::new(Double::start().await)));
    run_all(&mut Logs { server, name: "LOG".to_owned(), made: 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_server_does_what_an_event_store_has_to() {
    let Ok(url) = std::env::var(REAL_SERVER) else {
        println!("SKIPPED: no KurrentDB server; name one in {REAL_SERVER}");
        return;
    };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let name = format!("TEST_{}_", now.as_millis());
    run_all(&mut Logs { server: Server::Real(url), name, made: 0 }).await;
}
