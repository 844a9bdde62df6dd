//! Sending a copy of a stream.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_wire::jetstream::advisory::{SnapshotComplete, SnapshotCreate};
use causeway_wire::jetstream::archive::{self, Entry, Packer};
use causeway_wire::jetstream::request::StreamSnapshotRequest;
use causeway_wire::jetstream::response::{StreamSnapshotResponse, response};
use causeway_wire::jetstream::{ApiError, ErrorKind, Time, is_empty_request};
use causeway_wire::subject;

use super::{Asked, TOKEN_CHARS};
use crate::ids::AccountId;
use crate::jetstream::api::{Answer, Request};
use crate::jetstream::services::Service;
use crate::jetstream::stream::{CopyRead, StreamId};
use crate::jetstream::turn::{Outgoing, Turn};
use crate::jetstream::{JetStream, advisory};
use crate::time::{Duration, Mono};
use crate::{limits, rng};

/// Bytes of a chunk, and of all that are under way, unless the client says so (nats-server).
const CHUNK_BYTES: i64 = 128 << 10;
const WINDOW_BYTES: i64 = 8 << 20;
/// Least and most that it may say.
const LEAST_BYTES: i64 = 1 << 10;
const CHUNK_BYTES_MOST: i64 = 1 << 20;
const WINDOW_BYTES_MOST: i64 = 32 << 20;

/// How long a client may take to say that a chunk has come (nats-server).
const ACK_PATIENCE: Duration = Duration::from_secs(5);

/// How long a client may take to listen (nats-server).
const INTEREST_PATIENCE: Duration = Duration::from_secs(2);

/// Bytes that are packed at once.
const PACK_BYTES: usize = 64 << 10;

/// A copy that is being sent.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) stream: StreamId,
    account: AccountId,
    /// Where the chunks go, and what their acknowledgements begin with.
    to: Vec<u8>,
    acks: String,
    asked: Asked,
    /// The next message, and the last one that was there when it began.
    next: u64,
    last: u64,
    /// Not packed yet, and packed.
    raw: Vec<u8>,
    packed: Vec<u8>,
    packer: Packer,
    /// Everything is in these.
    complete: bool,
    chunk: usize,
    /// Chunks that may be under way, and are.
    window: u64,
    open: u64,
    /// The number of the last chunk.
    number: u64,
    /// When it is given up, unless something happens.
    pub(super) until: Mono,
}

/// How a copy goes on.
enum Step {
    /// There was enough for this turn.
    Pause,
    /// For the disk, or the client.
    Wait,
    /// It is sent, or given up: why, as a status and in words.
    End(Option<(&'static str, &'static str)>),
}

impl JetStream {
    /// Answers a request for a copy, which begins with it.
    pub(in crate::jetstream) fn stream_snapshot(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let (stream, request) = match self.snapshot_request(name, of) {
            Ok(checked) => checked,
            Err(error) => return Answer::now::<StreamSnapshotResponse>(Err(error)),
        };
        let answer = self.begin_snapshot(turn, stream, &request, of)?;
        Answer::now(Ok(answer))
    }

    fn snapshot_request(
        &self,
        name: &str,
        of: &Request<'_>,
    ) -> Result<(StreamId, StreamSnapshotRequest), ApiError> {
        of.check_level()?;
        if is_empty_request(of.payload) {
            return Err(ErrorKind::BadRequest.error());
        }
        let stream = self.find_stream(of.account, name)?;
        let request = StreamSnapshotRequest::parse(of.payload, self.unknown())?;
        if !subject::is_valid_literal(request.deliver_subject.as_bytes()) {
            return Err(ErrorKind::SnapshotDeliverSubjectInvalid.error());
        }
        Ok((stream, request))
    }

    fn begin_snapshot(
        &mut self,
        turn: &mut Turn<'_>,
        id: StreamId,
        request: &StreamSnapshotRequest,
        of: &Request<'_>,
    ) -> Option<StreamSnapshotResponse> {
        let token = turn.node.rng.name(rng::Stream::Advisories, TOKEN_CHARS);
        let client = of.client.and_then(|slot| advisory::client_info(turn, of.account, slot));
        let stream = self.streams.get_mut(&id)?;
        let mut raw = Vec::new();
        archive::write_start(&mut raw);
        stream.write_copy_head(turn.now, !request.no_consumers, &mut raw);
        let state = stream.state(false);
        let name = &stream.config.name;
        let usual = |value: i64, usual| if value == 0 { usual } else { value };
        let chunk = usual(request.chunk_size, CHUNK_BYTES).clamp(LEAST_BYTES, CHUNK_BYTES_MOST);
        let window = usual(request.window_size, WINDOW_BYTES).clamp(LEAST_BYTES, WINDOW_BYTES_MOST);
        let acks = format!("$JS.SNAPSHOT.ACK.{name}.{token}");
        let snapshot = Snapshot {
            stream: id,
            account: of.account,
            to: request.deliver_subject.as_bytes().to_vec(),
            asked: Asked { client: client.clone(), at: Time::from_nanos(turn.now.wall.0) },
            next: state.first_seq,
            last: state.last_seq,
            raw,
            packed: Vec::new(),
            packer: Packer::default(),
            complete: false,
            chunk: usize::try_from(chunk).unwrap_or(usize::MAX),
            window: u64::try_from(window.max(chunk) / chunk).unwrap_or(1),
            open: 0,
            number: 0,
            until: turn.now.mono + INTEREST_PATIENCE,
            acks,
        };
        let domain = self.config.domain.clone().unwrap_or_default();
        let create = SnapshotCreate { stream: name.clone(), state: state.clone(), client, domain };
        let config = Some(stream.config.clone());
        self.copies.last += 1;
        let number = self.copies.last;
        let acks = format!("{}.>", snapshot.acks);
        self.copies.snapshots.insert(number, snapshot);
        let service = Service::SnapshotAcks(number);
        self.services.subscribe(turn, of.account, service, [acks.as_bytes()]);
        self.touched.insert(id);
        let answer = StreamSnapshotResponse { config, state: Some(state) };
        // The answer comes before anything else that is said of it.
        if !of.reply.is_empty() {
            let payload = &response(&Ok(answer))[..];
            turn.publish(of.account, &Outgoing { to: of.reply, payload, ..Outgoing::default() });
            self.api.total += 1;
        }
        advisory::publish(turn, of.account, &create);
        None
    }

    /// A chunk has come.
    pub(super) fn snapshot_acked(&mut self, turn: &Turn<'_>, number: u32) {
        let Some(snapshot) = self.copies.snapshots.get_mut(&number) else { return };
        snapshot.open = snapshot.open.saturating_sub(1);
        snapshot.until = turn.now.mono + ACK_PATIENCE;
        self.touched.insert(snapshot.stream);
    }

    /// Sends of all copies of a stream what may be sent. True if there is more.
    pub(super) fn send_snapshots(&mut self, turn: &mut Turn<'_>, stream: StreamId) -> bool {
        let of_it = self.copies.snapshots.iter().filter(|(_, copy)| copy.stream == stream);
        let numbers: Vec<u32> = of_it.map(|(number, _)| *number).collect();
        let mut more = false;
        for number in numbers {
            let Some(mut snapshot) = self.copies.snapshots.remove(&number) else { continue };
            match self.send_snapshot(turn, &mut snapshot) {
                Step::Pause => more = true,
                Step::Wait if snapshot.until <= turn.now.mono => {
                    let why = ("408 No Flow Response", "no flow response");
                    self.end_snapshot(turn, number, &snapshot, Some(why));
                    continue;
                }
                Step::Wait => {}
                Step::End(why) => {
                    self.end_snapshot(turn, number, &snapshot, why);
                    continue;
                }
            }
            self.copies.snapshots.insert(number, snapshot);
        }
        more
    }

    fn send_snapshot(&mut self, turn: &mut Turn<'_>, snapshot: &mut Snapshot) -> Step {
        loop {
            if !turn.has_interest(snapshot.account, &snapshot.to) {
                let gone = snapshot.number > 0 || snapshot.until <= turn.now.mono;
                let why = Some(("408 No Interest", "no interest"));
                return if gone { Step::End(why) } else { Step::Wait };
            }
            if turn.node.turn_output >= limits::TURN_OUTPUT_BYTES {
                return Step::Pause;
            }
            if snapshot.open >= snapshot.window {
                return Step::Wait;
            }
            if let Err(step) = self.fill(turn, snapshot) {
                return step;
            }
            let (account, to) = (snapshot.account, &snapshot.to[..]);
            if snapshot.packed.len() < snapshot.chunk {
                // What is left is not acknowledged (nats-server).
                if !snapshot.packed.is_empty() {
                    let payload = &snapshot.packed[..];
                    turn.publish(account, &Outgoing { to, payload, ..Outgoing::default() });
                }
                return Step::End(None);
            }
            snapshot.number += 1;
            let (acks, chunk, number) = (&snapshot.acks, snapshot.chunk, snapshot.number);
            let reply = format!("{acks}.{chunk}.{number}");
            let payload = &snapshot.packed[..chunk];
            let reply = Some(reply.as_bytes());
            turn.publish(account, &Outgoing { to, reply, payload, ..Outgoing::default() });
            snapshot.packed.drain(..chunk);
            snapshot.open += 1;
            snapshot.until = turn.now.mono + ACK_PATIENCE;
        }
    }

    /// Reads on until there is a chunk, or everything.
    fn fill(&mut self, turn: &mut Turn<'_>, snapshot: &mut Snapshot) -> Result<(), Step> {
        while snapshot.packed.len() < snapshot.chunk && !snapshot.complete {
            let gone = Step::End(Some(("500 stream closed", "stream closed")));
            let Some(stream) = self.streams.get_mut(&snapshot.stream) else { return Err(gone) };
            match stream.read_to_copy(turn, snapshot.next, snapshot.last) {
                CopyRead::Message(message) => {
                    snapshot.next = message.seq + 1;
                    let entry = Entry {
                        name: message.subject(),
                        time: i64::try_from(message.time).unwrap_or(i64::MAX),
                        seq: message.seq,
                        header: message.header(),
                        payload: message.payload(),
                    };
                    entry.write(&mut snapshot.raw);
                }
                CopyRead::Wait => {
                    // The disk has all the time it needs.
                    snapshot.until = turn.now.mono + ACK_PATIENCE;
                    return Err(Step::Wait);
                }
                CopyRead::End => {
                    archive::write_end(&mut snapshot.raw);
                    snapshot.complete = true;
                }
            }
            if snapshot.raw.len() >= PACK_BYTES || snapshot.complete {
                snapshot.packer.push(&snapshot.raw, &mut snapshot.packed);
                snapshot.raw.clear();
            }
        }
        Ok(())
    }

    fn end_snapshot(
        &mut self,
        turn: &mut Turn<'_>,
        number: u32,
        snapshot: &Snapshot,
        why: Option<(&str, &str)>,
    ) {
        let account = snapshot.account;
        self.services.unsubscribe(turn, account, Service::SnapshotAcks(number));
        let header = match why {
            Some((status, _)) => format!("NATS/1.0 {status}\r\n\r\n"),
            None if snapshot.number > 0 => "NATS/1.0 204\r\n\r\n".into(),
            None => String::new(),
        };
        let (to, header) = (&snapshot.to[..], header.as_bytes());
        turn.publish(account, &Outgoing { to, header, ..Outgoing::default() });
        let stream = self.streams.get(&snapshot.stream);
        let complete = SnapshotComplete {
            stream: stream.map_or_else(String::new, |stream| stream.config.name.clone()),
            start: snapshot.asked.at,
            end: Time::from_nanos(turn.now.wall.0),
            client: snapshot.asked.client.clone(),
            domain: self.config.domain.clone().unwrap_or_default(),
            error: why.map_or_else(String::new, |(_, text)| text.into()),
        };
        advisory::publish(turn, account, &complete);
    }

    /// A stream goes: nobody gets the rest of it.
    pub(in crate::jetstream) fn end_snapshots_of(&mut self, turn: &mut Turn<'_>, id: StreamId) {
        let of_it = self.copies.snapshots.iter().filter(|(_, copy)| copy.stream == id);
        let numbers: Vec<u32> = of_it.map(|(number, _)| *number).collect();
        for number in numbers {
            if let Some(snapshot) = self.copies.snapshots.remove(&number) {
                let why = ("500 stream closed", "stream closed");
                self.end_snapshot(turn, number, &snapshot, Some(why));
            }
        }
    }
}
