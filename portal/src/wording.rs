//! Money, numbers and dates as people of each language write them. Pure.
//!
//! Money has one writing in both languages, the venue's: `$25.000` for pesos, whatever the reader's language, because
//! that is what the bank statement will say. Dates are in the venue's wall clock, written as in documents and mails.

use crate::api_model::Money;
use crate::language::Language;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use ticketflow_words::{date, grouped, long_date, month, time};

/// Currencies without minor units, of those this continent and its neighbours use.
const WHOLE_CURRENCIES: [&str; 5] = ["CLP", "PYG", "JPY", "KRW", "VND"];

/// `$25.000` for pesos, `USD 25,00` for others.
pub(crate) fn money(money: &Money) -> String {
    let sign = if money.amount < 0 { "-" } else { "" };
    let amount = money.amount.unsigned_abs();
    if money.currency == "CLP" {
        return format!("{sign}${}", grouped(amount, '.'));
    }
    if WHOLE_CURRENCIES.contains(&money.currency.as_str()) {
        return format!("{sign}{} {}", money.currency, grouped(amount, '.'));
    }
    format!("{sign}{} {},{:02}", money.currency, grouped(amount / 100, '.'), amount % 100)
}

/// `45.000` in Spanish, `45,000` in English.
pub(crate) fn count(language: Language, number: u64) -> String {
    match language {
        Language::Spanish => grouped(number, '.'),
        Language::English => grouped(number, ','),
    }
}

/// `sábado 14 de noviembre de 2026, 20:30 h` or `Saturday 14 November 2026, 20:30`. An instant that cannot be read is
/// shown as the API wrote it.
pub(crate) fn date_time(language: Language, zone: &TimeZone, instant: &str) -> String {
    let Ok(timestamp) = instant.parse::<Timestamp>() else { return instant.to_owned() };
    let (local, language) = (timestamp.to_zoned(zone.clone()), language.into());
    format!("{}, {}", long_date(language, local.date()), time(language, local.time()))
}

/// `14 de noviembre de 2026` or `14 November 2026`. What is no day is shown as the API wrote it.
pub(crate) fn day(language: Language, day: &str) -> String {
    day.parse().map_or_else(|_| day.to_owned(), |day| date(language.into(), day))
}

/// Day, short month and hour, for the corner of a card: `("14", "nov", "20:30")`.
pub(crate) fn date_parts(
    language: Language,
    zone: &TimeZone,
    instant: &str,
) -> Option<(String, String, String)> {
    let local = instant.parse::<Timestamp>().ok()?.to_zoned(zone.clone());
    let month = month(language.into(), local.date()).chars().take(3).collect();
    Some((local.day().to_string(), month, format!("{:02}:{:02}", local.hour(), local.minute())))
}

/// A RUT as it is written in Chile, `12.345.678-5`, whether it came with dots and hyphen, without dots, or as digits
/// alone. Any other text stays as it is, for the check to refuse.
pub(crate) fn rut(text: &str) -> String {
    let close: String = text.split_whitespace().collect();
    let hyphen_is_right = !close.contains(['.', '-']) || close.rfind('-') == close.len().checked_sub(2);
    let bare = close.replace(['.', '-'], "");
    let split = bare.len().checked_sub(1).and_then(|at| bare.split_at_checked(at));
    match split {
        Some((number, check))
            if hyphen_is_right
                && matches!(check.as_bytes(), [b'0'..=b'9' | b'k' | b'K'])
                && number.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            match number.parse() {
                Ok(number) => format!("{}-{}", grouped(number, '.'), check.to_uppercase()),
                Err(_) => text.to_owned(),
            }
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_as_at_the_box_office() {
        let write = |amount, currency: &str| money(&Money { amount, currency: currency.into() });
        assert_eq!(write(25_000, "CLP"), "$25.000");
        assert_eq!(write(0, "CLP"), "$0");
        assert_eq!(write(-1_234_567, "CLP"), "-$1.234.567");
        assert_eq!(write(2_505, "USD"), "USD 25,05");
        assert_eq!(write(i64::MIN, "JPY"), "-JPY 9.223.372.036.854.775.808");
    }

    #[test]
    fn dates_are_in_the_wall_clock_of_the_venue() {
        let zone = TimeZone::get("America/Santiago").unwrap();
        let summer = date_time(Language::Spanish, &zone, "2026-11-14T23:30:00Z");
        assert_eq!(summer, "sábado 14 de noviembre de 2026, 20:30 h");
        let winter = date_time(Language::English, &zone, "2026-07-01T00:05:00Z");
        assert_eq!(winter, "Tuesday 30 June 2026, 20:05");
        assert_eq!(date_time(Language::English, &zone, "soon"), "soon");
        assert_eq!(day(Language::Spanish, "2027-05-01"), "1 de mayo de 2027");
        assert_eq!(day(Language::English, "2027-05-01"), "1 May 2027");
        assert_eq!(day(Language::English, "2027-02-30"), "2027-02-30");
        let parts = date_parts(Language::Spanish, &zone, "2026-11-14T23:30:00Z").unwrap();
        assert_eq!(parts, ("14".to_owned(), "nov".to_owned(), "20:30".to_owned()));
    }

    #[test]
    fn a_rut_gets_its_dots_and_hyphen_and_nothing_else_is_touched() {
        for text in ["123456785", "12345678-5", "12.345.678-5", " 12.345.678 - 5 "] {
            assert_eq!(rut(text.trim()), "12.345.678-5", "{text}");
        }
        assert_eq!(rut("10000013k"), "10.000.013-K");
        for text in
            ["", "-", "5", "12.345.678", "1234-5678-5-", "ñandú-5", "12.345.678-X", "99999999999999999999999"]
        {
            assert_eq!(rut(text), text);
        }
    }

    #[test]
    fn counts_are_grouped_by_language() {
        assert_eq!(count(Language::Spanish, 45_000), "45.000");
        assert_eq!(count(Language::English, 1_234_567), "1,234,567");
        assert_eq!(count(Language::English, 999), "999");
    }
}
