//! JetStream as words: the documents, errors, subjects and headers of its API, and the rules that a
//! configuration must follow.
//!
//! Nothing here stores or delivers a message. The texts and bytes are those of nats-server 2.15.1;
//! `observed/` holds what the running server answered, which the tests read.
//!
//! | module | words |
//! |---|---|
//! | [`request`], [`response`], [`info`], [`advisory`] | documents that are read and written |
//! | [`ApiError`], [`ErrorKind`] | errors by number, with their texts |
//! | [`api`], [`AckSubject`], [`FlowControlSubject`], [`fast_batch`] | what subjects say |
//! | [`headers`], [`schedule`], [`Ttl`](headers::Ttl) | what the headers of a publish say |
//! | [`Integer`] | numbers of counters |
//! | [`archive`] | copies of streams |
//! | [`PubAck`], [`status`] | answers that are no JSON, or not quite |
//! | [`check`], [`api_level`], [`Transform`] | rules, defaults, and mappings of subjects |
//!
//! ```
//! use causeway_wire::jetstream::api::{ApiRequest, ApiSubject};
//! use causeway_wire::jetstream::request::StreamConfigRequest;
//! use causeway_wire::jetstream::response::{StreamCreateResponse, response};
//! use causeway_wire::jetstream::{ApiError, Unknown};
//!
//! let subject = ApiSubject::parse(b"$JS.API.STREAM.CREATE.ORDERS").expect("of the API");
//! assert_eq!(subject.request, ApiRequest::StreamCreate("ORDERS"));
//!
//! let request = StreamConfigRequest::parse(br#"{"name":"ORDERS","bogus":1}"#, Unknown::Refuse);
//! let result = request.map(|_| StreamCreateResponse::default()).map_err(ApiError::from);
//! assert_eq!(
//!     String::from_utf8_lossy(&response(&result)),
//!     concat!(
//!         r#"{"type":"io.nats.jetstream.api.v1.stream_create_response","error":{"code":400,"#,
//!         r#""err_code":10025,"description":"invalid JSON: json: unknown field \"bogus\""}}"#,
//!     )
//! );
//! ```

mod ack;
pub mod advisory;
pub mod api;
pub mod api_level;
pub mod archive;
pub mod check;
mod consumer;
mod counter;
mod error;
pub mod fast_batch;
pub mod headers;
pub mod info;
mod integer;
mod json;
mod pub_ack;
pub mod request;
pub mod response;
pub mod schedule;
pub mod status;
mod stream;
mod time;
mod transform;

pub use ack::{AckKind, AckSubject, FlowControlSubject, NakOptions};
pub use consumer::{AckPolicy, ConsumerConfig, DeliverPolicy, PriorityPolicy, ReplayPolicy};
pub use counter::{CounterSources, CounterValue};
pub use error::{ApiError, ErrorKind};
pub use integer::Integer;
pub use json::{JsonError, Nullable, Unknown, is_empty_request, is_object_or_array};
pub use pub_ack::{
    BatchAck, BatchFlow, BatchFlowAck, BatchFlowErr, BatchFlowGap, PubAck, write_pub_error,
};
pub use stream::{
    Compression, ConsumerLimits, ConsumerSource, Discard, ExternalStream, Metadata, PersistMode,
    Placement, RePublish, Retention, Storage, StreamConfig, StreamSource, SubjectTransform,
};
pub use time::{DurationError, Nanos, Time, TimeError};
pub use transform::{Transform, TransformError};
