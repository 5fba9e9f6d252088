//! Every sentence of the documents, one table per language. A sentence missing in a language does not compile.
//!
//! `{name}` in a sentence is replaced by [`ticketflow_words::fill`].

mod english;
mod spanish;

use english::ENGLISH;
use spanish::SPANISH;
use ticketflow_domain::Language;

macro_rules! texts {
    ($($(#[$group:meta])* $name:ident,)+) => {
        /// The sentences of one language.
        pub(crate) struct Texts {
            $($(#[$group])* pub(crate) $name: &'static str,)+
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
    /// On every document.
    demo,
    /// Tickets.
    tickets_title, ticket_number, when, doors_time, venue, buyer, price, zone, row, seat, place, general_admission, order,
    /// Receipts: who and when.
    tax_id, issued_on, billed_to,
    /// Receipts: the table.
    description, quantity, amount, net, exempt, tax, total, refers_to, page,
    /// Receipts: the fiscal stamp. In Spanish in every language: the words are the tax office's.
    stamp, resolution,
}

impl Texts {
    /// Those of a language.
    pub(crate) const fn of(language: Language) -> &'static Self {
        match language {
            Language::Spanish => &SPANISH,
            Language::English => &ENGLISH,
        }
    }
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
}
