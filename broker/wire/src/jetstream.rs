//! JetStream as words: the documents, errors, subjects and headers of its API, and the rules that a
//! configuration must follow.
//!
//! Nothing here stores or delivers a message. The texts and bytes are those of nats-server 2.15.1.

mod ack;
pub mod advisory;
pub mod api;
mod consumer;
mod error;
pub mod fast_batch;
pub mod headers;
pub mod info;
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
pub use error::{ApiError, ErrorKind};
pub use json::{JsonError, Nullable, Unknown, is_empty_request, is_object_or_array};
pub use pub_ack::{
    BatchAck, BatchFlow, BatchFlowAck, BatchFlowErr, BatchFlowGap, CounterValue, PubAck,
    write_pub_error,
};
pub use stream::{
    Compression, ConsumerLimits, ConsumerSource, Discard, ExternalStream, Metadata, PersistMode,
    Placement, RePublish, Retention, Storage, StreamConfig, StreamSource, SubjectTransform,
};
pub use time::{DurationError, Nanos, Time, TimeError};
pub use transform::{Transform, TransformError};
