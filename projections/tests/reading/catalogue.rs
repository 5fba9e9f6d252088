//! What is on and what is left.

use serde_json::{Value, json};
use ticketflow_domain::show::ShowCommand;

use crate::stage::{START_MS, on_stage, pass_seconds};

const HOUR_MS: i64 = 3_600_000;

fn names(list: &Value) -> Vec<&str> {
    list["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|show| show["name"].as_str().expect("a name"))
        .collect()
}

#[test]
fn shows_are_listed_by_their_start_page_by_page() {
    on_stage(|mut stage| async move {
        let empty = stage.get("/v1/shows").await.expect(200);
        assert_eq!(empty, json!({"data": [], "has_more": false}));
        for (name, hours) in [("c", 30), ("a", 10), ("e", 50), ("b", 20), ("d", 40)] {
            stage.scheduled(name, START_MS + hours * HOUR_MS, None).await;
        }
        assert_eq!(names(&stage.get("/v1/shows").await.expect(200)), ["a", "b", "c", "d", "e"]);
        let mut seen = Vec::new();
        let mut path = "/v1/shows?limit=2".to_owned();
        loop {
            let page = stage.get(&path).await.expect(200);
            seen.extend(names(&page).into_iter().map(str::to_owned).collect::<Vec<_>>());
            let last =
                page["data"].as_array().unwrap().last().unwrap()["show_id"].as_str().unwrap().to_owned();
            if page["has_more"] == false {
                break;
            }
            path = format!("/v1/shows?limit=2&starting_after={last}");
        }
        assert_eq!(seen, ["a", "b", "c", "d", "e"]);
        assert_eq!(
            names(&stage.get("/v1/shows?limit=0").await.expect(200)).len(),
            1,
            "a page is never empty"
        );
        stage.get("/v1/shows?limit=99999").await.expect(200);
        for query in [
            "limit=-1",
            "limit=1.5",
            "limit=x",
            "starting_after=x",
            "starting_after=01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "nothing=1",
            "min_position=-1",
        ] {
            stage.get(&format!("/v1/shows?{query}")).await.problem(400, "malformed_query");
        }
    });
}

#[test]
fn a_show_says_everything_about_itself() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        stage.sell(show, &["Platea-A-1", "Platea-A-2"]).await;
        stage.hold(show, &["Platea-B-1"]).await;
        let block = ShowCommand::BlockSeats { seats: vec!["Cancha-GA-1".to_owned()], reason: String::new() };
        stage.carry_out(show, &block).await;
        let shown = stage.get(&format!("/v1/shows/{show}")).await.expect(200);
        let money = |amount: i64| json!({"amount": amount, "currency": "CLP"});
        let plan_url = shown["plan_url"].as_str().unwrap().to_owned();
        assert_eq!(
            shown,
            json!({
                "show_id": show.to_string(),
                "name": "Función",
                "venue": "Teatro",
                "starts_at": "2030-01-02T00:00:00.000Z",
                "currency": "CLP",
                "sales": "open",
                "sales_open_at": null,
                "seats_total": 44,
                "seats_available": 40,
                "price_from": money(10_000),
                "price_to": money(25_000),
                "hold_seconds": 300,
                "max_seats_per_customer": 8,
                "zones": [
                    {"name": "Platea", "price": money(25_000), "color": "#aa3311", "general": false, "seats_total": 24,
                     "available": 21, "held": 1, "sold": 2, "blocked": 0},
                    {"name": "Cancha", "price": money(10_000), "color": null, "general": true, "seats_total": 20,
                     "available": 19, "held": 0, "sold": 0, "blocked": 1},
                ],
                "plan_url": plan_url,
                "position": stage.head(),
            })
        );
        let listed = stage.get("/v1/shows").await.expect(200);
        for (name, value) in listed["data"][0].as_object().unwrap() {
            assert_eq!(*value, shown[name], "{name}");
        }
        let plan = stage.get(&plan_url).await;
        assert!(plan.header("cache-control").contains("immutable"));
        let drawn = plan.expect(200);
        assert_eq!(drawn["zones"][0]["rows"][1]["first"], 12);
        assert_eq!(drawn["zones"][0]["rows"][1]["x"].as_array().unwrap().len(), 12);
        assert_eq!((&drawn["zones"][1]["first"], &drawn["zones"][1]["count"]), (&json!(24), &json!(20)));
        assert_eq!(drawn["zones"][1]["rows"], json!([]));
        for path in [
            plan_url.replace(".json", ""),
            plan_url.to_uppercase().replace("/V1/PLANS", "/v1/plans"),
            format!("/v1/plans/{}.json", "0".repeat(64)),
            "/v1/plans/x.json".to_owned(),
        ] {
            stage.get(&path).await.problem(404, "not_found");
        }
        stage.get("/v1/shows/01ARZ3NDEKTSV4RRFFQ69G5FAV").await.problem(404, "show_unknown");
        stage.get("/v1/shows/nothing").await.problem(404, "not_found");
    });
}

#[test]
fn a_show_that_has_not_changed_is_not_sent_again() {
    on_stage(|mut stage| async move {
        let show = stage.scheduled("s", START_MS + HOUR_MS, Some(START_MS + 60_000)).await;
        let path = format!("/v1/shows/{show}");
        let first = stage.get(&path).await;
        assert_eq!(first.expect(200)["sales"], "scheduled");
        let tag = first.header("etag").to_owned();
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
            let again = stage.get_with(&path, &[("if-none-match", &known)]).await;
            assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag.as_str()));
        }
        // Sales open by the clock alone.
        pass_seconds(61);
        let opened = stage.get_with(&path, &[("if-none-match", &tag)]).await;
        assert_eq!(opened.expect(200)["sales"], "open");
        let tag = opened.header("etag").to_owned();
        stage.hold(show, &["Platea-A-1"]).await;
        let changed = stage.get_with(&path, &[("if-none-match", &tag)]).await;
        assert_eq!(changed.expect(200)["seats_available"], 43);
    });
}

#[test]
fn sales_are_shown_as_they_are() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        let cancel = ShowCommand::CancelShow { reason: String::new() };
        for (command, sales) in
            [(ShowCommand::CloseSales, "closed"), (ShowCommand::OpenSales, "open"), (cancel, "cancelled")]
        {
            stage.carry_out(show, &command).await;
            assert_eq!(stage.get(&format!("/v1/shows/{show}")).await.expect(200)["sales"], sales);
        }
    });
}
