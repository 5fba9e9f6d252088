//! Mails to a real SMTP server that refuses, is busy, loses answers, hangs and restarts.

use crate::reader::read;
use crate::sample::mail_to;
use std::collections::HashSet;
use std::time::{Duration, Instant};
use ticketflow_mail::{MailTransport, SendMailError};
use ticketflow_testbed::{SmtpFaults, SmtpSecurity, SmtpServer, TestbedError, free_port};

pub(crate) const BUYER: &str = "antonia@example.cl";

/// A server, or `None` and a line that says why there is none.
pub(crate) fn start(security: SmtpSecurity, login: Option<(&str, &str)>) -> Option<SmtpServer> {
    match SmtpServer::start_with(security, login) {
        Ok(server) => Some(server),
        Err(missing @ TestbedError::Missing { .. }) => {
            println!("SKIPPED: {missing}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn plain() -> Option<SmtpServer> {
    start(SmtpSecurity::Plain, None)
}

pub(crate) fn open(setting: &str) -> MailTransport {
    MailTransport::open(&setting.parse().unwrap()).unwrap()
}

fn transport_to(server: &SmtpServer) -> MailTransport {
    open(&format!("smtp://{}?answer_seconds=5", server.address()))
}

fn message_ids(server: &SmtpServer) -> HashSet<String> {
    let mails = server.accepted().unwrap();
    let id = |content: &[u8]| {
        let text = String::from_utf8_lossy(content).into_owned();
        text.lines().find_map(|line| line.strip_prefix("Message-ID: ").map(str::to_owned)).unwrap()
    };
    mails.iter().map(|mail| id(&mail.content)).collect()
}

#[tokio::test]
async fn mails_arrive_as_they_were_written_over_one_connection() {
    let Some(server) = plain() else { return };
    let transport = transport_to(&server);
    for n in 0..5 {
        let mail = mail_to(BUYER, &format!("mail-{n}"));
        let accepted = transport.send(&mail).await.unwrap();
        assert_eq!(accepted.reply, format!("250 2.0.0 OK: queued as {:06}", n + 1));
        let arrived = server.accepted().unwrap().pop().unwrap();
        assert_eq!(arrived.content, [mail.content(), b"\r\n"].concat(), "the last line end is SMTP's");
        assert_eq!(
            (arrived.sender.as_str(), arrived.recipients),
            ("entradas@teatro.example.cl", vec![BUYER.into()])
        );
        assert!(read(&arrived.content).is_none_or(|read| read.parts.len() == 5));
    }
    let connections: HashSet<String> =
        server.accepted().unwrap().into_iter().map(|mail| mail.connection).collect();
    assert_eq!(connections.len(), 1, "connections are used again");
}

#[tokio::test]
async fn a_refusal_is_of_this_mail_alone() {
    let Some(server) = plain() else { return };
    let transport = transport_to(&server);
    transport.send(&mail_to(BUYER, "before")).await.unwrap();
    server
        .behave(&SmtpFaults { refuse_recipients: Some("^nadie@".into()), ..SmtpFaults::default() })
        .unwrap();
    let error = transport.send(&mail_to("nadie@example.cl", "nobody")).await.unwrap_err();
    assert!(!error.is_retryable());
    let SendMailError::Refused { reply, .. } = &error else { panic!("{error}") };
    assert_eq!(reply, "550 5.1.1 <recipient>: no such mailbox", "without the address");
    transport.send(&mail_to(BUYER, "after")).await.unwrap();
    let mails = server.accepted().unwrap();
    assert_eq!(mails[0].connection, mails[1].connection, "the connection is still good");
    server.behave(&SmtpFaults { refuse_content: true, ..SmtpFaults::default() }).unwrap();
    let error = transport.send(&mail_to(BUYER, "content")).await.unwrap_err();
    assert!(matches!(error, SendMailError::Refused { reply, .. } if reply.starts_with("554 ")));
    server.behave(&SmtpFaults { refuse_sender: true, ..SmtpFaults::default() }).unwrap();
    let error = transport.send(&mail_to(BUYER, "sender")).await.unwrap_err();
    assert!(
        matches!(error, SendMailError::Unavailable { .. }),
        "who may send is the operator's affair: {error}"
    );
}

#[tokio::test]
async fn a_busy_server_is_asked_again() {
    let Some(server) = plain() else { return };
    let transport = transport_to(&server);
    server.behave(&SmtpFaults { busy: 2, ..SmtpFaults::default() }).unwrap();
    let mail = mail_to(BUYER, "busy");
    for _ in 0..2 {
        let error = transport.send(&mail).await.unwrap_err();
        assert!(error.is_retryable());
        assert!(matches!(error, SendMailError::Unavailable { reason, .. } if reason.starts_with("451 ")));
    }
    transport.send(&mail).await.unwrap();
    assert_eq!(server.accepted().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_the_outcome_open_and_one_message() {
    let Some(server) = plain() else { return };
    let transport = transport_to(&server);
    let faults = [
        SmtpFaults { cut_and_keep: 1, ..SmtpFaults::default() },
        SmtpFaults { cut_and_lose: 1, ..SmtpFaults::default() },
    ];
    for (faults, deliveries) in faults.iter().zip([2, 3]) {
        server.behave(faults).unwrap();
        let mail = mail_to(BUYER, "cut");
        let error = transport.send(&mail).await.unwrap_err();
        assert!(matches!(error, SendMailError::OutcomeUnknown { .. }) && error.is_retryable(), "{error}");
        transport.send(&mail).await.unwrap();
        assert_eq!(server.accepted().unwrap().len(), deliveries);
    }
    assert_eq!(message_ids(&server).len(), 1, "a reader sees one message");
}

#[tokio::test]
async fn a_server_that_takes_too_long_may_have_taken_the_mail() {
    let Some(server) = plain() else { return };
    let transport = open(&format!("smtp://{}?answer_seconds=1", server.address()));
    server.behave(&SmtpFaults { delay: Duration::from_secs(6), ..SmtpFaults::default() }).unwrap();
    let since = Instant::now();
    let error = transport.send(&mail_to(BUYER, "slow")).await.unwrap_err();
    assert!(matches!(error, SendMailError::OutcomeUnknown { .. }), "{error}");
    assert!(since.elapsed() < Duration::from_secs(5), "waiting is bounded");
}

#[tokio::test]
async fn a_server_that_hangs_before_it_greets_is_unavailable() {
    let Some(mut server) = plain() else { return };
    let transport = open(&format!("smtp://{}?answer_seconds=1", server.address()));
    transport.send(&mail_to(BUYER, "first")).await.unwrap();
    server.process().pause().unwrap();
    let since = Instant::now();
    let error = transport.send(&mail_to(BUYER, "hangs")).await.unwrap_err();
    assert!(matches!(error, SendMailError::Unavailable { .. }), "{error}");
    assert!(since.elapsed() < Duration::from_secs(15), "waiting is bounded");
    server.process().resume().unwrap();
    transport.send(&mail_to(BUYER, "hangs")).await.unwrap();
}

#[tokio::test]
async fn a_restart_of_the_server_is_not_noticed() {
    let Some(mut server) = plain() else { return };
    let transport = transport_to(&server);
    transport.send(&mail_to(BUYER, "first")).await.unwrap();
    for end in ["stop", "kill"] {
        match end {
            "stop" => server.process().stop().unwrap(),
            _ => server.process().kill(),
        }
        let error = transport.send(&mail_to(BUYER, end)).await.unwrap_err();
        assert!(matches!(error, SendMailError::Unavailable { .. }), "{error}");
        server.restart().unwrap();
        transport.send(&mail_to(BUYER, end)).await.unwrap();
        // The connection that is idle now is not the server's any more.
        server.process().kill();
        server.restart().unwrap();
        transport.send(&mail_to(BUYER, "idle")).await.unwrap();
    }
    assert_eq!(server.accepted().unwrap().len(), 5);
    assert_eq!(message_ids(&server).len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_mails_at_once_share_few_connections() {
    let Some(server) = plain() else { return };
    let transport = transport_to(&server);
    let sending: Vec<_> = (0..40)
        .map(|n| {
            let transport = transport.clone();
            tokio::spawn(async move { transport.send(&mail_to(BUYER, &format!("many-{n}"))).await })
        })
        .collect();
    for sent in sending {
        sent.await.unwrap().unwrap();
    }
    let mails = server.accepted().unwrap();
    assert_eq!((mails.len(), message_ids(&server).len()), (40, 40));
    let connections: HashSet<String> = mails.into_iter().map(|mail| mail.connection).collect();
    assert!(connections.len() <= 4, "{connections:?}");
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let transport = open(&format!("smtp://127.0.0.1:{}", free_port().unwrap()));
    let error = transport.send(&mail_to(BUYER, "nobody")).await.unwrap_err();
    assert!(matches!(error, SendMailError::Unavailable { .. }) && error.is_retryable(), "{error}");
}
