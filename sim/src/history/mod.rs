//! What was observed in a run: the only thing that guarantees are judged by.
//!
//! A [`History`] is a [`Header`] (who and what there was) and a list of [`Event`]s in the order in
//! which they happened. Everything in it is an integer, an index or a name, so that equal runs give
//! equal files. [`History::write_to`] puts it into JSON lines with a fixed order of keys, and
//! [`History::read_from`] takes it back.
//!
//! # What a checker may rely on
//!
//! * Events are ordered by time; an event's number is its index in [`History::events`].
//! * A client's own events are in the order in which it sent or received them on its connection.
//! * [`Kind::PubSent`] is written when the bytes are put into the client's socket: whether the
//!   server ever reads them is another question. [`Kind::PubFlushed`] says that it has.
//! * [`Kind::PubRefused`] is written when the client has read the error. It comes before the
//!   [`Kind::PubFlushed`] of the message that it is about.
//! * [`Kind::Delivered`] is written when the client has read the message.
//! * [`Kind::WireSub`] and [`Kind::WireMsg`] are written when the sending node's bytes enter the
//!   socket; [`Kind::WireSubSeen`] and [`Kind::WireMsgSeen`] when the last byte of that is handed to the
//!   receiving node.
//! * A name that does not apply is [`Sym::NONE`].

mod buffer;
mod event;
mod header;
mod healed;
mod json;
mod read;
mod refusal;
mod stream;
mod symbols;
#[cfg(test)]
pub(crate) mod tests;
mod write;

pub use buffer::{BufferEvent, BufferWhat, LeftWhy};
pub use event::{
    ClientEntry, DropWhat, Event, Fault, FaultKind, Holder, InterestEntry, Kind, NodeCounters,
    NodeDownHow, Phase, RouteEntry, Snapshot,
};
pub use header::{
    Bounds, BufferRoom, ClientInfo, GuaranteeInfo, Header, LinkInfo, NodeInfo, NodeLimits,
    PathInfo, RegionInfo, SCHEMA_NAME,
};
pub use healed::{Core, Lost, Unrecoverable, Why};
pub use read::ReadError;
pub use refusal::{Refusal, RefusedWhy};
pub use stream::{
    Answered, ConsumerInfo, ConsumerState, STORED, StreamEvent, StreamInfo, StreamState,
};
pub use symbols::{Sym, Symbols};

/// A whole run, in memory.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct History {
    /// Who and what there was.
    pub header: Header,
    /// What happened, in order. The index is the event's number `i`.
    pub events: Vec<Event>,
    /// The names that events refer to.
    pub symbols: Symbols,
}

impl History {
    /// The text behind a name; empty for [`Sym::NONE`].
    #[must_use]
    pub fn text(&self, sym: Sym) -> &str {
        self.symbols.text(sym)
    }
}
