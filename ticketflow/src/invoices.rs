//! `--invoices`: where the invoices are kept beside memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use ticketflow_billing_projector::{
    FactReader, Freshness, InvoicePorts, InvoiceTables, InvoiceTablesState, InvoiceTablesStatus, InvoiceUrls,
    InvoicesSetting,
};
use ticketflow_event_store::EventStore;
use ticketflow_projections::{
    ActionError, BeginRebuild, FollowerReport, InvoiceAnswer, ProjectionState, Projections, ReadInvoices,
};

/// The name of the projection.
const NAME: &str = "invoices";

/// Starts to keep the invoices where `--invoices` says; nothing for `memory`. To be called within a Tokio runtime.
pub(crate) fn start(
    invoices: &str,
    store: &EventStore,
    facts: FactReader,
) -> Result<Option<Arc<InvoiceTables>>> {
    let setting: InvoicesSetting = invoices.parse().context("--invoices")?;
    Ok(match setting {
        InvoicesSetting::Memory => None,
        InvoicesSetting::MariaDb(urls) => {
            Some(InvoiceTables::start(InvoicePorts { urls, store: store.clone(), facts }))
        }
    })
}

/// The database that an `--invoices` names; `None` for `memory`.
pub(crate) fn database(invoices: &str) -> Result<Option<InvoiceUrls>> {
    Ok(match invoices.parse().context("--invoices")? {
        InvoicesSetting::Memory => None,
        InvoicesSetting::MariaDb(urls) => Some(urls),
    })
}

/// How the documents of an order are read from there.
pub(crate) fn reads(tables: &Arc<InvoiceTables>) -> ReadInvoices {
    let tables = tables.clone();
    Arc::new(move |order_id| {
        let tables = tables.clone();
        Box::pin(async move {
            let (documents, freshness) =
                tables.documents_of(order_id).await.map_err(|failure| failure.to_string())?;
            Ok(InvoiceAnswer { documents, is_stale: matches!(freshness, Freshness::Stale { .. }) })
        })
    })
}

/// What became of the rebuild that was asked for last.
#[derive(Default)]
struct LastRebuild {
    is_under_way: bool,
    error: Option<String>,
}

/// Watches them like a projection, which can be built anew.
pub(crate) fn watch(projections: Projections, tables: &Arc<InvoiceTables>) -> Projections {
    let last: Arc<Mutex<LastRebuild>> = Arc::default();
    let (reported, reported_last) = (tables.clone(), last.clone());
    let report = move || {
        let InvoiceTablesStatus { state, position, last_error, rebuilding, .. } = reported.status();
        let last = lock(&reported_last);
        let state = match state {
            _ if last.is_under_way => ProjectionState::Rebuilding,
            InvoiceTablesState::Starting | InvoiceTablesState::CatchingUp => ProjectionState::CatchingUp,
            InvoiceTablesState::Live => ProjectionState::Live,
            InvoiceTablesState::Standby => ProjectionState::Standby,
            InvoiceTablesState::Unreachable => ProjectionState::Unreachable,
            InvoiceTablesState::Stopped => ProjectionState::Stopped,
        };
        let rebuilding = last.is_under_way.then(|| rebuilding.unwrap_or(0));
        FollowerReport { state, position, last_error: last_error.or_else(|| last.error.clone()), rebuilding }
    };
    let tables = tables.clone();
    let rebuild: BeginRebuild = Box::new(move || {
        let mut begun = lock(&last);
        if begun.is_under_way {
            return Err(ActionError::WrongState { state: ProjectionState::Rebuilding });
        }
        *begun = LastRebuild { is_under_way: true, error: None };
        let (tables, last) = (tables.clone(), last.clone());
        tokio::spawn(async move {
            let error = tables.rebuild().await.err().map(|error| error.to_string());
            if let Some(error) = &error {
                tracing::error!(error, "the invoices were not rebuilt");
            }
            *lock(&last) = LastRebuild { is_under_way: false, error };
        });
        Ok(())
    });
    projections.with_follower(NAME, report, Some(rebuild))
}

fn lock(last: &Mutex<LastRebuild>) -> MutexGuard<'_, LastRebuild> {
    last.lock().unwrap_or_else(PoisonError::into_inner)
}
