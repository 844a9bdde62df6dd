//! Consumers that mirrors and sources of other streams ask for. They do not count and are not listed,
//! and there may be several for one of them: one that was cut off lives on for a while.
//!
//! A stream that keeps messages only for its consumers must know what was taken over. There, such a
//! consumer is durable and acknowledged with the answers to flow control instead, and is listed.

use alloc::vec::Vec;

use causeway_wire::header;
use causeway_wire::jetstream::headers::name::STREAM_IDENTITY;
use causeway_wire::jetstream::info::ConsumerInfo;
use causeway_wire::jetstream::response::{ConsumerCreateResponse, response};
use causeway_wire::jetstream::{AckPolicy, ApiError, ConsumerConfig, ErrorKind, Nanos, Retention};

use super::Answer;
use crate::jetstream::intake::identity_of;
use crate::jetstream::stream::{ConsumerId, Stream};

/// Characters behind the name that a mirror or source asks for.
pub(super) const SUFFIX_CHARS: usize = 8;

/// Whether the consumer is one for a mirror or source.
pub(super) fn is_asked_for(config: &ConsumerConfig) -> bool {
    config.direct || config.sourcing
}

/// Whether the stream is the one that the mirror or source knows, if it says.
pub(super) fn check_identity(stream: &Stream, block: &[u8]) -> Result<(), ApiError> {
    let wanted = header::value(block, STREAM_IDENTITY).filter(|wanted| !wanted.is_empty());
    let identity = identity_of(stream.created);
    match wanted {
        Some(wanted) if wanted != identity.as_bytes() => {
            Err(ErrorKind::ConsumerStreamIdentityMismatch.fill(&[("msg", &identity)]))
        }
        Some(_) | None => Ok(()),
    }
}

/// Gives the consumer the name and the policy that it is to have.
pub(super) fn grant(stream: &Stream, suffix: &str, config: &mut ConsumerConfig) {
    if !config.direct || !config.sourcing || config.name.is_empty() {
        return;
    }
    if stream.config.retention == Retention::Limits {
        config.name += "-";
        config.name += suffix;
        return;
    }
    config.direct = false;
    config.durable_name.clone_from(&config.name);
    config.ack_policy = AckPolicy::FlowControl;
    config.ack_wait = Nanos(0);
    config.max_deliver = 0;
    config.inactive_threshold = Nanos(0);
    let known = stream.find_consumer(&config.name).and_then(|id| stream.consumer(id));
    if let Some(known) = known.map(crate::jetstream::consumer::Consumer::config) {
        // It goes on where it is.
        config.deliver_policy = known.deliver_policy;
        config.opt_start_seq = known.opt_start_seq;
        config.opt_start_time = known.opt_start_time;
    }
}

/// The answer. It comes before the first message: of a consumer that is not durable nothing has to be
/// written first, and others wait.
pub(super) fn answered(
    stream: &mut Stream,
    id: ConsumerId,
    info: Option<ConsumerInfo>,
) -> Option<Answer> {
    let config = info.as_ref().and_then(|info| info.config.as_ref());
    let asked_for = config.is_some_and(is_asked_for);
    let direct = config.is_some_and(|config| config.direct);
    let mut block = Vec::new();
    if asked_for && !direct {
        stream.answer_first(id);
    }
    if asked_for {
        header::push(&mut block, STREAM_IDENTITY, identity_of(stream.created).as_bytes());
    }
    let json = response(&Ok(ConsumerCreateResponse { info }));
    let after = (!direct).then_some(stream.id);
    Some(Answer { header: block, json, failed: false, after })
}
