//! Batches on the wire: what is stored, what is recognised, and what is found not to be a log.

use futures_util::StreamExt;
use ticketflow_event_store::{AppendError, Cursor, Expected, FollowError, LogServer, OfferError};

use crate::double::Double;
use crate::servers::{LONG, append, batch, connect, followed, offer, open, stopped};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_offered_again_is_recognised_and_another_is_a_conflict() {
    let double = Double::start().await;
    let server = connect(&double.url("LOG")).await.unwrap();
    assert_eq!(server.end().await, Ok(Cursor::default()));
    let first = offer(1, 0, 3);
    assert_eq!(server.offer(&first).await, Ok(()));
    let end = server.end().await.unwrap();
    assert_eq!(server.offer(&offer(2, 3, 2)).await, Ok(()));
    assert_eq!(server.offer(&first).await, Ok(()), "the server knows these events");
    for (number, expected, events) in [(3, 0, 3), (3, 4, 1), (3, 9, 1), (1, 0, 4), (2, 0, 2)] {
        let refused = server.offer(&offer(number, expected, events)).await;
        assert_eq!(refused, Err(OfferError::Conflict), "{number} at {expected}");
    }
    let mut batches = followed(&server, Cursor::default());
    for (number, revision, events) in [(1, 1, 3), (2, 4, 2)] {
        let delivered = batches.next().await.unwrap().unwrap();
        let sent = offer(number, revision - 1, events).message;
        assert_eq!(serde_json::to_value(&delivered.message).unwrap(), serde_json::to_value(&sent).unwrap());
    }
    let mut rest = followed(&server, end);
    assert_eq!(rest.next().await.unwrap().unwrap().cursor, server.end().await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_on_one_server_do_not_see_each_other() {
    let double = Double::start().await;
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = open(&double.url("LOG"), one.path()).await.unwrap();
    let two = open(&double.url("LOG_2"), two.path()).await.unwrap();
    append(&one, 0..5).await;
    append(&two, 10..12).await;
    append(&one, 5..6).await;
    for (store, events) in [(&one, 12), (&two, 5)] {
        store.catch_up(LONG).await.unwrap();
        assert_eq!(store.log().head().position, events);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_batch_stops_the_replica_and_is_named() {
    for (metadata, reason) in [
        ("{}", "missing field"),
        (r#"{"batch":"00","index":0,"of":1}"#, "does not fit together"),
        (r#"{"batch":"000102030405060708090a0b0c0d0e0f","index":1,"of":2}"#, "its id"),
    ] {
        let double = Double::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store = open(&double.url("LOG"), folder.path()).await.unwrap();
        append(&store, 0..2).await;
        double.put("LOG.show-X", "Foreign", "{}", metadata);
        let stopped = stopped(&store).await;
        assert!(stopped.contains("0@LOG.show-X") && stopped.contains(reason), "{stopped}");
        let refused = store.append(batch(9, Expected::Any, 1)).await;
        assert_eq!(refused, Err(AppendError::Unavailable));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_that_break_off_or_begin_in_the_middle_are_found() {
    for (left_out, reason) in [(2, "2 of the 3 events"), (0, "did not begin"), (1, "1 of the 3 events")] {
        let double = Double::start().await;
        let server = connect(&double.url("LOG")).await.unwrap();
        server.offer(&offer(1, 0, 3)).await.unwrap();
        server.offer(&offer(2, 3, 3)).await.unwrap();
        // The first event of all says what the log is.
        double.take_away(1 + left_out);
        let damaged = followed(&server, Cursor::default()).next().await.unwrap().unwrap_err();
        assert!(matches!(&damaged, FollowError::Damaged(text) if text.contains(reason)), "{damaged}");
    }
}
