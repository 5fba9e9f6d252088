//! What an operator reads first about papers: whether all are out, how urgent it is if not, and what to do next. Pure.
//!
//! The most urgent comes first: without folios nothing goes out, whatever else waits.

use super::figures::Mark;
use super::papers::Papers;
use crate::operator_model::{Projection, Verdict};
use crate::pages::Frame;
use crate::paper_model::{Fiscal, FolioStock};
use crate::texts::fill;

/// The verdict, in words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PaperVerdict<'a> {
    pub(crate) mark: Mark,
    pub(crate) title: String,
    pub(crate) next: &'static str,
    /// Billing is what is the matter: what it says itself, or nothing.
    pub(crate) trouble: Option<&'a str>,
}

pub(crate) fn verdict<'a>(frame: &Frame<'_>, papers: &'a Papers) -> PaperVerdict<'a> {
    let texts = frame.language.operator_texts();
    let say = |mark, title: &str, next| PaperVerdict { mark, title: title.to_owned(), next, trouble: None };
    let stocks = papers.folios.here().map_or(&[][..], |folios| &folios.data[..]);
    let kinds = |kinds: Vec<&FolioStock>| {
        let names: Vec<&str> =
            kinds.into_iter().map(|stock| kind_name(frame, &stock.document_type)).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(kinds) = kinds(stocks.iter().filter(|stock| stock.left == 0).collect()) {
        return say(Mark::Bad, &fill(texts.papers_out, &[("kinds", &kinds)]), texts.papers_out_next);
    }
    let trouble = papers.billing.as_ref().and_then(|billing| Some((billing, trouble(frame, billing)?)));
    if let Some((billing, (mark, title))) = trouble {
        let error = billing.last_error.as_deref().unwrap_or_default();
        let next = if error.is_empty() { texts.papers_trouble } else { texts.papers_trouble_because };
        return PaperVerdict { mark, title: title.to_owned(), next, trouble: Some(error) };
    }
    let parked = papers.parked.data.len();
    let refused = papers.refused.here().map_or(0, |refused| refused.data.len());
    if parked + refused > 0 {
        let next = if parked > 0 { texts.papers_waiting_next } else { texts.papers_refused_next };
        let n = frame.count((parked + refused) as u64);
        let has_more =
            papers.parked.has_more || papers.refused.here().is_some_and(|refused| refused.has_more);
        let title = match (has_more, parked + refused) {
            (true, _) => texts.papers_waiting_more,
            (false, 1) => texts.papers_waiting_one,
            (false, _) => texts.papers_waiting_many,
        };
        return say(Mark::Warn, &fill(title, &[("n", &n)]), next);
    }
    if let Some(kinds) = kinds(stocks.iter().filter(|stock| stock.is_low).collect()) {
        return say(Mark::Warn, &fill(texts.papers_low, &[("kinds", &kinds)]), texts.papers_low_next);
    }
    if matches!(papers.folios, Fiscal::NotNow) || matches!(papers.refused, Fiscal::NotNow) {
        return say(Mark::Warn, texts.papers_unknown, texts.papers_unknown_next);
    }
    match papers.billing {
        Some(_) => say(Mark::Good, texts.papers_well, texts.all_well_next),
        // Nobody here knows how far billing is: no promise is made.
        None => say(Mark::Good, texts.papers_quiet, texts.papers_elsewhere),
    }
}

/// How urgent it is and what to call it, if billing does not do its work.
fn trouble(frame: &Frame<'_>, billing: &Projection) -> Option<(Mark, &'static str)> {
    let texts = frame.language.operator_texts();
    match billing.verdict {
        Verdict::Halted if billing.state == "stopped" => Some((Mark::Bad, texts.papers_stopped)),
        Verdict::Halted | Verdict::Other => Some((Mark::Bad, texts.papers_held_up)),
        Verdict::Behind => Some((Mark::Warn, texts.papers_behind)),
        // Documents are issued, and mails or the authority wait.
        Verdict::KeepingUp if billing.last_error.is_some() => Some((Mark::Warn, texts.papers_held_up)),
        Verdict::KeepingUp => None,
    }
}

/// A kind of document as it is printed on one; the API's own name for a kind that nobody here knows.
pub(super) fn kind_name<'k>(frame: &Frame<'_>, kind: &'k str) -> &'k str {
    frame.texts().document_kind(kind).unwrap_or(kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::Language;
    use crate::paper_model::{FolioStocks, Parked, ParkedList, RefusedDocument, RefusedList};
    use jiff::tz::TimeZone;

    fn well() -> Papers {
        Papers {
            parked: ParkedList::default(),
            billing: Some(Projection {
                name: "billing".into(),
                state: "live".into(),
                ..Projection::default()
            }),
            folios: Fiscal::NotHere,
            refused: Fiscal::NotHere,
        }
    }

    fn folios(left: u64, is_low: bool) -> Fiscal<FolioStocks> {
        let stock = |kind: &str, left, is_low| FolioStock {
            document_type: kind.into(),
            left,
            is_low,
            ..FolioStock::default()
        };
        let data = vec![stock("taxed_receipt", left, is_low), stock("fiscal_credit_note", 20_000, false)];
        Fiscal::Here(FolioStocks { data, ..FolioStocks::default() })
    }

    fn said(papers: &Papers) -> (Mark, String) {
        let frame = Frame { language: Language::English, time_zone: &TimeZone::UTC, address: "/ops/papers" };
        let verdict = verdict(&frame, papers);
        (verdict.mark, verdict.title)
    }

    #[test]
    fn the_most_urgent_is_said_first() {
        let mut papers = well();
        assert_eq!(said(&papers), (Mark::Good, "All documents are out".into()));
        papers.folios = folios(9_000, true);
        assert_eq!(said(&papers), (Mark::Warn, "Few folios left: Boleta electrónica".into()));
        papers.refused =
            Fiscal::Here(RefusedList { data: vec![RefusedDocument::default()], has_more: false });
        assert_eq!(said(&papers), (Mark::Warn, "1 document waits for you".into()));
        papers.parked.data = vec![Parked::default(), Parked::default()];
        assert_eq!(said(&papers), (Mark::Warn, "3 documents wait for you".into()));
        papers.parked.has_more = true;
        assert_eq!(said(&papers), (Mark::Warn, "More than 3 documents wait for you".into()));
        papers.billing.as_mut().unwrap().verdict = Verdict::Behind;
        assert_eq!(said(&papers), (Mark::Warn, "Documents are late".into()));
        papers.folios = folios(0, true);
        assert_eq!(said(&papers), (Mark::Bad, "No folios left: Boleta electrónica".into()));
    }

    #[test]
    fn what_cannot_be_read_is_not_said_to_be_well() {
        let unknown = (Mark::Warn, "Not all of it can be read just now".to_owned());
        assert_eq!(said(&Papers { folios: Fiscal::NotNow, ..well() }), unknown);
        assert_eq!(said(&Papers { refused: Fiscal::NotNow, ..well() }), unknown);
    }

    #[test]
    fn billing_that_does_not_work_is_never_all_out() {
        let billing = |state: &str, verdict, error: Option<&str>| {
            let last_error = error.map(str::to_owned);
            Some(Projection { state: state.into(), verdict, last_error, ..Projection::default() })
        };
        let cases = [
            (billing("stopped", Verdict::Halted, Some("x")), Mark::Bad, "Documents have stopped"),
            (billing("unreachable", Verdict::Halted, Some("x")), Mark::Bad, "Documents are held up"),
            (billing("dreaming", Verdict::Other, None), Mark::Bad, "Documents are held up"),
            (
                billing("live", Verdict::KeepingUp, Some("the mails wait")),
                Mark::Warn,
                "Documents are held up",
            ),
            (billing("standby", Verdict::KeepingUp, None), Mark::Good, "All documents are out"),
            (None, Mark::Good, "No document waits for you here"),
        ];
        for (billing, mark, title) in cases {
            assert_eq!(said(&Papers { billing, ..well() }), (mark, title.to_owned()));
        }
    }
}
