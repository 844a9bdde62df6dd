//! What nodes say of single messages that they keep for each other.

use super::json::Object;
use super::read::{Field, Row};
use super::write::push_msg;
use crate::ids::{MsgId, NodeId};

/// Something became of messages that `node` keeps, or would keep, for `peer`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BufferEvent {
    /// Who keeps them.
    pub node: NodeId,
    /// For whom; with [`Repeated`](BufferWhat::Repeated), from whom they came.
    pub peer: NodeId,
    /// What.
    pub what: BufferWhat,
}

/// What became of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BufferWhat {
    /// A message was put into the buffer.
    Kept {
        /// Its sequence there.
        seq: u64,
        /// The identity that the payload carries.
        msg: Option<MsgId>,
        /// Messages in the buffer now.
        messages: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Messages have left the buffer.
    Left {
        /// The sequence of the first.
        first: u64,
        /// That of the last.
        last: u64,
        /// Why.
        why: LeftWhy,
        /// Messages in the buffer now.
        messages: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The buffer did not take a message, so nobody got it.
    Refused {
        /// The identity that the payload carries.
        msg: Option<MsgId>,
    },
    /// A message came out of the peer's buffer that had come before, and was passed over.
    Repeated {
        /// Its sequence there.
        seq: u64,
    },
}

/// Why messages left a buffer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LeftWhy {
    /// The peer has them.
    Acknowledged,
    /// There was no room for newer ones.
    Overflow,
    /// They were too old.
    Age,
    /// The peer did not want them any more.
    Unwanted,
    /// They were damaged on the disk.
    Damaged,
}

impl LeftWhy {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::Acknowledged, Self::Overflow, Self::Age, Self::Unwanted, Self::Damaged];

    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Overflow => "overflow",
            Self::Age => "age",
            Self::Unwanted => "unwanted",
            Self::Damaged => "damaged",
        }
    }
}

impl BufferEvent {
    /// The name in files.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.what {
            BufferWhat::Kept { .. } => "buffer_kept",
            BufferWhat::Left { .. } => "buffer_left",
            BufferWhat::Refused { .. } => "buffer_refused",
            BufferWhat::Repeated { .. } => "buffer_repeated",
        }
    }

    /// The message, if the event names one.
    #[must_use]
    pub const fn msg(&self) -> Option<MsgId> {
        match self.what {
            BufferWhat::Kept { msg, .. } | BufferWhat::Refused { msg } => msg,
            BufferWhat::Left { .. } | BufferWhat::Repeated { .. } => None,
        }
    }
}

/// Writes the fields of an event.
pub(super) fn write(event: &BufferEvent, o: &mut Object<'_>) {
    o.number("node", event.node.0.into());
    o.number("peer", event.peer.0.into());
    match event.what {
        BufferWhat::Kept { seq, msg, messages, bytes } => {
            o.number("seq", seq);
            push_msg(o, "msg", msg);
            o.number("messages", messages);
            o.number("bytes", bytes);
        }
        BufferWhat::Left { first, last, why, messages, bytes } => {
            o.number("first", first);
            o.number("last", last);
            o.text("why", why.name());
            o.number("messages", messages);
            o.number("bytes", bytes);
        }
        BufferWhat::Refused { msg } => push_msg(o, "msg", msg),
        BufferWhat::Repeated { seq } => o.number("seq", seq),
    }
}

/// Reads an event of kind `k`; `None` if there is no such kind.
pub(super) fn read(k: &str, row: Row<'_>) -> Field<Option<BufferEvent>> {
    let what = match k {
        "buffer_kept" => BufferWhat::Kept {
            seq: row.number("seq")?,
            msg: row.maybe_msg("msg")?,
            messages: row.number("messages")?,
            bytes: row.number("bytes")?,
        },
        "buffer_left" => BufferWhat::Left {
            first: row.number("first")?,
            last: row.number("last")?,
            why: row.one_of("why", &LeftWhy::ALL, LeftWhy::name)?,
            messages: row.number("messages")?,
            bytes: row.number("bytes")?,
        },
        "buffer_refused" => BufferWhat::Refused { msg: row.maybe_msg("msg")? },
        "buffer_repeated" => BufferWhat::Repeated { seq: row.number("seq")? },
        _ => return Ok(None),
    };
    Ok(Some(BufferEvent { node: row.node("node")?, peer: row.node("peer")?, what }))
}
