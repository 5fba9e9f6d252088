//! What an issuer of Chilean receipts is made of: its keys, where folios come from, and the authority.
//!
//! A demonstration gets all of it at its first start. The only authority yet is the simulated one, so that a real issuer is refused:
//! its receipts would look valid and be none.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use axum::Router;
use clap::{Args, ValueEnum};
use ticketflow_billing_books::BillingBooks;
use ticketflow_billing_projector::{
    BillingOptions, FiscalAuthority, FiscalHttpPorts, FiscalKeys, FiscalOffice, FiscalPorts, FolioDesk,
    Press, Resolution, TestIssuer,
};
use ticketflow_command_service::{Clock, random};
use ticketflow_domain::Rut;
use ticketflow_domain::billing::{DocumentType, Scheme};
use ticketflow_event_store::EventStore;
use ticketflow_http::OperatorKey;

use crate::data_folder::DataFolder;

/// Of demonstrations: one that is being certified.
const DEMO_RESOLUTION: &str = "0/2014-08-22";
/// Of demonstrations: reservations and what goes with them.
const DEMO_ACTIVITY_CODE: u32 = 799_000;

/// Whether receipts are those of a tax authority.
#[derive(Args, Clone)]
pub(crate) struct FiscalArguments {
    /// What an order gets: a receipt by nobody's rules, or a Chilean boleta, taxed (39) or exempt (41)
    #[arg(long, default_value = "plain", env = "TICKETFLOW_RECEIPTS")]
    receipts: Receipts,
    /// Economic activity of the issuer (Acteco), which its credit notes carry; it stays the same as long as the series does
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=999_999), env = "TICKETFLOW_ISSUER_ACTIVITY_CODE")]
    issuer_activity_code: Option<u32>,
    /// Number and date of the decision by which the issuer may issue, such as 80/2014-08-22
    #[arg(long, env = "TICKETFLOW_ISSUER_RESOLUTION")]
    issuer_resolution: Option<Resolution>,
    /// RUT of the owner of the signing certificate [default: the issuer's]
    #[arg(long, env = "TICKETFLOW_FISCAL_SENDER_RUT")]
    fiscal_sender_rut: Option<Rut>,
    /// The tax authority that documents go to
    #[arg(long, default_value = "simulated", env = "TICKETFLOW_FISCAL_AUTHORITY")]
    fiscal_authority: Authority,
    #[command(flatten)]
    keys: FiscalFolder,
}

/// Where the fiscal keys are.
#[derive(Args, Clone)]
pub(crate) struct FiscalFolder {
    /// Folder of the certificate and the folios' keys, which the instances of billing share [default: the folder `fiscal` in the data folder]
    #[arg(long, env = "TICKETFLOW_FISCAL_KEYS", value_name = "FOLDER")]
    fiscal_keys: Option<PathBuf>,
}

impl FiscalFolder {
    pub(crate) fn path(&self, folder: &DataFolder) -> PathBuf {
        self.fiscal_keys.clone().unwrap_or_else(|| folder.fiscal())
    }
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Receipts {
    Plain,
    Taxed,
    Exempt,
}

#[derive(Clone, Copy, ValueEnum)]
enum Authority {
    Simulated,
}

/// The keys and the authority of an issuer.
pub(crate) struct Fiscal {
    pub(crate) office: Arc<FiscalOffice>,
    folios: Arc<FolioDesk>,
    authority: FiscalAuthority,
    books: Arc<BillingBooks>,
    store: EventStore,
}

impl FiscalArguments {
    pub(crate) fn receipt_type(&self) -> DocumentType {
        match self.receipts {
            Receipts::Plain => DocumentType::Receipt,
            Receipts::Taxed => DocumentType::TaxedReceipt,
            Receipts::Exempt => DocumentType::ExemptReceipt,
        }
    }

    /// As it stands in the books; empty where there is none.
    pub(crate) fn resolution(&self, is_demo: bool) -> Result<String> {
        match self.issuer_resolution {
            _ if self.receipts == Receipts::Plain => Ok(String::new()),
            Some(resolution) => Ok(resolution.to_string()),
            None if is_demo => Ok(DEMO_RESOLUTION.to_owned()),
            None => bail!("--receipts taxed and exempt need --issuer-resolution NUMBER/DATE"),
        }
    }

    /// Opens the keys of an issuer of fiscal documents; `None` for others. Makes those of a demonstration.
    pub(crate) fn open(
        &self,
        options: &BillingOptions,
        store: &EventStore,
        books: &Arc<BillingBooks>,
        folder: &DataFolder,
    ) -> Result<Option<Fiscal>> {
        if options.scheme == Scheme::Plain {
            return Ok(None);
        }
        let issuer = &options.issuer;
        let rut: Rut = issuer.tax_id.parse().context(
            "--receipts taxed and exempt need the issuer's RUT, as in --issuer-tax-id 76.123.456-0",
        )?;
        let Authority::Simulated = self.fiscal_authority;
        if !issuer.is_demo {
            bail!(
                "this version reaches no tax authority but the simulated one, and a real issuer's receipts would be valid nowhere: \
                 add --issuer-demo, or use --receipts plain"
            );
        }
        let activity_code = self.issuer_activity_code.unwrap_or(DEMO_ACTIVITY_CODE);
        let path = self.keys.path(folder);
        let test_issuer = TestIssuer {
            rut,
            name: issuer.name.clone(),
            sender: self.fiscal_sender_rut.unwrap_or(rut),
            today: today()?,
        };
        let keys = FiscalKeys::open_for_tests(&path, &test_issuer)
            .with_context(|| format!("cannot open the fiscal keys in {}", path.display()))?;
        keys.settle_activity_code(options.series, activity_code)?;
        let (keys, authority_key) = (Arc::new(keys), FiscalKeys::test_authority_key(&path)?);
        let office = FiscalOffice::new(keys.clone(), activity_code, self.fiscal_sender_rut);
        let time_zone = office.time_zone().clone();
        let now = || Clock::System.now();
        let (store, books, authority) = (store.clone(), books.clone(), authority_key.clone());
        let folios =
            FolioDesk::new(store.clone(), books.clone(), options.series, keys, authority, time_zone, now);
        Ok(Some(Fiscal {
            office: Arc::new(office),
            folios: Arc::new(folios),
            authority: FiscalAuthority::simulated(authority_key, u64::from_le_bytes(random())),
            books,
            store,
        }))
    }
}

/// In Chile.
pub(crate) fn today() -> Result<jiff::civil::Date> {
    let now = jiff::Timestamp::from_millisecond(Clock::System.now().as_millis())?;
    Ok(now.in_tz("America/Santiago")?.date())
}

impl Fiscal {
    pub(crate) fn ports(&self, press: Press) -> FiscalPorts {
        FiscalPorts {
            office: self.office.clone(),
            folios: self.folios.clone(),
            authority: self.authority.clone(),
            press,
        }
    }

    pub(crate) fn router(&self, operator_key: OperatorKey) -> Router {
        ticketflow_billing_projector::fiscal_router(FiscalHttpPorts {
            folios: self.folios.clone(),
            authority: self.authority.clone(),
            books: self.books.clone(),
            store: self.store.clone(),
            now: || Clock::System.now(),
            operator_key,
        })
    }
}
