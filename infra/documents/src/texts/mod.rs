//! Every sentence of the documents, one table per language. A sentence missing in a language does not compile.
//!
//! `{name}` in a sentence is replaced by [`fill`].

mod english;
mod spanish;

pub(crate) use english::ENGLISH;
pub(crate) use spanish::SPANISH;

macro_rules! texts {
    ($($(#[$group:meta])* $name:ident,)+) => {
        /// The sentences of one language.
        pub(crate) struct Texts {
            $($(#[$group])* pub(crate) $name: &'static str,)+
            /// From Monday.
            pub(crate) weekdays: [&'static str; 7],
            pub(crate) months: [&'static str; 12],
        }

        impl Texts {
            /// Every sentence, for the tests.
            #[cfg(test)]
            pub(crate) fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }
    };
}

texts! {
    /// Dates.
    long_date, date, time,
    /// On every document.
    demo,
    /// Tickets.
    tickets_title, ticket_number, when, doors_time, venue, buyer, price, zone, row, seat, place, general_admission, order,
    /// Receipts: what they are.
    payment_receipt, refund_receipt, electronic_boleta, exempt_electronic_boleta, electronic_credit_note, numbered,
    /// Receipts: who and when.
    tax_id, issued_on, billed_to,
    /// Receipts: the table.
    description, quantity, amount, net, exempt, tax, total, refers_to, page,
    /// Receipts: the fiscal stamp. In Spanish in every language: the words are the tax office's.
    stamp, resolution,
}

/// A sentence with its `{name}`s replaced.
pub(crate) fn fill(sentence: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(sentence.len() + 32);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        filled.push_str(before);
        filled.push_str(values.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value));
        rest = after;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(sentence: &str) -> Vec<&str> {
        let mut names: Vec<_> = sentence
            .split('{')
            .skip(1)
            .filter_map(|part| part.split_once('}'))
            .map(|(name, _)| name)
            .collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn both_languages_say_everything_with_the_same_names() {
        for ((name, spanish), (_, english)) in SPANISH.all().into_iter().zip(ENGLISH.all()) {
            assert!(!spanish.is_empty() && !english.is_empty(), "{name}");
            assert_eq!(names(spanish), names(english), "{name}");
        }
    }

    #[test]
    fn a_value_is_put_in_as_it_is() {
        assert_eq!(fill("{a} de {b}", &[("a", "{b}"), ("b", "2")]), "{b} de 2");
        assert_eq!(fill("sin nombres", &[]), "sin nombres");
    }
}
