//! Answers to the calls.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hyper::body::Incoming;
use tonic::body::Body;
use tonic::codec::ProstCodec;
use tonic::server::Grpc;
use tonic::{Request, Response, Status, Streaming};
use tower::service_fn;

use super::kept::{Kept, matches};
use super::messages::{
    AppendRequest, AppendResponse, AppendResult, Confirmation, Empty, ErrorStatus, Position, ReadContent,
    ReadEvent, ReadOptions, ReadRequest, ReadResponse, RecordedEvent, SupportedMethod, SupportedMethods,
};

/// Bytes of a message that are read: as a server does.
const MAX_MESSAGE_BYTES: usize = 16 << 20;
/// Events that a subscription takes at a time.
const SOME: usize = 500;

/// Answers one call.
pub(super) async fn answer(
    kept: Arc<Kept>,
    request: http::Request<Incoming>,
) -> Result<http::Response<Body>, Infallible> {
    let response = match request.uri().path() {
        "/event_store.client.streams.Streams/Read" => {
            let read = service_fn(move |request: Request<ReadRequest>| {
                let answers = read(&kept, request.into_inner().options.unwrap_or_default());
                async { Ok::<_, Status>(Response::new(answers)) }
            });
            Grpc::new(ProstCodec::default()).server_streaming(read, request).await
        }
        "/event_store.client.streams.Streams/BatchAppend" => {
            let append = service_fn(move |request: Request<Streaming<AppendRequest>>| {
                let answers = append(kept.clone(), request.into_inner());
                async { Ok::<_, Status>(Response::new(answers)) }
            });
            let mut grpc = Grpc::new(ProstCodec::default()).max_decoding_message_size(MAX_MESSAGE_BYTES);
            grpc.streaming(append, request).await
        }
        "/event_store.client.server_features.ServerFeatures/GetSupportedMethods" => {
            let features = service_fn(|_: Request<Empty>| async {
                let method = SupportedMethod {
                    method: "batchappend".to_owned(),
                    service: "event_store.client.streams.streams".to_owned(),
                };
                let methods = vec![method];
                Ok::<_, Status>(Response::new(SupportedMethods {
                    methods,
                    server_version: "25.1.0".to_owned(),
                }))
            });
            Grpc::new(ProstCodec::default()).unary(features, request).await
        }
        path => Status::unimplemented(format!("the double does not know {path}")).into_http(),
    };
    Ok(response)
}

type Answers<T> = BoxStream<'static, Result<T, Status>>;

fn read(kept: &Arc<Kept>, options: ReadOptions) -> Answers<ReadResponse> {
    let once = |content| stream::iter([Ok(ReadResponse { content: Some(content) })]).boxed();
    if let Some(of_stream) = options.stream {
        let first = kept.first_of(&of_stream.stream.unwrap_or_default());
        return once(first.map_or(ReadContent::StreamNotFound(Empty {}), event));
    }
    let prefixes = options.filter.and_then(|filter| filter.stream).unwrap_or_default().prefixes;
    let all = options.all.unwrap_or_default();
    if options.subscription.is_some() {
        let place = match (all.position, all.start) {
            (Some(position), _) => kept.place_behind(position),
            (None, Some(_)) => 0,
            (None, None) => *kept.news.borrow(),
        };
        return subscribe(kept.clone(), prefixes, place);
    }
    assert_eq!((options.direction, options.count), (1, Some(1)), "the adapter reads the last event");
    match kept.last(&prefixes) {
        Some(last) => once(event(last)),
        None => stream::empty().boxed(),
    }
}

fn event(event: RecordedEvent) -> ReadContent {
    ReadContent::Event(ReadEvent { commit: event.commit, event: Some(event) })
}

/// All events from a place on, for as long as somebody listens. Says in between how far it has looked.
fn subscribe(kept: Arc<Kept>, prefixes: Vec<String>, place: usize) -> Answers<ReadResponse> {
    let confirmation = ReadContent::Confirmation(Confirmation { subscription: "1".to_owned() });
    let news = kept.news.subscribe();
    let begin = (VecDeque::from([confirmation]), place, news);
    stream::unfold(begin, move |(mut waiting, mut place, mut news)| {
        let (kept, prefixes) = (kept.clone(), prefixes.clone());
        async move {
            loop {
                if let Some(content) = waiting.pop_front() {
                    let response = ReadResponse { content: Some(content) };
                    return Some((Ok(response), (waiting, place, news)));
                }
                news.borrow_and_update();
                let some = kept.from(place, SOME);
                place += some.len();
                let Some(last) = some.last() else {
                    // The sender is in `kept`, which this stream holds.
                    news.changed().await.expect("the events are still there");
                    continue;
                };
                let checkpoint = Position { commit: last.commit, prepare: last.prepare };
                waiting.extend(some.into_iter().filter(|event| matches(event, &prefixes)).map(event));
                waiting.push_back(ReadContent::Checkpoint(checkpoint));
            }
        }
    })
    .boxed()
}

fn append(kept: Arc<Kept>, requests: Streaming<AppendRequest>) -> Answers<AppendResponse> {
    let answers = requests.filter_map(move |request| {
        let kept = kept.clone();
        async move {
            let request = match request {
                Ok(request) => request,
                Err(status) => return Some(Err(status)),
            };
            assert!(request.is_final, "the client sends an append as one message");
            let options = request.options.expect("every append has options");
            let result = match kept.append(&options, &request.events) {
                Ok(success) => AppendResult::Success(success),
                Err(refusal) => AppendResult::Error(ErrorStatus {
                    code: refusal.code as i32,
                    message: refusal.message.to_owned(),
                }),
            };
            let response = AppendResponse {
                correlation: request.correlation,
                result: Some(result),
                stream: options.stream,
            };
            (!*kept.loses_answers.borrow()).then_some(Ok(response))
        }
    });
    answers.boxed()
}
