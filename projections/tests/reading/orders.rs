//! The order page, from payment to door and back.

use serde_json::{Value, json};

use crate::stage::{Stage, on_stage};

async fn page(stage: &Stage, order: &str) -> Value {
    stage.get(&format!("/v1/orders/{order}?min_position={}", stage.head())).await.expect(200)
}

fn statuses(page: &Value) -> Vec<&str> {
    page["tickets"]
        .as_array()
        .expect("as the contract says")
        .iter()
        .map(|ticket| ticket["status"].as_str().expect("as the contract says"))
        .collect()
}

#[test]
fn an_order_says_everything_and_follows_its_tickets() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        let order = stage.sell(show, &["Platea-A-1", "Platea-B-12"]).await;
        let id = order.order_id.to_string();
        let paid = page(&stage, &id).await;
        let money = |amount: i64| json!({"amount": amount, "currency": "CLP"});
        let ticket = |index: usize, seat: &str, row: &str, number: &str| {
            json!({"ticket_id": order.tickets[index].to_string(), "seat": seat, "zone": "Platea", "row": row, "number": number,
                   "price": money(25_000), "status": "PAID", "qr": paid["tickets"][index]["qr"]})
        };
        assert_eq!(
            paid,
            json!({
                "order_id": id,
                "show_id": show.to_string(),
                "show_name": "Función",
                "venue": "Teatro",
                "starts_at": "2030-01-02T00:00:00.000Z",
                "status": "PAID",
                "total": money(50_000),
                "refunded": money(0),
                "tickets": [ticket(0, "Platea-A-1", "A", "1"), ticket(1, "Platea-B-12", "B", "12")],
                "documents": "pending",
                "receipt": null,
                "credit_notes": [],
                "documents_stale": false,
                "paid_at": "2030-01-01T00:00:00.000Z",
                "position": stage.head(),
            })
        );
        assert!(paid["tickets"][0]["qr"].as_str().unwrap().starts_with("TF:"));
        stage.check_in(show, &order, 1).await;
        let used = page(&stage, &id).await;
        assert_eq!((statuses(&used), &used["position"]), (vec!["PAID", "USED"], &json!(stage.head())));
        assert_eq!(used["tickets"][0]["qr"], paid["tickets"][0]["qr"], "a ticket has one code for life");
        stage.refund(show, &order, &[0]).await;
        let refunded = page(&stage, &id).await;
        assert_eq!((statuses(&refunded), &refunded["status"]), (vec!["REFUNDED", "USED"], &json!("PAID")));
        assert_eq!(refunded["refunded"], money(25_000));
    });
}

#[test]
fn a_resold_seat_belongs_to_the_new_order_alone() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        let first = stage.sell(show, &["Platea-A-1"]).await;
        stage.refund(show, &first, &[0]).await;
        let second = stage.sell(show, &["Platea-A-1"]).await;
        stage.check_in(show, &second, 0).await;
        let (old, new) = (
            page(&stage, &first.order_id.to_string()).await,
            page(&stage, &second.order_id.to_string()).await,
        );
        assert_eq!((statuses(&old), &old["status"]), (vec!["REFUNDED"], &json!("REFUNDED")));
        assert_eq!((statuses(&new), &new["status"]), (vec!["USED"], &json!("PAID")));
        assert_ne!(old["tickets"][0]["qr"], new["tickets"][0]["qr"]);
    });
}

#[test]
fn an_order_is_found_by_its_whole_id_only_and_kept_by_nobody() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        let order = stage.sell(show, &["Platea-A-1"]).await;
        let answer = stage.get(&format!("/v1/orders/{}", order.order_id)).await;
        answer.expect(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        stage.get("/v1/orders/01ARZ3NDEKTSV4RRFFQ69G5FAV").await.problem(404, "order_unknown");
        stage.get(&format!("/v1/orders/{show}")).await.problem(404, "order_unknown");
        stage.get("/v1/orders/x").await.problem(404, "not_found");
    });
}
