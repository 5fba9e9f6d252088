//! Mails to an SMTP server, over a few connections that are used again.
//!
//! Invariant: a mail whose content may have reached the server is not sent again from here. What was said before that has no
//! consequence, so that a connection which turns out to be closed is replaced without a word.

use crate::compose::Mail;
use crate::connection::{Connection, Unsent};
use crate::reply::without_address;
use crate::setting::{Security, SmtpServerSetting};
use crate::transport::{Accepted, OpenMailTransportError, SendMailError};
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// At the same time; servers refuse clients that come with many.
const MAX_CONNECTIONS: usize = 4;
/// Servers close connections on which nothing is said, the strictest after some tens of seconds.
const IDLE_LIMIT: Duration = Duration::from_secs(20);
/// Servers answer 421 to clients that never leave.
const MAX_MAILS_PER_CONNECTION: u32 = 100;

/// An SMTP server that takes mails for everybody.
pub(crate) struct SmtpRelay {
    server: SmtpServerSetting,
    tls: Option<TlsParameters>,
    turns: Semaphore,
    /// At most [`MAX_CONNECTIONS`]: whoever adds one has a turn.
    idle: Mutex<Vec<Connection>>,
}

impl SmtpRelay {
    pub(crate) fn open(server: &SmtpServerSetting) -> Result<Self, OpenMailTransportError> {
        let tls = match server.security {
            Security::Plain => None,
            Security::StartTls | Security::Tls => Some(tls(server)?),
        };
        let (turns, idle) = (Semaphore::new(MAX_CONNECTIONS), Mutex::default());
        Ok(Self { server: server.clone(), tls, turns, idle })
    }

    /// As logs may show it.
    pub(crate) fn name(&self) -> String {
        self.server.to_string()
    }

    pub(crate) async fn send(&self, mail: &Mail) -> Result<Accepted, SendMailError> {
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        let sent = self.send_in_turn(mail).await;
        let clean = |text: &str| without_address(text, mail.recipient());
        let id = mail.id.clone();
        match sent {
            Ok(reply) => Ok(Accepted { reply: clean(&reply) }),
            Err(Unsent::Refused(reply)) => Err(SendMailError::Refused { id, reply: clean(&reply) }),
            Err(Unsent::Unknown(reason)) => Err(SendMailError::OutcomeUnknown { id, reason: clean(&reason) }),
            Err(Unsent::Before(trouble)) => {
                Err(SendMailError::Unavailable { id, reason: clean(&trouble.into_text()) })
            }
        }
    }

    async fn send_in_turn(&self, mail: &Mail) -> Result<String, Unsent> {
        // Ends: each turn of the loop takes a connection out, and only mails that were sent put one in.
        while let Some(mut connection) = self.take() {
            match connection.send(mail).await {
                Err(Unsent::Before(trouble)) if trouble.is_end_of_connection() => {}
                sent => return self.done(connection, sent).await,
            }
        }
        let mut connection =
            Connection::open(&self.server, self.tls.as_ref()).await.map_err(Unsent::Before)?;
        let sent = connection.send(mail).await;
        self.done(connection, sent).await
    }

    /// A connection that was good a moment ago.
    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|connection| connection.used_at.elapsed() < IDLE_LIMIT);
        idle.pop()
    }

    /// Keeps a connection for the next mail where it is good for one. Dropped while it waits, it is closed, never kept.
    async fn done(&self, mut connection: Connection, sent: Result<String, Unsent>) -> Result<String, Unsent> {
        let is_good = match &sent {
            Ok(_) => true,
            Err(Unsent::Refused(_)) => connection.reset().await,
            Err(Unsent::Before(_) | Unsent::Unknown(_)) => false,
        };
        if is_good && connection.mails < MAX_MAILS_PER_CONNECTION {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
        sent
    }
}

fn tls(server: &SmtpServerSetting) -> Result<TlsParameters, OpenMailTransportError> {
    let no_tls =
        |error: lettre::transport::smtp::Error| OpenMailTransportError::Tls { reason: error.to_string() };
    let mut tls = TlsParameters::builder(server.host.clone());
    if let Some(path) = &server.certificates {
        let pem = std::fs::read(path);
        let pem =
            pem.map_err(|source| OpenMailTransportError::Certificates { path: path.clone(), source })?;
        tls = tls.certificate_store(CertificateStore::None);
        tls = tls.add_root_certificate(Certificate::from_pem(&pem).map_err(no_tls)?);
    }
    tls.build().map_err(no_tls)
}
