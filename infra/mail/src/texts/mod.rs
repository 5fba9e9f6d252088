//! Every sentence of the mails, one table per language. A sentence missing in a language does not compile.
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
    /// On every mail.
    demo, demo_subject, greeting, greeting_nobody, when, venue, order, attached, see_order, footer,
    /// Seats.
    seats_one, seats_many, more_seats,
    /// When an order was paid.
    confirmation_subject, confirmation_heading, confirmation_intro, confirmation_total, at_the_door, add_to_calendar,
    /// When seats were given back.
    refund_subject, refund_heading, refund_intro, refund_total, refund_arrives, refund_tickets_void,
    refund_calendar, refund_calendar_cancel,
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
}
