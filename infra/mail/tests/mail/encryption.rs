//! Who can read along, and who can put in a word: TLS from the start, STARTTLS, and somebody between.

use crate::sample::mail_to;
use crate::smtp::{BUYER, open, plain, start};
use std::net::SocketAddr;
use ticketflow_mail::SendMailError;
use ticketflow_testbed::SmtpSecurity;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn encrypted_servers_get_the_name_and_password_and_nobody_else_does() {
    let login = Some(("entradas@example.cl", "p@ss:word/ñ"));
    for (security, scheme) in [(SmtpSecurity::Tls, "smtps"), (SmtpSecurity::StartTls, "smtp+starttls")] {
        let Some(server) = start(security, login) else { return };
        let (address, ca) = (server.address(), server.certificate());
        let setting = |password: &str, query: &str| {
            format!("{scheme}://entradas%40example.cl:{password}@{address}?answer_seconds=5{query}")
        };
        let trusted = format!("&ca={}", ca.display());
        let good = open(&setting("p%40ss%3Aword%2F%C3%B1", &trusted));
        good.send(&mail_to(BUYER, "first")).await.unwrap();
        good.send(&mail_to(BUYER, "again")).await.unwrap();
        let mails = server.accepted().unwrap();
        assert!(mails.iter().all(|mail| mail.is_encrypted && mail.is_authenticated));
        assert_eq!((mails.len(), &mails[0].connection), (2, &mails[1].connection));
        let wrong = open(&setting("wrong-secret", &trusted));
        let error = wrong.send(&mail_to(BUYER, "wrong")).await.unwrap_err();
        assert!(
            matches!(&error, SendMailError::Unavailable { reason, .. } if reason.starts_with("535 ")),
            "{error}"
        );
        assert!(!format!("{error} {error:?} {wrong:?}").contains("secret"));
        let untrusted = open(&setting("p%40ss%3Aword%2F%C3%B1", ""));
        let error = untrusted.send(&mail_to(BUYER, "untrusted")).await.unwrap_err();
        assert!(matches!(error, SendMailError::Unavailable { .. }), "{error}");
        assert_eq!(server.accepted().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn nothing_is_said_to_a_server_that_does_not_encrypt() {
    let Some(server) = plain() else { return };
    let transport = open(&format!("smtp+starttls://{}?answer_seconds=5", server.address()));
    let error = transport.send(&mail_to(BUYER, "downgrade")).await.unwrap_err();
    assert!(matches!(error, SendMailError::Unavailable { .. }), "{error}");
    assert_eq!(server.accepted().unwrap().len(), 0);
}

/// Passes one connection on, and answers the greeting after STARTTLS before the server does, in the clear.
async fn somebody_between(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = TcpStream::connect(server).await.unwrap().into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let mut bytes = [0; 4_096];
        loop {
            let count = from_server.read(&mut bytes).await.unwrap();
            if count == 0 {
                return;
            }
            let mut said = bytes[..count].to_vec();
            if said.starts_with(b"220 Ready to start TLS") {
                said.extend(b"250-evil.example.cl\r\n250 AUTH PLAIN\r\n");
            }
            if to_client.write_all(&said).await.is_err() {
                return;
            }
        }
    });
    address
}

#[tokio::test]
async fn what_is_said_before_encryption_is_not_believed_after_it() {
    let Some(server) = start(SmtpSecurity::StartTls, None) else { return };
    let between = somebody_between(server.address()).await;
    let setting = format!("smtp+starttls://{between}?answer_seconds=5&ca={}", server.certificate().display());
    let error = open(&setting).send(&mail_to(BUYER, "injected")).await.unwrap_err();
    assert!(matches!(error, SendMailError::Unavailable { .. }), "{error}");
    assert_eq!(server.accepted().unwrap().len(), 0);
}
