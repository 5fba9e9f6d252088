//! `/ops/shows` and `/ops/shows/{show}/time-travel`: any moment of a show, event by event, with its seat map.
//!
//! Every moment has its address, so that a form, a link and the script's slider lead to the same page.

use super::{Part, page};
use crate::api_model::{CompactMap, SeatStatus, ShowDetail, ShowList};
use crate::operator_model::Event;
use crate::pages::seat_map::past_map;
use crate::pages::{Frame, sales_badge};
use crate::texts::fill;
use data_encoding::BASE64;
use maud::{Markup, html};
use serde::Serialize;

/// A moment of a show, in words. Made once for the page and for the script.
#[derive(Serialize)]
pub(crate) struct Moment {
    /// Counts the show's events from 1.
    pub(crate) revision: u64,
    pub(crate) position: u64,
    /// The revision of the show's last event.
    pub(crate) last: u64,
    pub(crate) words: MomentWords,
    /// The map, 2 bits a seat.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) compact: String,
}

#[derive(Serialize)]
pub(crate) struct MomentWords {
    pub(crate) event_of: String,
    pub(crate) sentence: String,
    pub(crate) kind: String,
    pub(crate) when: String,
    pub(crate) position: String,
    pub(crate) free: String,
    pub(crate) held: String,
    pub(crate) sold: String,
    pub(crate) blocked: String,
}

impl Moment {
    pub(crate) fn new(
        frame: &Frame<'_>,
        event: &Event,
        last: u64,
        sentence: String,
        map: &CompactMap,
        places: usize,
    ) -> Self {
        let texts = frame.language.operator_texts();
        let mut counts = [0_u64; 4];
        (0..places).for_each(|place| counts[map.status(place) as usize] += 1);
        let count = |status: SeatStatus| frame.count(counts[status as usize]);
        let of = [("n", frame.count(event.revision)), ("total", frame.count(last))];
        let words = MomentWords {
            event_of: fill(texts.event_of, &of.each_ref().map(|(name, value)| (*name, value.as_str()))),
            sentence,
            kind: event.kind.clone(),
            when: frame.date_time_to_millis(&event.recorded_at),
            position: frame.count(event.position),
            free: count(SeatStatus::Available),
            held: count(SeatStatus::Held),
            sold: count(SeatStatus::Sold),
            blocked: count(SeatStatus::Blocked),
        };
        let compact = BASE64.encode(&map.0);
        Self { revision: event.revision, position: event.position, last, words, compact }
    }
}

pub(crate) fn render(frame: &Frame<'_>, detail: &ShowDetail, moment: &Moment) -> Markup {
    let texts = frame.language.operator_texts();
    let show = &detail.show;
    let title = fill(texts.past_title, &[("show", &show.name)]);
    let path = format!("/ops/shows/{}/time-travel", show.show_id);
    let to = |revision: u64| format!("{path}?revision={revision}");
    let words = &moment.words;
    let previous = moment.revision.saturating_sub(1).max(1);
    let next = (moment.revision + 1).min(moment.last);
    let content = html! {
        header.past-head {
            h1 { bdi { (title) } }
            p.show-facts { span { bdi { (show.venue) } } time datetime=(show.starts_at) { (frame.date_time(&show.starts_at)) } }
        }
        section.moment.panel-box #moment data-moment={ "/ops/live/shows/" (show.show_id) "/moment" } data-path=(path)
            data-revision=(moment.revision) data-last=(moment.last) aria-label=(texts.moment) {
            p.moment-words role="status" {
                b data-word="sentence" { (words.sentence) }
                span.hint { span data-word="event_of" { (words.event_of) } " · " time data-word="when" { (words.when) } }
            }
            form.moment-slider method="get" action=(path) {
                label.unseen for="revision" { (texts.moment) }
                input #revision type="range" name="revision" min="1" max=(moment.last) value=(moment.revision) step="1"
                    aria-valuetext=(words.event_of);
                noscript { button.button.quiet type="submit" { (texts.go) } }
            }
            p.turns {
                a.button.quiet data-step="-1" href=(to(previous)) aria-disabled=[(moment.revision == 1).then_some("true")] { "← " (texts.previous_event) }
                a.button.quiet data-step="1" href=(to(next)) aria-disabled=[(moment.revision == moment.last).then_some("true")] { (texts.next_event) " →" }
                a.link data-present href=(path) { (texts.back_to_present) }
                a.link.moment-event href={ "/ops/events/" (moment.position) } {
                    span { (texts.position) " " span data-word="position" { (words.position) } } code data-word="kind" { (words.kind) }
                }
            }
        }
        dl.seats-then aria-label=(texts.seats_then) {
            @for (name, field, count) in [(texts.free, "free", &words.free), (texts.held, "held", &words.held), (texts.sold, "sold", &words.sold), (texts.blocked, "blocked", &words.blocked)] {
                div { dt { (name) } dd data-word=(field) { (count) } }
            }
        }
        div.past-map { (past_map(frame, detail, moment.position)) }
    };
    page(frame, Part::Past, &title, &["seat-map.js", "ops-past.js"], content)
}

/// Which show?
pub(crate) fn render_shows(frame: &Frame<'_>, shows: &ShowList) -> Markup {
    let texts = frame.language.operator_texts();
    let content = html! {
        h1 { (texts.past) }
        p.lead { (texts.past_lead) }
        @if shows.data.is_empty() {
            p.empty-line { (frame.texts().catalogue_empty_title) }
        } @else {
            ul.past-shows {
                @for show in &shows.data {
                    li.panel-box {
                        div {
                            h2 { a href={ "/ops/shows/" (show.show_id) "/time-travel" } { bdi { (show.name) } } }
                            p.hint { bdi { (show.venue) } " · " (frame.date_time(&show.starts_at)) }
                        }
                        (sales_badge(frame, show))
                    }
                }
            }
        }
        @if let Some(last) = shows.data.last().filter(|_| shows.has_more) {
            p.more { a.button.quiet href={ "/ops/shows?after=" (last.show_id) } { (frame.texts().next_shows) } }
        }
    };
    page(frame, Part::Past, texts.past, &[], content)
}
