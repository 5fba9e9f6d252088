//! The show as a calendar file (RFC 5545), for whoever wants to be reminded.
//!
//! Lines are of at most 75 octets, ended by CRLF; what a text has in it cannot end one. The same mail gives the same file, and
//! another mail about the same order gives the same event.

use crate::order_mail::OrderMail;
use crate::page::Page;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// What a mail saves it as, in every language.
pub(crate) const FILE_NAME: &str = "calendar.ics";
/// RFC 5545, 3.1, without the line end.
const MAX_OCTETS: usize = 75;

/// The file. `domain` is the sender's: it makes the event's identity one of its own.
pub(crate) fn calendar(mail: &OrderMail, page: &Page, domain: &str, stamp: Timestamp) -> String {
    let mut file = String::with_capacity(1_024);
    let seats: Vec<String> = page.seats.iter().map(|seat| format!("{}, {}", seat.zone, seat.label)).collect();
    let mut description = seats;
    description.extend(page.more_seats.clone());
    description.push(format!("{}: {}", page.order_name, page.order));
    let (starts_at, stamp) = (utc(mail.starts_at.timestamp()), utc(stamp));
    for (name, value) in [
        ("BEGIN", "VCALENDAR"),
        ("VERSION", "2.0"),
        ("PRODID", "-//TicketFlow//Mail//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", "PUBLISH"),
        ("BEGIN", "VEVENT"),
        ("UID", &format!("{}@{domain}", mail.order)),
        ("DTSTAMP", &stamp),
        // When it ends is nobody's to know; an event without an end is at its start.
        ("DTSTART", &starts_at),
        ("SUMMARY", &text(&page.show)),
        ("LOCATION", &text(&page.venue)),
        ("DESCRIPTION", &text(&description.join("\n"))),
    ] {
        line(&mut file, name, value);
    }
    if let Some(link) = &page.link {
        line(&mut file, "URL", link);
    }
    for (name, value) in [("STATUS", "CONFIRMED"), ("END", "VEVENT"), ("END", "VCALENDAR")] {
        line(&mut file, name, value);
    }
    file
}

fn utc(instant: Timestamp) -> String {
    instant.to_zoned(TimeZone::UTC).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// A value of the type TEXT (RFC 5545, 3.3.11).
fn text(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        match c {
            '\\' | ';' | ',' => escaped.extend(['\\', c]),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Writes one content line, folded between characters where it is long.
fn line(file: &mut String, name: &str, value: &str) {
    let mut octets = 0;
    for c in name.chars().chain([':']).chain(value.chars()) {
        if octets + c.len_utf8() > MAX_OCTETS {
            file.push_str("\r\n ");
            octets = 1;
        }
        file.push(c);
        octets += c.len_utf8();
    }
    file.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_back(file: &str) -> String {
        let unfolded = file.replace("\r\n ", "");
        let value = unfolded.strip_prefix("SUMMARY:").unwrap().strip_suffix("\r\n").unwrap().to_owned();
        let (mut read, mut chars) = (String::new(), value.chars());
        while let Some(c) = chars.next() {
            match c {
                '\\' => read.push(chars.next().map(|c| if c == 'n' { '\n' } else { c }).unwrap()),
                c => read.push(c),
            }
        }
        read
    }

    proptest! {
        #[test]
        fn any_text_is_one_folded_line_that_reads_back(value in "(\\PC|[\\\\;,\n ]|\u{1F600}){0,200}") {
            let mut file = String::new();
            line(&mut file, "SUMMARY", &text(&value));
            for physical in file.strip_suffix("\r\n").unwrap().split("\r\n") {
                prop_assert!(physical.len() <= MAX_OCTETS && !physical.contains(['\r', '\n']));
            }
            prop_assert_eq!(read_back(&file), value);
        }
    }
}
