//! Consumers: `CONSUMER.CREATE`, `NAMES`, `LIST`, `INFO`, `DELETE`, `PAUSE`, `UNPIN`, `RESET`, and
//! `MSG.NEXT`.

use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::jetstream::api::ConsumerName;
use causeway_wire::jetstream::check::{self, ConsumerChange, ConsumerPlace};
use causeway_wire::jetstream::request::{
    ConsumerCreateRequest, ConsumerPauseRequest, ConsumerResetRequest, ConsumerUnpinRequest,
    ConsumersRequest,
};
use causeway_wire::jetstream::response::{
    ConsumerCreateResponse, ConsumerDeleteResponse, ConsumerInfoResponse,
    ConsumerLeaderStepdownResponse, ConsumerListResponse, ConsumerNamesResponse,
    ConsumerPauseResponse, ConsumerResetResponse, ConsumerUnpinResponse, Response,
};
use causeway_wire::jetstream::{ApiError, ErrorKind, is_empty_request, is_object_or_array};

use super::streams::LISTED;
use super::{Answer, Request, count, page, sourcing};
use crate::jetstream::JetStream;
use crate::jetstream::stream::{ConsumerId, Stream, StreamId};
use crate::jetstream::turn::Turn;
use crate::rng;

/// Names in one answer.
const NAMES: usize = 1_024;

impl JetStream {
    pub(super) fn consumer_create(
        &mut self,
        turn: &mut Turn<'_>,
        place: ConsumerPlace<'_>,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let result = self.consumer_to_create(turn, place, of).and_then(|(id, change)| {
            let stream = self.streams.get_mut(&id).ok_or(ErrorKind::StreamNotFound.error())?;
            Ok((id, stream.change_consumer(turn, change)))
        });
        match result {
            Ok((id, consumer)) => {
                self.touched.insert(id);
                let stream = self.streams.get_mut(&id)?;
                let info = stream.describe_consumer(turn, consumer, false);
                sourcing::answered(stream, consumer, info)
            }
            Err(error) => Answer::now::<ConsumerCreateResponse>(Err(error)),
        }
    }

    fn consumer_to_create(
        &self,
        turn: &mut Turn<'_>,
        place: ConsumerPlace<'_>,
        of: &Request<'_>,
    ) -> Result<(StreamId, ConsumerChange), ApiError> {
        let mut request = ConsumerCreateRequest::parse(of.payload, self.unknown())?;
        of.check_level()?;
        let id = self.find_to_change(of.account, place.stream);
        let stream = id.as_ref().ok().and_then(|id| self.streams.get(id));
        let name;
        let mut place = place;
        if let Some(stream) = stream.filter(|_| sourcing::is_asked_for(&request.config)) {
            check::check_consumer_request(&place, &mut request)?;
            sourcing::check_identity(stream, of.header)?;
            let suffix = turn.node.rng.name(rng::Stream::Consumers, sourcing::SUFFIX_CHARS);
            sourcing::grant(stream, &suffix, &mut request.config);
            name = request.config.name.clone();
            place.consumer = Some(&name).filter(|name| !name.is_empty()).map(String::as_str);
        }
        // The deliver subject that there is, if there is one, before it changes.
        let known =
            stream.and_then(|stream| stream.consumer(stream.find_consumer(place.consumer?)?));
        let bound = known.is_some_and(|known| {
            turn.has_interest(of.account, known.config().deliver_subject.as_bytes())
        });
        let change = self.with_rules(of.account, request.pedantic, |rules| {
            check::create_consumer(&place, &mut request, rules, &|_| bound)
        })?;
        Ok((id?, change))
    }

    pub(super) fn consumer_names(&self, stream: &str, of: &Request<'_>) -> Option<Answer> {
        let names = || {
            let (id, request) = self.consumers_request(stream, of)?;
            let all: Vec<&str> =
                self.streams[&id].listed_consumers().map(|(_, consumer)| consumer.name()).collect();
            let total = count(all.len());
            let (offset, shown) = page(all, request.offset, NAMES);
            let consumers = shown.into_iter().map(String::from).collect();
            Ok(ConsumerNamesResponse { total, offset, limit: count(NAMES), consumers })
        };
        Answer::now(names())
    }

    pub(super) fn consumer_list(
        &mut self,
        turn: &mut Turn<'_>,
        stream: &str,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let (id, request) = match self.consumers_request(stream, of) {
            Ok(checked) => checked,
            Err(error) => return Answer::now::<ConsumerListResponse>(Err(error)),
        };
        let stream = self.streams.get_mut(&id)?;
        let all: Vec<ConsumerId> = stream.listed_consumers().map(|(id, _)| id).collect();
        let total = count(all.len());
        let (offset, shown) = page(all, request.offset, LISTED);
        let consumers =
            shown.into_iter().filter_map(|id| stream.describe_consumer(turn, id, true)).collect();
        Answer::now(Ok(ConsumerListResponse {
            total,
            offset,
            limit: count(LISTED),
            consumers,
            ..ConsumerListResponse::default()
        }))
    }

    fn consumers_request(
        &self,
        stream: &str,
        of: &Request<'_>,
    ) -> Result<(StreamId, ConsumersRequest), ApiError> {
        of.check_level()?;
        let mut request = ConsumersRequest::default();
        if is_object_or_array(of.payload) {
            request = ConsumersRequest::parse(of.payload, self.unknown())?;
        }
        Ok((self.find_stream(of.account, stream)?, request))
    }

    /// A request about one consumer, which must be there.
    fn about<R: Response>(
        &mut self,
        name: ConsumerName<'_>,
        of: &Request<'_>,
        act: impl FnOnce(&mut Stream, ConsumerId, &Request<'_>) -> Result<R, ApiError>,
        changes: bool,
    ) -> Option<Answer> {
        let find = || {
            of.check_level()?;
            let id = match changes {
                true => self.find_to_change(of.account, name.stream)?,
                false => self.find_stream(of.account, name.stream)?,
            };
            let stream = self.streams.get(&id);
            let consumer = stream.and_then(|stream| stream.find_consumer(name.consumer));
            Ok((id, consumer.ok_or_else(|| ErrorKind::ConsumerNotFound.error())?))
        };
        let (id, consumer) = match find() {
            Ok(found) => found,
            Err(error) => return Answer::now::<R>(Err(error)),
        };
        let stream = self.streams.get_mut(&id)?;
        self.touched.insert(id);
        let result = act(stream, consumer, of);
        if changes { Answer::done(id, result) } else { Answer::now(result) }
    }

    pub(super) fn consumer_info(
        &mut self,
        turn: &mut Turn<'_>,
        name: ConsumerName<'_>,
        of: &Request<'_>,
    ) -> Option<Answer> {
        if !is_empty_request(of.payload) {
            let error = ErrorKind::NotEmptyRequest.error();
            return Answer::now::<ConsumerInfoResponse>(Err(error));
        }
        self.about(
            name,
            of,
            |stream, id, _| {
                Ok(ConsumerInfoResponse { info: stream.describe_consumer(turn, id, false) })
            },
            false,
        )
    }

    pub(super) fn consumer_delete(
        &mut self,
        turn: &mut Turn<'_>,
        name: ConsumerName<'_>,
        of: &Request<'_>,
    ) -> Option<Answer> {
        if !is_empty_request(of.payload) {
            let error = ErrorKind::NotEmptyRequest.error();
            return Answer::now::<ConsumerDeleteResponse>(Err(error));
        }
        self.about(
            name,
            of,
            |stream, id, _| {
                stream.delete_consumer(turn, id);
                Ok(ConsumerDeleteResponse { success: true })
            },
            true,
        )
    }

    pub(super) fn consumer_pause(
        &mut self,
        turn: &mut Turn<'_>,
        name: ConsumerName<'_>,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let unknown = self.unknown();
        let mut request = ConsumerPauseRequest::default();
        if is_object_or_array(of.payload) {
            match ConsumerPauseRequest::parse(of.payload, unknown) {
                Ok(parsed) => request = parsed,
                Err(error) => return Answer::now::<ConsumerPauseResponse>(Err(error.into())),
            }
        }
        self.about(
            name,
            of,
            |stream, id, _| {
                let until = Some(request.pause_until).filter(|until| !until.is_zero());
                Ok(stream.pause_consumer(turn, id, until))
            },
            true,
        )
    }

    pub(super) fn consumer_unpin(
        &mut self,
        turn: &mut Turn<'_>,
        name: ConsumerName<'_>,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let request = match unpin_request(of.payload) {
            Ok(request) => request,
            Err(error) => return Answer::now::<ConsumerUnpinResponse>(Err(error)),
        };
        self.about(
            name,
            of,
            |stream, id, _| {
                let unpin =
                    |consumer: &mut crate::jetstream::consumer::Consumer,
                     turn: &mut crate::jetstream::consumer::Turn<'_>| {
                        consumer.unpin(turn, &request.group)
                    };
                let known = stream.with_consumer(turn, id, unpin);
                stream.wake_consumer(id);
                match known {
                    Some(true) => Ok(ConsumerUnpinResponse {}),
                    Some(false) | None => Err(ErrorKind::ConsumerInvalidPriorityGroup.error()),
                }
            },
            true,
        )
    }

    pub(super) fn consumer_reset(
        &mut self,
        turn: &mut Turn<'_>,
        name: ConsumerName<'_>,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let mut request = ConsumerResetRequest::default();
        if !of.payload.is_empty() {
            match ConsumerResetRequest::parse_loosely(of.payload) {
                Ok(parsed) => request = parsed,
                Err(error) => return Answer::now::<ConsumerResetResponse>(Err(error.into())),
            }
        }
        self.about(
            name,
            of,
            |stream, id, _| {
                let seq = (request.seq > 0).then_some(request.seq);
                let reset =
                    stream.with_consumer(turn, id, |consumer, turn| consumer.reset(turn, seq));
                let reset_seq =
                    reset.unwrap_or_else(|| Err(ErrorKind::ConsumerNotFound.error()))?;
                stream.answer_first(id);
                stream.wake_consumer(id);
                let info = stream.describe_consumer(turn, id, false);
                Ok(ConsumerResetResponse { info, reset_seq })
            },
            true,
        )
    }

    /// A pull request; the answers are messages.
    pub(super) fn next(
        &mut self,
        turn: &mut Turn<'_>,
        name: ConsumerName<'_>,
        of: &Request<'_>,
    ) -> Option<Answer> {
        if of.reply.is_empty() {
            return None;
        }
        let found = self.find_stream(of.account, name.stream).ok().and_then(|id| {
            let consumer = self.streams.get(&id)?.find_consumer(name.consumer)?;
            Some((id, consumer))
        });
        let Some((id, consumer)) = found else {
            of.nobody_listens(turn);
            return None;
        };
        let stream = self.streams.get_mut(&id)?;
        self.touched.insert(id);
        if of.check_level().is_err() {
            stream.send_status(turn, of.reply, "412 Required Api Level", "");
            return None;
        }
        stream.with_consumer(turn, consumer, |consumer, turn| {
            consumer.pull(turn, of.payload, of.reply);
        });
        stream.wake_consumer(consumer);
        None
    }

    pub(super) fn no_cluster_consumer_leader() -> Option<Answer> {
        Answer::now::<ConsumerLeaderStepdownResponse>(Err(ErrorKind::ClusterRequired.error()))
    }
}

/// Whose pin a client wants taken away. nats-server is not strict here.
fn unpin_request(json: &[u8]) -> Result<ConsumerUnpinRequest, ApiError> {
    let request = ConsumerUnpinRequest::parse_loosely(json)?;
    if request.group.is_empty() {
        return Err(ErrorKind::InvalidJson.err("consumer group not specified"));
    }
    check::check_group_name(&request.group)?;
    Ok(request)
}
