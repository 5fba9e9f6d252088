//! The show as an entry in the buyer's calendar (RFC 5545), and what the order's later mails make of it (RFC 5546): a refund of a part
//! lists what is left, a refund of all that was left takes the entry back.
//!
//! Lines are of at most 75 octets, ended by CRLF; what a text has in it cannot end one. The same mail gives the same file, and
//! another mail about the same order gives the same entry: its identity is the order's, and programs keep the highest sequence.

use crate::order_mail::{CalendarEntry, OrderMail};
use crate::page::{Page, listed};
use crate::texts::Texts;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lettre::Address;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// RFC 5545, 3.1, without the line end.
const MAX_OCTETS: usize = 75;
/// Of those that an address may have: what means something in the link to it, or may not stand in a link (RFC 6068).
const NOT_IN_A_LINK: &AsciiSet = &CONTROLS
    .add(b'#')
    .add(b'&')
    .add(b'/')
    .add(b'=')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// What a program does with the file (RFC 5546, 1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// It has the entry as it is here.
    Publish,
    /// It has the entry no more.
    Cancel,
}

impl Method {
    pub(crate) fn of(entry: &CalendarEntry) -> Self {
        if entry.seats.is_empty() { Self::Cancel } else { Self::Publish }
    }

    /// What the file is saved as, in every language.
    pub(crate) const fn file_name(self) -> &'static str {
        match self {
            Self::Publish => "calendar.ics",
            Self::Cancel => "calendar-cancel.ics",
        }
    }

    /// With the method, which has to be that of the file (RFC 6047, 2.4).
    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Publish => "text/calendar; charset=utf-8; method=PUBLISH",
            Self::Cancel => "text/calendar; charset=utf-8; method=CANCEL",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Publish => "PUBLISH",
            Self::Cancel => "CANCEL",
        }
    }

    const fn status(self) -> &'static str {
        match self {
            Self::Publish => "CONFIRMED",
            Self::Cancel => "CANCELLED",
        }
    }
}

/// The file. The sender organises: its domain makes the entry's identity one of its own, and it alone takes the entry back.
pub(crate) fn calendar(mail: &OrderMail, page: &Page, sender: &Address, stamp: Timestamp) -> String {
    let mut file = String::with_capacity(1_024);
    let method = Method::of(&mail.entry);
    let (listed, more) = listed(&mail.entry.seats, Texts::of(mail.language));
    let mut description: Vec<String> =
        listed.iter().map(|seat| format!("{}, {}", seat.zone, seat.label)).collect();
    description.extend(more);
    description.push(format!("{}: {}", page.order_name, page.order));
    let (starts_at, stamp) = (utc(mail.starts_at.timestamp()), utc(stamp));
    for (name, value) in [
        ("BEGIN", "VCALENDAR"),
        ("VERSION", "2.0"),
        ("PRODID", "-//TicketFlow//Mail//EN"),
        ("CALSCALE", "GREGORIAN"),
        ("METHOD", method.name()),
        ("BEGIN", "VEVENT"),
        ("UID", &format!("{}@{}", mail.order, sender.domain())),
    ] {
        line(&mut file, name, value);
    }
    // The first has none, which means 0.
    if mail.entry.sequence > 0 {
        line(&mut file, "SEQUENCE", &mail.entry.sequence.to_string());
    }
    for (name, value) in [
        ("DTSTAMP", stamp.as_str()),
        ("ORGANIZER", &format!("mailto:{}", utf8_percent_encode(sender.as_ref(), NOT_IN_A_LINK))),
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
    for (name, value) in [("STATUS", method.status()), ("END", "VEVENT"), ("END", "VCALENDAR")] {
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
