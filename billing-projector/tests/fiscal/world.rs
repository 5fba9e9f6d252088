//! A history of shows whose buyers gave their details, an issuer with keys in a folder, and an authority that outlives billing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::civil::date;
use jiff::tz::TimeZone;
use ticketflow_billing_projector::{
    BillingHandle, BillingOptions, BillingPorts, BillingStatus, Books, Buyers, Copy, FactReader,
    FiscalAuthority, FiscalKeys, FiscalOffice, FiscalPorts, FolioDesk, MailPorts, PaperStyle, Phase, Press,
};
use ticketflow_domain::billing::{
    BillingEvent, DocumentId, DocumentType, DocumentView, Issuer, OrderDocuments, Scheme, SeriesCode,
};
use ticketflow_domain::customer::{BuyerDetailsRecorded, CustomerEvent};
use ticketflow_domain::show::{OrderPaid, ShowEvent};
use ticketflow_domain::{CustomerId, Language, OrderId, Rut, Timestamp};
use ticketflow_event_store::{
    Append, Category, EmbeddedLog, EncodedEvents, EventStore, Expected, LogOptions, SimDisk, StreamId,
    Urgency, billing_event, push_customer_event,
};
use ticketflow_fiscal_chile::{RsaKey, SignedDocument, SigningIdentity};
use ticketflow_key_vault::{CustomerKeys, KeyVault, SealContext, seal};
use ticketflow_mail::{MailSetting, MailTransport};
use ticketflow_ticket_code::TicketSigner;

use crate::history::{self, Decided, History};

/// Past this a wait has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);
/// 2030-01-01T00:00:00Z.
const START_MS: i64 = 1_893_456_000_000;
const FIRST_RUT: u32 = 12_000_000;
const ISSUER_RUT: &str = "76.123.456-0";

/// One process runs one test.
static CLOCK: AtomicI64 = AtomicI64::new(START_MS);

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(CLOCK.load(Ordering::SeqCst))
}

pub(crate) fn set_clock_seconds_after_start(seconds: i64) {
    CLOCK.store(START_MS + seconds * 1_000, Ordering::SeqCst);
}

/// Texts that broke programs before.
pub(crate) const HOSTILE: [&str; 9] = [
    "<b>&\"'</b>",
    "]]><![CDATA[x]]>",
    "&amp;&#0;&nope;",
    "\u{202E}txet desrever\u{202C} 🎸",
    "שלום עולם",
    "a\0b\u{1}c\u{7F}\u{85}d",
    "line\r\nline\n\tline",
    "María José O'Higgins \"Coté\" Muñoz, una persona con un nombre que no cabe en cuarenta caracteres ni en cien, por más que se corte",
    "--><?xml version=\"1.0\"?><!--",
];

pub(crate) struct World {
    pub(crate) log: EmbeddedLog,
    pub(crate) history: History,
    pub(crate) vault: Arc<KeyVault>,
    pub(crate) authority: FiscalAuthority,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) options: BillingOptions,
    /// Said by all buyers from here on.
    pub(crate) language: Option<Language>,
    people: u32,
}

impl World {
    pub(crate) fn new(seed: u64, receipt_type: DocumentType) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fiscal = folder.path().join("fiscal");
        let authority_key = FiscalKeys::test_authority_key(&fiscal).unwrap();
        std::fs::write(fiscal.join("sender.pem"), identity().to_pem().as_bytes()).unwrap();
        owner_only(&fiscal.join("sender.pem"));
        let issuer = Issuer {
            name: "Teatro Caleta Clara SpA".into(),
            tax_id: ISSUER_RUT.into(),
            activity: "Espectáculos".into(),
            address: "Costanera 12".into(),
            district: "Ñuñoa".into(),
            city: "Santiago".into(),
            resolution: "80/2014-08-22".into(),
            is_demo: true,
        };
        let scheme = receipt_type.scheme();
        Self {
            log: EmbeddedLog::open(Arc::new(SimDisk::new(1)), LogOptions::default()).unwrap().0,
            history: History::new(seed, 4, 4),
            vault: Arc::new(KeyVault::open_or_create(&folder.path().join("customers.keys")).unwrap()),
            authority: FiscalAuthority::simulated(authority_key, seed),
            folder,
            options: BillingOptions { series: series(), scheme, issuer, receipt_type },
            language: None,
            people: 0,
        }
    }

    pub(crate) fn store(&self) -> EventStore {
        self.log.clone().into()
    }

    pub(crate) fn fiscal_folder(&self) -> PathBuf {
        self.folder.path().join("fiscal")
    }

    /// The keys as a process reads them at its start.
    pub(crate) fn keys(&self) -> Arc<FiscalKeys> {
        Arc::new(FiscalKeys::open(&self.fiscal_folder()).unwrap())
    }

    pub(crate) fn folio_desk(&self, keys: Arc<FiscalKeys>) -> FolioDesk {
        let authority = FiscalKeys::test_authority_key(&self.fiscal_folder()).unwrap();
        FolioDesk::new(self.store(), Arc::default(), self.options.series, keys, authority, santiago(), now)
    }

    pub(crate) fn plain_press(&self) -> Press {
        let keys: Arc<dyn CustomerKeys> = self.vault.clone();
        let facts = FactReader::new(self.log.clone());
        Press::new(facts, Buyers::new(self.log.clone(), keys), TicketSigner::new(&[7; 32]))
    }

    pub(crate) fn ports(&self) -> FiscalPorts {
        let keys = self.keys();
        let office = Arc::new(FiscalOffice::new(keys.clone(), 799_000, None));
        FiscalPorts {
            office: office.clone(),
            folios: Arc::new(self.folio_desk(keys)),
            authority: self.authority.clone(),
            press: self.plain_press().with_fiscal_office(office),
        }
    }

    pub(crate) fn start(&self) -> BillingHandle {
        self.start_with(None)
    }

    pub(crate) fn start_mailing(&self) -> BillingHandle {
        let mails = MailSetting::Folder(self.folder.path().join("mail"));
        let transport = MailTransport::open(&mails).unwrap();
        self.start_with(Some(transport))
    }

    fn start_with(&self, transport: Option<MailTransport>) -> BillingHandle {
        let fiscal = Some(self.ports()).filter(|_| self.options.scheme == Scheme::Chile);
        let press = fiscal.as_ref().map_or_else(|| self.plain_press(), |fiscal| fiscal.press.clone());
        let mail = transport.map(|transport| MailPorts {
            transport,
            sender_address: "boleteria@example.cl".to_owned(),
            public_origin: None,
            press,
            style: style(),
        });
        let facts = FactReader::new(self.log.clone());
        let ports = BillingPorts {
            store: self.store(),
            books: Arc::default(),
            facts,
            orders: None,
            mail,
            fiscal,
            now,
        };
        ticketflow_billing_projector::start(ports, self.options.clone()).unwrap()
    }

    /// Appends so many batches of history. What buyers say of themselves is there before what they buy.
    pub(crate) async fn sell(&mut self, batches: usize) {
        for _ in 0..batches {
            let decided = self.history.next();
            self.append(decided).await;
        }
    }

    pub(crate) async fn append(&mut self, mut decided: Decided) {
        for event in &mut decided.events {
            match event {
                ShowEvent::ShowCreated(created) => {
                    created.name =
                        format!("{}{}", HOSTILE[self.people as usize % HOSTILE.len()], created.name);
                    created.venue = HOSTILE[3].to_owned();
                }
                ShowEvent::OrderPaid(paid) => self.introduce(paid).await,
                _ => {}
            }
        }
        let append = self.history.encode(&decided);
        history::durable(self.log.append(append));
    }

    /// As a purchase does.
    async fn introduce(&mut self, paid: &OrderPaid) {
        let rut = rut(FIRST_RUT + self.people);
        let name = HOSTILE[self.people as usize % HOSTILE.len()];
        self.people += 1;
        let mut details =
            serde_json::json!({"rut": rut.to_string(), "name": name, "email": "ana@example.cl"});
        if let Some(language) = self.language {
            details["language"] = language.code().into();
        }
        let customer_id = paid.customer_id.to_bytes();
        let lookup = self.vault.lookup(rut.number());
        let customer = self.vault.find_or_create(lookup, move || customer_id).await.unwrap();
        let context = SealContext { customer_id, place: &paid.order_id.to_bytes() };
        let sealed = seal(&customer.key, context, details.to_string().as_bytes()).unwrap();
        let recorded = BuyerDetailsRecorded { order_id: paid.order_id, sealed, at: paid.paid_at };
        let mut events = EncodedEvents::new();
        push_customer_event(&mut events, &CustomerEvent::BuyerDetailsRecorded(recorded)).unwrap();
        history::durable(self.log.append(Append {
            stream: StreamId::new(Category::Customer, customer_id),
            expected: Expected::Any,
            batch_id: paid.order_id.to_bytes(),
            recorded_at_ms: paid.paid_at.as_millis(),
            metadata: Vec::new(),
            events,
            urgency: Urgency::Essential,
        }));
    }

    pub(crate) async fn forget(&self, customer_id: CustomerId) {
        self.vault.destroy(customer_id.to_bytes()).await.unwrap();
    }

    /// What is in the books, in their order.
    pub(crate) fn events(&self) -> Vec<BillingEvent> {
        let stream = StreamId::new(Category::Billing, self.options.series.to_bytes());
        let mut reader = self.log.read_stream(stream, 1).unwrap();
        let mut events = Vec::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            events.extend(batch.events().map(|record| billing_event(record).unwrap()));
        }
        events
    }

    /// All documents, in the order in which they were issued.
    pub(crate) fn documents(&self) -> Vec<(OrderId, OrderDocuments, DocumentView)> {
        let books = Books::open(self.store(), Arc::default(), self.options.series).unwrap();
        let issued = self.events().into_iter().filter_map(|event| match event {
            BillingEvent::DocumentIssued(issued) => Some((issued.order_id, issued.document)),
            _ => None,
        });
        let document = |(order_id, document): (OrderId, DocumentId)| {
            let documents = books.state().documents(order_id).unwrap();
            let mut of_order = std::iter::once(&documents.receipt).chain(&documents.credit_notes);
            let view = *of_order.find(|view| view.document == document).unwrap();
            (order_id, documents, view)
        };
        issued.map(document).collect()
    }

    /// Made anew by a press of its own.
    pub(crate) async fn signed(&self) -> BTreeMap<DocumentId, SignedDocument> {
        let press = self.ports().press;
        let mut signed = BTreeMap::new();
        for (order_id, documents, view) in self.documents() {
            let copy = copy(&press, &documents, order_id, &view).await;
            signed.insert(view.document, press.signed(&documents, view, copy).await.unwrap().unwrap());
        }
        signed
    }

    /// Until everything that was sold has its document, and the authority took all of them.
    pub(crate) async fn all_taken(&self, billing: &BillingHandle) {
        until("the authority took everything", billing, |_| self.is_all_taken(billing)).await;
    }

    pub(crate) fn is_all_taken(&self, billing: &BillingHandle) -> bool {
        // Recording moves the head, and following catches up with it: the books decide.
        let status = billing.status();
        status.phase == Phase::Live
            && status.position == self.log.head().position
            && Books::open(self.store(), Arc::default(), self.options.series)
                .unwrap()
                .state()
                .open()
                .all(|(_, progress)| progress.is_accepted)
    }

    /// How often the books say each of these of a document.
    pub(crate) fn count(
        &self,
        is: impl Fn(&BillingEvent) -> Option<DocumentId>,
    ) -> BTreeMap<DocumentId, usize> {
        let mut counts = BTreeMap::new();
        self.events().iter().filter_map(is).for_each(|document| *counts.entry(document).or_default() += 1);
        counts
    }
}

pub(crate) fn accepted(event: &BillingEvent) -> Option<DocumentId> {
    if let BillingEvent::DocumentAccepted(accepted) = event { Some(accepted.document) } else { None }
}

pub(crate) fn refused(event: &BillingEvent) -> Option<DocumentId> {
    if let BillingEvent::DocumentRefused(refused) = event { Some(refused.document) } else { None }
}

pub(crate) fn submitted(event: &BillingEvent) -> Option<DocumentId> {
    if let BillingEvent::DocumentSubmitted(submitted) = event { Some(submitted.document) } else { None }
}

pub(crate) async fn copy(
    press: &Press,
    documents: &OrderDocuments,
    order_id: OrderId,
    view: &DocumentView,
) -> Arc<Copy> {
    Arc::new(press.copy(documents, order_id, view.source_position).await.unwrap())
}

pub(crate) async fn until(what: &str, billing: &BillingHandle, holds: impl Fn(&BillingStatus) -> bool) {
    let since = Instant::now();
    loop {
        let status = billing.status();
        assert_ne!(status.phase, Phase::Stopped, "{status:?}");
        if holds(&status) {
            return;
        }
        assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}: {status:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) fn series() -> SeriesCode {
    "CALETA".parse().unwrap()
}

pub(crate) fn santiago() -> TimeZone {
    TimeZone::get("America/Santiago").unwrap()
}

pub(crate) fn style() -> PaperStyle {
    PaperStyle { language: Language::Spanish, time_zone: santiago() }
}

pub(crate) fn issuer_rut() -> Rut {
    ISSUER_RUT.parse().unwrap()
}

/// The day of the clock in Chile at the start.
pub(crate) const TODAY: jiff::civil::Date = date(2029, 12, 31);

/// The issuer's key of the tests of `fiscal-chile`, with a certificate by openssl.
pub(crate) fn identity() -> SigningIdentity {
    let key =
        RsaKey::from_pem(include_str!("../../../infra/fiscal-chile/tests/data/issuer-key.pem")).unwrap();
    let certificate = include_bytes!("../../../infra/fiscal-chile/tests/data/issuer-certificate.der");
    SigningIdentity::new(key, certificate.to_vec()).unwrap()
}

pub(crate) fn owner_only(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn rut(number: u32) -> Rut {
    "0123456789K".chars().find_map(|digit| format!("{number}-{digit}").parse().ok()).unwrap()
}
