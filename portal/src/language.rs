//! Which language a page speaks: `?lang=`, then the cookie that remembers an earlier `?lang=`, then the browser's
//! `Accept-Language`, then Spanish.

use crate::hold_cookie::{cookie, set_cookie};
use crate::texts::Texts;
use crate::texts::operators::OperatorTexts;
use axum::extract::{FromRequestParts, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri, header};
use std::convert::Infallible;

const COOKIE: &str = "ticketflow_lang";
const ONE_YEAR_SECONDS: i64 = 365 * 24 * 3_600;

/// A language of the portal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Spanish,
    English,
}

impl From<Language> for ticketflow_domain::Language {
    fn from(language: Language) -> Self {
        match language {
            Language::Spanish => Self::Spanish,
            Language::English => Self::English,
        }
    }
}

impl Language {
    /// Its tag, as `lang` attributes carry it.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Spanish => "es-CL",
            Self::English => "en",
        }
    }

    /// As `?lang=` and the API name it.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Spanish => "es",
            Self::English => "en",
        }
    }

    pub(crate) const fn texts(self) -> &'static Texts {
        match self {
            Self::Spanish => &crate::texts::SPANISH,
            Self::English => &crate::texts::ENGLISH,
        }
    }

    /// The sentences for operators.
    pub(crate) const fn operator_texts(self) -> &'static OperatorTexts {
        match self {
            Self::Spanish => &crate::texts::operators::SPANISH,
            Self::English => &crate::texts::operators::ENGLISH,
        }
    }

    /// The language of a tag or code.
    pub(crate) fn parse(tag: &str) -> Option<Self> {
        match tag.get(..2)?.to_ascii_lowercase().as_str() {
            "es" if is_subtag_end(tag) => Some(Self::Spanish),
            "en" if is_subtag_end(tag) => Some(Self::English),
            _ => None,
        }
    }

    fn asked_by(uri: &Uri) -> Option<Self> {
        uri.query()?.split('&').find_map(|pair| Self::parse(pair.strip_prefix("lang=")?))
    }

    pub(crate) fn of(uri: &Uri, headers: &HeaderMap) -> Self {
        Self::asked_by(uri)
            .or_else(|| Self::parse(cookie(headers, COOKIE)?))
            .or_else(|| preferred(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?))
            .unwrap_or(Self::Spanish)
    }
}

fn is_subtag_end(tag: &str) -> bool {
    tag.as_bytes().get(2).is_none_or(|byte| *byte == b'-' || *byte == b'_')
}

/// The first known language by falling weight; languages of equal weight count in their order.
fn preferred(accept_language: &str) -> Option<Language> {
    let weighed = accept_language.split(',').filter_map(|part| {
        let (tag, parameters) = part.split_once(';').unwrap_or((part, ""));
        let weight: f32 = match parameters.trim().strip_prefix("q=") {
            Some(text) => text.trim().parse().ok()?,
            None => 1.0,
        };
        (weight > 0.0).then_some((Language::parse(tag.trim())?, weight))
    });
    weighed.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(language, _)| language)
}

impl<S: Sync> FromRequestParts<S> for Language {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.uri, &parts.headers))
    }
}

/// Middleware: a language asked for in the address is remembered, and caches are told what the page depends on.
pub(crate) async fn remember(request: Request, next: Next) -> Response {
    let asked = Language::asked_by(request.uri());
    let mut response = next.run(request).await;
    if let Some(language) = asked {
        let value = set_cookie(COOKIE, language.code(), "/", ONE_YEAR_SECONDS, false);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(uri: &str, headers: &[(header::HeaderName, &'static str)]) -> Language {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        Language::of(&uri.parse().unwrap(), &headers)
    }

    #[test]
    fn the_address_wins_over_the_cookie_and_the_cookie_over_the_browser() {
        use Language::{English, Spanish};
        let (cookie, browser) = (header::COOKIE, header::ACCEPT_LANGUAGE);
        assert_eq!(language("/", &[]), Spanish);
        assert_eq!(language("/", &[(browser.clone(), "fr, en;q=0.8, es;q=0.5")]), English);
        assert_eq!(language("/", &[(browser.clone(), "en;q=0.4, es-CL;q=0.9")]), Spanish);
        assert_eq!(language("/", &[(browser.clone(), "est, eno, *;q=0.1, en;q=0")]), Spanish);
        assert_eq!(
            language("/", &[(browser.clone(), "es"), (cookie.clone(), "ticketflow_lang=en")]),
            English
        );
        assert_eq!(language("/?x=1&lang=es", &[(cookie, "ticketflow_lang=en"), (browser, "en")]), Spanish);
        assert_eq!(language("/?lang=%00", &[]), Spanish);
    }
}
