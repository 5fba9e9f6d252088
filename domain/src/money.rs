//! Money as an integer count of minor units of one currency; never a floating-point number.

use std::fmt;
use std::str::FromStr;

/// An ISO 4217 currency code, three upper-case letters.
#[derive(
    Clone, Copy, PartialEq, Eq, Hash, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize, utoipa::ToSchema,
)]
#[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "CLP")]
pub struct Currency([u8; 3]);

/// A text that is not a currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a currency: three upper-case letters such as CLP are expected")]
pub struct InvalidCurrency;

impl Currency {
    /// Chilean peso, which has no minor unit: amounts are whole pesos.
    pub const CLP: Self = Self(*b"CLP");

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("only ASCII letters are ever stored")
    }

    /// Decimal places of the minor unit (ISO 4217): 0 for CLP, JPY and their like, 3 for KWD and its like, else 2.
    pub fn decimals(&self) -> u32 {
        match &self.0 {
            b"CLP" | b"JPY" | b"KRW" | b"PYG" | b"VND" | b"ISK" | b"UGX" | b"XAF" | b"XOF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if letters.iter().all(u8::is_ascii_uppercase) { Ok(Self(letters)) } else { Err(InvalidCurrency) }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl serde::Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in minor units (whole pesos for CLP, cents for EUR) of a currency.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
    utoipa::ToSchema,
)]
#[serde(deny_unknown_fields)]
pub struct Money {
    /// Minor units.
    #[schema(example = 25_000)]
    pub amount: i64,
    /// Of this currency.
    pub currency: Currency,
}

/// The highest price of one seat in minor units: 10^12 lets 200,000 such seats be summed in an `i64`.
pub const MAX_PRICE: i64 = 1_000_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currency_takes_three_upper_case_letters_only() {
        assert_eq!("CLP".parse(), Ok(Currency::CLP));
        for bad in ["clp", "CL", "CLPX", "C1P", "ÇL"] {
            assert_eq!(bad.parse::<Currency>(), Err(InvalidCurrency), "{bad}");
        }
        assert_eq!(("EUR".parse::<Currency>().unwrap().decimals(), Currency::CLP.decimals()), (2, 0));
    }
}
