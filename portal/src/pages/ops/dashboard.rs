//! `/ops`: in five seconds, whether everything keeps up, since when, and what to press.
//!
//! Readable and usable without JavaScript; with it the words move once a second and charts are drawn. Words come from
//! `figures.rs` alone.

use super::figures::{Card, Figures, Mark};
use super::{Part, charts_licence, page, refused_notice};
use crate::operator_model::{Action, BILLING};
use crate::pages::{Frame, done_notice};
use crate::texts::fill;
use crate::texts::operators::OperatorTexts;
use maud::{Markup, html};
use serde_json::json;

/// What was answered to the last press of a button.
pub(crate) enum Outcome {
    Nothing,
    /// As asked.
    Done {
        action: Action,
        projection: String,
    },
    /// What it comes to, and what the API says about it.
    Refused {
        title: &'static str,
        detail: String,
    },
}

pub(crate) fn render(frame: &Frame<'_>, figures: &Figures, outcome: &Outcome) -> Markup {
    let texts = frame.language.operator_texts();
    let content = html! {
        @match outcome {
            Outcome::Nothing => {}
            Outcome::Done { action, projection } => (done_notice(&fill(done(texts, *action), &[("name", projection)]))),
            Outcome::Refused { title, detail } => (refused_notice(title, detail)),
        }
        div #projections data-live="/ops/live/projections" data-history="/ops/live/history" data-time-zone=[frame.time_zone.iana_name()] data-texts=(script_texts(texts)) {
            (verdict(figures))
            p.ops-state {
                span.map-state data-state hidden role="status" { (texts.live) }
                span.hint data-reload { (fill(texts.reload_hint, &[("time", &figures.clock)])) }
            }
            div.projections {
                @for card in &figures.projections { (projection(texts, card)) }
            }
            section.charts hidden data-charts aria-label=(texts.chart_window) {
                (chart("lag", texts.chart_lag, texts.chart_window))
                (chart("rate", texts.chart_rate, texts.chart_window))
            }
        }
        (charts_licence(frame))
    };
    page(frame, Part::Projections, texts.projections, &["uplot.iife.min.js", "ops-dashboard.js"], content)
}

fn verdict(figures: &Figures) -> Markup {
    html! {
        header.verdict.(figures.mark.class()) data-verdict {
            span.verdict-sign aria-hidden="true" {}
            div {
                h1 { span data-title aria-live="polite" { (figures.title) } }
                p { span data-next { (figures.next) } }
                p.verdict-since data-since { (figures.since) }
            }
        }
    }
}

fn projection(texts: &'static OperatorTexts, card: &Card) -> Markup {
    let words = &card.words;
    let id = format!("projection-{}", card.name);
    html! {
        section.projection.panel-box.(card.mark.class()) data-projection=(card.name) aria-labelledby=(id) {
            header {
                h2 #(id) { bdi { (card.name) } }
                span.badge.(badge(card.mark)) data-word="state" { (words.state) }
            }
            p.projection-lag { b data-word="lag" { (words.lag) } span { (texts.lag) } }
            dl.projection-facts {
                (fact(texts.to_apply, "lag_events", &words.lag_events))
                (fact(texts.trend, "trend", words.trend))
                (fact(texts.rate, "rate", &words.rate))
                (fact(texts.position, "position", &words.position))
            }
            p.hint data-word="since" { (words.since) }
            div.rebuild data-if="rebuild" hidden[words.rebuild.is_empty()] {
                label for=(format!("rebuild-{}", card.name)) { (texts.rebuild_under_way) }
                progress #(format!("rebuild-{}", card.name)) max="100" value=(card.rebuild_percent.unwrap_or(0)) data-rebuild {}
                span data-word="rebuild" { (words.rebuild) }
            }
            div.projection-error data-if="error" hidden[words.error.is_empty()] {
                h3 { (texts.last_error) }
                p lang="en" data-word="error" { (words.error) }
            }
            @if card.name == BILLING { p.projection-more { a.link href="/ops/papers" { (texts.see_papers) } } }
            (actions(texts, card))
        }
    }
}

fn badge(mark: Mark) -> &'static str {
    match mark {
        Mark::Good => "on",
        Mark::Warn => "hot",
        Mark::Bad => "alarm",
    }
}

/// A name and its word.
fn fact(name: &str, field: &str, word: &str) -> Markup {
    html! { div { dt { (name) } dd data-word=(field) { (word) } } }
}

/// All actions are on the page; those that fit are shown, and the script follows the state.
fn actions(texts: &'static OperatorTexts, card: &Card) -> Markup {
    let offered = |action: Action| card.actions.contains(&action);
    let address = |action: Action| format!("/ops/projections/{}/{}", card.name, action.name());
    html! {
        p.hint.projection-actions data-no-actions hidden[!card.actions.is_empty()] { (texts.no_actions) }
        div.projection-actions role="group" aria-label=(texts.actions) {
            @for action in [Action::Resume, Action::Pause] {
                form method="post" action=(address(action)) data-action=(action.name()) hidden[!offered(action)] {
                    button.button.quiet[action == Action::Pause] type="submit" title=(explain(texts, action)) { (name(texts, action)) }
                }
            }
            @for (action, confirm) in [(Action::Skip, texts.skip_confirm), (Action::Rebuild, texts.rebuild_confirm)] {
                details data-action=(action.name()) hidden[!offered(action)] {
                    summary.button.quiet { (name(texts, action)) "…" }
                    form method="post" action=(address(action)) {
                        p.hint { (explain(texts, action)) }
                        @if action == Action::Skip {
                            label.field { span { (texts.skip_reason) } input type="text" name="reason" required maxlength="500" autocomplete="off"; }
                        }
                        button.button.danger[action == Action::Skip] type="submit" { (confirm) }
                    }
                }
            }
        }
    }
}

fn name(texts: &OperatorTexts, action: Action) -> &'static str {
    match action {
        Action::Pause => texts.pause,
        Action::Resume => texts.resume,
        Action::Rebuild => texts.rebuild,
        Action::Skip => texts.skip,
    }
}

fn explain(texts: &OperatorTexts, action: Action) -> &'static str {
    match action {
        Action::Pause => texts.pause_explain,
        Action::Resume => texts.resume_explain,
        Action::Rebuild => texts.rebuild_explain,
        Action::Skip => texts.skip_explain,
    }
}

fn done(texts: &OperatorTexts, action: Action) -> &'static str {
    match action {
        Action::Pause => texts.done_pause,
        Action::Resume => texts.done_resume,
        Action::Rebuild => texts.done_rebuild,
        Action::Skip => texts.done_skip,
    }
}

fn chart(kind: &str, title: &str, window: &str) -> Markup {
    let id = format!("chart-{kind}");
    html! {
        figure.panel-box aria-labelledby=(id) {
            figcaption #(id) { b { (title) } " " span.hint { (window) } }
            div.chart data-chart=(kind) {}
        }
    }
}

/// The words that the script needs for itself.
fn script_texts(texts: &OperatorTexts) -> String {
    json!({
        "live": texts.live, "reconnecting": texts.reconnecting, "log": texts.chart_log, "time": texts.chart_time,
    })
    .to_string()
}
