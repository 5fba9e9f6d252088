//! Who issues documents, by whose rules, and how they are written; and the documents' endpoints, which every process has that can
//! open buyers' details.

use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use axum::Router;
use clap::Args;
use jiff::tz::TimeZone;
use ticketflow_billing_projector::{
    BillingHandle, BillingOptions, BillingPorts, BillingStatus, Buyers, DocumentPorts, FactReader, MailPorts,
    OrderPapers, Orders, PaperStyle, Phase, PoisonPorts, Press,
};
use ticketflow_command_service::Clock;
use ticketflow_domain::Language;
use ticketflow_domain::billing::{Issuer, SeriesCode};
use ticketflow_domain::show::TicketStatus;
use ticketflow_event_store::EventStore;
use ticketflow_http::OperatorKey;
use ticketflow_key_vault::CustomerKeys;
use ticketflow_mail::{InvalidMailSetting, MailSetting, MailTransport};
use ticketflow_projections::{FollowerReport, ProjectionState, Projections, ReadModels};
use ticketflow_ticket_code::TicketSigner;

use crate::data_folder::DataFolder;
use crate::fiscal::{Fiscal, FiscalArguments};

/// The books of an installation that nobody has told who issues.
const DEMO_SERIES: &str = "DEMO";
const DEMO_ISSUER: &str = "TicketFlow";

/// How documents are written, in every process that makes them.
#[derive(Args, Clone)]
pub(crate) struct PaperArguments {
    /// Language of tickets, receipts and mails for buyers who did not say one: es or en
    #[arg(long, default_value = "es", env = "TICKETFLOW_DOCUMENTS_LANGUAGE")]
    documents_language: Language,
    /// Time zone of the venues, by its IANA name
    #[arg(long, default_value = "America/Santiago", env = "TICKETFLOW_TIME_ZONE", value_parser = parse_time_zone)]
    time_zone: String,
}

fn parse_time_zone(text: &str) -> Result<String, String> {
    let known =
        TimeZone::get(text).map_err(|_| "no such time zone; write it like America/Santiago".to_owned());
    known.map(|_| text.to_owned())
}

impl PaperArguments {
    pub(crate) fn time_zone(&self) -> &str {
        &self.time_zone
    }

    fn style(&self) -> Result<PaperStyle> {
        let time_zone = TimeZone::get(&self.time_zone).context("--time-zone")?;
        Ok(PaperStyle { language: self.documents_language, time_zone })
    }
}

/// Who issues, and what.
#[derive(Args, Clone)]
pub(crate) struct BillingArguments {
    /// Name of the books that new orders go into, 1 to 16 letters or digits; another issuer needs another name
    #[arg(long, env = "TICKETFLOW_BILLING_SERIES")]
    billing_series: Option<SeriesCode>,
    /// Who issues receipts, in full; without it every document says that it is a demonstration
    #[arg(long, env = "TICKETFLOW_ISSUER_NAME", requires = "billing_series")]
    issuer_name: Option<String>,
    /// Tax number of the issuer, such as 76.123.456-0
    #[arg(long, default_value = "", env = "TICKETFLOW_ISSUER_TAX_ID", requires = "issuer_name")]
    issuer_tax_id: String,
    /// What the issuer does for a living (giro)
    #[arg(long, default_value = "", env = "TICKETFLOW_ISSUER_ACTIVITY", requires = "issuer_name")]
    issuer_activity: String,
    /// Street and number of the issuer
    #[arg(long, default_value = "", env = "TICKETFLOW_ISSUER_ADDRESS", requires = "issuer_name")]
    issuer_address: String,
    /// District of the issuer (comuna)
    #[arg(long, default_value = "", env = "TICKETFLOW_ISSUER_DISTRICT", requires = "issuer_name")]
    issuer_district: String,
    /// City of the issuer
    #[arg(long, default_value = "", env = "TICKETFLOW_ISSUER_CITY", requires = "issuer_name")]
    issuer_city: String,
    /// Where mails go: file:FOLDER, smtp://HOST:PORT, smtp+starttls://USER:PASSWORD@HOST, smtps://USER:PASSWORD@HOST, or none
    /// [default: the folder `mail` in the data folder]
    #[arg(long, env = "TICKETFLOW_MAIL", hide_env_values = true)]
    mail: Option<Mail>,
    /// From whom mails come, and to whom answers go
    #[arg(long, default_value = "tickets@ticketflow.example", env = "TICKETFLOW_MAIL_FROM")]
    mail_from: String,
    /// Marks all documents as a demonstration without fiscal validity
    #[arg(long, env = "TICKETFLOW_ISSUER_DEMO", requires = "issuer_name")]
    issuer_demo: bool,
    #[command(flatten)]
    fiscal: FiscalArguments,
}

#[derive(Clone)]
enum Mail {
    None,
    To(MailSetting),
}

impl FromStr for Mail {
    type Err = InvalidMailSetting;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self::None) } else { text.parse().map(Self::To) }
    }
}

impl BillingArguments {
    fn transport(&self, folder: &DataFolder) -> Result<Option<MailTransport>> {
        let setting = match &self.mail {
            Some(Mail::None) => return Ok(None),
            Some(Mail::To(setting)) => setting.clone(),
            None => MailSetting::Folder(folder.mail()),
        };
        Ok(Some(MailTransport::open(&setting).context("--mail")?))
    }

    fn options(&self) -> Result<BillingOptions> {
        let is_demo = self.issuer_demo || self.issuer_name.is_none();
        let issuer = Issuer {
            name: self.issuer_name.clone().unwrap_or_else(|| DEMO_ISSUER.to_owned()),
            tax_id: self.issuer_tax_id.clone(),
            activity: self.issuer_activity.clone(),
            address: self.issuer_address.clone(),
            district: self.issuer_district.clone(),
            city: self.issuer_city.clone(),
            resolution: self.fiscal.resolution(is_demo)?,
            is_demo,
        };
        let series = match self.billing_series {
            Some(series) => series,
            None => DEMO_SERIES.parse()?,
        };
        if issuer.name.trim().is_empty() {
            bail!("--issuer-name is empty");
        }
        let receipt_type = self.fiscal.receipt_type();
        Ok(BillingOptions { series, scheme: receipt_type.scheme(), issuer, receipt_type })
    }

    /// The keys and the authority of an issuer of fiscal documents; `None` for others.
    pub(crate) fn open_fiscal(
        &self,
        store: &EventStore,
        models: &ReadModels,
        folder: &DataFolder,
    ) -> Result<Option<Fiscal>> {
        self.fiscal.open(&self.options()?, store, models.books(), folder)
    }
}

/// Reads what documents are about; the read models know the shows.
pub(crate) fn fact_reader(store: &EventStore, models: &Arc<ReadModels>) -> FactReader {
    let shows = models.clone();
    let known = move |show_id| Some(shows.show(show_id)?.info.clone());
    FactReader::new(store.log().clone()).with_known_shows(Arc::new(known))
}

/// What billing and the documents' endpoints are made of.
pub(crate) struct Papers {
    facts: FactReader,
    press: Press,
    style: PaperStyle,
    models: Arc<ReadModels>,
    fiscal: Option<Fiscal>,
}

impl Papers {
    pub(crate) fn new(
        arguments: &PaperArguments,
        store: &EventStore,
        models: Arc<ReadModels>,
        keys: Arc<dyn CustomerKeys>,
        signer: TicketSigner,
        fiscal: Option<Fiscal>,
    ) -> Result<Self> {
        let facts = fact_reader(store, &models);
        let mut press = Press::new(facts.clone(), Buyers::new(store.log().clone(), keys), signer);
        if let Some(fiscal) = &fiscal {
            press = press.with_fiscal_office(fiscal.office.clone());
        }
        Ok(Self { facts, press, style: arguments.style()?, models, fiscal })
    }

    /// The documents' endpoints.
    pub(crate) fn router(&self) -> Router {
        let models = self.models.clone();
        let find = move |order_id| {
            let order = models.order(order_id)?;
            let given_back = order.tickets.iter().filter(|ticket| ticket.status == TicketStatus::Refunded);
            let refunded = given_back.map(|ticket| ticket.id).collect();
            Some(OrderPapers { documents: models.documents(order_id), refunded })
        };
        ticketflow_billing_projector::router(DocumentPorts {
            find: Arc::new(find),
            press: self.press.clone(),
            style: self.style.clone(),
        })
    }

    /// Starts to issue documents and to mail them. `origin` is where the portal is, for links.
    pub(crate) fn start(
        &self,
        arguments: &BillingArguments,
        store: &EventStore,
        folder: &DataFolder,
        origin: Option<String>,
        orders: Option<Orders>,
    ) -> Result<BillingHandle> {
        let mail = arguments.transport(folder)?.map(|transport| MailPorts {
            transport,
            sender_address: arguments.mail_from.clone(),
            public_origin: origin,
            press: self.press.clone(),
            style: self.style.clone(),
        });
        let ports = BillingPorts {
            store: store.clone(),
            books: self.models.books().clone(),
            facts: self.facts.clone(),
            orders,
            mail,
            fiscal: self.fiscal.as_ref().map(|fiscal| fiscal.ports(self.press.clone())),
            now: || Clock::System.now(),
        };
        ticketflow_billing_projector::start(ports, arguments.options()?).context("billing has no threads")
    }

    /// The operators' endpoints for folios and the authority, where fiscal documents are issued.
    pub(crate) fn fiscal_router(&self, operator_key: OperatorKey) -> Router {
        self.fiscal.as_ref().map(|fiscal| fiscal.router(operator_key)).unwrap_or_default()
    }
}

/// The operators' endpoints for what billing gave up on, which every process has.
pub(crate) fn poison_router(models: &ReadModels, store: &EventStore, operator_key: OperatorKey) -> Router {
    ticketflow_billing_projector::poison_router(PoisonPorts {
        books: models.books().clone(),
        store: store.clone(),
        now: || Clock::System.now(),
        operator_key,
    })
}

/// Watches billing like a projection: it follows the log as they do.
pub(crate) fn watch(projections: Projections, billing: &BillingHandle, store: &EventStore) -> Projections {
    let (report, log) = (billing.reporter(), store.log().clone());
    projections.with_follower(
        "billing",
        move || {
            let BillingStatus {
                phase, position, last_error, mail_error, buffer_error, authority_error, ..
            } = report();
            let last_error = last_error.or(buffer_error).or(mail_error).or(authority_error);
            let state = match phase {
                Phase::Standby => ProjectionState::Standby,
                Phase::CatchingUp => ProjectionState::CatchingUp,
                Phase::Live => ProjectionState::Live,
                Phase::Waiting => ProjectionState::Unreachable,
                Phase::Stopped => ProjectionState::Stopped,
            };
            // Whoever waits for its turn is behind with nothing.
            let position = if phase == Phase::Standby { log.head().position } else { position };
            FollowerReport { state, position, last_error, rebuilding: None }
        },
        None,
    )
}
