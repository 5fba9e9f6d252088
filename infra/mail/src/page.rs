//! What a mail says, in the words of its language, and its two forms: plain text and HTML.
//!
//! Every text from outside is one legible line here, and stands in a template only as a value: HTML escapes it, and nothing in it
//! is read as a template.

use crate::attachment_name::attachment_name;
use crate::calendar::Method;
use crate::legible::{name_of_a_person, one_line};
use crate::order_mail::{MAX_LISTED_SEATS, MailKind, OrderMail, Receipt, Seat};
use crate::texts::Texts;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use std::sync::LazyLock;
use ticketflow_words::{date_time, document_name, document_number, fill, money};

/// Names of people and issuers.
pub(crate) const MAX_NAME: usize = 80;
const MAX_SHOW: usize = 120;
const MAX_VENUE: usize = 120;
const MAX_SEAT: usize = 60;
const MAX_FOLIO: usize = 40;

const HTML: &str = "mail.html";
const TEXT: &str = "mail.txt";

/// One seat as it is listed.
pub(crate) struct SeatLine {
    pub(crate) zone: String,
    pub(crate) label: String,
}

/// The words of one mail.
pub(crate) struct Page {
    pub(crate) subject: String,
    pub(crate) show: String,
    pub(crate) venue: String,
    pub(crate) sender: String,
    pub(crate) buyer: Option<String>,
    pub(crate) order_name: &'static str,
    pub(crate) order: String,
    pub(crate) link: Option<String>,
    rest: Rest,
}

/// What only the templates ask for.
struct Rest {
    lang: &'static str,
    demo: Option<&'static str>,
    heading: &'static str,
    greeting: String,
    intro: &'static str,
    when: String,
    /// Name and value.
    facts: Vec<(&'static str, String)>,
    seats_title: String,
    seats: Vec<SeatLine>,
    more_seats: Option<String>,
    total_name: &'static str,
    total: String,
    link_name: &'static str,
    notes: Vec<String>,
    footer: String,
    texts: &'static Texts,
}

impl Page {
    /// The words for a mail. Its link has been checked by the caller.
    pub(crate) fn new(mail: &OrderMail) -> Self {
        let texts = Texts::of(mail.language);
        let show = one_line(&mail.show, MAX_SHOW);
        let sender = one_line(&mail.sender_name, MAX_NAME);
        let buyer = name_of_a_person(&mail.buyer_name, MAX_NAME);
        let order = mail.order.to_string();
        let method = Method::of(&mail.entry);
        let words = Words::of(mail.kind, method, texts);
        let mut subject = fill(words.subject, &[("show", &show)]);
        if mail.is_demo {
            subject = fill(texts.demo_subject, &[("subject", &subject)]);
        }
        let greeting = match &buyer {
            Some(name) => fill(texts.greeting, &[("name", name)]),
            None => texts.greeting_nobody.to_owned(),
        };
        let (seats, more_seats) = listed(&mail.seats, texts);
        let notes = words.notes.into_iter().map(|note| fill(note, &[("file", method.file_name())]));
        let rest = Rest {
            lang: mail.language.tag(),
            demo: mail.is_demo.then_some(texts.demo),
            heading: words.heading,
            greeting,
            intro: words.intro,
            when: date_time(mail.language, mail.starts_at.datetime()),
            facts: facts(mail, texts, &order),
            seats_title: match mail.seats.len() {
                1 => texts.seats_one.to_owned(),
                n => fill(texts.seats_many, &[("n", &n.to_string())]),
            },
            seats,
            more_seats,
            total_name: words.total,
            total: money(mail.language, &mail.total),
            link_name: texts.see_order,
            notes: notes.collect(),
            footer: fill(texts.footer, &[("sender", &sender)]),
            texts,
        };
        Self {
            subject,
            venue: one_line(&mail.venue, MAX_VENUE),
            order_name: texts.order,
            link: mail.order_page.clone(),
            show,
            sender,
            buyer,
            order,
            rest,
        }
    }

    /// The form for readers without HTML.
    pub(crate) fn text(&self) -> String {
        self.render(TEXT)
    }

    /// The form with looks. Nothing is loaded from outside: opening it tells nobody.
    pub(crate) fn html(&self) -> String {
        self.render(HTML)
    }

    fn render(&self, name: &str) -> String {
        static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(templates);
        let template = TEMPLATES.get_template(name).expect("both templates are compiled in");
        template.render(self.values()).expect("every value that the templates name is given")
    }

    fn values(&self) -> Value {
        let Rest { lang, demo, heading, greeting, intro, when, facts, seats_title, seats, .. } = &self.rest;
        let Rest { more_seats, total_name, total, link_name, notes, footer, texts, .. } = &self.rest;
        let facts = facts.iter().map(|(name, value)| context!(name => *name, value => value.as_str()));
        let seats =
            seats.iter().map(|seat| context!(zone => seat.zone.as_str(), label => seat.label.as_str()));
        context!(
            lang => *lang,
            subject => self.subject.as_str(),
            sender => self.sender.as_str(),
            demo => *demo,
            heading => *heading,
            greeting => greeting.as_str(),
            intro => *intro,
            show => self.show.as_str(),
            when_name => texts.when,
            when => when.as_str(),
            venue_name => texts.venue,
            venue => self.venue.as_str(),
            facts => facts.collect::<Vec<Value>>(),
            seats_title => seats_title.as_str(),
            seats => seats.collect::<Vec<Value>>(),
            more_seats => more_seats.as_deref(),
            total_name => *total_name,
            total => total.as_str(),
            link => self.link.as_deref(),
            link_name => *link_name,
            notes => notes.clone(),
            footer => footer.as_str(),
        )
    }
}

/// The seats line by line, those that are listed, and in words how many more there are.
pub(crate) fn listed(seats: &[Seat], texts: &Texts) -> (Vec<SeatLine>, Option<String>) {
    let line = |seat: &Seat| SeatLine {
        zone: one_line(&seat.zone, MAX_SEAT),
        label: one_line(&seat.label, MAX_SEAT),
    };
    let more = seats.len().saturating_sub(MAX_LISTED_SEATS);
    let more = (more > 0).then(|| fill(texts.more_seats, &[("n", &more.to_string())]));
    (seats.iter().take(MAX_LISTED_SEATS).map(line).collect(), more)
}

/// The sentences that differ by what a mail is for.
struct Words {
    subject: &'static str,
    heading: &'static str,
    intro: &'static str,
    total: &'static str,
    notes: Vec<&'static str>,
}

impl Words {
    fn of(kind: MailKind, method: Method, texts: &Texts) -> Self {
        match kind {
            MailKind::Confirmation => Self {
                subject: texts.confirmation_subject,
                heading: texts.confirmation_heading,
                intro: texts.confirmation_intro,
                total: texts.confirmation_total,
                notes: vec![texts.at_the_door, texts.add_to_calendar],
            },
            MailKind::Refund => Self {
                subject: texts.refund_subject,
                heading: texts.refund_heading,
                intro: texts.refund_intro,
                total: texts.refund_total,
                notes: vec![
                    texts.refund_arrives,
                    texts.refund_tickets_void,
                    match method {
                        Method::Publish => texts.refund_calendar,
                        Method::Cancel => texts.refund_calendar_cancel,
                    },
                ],
            },
        }
    }
}

/// Name and value of what is said about the order as a whole.
fn facts(mail: &OrderMail, texts: &Texts, order: &str) -> Vec<(&'static str, String)> {
    let mut facts = vec![(texts.order, order.to_owned())];
    if let Some(Receipt { document_type, folio }) = &mail.receipt {
        let number = document_number(mail.language, one_line(folio, MAX_FOLIO));
        facts.push((document_name(mail.language, *document_type), number));
    }
    if !mail.attachments.is_empty() {
        let names: Vec<String> =
            mail.attachments.iter().map(|attachment| attachment_name(&attachment.file_name)).collect();
        facts.push((texts.attached, names.join(", ")));
    }
    facts
}

fn templates() -> Environment<'static> {
    let mut templates = Environment::new();
    let syntax =
        SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    templates.set_syntax(syntax.expect("the delimiters are the usual ones"));
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in
        [(HTML, include_str!("templates/mail.html")), (TEXT, include_str!("templates/mail.txt"))]
    {
        templates.add_template(name, source).expect("the templates are tested");
    }
    templates
}

/// The plain text of a mail by itself, to look at.
pub fn render_text(mail: &OrderMail) -> String {
    Page::new(mail).text()
}

/// The HTML of a mail by itself, to look at.
pub fn render_html(mail: &OrderMail) -> String {
    Page::new(mail).html()
}
