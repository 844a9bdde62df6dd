//! Single messages: `STREAM.MSG.GET`, `STREAM.MSG.DELETE`.

use alloc::vec::Vec;

use causeway_store::Filter;
use causeway_wire::jetstream::request::{MsgDeleteRequest, MsgGetRequest};
use causeway_wire::jetstream::response::{MsgDeleteResponse, MsgGetResponse};
use causeway_wire::jetstream::{ApiError, ErrorKind, Time, is_empty_request};

use super::{Answer, Request, audit};
use crate::jetstream::JetStream;
use crate::jetstream::stream::{One, Read, Stream, StreamId, What};
use crate::jetstream::turn::Turn;

impl JetStream {
    pub(super) fn msg_get(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let (id, request) = match self.msg_get_request(name, of) {
            Ok(checked) => checked,
            Err(error) => return Answer::now::<MsgGetResponse>(Err(error)),
        };
        let stream = self.streams.get_mut(&id)?;
        if stream.resolve(&request).is_none() {
            return Answer::now::<MsgGetResponse>(Err(ErrorKind::NoMessageFound.error()));
        }
        self.api.total += 1;
        let what = What::Document(One::new(request));
        let asked = audit::remember(turn, of);
        stream.read(turn, Read { to: Vec::from(of.reply), what, asked });
        None
    }

    fn msg_get_request(
        &self,
        name: &str,
        of: &Request<'_>,
    ) -> Result<(StreamId, MsgGetRequest), ApiError> {
        of.check_level()?;
        if is_empty_request(of.payload) {
            return Err(ErrorKind::BadRequest.error());
        }
        let request = MsgGetRequest::parse(of.payload, self.unknown())?;
        if request.batch > 0 || request.max_bytes > 0 {
            return Err(ErrorKind::BadRequest.error());
        }
        let (by_seq, by_time) = (request.seq > 0, request.start_time.is_some());
        let last = !request.last_by_subj.is_empty();
        let next = !request.next_by_subj.is_empty();
        let starts = u8::from(by_seq) + u8::from(by_time) + u8::from(last);
        let clash = starts > 1 || (last && next);
        if clash || !(by_seq || by_time || last || next) {
            return Err(ErrorKind::BadRequest.error());
        }
        Ok((self.find_stream(of.account, name)?, request))
    }

    pub(super) fn msg_delete(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let (id, request) = match self.msg_delete_request(name, of) {
            Ok(checked) => checked,
            Err(error) => return Answer::now::<MsgDeleteResponse>(Err(error)),
        };
        let stream = self.streams.get_mut(&id)?;
        self.touched.insert(id);
        let result = if stream.remove(turn, request.seq, !request.no_erase) {
            Ok(MsgDeleteResponse { success: true })
        } else {
            Err(ErrorKind::SequenceNotFound.fill(&[("seq", &request.seq)]))
        };
        Answer::done(id, result)
    }

    fn msg_delete_request(
        &self,
        name: &str,
        of: &Request<'_>,
    ) -> Result<(StreamId, MsgDeleteRequest), ApiError> {
        of.check_level()?;
        if is_empty_request(of.payload) {
            return Err(ErrorKind::BadRequest.error());
        }
        let request = MsgDeleteRequest::parse(of.payload, self.unknown())?;
        let id = self.find_to_change(of.account, name)?;
        let config = &self.streams[&id].config;
        if config.sealed {
            return Err(ErrorKind::StreamSealed.error());
        }
        if config.deny_delete {
            return Err(ErrorKind::StreamMsgDeleteFailed.err("message delete not permitted"));
        }
        Ok((id, request))
    }
}

impl Stream {
    /// Which message a request for one means, if there is one.
    pub(in crate::jetstream) fn resolve(&mut self, request: &MsgGetRequest) -> Option<u64> {
        if !request.last_by_subj.is_empty() {
            return self.last_matching(request.last_by_subj.as_bytes());
        }
        let from = request.start_time.map_or(request.seq, |time| self.seq_from(time));
        if request.next_by_subj.is_empty() {
            return Some(from);
        }
        self.log.next(&mut Filter::new([request.next_by_subj.as_bytes()]), from)
    }

    /// The first message at or after a time.
    pub(super) fn seq_from(&self, time: Time) -> u64 {
        self.log.seq_at_time(u64::try_from(time.nanos()).unwrap_or(0))
    }
}
