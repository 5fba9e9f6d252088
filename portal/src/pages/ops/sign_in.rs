//! Signing in with the operator's key.

use crate::pages::{Frame, OPERATORS_PAGE, done_notice};
use maud::{Markup, html};

/// What the page says above the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    Nothing,
    WrongKey,
    SignedOut,
}

/// `to` is where signing in leads.
pub(crate) fn render(frame: &Frame<'_>, to: &str, before: Before) -> Markup {
    let texts = frame.language.operator_texts();
    let wrong = before == Before::WrongKey;
    let content = html! {
        div.narrow.sign-in {
            @if before == Before::SignedOut { (done_notice(texts.signed_out)) }
            h1 { (texts.sign_in_title) }
            p.lead { (texts.sign_in_lead) }
            form.panel-box method="post" action="/ops/sign-in" {
                input type="hidden" name="to" value=(to);
                // For the browser's password store, which keys its entries by a name.
                input.unseen type="text" name="name" value="operator" autocomplete="username" tabindex="-1" aria-hidden="true" readonly;
                div.field.wide {
                    label for="key" { (texts.key) }
                    input #key type="password" name="key" autocomplete="current-password" required autofocus
                        aria-describedby=(if wrong { "key-problem key-hint" } else { "key-hint" }) aria-invalid=[wrong.then_some("true")];
                    @if wrong { p #key-problem.field-problem role="alert" { (texts.key_wrong) } }
                    p #key-hint.hint { (texts.show_where) }
                }
                button.button.large type="submit" { (texts.sign_in) }
            }
        }
    };
    frame.page(texts.sign_in_title, OPERATORS_PAGE, &[], content)
}
