//! Fiscal documents and folios over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use ticketflow_billing_projector::{
    Books, DocumentPorts, FiscalHttpPorts, OrderPapers, Press, fiscal_router, router,
};
use ticketflow_domain::billing::DocumentType;
use ticketflow_domain::{Language, OrderId};
use ticketflow_http::OperatorKey;
use tower::ServiceExt;

use crate::pages;
use crate::tools::validates;
use crate::world::*;

pub(crate) const KEY: &str = "an operator's key";

fn documents_router(world: &World, press: Press) -> Router {
    let (store, series) = (world.store(), world.options.series);
    let find = move |order_id| {
        let books = Books::open(store.clone(), Arc::default(), series).unwrap();
        // An order of the history that is not in the books waits for its documents.
        let is_unknown = order_id == OrderId::from_bytes([9; 16]);
        (!is_unknown)
            .then(|| OrderPapers { documents: books.state().documents(order_id), refunded: Vec::new() })
    };
    router(DocumentPorts { find: Arc::new(find), press, style: style() })
}

pub(crate) fn operators_router(world: &World) -> Router {
    let ports = world.ports();
    fiscal_router(FiscalHttpPorts {
        folios: ports.folios,
        authority: ports.authority,
        books: Arc::default(),
        store: world.store(),
        now,
        operator_key: OperatorKey::new(KEY),
    })
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    media_type: String,
    body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

pub(crate) async fn ask(
    router: &Router,
    method: &str,
    path: &str,
    key: Option<&str>,
    body: Option<&str>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(key) = key {
        request = request.header("Authorization", format!("Bearer {key}"));
    }
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_owned()));
    let request = request.header("Content-Type", "application/json").body(body).unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    let media_type = answer.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
    Answer {
        status: answer.status(),
        media_type: media_type.unwrap_or_default(),
        body: answer.into_body().collect().await.unwrap().to_bytes().to_vec(),
    }
}

async fn get(router: &Router, path: &str) -> Answer {
    ask(router, "GET", path, None, None).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_documents_can_be_downloaded_where_the_keys_are() {
    let mut world = World::new(61, DocumentType::TaxedReceipt);
    world.sell(400).await;
    let billing = world.start();
    world.all_taken(&billing).await;
    billing.stop().await;
    let router = documents_router(&world, world.ports().press);
    let signed = world.signed().await;
    let mut notes = 0;
    for (order_id, _, view) in world.documents().into_iter().take(60) {
        let path = match view.refund_id {
            None => format!("/v1/orders/{order_id}/receipt.xml"),
            Some(_) => format!("/v1/orders/{order_id}/credit-notes/{}.xml", view.document.folio),
        };
        let answer = get(&router, &path).await;
        assert_eq!((answer.status, answer.media_type.as_str()), (StatusCode::OK, "application/xml"));
        assert_eq!(answer.body, signed[&view.document].to_xml());
        if view.refund_id.is_some() {
            notes += 1;
            assert!(validates(&answer.body, "DTE_v10.xsd"));
        }
    }
    assert!(notes > 2);
    let (order_id, ..) = world.documents().remove(0);
    let pdf = get(&router, &format!("/v1/orders/{order_id}/receipt.pdf")).await;
    assert_eq!((pdf.status, &pdf.body[..5]), (StatusCode::OK, &b"%PDF-"[..]));
    for (path, status, code) in [
        (format!("/v1/orders/{order_id}/credit-notes/999999.xml"), 404, "document_unknown"),
        (format!("/v1/orders/{order_id}/credit-notes/1.txt"), 404, "document_unknown"),
        (format!("/v1/orders/{}/receipt.xml", OrderId::from_bytes([9; 16])), 404, "order_unknown"),
    ] {
        let answer = get(&router, &path).await;
        assert_eq!((answer.status.as_u16(), answer.json()["code"].as_str()), (status, Some(code)), "{path}");
    }
    let waiting = get(&router, &format!("/v1/orders/{}/receipt.xml", OrderId::from_bytes([8; 16]))).await;
    assert_eq!(
        (waiting.status, waiting.json()["documents"].as_str()),
        (StatusCode::ACCEPTED, Some("pending"))
    );

    let elsewhere = documents_router(&world, world.plain_press());
    for file in ["receipt.xml", "receipt.pdf"] {
        let answer = get(&elsewhere, &format!("/v1/orders/{order_id}/{file}")).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.json()["detail"].as_str().unwrap().contains("fiscal keys"), "{}", answer.json());
    }
    let tickets = get(&elsewhere, &format!("/v1/orders/{order_id}/tickets.pdf")).await;
    assert_eq!(tickets.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_by_nobodys_rules_has_no_signed_document() {
    let mut world = World::new(62, DocumentType::Receipt);
    world.sell(200).await;
    let billing = world.start();
    world.all_taken(&billing).await;
    billing.stop().await;
    let router = documents_router(&world, world.plain_press());
    let (order_id, ..) = world.documents().remove(0);
    let answer = get(&router, &format!("/v1/orders/{order_id}/receipt.xml")).await;
    assert_eq!(
        (answer.status, answer.json()["code"].as_str()),
        (StatusCode::NOT_FOUND, Some("no_fiscal_document"))
    );
    assert_eq!(get(&router, &format!("/v1/orders/{order_id}/receipt.pdf")).await.status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_in_the_language_asked_for_else_the_buyers_else_the_issuers() {
    for (seed, receipt_type, [spanish, english]) in [
        (64, DocumentType::Receipt, ["Comprobante de pago", "Payment receipt"]),
        (65, DocumentType::TaxedReceipt, ["IVA (19%)", "VAT (19%)"]),
    ] {
        let mut world = World::new(seed, receipt_type);
        let mut sold = 0;
        for (said, unasked, tickets) in [
            (None, spanish, "Entrada 1 de"),
            (Some(Language::English), english, "Ticket 1 of"),
            (Some(Language::Spanish), spanish, "Entrada 1 de"),
        ] {
            world.language = said;
            world.sell(200).await;
            let billing = world.start();
            world.all_taken(&billing).await;
            billing.stop().await;
            let documents = world.documents();
            let mut new = documents.iter().skip(sold).filter(|(_, _, view)| view.refund_id.is_none());
            let (order_id, ..) = new.next().unwrap();
            sold = documents.len();
            let router = documents_router(&world, world.ports().press);
            for (file, query, expected) in [
                ("receipt.pdf", "", unasked),
                ("receipt.pdf", "?lang=es", spanish),
                ("receipt.pdf", "?lang=en", english),
                ("tickets.pdf", "", tickets),
                ("tickets.pdf", "?lang=en", "Ticket 1 of"),
            ] {
                let answer = get(&router, &format!("/v1/orders/{order_id}/{file}{query}")).await;
                assert_eq!(answer.status, StatusCode::OK);
                let Some(words) = pages::words(&answer.body) else { continue };
                assert!(words.contains(expected), "{said:?} {file}{query}: {expected} in {words}");
                // What the tax office reads is its own.
                let is_boleta = receipt_type == DocumentType::TaxedReceipt && file == "receipt.pdf";
                assert_eq!(words.contains("Timbre Electrónico SII"), is_boleta);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_load_folios_set_faults_and_submit_again() {
    let world = World::new(63, DocumentType::TaxedReceipt);
    let billing = world.start();
    until("the first folios are there", &billing, |status| {
        status.stock.len() == 3 || { world.events().len() == 4 }
    })
    .await;
    let router = operators_router(&world);
    for (method, path) in [
        ("GET", "/v1/ops/folios"),
        ("POST", "/v1/ops/folios"),
        ("GET", "/v1/ops/refused-documents"),
        ("POST", "/v1/ops/refused-documents"),
        ("GET", "/simulator/fiscal-authority"),
        ("PUT", "/simulator/fiscal-authority"),
    ] {
        for key in [None, Some("another key")] {
            assert_eq!(ask(&router, method, path, key, Some("{}")).await.status, StatusCode::UNAUTHORIZED);
        }
    }
    let listed = ask(&router, "GET", "/v1/ops/folios", Some(KEY), None).await.json();
    let boletas = &listed["data"][0];
    assert_eq!((boletas["code"].as_u64(), boletas["next"].as_u64()), (Some(39), Some(1)), "{listed}");
    assert_eq!((boletas["left"].as_u64(), boletas["is_low"].as_bool()), (Some(1_000_000), Some(false)));
    assert_eq!(
        (listed["series"].as_str(), listed["issuer"]["is_demo"].as_bool()),
        (Some("CALETA"), Some(true))
    );

    let issuer = ticketflow_billing_projector::TestIssuer {
        rut: issuer_rut(),
        name: "Ñandú".into(),
        sender: issuer_rut(),
        today: TODAY,
    };
    let kind = ticketflow_billing_projector::ChileanDocumentType::TaxedReceipt;
    let file = ticketflow_billing_projector::FiscalKeys::make_test_range(
        &world.fiscal_folder(),
        &issuer,
        kind,
        1_000_001..=1_000_010,
    );
    let text: String = file.unwrap().into_iter().map(char::from).collect();
    let body = serde_json::json!({"authorisation": text}).to_string();
    let loaded = ask(&router, "POST", "/v1/ops/folios", Some(KEY), Some(&body)).await;
    assert_eq!((loaded.status, loaded.json()["last"].as_u64()), (StatusCode::OK, Some(1_000_010)));
    let changed =
        serde_json::json!({"authorisation": text.replace("<H>1000010<", "<H>1000011<")}).to_string();
    let forged = ask(&router, "POST", "/v1/ops/folios", Some(KEY), Some(&changed)).await;
    assert_eq!(forged.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(forged.json()["code"], "authorisation_forged");

    let faults = "{\"outage\":true,\"refusals_per_mille\":7}";
    let set = ask(&router, "PUT", "/simulator/fiscal-authority", Some(KEY), Some(faults)).await;
    assert_eq!((set.status, world.authority.control().refusals_per_mille), (StatusCode::OK, 7));
    let bad =
        ask(&router, "PUT", "/simulator/fiscal-authority", Some(KEY), Some("{\"refusals_per_mille\":1001}"))
            .await;
    assert_eq!(
        (bad.status, bad.json()["code"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("control_out_of_range"))
    );
    assert!(world.authority.control().outage);
    let refused = ask(&router, "GET", "/v1/ops/refused-documents", Some(KEY), None).await;
    assert_eq!(refused.json(), serde_json::json!({"data": [], "has_more": false}));
    let again = ask(&router, "POST", "/v1/ops/refused-documents", Some(KEY), None).await;
    assert_eq!(again.status, StatusCode::ACCEPTED);
    billing.stop().await;
}
