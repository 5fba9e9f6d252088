//! Every sentence of the operators' pages, one table per language. A sentence missing in a language does not compile.

mod english;
mod spanish;

pub(crate) use english::ENGLISH;
pub(crate) use spanish::SPANISH;

macro_rules! texts {
    ($($(#[$group:meta])* $name:ident,)+) => {
        /// The sentences for operators in one language.
        #[derive(Debug)]
        pub(crate) struct OperatorTexts {
            $($(#[$group])* pub(crate) $name: &'static str,)+
        }

        impl OperatorTexts {
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
    operations, projections, event_log, past, nav_log, nav_past, sign_out, charts_by,
    /// Signing in.
    sign_in_title, sign_in_lead, key, show_where, sign_in, key_wrong, signed_out,
    /// The verdict at the top.
    all_well, all_well_next, one_behind, one_paused, one_stopped, one_unreachable, one_halted, several,
    next_growing, next_shrinking, next_shrinking_until, next_steady, next_paused, next_stopped, next_unreachable,
    next_halted, next_several, nothing_projected, since, since_well, since_behind, since_halted,
    /// Projections.
    state_live, state_catching_up, state_rebuilding, state_paused, state_stopped, state_unreachable, state_standby,
    lag, to_apply, lag_events_one, lag_events_many, trend, trend_growing, trend_steady, trend_shrinking,
    rate, per_second, position, position_of, rebuild_under_way, rebuild_done, rebuild_done_left, last_error,
    live, reconnecting, reload_hint,
    seconds_short, minutes_short, hours_short, days_short,
    /// Charts.
    chart_lag, chart_rate, chart_log, chart_window, chart_time,
    /// Actions.
    actions, pause, pause_explain, resume, resume_explain, rebuild, rebuild_explain, skip, skip_explain, skip_reason, skip_confirm,
    rebuild_confirm, no_actions,
    done_pause, done_resume, done_rebuild, done_skip,
    refused_unknown, refused_pause, refused_rebuild, refused_skip, refused_state, refused_reason, refused_other,
    /// Papers: the verdict.
    papers, see_papers, papers_well, papers_quiet, papers_elsewhere, papers_waiting_one,
    papers_waiting_many, papers_waiting_more, papers_waiting_next, papers_refused_next, papers_out,
    papers_out_next, papers_low, papers_low_next, papers_behind, papers_held_up, papers_stopped,
    papers_trouble, papers_trouble_because, papers_see_billing, papers_unknown, papers_unknown_next,
    /// Papers: what is parked.
    parked, parked_lead, parked_none, parked_more, shown_of, order, books, attempts, parked_since,
    try_again, try_all_again, give_up, give_up_explain, give_up_confirm,
    /// Papers: folios.
    folios, issuer, demonstration, demonstration_why, folios_none, folios_left, folios_issued, folios_next,
    folios_loaded_to, folios_until, folios_no_end, folios_enough, folios_low, folios_out, no_fiscal,
    no_fiscal_why, fiscal_not_now, load, load_explain, load_file, load_text, load_hint, load_confirm,
    /// Papers: what the authority did not take.
    turned_down, turned_down_lead, turned_down_none, submit_again, issued_at,
    /// Papers: what was done, and what was not.
    done_retry, done_retry_all, done_give_up, done_load, done_load_again, done_submit, load_missing,
    refused_parked, refused_file, refused_issuer, refused_forged, refused_expired, refused_overlap,
    refused_folios, refused_now,
    /// The log.
    log_lead, stream, go_to_position, show_events, clear, chain, chain_holds, chain_broken, recorded_at, event,
    revision, older, newer, newest, no_events, batch, events_of_batch, stream_malformed,
    /// One event.
    event_title, event_unknown, chain_hash, previous_chain_hash, chain_start, content, content_cut, all_of_stream, see_map_then,
    chain_holds_long, chain_broken_long, previous_event, next_event,
    /// The past of a show.
    past_title, past_lead, event_of, moment, back_to_present, seats_then,
    free, held, sold, blocked, past_needs_script, go,
    /// What an event says, in one line.
    said_show_created, said_sales_opened, said_sales_closed, said_show_cancelled, said_seats_blocked,
    said_seats_unblocked, said_seats_held, said_hold_released, said_hold_expired, said_payment_started, said_order_paid,
    said_payment_failed, said_payment_captured, said_charge_voided, said_tickets_refunded, said_refund_settled,
    said_ticket_checked_in, said_placeholder_created, said_buyer_details_recorded, said_projection_batch_skipped, said_other,
    failed_declined, failed_timed_out, failed_unavailable, failed_abandoned,
    seats_one, seats_many, seats_of_row, seats_general, seats_named_more,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::placeholders;

    #[test]
    fn both_languages_say_the_same_things_and_differ_in_words() {
        let mut different = 0;
        for ((name, spanish), (_, english)) in SPANISH.all().into_iter().zip(ENGLISH.all()) {
            assert!(!spanish.is_empty() && !english.is_empty(), "{name}");
            assert_eq!(placeholders(spanish), placeholders(english), "{name}");
            different += usize::from(spanish != english);
        }
        assert!(different > 100, "one language was copied over the other: {different}");
    }
}
