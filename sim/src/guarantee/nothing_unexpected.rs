//! C1: nothing is delivered that was not published, and nothing is changed on the way.

use super::outcome::Pen;
use super::scope::Scope;
use super::subject::reaches;
use super::view::{Delivery, Publication, View};
use super::{Checker, Params, Topic};
use crate::history::{ClientInfo, Kind};
use crate::ids::MsgId;
use crate::payload;

pub(super) struct NothingUnexpected {
    scope: Scope,
}

impl NothingUnexpected {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self { scope: params.scope.clone() }
    }
}

impl Checker for NothingUnexpected {
    fn topics(&self) -> &'static [Topic] {
        &[Topic::Deliveries]
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        let Some(delivery) = view.delivery() else { return };
        let Kind::Delivered { client, .. } = view.history.events[pen.i].kind else { return };
        let covered = match (delivery.msg, delivery.sub) {
            (Some(msg), Some(sub)) => self.scope.covers_delivery(view, msg, view.sub(sub)),
            (Some(_) | None, _) => self.scope.covers_client(view, client),
        };
        if !covered {
            return;
        }
        // What is published to streams, or by them, is their guarantees' business.
        let of_streams = delivery.msg.is_none() && !view.history.header.streams.is_empty();
        match objection(view, pen.i, delivery).filter(|_| !of_streams) {
            None if of_streams => pen.excused(),
            None => pen.held(),
            Some((story, mut events)) => {
                events.push(pen.i);
                pen.broken(view, || (story, events));
            }
        }
    }
}

/// What is wrong with a delivery, and the events that show it.
fn objection(view: &View<'_>, i: usize, delivery: Delivery) -> Option<(String, Vec<usize>)> {
    let history = view.history;
    let Kind::Delivered { client, conn, sid, subject, reply, msg: id, size, hash } =
        history.events[i].kind
    else {
        return None;
    };
    let name = &history.header.clients[client.0 as usize].name;
    let got = history.text(subject);
    let Some(sub) = delivery.sub.map(|sub| view.sub(sub)) else {
        let story = format!(
            "{name} got a message on `{got}` for subscription {} of its connection {}, which it \
                never made.",
            sid.0, conn.0
        );
        return Some((story, Vec::new()));
    };
    let Some(msg) = delivery.msg else {
        let story = match id {
            Some(id) => format!(
                "{name} got a message on `{got}` that says it is message {id}, which nobody had \
                    published."
            ),
            None => {
                format!("{name} got bytes on `{got}` that none of the run's clients ever sent.")
            }
        };
        return Some((story, vec![sub.i]));
    };
    let sent = view.publication(msg);
    let id = view.id_of(msg);
    let publisher = &history.header.clients[id.client.0 as usize];
    let events = vec![sent.i, sub.i];
    let due = content_for(&history.header.clients[client.0 as usize], id, sent);
    if due != (size, hash) {
        let story = format!(
            "{name} got message {id} with other bytes than {} published: {size} bytes instead of \
                {}, or different ones.",
            publisher.name, due.0
        );
        return Some((story, events));
    }
    for (what, sent, got) in
        [("subject", sent.subject, subject), ("reply subject", sent.reply, reply)]
    {
        if sent != got {
            let (sent, got) = (history.text(sent), history.text(got));
            let story = format!(
                "Message {id} reached {name} with the {what} `{got}`; it was sent with `{sent}`."
            );
            return Some((story, events));
        }
    }
    let wanted = history.text(sub.subject);
    if !reaches(got, wanted) {
        let story = format!(
            "{name} subscribed to `{wanted}` and got message {id} on `{got}` for that subscription."
        );
        return Some((story, events));
    }
    if msg.conn == sub.conn && publisher.no_echo {
        let story =
            format!("{name} asked not to get its own messages, and got its own message {id}.");
        return Some((story, events));
    }
    None
}

/// Size and hash of a message as a client gets it: who takes no headers gets what is behind.
fn content_for(receiver: &ClientInfo, id: MsgId, sent: &Publication) -> (u32, u64) {
    if !receiver.no_headers || sent.header == 0 {
        return (sent.size, sent.hash);
    }
    let size = sent.size.saturating_sub(sent.header);
    let mut payload = Vec::new();
    payload::append(&mut payload, id, size as usize);
    (size, payload::content_hash(&payload))
}

#[cfg(test)]
mod tests {
    use super::{Publication, content_for};
    use crate::guarantee::testkit::{EAST_1, Script, WEST_1};
    use crate::history::{ClientInfo, Kind, Sym};
    use crate::ids::{ClientId, ConnNo, MsgId, RegionId, Sid};
    use crate::payload;

    const ID: &str = "nothing_unexpected";

    /// A publisher, a subscriber to `a.*`, one message.
    fn script() -> (Script, ClientId, MsgId) {
        let mut s = Script::running();
        let publisher = s.client("pub/1", EAST_1);
        let subscriber = s.client("sub/1", WEST_1);
        s.at(2_000).sub(subscriber, 1, "a.*", "");
        let msg = s.at(3_000).publish(publisher, "a.b");
        s.at(3_050);
        (s, subscriber, msg)
    }

    /// The delivery of the message, changed.
    fn delivered(change: impl FnOnce(&mut Script, &mut Kind)) -> Script {
        let (mut s, subscriber, msg) = script();
        let at = s.deliver(subscriber, 1, msg);
        let mut kind = s.history.events[at].kind.clone();
        change(&mut s, &mut kind);
        s.history.events[at].kind = kind;
        s
    }

    #[test]
    fn holds_if_what_arrives_is_what_was_sent() {
        delivered(|_, _| {}).judge(ID).held(1);
    }

    #[test]
    fn is_not_checked_if_nothing_arrives() {
        script().0.judge(ID).vacuous();
    }

    #[test]
    fn breaks_if_the_message_was_never_published() {
        let mut unknown = delivered(|_, kind| {
            let Kind::Delivered { msg: Some(msg), .. } = kind else { unreachable!() };
            msg.seq = 2;
        });
        assert!(unknown.judge(ID).broke(3_050).contains("nobody had published"));
        let mut foreign = delivered(|_, kind| {
            let Kind::Delivered { msg, .. } = kind else { unreachable!() };
            *msg = None;
        });
        assert!(foreign.judge(ID).broke(3_050).contains("none of the run's clients ever sent"));
    }

    #[test]
    fn breaks_if_bytes_subject_or_reply_changed() {
        let mut bytes = delivered(|_, kind| {
            let Kind::Delivered { hash, .. } = kind else { unreachable!() };
            *hash ^= 1;
        });
        assert!(bytes.judge(ID).broke(3_050).contains("other bytes"));
        let mut moved = delivered(|s, kind| {
            let Kind::Delivered { subject, .. } = kind else { unreachable!() };
            *subject = s.sym("a.c");
        });
        assert!(moved.judge(ID).broke(3_050).contains("with the subject `a.c`"));
        let mut reply_added = delivered(|s, kind| {
            let Kind::Delivered { reply, .. } = kind else { unreachable!() };
            *reply = s.sym("r");
        });
        assert!(reply_added.judge(ID).broke(3_050).contains("with the reply subject `r`"));
    }

    #[test]
    fn breaks_if_the_subscription_is_another_or_none() {
        let mut none = delivered(|_, kind| {
            let Kind::Delivered { sid, .. } = kind else { unreachable!() };
            *sid = Sid(9);
        });
        assert!(none.judge(ID).broke(3_050).contains("which it never made"));
        let (mut other, subscriber, msg) = script();
        other.sub(subscriber, 2, "x", "");
        other.deliver(subscriber, 2, msg);
        assert!(other.judge(ID).broke(3_050).contains("subscribed to `x`"));
    }

    #[test]
    fn breaks_if_a_client_gets_its_own_message_against_its_will() {
        for no_echo in [false, true] {
            let mut s = Script::running();
            let client = s.client_with("both/1", EAST_1, |info| info.no_echo = no_echo);
            s.sub(client, 1, "a", "");
            let msg = s.publish(client, "a");
            s.deliver(client, 1, msg);
            let judged = s.judge(ID);
            if no_echo {
                assert!(judged.broke(1_000).contains("its own message"));
            } else {
                judged.held(1);
            }
        }
    }

    #[test]
    fn who_takes_no_headers_gets_the_payload_alone() {
        let id = MsgId { client: ClientId(0), conn: ConnNo(1), seq: 1 };
        let mut bytes = Vec::new();
        payload::append(&mut bytes, id, 20);
        let alone = (20, payload::content_hash(&bytes));
        let sent = Publication {
            i: 0,
            t: 0,
            subject: Sym::NONE,
            reply: Sym::NONE,
            header: 30,
            size: 50,
            hash: 7,
        };
        let mut receiver = ClientInfo {
            name: "sub/1".to_owned(),
            region: RegionId(0),
            role: "subscribe".to_owned(),
            no_echo: false,
            no_headers: false,
            slow: false,
        };
        assert_eq!(content_for(&receiver, id, &sent), (50, 7));
        receiver.no_headers = true;
        assert_eq!(content_for(&receiver, id, &sent), alone);
        assert_eq!(content_for(&receiver, id, &Publication { header: 0, ..sent }), (50, 7));
    }

    #[test]
    fn looks_only_at_what_the_scenario_asks_for() {
        for (scope, checked) in [
            ("client:sub", 1),
            ("client:pub/1", 1),
            ("region:west", 1),
            ("path:east/west", 1),
            ("node:west/1", 1),
            ("client:idle", 0),
            ("node:east/2", 0),
        ] {
            let (mut s, subscriber, msg) = script();
            s.client("idle/1", EAST_1);
            s.deliver(subscriber, 1, msg);
            s.ask(ID).scope = scope.to_owned();
            let judged = s.judge(ID);
            assert_eq!(judged.findings.checked, checked, "{scope}");
            assert!(judged.required);
            assert_eq!(judged.name, "my_nothing_unexpected");
        }
    }
}
