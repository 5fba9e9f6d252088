//! What the tests of billing share: a log, who issues, buyers whose details are sealed, and what has to hold in the end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use ticketflow_billing_projector::{
    BillingHandle, BillingOptions, BillingPorts, Buyers, FactReader, MailPorts, PaperStyle, Phase, Press,
};
use ticketflow_domain::billing::{
    BillingEvent, DocumentId, DocumentIssued, DocumentType, Issuer, Scheme, SeriesCode,
};
use ticketflow_domain::customer::{self, RecordBuyer};
use ticketflow_domain::show::ShowEvent;
use ticketflow_domain::{CustomerId, Language, OrderId, Timestamp};
use ticketflow_event_store::{
    Append, Category, EmbeddedLog, EncodedEvents, Expected, LogOptions, SimDisk, StreamId, Urgency,
    billing_event, push_customer_event, show_event,
};
use ticketflow_key_vault::{KeyVault, SealContext, seal};
use ticketflow_mail::MailTransport;
use ticketflow_ticket_code::TicketSigner;

use crate::history::{self, History};

/// Past this a wait has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn now() -> Timestamp {
    Timestamp::from_millis(1_893_456_000_000)
}

pub(crate) fn series() -> SeriesCode {
    "CALETA".parse().unwrap()
}

pub(crate) fn options(scheme: Scheme, receipt_type: DocumentType) -> BillingOptions {
    let issuer = Issuer {
        name: "Teatro Caleta Clara SpA".into(),
        tax_id: "76.123.456-0".into(),
        activity: "Espectáculos".into(),
        address: "Costanera 12".into(),
        district: "Ñuñoa".into(),
        city: "Santiago".into(),
        resolution: String::new(),
        is_demo: true,
    };
    BillingOptions { series: series(), scheme, issuer, receipt_type }
}

pub(crate) fn log() -> EmbeddedLog {
    EmbeddedLog::open(Arc::new(SimDisk::new(1)), LogOptions::default()).unwrap().0
}

pub(crate) fn start(log: &EmbeddedLog) -> BillingHandle {
    start_with(log, options(Scheme::Plain, DocumentType::Receipt))
}

pub(crate) fn start_with(log: &EmbeddedLog, options: BillingOptions) -> BillingHandle {
    let facts = FactReader::new(log.clone());
    ticketflow_billing_projector::start(
        BillingPorts {
            store: log.clone().into(),
            books: Arc::default(),
            facts,
            orders: None,
            mail: None,
            fiscal: None,
            now,
        },
        options,
    )
    .unwrap()
}

pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// All orders and refunds in the log, in its order, by the position of their event.
pub(crate) fn wanted(log: &EmbeddedLog) -> BTreeMap<u64, (String, i64)> {
    let mut wanted = BTreeMap::new();
    let mut reader = log.read_from(1).unwrap();
    while let Some(batch) = reader.next_batch().unwrap() {
        if batch.stream().category == Category::Show {
            for (record, position) in batch.events().zip(batch.first_position()..) {
                match show_event(record).unwrap() {
                    ShowEvent::OrderPaid(paid) => {
                        wanted.insert(position, (paid.order_id.to_string(), paid.total));
                    }
                    ShowEvent::TicketsRefunded(refunded) => {
                        wanted.insert(position, (refunded.refund_id.to_string(), refunded.amount));
                    }
                    _ => {}
                }
            }
        }
    }
    wanted
}

pub(crate) fn documents(log: &EmbeddedLog) -> Vec<DocumentIssued> {
    documents_of(log, series())
}

pub(crate) fn documents_of(log: &EmbeddedLog, series: SeriesCode) -> Vec<DocumentIssued> {
    let stream = StreamId::new(Category::Billing, series.to_bytes());
    let mut reader = log.read_stream(stream, 1).unwrap();
    let mut documents = Vec::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        for record in batch.events() {
            if let BillingEvent::DocumentIssued(issued) = billing_event(record).unwrap() {
                documents.push(issued);
            }
        }
    }
    documents
}

/// Every order and refund has its one document, of its amount, and folios are 1 to n of each kind.
pub(crate) fn complete(log: &EmbeddedLog) {
    let (wanted, documents) = (wanted(log), documents(log));
    let mut folios: BTreeMap<DocumentType, Vec<u64>> = BTreeMap::new();
    let mut given = BTreeMap::new();
    for issued in &documents {
        folios.entry(issued.document.document_type).or_default().push(issued.document.folio);
        let owner =
            issued.refund.as_ref().map_or(issued.order_id.to_string(), |refund| refund.refund_id.to_string());
        let before = given.insert(issued.source_position, (owner, issued.amounts.total));
        assert_eq!(before, None, "a second document for position {}", issued.source_position);
    }
    assert_eq!(given, wanted);
    for (document_type, folios) in folios {
        assert!(folios.iter().copied().eq(1..=folios.len() as u64), "{document_type:?}: {folios:?}");
    }
}

/// Until billing has looked at everything that there is, its own events included.
pub(crate) async fn caught_up(log: &EmbeddedLog, billing: &BillingHandle) {
    until("everything has its document", || {
        let status = billing.status();
        assert_ne!(status.phase, Phase::Stopped, "{status:?}");
        status.phase == Phase::Live && status.position == log.head().position
    })
    .await;
}

/// Customers' keys in a folder of their own.
pub(crate) struct Keys {
    pub(crate) vault: Arc<KeyVault>,
    /// Said by all buyers from here on.
    pub(crate) language: Option<Language>,
    _folder: tempfile::TempDir,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = KeyVault::open_or_create(&folder.path().join("customers.keys")).unwrap();
        Self { vault: Arc::new(vault), language: None, _folder: folder }
    }

    /// Appends so many batches of a history, and before each order its buyer's details, as a purchase does.
    pub(crate) async fn append(&self, log: &EmbeddedLog, history: &mut History, batches: usize) {
        for _ in 0..batches {
            let decided = history.next();
            for event in &decided.events {
                if let ShowEvent::OrderPaid(paid) = event {
                    self.record(log, paid.customer_id, paid.order_id, "Ana Rojas", &address(paid.order_id))
                        .await;
                }
            }
            let append = history.encode(&decided);
            history::durable(log.append(append));
        }
    }

    pub(crate) async fn record(
        &self,
        log: &EmbeddedLog,
        customer_id: CustomerId,
        order_id: OrderId,
        name: &str,
        email: &str,
    ) {
        let id = customer_id.to_bytes();
        let number = u32::from_be_bytes(id[12..].try_into().unwrap()) % 90_000_000 + 1_000_000;
        let lookup = self.vault.lookup(number);
        let customer = self.vault.find_or_create(lookup, || id).await.unwrap();
        assert_eq!(customer.customer_id, id, "the numbers of two customers are alike");
        let mut details = serde_json::json!({"rut": "12.345.678-5", "name": name, "email": email});
        if let Some(language) = self.language {
            details["language"] = language.code().into();
        }
        let context = SealContext { customer_id: id, place: &order_id.to_bytes() };
        let sealed = seal(&customer.key, context, details.to_string().as_bytes()).unwrap();
        let mut events = EncodedEvents::new();
        for event in customer::decide(0, RecordBuyer { customer_id, order_id, sealed }, now()) {
            push_customer_event(&mut events, &event).unwrap();
        }
        let append = Append {
            stream: StreamId::new(Category::Customer, id),
            expected: Expected::Any,
            batch_id: order_id.to_bytes(),
            recorded_at_ms: now().as_millis(),
            metadata: Vec::new(),
            events,
            urgency: Urgency::Essential,
        };
        history::durable(log.append(append));
    }

    pub(crate) fn mail(&self, log: &EmbeddedLog, to: &str) -> MailPorts {
        let buyers = Buyers::new(log.clone(), self.vault.clone());
        MailPorts {
            transport: MailTransport::open(&to.parse().unwrap()).unwrap(),
            sender_address: "entradas@caleta.example".to_owned(),
            public_origin: Some("https://caleta.example".to_owned()),
            press: Press::new(FactReader::new(log.clone()), buyers, TicketSigner::new(&[7; 32])),
            style: PaperStyle { language: Language::Spanish, time_zone: TimeZone::UTC },
        }
    }

    pub(crate) fn start_mailing(&self, log: &EmbeddedLog, to: &str) -> BillingHandle {
        let ports = BillingPorts {
            store: log.clone().into(),
            books: Arc::default(),
            facts: FactReader::new(log.clone()),
            orders: None,
            mail: Some(self.mail(log, to)),
            fiscal: None,
            now,
        };
        ticketflow_billing_projector::start(ports, options(Scheme::Plain, DocumentType::Receipt)).unwrap()
    }
}

/// A buyer's address that tells the order.
pub(crate) fn address(order_id: OrderId) -> String {
    format!("buyer-{order_id}@example.cl")
}

/// Every event of the books.
pub(crate) fn books(log: &EmbeddedLog) -> Vec<BillingEvent> {
    let stream = StreamId::new(Category::Billing, series().to_bytes());
    let mut reader = log.read_stream(stream, 1).unwrap();
    let mut events = Vec::new();
    while let Some(batch) = reader.next_batch().unwrap() {
        events.extend(batch.events().map(|record| billing_event(record).unwrap()));
    }
    events
}

/// Documents that the books say were mailed, by their mails' ids.
pub(crate) fn mailed(log: &EmbeddedLog) -> BTreeMap<String, DocumentId> {
    let mut mailed = BTreeMap::new();
    for event in books(log) {
        if let BillingEvent::DocumentMailed(event) = event {
            let before = mailed.insert(event.message_id, event.document);
            assert_eq!(before, None, "{:?} was written down as mailed twice", event.document);
        }
    }
    mailed
}

/// Until every document is mailed.
pub(crate) async fn all_mailed(log: &EmbeddedLog, billing: &BillingHandle) {
    caught_up_with_orders(log, billing).await;
    until("everything is mailed", || mailed(log).len() == documents(log).len()).await;
}

/// Until every order and refund has its document.
async fn caught_up_with_orders(log: &EmbeddedLog, billing: &BillingHandle) {
    until("everything has its document", || {
        assert_ne!(billing.status().phase, Phase::Stopped, "{:?}", billing.status());
        documents(log).len() == wanted(log).len()
    })
    .await;
}
