//! `GET /v1/ops/folios` and `POST /v1/ops/folios`: how many folios are left, and more of them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use ticketflow_billing_books::BillingBooks;
use ticketflow_domain::Timestamp;
use ticketflow_domain::billing::DocumentType;
use ticketflow_event_store::EventStore;
use ticketflow_http::{ApiJson, OperatorKey, Problem};
use ticketflow_telemetry::with_causes;
use utoipa::ToSchema;

use super::UNAVAILABLE;
use crate::fiscal::{FiscalAuthority, FolioDesk, FolioError, FolioLine, LoadedFolios};

const FILE_INVALID: Problem =
    Problem::rule("authorisation_invalid", "The file is no authorisation of folios that can be used");
const OTHER_ISSUER: Problem =
    Problem::rule("authorisation_of_another_issuer", "The folios are another issuer's");
const FORGED: Problem = Problem::rule("authorisation_forged", "The authority did not sign the authorisation");
const EXPIRED: Problem = Problem::rule("authorisation_expired", "The folios can be used no longer");
const OVERLAP: Problem =
    Problem::conflict("folios_overlap", "Some of the folios were loaded, or come before others that were");
const REFUSED: Problem = Problem::rule("folios_refused", "The books take no such folios");

/// What loading can end in.
pub(super) const REFUSALS: [Problem; 7] =
    [FILE_INVALID, OTHER_ISSUER, FORGED, EXPIRED, OVERLAP, REFUSED, UNAVAILABLE];

/// What the operators' endpoints of a process that issues fiscal documents need.
pub struct FiscalHttpPorts {
    /// Where folios come from.
    pub folios: Arc<FolioDesk>,
    /// Whose faults can be set.
    pub authority: FiscalAuthority,
    /// The books, which say what the authority did not take.
    pub books: Arc<BillingBooks>,
    /// Where it is written down that it is to be submitted again.
    pub store: EventStore,
    /// The time.
    pub now: fn() -> Timestamp,
    /// Who may.
    pub operator_key: OperatorKey,
}

/// Whose folios they are, and how many.
#[derive(Serialize, ToSchema)]
#[schema(as = FolioStocks, example = json!({
    "series": "BOLETA", "issuer": {"name": "Teatro Caleta Clara SpA", "tax_id": "76.123.456-0", "is_demo": true},
    "data": [{
        "document_type": "taxed_receipt", "code": 39, "issued": 1200, "left": 8800, "next": 1201, "loaded_to": 10000,
        "expires_on": null, "is_low": true
    }]
}))]
pub(crate) struct StocksAnswer {
    /// The books.
    series: String,
    issuer: IssuerAnswer,
    data: Vec<StockAnswer>,
}

/// Who issues.
#[derive(Serialize, ToSchema)]
#[schema(as = FolioIssuer, example = json!({"name": "Teatro Caleta Clara SpA", "tax_id": "76.123.456-0", "is_demo": true}))]
struct IssuerAnswer {
    name: String,
    tax_id: String,
    /// Whether nothing of it is real: its folios may come from an authority of its own making.
    is_demo: bool,
}

/// Folios of a kind of document.
#[derive(Serialize, ToSchema)]
#[schema(as = FolioStock, example = json!({
    "document_type": "taxed_receipt", "code": 39, "issued": 1200, "left": 8800, "next": 1201, "loaded_to": 10000,
    "expires_on": null, "is_low": true
}))]
struct StockAnswer {
    document_type: DocumentType,
    /// The authority's number for it.
    code: Option<u16>,
    /// Documents made.
    issued: u64,
    /// Folios that may still be used.
    left: u64,
    /// The next one; null where none is left.
    next: Option<u64>,
    /// The last that was ever loaded; another range begins after it.
    loaded_to: u64,
    /// The day from which on the next ones may not be used.
    #[schema(format = Date)]
    expires_on: Option<String>,
    /// Whether more should be loaded soon.
    is_low: bool,
}

impl From<FolioLine> for StockAnswer {
    fn from(line: FolioLine) -> Self {
        let FolioLine { stock, loaded_to, expires_on, is_low } = line;
        Self {
            document_type: stock.document_type,
            code: stock.document_type.chilean_code(),
            issued: stock.issued,
            left: stock.left,
            next: stock.next,
            loaded_to,
            expires_on: expires_on.map(|day| day.to_string()),
            is_low,
        }
    }
}

/// Folios
///
/// How many folios of each kind are used and left. Documents wait when none is left; selling does not.
#[utoipa::path(
    get, path = "/v1/ops/folios", operation_id = "folios", tag = "Operations",
    responses((status = 200, description = "Of each kind that was ever loaded", body = StocksAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn list(
    State(ports): State<Arc<FiscalHttpPorts>>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    let (issuer, lines) = ports.folios.list().await.map_err(|error| problem(&error))?;
    let answer = StocksAnswer {
        series: ports.folios.series().to_string(),
        issuer: IssuerAnswer { name: issuer.name, tax_id: issuer.tax_id, is_demo: issuer.is_demo },
        data: lines.into_iter().map(StockAnswer::from).collect(),
    };
    Ok(Json(answer).into_response())
}

/// A file of the authority.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LoadFolios, example = json!({"authorisation": "<?xml version=\"1.0\"?><AUTORIZACION>...</AUTORIZACION>"}))]
pub(crate) struct LoadBody {
    /// The text of the file as it was downloaded, its private key included. Its characters are those of ISO-8859-1.
    authorisation: String,
}

/// What may be used now.
#[derive(Serialize, ToSchema)]
#[schema(as = FoliosLoaded, example = json!({"document_type": "taxed_receipt", "first": 1, "last": 10000, "expires_on": null, "were_there": false}))]
pub(crate) struct LoadedAnswer {
    document_type: DocumentType,
    first: u64,
    last: u64,
    /// The day from which on what is left may not be used.
    #[schema(format = Date)]
    expires_on: Option<String>,
    /// Whether the same file was loaded before.
    were_there: bool,
}

/// Load folios
///
/// Takes an authorisation file of the tax authority. Its private key is kept in the folder of fiscal keys and goes nowhere else.
/// The same file again changes nothing.
#[utoipa::path(
    post, path = "/v1/ops/folios", operation_id = "load_folios", tag = "Operations", request_body = LoadBody,
    responses((status = 200, description = "Its folios are used after those that there are", body = LoadedAnswer)),
    security(("operator_key" = []))
)]
pub(crate) async fn load(
    State(ports): State<Arc<FiscalHttpPorts>>,
    headers: HeaderMap,
    body: Result<ApiJson<LoadBody>, Problem>,
) -> Result<Response, Problem> {
    ports.operator_key.check(&headers)?;
    let body = body?.value;
    let loaded = ports.folios.load(&body.authorisation).await.map_err(|error| problem(&error))?;
    let LoadedFolios { document_type, first, last, expires_on, were_there } = loaded;
    tracing::info!(?document_type, first, last, were_there, "folios were loaded");
    let expires_on = expires_on.map(|day| day.to_string());
    Ok(Json(LoadedAnswer { document_type, first, last, expires_on, were_there }).into_response())
}

fn problem(error: &FolioError) -> Problem {
    let problem = match error {
        FolioError::File(_) | FolioError::Characters => FILE_INVALID,
        FolioError::OtherIssuer { .. } => OTHER_ISSUER,
        FolioError::Forged => FORGED,
        FolioError::Expired(_) => EXPIRED,
        FolioError::Overlap { .. } => OVERLAP,
        FolioError::Refused(_) | FolioError::Issuer(_) => REFUSED,
        FolioError::NotOpen | FolioError::Keys(_) | FolioError::Books(_) | FolioError::Task(_) => {
            tracing::error!(error = with_causes(error), "folios cannot be read or loaded");
            return UNAVAILABLE.detail(match error {
                FolioError::NotOpen => "the books are not open yet",
                FolioError::Keys(_) => "the keys cannot be kept; the server's log says why",
                _ => "the books cannot be read or written now",
            });
        }
    };
    problem.detail(error.to_string())
}
