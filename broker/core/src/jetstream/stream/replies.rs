//! Messages that must not leave before what they say is durable: acknowledgements, answers, and
//! what is published again.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use causeway_store::Position;

/// Messages in the order in which they were given, each with what it waits for. Their texts stand
/// one after the other in one buffer, so that an acknowledgement costs no allocation.
#[derive(Debug, Default)]
pub(crate) struct Replies {
    waiting: VecDeque<Waiting>,
    text: Vec<u8>,
    /// Where the first waiting one begins.
    start: usize,
}

/// The position of what was given in a turn that has not ended.
const OPEN: Position = Position(u64::MAX);

#[derive(Clone, Copy, Debug)]
struct Waiting {
    after: Position,
    to: usize,
    header: usize,
    payload: usize,
}

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reply<'a> {
    pub(crate) to: &'a [u8],
    /// A header block; empty for none.
    pub(crate) header: &'a [u8],
    pub(crate) payload: &'a [u8],
}

impl Replies {
    /// A message without header for `to`. It waits for everything that happens in this turn.
    pub(crate) fn push(&mut self, to: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.text.len();
        self.text.extend_from_slice(to);
        write(&mut self.text);
        let payload = self.text.len() - before - to.len();
        self.waiting.push_back(Waiting { after: OPEN, to: to.len(), header: 0, payload });
    }

    /// The same with a header.
    pub(crate) fn push_message(&mut self, reply: &Reply<'_>) {
        for part in [reply.to, reply.header, reply.payload] {
            self.text.extend_from_slice(part);
        }
        self.waiting.push_back(Waiting {
            after: OPEN,
            to: reply.to.len(),
            header: reply.header.len(),
            payload: reply.payload.len(),
        });
    }

    /// The turn has ended: what was given in it waits until everything up to `position` is durable.
    pub(crate) fn close(&mut self, position: Position) {
        for waiting in self.waiting.iter_mut().rev().take_while(|each| each.after == OPEN) {
            waiting.after = position;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes out the messages that need not wait any more, in order.
    pub(crate) fn release(&mut self, durable: Position, mut send: impl FnMut(Reply<'_>)) {
        while let Some(next) = self.waiting.pop_front_if(|next| next.after <= durable) {
            send(self.cut(next));
            self.start += next.len();
        }
        self.compact();
    }

    /// Takes all out: the disk has failed, and what they say will never be durable.
    pub(crate) fn fail(&mut self, mut each: impl FnMut(Reply<'_>)) {
        while let Some(next) = self.waiting.pop_front() {
            each(self.cut(next));
            self.start += next.len();
        }
        self.compact();
    }

    fn cut(&self, waiting: Waiting) -> Reply<'_> {
        let (to, rest) = self.text[self.start..].split_at(waiting.to);
        let (header, rest) = rest.split_at(waiting.header);
        Reply { to, header, payload: &rest[..waiting.payload] }
    }

    /// Gives back what has been sent, when that is worth a copy of the rest.
    fn compact(&mut self) {
        if self.waiting.is_empty() {
            self.text.clear();
            self.start = 0;
        } else if self.start > self.text.len() / 2 {
            self.text.drain(..self.start);
            self.start = 0;
        }
    }
}

impl Waiting {
    const fn len(self) -> usize {
        self.to + self.header + self.payload
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::String;

    use super::*;

    fn released(replies: &mut Replies, durable: u64) -> Vec<(String, String, String)> {
        let mut all = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        replies.release(Position(durable), |reply| {
            all.push((text(reply.to), text(reply.header), text(reply.payload)));
        });
        all
    }

    #[test]
    fn messages_leave_in_order_when_their_time_has_come() {
        let mut replies = Replies::default();
        replies.push(b"a", |out| out.extend_from_slice(b"one"));
        assert_eq!(released(&mut replies, 9), [], "the turn has not ended");
        replies.close(Position(1));
        replies.push_message(&Reply { to: b"b", header: b"h", payload: b"two" });
        replies.push(b"c", |_| {});
        replies.close(Position(3));
        let row =
            |to: &str, header: &str, payload: &str| (to.into(), header.into(), payload.into());
        assert_eq!(released(&mut replies, 2), [row("a", "", "one")]);
        assert_eq!(released(&mut replies, 2), []);
        replies.push(b"d", |out| out.extend_from_slice(b"four"));
        replies.close(Position(4));
        assert_eq!(released(&mut replies, 3), [row("b", "h", "two"), row("c", "", "")]);
        assert!(!replies.is_empty());
        assert_eq!(released(&mut replies, 9), [row("d", "", "four")]);
        assert!(replies.is_empty() && replies.text.is_empty());
    }
}
