//! What the rules for configurations must know about an account and its streams.

use alloc::string::String;

use causeway_wire::jetstream::check::{self, Account, Limits, Rules};
use causeway_wire::jetstream::info::AccountLimits;
use causeway_wire::jetstream::{ApiError, ConsumerConfig, ErrorKind, StreamConfig};

use super::JetStream;
use super::consumer::limits::SEQUENCE_MOST;
use super::stream::Stream;
use crate::ids::AccountId;

/// An account, as the rules see it.
pub(super) struct AccountView<'a> {
    jetstream: &'a JetStream,
    account: AccountId,
}

impl JetStream {
    /// Asks the rules something about an account.
    pub(super) fn with_rules<R>(
        &self,
        account: AccountId,
        pedantic: bool,
        ask: impl FnOnce(&Rules<'_>) -> R,
    ) -> R {
        let view = AccountView { jetstream: self, account };
        let limits = self.check_limits();
        ask(&Rules { limits: &limits, account: &view, pedantic, standalone: true })
    }

    fn check_limits(&self) -> Limits {
        let limits = &self.config.limits;
        let window = limits
            .duplicate_window
            .map_or(0, |window| i64::try_from(window.as_nanos()).unwrap_or(i64::MAX));
        Limits {
            max_duplicate_window: causeway_wire::jetstream::Nanos(window),
            max_ack_pending: limits.max_ack_pending.unwrap_or(0),
            max_request_batch: limits.max_request_batch.unwrap_or(0),
        }
    }
}

impl AccountView<'_> {
    fn find(&self, name: &str) -> Option<&Stream> {
        let id = self.jetstream.names.get(&self.account)?.get(name)?;
        self.jetstream.streams.get(id).map(|stream| &**stream)
    }
}

impl Account for AccountView<'_> {
    fn limits(&self, _replicas: i64) -> &AccountLimits {
        &AccountLimits::NONE
    }

    fn stream(&self, name: &str) -> Option<&StreamConfig> {
        self.find(name).map(|stream| &stream.config)
    }

    fn overlaps(&self, subjects: &[String], except: &str) -> bool {
        let streams = self.jetstream.streams.values();
        let mut others =
            streams.filter(|stream| stream.account == self.account && stream.config.name != except);
        others.any(|stream| check::overlap(subjects, &stream.config.subjects))
    }

    fn admit(&self, new: &StreamConfig, _old: Option<&StreamConfig>) -> Result<(), ApiError> {
        if new.first_seq >= SEQUENCE_MOST {
            let text = format_args!("first sequence {} is above {SEQUENCE_MOST}", new.first_seq);
            return Err(ErrorKind::StreamInvalidConfig.err(text));
        }
        unsupported(new)
    }

    fn consumers<'a>(&'a self, stream: &str, show: &mut dyn FnMut(&'a str, &'a ConsumerConfig)) {
        let consumers = self.find(stream).into_iter().flat_map(Stream::consumers);
        consumers.for_each(|consumer| show(consumer.name(), consumer.config()));
    }
}

/// What streams of this version cannot be.
fn unsupported(config: &StreamConfig) -> Result<(), ApiError> {
    if config.allow_msg_counter && !config.sources.is_empty() {
        let text = "sources of counters are not supported by this version of causeway";
        return Err(ErrorKind::StreamInvalidConfig.err(text));
    }
    Ok(())
}
