//! B4: what a buffer has no room for is taken by nobody, here or elsewhere, so that regions do not
//! differ; and its publisher is told, a request's by the status 503, too.
//!
//! A refusal names no message (see `refusals`). So of the messages that one may be about, as many must
//! have come to nobody as were refused: no client has got them, and no other node was sent them. It is
//! looked at in the end, when everything that was kept has been given out.

use super::outcome::Pen;
use super::refusals::{Fate, Group, Refused};
use super::scope::Scope;
use super::search;
use super::view::{ConnIx, MsgRef, View};
use super::{Checker, Params, Topic};
use crate::history::{Kind, Sym};
use crate::ids::MsgId;

pub(super) struct RefusedIsTakenByNobody {
    scope: Scope,
}

impl RefusedIsTakenByNobody {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }

    fn judge(&self, view: &View<'_>, pen: &mut Pen<'_>) {
        for ((conn, subject, first), group) in view.refusals.groups() {
            if !self.scope.covers_client(view, view.conn(conn).client) {
                continue;
            }
            let candidates = candidates(view, conn, subject, (first, group.last()));
            let untaken: Vec<u32> = (candidates.iter().copied())
                .filter(|seq| !view.refusals.is_taken(MsgRef { conn, seq: *seq }))
                .collect();
            match group.unaccounted(&untaken) {
                Some(refused) => pen.broken(view, || {
                    tell_taken(view, (conn, group), refused, (&candidates, &untaken))
                }),
                None => group.refusals.iter().for_each(|_| pen.held()),
            }
        }
    }

    /// A request has waited in vain that was refused: the status would have ended it at once.
    fn waited(&self, view: &View<'_>, request: MsgId, pen: &mut Pen<'_>) {
        let Some(msg) = view.find_msg(request) else { return };
        let client = &view.history.header.clients[request.client.0 as usize];
        // The status is a header.
        if client.no_headers
            || view.fate(msg) != Fate::Refused
            || !self.scope.covers_client(view, request.client)
        {
            return;
        }
        let i = pen.i;
        pen.broken(view, || {
            let publication = view.publication(msg);
            let story = format!(
                "{} asked on `{}` (message {request}), which was refused for want of room, and was \
                    not told that nobody will answer.",
                client.name,
                view.history.text(publication.subject)
            );
            let group = view.refusals.group_of(msg, publication.subject);
            let told = group.into_iter().flat_map(|group| &group.refusals).map(|one| one.i);
            (story, [publication.i, i].into_iter().chain(told).collect())
        });
    }
}

impl Checker for RefusedIsTakenByNobody {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Requests, Topic::Milestones]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest says nothing of refusals")]
        match view.history.events[pen.i].kind {
            Kind::RequestTimeout { request, disconnected: false } => {
                self.waited(view, request, pen);
            }
            Kind::End => self.judge(view, pen),
            _ => {}
        }
    }
}

/// The messages of a connection on a subject, from one number to another.
fn candidates(view: &View<'_>, conn: ConnIx, subject: Sym, (first, last): (u32, u32)) -> Vec<u32> {
    let on = |seq: &u32| view.publication(MsgRef { conn, seq: *seq }).subject == subject;
    (first..=last).filter(on).collect()
}

fn tell_taken(
    view: &View<'_>,
    (conn, group): (ConnIx, &Group),
    refused: Refused,
    (candidates, untaken): (&[u32], &[u32]),
) -> (String, Vec<usize>) {
    let id = |seq: u32| view.id_of(MsgRef { conn, seq });
    let name = |seq: &u32| id(*seq).to_string();
    let client = &view.history.header.clients[view.conn(conn).client.0 as usize];
    let those: Vec<String> = candidates.iter().map(name).collect();
    let story = if let [only] = those.as_slice() {
        format!(
            "{} was told that its message {only} is not taken, and somebody has got it.",
            client.name
        )
    } else {
        format!(
            "{} was told {} times that one of its messages {} is not taken, and {} of them have come to \
                nobody in time.",
            client.name,
            group.refusals.len(),
            those.join(", "),
            untaken.len()
        )
    };
    let mut events = vec![refused.i];
    for seq in candidates.iter().filter(|seq| !untaken.contains(seq)) {
        events.push(view.publication(MsgRef { conn, seq: *seq }).i);
        events.extend(search::first_taken(view, id(*seq)));
    }
    (story, events)
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{Kind, Sym};
    use crate::ids::ClientId;

    const ID: &str = "refused_is_taken_by_nobody";

    /// A publisher in the east, and subscribers beside it and in the west.
    fn script() -> (Script, ClientId, [ClientId; 2]) {
        let mut s = Script::running();
        s.keeps(3);
        let publisher = s.client("pub/1", EAST_1);
        let others = [s.client("near/1", EAST_2), s.client("far/1", WEST_1)];
        others.iter().for_each(|sub| s.sub(*sub, 1, "a", ""));
        (s, publisher, others)
    }

    #[test]
    fn it_holds_if_nobody_has_it() {
        let (mut s, publisher, [near, _]) = script();
        let taken = s.at(2_000).publish(publisher, "a");
        s.publish(publisher, "a");
        s.refuse(publisher, "a", (1, 2), "is full, max_msgs 3");
        s.deliver(near, 1, taken);
        s.judge(ID).held(1);
    }

    #[test]
    fn it_breaks_if_a_client_or_a_node_has_it() {
        for case in 0..2 {
            let (mut s, publisher, [near, _]) = script();
            let msg = s.at(2_000).publish(publisher, "a");
            s.refuse(publisher, "a", (1, 1), "is full, max_msgs 3");
            if case == 0 {
                s.deliver(near, 1, msg);
            } else {
                s.cross(EAST_1, WEST_1, "", msg);
            }
            assert_eq!(
                s.judge(ID).broke(62_000),
                "pub/1 was told that its message 0.1.1 is not taken, and somebody has got it."
            );
        }
    }

    #[test]
    fn it_breaks_if_fewer_came_to_nobody_than_were_refused() {
        let (mut s, publisher, [near, far]) = script();
        let [one, two, _] = [0; 3].map(|_| s.publish(publisher, "a"));
        for _ in 0..2 {
            s.refuse(publisher, "a", (1, 3), "is full, max_msgs 3");
        }
        s.deliver(near, 1, one);
        s.deliver(far, 1, two);
        let judged = s.judge(ID);
        assert!(judged.broke(61_000).contains("2 times"), "{:?}", judged.findings);
        assert!(judged.broke(61_000).ends_with("and 1 of them have come to nobody in time."));
    }

    #[test]
    fn a_request_is_told_at_once() {
        for told in [true, false] {
            let (mut s, publisher, _) = script();
            let request = s.at(2_000).request(publisher, "a", "box");
            s.refuse(publisher, "a", (1, 1), "is full, max_msgs 3");
            if told {
                let (client, conn) = (publisher, s.conn(publisher));
                s.event(Kind::NoResponders { client, conn, subject: Sym::NONE, request });
                s.judge(ID).held(1);
            } else {
                s.at(4_000).event(Kind::RequestTimeout { request, disconnected: false });
                let judged = s.judge(ID);
                assert!(judged.broke(4_000).ends_with("not told that nobody will answer."));
            }
        }
    }

    #[test]
    fn nothing_is_said_where_nothing_was_refused() {
        let (mut s, publisher, [near, _]) = script();
        let msg = s.publish(publisher, "a");
        s.deliver(near, 1, msg);
        s.judge(ID).vacuous();
    }
}
