//! One conversation with an SMTP server: connected, encrypted and introduced as the setting says.

use crate::compose::Mail;
use crate::line_stream::LineStream;
use crate::reply::{Trouble, answer, shown_response};
use crate::setting::{Security, SmtpServerSetting, is_private};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt, Rset};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::response::Severity;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// To reach a server, or to know that it is not reached.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// So much longer may the answer to a whole mail take: servers look into it before they accept it.
const MAIL_ANSWER_FACTOR: u32 = 2;

/// A connection on which the next mail can be said.
pub(crate) struct Connection {
    connection: AsyncSmtpConnection,
    limit: Duration,
    pub(crate) mails: u32,
    pub(crate) used_at: Instant,
}

/// Why a mail was not accepted, by how far it got.
#[derive(Debug)]
pub(crate) enum Unsent {
    /// The server will not have it.
    Refused(String),
    /// Before its content was sent.
    Before(Trouble),
    /// After.
    Unknown(String),
}

impl Connection {
    /// Connects. Every failure here is one of the way to the server, not of any mail.
    pub(crate) async fn open(
        server: &SmtpServerSetting,
        tls: Option<&TlsParameters>,
    ) -> Result<Self, Trouble> {
        let addresses = addresses(server).await?;
        let hello = server.hello.clone().map_or_else(ClientId::default, ClientId::Domain);
        let limit = server.answer_limit;
        let mut connection = match (server.security, tls) {
            (Security::StartTls, Some(tls)) => {
                let stream = Box::new(LineStream(connect(&addresses).await?));
                let greeted = AsyncSmtpConnection::connect_with_transport(stream, &hello);
                let mut connection = answer(limit, greeted).await?;
                answer(limit, connection.starttls(tls.clone(), &hello)).await?;
                connection
            }
            (_, tls) => {
                let stream = addresses.as_slice();
                let greeted = AsyncSmtpConnection::connect_tokio1(
                    stream,
                    Some(CONNECT_LIMIT),
                    &hello,
                    tls.cloned(),
                    None,
                );
                answer(CONNECT_LIMIT + limit, greeted).await?
            }
        };
        if let Some((user, password)) = &server.login {
            let credentials = Credentials::new(user.clone(), password.clone());
            answer(limit, connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials)).await?;
        }
        Ok(Self { connection, limit, mails: 0, used_at: Instant::now() })
    }

    /// Sends one mail, and gives what the server said. After a refusal the connection is good for the next one.
    pub(crate) async fn send(&mut self, mail: &Mail) -> Result<String, Unsent> {
        let limit = self.limit;
        let from = MailFrom::new(Some(mail.sender.clone()), Vec::new());
        // Who may send is between the operator and the server: no mail is lost for it.
        answer(limit, self.connection.command(from)).await.map_err(Unsent::Before)?;
        let recipient = Rcpt::new(mail.recipient.clone(), Vec::new());
        answer(limit, self.connection.command(recipient)).await.map_err(refused)?;
        answer(limit, self.connection.command(Data)).await.map_err(refused)?;
        let content = self.connection.message(&mail.content);
        let said = answer(limit * MAIL_ANSWER_FACTOR, content).await.map_err(|trouble| match trouble {
            Trouble::Silence(reason) => Unsent::Unknown(reason),
            said => refused(said),
        })?;
        // An answer to something else: whoever gave it, the mail may have arrived.
        if said.code().severity != Severity::PositiveCompletion {
            return Err(Unsent::Unknown(shown_response(&said)));
        }
        (self.mails, self.used_at) = (self.mails + 1, Instant::now());
        Ok(shown_response(&said))
    }

    /// Forgets the mail that was refused; whether it could.
    pub(crate) async fn reset(&mut self) -> bool {
        self.used_at = Instant::now();
        answer(self.limit, self.connection.command(Rset)).await.is_ok()
    }
}

fn refused(trouble: Trouble) -> Unsent {
    match trouble {
        Trouble::No(reply) => Unsent::Refused(reply),
        trouble => Unsent::Before(trouble),
    }
}

/// A connection to the first of the addresses that has somebody.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Trouble> {
    let silence = |text: String| Trouble::Silence(text);
    match tokio::time::timeout(CONNECT_LIMIT, TcpStream::connect(addresses)).await {
        Ok(connected) => connected.map_err(|error| silence(format!("cannot connect: {error}"))),
        Err(_) => Err(silence(format!("no connection within {} s", CONNECT_LIMIT.as_secs()))),
    }
}

/// Where a server is; without encryption, only where nobody on the internet reads along.
async fn addresses(server: &SmtpServerSetting) -> Result<Vec<SocketAddr>, Trouble> {
    let found = tokio::net::lookup_host((server.host.as_str(), server.port));
    let silence = |text: String| Trouble::Silence(text);
    let found = match tokio::time::timeout(CONNECT_LIMIT, found).await {
        Ok(found) => found.map_err(|error| silence(format!("the server's name has no address: {error}")))?,
        Err(_) => return Err(silence("no name server answered".to_owned())),
    };
    let mut addresses: Vec<SocketAddr> = found.collect();
    if server.security == Security::Plain {
        addresses.retain(|address| is_private(address.ip()));
        if addresses.is_empty() {
            let reason = "the server is on the internet, and smtp:// does not encrypt: use smtps:// or smtp+starttls://";
            return Err(silence(reason.to_owned()));
        }
    }
    Ok(addresses)
}
