//! `serve --demo`: three shows on an empty store, once.

use crate::machine::Machine;

#[test]
fn the_demo_shows_are_made_once_and_sell() {
    let machine = Machine::new();
    let server = machine.serve(&["--demo"]);
    server.until("the read side has the shows, open", || {
        let shows = server.shows();
        shows.len() == 3 && shows.iter().all(|show| show["sales"] == "open")
    });
    let shows = server.shows();
    let mut sizes: Vec<u64> =
        shows.iter().map(|show| show["seats_total"].as_u64().expect("a size")).collect();
    sizes.sort_unstable();
    assert!(
        (1_000..2_000).contains(&sizes[0])
            && (12_000..18_000).contains(&sizes[1])
            && (40_000..50_000).contains(&sizes[2]),
        "{sizes:?}"
    );
    for show in &shows {
        let path = format!("/v1/shows/{}/holds", show["show_id"].as_str().expect("an id"));
        let best = serde_json::json!({"best_available": {"quantity": 2, "together": true}});
        let held = server.post(&path, &[("Idempotency-Key", "k")], &best);
        assert_eq!(held.status, 201, "{}", held.excerpt());
    }
    let ids = |shows: &[serde_json::Value]| -> Vec<_> {
        shows.iter().map(|show| show["show_id"].clone()).collect()
    };
    let made = ids(&shows);
    assert!(server.stop().success());
    let server = machine.serve(&["--demo"]);
    assert_eq!(ids(&server.shows()), made);
    server.kill();
    let server = machine.serve(&["--demo"]);
    assert_eq!(ids(&server.shows()), made);
}
