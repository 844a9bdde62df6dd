//! `DIRECT.GET`: messages as they are, without a document around them.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use causeway_store::Filter;
use causeway_wire::header;
use causeway_wire::jetstream::headers::exceeds_level;
use causeway_wire::jetstream::headers::name::REQUIRED_API_LEVEL;
use causeway_wire::jetstream::request::MsgGetRequest;

use crate::jetstream::JetStream;
use crate::jetstream::stream::{Batch, Many, One, Read, Stream, StreamId, What};
use crate::jetstream::turn::{Incoming, Turn};
use crate::limits;

/// Subjects of which the last messages are given at once.
const MANY_SUBJECTS: usize = 1_024;

/// Tokens of `DIRECT.GET.<stream>`.
const TOKENS: usize = 3;

impl JetStream {
    /// Answers a direct request.
    pub(in crate::jetstream) fn direct_get(
        &mut self,
        turn: &mut Turn<'_>,
        id: StreamId,
        incoming: &Incoming<'_>,
    ) {
        let most = turn.node.config().limits.max_pending;
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let Some(to) = incoming.reply else { return };
        if let Err(status) = stream.direct_get(turn, to, incoming, most) {
            stream.send_status(turn, to, status, "");
        }
    }
}

/// What stands behind the stream's name: `$JS.API.DIRECT.GET.<stream>.<key>`, or with a domain before
/// `API`.
fn key_of(subject: &[u8]) -> Option<&[u8]> {
    let before = if subject.starts_with(b"$JS.API.") { 2 } else { 3 };
    let tokens = before + TOKENS;
    subject.splitn(tokens + 1, |byte| *byte == b'.').nth(tokens)
}

impl Stream {
    fn direct_get(
        &mut self,
        turn: &mut Turn<'_>,
        to: &[u8],
        incoming: &Incoming<'_>,
        most: u64,
    ) -> Result<(), &'static str> {
        let level = header::value(incoming.header, REQUIRED_API_LEVEL);
        if level.is_some_and(|level| exceeds_level(level, limits::API_LEVEL.into())) {
            return Err("412 Required Api Level");
        }
        let mut request = MsgGetRequest::default();
        let key = key_of(incoming.subject);
        if key.is_none() && incoming.payload.is_empty() {
            return Err("408 Empty Request");
        }
        if !incoming.payload.is_empty() {
            request = MsgGetRequest::parse_loosely(incoming.payload)
                .map_err(|_| "408 Malformed Request")?;
        }
        if let Some(key) = key {
            let key = core::str::from_utf8(key).unwrap_or_default();
            if key.is_empty() {
                return Err("408 Bad Request");
            }
            request.last_by_subj = key.into();
        }
        check(&request)?;
        if !request.multi_last.is_empty() {
            return self.begin_many(turn, to, &request, most);
        }
        self.begin_direct(turn, to, request, most)
    }

    fn begin_direct(
        &mut self,
        turn: &mut Turn<'_>,
        to: &[u8],
        request: MsgGetRequest,
        most: u64,
    ) -> Result<(), &'static str> {
        if request.batch == 0 {
            let what = What::Direct(One::new(request));
            self.read(turn, Read { to: Vec::from(to), what, asked: None });
            return Ok(());
        }
        let patterns = Some(request.next_by_subj.as_bytes()).filter(|pattern| !pattern.is_empty());
        let mut filter = Filter::new(patterns);
        let next = request.start_time.map_or(request.seq, |time| self.seq_from(time));
        let batch = Batch {
            next,
            left: u64::try_from(request.batch).unwrap_or(0),
            bytes_left: bytes_of(&request, most),
            headers: !request.no_hdr,
            pending: self.log.count(&mut filter, next),
            counted: self.log.state().last_seq,
            last: 0,
            filter,
        };
        self.read(turn, Read { to: Vec::from(to), what: What::Batch(batch), asked: None });
        Ok(())
    }

    fn begin_many(
        &mut self,
        turn: &mut Turn<'_>,
        to: &[u8],
        request: &MsgGetRequest,
        most: u64,
    ) -> Result<(), &'static str> {
        let state = self.log.state();
        let mut up_to = request.up_to_seq;
        if let Some(time) = request.up_to_time {
            let after = self.seq_from(time);
            if after <= state.first_seq {
                return Err("404 No Results");
            }
            up_to = after - 1;
        }
        if up_to == 0 {
            up_to = state.last_seq;
        }
        let mut seqs = self.last_of_many(&request.multi_last, request.seq, up_to)?;
        if seqs.is_empty() {
            return Err("404 No Results");
        }
        seqs.sort_unstable();
        seqs.dedup();
        let many = Many {
            seqs: VecDeque::from(seqs),
            left: u64::try_from(request.batch).ok().filter(|batch| *batch > 0).unwrap_or(u64::MAX),
            bytes_left: bytes_of(request, most),
            headers: true,
            last: 0,
            up_to,
        };
        self.read(turn, Read { to: Vec::from(to), what: What::Many(many), asked: None });
        Ok(())
    }

    /// The last messages of subjects, between two sequences.
    fn last_of_many(
        &self,
        patterns: &[alloc::string::String],
        from: u64,
        up_to: u64,
    ) -> Result<Vec<u64>, &'static str> {
        let mut subjects = Vec::new();
        for pattern in patterns {
            self.log.subjects_matching(pattern.as_bytes(), |subject| subjects.push(subject));
        }
        subjects.sort_unstable();
        subjects.dedup();
        let mut found = Vec::new();
        for subject in subjects {
            let last = match self.log.last_of(subject) {
                Some(last) if last <= up_to => Some(last),
                Some(_) => {
                    let name = self.log.subject(subject).to_vec();
                    self.log.prev(&mut Filter::new([&name[..]]), up_to)
                }
                None => None,
            };
            found.extend(last.filter(|last| *last >= from));
            if found.len() > MANY_SUBJECTS {
                return Err("413 Too Many Results");
            }
        }
        Ok(found)
    }
}

/// Whether the fields of a direct request go together.
fn check(request: &MsgGetRequest) -> Result<(), &'static str> {
    let (by_seq, by_time) = (request.seq > 0, request.start_time.is_some());
    let (last, next) = (!request.last_by_subj.is_empty(), !request.next_by_subj.is_empty());
    let many = !request.multi_last.is_empty();
    if !(by_seq || by_time || last || next || many) {
        return Err("408 Empty Request");
    }
    let starts = u8::from(by_seq) + u8::from(by_time) + u8::from(last);
    let clash = starts > 1
        || (last && (next || many || request.batch > 0))
        || (next && many)
        || (request.up_to_seq > 0 && request.up_to_time.is_some());
    if clash { Err("408 Bad Request") } else { Ok(()) }
}

/// How many bytes may be sent.
fn bytes_of(request: &MsgGetRequest, most: u64) -> u64 {
    u64::try_from(request.max_bytes).ok().filter(|bytes| *bytes > 0).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::key_of;

    #[test]
    fn the_key_stands_behind_the_stream_also_with_a_domain() {
        for (subject, key) in [
            ("$JS.API.DIRECT.GET.S", None),
            ("$JS.API.DIRECT.GET.S.a.b", Some("a.b")),
            ("$JS.hub.API.DIRECT.GET.S", None),
            ("$JS.hub.API.DIRECT.GET.S.a.b", Some("a.b")),
            ("$JS.API.DIRECT.GET.S.", Some("")),
        ] {
            assert_eq!(key_of(subject.as_bytes()), key.map(str::as_bytes), "{subject}");
        }
    }
}
