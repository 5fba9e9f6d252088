//! Reads the documents of an order: from the primary, or from the replica while the primary does not answer.
//!
//! Invariants: a read ends within the sum of two named limits; what comes from the replica says so, with the position that the
//! replica itself has; a primary that failed is asked again by one reader a second and by nobody else.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::Row;
use sqlx::mysql::{MySqlConnectOptions, MySqlRow};
use ticketflow_domain::billing::{
    Amounts, AuthorityStatus, DocumentId, DocumentType, DocumentView, OrderDocuments, Scheme,
};
use ticketflow_domain::{OrderId, Timestamp};
use ticketflow_event_store::Position;

use super::connections::Connections;
use super::error::DatabaseError;
use super::invoice_rows::document_type_name;
use super::schema::damaged;

/// A primary that has not answered by then is passed over: a buyer is waiting.
const PRIMARY_LIMIT: Duration = Duration::from_millis(500);
/// After it there is nobody left to ask.
const REPLICA_LIMIT: Duration = Duration::from_secs(2);
/// So long after a failure the primary is left alone.
const PROBE_AFTER: Duration = Duration::from_secs(1);

/// One statement, so that all of it is of the same moment; a row without a document where there is none. The receipt is first.
const DOCUMENTS: &str =
    "SELECT c.position, s.scheme, CAST(s.issuer AS CHAR), i.customer_id, i.show_id, i.currency,
        i.document_type, i.folio, i.refund_id, i.annuls, i.source_position, CAST(i.issued_at AS CHAR),
        i.total, i.net, i.tax, i.exempt, CAST(i.status AS CHAR), i.mailed_at IS NOT NULL
    FROM invoice_checkpoint AS c
    LEFT JOIN invoices AS i ON i.order_id = ?
    LEFT JOIN issuers AS s ON s.series = i.series
    ORDER BY i.position";

/// How recent an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Of the primary.
    Fresh {
        /// Of the last event that is in its tables.
        position: Position,
    },
    /// Of the replica: the primary does not answer.
    Stale {
        /// Of the last event that is in the replica's tables.
        position: Position,
    },
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadFailure {
    /// To be asked again in a moment.
    #[error("the database of the invoices cannot be read now: {0}")]
    Unavailable(String),
}

/// The servers as readers see them.
pub(crate) struct InvoiceReads {
    primary: Connections,
    replica: Option<Connections>,
    /// When the primary failed, or was last probed since.
    failed_at: Mutex<Option<Instant>>,
}

impl InvoiceReads {
    pub(crate) fn new(primary: MySqlConnectOptions, replica: Option<MySqlConnectOptions>) -> Self {
        Self {
            primary: Connections::new(primary),
            replica: replica.map(Connections::new),
            failed_at: Mutex::default(),
        }
    }

    pub(crate) fn close(&self) {
        self.primary.close();
        self.replica.iter().for_each(Connections::close);
    }

    pub(crate) async fn documents_of(
        &self,
        order_id: OrderId,
    ) -> Result<(Option<OrderDocuments>, Freshness), ReadFailure> {
        let mut failure = "the primary failed a moment ago".to_owned();
        if self.may_ask_primary() {
            match read(&self.primary, order_id, PRIMARY_LIMIT).await {
                Ok((documents, position)) => {
                    *self.failed_at() = None;
                    return Ok((documents, Freshness::Fresh { position }));
                }
                Err(error) => {
                    metrics::counter!("invoice_read_errors_total", "server" => "primary").increment(1);
                    *self.failed_at() = Some(Instant::now());
                    failure = error.to_string();
                }
            }
        }
        let Some(replica) = &self.replica else { return Err(ReadFailure::Unavailable(failure)) };
        match read(replica, order_id, REPLICA_LIMIT).await {
            Ok((documents, position)) => Ok((documents, Freshness::Stale { position })),
            Err(error) => {
                metrics::counter!("invoice_read_errors_total", "server" => "replica").increment(1);
                Err(ReadFailure::Unavailable(format!("{failure}; the replica: {error}")))
            }
        }
    }

    fn failed_at(&self) -> MutexGuard<'_, Option<Instant>> {
        self.failed_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is known to answer, or this reader is the one who finds out.
    fn may_ask_primary(&self) -> bool {
        let mut failed_at = self.failed_at();
        match &mut *failed_at {
            None => true,
            Some(at) if at.elapsed() >= PROBE_AFTER => {
                *at = Instant::now();
                true
            }
            Some(_) => false,
        }
    }
}

async fn read(
    server: &Connections,
    order_id: OrderId,
    limit: Duration,
) -> Result<(Option<OrderDocuments>, Position), DatabaseError> {
    let rows = server.ask(DOCUMENTS, &order_id.to_string(), limit).await?;
    let position = rows.first().ok_or_else(|| damaged("there is no checkpoint"))?.try_get(0)?;
    let mut documents: Option<OrderDocuments> = None;
    for row in &rows {
        if row.try_get::<Option<u64>, _>(7)?.is_none() {
            continue;
        }
        let view = view_of(row)?;
        match &mut documents {
            _ if view.document.document_type.is_receipt() => documents = Some(documents_with(row, view)?),
            Some(documents) => documents.credit_notes.push(view),
            // What takes a receipt back comes after it.
            None => return Err(damaged("a credit note has no receipt")),
        }
    }
    Ok((documents, position))
}

fn documents_with(row: &MySqlRow, receipt: DocumentView) -> Result<OrderDocuments, DatabaseError> {
    let issuer: &str = row.try_get(2)?;
    Ok(OrderDocuments {
        scheme: scheme_of(row)?,
        issuer: serde_json::from_str(issuer).map_err(|_| damaged("an issuer does not read back"))?,
        customer_id: parse(row, 3)?,
        show_id: parse(row, 4)?,
        currency: parse(row, 5)?,
        receipt,
        credit_notes: Vec::new(),
    })
}

fn view_of(row: &MySqlRow) -> Result<DocumentView, DatabaseError> {
    let name: &str = row.try_get(6)?;
    let document_type = DocumentType::ALL.into_iter().find(|known| document_type_name(*known) == name);
    let document_type = document_type.ok_or_else(|| damaged("there is no such type of document"))?;
    let issued_at: &str = row.try_get(11)?;
    let authority = match (scheme_of(row)?, row.try_get::<&str, _>(16)?) {
        (Scheme::Plain, _) => AuthorityStatus::NotNeeded,
        (Scheme::Chile, "submitted") => AuthorityStatus::Submitted,
        (Scheme::Chile, "accepted") => AuthorityStatus::Accepted,
        (Scheme::Chile, "refused") => AuthorityStatus::Refused,
        (Scheme::Chile, _) => AuthorityStatus::Waiting,
    };
    let refund: Option<&str> = row.try_get(8)?;
    Ok(DocumentView {
        document: DocumentId { document_type, folio: row.try_get(7)? },
        refund_id: refund
            .map(str::parse)
            .transpose()
            .map_err(|_| damaged("a refund's id does not read back"))?,
        annuls: row.try_get(9)?,
        source_position: row.try_get(10)?,
        issued_at: timestamp(issued_at)?,
        amounts: Amounts {
            total: row.try_get(12)?,
            net: row.try_get(13)?,
            tax: row.try_get(14)?,
            exempt: row.try_get(15)?,
        },
        authority,
        is_mailed: row.try_get(17)?,
    })
}

fn scheme_of(row: &MySqlRow) -> Result<Scheme, DatabaseError> {
    match row.try_get(1)? {
        "plain" => Ok(Scheme::Plain),
        "chile" => Ok(Scheme::Chile),
        _ => Err(damaged("there is no such scheme")),
    }
}

fn parse<T: std::str::FromStr>(row: &MySqlRow, column: usize) -> Result<T, DatabaseError> {
    row.try_get::<&str, _>(column)?.parse().map_err(|_| damaged("a value does not read back"))
}

/// As the database shows it.
fn timestamp(text: &str) -> Result<Timestamp, DatabaseError> {
    format!("{}Z", text.replace(' ', "T")).parse().map_err(|_| damaged("a time does not read back"))
}
