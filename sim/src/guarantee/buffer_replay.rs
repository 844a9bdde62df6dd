//! B2: when two nodes reach each other again, what one has kept for the other is there soon.

use super::outcome::Pen;
use super::replays::{Replays, TOPICS};
use super::view::View;
use super::{Checker, Params, Topic};

pub(super) struct BufferReplay(Replays);

impl BufferReplay {
    pub(super) fn new(params: &Params<'_>) -> Self {
        Self(Replays::new(params))
    }
}

impl Checker for BufferReplay {
    fn topics(&self) -> &'static [Topic] {
        TOPICS
    }

    fn due(&self) -> Option<u64> {
        self.0.next_due()
    }

    fn pass_time(&mut self, view: &View<'_>, until: u64, pen: &mut Pen<'_>) {
        for replay in self.0.late(view, until) {
            pen.t = replay.due();
            pen.broken(view, || replay.tell(view));
        }
    }

    fn observe(&mut self, view: &View<'_>, pen: &mut Pen<'_>) {
        self.0.observe(view, pen.i).into_iter().for_each(|took| pen.held_in(took));
    }
}

#[cfg(test)]
mod tests {
    use crate::guarantee::testkit::{EAST_1, EAST_2, Script, WEST_1};
    use crate::history::{FaultKind, NodeDownHow, Phase};
    use crate::ids::ClientId;
    use crate::units::MS;

    const ID: &str = "buffer_replay";

    /// What is published in the east on `a` is kept for the west. The link is cut at 2 s, and one
    /// message is kept.
    fn cut() -> (Script, ClientId, ClientId, crate::ids::MsgId) {
        let mut s = Script::running();
        s.ask(ID);
        s.history.header.buffered = vec!["a".to_owned()];
        // The path is wide.
        s.history.header.window = 1 << 40;
        let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
        s.sub(subscriber, 1, "a", "");
        s.at(1_500).phase(Phase::Chaos);
        s.at(2_000).partition(true);
        s.routes_down(EAST_1, WEST_1);
        let msg = s.at(3_000).publish(publisher, "a");
        s.flush(publisher);
        (s, publisher, subscriber, msg)
    }

    /// The link is whole at 4 s: by 4.2 s, a round trip and 100 ms later, everything is there.
    fn healed() -> (Script, ClientId, ClientId, crate::ids::MsgId) {
        let (mut s, publisher, subscriber, msg) = cut();
        s.at(3_500).partition(false);
        s.at(4_000).routes_up(EAST_1, WEST_1);
        (s, publisher, subscriber, msg)
    }

    #[test]
    fn it_holds_up_to_the_bound_and_says_how_long_it_took() {
        let (mut s, _, subscriber, msg) = healed();
        s.at(4_200).deliver(subscriber, 1, msg);
        let judged = s.judge(ID);
        judged.held(1);
        let closest = judged.findings.closest.unwrap();
        assert_eq!((closest.took_ns, closest.margin_ns()), (200 * MS, 0));
    }

    #[test]
    fn it_breaks_if_something_comes_late_or_not_at_all() {
        for late in [true, false] {
            let (mut s, _, subscriber, msg) = healed();
            if late {
                s.at(4_201).deliver(subscriber, 1, msg);
            }
            let judged = s.judge(ID);
            assert_eq!(
                judged.broke(4_200),
                "east/1 and west/1 have reached each other again for 200 ms, and 1 messages that the \
                    first one has kept for the second have not arrived; 81 bytes were kept in all."
            );
        }
    }

    #[test]
    fn what_was_sent_on_a_connection_that_is_given_up_is_in_the_way() {
        for (end, late) in [(4_350, false), (4_351, true)] {
            let (mut s, _, subscriber, msg) = healed();
            s.at(4_100).routes_down(EAST_1, WEST_1);
            // By 4.2 s the first replay would have been over; this one may take as long again.
            s.at(4_150).routes_up(EAST_1, WEST_1);
            s.at(end + 50).deliver(subscriber, 1, msg);
            if late {
                s.judge(ID).broke(4_400);
            } else {
                s.judge(ID).held(1);
            }
        }
    }

    #[test]
    fn the_bytes_of_the_whole_region_count() {
        let (mut s, publisher, subscriber, msg) = cut();
        // 81 bytes each, at 1,000 in a second.
        s.history.header.window = 100;
        let neighbour = s.client("near/1", EAST_2);
        let other = s.publish(neighbour, "a");
        s.flush(neighbour);
        s.publish(publisher, "b");
        s.flush(publisher);
        s.at(3_500).partition(false);
        s.at(4_000).routes_up(EAST_1, WEST_1);
        s.at(4_362).deliver(subscriber, 1, msg);
        s.deliver(subscriber, 1, other);
        s.judge(ID).held(1);
    }

    #[test]
    fn the_link_is_whole_when_both_ends_say_so_and_stays_so() {
        let (mut s, ..) = cut();
        s.at(3_500).partition(false);
        s.at(4_000).route_up(EAST_1, WEST_1);
        s.judge(ID).vacuous();

        let (mut s, ..) = healed();
        s.at(4_100).routes_down(EAST_1, WEST_1);
        s.judge(ID).vacuous();
    }

    #[test]
    fn nothing_is_owed_for_reasons_of_the_subscription() {
        type Reason = fn(&mut Script, ClientId);
        let reasons: [Reason; 5] = [
            |s, subscriber| s.history.header.clients[subscriber.0 as usize].slow = true,
            |s, subscriber| s.history.header.clients[subscriber.0 as usize].no_echo = true,
            |s, subscriber| s.unsub_sent(subscriber, 1, 0),
            |s, subscriber| s.close(subscriber, "reset"),
            |s, _| s.cut_off(true, crate::guarantee::testkit::WEST, WEST_1),
        ];
        for reason in reasons {
            let (mut s, _, subscriber, _) = healed();
            s.at(4_100);
            reason(&mut s, subscriber);
            s.judge(ID).vacuous();
        }
    }

    #[test]
    fn nothing_is_owed_that_was_not_known_or_confirmed_or_kept() {
        // A member of a queue group, a newcomer, what nobody confirmed, and another subject.
        for case in 0..4 {
            let mut s = Script::running();
            s.ask(ID);
            s.history.header.buffered = vec!["a".to_owned()];
            let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
            if case == 1 {
                s.at(1_450);
            }
            s.sub(subscriber, 1, "*", if case == 0 { "q" } else { "" });
            s.at(1_500).phase(Phase::Chaos);
            s.at(2_000).partition(true);
            s.at(3_000).publish(publisher, if case == 3 { "b" } else { "a" });
            if case != 2 {
                s.flush(publisher);
            }
            s.at(4_000).partition(false);
            s.judge(ID).vacuous();
        }
    }

    #[test]
    fn limits_and_disks_and_dead_processes_are_another_matter() {
        let (mut s, ..) = healed();
        s.history.header.buffers_forget = true;
        s.judge(ID).vacuous();

        let (mut s, ..) = healed();
        s.at(4_100).fault(FaultKind::Disk, true, vec![WEST_1], Vec::new());
        s.judge(ID).vacuous();

        let (mut s, ..) = cut();
        s.fault(FaultKind::Disk, true, vec![WEST_1], Vec::new());
        s.at(3_500).partition(false);
        s.at(4_000).routes_up(EAST_1, WEST_1);
        s.judge(ID).vacuous();

        let (mut s, ..) = healed();
        s.at(4_100).node_down(EAST_1, NodeDownHow::Killed);
        s.judge(ID).vacuous();
    }

    #[test]
    fn a_route_that_outlived_the_cut_goes_on_when_tcp_does() {
        let mut s = Script::running();
        s.ask(ID);
        s.history.header.buffered = vec!["a".to_owned()];
        // The path is wide.
        s.history.header.window = 1 << 40;
        let (publisher, subscriber) = (s.client("pub/1", EAST_1), s.client("sub/1", WEST_1));
        s.sub(subscriber, 1, "a", "");
        s.at(1_500).phase(Phase::Chaos);
        s.at(2_000).partition(true);
        s.at(2_100).publish(publisher, "a");
        s.flush(publisher);
        s.at(2_500).partition(false);
        s.judge(ID).vacuous();
    }
}
