//! Every document is mailed, as one mail, whatever the mail server or this process do; and a rebuild mails nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ticketflow_domain::Language;
use ticketflow_domain::billing::{BillingCommand, BillingEvent};
use ticketflow_testbed::{SmtpFaults, SmtpServer, TestbedError};

use crate::eml::{mails_in, parts};
use crate::history::History;
use crate::pages;
use crate::stage::*;

/// A real SMTP server; `None`, said aloud, where this machine has none.
fn server() -> Option<SmtpServer> {
    match SmtpServer::start() {
        Ok(server) => Some(server),
        Err(error @ TestbedError::Missing { .. }) => {
            eprintln!("SKIPPED: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn url(server: &SmtpServer) -> String {
    format!("smtp://{}?answer_seconds=5", server.address())
}

/// How often each mail arrived, by its Message-ID.
fn arrived(server: &SmtpServer) -> BTreeMap<String, usize> {
    let mut arrived = BTreeMap::new();
    for mail in server.accepted().unwrap() {
        let text = String::from_utf8_lossy(&mail.content).into_owned();
        let id = text.lines().find_map(|line| line.strip_prefix("Message-ID: <")?.strip_suffix('>')).unwrap();
        assert_eq!(mail.recipients.len(), 1, "{id}");
        let order = id.split('.').nth(1).unwrap();
        assert_eq!(
            mail.recipients[0],
            format!("buyer-{order}@example.cl"),
            "a mail goes to whom it is about"
        );
        *arrived.entry(id.to_owned()).or_insert(0) += 1;
    }
    arrived
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_document_is_one_mail_to_its_buyer() {
    let Some(server) = server() else { return };
    let (log, keys, mut history) = (log(), Keys::new(), History::new(81, 4, 3));
    keys.append(&log, &mut history, 700).await;
    let billing = keys.start_mailing(&log, &url(&server));
    all_mailed(&log, &billing).await;
    complete(&log);
    keys.append(&log, &mut history, 200).await;
    all_mailed(&log, &billing).await;
    billing.stop().await;
    let arrived = arrived(&server);
    assert!(arrived.len() > 50, "{}", arrived.len());
    assert!(arrived.values().all(|times| *times == 1), "{arrived:?}");
    assert!(arrived.keys().eq(mailed(&log).keys()), "what arrived is what the books say");
    let refunds = arrived.keys().filter(|id| id.starts_with("refund.")).count();
    assert!(refunds > 3, "{refunds} refunds");

    // Another start, with everything folded anew, has nothing to mail.
    let billing = keys.start_mailing(&log, &url(&server));
    caught_up(&log, &billing).await;
    billing.stop().await;
    assert_eq!(self::arrived(&server), arrived);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_lost_and_ends_at_any_moment_make_no_second_mail() {
    let Some(server) = server() else { return };
    let (log, keys, mut history) = (log(), Keys::new(), History::new(82, 4, 3));
    keys.append(&log, &mut history, 600).await;
    server
        .behave(&SmtpFaults { cut_and_keep: 10, cut_and_lose: 10, busy: 5, ..SmtpFaults::default() })
        .unwrap();
    for step in 0..12_u64 {
        let billing = keys.start_mailing(&log, &url(&server));
        tokio::time::sleep(Duration::from_millis(step * 23)).await;
        // Not stopped: cut off.
        drop(billing);
        keys.append(&log, &mut history, 20).await;
    }
    let billing = keys.start_mailing(&log, &url(&server));
    all_mailed(&log, &billing).await;
    billing.stop().await;
    complete(&log);
    let arrived: BTreeSet<String> = arrived(&server).into_keys().collect();
    let mailed: BTreeSet<String> = mailed(&log).into_keys().collect();
    assert_eq!(arrived, mailed, "each identity is one document, and none is missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_away_is_waited_for_and_a_mailbox_that_is_refused_is_parked_alone() {
    let Some(mut server) = server() else { return };
    let (log, keys, mut history) = (log(), Keys::new(), History::new(83, 4, 3));
    server.process().kill();
    keys.append(&log, &mut history, 400).await;
    let billing = keys.start_mailing(&log, &url(&server));
    until("it says that mails wait", || billing.status().mail_error.is_some()).await;
    until("documents are issued all the same", || documents(&log).len() == wanted(&log).len()).await;
    let unlucky = documents(&log)[0].clone();
    let pattern = unlucky.order_id.to_string();
    server.behave(&SmtpFaults { refuse_recipients: Some(pattern), ..SmtpFaults::default() }).unwrap();
    server.restart().unwrap();
    let of_unlucky = documents(&log).iter().filter(|issued| issued.order_id == unlucky.order_id).count();
    until("all others are mailed", || mailed(&log).len() == documents(&log).len() - of_unlucky).await;
    until("the refused one is parked", || parked(&log).contains(&unlucky.source_position)).await;
    assert!(!arrived(&server).keys().any(|id| id.contains(&unlucky.order_id.to_string())));

    // Mended, and tried again by an operator.
    server.behave(&SmtpFaults::default()).unwrap();
    let parked = parked(&log);
    assert_eq!(parked.len(), of_unlucky);
    let books =
        ticketflow_billing_projector::Books::open(log.clone().into(), std::sync::Arc::default(), series())
            .unwrap();
    let retry: Vec<_> =
        parked.into_iter().map(|source_position| BillingCommand::Retry { source_position }).collect();
    books.carry_out(&retry, now()).await.unwrap();
    all_mailed(&log, &billing).await;
    billing.stop().await;
    assert!(arrived(&server).keys().any(|id| id.contains(&unlucky.order_id.to_string())));
}

fn parked(log: &ticketflow_event_store::EmbeddedLog) -> Vec<u64> {
    let mut parked = BTreeSet::new();
    for event in books(log) {
        match event {
            BillingEvent::SourceParked(event) => drop(parked.insert(event.source_position)),
            BillingEvent::SourceRetried(event) => drop(parked.remove(&event.source_position)),
            _ => {}
        }
    }
    parked.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_holds_one_file_for_each_document() {
    let folder = tempfile::tempdir().unwrap();
    let (log, keys, mut history) = (log(), Keys::new(), History::new(84, 4, 3));
    keys.append(&log, &mut history, 500).await;
    let to = format!("file:{}", folder.path().display());
    for _ in 0..4 {
        let billing = keys.start_mailing(&log, &to);
        tokio::time::sleep(Duration::from_millis(120)).await;
        drop(billing);
    }
    let billing = keys.start_mailing(&log, &to);
    all_mailed(&log, &billing).await;
    billing.stop().await;
    let files: BTreeSet<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".eml").map(str::to_owned))
        .collect();
    assert!(files.iter().eq(mailed(&log).keys()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_who_was_erased_gets_no_mail_and_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (log, keys, mut history) = (log(), Keys::new(), History::new(85, 4, 3));
    keys.append(&log, &mut history, 500).await;
    let billing = start(&log);
    until("documents", || documents(&log).len() == wanted(&log).len()).await;
    billing.stop().await;
    let erased = documents(&log)[3].clone();
    keys.vault.destroy(erased.customer_id.to_bytes()).await.unwrap();
    let theirs: Vec<u64> = documents(&log)
        .iter()
        .filter(|issued| issued.customer_id == erased.customer_id)
        .map(|issued| issued.source_position)
        .collect();
    let billing = keys.start_mailing(&log, &format!("file:{}", folder.path().display()));
    until("all others are mailed", || mailed(&log).len() + theirs.len() == documents(&log).len()).await;
    until("theirs are parked", || parked(&log) == theirs).await;
    billing.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_buyer_is_written_to_in_their_language_else_in_the_issuers() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut keys, mut history) = (log(), Keys::new(), History::new(86, 4, 3));
    keys.append(&log, &mut history, 400).await;
    let silent: BTreeSet<String> = history.orders().map(|order| order.to_string()).collect();
    keys.language = Some(Language::English);
    keys.append(&log, &mut history, 400).await;
    // The issuer of these tests writes in Spanish.
    let billing = keys.start_mailing(&log, &format!("file:{}", folder.path().display()));
    all_mailed(&log, &billing).await;
    billing.stop().await;
    let mut seen = BTreeSet::new();
    for (id, mail) in mails_in(folder.path()) {
        let kind = id.split('.').next().unwrap().to_owned();
        let is_english = !silent.contains(id.split('.').nth(1).unwrap());
        let (tag, files, reference, paper) = match (kind.as_str(), is_english) {
            ("order", false) => ("es-CL", ["entradas", "comprobante"], "Número de compra", "Señor(a)"),
            ("order", true) => ("en", ["tickets", "receipt"], "Order reference", "Billed to"),
            (_, false) => ("es-CL", ["devolucion"; 2], "Número de compra", "Señor(a)"),
            (_, true) => ("en", ["refund"; 2], "Order reference", "Billed to"),
        };
        assert!(mail.contains(&format!("\r\nContent-Language: {tag}\r\n")), "{id}");
        for part in parts(&mail) {
            let name = part.file_name.as_deref().unwrap_or_default();
            if part.media_type.starts_with("text/calendar") {
                let calendar = String::from_utf8(part.content).unwrap().replace("\r\n ", "");
                assert!(calendar.contains(reference), "{id}: {calendar}");
            } else if part.media_type == "application/pdf" {
                assert!(files.iter().any(|file| name.starts_with(file)), "{id}: {name}");
                // Drawing is the same for all; a few are enough to read.
                let is_new = seen.insert((kind.clone(), is_english, name.starts_with(files[1])));
                let words = pages::words(&part.content).filter(|_| is_new && name.starts_with(files[1]));
                assert!(words.is_none_or(|words| words.contains(paper)), "{id}: {name}");
            }
        }
    }
    assert_eq!(
        seen.len(),
        6,
        "confirmations with two files and refunds with one, in both languages: {seen:?}"
    );
}
