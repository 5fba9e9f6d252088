//! Money as people of each language write it.

use ticketflow_domain::{Currency, Language, Money};

/// `$25.000` for pesos in Spanish and `CLP 25,000` in English, where `$` would be read as dollars; `USD 25,00` and
/// `USD 25.00` for currencies with minor units.
#[must_use]
pub fn money(language: Language, money: &Money) -> String {
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

/// `45.000`: digits in groups of three.
#[must_use]
pub fn grouped(number: u64, separator: char) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;
    use Language::{English, Spanish};

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
}
