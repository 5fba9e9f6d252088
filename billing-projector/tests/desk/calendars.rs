//! What the mails of an order leave in its buyer's calendar: each entry once, in step with the refunds, gone with the last seat.

use std::collections::{BTreeMap, BTreeSet};

use ticketflow_domain::TicketId;
use ticketflow_domain::show::ShowEvent;
use ticketflow_event_store::{Category, EmbeddedLog, show_event};

use crate::eml::{mails_in, parts};
use crate::history::History;
use crate::stage::*;

/// What the log says of one mail's entry.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    sequence: usize,
    /// Seats that the buyer has.
    left: usize,
}

/// Identity and state of the entry in each mail of an order, by whether it is a refund's and by folio.
type Mails = BTreeMap<(bool, u64), (String, Entry)>;

/// What is expected of all entries, order by order, in the order of its mails: from the sales and refunds alone.
fn expected(log: &EmbeddedLog) -> BTreeMap<String, Vec<Entry>> {
    let mut tickets: BTreeMap<String, BTreeSet<TicketId>> = BTreeMap::new();
    let mut expected: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let mut reader = log.read_from(1).unwrap();
    while let Some(batch) = reader.next_batch().unwrap() {
        if batch.stream().category != Category::Show {
            continue;
        }
        for record in batch.events() {
            let (order_id, left) = match show_event(record).unwrap() {
                ShowEvent::OrderPaid(paid) => {
                    let order_id = paid.order_id.to_string();
                    tickets.insert(order_id.clone(), paid.tickets.iter().copied().collect());
                    (order_id, paid.tickets.len())
                }
                ShowEvent::TicketsRefunded(refunded) => {
                    let order_id = refunded.order_id.to_string();
                    let left = tickets.get_mut(&order_id).unwrap();
                    left.retain(|ticket| !refunded.tickets.contains(ticket));
                    (order_id, left.len())
                }
                _ => continue,
            };
            let entries = expected.entry(order_id).or_default();
            entries.push(Entry { sequence: entries.len(), left });
        }
    }
    expected
}

/// The entry of a mail, with its identity.
fn entry(mail: &str, order: &str) -> (String, Entry) {
    let parts = parts(mail);
    let calendars: Vec<_> =
        parts.iter().filter(|part| part.media_type.starts_with("text/calendar")).collect();
    let [calendar] = calendars[..] else { panic!("{} calendars", calendars.len()) };
    let file = String::from_utf8(calendar.content.clone()).unwrap().replace("\r\n ", "");
    let value = |name: &str| file.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let description = value("DESCRIPTION").unwrap();
    assert!(description.ends_with(order), "{description}");
    // A line for each seat, then one with the order.
    let left = description.matches("\\n").count();
    let method = if left == 0 { "CANCEL" } else { "PUBLISH" };
    assert_eq!(value("METHOD"), Some(method));
    assert!(calendar.media_type.ends_with(&format!("method={method}")), "{}", calendar.media_type);
    let (status, name) = match left {
        0 => ("CANCELLED", "calendar-cancel.ics"),
        _ => ("CONFIRMED", "calendar.ics"),
    };
    assert_eq!((value("STATUS"), calendar.file_name.as_deref()), (Some(status), Some(name)));
    let identity = format!("{:?} {:?} {:?}", value("UID"), value("ORGANIZER"), value("DTSTART"));
    let sequence = value("SEQUENCE").map_or(0, |sequence| sequence.parse().unwrap());
    (identity, Entry { sequence, left })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_calendar_follows_the_refunds_of_its_order() {
    let mut written = Vec::new();
    let mut wanted = BTreeMap::new();
    // The second time with other keys in another log: the same mails, written again.
    for _ in 0..2 {
        let folder = tempfile::tempdir().unwrap();
        let (log, keys, mut history) = (log(), Keys::new(), History::new(88, 4, 3));
        keys.append(&log, &mut history, 1_500).await;
        let billing = keys.start_mailing(&log, &format!("file:{}", folder.path().display()));
        all_mailed(&log, &billing).await;
        billing.stop().await;
        written.push(mails_in(folder.path()));
        wanted = expected(&log);
    }
    assert!(written[0] == written[1], "a mail that is written again is the same bytes");

    // By order, the confirmation first and then the credit notes as they were issued: their folios rise.
    let mut found: BTreeMap<String, Mails> = BTreeMap::new();
    for (id, mail) in &written[0] {
        let mut words = id.split(['.', '@']);
        let mut word = || words.next().unwrap();
        let (kind, order, folio) = (word(), word(), word().parse().unwrap());
        let entry = entry(mail, order);
        found.entry(order.to_owned()).or_default().insert((kind == "refund", folio), entry);
    }
    let mut seen = BTreeSet::new();
    assert!(found.keys().eq(wanted.keys()));
    for (order, mails) in found {
        let identities: BTreeSet<&String> = mails.values().map(|(identity, _)| identity).collect();
        assert_eq!(identities.len(), 1, "one entry: {identities:?}");
        let entries: Vec<Entry> = mails.into_values().map(|(_, entry)| entry).collect();
        assert_eq!(entries, wanted[&order], "{order}");
        seen.insert((entries.len() - 1, entries.last().map_or(0, |entry| entry.left) > 0));
    }
    for (refunds, is_left) in [(0, true), (1, true), (1, false), (2, false)] {
        assert!(
            seen.contains(&(refunds, is_left)),
            "no order with {refunds} refunds, left {is_left}: {seen:?}"
        );
    }
}
