//! RUT, the Chilean tax number of a person or company: a number and a check digit.
//!
//! Check digit: digits from the right times 2..7 cyclically, summed, 11 - (sum mod 11); 11 gives 0, 10 gives K.

use std::fmt;
use std::str::FromStr;

/// The highest number taken: eight digits cover every number issued.
const MAX_NUMBER: u32 = 99_999_999;

/// A RUT whose check digit is right.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rut {
    number: u32,
}

/// Why a text is no RUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRut {
    /// The text has another shape.
    #[error("a RUT looks like 12.345.678-5")]
    Malformed,
    /// The shape is right and the check digit is not.
    #[error("the check digit of the RUT does not match its number")]
    WrongCheckDigit,
}

impl Rut {
    /// The number without its check digit.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// The check digit: `0`-`9` or `K`.
    pub fn check_digit(self) -> char {
        check_digit(self.number)
    }
}

fn check_digit(number: u32) -> char {
    let (mut rest, mut factor, mut sum) = (number, 2, 0);
    while rest > 0 {
        sum += rest % 10 * factor;
        rest /= 10;
        factor = if factor == 7 { 2 } else { factor + 1 };
    }
    match 11 - sum % 11 {
        11 => '0',
        10 => 'K',
        digit => char::from_digit(digit, 10).expect("11 minus a remainder of 2 to 10 is a digit"),
    }
}

impl FromStr for Rut {
    type Err = InvalidRut;

    fn from_str(text: &str) -> Result<Self, InvalidRut> {
        let text = text.trim();
        let (body, digit) = text.rsplit_once('-').ok_or(InvalidRut::Malformed)?;
        let mut digits = digit.chars();
        let (Some(digit), None) = (digits.next(), digits.next()) else {
            return Err(InvalidRut::Malformed);
        };
        let number = parse_number(body).ok_or(InvalidRut::Malformed)?;
        if !(digit.is_ascii_digit() || digit.eq_ignore_ascii_case(&'k')) {
            return Err(InvalidRut::Malformed);
        }
        if check_digit(number) == digit.to_ascii_uppercase() {
            Ok(Self { number })
        } else {
            Err(InvalidRut::WrongCheckDigit)
        }
    }
}

/// Plain digits, or groups of three set apart by dots.
fn parse_number(body: &str) -> Option<u32> {
    let groups: Vec<&str> = body.split('.').collect();
    let well_grouped = groups.len() == 1
        || (matches!(groups[0].len(), 1..=3) && groups[1..].iter().all(|group| group.len() == 3));
    let digits: String = groups.concat();
    if !well_grouped || digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|number| (1..=MAX_NUMBER).contains(number))
}

impl fmt::Display for Rut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.number.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                formatter.write_str(".")?;
            }
            write!(formatter, "{digit}")?;
        }
        write!(formatter, "-{}", self.check_digit())
    }
}

/// Personal data: shown only through `Display`, on purpose, never by a stray `{:?}` in a log.
impl fmt::Debug for Rut {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Rut(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_numbers_parse_in_any_usual_writing() {
        for text in ["12.345.678-5", "12345678-5", " 12345678-5 ", "12.678.579-8", "66666666-6", "1-9"] {
            assert!(text.parse::<Rut>().is_ok(), "{text}");
        }
        assert_eq!("12345678-5".parse::<Rut>().unwrap().to_string(), "12.345.678-5");
    }

    #[test]
    fn k_is_taken_in_both_cases_and_shown_upper() {
        let with_k = (1..200).map(|number| Rut { number }).find(|rut| rut.check_digit() == 'K').unwrap();
        assert_eq!(format!("{}-k", with_k.number).parse::<Rut>(), Ok(with_k));
        assert!(with_k.to_string().ends_with("-K"));
    }

    #[test]
    fn bad_texts_are_told_apart() {
        assert_eq!("12.345.678-4".parse::<Rut>(), Err(InvalidRut::WrongCheckDigit));
        for text in [
            "",
            "-",
            "12345678",
            "12.34.678-5",
            "1234567890-1",
            "-5",
            "abc-5",
            "12345678-55",
            "+1-9",
            "0-0",
            "12345678-Ñ",
        ] {
            assert_eq!(text.parse::<Rut>(), Err(InvalidRut::Malformed), "{text}");
        }
    }
}
