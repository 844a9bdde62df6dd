//! The API: requests that come as messages on `$JS.API.>`, and their answers (jetstream.md 1).
//!
//! A request is answered at once if it only looks, and when what it did is durable if it did
//! something. What is no request gets no answer, as with nats-server.

mod account;
pub(super) mod audit;
mod consumers;
mod direct;
mod messages;
mod sourcing;
mod streams;

use alloc::vec::Vec;

use causeway_wire::header;
use causeway_wire::jetstream::api::{ApiRequest, ConsumerName, split_prefix};
use causeway_wire::jetstream::check::ConsumerPlace;
use causeway_wire::jetstream::headers::exceeds_level;
use causeway_wire::jetstream::headers::name::REQUIRED_API_LEVEL;
use causeway_wire::jetstream::response::{Response, response};
use causeway_wire::jetstream::{ApiError, ErrorKind, Unknown};

use crate::ids::AccountId;
use crate::jetstream::JetStream;
use crate::jetstream::stream::StreamId;
use crate::jetstream::turn::{Incoming, Outgoing, Turn};
use crate::limits;

/// A request, and where its answer goes.
pub(super) struct Request<'a> {
    pub(super) account: AccountId,
    /// The client's link, if it came from one.
    pub(super) client: Option<u32>,
    subject: &'a [u8],
    /// Empty if nobody wants an answer.
    pub(super) reply: &'a [u8],
    header: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// An answer.
pub(super) struct Answer {
    /// Empty for none.
    header: Vec<u8>,
    json: Vec<u8>,
    failed: bool,
    /// It leaves when what was done to this stream is durable.
    after: Option<StreamId>,
}

impl Answer {
    /// That what was asked for was only looked at, or could not be done.
    pub(super) fn now<R: Response>(result: Result<R, ApiError>) -> Option<Self> {
        Some(Self {
            header: Vec::new(),
            json: response(&result),
            failed: result.is_err(),
            after: None,
        })
    }

    /// That something was done to a stream.
    fn done<R: Response>(stream: StreamId, result: Result<R, ApiError>) -> Option<Self> {
        let after = result.is_ok().then_some(stream);
        Some(Self { header: Vec::new(), json: response(&result), failed: result.is_err(), after })
    }
}

impl JetStream {
    /// Answers a request to the API.
    pub(super) fn answer(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        incoming: &Incoming<'_>,
    ) {
        let Ok(text) = core::str::from_utf8(incoming.subject) else { return };
        let Some((_, rest)) = split_prefix(text) else { return };
        let reply = incoming.reply.unwrap_or_default();
        let (header, payload) = (incoming.header, incoming.payload);
        let (client, subject) = (incoming.client, incoming.subject);
        let request = Request { account, client, subject, reply, header, payload };
        let Some(answer) = self.dispatch(turn, rest, &request) else { return };
        self.api.total += 1;
        self.api.errors += u64::from(answer.failed);
        if !reply.is_empty() {
            self.send_answer(turn, account, reply, &answer);
        }
        audit::publish(turn, account, self.config.domain.as_deref(), incoming, &answer.json);
    }

    fn send_answer(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        reply: &[u8],
        answer: &Answer,
    ) {
        match answer.after.and_then(|id| self.streams.get_mut(&id)) {
            Some(stream) => {
                stream.reply_when_durable(reply, &answer.header, &answer.json);
                self.touched.insert(stream.id);
            }
            None => {
                let (to, header, payload) = (reply, &answer.header[..], &answer.json[..]);
                turn.publish(account, &Outgoing { to, header, payload, ..Outgoing::default() });
            }
        }
    }

    /// Does what a request asks for. `None`: it is no request, or it is answered otherwise.
    fn dispatch(&mut self, turn: &mut Turn<'_>, subject: &str, of: &Request<'_>) -> Option<Answer> {
        use ApiRequest as Ask;
        match ApiRequest::parse(subject) {
            Ask::AccountInfo => self.account_info(of),
            Ask::StreamNames => self.stream_names(of),
            Ask::StreamList => self.stream_list(turn, of),
            Ask::StreamCreate(name) => self.stream_create(turn, name, of),
            Ask::StreamUpdate(name) => self.stream_update(turn, name, of),
            Ask::StreamInfo(name) => self.stream_info(turn, name, of),
            Ask::StreamDelete(name) => self.stream_delete(turn, name, of),
            Ask::StreamPurge(name) => self.stream_purge(turn, name, of),
            Ask::MsgGet(name) => self.msg_get(turn, name, of),
            Ask::MsgDelete(name) => self.msg_delete(turn, name, of),
            Ask::StreamRemovePeer(_) => Self::no_cluster_peer(),
            Ask::StreamCancelMove(_) => Self::no_cluster_move(),
            Ask::StreamLeaderStepdown(_) => Self::no_cluster_leader(),
            Ask::ConsumerNames(stream) => self.consumer_names(stream, of),
            Ask::ConsumerList(stream) => self.consumer_list(turn, stream, of),
            Ask::ConsumerInfo(name) => self.consumer_info(turn, name, of),
            Ask::ConsumerDelete(name) => self.consumer_delete(turn, name, of),
            Ask::ConsumerPause(name) => self.consumer_pause(turn, name, of),
            Ask::ConsumerUnpin(name) => self.consumer_unpin(turn, name, of),
            Ask::ConsumerReset(name) => self.consumer_reset(turn, name, of),
            Ask::ConsumerNext(name) => self.next(turn, name, of),
            Ask::ConsumerLeaderStepdown(_) => Self::no_cluster_consumer_leader(),
            Ask::ConsumerCreate { stream, consumer, filter } => {
                let place = ConsumerPlace { stream, consumer, filter, durable: false };
                self.consumer_create(turn, place, of)
            }
            Ask::ConsumerDurableCreate(ConsumerName { stream, consumer }) => {
                let consumer = Some(consumer);
                let place = ConsumerPlace { stream, consumer, filter: None, durable: true };
                self.consumer_create(turn, place, of)
            }
            // Those that are answered come by subscriptions of their streams.
            Ask::DirectGet { stream, .. } => {
                let found = self.find_stream(of.account, stream).ok();
                let found = found.and_then(|id| self.streams.get(&id));
                if !found.is_some_and(|stream| stream.config.allow_direct) {
                    of.nobody_listens(turn);
                }
                None
            }
            Ask::StreamSnapshot(name) => self.stream_snapshot(turn, name, of),
            Ask::StreamRestore(name) => self.stream_restore(turn, name, of),
            // What a server that is alone does not know is no request.
            Ask::StreamEvacuatePeer(_) | Ask::System | Ask::Unknown => None,
        }
    }

    /// Whether unknown fields are refused.
    pub(super) fn unknown(&self) -> Unknown {
        if self.config.strict { Unknown::Refuse } else { Unknown::Ignore }
    }

    /// The stream of this name, if its log takes changes.
    fn find_to_change(&self, account: AccountId, name: &str) -> Result<StreamId, ApiError> {
        let id = self.find_stream(account, name)?;
        match self.streams.get(&id).and_then(|stream| stream.log.failure()) {
            Some(_) => Err(ErrorKind::InsufficientResources.error()),
            None => Ok(id),
        }
    }

    /// The stream of this name.
    pub(super) fn find_stream(&self, account: AccountId, name: &str) -> Result<StreamId, ApiError> {
        let found = self.names.get(&account).and_then(|names| names.get(name));
        found.copied().ok_or_else(|| ErrorKind::StreamNotFound.error())
    }
}

impl Request<'_> {
    /// Tells the client that nobody answers.
    fn nobody_listens(&self, turn: &mut Turn<'_>) {
        turn.nobody_listens(self.client, self.subject, self.reply);
    }

    /// Whether the client needs a newer API than this one.
    pub(super) fn check_level(&self) -> Result<(), ApiError> {
        match header::value(self.header, REQUIRED_API_LEVEL) {
            Some(level) if exceeds_level(level, limits::API_LEVEL.into()) => {
                Err(ErrorKind::RequiredApiLevel.error())
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// A page of a list: how many were passed over, and which are shown.
fn page<T>(all: Vec<T>, offset: i64, limit: usize) -> (i64, Vec<T>) {
    let offset = usize::try_from(offset).unwrap_or(0).min(all.len());
    let shown = all.into_iter().skip(offset).take(limit).collect();
    (i64::try_from(offset).unwrap_or(i64::MAX), shown)
}

/// A number as documents have it.
fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
