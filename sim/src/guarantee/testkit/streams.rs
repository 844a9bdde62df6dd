//! What happens to streams in a history by hand.

use super::{Script, hash_of};
use crate::history::{
    Answered, ConsumerInfo, ConsumerState, Event, Fault, FaultKind, Kind, STORED, StreamEvent,
    StreamInfo, StreamState,
};
use crate::ids::{ClientId, ConsumerNo, MsgId, NodeId, StreamNo};

impl Script {
    /// A stream that a node keeps.
    pub(crate) fn stream(&mut self, name: &str, node: NodeId, config: &str) {
        let stream = StreamNo(self.history.header.streams.len() as u16);
        let (name, config) = (name.to_owned(), config.to_owned());
        self.history.header.streams.push(StreamInfo { name, node, config, sync_ns: 0 });
        self.stream_event(StreamEvent::Made { stream });
    }

    /// A consumer that somebody works off.
    pub(crate) fn consumer(&mut self, name: &str, stream: u16, config: &str) {
        let consumer = ConsumerNo(self.history.header.consumers.len() as u16);
        let (name, config) = (name.to_owned(), config.to_owned());
        let stream = StreamNo(stream);
        self.history.header.consumers.push(ConsumerInfo { name, stream, config, worked: true });
        self.stream_event(StreamEvent::ConsumerMade { consumer });
    }

    pub(crate) fn stream_event(&mut self, event: StreamEvent) -> usize {
        self.event(Kind::Stream(Box::new(event)))
    }

    /// The next message of a client for a stream, which says who it is.
    pub(crate) fn store(&mut self, client: ClientId, stream: u16, subject: &str) -> MsgId {
        self.store_with(client, stream, subject, None)
    }

    /// The same, if the subject is at this revision.
    pub(crate) fn store_expecting(
        &mut self,
        client: ClientId,
        stream: u16,
        subject: &str,
        revision: u64,
    ) -> MsgId {
        self.store_with(client, stream, subject, Some(revision))
    }

    fn store_with(
        &mut self,
        client: ClientId,
        stream: u16,
        subject: &str,
        expect: Option<u64>,
    ) -> MsgId {
        let of_client = |event: &&Event| {
            matches!(&event.kind, Kind::Stream(event)
                if matches!(**event, StreamEvent::Sent { msg, attempt: 1, .. } if msg.client == client))
        };
        let seq = self.history.events.iter().filter(of_client).count() as u32 + 1;
        let msg = MsgId { client, conn: STORED, seq };
        let subject = self.sym(subject);
        self.stream_event(StreamEvent::Sent {
            msg,
            attempt: 1,
            stream: StreamNo(stream),
            subject,
            size: 16,
            hash: hash_of(msg),
            id: true,
            expect,
            delete: false,
        });
        msg
    }

    /// It is sent again.
    pub(crate) fn store_again(&mut self, msg: MsgId) {
        let found = self.history.events.iter().find_map(|event| {
            let Kind::Stream(event) = &event.kind else { return None };
            let of = matches!(**event, StreamEvent::Sent { msg: of, .. } if of == msg);
            of.then(|| (**event).clone())
        });
        let mut event = found.unwrap();
        if let StreamEvent::Sent { attempt, .. } = &mut event {
            *attempt = 2;
        }
        self.stream_event(event);
    }

    pub(crate) fn acked(&mut self, msg: MsgId, seq: u64) -> usize {
        let name = self.sym("S");
        self.stream_event(StreamEvent::Acked { msg, seq, duplicate: false, name })
    }

    pub(crate) fn refused(&mut self, msg: MsgId, code: u32) {
        let text = self.sym("no");
        self.stream_event(StreamEvent::Refused { msg, code, text });
    }

    /// What a stream says of itself.
    pub(crate) fn state(&mut self, stream: u16, messages: u64, first: u64, last: u64) {
        let (bytes, stream) = (messages * 60, StreamNo(stream));
        let state = StreamState { stream, messages, bytes, first, last, ..StreamState::default() };
        self.state_of(state);
    }

    pub(crate) fn state_of(&mut self, state: StreamState) {
        let asked = self.now;
        self.stream_event(StreamEvent::State(StreamState { asked, ..state }));
    }

    pub(crate) fn consumer_state(&mut self, state: ConsumerState) {
        self.stream_event(StreamEvent::ConsumerState(state));
    }

    /// A message of a client, by its number, is read back.
    pub(crate) fn stored(
        &mut self,
        stream: u16,
        seq: u64,
        client: ClientId,
        number: u32,
        subject: &str,
    ) {
        let msg = MsgId { client, conn: STORED, seq: number };
        let (stream, subject, hash) = (StreamNo(stream), self.sym(subject), hash_of(msg));
        let msg = Some(msg);
        self.stream_event(StreamEvent::Stored { stream, seq, subject, msg, size: 16, hash });
    }

    /// A node finds that sequences are lost.
    pub(crate) fn damaged(&mut self, stream: u16, first: u64, last: u64) {
        let (stream, what) = (StreamNo(stream), self.sym("damage"));
        self.stream_event(StreamEvent::Damaged { stream, what, first, last });
    }

    pub(crate) fn audited(&mut self, stream: u16) {
        self.stream_event(StreamEvent::Audited { stream: StreamNo(stream) });
    }

    /// A consumer gives a client something for the so-many-eth time.
    pub(crate) fn given(&mut self, client: ClientId, consumer: u16, seq: u64, times: u64) {
        self.given_of(client, consumer, seq, (times, 0));
    }

    /// A consumer gives a client something for the first time, and says how many follow.
    pub(crate) fn given_before(&mut self, client: ClientId, consumer: u16, seq: u64, pending: u64) {
        self.given_of(client, consumer, seq, (1, pending));
    }

    fn given_of(
        &mut self,
        client: ClientId,
        consumer: u16,
        seq: u64,
        (times, pending): (u64, u64),
    ) {
        let subject = self.sym("s.1");
        self.stream_event(StreamEvent::Given {
            client,
            consumer: ConsumerNo(consumer),
            seq,
            consumer_seq: seq,
            times,
            pending,
            subject,
            msg: None,
            size: 16,
            hash: 0,
        });
    }

    pub(crate) fn answered(&mut self, client: ClientId, consumer: u16, seq: u64, how: Answered) {
        let consumer = ConsumerNo(consumer);
        self.stream_event(StreamEvent::Answered { client, consumer, seq, consumer_seq: seq, how });
    }

    pub(crate) fn confirmed(&mut self, client: ClientId, consumer: u16, seq: u64) {
        let consumer = ConsumerNo(consumer);
        self.stream_event(StreamEvent::Confirmed { client, consumer, seq });
    }

    pub(crate) fn read(&mut self, client: ClientId, call: u32, subject: &str) {
        let (stream, subject) = (StreamNo(0), self.sym(subject));
        self.stream_event(StreamEvent::Read { client, call, stream, subject });
    }

    pub(crate) fn got(&mut self, client: ClientId, call: u32, seq: u64) {
        self.stream_event(StreamEvent::Got { client, call, seq, msg: None });
    }

    /// Something is wrong with a node's disk.
    pub(crate) fn disk_fault(&mut self, text: &str, node: NodeId) {
        let (id, kind, nodes) = (77, FaultKind::Disk, vec![node]);
        let (pairs, clients) = (Vec::new(), Vec::new());
        let fault = Fault { id, on: true, kind, text: text.to_owned(), nodes, pairs, clients };
        self.event(Kind::Fault(Box::new(fault)));
    }
}
