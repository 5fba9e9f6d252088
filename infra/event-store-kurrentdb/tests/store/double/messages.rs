//! The messages of the calls, as far as the double reads and writes them; numbers and names are those of the protocol.

use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Empty {}

/// An id; stored and given back as it came.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Uuid {
    #[prost(message, optional, tag = "1")]
    pub(super) structured: Option<StructuredUuid>,
    #[prost(string, optional, tag = "2")]
    pub(super) string: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(super) struct StructuredUuid {
    #[prost(int64, tag = "1")]
    pub(super) most: i64,
    #[prost(int64, tag = "2")]
    pub(super) least: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StreamIdentifier {
    #[prost(bytes = "vec", tag = "3")]
    pub(super) name: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Position {
    #[prost(uint64, tag = "1")]
    pub(super) commit: u64,
    #[prost(uint64, tag = "2")]
    pub(super) prepare: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) options: Option<ReadOptions>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadOptions {
    #[prost(message, optional, tag = "1")]
    pub(super) stream: Option<StreamOptions>,
    #[prost(message, optional, tag = "2")]
    pub(super) all: Option<AllOptions>,
    /// 1 is backwards.
    #[prost(int32, tag = "3")]
    pub(super) direction: i32,
    #[prost(uint64, optional, tag = "5")]
    pub(super) count: Option<u64>,
    #[prost(message, optional, tag = "6")]
    pub(super) subscription: Option<Empty>,
    #[prost(message, optional, tag = "7")]
    pub(super) filter: Option<Filter>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StreamOptions {
    #[prost(message, optional, tag = "1")]
    pub(super) stream: Option<StreamIdentifier>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AllOptions {
    /// Neither of them is the end.
    #[prost(message, optional, tag = "1")]
    pub(super) position: Option<Position>,
    #[prost(message, optional, tag = "2")]
    pub(super) start: Option<Empty>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Filter {
    #[prost(message, optional, tag = "1")]
    pub(super) stream: Option<Expression>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Expression {
    #[prost(string, repeated, tag = "2")]
    pub(super) prefixes: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadResponse {
    #[prost(oneof = "ReadContent", tags = "1, 2, 3, 4")]
    pub(super) content: Option<ReadContent>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum ReadContent {
    #[prost(message, tag = "1")]
    Event(ReadEvent),
    #[prost(message, tag = "2")]
    Confirmation(Confirmation),
    #[prost(message, tag = "3")]
    Checkpoint(Position),
    #[prost(message, tag = "4")]
    StreamNotFound(Empty),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Confirmation {
    #[prost(string, tag = "1")]
    pub(super) subscription: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ReadEvent {
    #[prost(message, optional, tag = "1")]
    pub(super) event: Option<RecordedEvent>,
    #[prost(uint64, tag = "3")]
    pub(super) commit: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct RecordedEvent {
    #[prost(message, optional, tag = "1")]
    pub(super) id: Option<Uuid>,
    #[prost(message, optional, tag = "2")]
    pub(super) stream: Option<StreamIdentifier>,
    #[prost(uint64, tag = "3")]
    pub(super) revision: u64,
    #[prost(uint64, tag = "4")]
    pub(super) prepare: u64,
    #[prost(uint64, tag = "5")]
    pub(super) commit: u64,
    #[prost(map = "string, string", tag = "6")]
    pub(super) metadata: HashMap<String, String>,
    #[prost(bytes = "vec", tag = "7")]
    pub(super) custom_metadata: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub(super) data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AppendRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) correlation: Option<Uuid>,
    #[prost(message, optional, tag = "2")]
    pub(super) options: Option<AppendOptions>,
    #[prost(message, repeated, tag = "3")]
    pub(super) events: Vec<ProposedEvent>,
    #[prost(bool, tag = "4")]
    pub(super) is_final: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AppendOptions {
    #[prost(message, optional, tag = "1")]
    pub(super) stream: Option<StreamIdentifier>,
    #[prost(uint64, optional, tag = "2")]
    pub(super) last_revision: Option<u64>,
    #[prost(message, optional, tag = "3")]
    pub(super) no_stream: Option<Empty>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ProposedEvent {
    #[prost(message, optional, tag = "1")]
    pub(super) id: Option<Uuid>,
    #[prost(map = "string, string", tag = "2")]
    pub(super) metadata: HashMap<String, String>,
    #[prost(bytes = "vec", tag = "3")]
    pub(super) custom_metadata: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub(super) data: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AppendResponse {
    #[prost(message, optional, tag = "1")]
    pub(super) correlation: Option<Uuid>,
    #[prost(oneof = "AppendResult", tags = "2, 3")]
    pub(super) result: Option<AppendResult>,
    #[prost(message, optional, tag = "4")]
    pub(super) stream: Option<StreamIdentifier>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum AppendResult {
    #[prost(message, tag = "2")]
    Error(ErrorStatus),
    #[prost(message, tag = "3")]
    Success(AppendSuccess),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct ErrorStatus {
    #[prost(int32, tag = "1")]
    pub(super) code: i32,
    #[prost(string, tag = "2")]
    pub(super) message: String,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct AppendSuccess {
    #[prost(uint64, optional, tag = "1")]
    pub(super) revision: Option<u64>,
    #[prost(message, optional, tag = "3")]
    pub(super) position: Option<Position>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SupportedMethods {
    #[prost(message, repeated, tag = "1")]
    pub(super) methods: Vec<SupportedMethod>,
    #[prost(string, tag = "2")]
    pub(super) server_version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SupportedMethod {
    #[prost(string, tag = "1")]
    pub(super) method: String,
    #[prost(string, tag = "2")]
    pub(super) service: String,
}
