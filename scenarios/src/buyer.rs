//! Made-up buyers with valid identities: one index, one person, the same in every run.
//!
//! The check digit is computed here on purpose and not taken from the domain, so that the two can disagree.

/// First tax number given out; below it lie few real-looking numbers.
const FIRST_NUMBER: u64 = 5_000_000;

/// A buyer as the purchase call wants one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Buyer {
    /// Chilean tax number with its check digit, such as `5000000-6`.
    pub rut: String,
    /// Full name.
    pub name: String,
    /// Mail address under the reserved domain `example.com`.
    pub email: String,
}

impl Buyer {
    /// The buyer with this index.
    pub fn numbered(index: u64) -> Self {
        let number = FIRST_NUMBER + index;
        Self {
            rut: format!("{number}-{}", check_digit(number)),
            name: format!("Buyer {index}"),
            email: format!("buyer{index}@example.com"),
        }
    }
}

/// The modulo-11 check digit of a Chilean tax number: weights 2 to 7 from the right, `K` for ten, `0` for eleven.
pub fn check_digit(number: u64) -> char {
    let mut rest = number;
    let mut weight = 2;
    let mut sum = 0;
    while rest > 0 {
        sum += (rest % 10) * weight;
        rest /= 10;
        weight = if weight == 7 { 2 } else { weight + 1 };
    }
    match 11 - sum % 11 {
        11 => '0',
        10 => 'K',
        digit => char::from(b'0' + digit as u8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_agree_with_published_examples() {
        for (number, digit) in
            [(76_086_428, '5'), (30_686_957, '4'), (12_345_678, '5'), (1_000_005, 'K'), (60_803_000, 'K')]
        {
            assert_eq!(check_digit(number), digit, "{number}");
        }
    }

    #[test]
    fn buyers_are_distinct() {
        assert_ne!(Buyer::numbered(1), Buyer::numbered(2));
        assert_eq!(Buyer::numbered(9), Buyer::numbered(9));
    }
}
