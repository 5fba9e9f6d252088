//! The suite that every event store has to pass, on one server and on three.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use tempfile::TempDir;
use ticketflow_event_store::EventStore;
use ticketflow_event_store_contract::{Log, World, run_all};
use ticketflow_testbed::{NatsCluster, NatsServer, TcpProxy};

use crate::servers::{open, or_skip, start, through, with_stream};

/// The servers that logs are on; all logs of a suite share them.
trait Servers: Clone + 'static {
    fn name(&self) -> &'static str;
    fn url(&self) -> String;
    /// Of the server that clients of the suite connect to.
    fn address(&self) -> SocketAddr;
    /// Kills all and starts them again.
    fn restart(&self);
}

struct Shared<S>(Rc<RefCell<S>>);

impl<S> Shared<S> {
    fn new(servers: S) -> Self {
        Self(Rc::new(RefCell::new(servers)))
    }
}

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl Servers for Shared<NatsServer> {
    fn name(&self) -> &'static str {
        "JetStream, one server"
    }

    fn url(&self) -> String {
        self.0.borrow().event_store_url()
    }

    fn address(&self) -> SocketAddr {
        self.0.borrow().address()
    }

    fn restart(&self) {
        let mut server = self.0.borrow_mut();
        server.process().kill();
        server.restart().expect("the server starts");
    }
}

impl Servers for Shared<NatsCluster> {
    fn name(&self) -> &'static str {
        "JetStream, three servers"
    }

    fn url(&self) -> String {
        self.0.borrow().event_store_url()
    }

    fn address(&self) -> SocketAddr {
        self.0.borrow().nodes()[0].address()
    }

    fn restart(&self) {
        let mut cluster = self.0.borrow_mut();
        for node in cluster.nodes_mut() {
            node.process().kill();
        }
        for node in cluster.nodes_mut() {
            node.launch().expect("the server starts");
        }
        cluster.wait_until_settled().expect("the servers find together");
    }
}

struct Logs<S> {
    servers: S,
    made: u32,
}

struct OneLog<S> {
    servers: S,
    stream: String,
    /// Between the log's users and the servers.
    proxy: TcpProxy,
    opened: Vec<(EventStore, TempDir)>,
}

impl<S: Servers> World for Logs<S> {
    fn name(&self) -> String {
        self.servers.name().to_owned()
    }

    fn empty_log(&mut self) -> LocalBoxFuture<'_, Box<dyn Log>> {
        self.made += 1;
        let log = OneLog {
            servers: self.servers.clone(),
            stream: format!("LOG{}", self.made),
            proxy: TcpProxy::start(self.servers.address()).expect("the proxy starts"),
            opened: Vec::new(),
        };
        Box::pin(async { Box::new(log) as Box<dyn Log> })
    }
}

impl<S: Servers> Log for OneLog<S> {
    fn open(&mut self) -> LocalBoxFuture<'_, EventStore> {
        Box::pin(async {
            let folder = tempfile::tempdir().expect("a folder");
            let url = with_stream(&self.servers.url(), &self.stream);
            let url = through(&url, self.proxy.address());
            let store = open(&url, folder.path()).await.expect("the replica opens");
            self.opened.push((store.clone(), folder));
            store
        })
    }

    fn restart(&mut self) -> LocalBoxFuture<'_, ()> {
        Box::pin(async {
            self.end().await;
            self.servers.restart();
        })
    }

    fn lose_acknowledgements(&mut self, lose: bool) -> bool {
        if lose {
            self.proxy.swallow_answers();
        } else {
            self.proxy.resume().expect("the proxy goes on");
        }
        true
    }

    fn close(mut self: Box<Self>) -> LocalBoxFuture<'static, ()> {
        Box::pin(async move { self.end().await })
    }
}

impl<S: Servers> OneLog<S> {
    async fn end(&mut self) {
        for (store, _) in self.opened.drain(..) {
            store.close().await.expect("the replica closes");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_does_what_an_event_store_has_to() {
    let Some(server) = start() else { return };
    run_all(&mut Logs { servers: Shared::new(server), made: 0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_servers_do_what_an_event_store_has_to() {
    let Some(cluster) = or_skip(NatsCluster::start()) else { return };
    run_all(&mut Logs { servers: Shared::new(cluster), made: 0 }).await;
}
