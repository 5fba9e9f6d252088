//! Every sentence of the mails, one table per language. A sentence missing in a language does not compile.
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
    date_time,
    /// On every mail.
    demo, demo_subject, greeting, greeting_nobody, when, venue, order, attached, see_order, footer,
    /// Seats.
    seats_one, seats_many, more_seats,
    /// When an order was paid.
    confirmation_subject, confirmation_heading, confirmation_intro, confirmation_total, at_the_door, add_to_calendar,
    /// When seats were given back.
    refund_subject, refund_heading, refund_intro, refund_total, refund_arrives, refund_tickets_void,
    /// Documents about money.
    payment_receipt, refund_receipt, electronic_boleta, exempt_electronic_boleta, electronic_credit_note, numbered,
}

/// A sentence with its `{name}`s replaced, each once: a value that has braces keeps them.
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
        let parts = sentence.split('{').skip(1);
        let mut names: Vec<_> = parts.filter_map(|part| part.split_once('}')).map(|(name, _)| name).collect();
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
    }
}
