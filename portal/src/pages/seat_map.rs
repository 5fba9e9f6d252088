//! `/shows/{show}`: the live seat map beside the forms that reserve. The map is drawn by the `<seat-map>` element; the
//! forms are plain and work without it.

use super::{
    Frame, done_notice, problem_notice, sale_notice, show_head, shows_what_is_left, swatch, what_is_left,
    zone_color,
};
use crate::api_model::{Sales, ShowDetail};
use crate::hold_cookie::RememberedHold;
use crate::texts::{Advice, Texts};
use crate::wording;
use maud::{Markup, html};
use serde_json::json;

/// What the page shows.
pub(crate) struct SeatMapView<'a> {
    pub(crate) detail: &'a ShowDetail,
    pub(crate) hold: Option<&'a RememberedHold>,
    pub(crate) problem: Option<Advice>,
    pub(crate) note: Option<&'static str>,
    pub(crate) key: &'a str,
    pub(crate) max_seats: u32,
}

pub(crate) fn render(frame: &Frame<'_>, view: &SeatMapView<'_>) -> Markup {
    let show = &view.detail.show;
    let selling = show.sales == Sales::Open;
    let to_list = html! {
        @if shows_what_is_left(show) {
            a.link.show-list href={ "/shows/" (show.show_id) "/list" } { (frame.texts().list_link) }
        }
    };
    let content = html! {
        (show_head(frame, show, to_list))
        div.show-notices {
            @if let Some(advice) = view.problem { (problem_notice(frame, advice, &[])) }
            @if let Some(note) = view.note { (done_notice(note)) }
            @if let Some(hold) = view.hold { (hold_bar(frame, &show.show_id, hold, false)) }
            (sale_notice(frame, show))
        }
        div.show-floor {
            (map(frame, view))
            aside.panel {
                @if selling { (selection(frame, view)) }
                (legend(frame, view.detail))
                @if selling {
                    (best_available_form(frame, view.detail, view.key, view.max_seats))
                    (general_form(frame, view.detail, view.key, view.max_seats))
                }
            }
        }
    };
    frame.page(&show.name, "seat-map-page", &["seat-map.js", "checkout.js"], content)
}

/// The colours of a show's zones, for the map's own attribute.
fn zone_colors(detail: &ShowDetail) -> String {
    let zones = detail.zones.iter().enumerate();
    let colors: Vec<_> =
        zones.map(|(index, zone)| json!({ "name": zone.name, "color": zone_color(zone, index) })).collect();
    json!(colors).to_string()
}

/// Where the browser reads the drawing of a show's plan.
fn plan_address(detail: &ShowDetail) -> String {
    format!("/live/plans/{}", detail.plan_url.strip_prefix("/v1/plans/").unwrap_or_default())
}

/// The map as it was after the event at a position: nothing moves in it by itself and nothing can be picked.
pub(crate) fn past_map(frame: &Frame<'_>, detail: &ShowDetail, position: u64) -> Markup {
    let texts = frame.texts();
    let show = &detail.show;
    html! {
        seat-map data-plan=(plan_address(detail)) data-seats={ "/ops/live/shows/" (show.show_id) "/seats?at=" (position) }
            data-max="0" data-currency=(show.currency) data-selling="false" data-counted="true" data-zones=(zone_colors(detail))
            data-language=(frame.language.code()) data-texts=(map_texts(texts)) {
            p.map-wait.map-loading role="status" { span.spinner aria-hidden="true" {} (texts.loading_map) }
            noscript { p.map-wait { (frame.language.operator_texts().past_needs_script) } }
        }
    }
}

fn map(frame: &Frame<'_>, view: &SeatMapView<'_>) -> Markup {
    let texts = frame.texts();
    let show = &view.detail.show;
    html! {
        seat-map data-plan=(plan_address(view.detail)) data-seats={ "/live/shows/" (show.show_id) "/seats" }
            data-stream={ "/live/shows/" (show.show_id) "/stream" } data-max=(view.max_seats) data-currency=(show.currency)
            data-selling=(show.sales == Sales::Open) data-counted=(shows_what_is_left(show)) data-zones=(zone_colors(view.detail)) data-language=(frame.language.code())
            data-texts=(map_texts(texts)) {
            p.map-wait.map-loading role="status" { span.spinner aria-hidden="true" {} (texts.loading_map) }
            noscript { p.map-wait { (texts.map_needs_script) a.button href={ "/shows/" (show.show_id) "/list" } { (texts.list_link) } } }
        }
    }
}

/// The sentences that the map speaks, for its own attribute.
fn map_texts(texts: &Texts) -> String {
    json!({
        "mapLabel": texts.map_label, "mapHelp": texts.map_help,
        "zoomIn": texts.zoom_in, "zoomOut": texts.zoom_out, "zoomAll": texts.zoom_all, "live": texts.live,
        "reconnecting": texts.reconnecting, "mapFailed": texts.map_failed, "free": texts.free,
        "soldOut": texts.sold_out_short, "saySeat": texts.say_seat, "sayPicked": texts.say_picked,
        "sayUnpicked": texts.say_unpicked, "sayLost": texts.say_lost, "sayLimit": texts.say_limit,
        "sayNotAvailable": texts.say_not_available, "sayGeneral": texts.say_general,
        "sayRow": texts.say_row, "holdFailed": texts.hold_failed, "removeSeat": texts.remove_seat,
        "pickedCount": texts.picked_count,
        "status": [texts.status_available, texts.status_held, texts.status_sold, texts.status_blocked],
        "statusPicked": texts.status_picked,
        "legend": {
            "available": texts.legend_available, "picked": texts.legend_picked, "held": texts.legend_held,
            "sold": texts.legend_sold, "blocked": texts.legend_blocked,
        },
    })
    .to_string()
}

/// The picked seats; filled by the map, hidden until it runs.
fn selection(frame: &Frame<'_>, view: &SeatMapView<'_>) -> Markup {
    let texts = frame.texts();
    html! {
        form #selection.panel-box.selection hidden method="post" action={ "/shows/" (view.detail.show.show_id) "/hold" } data-hold-form {
            input type="hidden" name="key" value=(view.key);
            h2 { (texts.your_seats) span.selection-count data-count {} }
            p.selection-empty data-empty { (texts.no_seats_picked) }
            ul.selection-seats data-seats {}
            div.selection-end {
                p.selection-total { span { (texts.total) } b data-total {} }
                button.button type="submit" data-submit disabled { (texts.hold_button) }
            }
            p.form-problem role="alert" data-problem hidden {}
        }
    }
}

fn legend(frame: &Frame<'_>, detail: &ShowDetail) -> Markup {
    let texts = frame.texts();
    let left = shows_what_is_left(&detail.show);
    html! {
        section.panel-box aria-labelledby="legend-title" {
            h2 #legend-title { (texts.zones) }
            ul.zone-list #zones {
                @for (index, zone) in detail.zones.iter().enumerate() {
                    li data-zone=(zone.name) {
                        (swatch(zone_color(zone, index)))
                        span.zone-name { bdi { (zone.name) } }
                        span.zone-price { (wording::money(&zone.price)) }
                        @if left { span.zone-free data-free { (what_is_left(frame, zone)) } }
                    }
                }
            }
        }
    }
}

/// The form that lets the API choose; nothing when no numbered zone has a seat left.
pub(crate) fn best_available_form(
    frame: &Frame<'_>,
    detail: &ShowDetail,
    key: &str,
    max_seats: u32,
) -> Markup {
    let texts = frame.texts();
    let zones = || detail.zones.iter().filter(|zone| !zone.general);
    html! {
        @if zones().any(|zone| zone.available > 0) {
            form.panel-box method="post" action={ "/shows/" (detail.show.show_id) "/hold" } data-hold-form {
                input type="hidden" name="key" value=(key);
                input type="hidden" name="best" value="1";
                h2 { (texts.best_title) }
                p.hint { (texts.best_lead) }
                div.fields {
                    label.field.grow {
                        span { (texts.zone) }
                        select name="zone" {
                            @for zone in zones() {
                                option value=(zone.name) disabled[zone.available == 0] {
                                    (zone.name) " · " (wording::money(&zone.price))
                                }
                            }
                        }
                    }
                    (quantity(frame, max_seats, 2))
                }
                label.check { input type="checkbox" name="together" value="1" checked; span { (texts.together) } }
                button.button.quiet type="submit" { (texts.best_button) }
                p.form-problem role="alert" data-problem hidden {}
            }
        }
    }
}

/// The form for zones without numbered seats; nothing when none of them has a place left.
pub(crate) fn general_form(frame: &Frame<'_>, detail: &ShowDetail, key: &str, max_seats: u32) -> Markup {
    let texts = frame.texts();
    let zones = || detail.zones.iter().filter(|zone| zone.general);
    html! {
        @if zones().any(|zone| zone.available > 0) {
            form #general.panel-box method="post" action={ "/shows/" (detail.show.show_id) "/hold" } data-hold-form {
                input type="hidden" name="key" value=(key);
                input type="hidden" name="general" value="1";
                h2 { (texts.general_title) }
                div.fields {
                    label.field.grow {
                        span { (texts.zone) }
                        select name="zone" {
                            @for zone in zones() {
                                option value=(zone.name) disabled[zone.available == 0] {
                                    (zone.name) " · " (wording::money(&zone.price))
                                }
                            }
                        }
                    }
                    (quantity(frame, max_seats, 2))
                }
                button.button.quiet type="submit" { (texts.general_button) }
                p.form-problem role="alert" data-problem hidden {}
            }
        }
    }
}

fn quantity(frame: &Frame<'_>, max_seats: u32, usual: u32) -> Markup {
    html! {
        label.field {
            span { (frame.texts().quantity) }
            select name="quantity" {
                @for number in 1..=max_seats { option value=(number) selected[number == usual.min(max_seats)] { (number) } }
            }
        }
    }
}

/// The reservation under way, with its countdown and both ways out of it.
pub(crate) fn hold_bar(frame: &Frame<'_>, show: &str, hold: &RememberedHold, from_list: bool) -> Markup {
    let texts = frame.texts();
    html! {
        section.hold-bar aria-labelledby="hold-title" {
            div {
                h2 #hold-title { (texts.holding) }
                p { (frame.tickets(hold.count)) " · " (wording::money(&hold.total)) }
            }
            (countdown(frame, show, hold))
            div.hold-ways {
                a.button href={ "/shows/" (show) "/checkout" } { (texts.to_checkout) }
                (give_back_form(frame, show, from_list))
            }
        }
    }
}

/// The time left, counted by the script from the server's clock; without script, the deadline itself.
pub(crate) fn countdown(frame: &Frame<'_>, show: &str, hold: &RememberedHold) -> Markup {
    html! {
        p.countdown {
            span { (frame.texts().time_left) }
            time datetime=(hold.expires_at) data-expires=(hold.expires_at) data-over={ "/shows/" (show) "/checkout" } role="timer" {
                (frame.date_time(&hold.expires_at))
            }
            span.unseen role="status" data-hurry=(frame.texts().time_nearly_over) {}
        }
    }
}

/// The button that gives the hold back.
pub(crate) fn give_back_form(frame: &Frame<'_>, show: &str, from_list: bool) -> Markup {
    html! {
        form method="post" action={ "/shows/" (show) "/release" } {
            @if from_list { input type="hidden" name="from" value="list"; }
            button.link type="submit" { (frame.texts().give_back) }
        }
    }
}
