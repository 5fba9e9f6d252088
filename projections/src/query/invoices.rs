//! Where the documents of an order are read from: the database that keeps the invoices, where there is one, else the books in memory,
//! which every process has.
//!
//! Invariant: a database that is away or behind costs a reader time, never the answer; what is not of now says so.

use std::sync::Arc;

use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue};
use ticketflow_domain::OrderId;
use ticketflow_domain::billing::OrderDocuments;

use super::QueryPorts;

const X_INVOICES: HeaderName = HeaderName::from_static("x-invoices");

/// What a database of invoices answers.
pub struct InvoiceAnswer {
    /// What was issued for the order; `None` while there is no receipt.
    pub documents: Option<OrderDocuments>,
    /// Whether a replica answered because its primary did not.
    pub is_stale: bool,
}

/// Asks a database of invoices; an error when nobody there answers.
pub type ReadInvoices =
    Arc<dyn Fn(OrderId) -> BoxFuture<'static, Result<InvoiceAnswer, String>> + Send + Sync>;

/// The documents of an order, and whose answer that is.
pub(super) struct Documents {
    pub(super) of_order: Option<OrderDocuments>,
    pub(super) is_stale: bool,
    origin: &'static str,
}

impl Documents {
    /// Says in a header whose answer it is.
    pub(super) fn mark(&self, mut response: Response) -> Response {
        response.headers_mut().insert(X_INVOICES, HeaderValue::from_static(self.origin));
        response
    }
}

impl QueryPorts {
    pub(super) async fn documents(&self, order_id: OrderId) -> Documents {
        let in_memory = |of_order| Documents { of_order, is_stale: false, origin: "memory" };
        let Some(read) = &self.invoices else { return in_memory(self.models.documents(order_id)) };
        match read(order_id).await {
            Ok(InvoiceAnswer { documents: None, is_stale }) => match self.models.documents(order_id) {
                // The tables are behind: what is known is told.
                Some(documents) => in_memory(Some(documents)),
                None => Documents { of_order: None, is_stale, origin: origin(is_stale) },
            },
            Ok(InvoiceAnswer { documents, is_stale }) => {
                Documents { of_order: documents, is_stale, origin: origin(is_stale) }
            }
            Err(error) => {
                tracing::debug!(error, "the invoices are read in memory");
                in_memory(self.models.documents(order_id))
            }
        }
    }
}

const fn origin(is_stale: bool) -> &'static str {
    if is_stale { "mariadb-replica" } else { "mariadb" }
}
