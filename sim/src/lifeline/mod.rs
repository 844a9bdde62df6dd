//! What became of a message: every step that the history holds, and for each who wanted it and did
//! not get it, the reason.
//!
//! ```text
//!   sent ─► confirmed ─┬─► forwarded ─► arrived ─┬─► delivered
//!                      ├─► kept ─► replayed ─────┤
//!                      └─► delivered             └─► the reason why not
//! ```
//!
//! Nothing but the history is known here, so histories from any engine can be told. Where one does
//! not hold what would tell the reason (an engine that sees less, an older file), the reason is
//! [`Cause::Unexplained`], never a guess.
//!
//! | file | holds |
//! |---|---|
//! | `cause` | the reasons |
//! | `book` | a history in the order of messages, connections, subscriptions |
//! | `ways` | what nodes knew of each other, from when to when |
//! | `core` | plain messages: from the publisher to each who wanted it |
//! | `stored` | messages for streams |
//! | `text` | a life in words |

mod book;
mod cause;
mod core;
mod stored;
#[cfg(test)]
mod tests;
mod text;
mod ways;

pub use book::Book;
pub use cause::{Cause, Gravity};
pub use text::{explain, name_of, parse_name};

use crate::history::{Kind, STORED, StreamEvent, Sym};
use crate::ids::{ClientId, ConnNo, MsgId, NodeId, Sid};

/// What became of a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lifeline {
    /// Which.
    pub msg: MsgId,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// Where its ways end without a delivery.
    pub ends: Vec<End>,
}

/// A step of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Step {
    /// The event.
    pub event: usize,
    /// When.
    pub t: u64,
    /// What it is.
    pub what: What,
}

/// What a step is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum What {
    /// The publisher put it into its socket.
    Sent,
    /// The publisher's node has confirmed that it has processed it.
    Confirmed,
    /// It was put into a buffer for another node.
    Kept,
    /// It left a buffer.
    Left,
    /// A buffer did not take it.
    Refused,
    /// A node sent it to another.
    Forwarded,
    /// A node sent it to another out of its buffer.
    Replayed,
    /// It was handed to the other node.
    Arrived,
    /// The other node passed it over, because it had had it.
    PassedOver,
    /// A subscriber has read it.
    Delivered,
    /// Anything else that was said of it.
    Told,
}

impl What {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Confirmed => "confirmed",
            Self::Kept => "kept",
            Self::Left => "left",
            Self::Refused => "refused",
            Self::Forwarded => "forwarded",
            Self::Replayed => "replayed",
            Self::Arrived => "arrived",
            Self::PassedOver => "passed over",
            Self::Delivered => "delivered",
            Self::Told => "told",
        }
    }
}

/// Somebody who wanted a message.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Receiver {
    /// Who.
    pub client: ClientId,
    /// On which connection.
    pub conn: ConnNo,
    /// With which subscription.
    pub sid: Sid,
}

/// Where a way ends without a delivery.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct End {
    /// Who did not get it; `None` if that is everybody.
    pub receiver: Option<Receiver>,
    /// Why.
    pub cause: Cause,
    /// When that was decided.
    pub t: u64,
    /// At which node.
    pub node: Option<NodeId>,
    /// The event that shows it.
    pub event: Option<usize>,
}

impl Book<'_> {
    /// What became of a message; `None` if the history does not mention it.
    #[must_use]
    pub fn lifeline(&self, msg: MsgId) -> Option<Lifeline> {
        let steps = self.steps(msg)?;
        let ends = if msg.conn == STORED { self.stored(msg) } else { self.ends(msg) };
        Some(Lifeline { msg, steps, ends })
    }

    /// Where the ways of a message end without a delivery.
    #[must_use]
    pub fn ends_of(&self, msg: MsgId) -> Vec<End> {
        if msg.conn == STORED { self.stored(msg) } else { self.ends(msg) }
    }

    /// The subject on which a message was sent, if that is in the history.
    #[must_use]
    pub fn subject_of(&self, msg: MsgId) -> Option<Sym> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others send nothing")]
        match &self.history.events.get(self.page(msg)?.sent?)?.kind {
            Kind::PubSent { subject, .. } => Some(*subject),
            Kind::Stream(stream) => match **stream {
                StreamEvent::Sent { subject, .. } => Some(subject),
                _ => None,
            },
            _ => None,
        }
    }

    fn steps(&self, msg: MsgId) -> Option<Vec<Step>> {
        let page = self.page(msg)?;
        let mut found: Vec<(usize, What)> = Vec::new();
        for &event in &page.events {
            found.push((event, self.what(event)));
            found.extend(self.sequels(event));
        }
        found.extend(self.confirmed(msg).map(|event| (event, What::Confirmed)));
        found.sort_unstable();
        found.dedup();
        let step = |(event, what)| Step { event, t: self.time(event), what };
        Some(found.into_iter().map(step).collect())
    }

    fn what(&self, event: usize) -> What {
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest was told")]
        match &self.history.events[event].kind {
            Kind::PubSent { .. } => What::Sent,
            Kind::Stream(stream) if stream.name() == "stream_sent" => What::Sent,
            Kind::WireMsg { kept: Some(_), .. } => What::Replayed,
            Kind::WireMsg { .. } => What::Forwarded,
            Kind::Delivered { .. } => What::Delivered,
            Kind::Buffer(buffer) if buffer.name() == "buffer_kept" => What::Kept,
            Kind::Buffer(_) => What::Refused,
            _ => What::Told,
        }
    }

    /// Steps that follow from an event and do not name the message.
    fn sequels(&self, event: usize) -> Vec<(usize, What)> {
        let mut found = Vec::new();
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others have none")]
        match &self.history.events[event].kind {
            Kind::WireMsg { from, to, kept, .. } => {
                found.extend(self.seen(event).map(|seen| (seen, What::Arrived)));
                let passed = kept.and_then(|seq| self.repeated((*to, *from, seq)));
                let passed = passed.filter(|passed| *passed > event);
                found.extend(passed.map(|passed| (passed, What::PassedOver)));
            }
            Kind::Buffer(buffer) => {
                if let crate::history::BufferWhat::Kept { seq, .. } = buffer.what {
                    let left = self.left((buffer.node, buffer.peer, seq));
                    found.extend(left.map(|(left, _)| (left, What::Left)));
                }
            }
            _ => {}
        }
        found
    }
}
