//! Making a stream of a copy.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use causeway_store::limits as store_limits;
use causeway_wire::jetstream::advisory::{Action, RestoreComplete, RestoreCreate};
use causeway_wire::jetstream::archive::{
    ArchiveError, ConsumerPart, Entries, Entry, StreamPart, Unpacker,
};
use causeway_wire::jetstream::check;
use causeway_wire::jetstream::info::StreamInfo;
use causeway_wire::jetstream::request::{StreamConfigRequest, StreamRestoreRequest};
use causeway_wire::jetstream::response::{StreamCreateResponse, StreamRestoreResponse, response};
use causeway_wire::jetstream::{ApiError, ErrorKind, StreamConfig, Time, is_empty_request};
use causeway_wire::subject;

use super::{Asked, TOKEN_CHARS};
use crate::ids::AccountId;
use crate::jetstream::api::{Answer, Request};
use crate::jetstream::consumer::limits::SEQUENCE_MOST;
use crate::jetstream::services::Service;
use crate::jetstream::stream::{Stream, StreamId};
use crate::jetstream::turn::{Incoming, Outgoing, Turn};
use crate::jetstream::{JetStream, advisory};
use crate::rng;
use crate::time::{Duration, Mono, Wall};

/// How long a client may pause between two chunks (nats-server).
const PATIENCE: Duration = Duration::from_secs(5);

/// A copy that is being made into a stream.
#[derive(Debug)]
pub(super) struct Restore {
    account: AccountId,
    config: StreamConfig,
    asked: Asked,
    /// The stream that nobody sees yet; none before its state has come.
    pub(super) stream: Option<StreamId>,
    unpacker: Unpacker,
    entries: Entries,
    phase: Phase,
    part: StreamPart,
    consumers: Vec<ConsumerPart>,
    /// Bytes that came.
    bytes: i64,
    /// Everything has come: who is told when it is a stream again.
    reply: Option<Vec<u8>>,
    pub(super) until: Mono,
}

/// What comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    State,
    Consumers(i64),
    Messages,
    Nothing,
}

/// Why a copy cannot be made into a stream.
enum Failure {
    Archive(ArchiveError),
    Api(ApiError),
    Text(String),
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        Self::Archive(error)
    }
}

impl Failure {
    fn into_error(self) -> ApiError {
        match self {
            Self::Archive(error) => ErrorKind::StreamRestore.err(error),
            Self::Api(error) => error,
            Self::Text(text) => ErrorKind::StreamRestore.err(text),
        }
    }
}

impl JetStream {
    pub(in crate::jetstream) fn stream_restore(
        &mut self,
        turn: &mut Turn<'_>,
        name: &str,
        of: &Request<'_>,
    ) -> Option<Answer> {
        let result = self.restore_request(name, of).map(|config| {
            let deliver_subject = self.begin_restore(turn, config, of);
            StreamRestoreResponse { deliver_subject }
        });
        Answer::now(result)
    }

    fn restore_request(&self, name: &str, of: &Request<'_>) -> Result<StreamConfig, ApiError> {
        of.check_level()?;
        if is_empty_request(of.payload) {
            return Err(ErrorKind::BadRequest.error());
        }
        let mut request = StreamRestoreRequest::parse(of.payload, self.unknown())?;
        if request.config.name.is_empty() {
            request.config.name = name.into();
        }
        if request.config.name != name {
            return Err(ErrorKind::StreamMismatch.error());
        }
        let config = request.config;
        let wanted = StreamConfigRequest { config, ..StreamConfigRequest::default() };
        let checked =
            self.with_rules(of.account, false, |rules| check::create_stream(name, &wanted, rules));
        let exists = self.find_stream(of.account, name).is_ok()
            || self.copies.restores.values().any(|other| other.is_of(of.account, name));
        match checked {
            _ if exists => Err(ErrorKind::StreamNameExistRestoreFailed.error()),
            Ok(config) => config.ok_or_else(|| ErrorKind::StreamNameExistRestoreFailed.error()),
            Err(error) => Err(error),
        }
    }

    /// Waits for a copy; gives the subject that its chunks are sent to.
    fn begin_restore(
        &mut self,
        turn: &mut Turn<'_>,
        config: StreamConfig,
        of: &Request<'_>,
    ) -> String {
        let token = turn.node.rng.name(rng::Stream::Advisories, TOKEN_CHARS);
        let client = of.client.and_then(|slot| advisory::client_info(turn, of.account, slot));
        let name = config.name.clone();
        let subject = format!("$JS.SNAPSHOT.RESTORE.{name}.{token}");
        self.copies.last += 1;
        let number = self.copies.last;
        let restore = Restore {
            account: of.account,
            config,
            asked: Asked { client: client.clone(), at: Time::from_nanos(turn.now.wall.0) },
            stream: None,
            unpacker: Unpacker::default(),
            entries: Entries::default(),
            phase: Phase::State,
            part: StreamPart::default(),
            consumers: Vec::new(),
            bytes: 0,
            reply: None,
            until: turn.now.mono + PATIENCE,
        };
        self.copies.restores.insert(number, restore);
        let service = Service::RestoreChunks(number);
        self.services.subscribe(turn, of.account, service, [subject.as_bytes()]);
        let domain = self.config.domain.clone().unwrap_or_default();
        advisory::publish(turn, of.account, &RestoreCreate { stream: name, client, domain });
        subject
    }

    /// A chunk has come, or the end.
    pub(super) fn restore_chunk(
        &mut self,
        turn: &mut Turn<'_>,
        number: u32,
        incoming: &Incoming<'_>,
    ) {
        let Some(mut restore) = self.copies.restores.remove(&number) else { return };
        restore.until = turn.now.mono + PATIENCE;
        // The stream's own words are said in order, so that chunks are slowed down to what the disk
        // takes.
        let Some(reply) = incoming.reply else {
            return self.give_up_restore(turn, number, restore, b"", None);
        };
        let result = if incoming.payload.is_empty() {
            self.all_has_come(turn, &mut restore, reply)
        } else {
            self.take_chunk(turn, &mut restore, incoming.payload)
        };
        if let Err(failure) = result {
            let error = failure.into_error();
            return self.give_up_restore(turn, number, restore, reply, Some(error));
        }
        let stream = restore.stream;
        if restore.reply.is_none() {
            match stream.and_then(|id| self.streams.get_mut(&id)) {
                Some(stream) => stream.reply_when_durable(reply, b"", b""),
                None => {
                    let outgoing = Outgoing { to: reply, ..Outgoing::default() };
                    turn.publish(restore.account, &outgoing);
                }
            }
        }
        self.copies.restores.insert(number, restore);
        self.touched.extend(stream);
    }

    fn take_chunk(
        &mut self,
        turn: &mut Turn<'_>,
        restore: &mut Restore,
        chunk: &[u8],
    ) -> Result<(), Failure> {
        restore.bytes += i64::try_from(chunk.len()).unwrap_or(i64::MAX);
        let mut entries = core::mem::take(&mut restore.entries);
        restore.unpacker.push(chunk, entries.more())?;
        while let Some(entry) = entries.next_entry()? {
            self.take_entry(turn, restore, &entry)?;
        }
        restore.entries = entries;
        Ok(())
    }

    fn take_entry(
        &mut self,
        turn: &mut Turn<'_>,
        restore: &mut Restore,
        entry: &Entry<'_>,
    ) -> Result<(), Failure> {
        match restore.phase {
            Phase::State => {
                restore.part = StreamPart::read(entry)?;
                restore.stream = Some(self.hidden_stream(turn, restore)?);
                restore.expect_consumers(restore.part.state.consumer_count);
            }
            Phase::Consumers(left) => {
                restore.consumers.push(ConsumerPart::read(entry)?);
                restore.expect_consumers(left - 1);
            }
            Phase::Messages if entry.is_end() => {
                let next = restore.part.state.last_seq.saturating_add(1);
                if let Some(stream) = restore.stream.and_then(|id| self.streams.get_mut(&id)) {
                    stream.log.skip_to(next.min(SEQUENCE_MOST), 0);
                }
                restore.phase = Phase::Nothing;
            }
            Phase::Messages => {
                let room = self.room(turn);
                let stream = restore.stream.and_then(|id| self.streams.get_mut(&id));
                let Some(stream) = stream else { return Err(ArchiveError::Order.into()) };
                restore_message(stream, entry)?;
                if stream.check_left(room).is_err() {
                    return Err(Failure::Api(ErrorKind::InsufficientResources.error()));
                }
                let id = stream.id;
                self.account_for(id);
            }
            // What is behind the end is not looked at.
            Phase::Nothing => {}
        }
        Ok(())
    }

    /// The stream that messages are put into, which nobody sees before the end.
    fn hidden_stream(
        &mut self,
        turn: &mut Turn<'_>,
        restore: &Restore,
    ) -> Result<StreamId, Failure> {
        let first = restore.part.state.first_seq.max(1);
        if first >= SEQUENCE_MOST || restore.part.state.last_seq >= SEQUENCE_MOST {
            return Err(Failure::Text("sequences are beyond those that may be given".into()));
        }
        let config = restore.config.clone();
        self.check_room_for(restore.account, &config).map_err(Failure::Api)?;
        let created = restore.part.exact.as_ref().map_or(turn.now.wall, |it| Wall(it.created));
        let stream = self.new_stream(turn, restore.account, created, config, first);
        let id = stream.id;
        self.streams.insert(id, stream);
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.begin_restoring();
        }
        self.touched.insert(id);
        Ok(id)
    }

    /// Everything is there: what a stream knows beside its messages is found out.
    fn all_has_come(
        &mut self,
        turn: &mut Turn<'_>,
        restore: &mut Restore,
        reply: &[u8],
    ) -> Result<(), Failure> {
        if restore.phase != Phase::Nothing || restore.reply.is_some() {
            return Err(ArchiveError::Truncated.into());
        }
        let stream = restore.stream.and_then(|id| self.streams.get_mut(&id));
        let Some(stream) = stream else { return Err(ArchiveError::Truncated.into()) };
        for part in restore.consumers.drain(..) {
            let name = part.name.clone();
            stream.restore_copied_consumer(turn, part).map_err(|_| {
                Failure::Text(format!("the state of consumer {name:?} cannot be read"))
            })?;
        }
        let exact = restore.part.exact.take();
        let began = restore.part.state.last_seq > 0 && !restore.config.sources.is_empty();
        if exact.is_none() && began {
            let text = "the copy does not say how far its sources were read";
            return Err(Failure::Text(text.into()));
        }
        stream.end_restoring(turn, exact.unwrap_or_default());
        restore.reply = Some(reply.to_vec());
        Ok(())
    }

    /// Reads on what must be known; then the stream is one like any other. Or the client has paused
    /// for too long.
    pub(super) fn go_on_restoring(&mut self, turn: &mut Turn<'_>, id: StreamId) {
        let find =
            |(number, restore): (&u32, &Restore)| (restore.stream == Some(id)).then_some(*number);
        let Some(number) = self.copies.restores.iter().find_map(find) else { return };
        let Some(mut restore) = self.copies.restores.remove(&number) else { return };
        let failed = self.streams.get(&id).is_none_or(|stream| stream.log.failure().is_some());
        let late = restore.reply.is_none() && restore.until <= turn.now.mono;
        if failed || late {
            let error = failed.then(|| ErrorKind::InsufficientResources.error());
            let reply = restore.reply.take().unwrap_or_default();
            return self.give_up_restore(turn, number, restore, &reply, error);
        }
        let ready = restore.reply.is_some()
            && self.streams.get_mut(&id).is_some_and(|stream| stream.recover_ids(turn));
        if ready {
            self.restored(turn, number, restore);
        } else {
            if restore.reply.is_some() {
                restore.until = turn.now.mono + PATIENCE;
            }
            self.copies.restores.insert(number, restore);
        }
    }

    /// The stream is one like any other.
    fn restored(&mut self, turn: &mut Turn<'_>, number: u32, restore: Restore) {
        let Some(id) = restore.stream else { return };
        let Some(mut stream) = self.streams.remove(&id) else { return };
        stream.enforce_all_limits(turn);
        stream.release_unneeded(turn);
        stream.advise(turn, Action::Create);
        self.take_up(turn, stream);
        let info = self.describe_stream(turn, id, false);
        let info = info.map(|info| StreamInfo { domain: String::new(), cluster: None, ..info });
        let answer = response(&Ok(StreamCreateResponse { info, did_create: false }));
        if let Some(stream) = self.streams.get_mut(&id) {
            let reply = restore.reply.as_deref().unwrap_or_default();
            stream.reply_when_durable(reply, b"", &answer);
        }
        self.end_restore(turn, number, &restore);
    }

    /// Nothing becomes of it: what there is is destroyed.
    fn give_up_restore(
        &mut self,
        turn: &mut Turn<'_>,
        number: u32,
        restore: Restore,
        reply: &[u8],
        error: Option<ApiError>,
    ) {
        if let Some(id) = restore.stream {
            self.delete_stream(turn, id, b"", Vec::new(), None);
        }
        if let Some(error) = error.filter(|_| !reply.is_empty()) {
            let payload = &response::<StreamCreateResponse>(&Err(error))[..];
            turn.publish(restore.account, &Outgoing { to: reply, payload, ..Outgoing::default() });
        }
        self.end_restore(turn, number, &restore);
    }

    fn end_restore(&mut self, turn: &mut Turn<'_>, number: u32, restore: &Restore) {
        let service = Service::RestoreChunks(number);
        self.services.unsubscribe(turn, restore.account, service);
        let complete = RestoreComplete {
            stream: restore.config.name.clone(),
            start: restore.asked.at,
            end: Time::from_nanos(turn.now.wall.0),
            bytes: restore.bytes,
            client: restore.asked.client.clone(),
            domain: self.config.domain.clone().unwrap_or_default(),
        };
        advisory::publish(turn, restore.account, &complete);
    }

    /// Gives up copies of which nothing has come: no stream looks at the time for them.
    pub(in crate::jetstream) fn end_late_restores(&mut self, turn: &mut Turn<'_>) {
        let is_late =
            |restore: &Restore| restore.stream.is_none() && restore.until <= turn.now.mono;
        let late = self.copies.restores.iter().filter(|(_, restore)| is_late(restore));
        let late: Vec<u32> = late.map(|(number, _)| *number).collect();
        for number in late {
            if let Some(restore) = self.copies.restores.remove(&number) {
                self.give_up_restore(turn, number, restore, b"", None);
            }
        }
    }
}

impl Restore {
    fn is_of(&self, account: AccountId, name: &str) -> bool {
        self.account == account && self.config.name == name
    }

    fn expect_consumers(&mut self, left: i64) {
        self.phase = if left > 0 { Phase::Consumers(left) } else { Phase::Messages };
    }
}

/// Puts a message of a copy into its stream.
fn restore_message(stream: &mut Stream, entry: &Entry<'_>) -> Result<(), Failure> {
    let seq = entry.seq;
    let fits = entry.name.len() <= store_limits::SUBJECT_BYTES
        && entry.header.len() <= usize::from(u16::MAX);
    if seq < stream.log.next_seq() || seq >= SEQUENCE_MOST {
        return Err(Failure::Text(format!("message sequence {seq} out of order")));
    }
    if !fits || !subject::is_valid_literal(entry.name) {
        let text = format!("message sequence {seq} is none that may be stored");
        return Err(Failure::Text(text));
    }
    stream.restore_message(entry);
    Ok(())
}
