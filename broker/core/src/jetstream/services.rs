//! The parts of the server that streams subscribe with, and how messages find them.
//!
//! A service's subscriptions stand among those of clients, so that a publisher's message finds a
//! stream as it finds a subscriber. While one service is being served, what it publishes may be
//! for another one (a republished message for a stream, a mirror's request for the API): that
//! waits in a queue of calls, so that nothing is served from within itself.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::effects::Effects;
use crate::ids::AccountId;
use crate::interest::{ServiceId, SidIndex};
use crate::jetstream::stream::{IntakeId, StreamId};
use crate::jetstream::turn::{Call, Incoming, Turn};
use crate::link::deliver::{Message, Source};
use crate::node::Node;
use crate::time::Now;

/// What a service is for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Service {
    /// Requests: `$JS.API.>`, and `$JS.<domain>.API.>`.
    Api,
    /// Acknowledgements: `$JS.ACK.>`.
    Acks,
    /// Answers to flow control: `$JS.FC.>`.
    FlowControl,
    /// What is published on a stream's subjects.
    Ingest(StreamId),
    /// Gets of a stream that anybody may answer: `$JS.API.DIRECT.GET.<stream>`.
    DirectGet(StreamId),
    /// What a stream takes in from another one.
    Intake(StreamId, IntakeId),
    /// That chunks of a copy have come: `$JS.SNAPSHOT.ACK.<stream>.<id>.>`.
    SnapshotAcks(u32),
    /// Chunks of a copy: `$JS.SNAPSHOT.RESTORE.<stream>.<id>`.
    RestoreChunks(u32),
}

/// All services of one server, and their subscriptions.
#[derive(Debug, Default)]
pub(crate) struct Services {
    /// By account: all subscriptions.
    index: BTreeMap<AccountId, SidIndex>,
    known: BTreeMap<ServiceId, (AccountId, Service)>,
    numbers: BTreeMap<(AccountId, Service), ServiceId>,
    /// How many subscriptions a service has.
    subscriptions: BTreeMap<ServiceId, u32>,
    last: u32,
}

impl Services {
    pub(crate) fn find(&self, id: ServiceId) -> Option<Service> {
        self.known.get(&id).map(|(_, service)| *service)
    }

    /// Subscribes a service to exactly these subjects, whatever it was subscribed to before.
    pub(crate) fn subscribe<'a>(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        service: Service,
        subjects: impl IntoIterator<Item = &'a [u8]>,
    ) {
        self.unsubscribe(turn, account, service);
        self.last += 1;
        let id = ServiceId(self.last);
        let index = self.index.entry(account).or_default();
        let mut count = 0;
        for subject in subjects {
            turn.serve(account, index, id, count, subject);
            count += 1;
        }
        if count > 0 {
            self.known.insert(id, (account, service));
            self.numbers.insert((account, service), id);
            self.subscriptions.insert(id, count);
        }
    }

    /// Ends all subscriptions of a service.
    pub(crate) fn unsubscribe(
        &mut self,
        turn: &mut Turn<'_>,
        account: AccountId,
        service: Service,
    ) {
        let Some(id) = self.numbers.remove(&(account, service)) else { return };
        self.known.remove(&id);
        let count = self.subscriptions.remove(&id).unwrap_or(0);
        let Some(index) = self.index.get_mut(&account) else { return };
        for number in 0..count {
            turn.stop_serving(account, index, id, number);
        }
    }
}

impl Node {
    /// Hands a message that has just been delivered to the services among its receivers.
    pub(crate) fn serve(
        &mut self,
        now: Now,
        account: AccountId,
        source: Source<'_>,
        message: &Message<'_>,
        fx: &mut Effects,
    ) {
        let client = match source {
            Source::Client { slot, .. } => Some(slot),
            Source::Route { .. } | Source::Service => None,
        };
        let mut services = core::mem::take(&mut self.delivery.services);
        match self.jetstream.take() {
            Some(mut jetstream) => {
                let (header, payload) =
                    causeway_wire::header::split(message.body, message.header_len);
                let (subject, reply) = (message.subject, message.reply);
                let shown = message.shown;
                let incoming = Incoming { client, subject, shown, reply, header, payload };
                for service in &services {
                    let mut turn = Turn { node: self, now, fx };
                    jetstream.serve(&mut turn, account, *service, &incoming);
                }
                self.serve_calls(now, &mut jetstream, fx);
                self.jetstream = Some(jetstream);
            }
            None => self.calls.extend(services.iter().map(|service| Call {
                account,
                service: *service,
                client,
                subject: message.subject.to_vec(),
                shown: message.shown.map(Vec::from),
                reply: message.reply.map(Vec::from),
                header_len: message.header_len,
                body: message.body.to_vec(),
            })),
        }
        services.clear();
        self.delivery.services = services;
    }

    /// Serves what has been published meanwhile.
    pub(crate) fn serve_calls(
        &mut self,
        now: Now,
        jetstream: &mut super::JetStream,
        fx: &mut Effects,
    ) {
        while let Some(call) = self.calls.pop_front() {
            let mut turn = Turn { node: self, now, fx };
            jetstream.serve(&mut turn, call.account, call.service, &call.incoming());
        }
    }
}

/// Messages for services that wait until the present one has been served.
pub(crate) type Calls = VecDeque<Call>;
