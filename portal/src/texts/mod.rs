//! Every sentence of the portal, one table per language. A sentence missing in a language does not compile.
//!
//! `{name}` in a sentence is replaced by `fill`. Sentences for refusals follow one shape: what happened, and what to
//! do next.

mod english;
pub(crate) mod operators;
mod spanish;

pub(crate) use english::ENGLISH;
pub(crate) use spanish::SPANISH;
pub(crate) use ticketflow_words::fill;

/// What happened, and what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Advice {
    pub(crate) title: &'static str,
    pub(crate) next: &'static str,
}

macro_rules! texts {
    ($($(#[$group:meta])* $name:ident,)+) => {
        /// The sentences of one language.
        #[derive(Debug)]
        pub(crate) struct Texts {
            $($(#[$group])* pub(crate) $name: &'static str,)+
            pub(crate) advice: AdviceTable,
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
    /// On every page.
    skip_to_content, catalogue, other_language, footer, retry, back_to_catalogue,
    /// Catalogue.
    catalogue_title, catalogue_lead, catalogue_empty_title, catalogue_empty, next_shows,
    sales_open, sales_scheduled, sales_scheduled_at, sales_closed, sales_cancelled, sold_out, few_left, seats_left,
    from_price, choose_seats, see_seats, see_show, sales_start_at, sales_start_unknown,
    /// Seat map and list.
    zones, zone, free, sold_out_short, total, best_title, best_lead, quantity, together, best_button,
    general_title, general_button, your_seats, no_seats_picked, hold_button, map_help, list_link, map_link,
    list_title, list_lead, list_hint, row, seat, show_rows_from, no_free_seats, no_zone, seats_in,
    general_zone,
    legend_available, legend_picked, legend_held, legend_sold, legend_blocked, zoom_in, zoom_out, zoom_all,
    loading_map, map_needs_script, reconnecting, live, map_failed, map_label,
    say_seat, say_picked, say_unpicked, say_lost, say_limit, say_not_available, say_general, say_row,
    hold_failed, remove_seat, picked_count,
    status_available, status_held, status_sold, status_blocked, status_picked,
    /// A hold that is under way.
    holding, time_left, to_checkout, give_back, hold_over_title, hold_over, tickets_count_one, tickets_count_many,
    time_nearly_over,
    given_back, continue_list,
    /// Checkout.
    checkout_title, buyer, rut, rut_hint, rut_wrong, rut_malformed, name, name_missing, email, email_hint,
    email_wrong, payment, card, card_token, card_missing, card_approve, card_decline, card_slow, card_lost, card_outage,
    pay, paying, payment_note, summary, paying_same_key,
    /// Tickets.
    tickets_title, thanks, paid_on, order_reference, print, ticket_word, status_paid, status_used, status_refunded,
    status_pending, status_expired, qr_label, qr_pending, keep_link, documents_title, documents_pending,
    documents_issued, documents_delivered, tickets_pdf, ticket_pdf, document_number, document_receipt, document_boleta,
    document_exempt_boleta, document_refund, document_credit_note, place, refund_link, refund_all_link, show_at_door,
    /// Refund.
    refund_title, refund_question, refund_question_many, refund_explain, refund_reason, refund_confirm, refund_cancel, refund_done,
    /// Problems.
    reference,
}

macro_rules! advice {
    ($($name:ident,)+) => {
        /// Advice by cause.
        #[derive(Debug)]
        pub(crate) struct AdviceTable {
            $(pub(crate) $name: Advice,)+
        }

        impl AdviceTable {
            /// Every piece of advice, for the tests.
            #[cfg(test)]
            pub(crate) fn all(&self) -> Vec<Advice> {
                vec![$(self.$name,)+]
            }
        }
    };
}

advice! {
    page_unknown, show_unknown, order_unknown, order_on_its_way, method_unknown, foreign_form, seats_taken, not_enough, not_together,
    seats_unknown, too_many, no_seats, customer_limit, sales_not_open, sold_out, sales_closed,
    show_cancelled, hold_ended,
    payment_under_way, payment_declined, declined_and_gone, payment_timeout, payment_unavailable, unavailable_and_gone,
    outcome_unknown, key_reused,
    ticket_refunded, ticket_used, field_invalid, busy, down, unexpected,
}

impl Texts {
    /// The advice for a problem code of the API.
    pub(crate) fn advice_for(&self, code: &str) -> Advice {
        let advice = &self.advice;
        match code {
            "show_unknown" => advice.show_unknown,
            "order_unknown" => advice.order_unknown,
            "still_processing" => advice.order_on_its_way,
            "not_found" => advice.page_unknown,
            "seats_unavailable" | "seats_changed" => advice.seats_taken,
            "not_enough_seats" => advice.not_enough,
            "not_together" => advice.not_together,
            "seat_unknown" | "zone_unknown" => advice.seats_unknown,
            "too_many_seats" => advice.too_many,
            "no_seats" => advice.no_seats,
            "customer_limit" => advice.customer_limit,
            "sales_not_open" => advice.sales_not_open,
            "sales_closed" => advice.sales_closed,
            "show_cancelled" => advice.show_cancelled,
            "hold_ended" => advice.hold_ended,
            "payment_under_way" => advice.payment_under_way,
            "payment_declined" => advice.payment_declined,
            "payment_timeout" => advice.payment_timeout,
            "payment_unavailable" => advice.payment_unavailable,
            "idempotency_key_reused" => advice.key_reused,
            "ticket_refunded" | "refunded" => advice.ticket_refunded,
            "ticket_used" | "already_used" => advice.ticket_used,
            "invalid_field" | "malformed_json" => advice.field_invalid,
            "storage_low" | "overloaded" | "too_many_requests" => advice.busy,
            _ => advice.unexpected,
        }
    }
}

impl Texts {
    /// A kind of document as it is printed on one; nothing for a kind that nobody here knows.
    pub(crate) fn document_kind(&self, kind: &str) -> Option<&'static str> {
        Some(match kind {
            "receipt" => self.document_receipt,
            "credit_note" => self.document_refund,
            "taxed_receipt" => self.document_boleta,
            "exempt_receipt" => self.document_exempt_boleta,
            "fiscal_credit_note" => self.document_credit_note,
            _ => return None,
        })
    }
}

/// The names in braces of a sentence, for the tests.
#[cfg(test)]
fn placeholders(sentence: &str) -> std::collections::BTreeSet<&str> {
    sentence.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_languages_say_the_same_things_and_differ_in_words() {
        let mut different = 0;
        for ((name, spanish), (_, english)) in SPANISH.all().into_iter().zip(ENGLISH.all()) {
            assert!(!spanish.is_empty() && !english.is_empty(), "{name}");
            assert_eq!(placeholders(spanish), placeholders(english), "{name}");
            different += usize::from(spanish != english);
        }
        assert!(different > 120, "one language was copied over the other: {different}");
        for (spanish, english) in SPANISH.advice.all().into_iter().zip(ENGLISH.advice.all()) {
            assert!(spanish.title != english.title && spanish.next != english.next, "{spanish:?}");
        }
    }

    #[test]
    fn a_value_that_looks_like_a_placeholder_is_left_alone() {
        assert_eq!(fill("{a} y {b}{c}", &[("a", "{b}"), ("b", "2")]), "{b} y 2");
        assert_eq!(fill("no end {", &[]), "no end ");
    }

    #[test]
    fn every_code_of_the_contract_that_a_buyer_can_meet_has_its_own_advice() {
        let codes = [
            "show_unknown",
            "seat_unknown",
            "zone_unknown",
            "seats_unavailable",
            "seats_changed",
            "not_enough_seats",
            "not_together",
            "too_many_seats",
            "no_seats",
            "customer_limit",
            "sales_not_open",
            "sales_closed",
            "show_cancelled",
            "hold_ended",
            "payment_under_way",
            "payment_declined",
            "payment_timeout",
            "payment_unavailable",
            "order_unknown",
            "ticket_refunded",
            "ticket_used",
            "storage_low",
            "overloaded",
            "too_many_requests",
            "idempotency_key_reused",
            "invalid_field",
        ];
        for code in codes {
            assert_ne!(ENGLISH.advice_for(code), ENGLISH.advice.unexpected, "{code}");
        }
    }
}
