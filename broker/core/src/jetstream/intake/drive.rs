//! What intakes want of the server: subscriptions, requests, interest in what they ask.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Intake, Request};
use crate::ids::{AccountId, LinkId};
use crate::jetstream::JetStream;
use crate::jetstream::services::Service;
use crate::jetstream::stream::{Gone, IntakeId, Stream, StreamId};
use crate::jetstream::turn::{Incoming, Outgoing, Turn};
use crate::link::Link;
use crate::rng;

impl JetStream {
    /// Something came on a subject of an intake.
    pub(in crate::jetstream) fn take_in(
        &mut self,
        turn: &mut Turn<'_>,
        id: StreamId,
        intake: IntakeId,
        incoming: &Incoming<'_>,
    ) {
        let room = self.room(turn);
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.take_in(turn, room, intake, incoming);
        self.touched.insert(id);
        if stream.config.mirror_direct && !stream.serves_origin && stream.is_caught_up() {
            stream.serves_origin = true;
            self.subscribe_direct(turn, id);
        }
    }

    /// Does for the intakes of a stream what they want done.
    pub(in crate::jetstream) fn drive_intakes(&mut self, turn: &mut Turn<'_>, id: StreamId) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.has_intakes()) else {
            return;
        };
        let account = stream.account;
        stream.wake_full_intakes();
        for intake in stream.intake_ids() {
            let Some(stream) = self.streams.get_mut(&id) else { return };
            let service = Service::Intake(id, intake);
            if let Some(request) = stream.ask(turn, intake) {
                let subjects = stream.intake_subjects(intake);
                let subjects = subjects.iter().map(Vec::as_slice);
                self.services.subscribe(turn, account, service, subjects);
                send(turn, account, &request);
            } else if stream.deafen(intake) {
                self.services.unsubscribe(turn, account, service);
            }
        }
    }

    /// Tells intakes if the interest of anybody has changed.
    pub(in crate::jetstream) fn watch_intakes(&mut self, turn: &mut Turn<'_>) {
        for (id, stream) in &mut self.streams {
            if stream.watch_intakes(turn) {
                self.touched.insert(*id);
            }
        }
    }

    /// A stream has come or gone: whoever reads it asks again.
    pub(in crate::jetstream) fn wake_intakes_of(&mut self, account: AccountId, name: &str) {
        let streams = self.streams.values_mut().filter(|stream| stream.account == account);
        for stream in streams {
            if stream.wake_intakes_of(name) {
                self.touched.insert(stream.id);
            }
        }
    }

    /// Ends what intakes that are gone have begun.
    pub(in crate::jetstream) fn end_intakes(
        &mut self,
        turn: &mut Turn<'_>,
        id: StreamId,
        account: AccountId,
        gone: Vec<Gone>,
    ) {
        for Gone { id: intake, farewell } in gone {
            self.services.unsubscribe(turn, account, Service::Intake(id, intake));
            if let Some(subject) = farewell {
                let to = subject.as_bytes();
                turn.publish(account, &Outgoing { to, ..Outgoing::default() });
            }
        }
    }
}

fn send(turn: &mut Turn<'_>, account: AccountId, request: &Request) {
    let Request { subject, reply, header, payload } = request;
    let outgoing = Outgoing {
        to: subject.as_bytes(),
        reply: Some(reply),
        header,
        payload,
        ..Outgoing::default()
    };
    turn.publish(account, &outgoing);
}

impl Turn<'_> {
    /// Whether anybody answers on a subject, and the routes to those who do; none if somebody here
    /// does.
    pub(in crate::jetstream) fn ways_to(
        &mut self,
        account: AccountId,
        subject: &str,
    ) -> Option<Vec<LinkId>> {
        let plan = self.node.accounts.get_mut(account).interest.plan(subject.as_bytes());
        if plan.is_empty() {
            return None;
        }
        if !plan.locals.is_empty() {
            return Some(Vec::new());
        }
        let links = plan.remotes.iter().filter_map(|slot| self.node.links.at(*slot));
        Some(links.map(|link| link.id).collect())
    }

    fn is_open(&self, link: LinkId) -> bool {
        self.node.links.get(link).is_some_and(Link::is_open)
    }

    fn unique(&mut self) -> String {
        self.node.rng.name(rng::Stream::Intakes, super::request::SUBJECT_CHARS)
    }
}

impl Stream {
    /// Makes an intake's request, if it is to ask now.
    fn ask(&mut self, turn: &mut Turn<'_>, id: IntakeId) -> Option<Request> {
        let begin = self.intake_begin(id)?;
        let account = self.account;
        let name = turn.node.accounts.get(account).name.clone();
        let (owner, intake) = self.owner_and_intake(id, &name)?;
        if !intake.is_due() {
            return None;
        }
        let subject = intake.request_subject(&owner);
        let Some(ways) = turn.ways_to(account, &subject) else {
            intake.nobody_answers(subject);
            return None;
        };
        let unique = turn.unique();
        Some(intake.ask(turn.now, &owner, begin, &unique, ways))
    }

    fn watch_intakes(&mut self, turn: &mut Turn<'_>) -> bool {
        let account = self.account;
        let mut any = false;
        for intake in self.intakes_mut() {
            let Some(subject) = intake.watches() else { continue };
            let reachable = turn.has_interest(account, subject.as_bytes());
            any |= intake.watch(reachable, |link| turn.is_open(link));
        }
        any
    }
}

impl Intake {
    /// What it listens to.
    pub(in crate::jetstream) fn subjects(&self) -> Vec<Vec<u8>> {
        let all = [&self.reply, &self.deliver].into_iter();
        all.filter(|subject| !subject.is_empty()).cloned().collect()
    }
}
