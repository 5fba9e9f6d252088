//! The seat map, whole and compact, and reads that ask for their own writes.

use std::future::Future;
use std::io::Read;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use ticketflow_domain::ShowId;
use ticketflow_domain::show::ShowCommand;

use crate::stage::{START_MS, on_stage};

/// The statuses in a compact map.
pub(crate) fn unpack(bytes: &[u8], seats: usize) -> Vec<u8> {
    assert_eq!(bytes.len(), seats.div_ceil(4));
    (0..seats).map(|seat| bytes[seat / 4] >> (seat % 4 * 2) & 3).collect()
}

#[test]
fn the_whole_map_is_in_plan_order_with_every_field() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        stage.sell(show, &["Platea-A-10"]).await;
        let hold = stage.hold(show, &["Platea-A-2", "Platea-B-12"]).await;
        let map = stage.get(&format!("/v1/shows/{show}/seats")).await;
        assert_eq!(map.header("content-type"), "application/json");
        let map = map.expect(200);
        assert_eq!((&map["show_id"], &map["position"]), (&json!(show.to_string()), &json!(stage.head())));
        let seats = map["seats"].as_array().unwrap();
        let names: Vec<&str> = seats.iter().map(|seat| seat["seat"].as_str().unwrap()).collect();
        let mut expected: Vec<String> = Vec::new();
        for row in ["A", "B"] {
            expected.extend((1..=12).map(|number| format!("Platea-{row}-{number}")));
        }
        expected.extend((1..=20).map(|number| format!("Cancha-GA-{number}")));
        assert_eq!(names, expected);
        let price = |amount: i64| json!({"amount": amount, "currency": "CLP"});
        assert_eq!(
            seats[1],
            json!({"seat": "Platea-A-2", "zone": "Platea", "row": "A", "number": "2", "status": "held", "revision": 1, "price": price(25_000)})
        );
        assert_eq!((&seats[9]["status"], &seats[9]["revision"]), (&json!("sold"), &json!(2)));
        assert_eq!(
            seats[43],
            json!({"seat": "Cancha-GA-20", "zone": "Cancha", "row": "GA", "number": "20", "status": "available", "revision": 0, "price": price(10_000)})
        );
        stage.release(show, hold).await;
        let path = format!("/v1/shows/{show}/seats?min_position={}", stage.head());
        let freed = stage.get(&path).await.expect(200);
        assert_eq!(
            (&freed["seats"][1]["status"], &freed["seats"][1]["revision"]),
            (&json!("available"), &json!(2))
        );
    });
}

#[test]
fn the_compact_map_says_the_same_in_two_bits_a_seat() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        stage.sell(show, &["Platea-A-1", "Platea-B-12"]).await;
        stage.hold(show, &["Platea-A-3"]).await;
        let block = ShowCommand::BlockSeats { seats: vec!["Cancha-GA-20".to_owned()], reason: String::new() };
        stage.carry_out(show, &block).await;
        let path = format!("/v1/shows/{show}/seats?format=compact");
        let compact = stage.get(&path).await;
        assert_eq!(compact.status, 200);
        assert_eq!(compact.header("content-type"), "application/octet-stream");
        assert_eq!(compact.header("x-position"), stage.head().to_string());
        assert_eq!(compact.header("x-seats-total"), "44");
        let statuses = unpack(&compact.body, 44);
        let mut expected = vec![0; 44];
        (expected[0], expected[2], expected[23], expected[43]) = (2, 1, 2, 3);
        assert_eq!(statuses, expected);
        let full = stage.get(&format!("/v1/shows/{show}/seats?format=full")).await.expect(200);
        let code = |status: &Value| {
            ["available", "held", "sold", "blocked"].iter().position(|name| status == name).unwrap() as u8
        };
        let from_full: Vec<u8> =
            full["seats"].as_array().unwrap().iter().map(|seat| code(&seat["status"])).collect();
        assert_eq!(from_full, statuses);
        for path in [path, format!("/v1/shows/{show}/seats")] {
            let tag = stage.get(&path).await.header("etag").to_owned();
            let known = stage.get_with(&path, &[("if-none-match", &tag)]).await;
            assert_eq!((known.status, known.body.len()), (304, 0));
            stage.change_any(show).await;
            let path =
                format!("{path}{}min_position={}", if path.contains('?') { "&" } else { "?" }, stage.head());
            assert_eq!(stage.get_with(&path, &[("if-none-match", &tag)]).await.status, 200);
        }
    });
}

#[test]
fn names_with_quotes_and_other_scripts_stay_json() {
    on_stage(|mut stage| async move {
        let zone = "\"🎭\\ <Ñ>";
        let plan = json!({"zones": [{"name": zone, "price": 1, "rows": [{"label": "\"", "seats": ["1", "\\", "٣"]}]}]});
        let show = stage.planned("x", START_MS, None, plan).await;
        let map = stage.get(&format!("/v1/shows/{show}/seats")).await.expect(200);
        assert_eq!(map["seats"][1]["seat"], format!("{zone}-\"-\\"));
        assert_eq!((&map["seats"][2]["zone"], &map["seats"][2]["number"]), (&json!(zone), &json!("٣")));
    });
}

#[test]
fn a_read_waits_for_the_position_it_asks_for_and_says_when_it_does_not_come() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        let order = stage.sell(show, &["Platea-A-1"]).await.order_id;
        let ahead = stage.head() + 1;
        let paths = [
            format!("/v1/shows?min_position={ahead}"),
            format!("/v1/shows/{show}?min_position={ahead}"),
            format!("/v1/shows/{show}/seats?min_position={ahead}"),
            format!("/v1/shows/{show}/seats?format=compact&min_position={}", u64::MAX),
            format!("/v1/orders/{order}?min_position={ahead}"),
        ];
        for path in &paths {
            let begun = tokio::time::Instant::now();
            let late = stage.get(path).await;
            late.problem(503, "still_processing");
            assert!(late.headers.contains_key("retry-after"));
            assert!(begun.elapsed() <= Duration::from_secs(5), "bounded: {:?}", begun.elapsed());
        }
        stage.hold(show, &["Platea-A-2"]).await;
        for path in paths.iter().filter(|path| !path.contains("compact")) {
            stage.get(path).await.expect(200);
        }
    });
}

#[test]
fn what_is_not_there_is_said() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        stage.get("/v1/shows/01ARZ3NDEKTSV4RRFFQ69G5FAV/seats").await.problem(404, "show_unknown");
        stage.get("/v1/shows/x/seats").await.problem(404, "not_found");
        for query in [
            "format=xml",
            "format=",
            "min_position=x",
            "min_position=-1",
            "min_position=18446744073709551616",
            "at=1",
        ] {
            stage.get(&format!("/v1/shows/{show}/seats?{query}")).await.problem(400, "malformed_query");
        }
    });
}

#[test]
fn a_reader_that_takes_gzip_gets_the_same_map_smaller() {
    on_stage(|mut stage| async move {
        let show = stage.show().await;
        stage.sell(show, &["Platea-A-10"]).await;
        let path = format!("/v1/shows/{show}/seats");
        let plain = stage.get(&path).await;
        assert!(plain.headers.get("content-encoding").is_none());
        for _ in 0..2 {
            let packed = stage.get_with(&path, &[("accept-encoding", "br, gzip")]).await;
            let header = |name: &str| packed.header(name);
            assert_eq!((header("content-encoding"), header("content-type")), ("gzip", "application/json"));
            assert_eq!((header("vary"), plain.header("vary")), ("accept-encoding", "accept-encoding"));
            assert!(packed.body.len() * 8 < plain.body.len());
            let mut unpacked = Vec::new();
            flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut unpacked).expect("it is gzip");
            assert_eq!(unpacked, plain.body);
            let etag = header("etag");
            assert_ne!(etag, plain.header("etag"), "other bytes, another tag");
            let again = [("accept-encoding", "gzip"), ("if-none-match", etag)];
            let known = stage.get_with(&path, &again).await;
            assert_eq!(known.status, 304);
            assert_eq!(
                (known.header("vary"), known.header("cache-control")),
                ("accept-encoding", "no-cache")
            );
        }
        stage.hold(show, &["Platea-A-2"]).await;
        let path = format!("{path}?min_position={}", stage.head());
        let fresh = stage.get_with(&path, &[("accept-encoding", "gzip")]).await;
        assert_eq!(fresh.header("etag"), format!("\"{}-full-gzip\"", stage.head()));
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&fresh.body[..]).read_to_end(&mut unpacked).expect("it is gzip");
        let map: Value = serde_json::from_slice(&unpacked).expect("JSON");
        assert_eq!((&map["position"], &map["seats"][1]["status"]), (&json!(stage.head()), &json!("held")));
    });
}

#[test]
fn numbers_that_need_quoting_are_quoted_in_the_whole_map() {
    on_stage(|mut stage| async move {
        let plan = json!({"zones": [{"name": "Palco \"Ñ\"", "price": 1_000, "rows": [
            {"label": "\\1", "seats": ["1\"", "ü", "3"]},
            {"label": "B", "seats": 2},
        ]}]});
        let show = stage.planned("Comillas", START_MS + 86_400_000, None, plan).await;
        let map = stage.get(&format!("/v1/shows/{show}/seats")).await.expect(200);
        let seats = map["seats"].as_array().unwrap().iter();
        let names: Vec<&str> = seats.map(|seat| seat["seat"].as_str().unwrap()).collect();
        assert_eq!(
            names,
            [
                "Palco \"Ñ\"-\\1-1\"",
                "Palco \"Ñ\"-\\1-ü",
                "Palco \"Ñ\"-\\1-3",
                "Palco \"Ñ\"-B-1",
                "Palco \"Ñ\"-B-2"
            ]
        );
        assert_eq!(map["seats"][0]["number"], "1\"");
        assert_eq!(map["seats"][0]["row"], "\\1");
    });
}

/// A show whose whole map is large enough to wait for its turn: 1.3 MB.
async fn large(stage: &mut crate::stage::Stage) -> ShowId {
    stage
        .planned(
            "Estadio",
            START_MS + 86_400_000,
            None,
            json!({"zones": [{"name": "Cancha", "price": 1_000, "capacity": 10_000}]}),
        )
        .await
}

#[test]
fn whole_maps_are_paced_and_past_the_longest_wait_refused() {
    on_stage(|mut stage| async move {
        let show = large(&mut stage).await;
        let path = format!("/v1/shows/{show}/seats");
        let begun = tokio::time::Instant::now();
        let bytes = stage.get(&path).await.body.len() as u64;
        // Nothing is sent for these, so they take nothing.
        for _ in 0..5_000 {
            assert_eq!(stage.head_of(&path).await.status, 200);
        }
        let burst = (1_u64 << 28) / bytes;
        for _ in 0..burst {
            stage.get(&path).await.expect_status(200);
        }
        assert!(
            begun.elapsed() < Duration::from_millis(200),
            "the burst goes at once: {:?}",
            begun.elapsed()
        );
        // All at once, a gigabyte a second, and two seconds of waiting.
        let readers = 3 * (1_u64 << 30) / bytes;
        let answers = join_all((0..readers).map(|_| stage.get(&path))).await;
        let sent = answers.iter().filter(|answer| answer.status == 200).count() as u64;
        let in_two_seconds = 2 * (1_u64 << 30) / bytes;
        assert!((in_two_seconds..=in_two_seconds + burst).contains(&sent), "{sent} of {readers}");
        let refused = answers.iter().find(|answer| answer.status != 200).expect("some are refused");
        refused.problem(503, "unavailable");
        assert!(refused.headers.contains_key("retry-after"));
        assert!(begun.elapsed() > Duration::from_millis(1_900), "{:?}", begun.elapsed());
        // Compressed it is small, and goes at once.
        let now = tokio::time::Instant::now();
        stage.get_with(&path, &[("accept-encoding", "gzip")]).await.expect_status(200);
        assert!(now.elapsed() < Duration::from_millis(50), "{:?}", now.elapsed());
    });
}

#[test]
fn a_reader_that_goes_away_leaves_its_rendering_to_the_next() {
    on_stage(|mut stage| async move {
        let show = large(&mut stage).await;
        let path = format!("/v1/shows/{show}/seats");
        let map = stage.models.show(show).unwrap();
        for _ in 0..100 {
            // Asked once, so that a rendering has begun, and dropped.
            let mut asked = std::pin::pin!(stage.get(&path));
            std::future::poll_fn(|context| Poll::Ready(asked.as_mut().poll(context).is_ready())).await;
        }
        // Nobody asks any more, and yet it comes.
        while map.rendered.lock().await.is_none() {
            tokio::task::yield_now().await;
        }
        let left = map.rendered.lock().await.clone().unwrap();
        assert_eq!(stage.get(&path).await.body, left.json);
        // And nobody keeps it.
        tokio::time::sleep(Duration::from_millis(150)).await;
        assert!(map.rendered.lock().await.is_none());
    });
}
