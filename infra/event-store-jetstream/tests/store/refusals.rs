//! Servers and streams that are not fit to hold a log are refused, with the reason.

use async_nats::jetstream::stream::{Config, StorageType};
use ticketflow_event_store_jetstream::ConnectError;
use ticketflow_testbed::{NatsServer, TestbedError};

use crate::servers::{connect, or_skip, start, with_stream};

#[tokio::test]
async fn a_server_that_would_not_sync_is_refused() {
    let Some(server) = or_skip::<NatsServer>(NatsServer::start_lazy()) else { return };
    match connect(&server.event_store_url()).await {
        Err(ConnectError::DoesNotSync { server }) => assert_eq!(server, "nats-1"),
        other => panic!("it is not refused: {:?}", other.err()),
    }
}

#[tokio::test]
async fn servers_that_nobody_vouches_for_are_refused() {
    let Some(server) = start() else { return };
    let url = server.event_store_url();
    let (plain, _) = url.split_once('?').unwrap();
    let silent = format!("{plain}?monitor=127.0.0.1:1");
    for url in [plain, &silent] {
        let refused = connect(url).await.err().expect("it is refused");
        assert!(matches!(refused, ConnectError::SyncUnknown { .. }), "{refused}");
        assert!(refused.to_string().contains("monitor="), "{refused}");
    }
}

#[tokio::test]
async fn no_server_is_an_error_at_once() {
    let refused = connect("jetstream://127.0.0.1:1?monitor=127.0.0.1:2").await.err().expect("it is refused");
    assert!(matches!(refused, ConnectError::Unreachable { .. }), "{refused}");
}

#[tokio::test]
async fn a_stream_that_would_lose_events_is_refused() -> Result<(), TestbedError> {
    let Some(server) = start() else { return Ok(()) };
    let client = async_nats::connect(server.url()).await.expect("the server answers");
    let context = async_nats::jetstream::new(client);
    let fit = |name: &str| Config {
        name: name.to_owned(),
        subjects: vec![format!("{name}.*")],
        deny_delete: true,
        deny_purge: true,
        num_replicas: 1,
        ..Config::default()
    };
    let cases = [
        (Config { storage: StorageType::Memory, ..fit("MEMORY") }, "kept in memory"),
        (Config { max_messages: 10, ..fit("FEW") }, "throw messages away"),
        (Config { max_age: std::time::Duration::from_secs(60), ..fit("SHORT") }, "throw messages away"),
        (Config { max_messages_per_subject: 1, ..fit("LAST") }, "throw messages away"),
        (Config { deny_purge: false, ..fit("PURGED") }, "can be deleted"),
        (Config { subjects: vec!["OTHER.>".to_owned()], ..fit("SUBJECTS") }, "takes the subjects"),
    ];
    for (config, reason) in cases {
        let name = config.name.clone();
        context.create_stream(config).await.expect("the stream is made");
        let refused = connect(&with_stream(&server.event_store_url(), &name)).await.err();
        let text = refused.expect("it is refused").to_string();
        assert!(text.contains(reason), "{text}");
    }
    context.create_stream(fit("FIT")).await.expect("the stream is made");
    connect(&with_stream(&server.event_store_url(), "FIT")).await.expect("this one is fit");
    Ok(())
}
