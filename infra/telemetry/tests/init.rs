//! The one set-up of a process: it happens once, records what follows, and renders it.

use ticketflow_telemetry::{InitError, Options, init};

#[test]
fn a_process_is_set_up_once_and_renders_what_it_records() {
    let page = init(&Options::default()).unwrap();
    assert!(matches!(init(&Options::default()), Err(InitError::Logger(_))));

    let requests = metrics::counter!("http_requests_total", "route" => "/v1/shows");
    requests.increment(3);
    metrics::histogram!("http_request_seconds").record(0.02);
    page.before_render(|| metrics::gauge!("http_requests_in_flight").set(7.0));
    let text = page.render();
    for line in [
        r#"http_requests_total{route="/v1/shows"} 3"#,
        r#"http_request_seconds_bucket{le="0.01"} 0"#,
        r#"http_request_seconds_bucket{le="0.025"} 1"#,
        "http_request_seconds_count 1",
        "http_requests_in_flight 7",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    if cfg!(target_os = "linux") {
        for name in ["process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"] {
            let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            let value: f64 = value.unwrap().parse().unwrap();
            assert!(value >= 0.0 && (value > 0.0 || name.ends_with("total")), "{name} {value}");
        }
    }
}
