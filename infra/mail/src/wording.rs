//! Money and dates as people of each language write them. Pure.

use crate::language::Language;
use crate::texts::fill;
use jiff::Zoned;
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

/// `viernes 21 de mayo de 2027, 19:30` or `Friday 21 May 2027, 19:30`, in the zone of the moment.
pub(crate) fn date_time(language: Language, moment: &Zoned) -> String {
    let texts = language.texts();
    let weekday = texts.weekdays[usize::from(moment.weekday().to_monday_zero_offset().unsigned_abs()) % 7];
    let month = texts.months[usize::from(moment.month().unsigned_abs() - 1) % 12];
    let (day, year) = (moment.day().to_string(), moment.year().to_string());
    let time = format!("{:02}:{:02}", moment.hour(), moment.minute());
    let values = [("weekday", weekday), ("day", &day), ("month", month), ("year", &year), ("time", &time)];
    fill(texts.date_time, &values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, Spanish};
    use jiff::{civil, tz};

    #[test]
    fn money_is_written_as_each_language_does() {
        let cases = [
            (25_000, "CLP", "$25.000", "CLP 25,000"),
            (0, "CLP", "$0", "CLP 0"),
            (-1_234_567, "CLP", "-$1.234.567", "-CLP 1,234,567"),
            (2_500, "USD", "USD 25,00", "USD 25.00"),
            (5, "KWD", "KWD 0,005", "KWD 0.005"),
            (i64::MIN, "CLP", "-$9.223.372.036.854.775.808", "-CLP 9,223,372,036,854,775,808"),
        ];
        for (amount, currency, spanish, english) in cases {
            let amount = Money { amount, currency: currency.parse().unwrap() };
            assert_eq!((money(Spanish, &amount), money(English, &amount)), (spanish.into(), english.into()));
        }
    }

    #[test]
    fn dates_are_written_out_in_the_zone_of_the_venue() {
        let santiago = tz::TimeZone::fixed(tz::offset(-4));
        let at = civil::datetime(2027, 5, 21, 19, 30, 0, 0).to_zoned(santiago).unwrap();
        assert_eq!(date_time(Spanish, &at), "viernes 21 de mayo de 2027, 19:30");
        assert_eq!(date_time(English, &at), "Friday 21 May 2027, 19:30");
    }
}
