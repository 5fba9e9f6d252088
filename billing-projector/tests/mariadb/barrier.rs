//! Somebody at the server who stands in the way: holds what a statement took, until told to let go.

use std::process::{Child, Stdio};

use ticketflow_testbed::MariaDb;

use crate::bed::until;

/// Who holds it.
const HOLDERS: &str = "SELECT id FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'";

/// A client that holds locks.
pub(crate) struct Barrier(Child);

impl Barrier {
    /// Takes what the statements take.
    pub(crate) async fn raise(server: &MariaDb, statements: &str) -> Self {
        let mut client = server.client();
        client.args(["-D", "ticketflow", "-e", &format!("{statements}; SELECT SLEEP(600)")]);
        let barrier = Self(client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        until("it is held", async || !server.query(HOLDERS).unwrap().is_empty()).await;
        barrier
    }

    /// Lets go.
    pub(crate) fn lower(self, server: &MariaDb) {
        for id in server.query(HOLDERS).unwrap().lines() {
            server.query(&format!("KILL CONNECTION {id}")).unwrap();
        }
        self.falls();
    }

    /// With its server.
    pub(crate) fn falls(mut self) {
        self.0.wait().unwrap();
    }
}
