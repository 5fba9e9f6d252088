//! Money and dates as people of each language write them. Pure.
//!
//! Dates and times are civil: the caller has put them into the venue's zone.

use crate::language::Language;
use crate::texts::fill;
use jiff::civil::{Date, Time};
use ticketflow_domain::{Currency, Money};

/// `$25.000` for pesos in Spanish and `CLP 25,000` in English, where `$` would be read as dollars; `USD 25,00` and
/// `USD 25.00` for currencies with minor units.
pub(crate) fn money(language: Language, money: &Money) -> String {
    let (group, point) = match language {
        Language::Spanish => ('.', ','),
        Language::English => (',', '.'),
    };
    let sign = if money.amount < 0 { "-" } else { "" };
    let unit = 10_u64.pow(money.currency.decimals());
    let (whole, fraction) = (money.amount.unsigned_abs() / unit, money.amount.unsigned_abs() % unit);
    let mut text = match (language, money.currency) {
        (Language::Spanish, Currency::CLP) => format!("{sign}${}", grouped(whole, group)),
        (_, currency) => format!("{sign}{currency} {}", grouped(whole, group)),
    };
    if unit > 1 {
        let width = money.currency.decimals() as usize;
        text.push_str(&format!("{point}{fraction:0width$}"));
    }
    text
}

fn grouped(number: u64, separator: char) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(separator);
        }
        text.push(digit);
    }
    text
}

/// `sábado 14 de noviembre de 2026` or `Saturday 14 November 2026`.
pub(crate) fn long_date(language: Language, date: Date) -> String {
    let texts = language.texts();
    let weekday = texts.weekdays[usize::from(date.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
    written(language, texts.long_date, date, weekday)
}

/// `14 de noviembre de 2026` or `14 November 2026`.
pub(crate) fn date(language: Language, date: Date) -> String {
    written(language, language.texts().date, date, "")
}

fn written(language: Language, sentence: &str, date: Date, weekday: &str) -> String {
    let month = language.texts().months[usize::from(date.month().unsigned_abs() - 1) % 12];
    let (day, year) = (date.day().to_string(), date.year().to_string());
    fill(sentence, &[("weekday", weekday), ("day", &day), ("month", month), ("year", &year)])
}

/// `20:30 h` or `20:30`.
pub(crate) fn time(language: Language, time: Time) -> String {
    let time = format!("{:02}:{:02}", time.hour(), time.minute());
    fill(language.texts().time, &[("time", &time)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, Spanish};
    use jiff::civil;

    #[test]
    fn money_is_written_as_each_language_does() {
        let cases = [
            (25_000, "CLP", "$25.000", "CLP 25,000"),
            (0, "CLP", "$0", "CLP 0"),
            (-1_234_567, "CLP", "-$1.234.567", "-CLP 1,234,567"),
            (2_500, "USD", "USD 25,00", "USD 25.00"),
            (123_456_789, "EUR", "EUR 1.234.567,89", "EUR 1,234,567.89"),
            (5, "KWD", "KWD 0,005", "KWD 0.005"),
            (1_500, "JPY", "JPY 1.500", "JPY 1,500"),
            (i64::MIN, "CLP", "-$9.223.372.036.854.775.808", "-CLP 9,223,372,036,854,775,808"),
        ];
        for (amount, currency, spanish, english) in cases {
            let amount = Money { amount, currency: currency.parse().unwrap() };
            assert_eq!((money(Spanish, &amount), money(English, &amount)), (spanish.into(), english.into()));
        }
    }

    #[test]
    fn dates_and_times_are_written_out() {
        let at = civil::datetime(2026, 11, 14, 20, 5, 0, 0);
        assert_eq!(long_date(Spanish, at.date()), "sábado 14 de noviembre de 2026");
        assert_eq!(long_date(English, at.date()), "Saturday 14 November 2026");
        assert_eq!(date(Spanish, civil::date(2027, 1, 1)), "1 de enero de 2027");
        assert_eq!(date(English, civil::date(2027, 12, 31)), "31 December 2027");
        assert_eq!((time(Spanish, at.time()), time(English, at.time())), ("20:05 h".into(), "20:05".into()));
    }
}
