//! Lives from histories made by hand: what the engine does not bring about on purpose.

use super::*;
use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
use crate::history::{BufferEvent, BufferWhat, LeftWhy, NodeDownHow};

fn causes(s: &Script, msg: MsgId) -> Vec<Cause> {
    Book::new(&s.history).ends_of(msg).iter().map(|end| end.cause).collect()
}

/// A publisher in the east, and a subscriber in the west of whom the east knows.
fn pair() -> (Script, ClientId, ClientId) {
    let mut s = Script::running();
    let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
    s.sub(subscriber, 1, "a", "");
    s.tell(WEST_1, EAST_1, ("a", "", 1));
    s.at(2_000);
    (s, publisher, subscriber)
}

#[test]
fn what_was_delivered_has_no_end() {
    let (mut s, publisher, subscriber) = pair();
    let msg = s.publish(publisher, "a");
    s.flush(publisher);
    s.cross(EAST_1, WEST_1, "", msg);
    s.at(2_050).deliver(subscriber, 1, msg);
    assert_eq!(causes(&s, msg), []);
    let steps: Vec<What> =
        Book::new(&s.history).lifeline(msg).unwrap().steps.iter().map(|step| step.what).collect();
    assert_eq!(steps, [What::Sent, What::Confirmed, What::Forwarded, What::Delivered]);
}

#[test]
fn a_node_that_knows_and_does_not_send_has_no_excuse() {
    let (mut s, publisher, _) = pair();
    let msg = s.publish(publisher, "a");
    s.flush(publisher);
    assert_eq!(causes(&s, msg), [Cause::Unexplained]);
}

#[test]
fn what_is_passed_by_on_the_same_way_has_no_excuse() {
    let (mut s, publisher, _) = pair();
    let near = s.client("near/1", EAST_1);
    s.sub(near, 1, "a", "");
    let (first, second) = (s.publish(publisher, "a"), s.publish(publisher, "a"));
    s.flush(publisher);
    s.deliver(near, 1, second);
    let ends = Book::new(&s.history).ends_of(first);
    let end = ends.iter().find(|end| end.receiver.is_some_and(|it| it.client == near)).unwrap();
    assert_eq!(end.cause, Cause::Unexplained);
}

#[test]
fn another_member_of_a_group_stands_in() {
    let mut s = Script::running();
    let publisher = s.client("pub/1", EAST_1);
    let members = [s.client("w/1", EAST_1), s.client("w/2", EAST_2)];
    members.iter().for_each(|member| s.sub(*member, 1, "a", "q"));
    let msg = s.at(2_000).publish(publisher, "a");
    s.flush(publisher);
    s.deliver(members[0], 1, msg);
    assert_eq!(causes(&s, msg), [Cause::OtherMember]);
}

#[test]
fn a_connection_that_ends_before_the_node_has_read_it() {
    for (down, cause) in [(true, Cause::PublisherNodeDied), (false, Cause::PublisherLost)] {
        let (mut s, publisher, _) = pair();
        let msg = s.publish(publisher, "a");
        if down {
            s.at(2_001).node_down(EAST_1, NodeDownHow::Killed);
        }
        s.at(2_002).close(publisher, "reset");
        assert_eq!(causes(&s, msg), [cause]);
    }
}

#[test]
fn what_is_in_a_buffer_at_the_end_is_still_kept_and_what_left_says_why() {
    let kept = |seq, msg| BufferWhat::Kept { seq, msg: Some(msg), messages: 1, bytes: 80 };
    for (why, cause) in [
        (None, Cause::StillKept),
        (Some(LeftWhy::Age), Cause::BufferAge),
        (Some(LeftWhy::Damaged), Cause::BufferDamaged),
    ] {
        let (mut s, publisher, _) = pair();
        let msg = s.publish(publisher, "a");
        let what = kept(7, msg);
        s.event(Kind::Buffer(BufferEvent { node: EAST_1, peer: WEST_1, what }));
        s.flush(publisher);
        if let Some(why) = why {
            let what = BufferWhat::Left { first: 6, last: 8, why, messages: 0, bytes: 0 };
            s.event(Kind::Buffer(BufferEvent { node: EAST_1, peer: WEST_1, what }));
        }
        assert_eq!(causes(&s, msg), [cause]);
    }
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = Cause::ALL.map(Cause::name).into();
    assert_eq!(names.len(), Cause::ALL.len());
}
