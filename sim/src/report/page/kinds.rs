//! The kinds of events, each with a sentence that the page fills.
//!
//! In a sentence `{lane}` and `{peer}` are names of lines, `{msg}` the name of a message, `{text}` and
//! `{more}` texts, `{conn}`, `{n}` and `{m}` numbers.

use serde::Serialize;

use crate::guarantee::Table as Lookup;

/// A kind of events.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct KindInfo {
    name: &'static str,
    group: &'static str,
    words: &'static str,
    /// What `n` is; empty if nothing.
    n: &'static str,
    /// What `m` is; empty if nothing.
    m: &'static str,
}

const fn kind(name: &'static str, group: &'static str, words: &'static str) -> KindInfo {
    KindInfo { name, group, words, n: "", m: "" }
}

impl KindInfo {
    /// The name in files.
    #[cfg(test)]
    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    const fn n(self, n: &'static str) -> Self {
        Self { n, ..self }
    }

    const fn m(self, m: &'static str) -> Self {
        Self { m, ..self }
    }
}

/// All kinds. A new one goes to the end of its group.
pub(super) const KINDS: &[KindInfo] = &[
    kind("phase", "run", "the phase `{text}` begins"),
    kind("end", "run", "the run is over"),
    kind("fault_on", "fault", "fault: {text}").n("fault"),
    kind("fault_off", "fault", "fault over: {text}").n("fault"),
    kind("node_up", "node", "{lane} starts (start number {n})").n("start number"),
    kind("node_down", "node", "{lane} {text}"),
    kind(
        "slow_consumer",
        "node",
        "{lane} cuts {peer} off as too slow: {n} bytes waited, the limit is {m}",
    )
    .n("bytes")
    .m("limit; 0 is the write deadline"),
    kind("backlog", "node", "{n} bytes wait at {lane} for {peer}").n("bytes"),
    kind("dial", "node", "{lane} dials {text}"),
    kind("snapshot", "node", "{lane} is looked into: {text}"),
    kind("said", "log", "{lane}: {text}"),
    kind("route_up", "route", "{lane} has a route to {peer} (rid {n})").n("rid"),
    kind("route_down", "route", "{lane} loses a route to {peer} (rid {n}): {text}").n("rid"),
    kind("wire_opened", "route", "{lane} opens connection {conn} to {peer}"),
    kind("wire_closed", "route", "for {lane}, connection {conn} with {peer} is gone"),
    kind(
        "wire_error",
        "route",
        "{lane} sends {peer} something that is not the route protocol: {text}",
    ),
    kind("connected", "client", "{lane} is connected to {peer} (its connection {conn})"),
    kind("closed", "client", "{lane} loses its connection {conn}: {text}"),
    kind("client_error", "client", "{lane} is sent an error by {peer}: {text}"),
    kind("servers", "client", "{lane} is told of the servers {text}"),
    kind("sub", "subscription", "{lane} subscribes to `{text}` (subscription {n}, group `{more}`)")
        .n("subscription")
        .m("most messages; 0 is no limit"),
    kind("sub_ready", "subscription", "{lane}'s node has subscription {n}").n("subscription"),
    kind("unsub", "subscription", "{lane} unsubscribes subscription {n} after {m} messages")
        .n("subscription")
        .m("most messages; 0 is now"),
    kind("unsub_ready", "subscription", "{lane}'s node has the UNSUB of subscription {n}")
        .n("subscription"),
    kind("pub", "message", "{lane} publishes message {msg} on `{text}`, {n} bytes")
        .n("bytes of header and payload")
        .m("bytes of the header"),
    kind("pub_flushed", "message", "{lane}'s node has processed its messages up to {n}")
        .n("number on its connection"),
    kind(
        "pub_refused",
        "message",
        "{lane} is told that one of its messages from {n} to {m} on `{text}` is not taken: {more}",
    )
    .n("the first that it may be, on its connection")
    .m("the last"),
    kind(
        "op_dropped",
        "message",
        "{lane} is not connected and drops {n} of what it would send on `{text}`",
    )
    .n("messages"),
    kind("delivered", "message", "{lane} gets message {msg} on `{text}` for subscription {n}")
        .n("subscription")
        .m("bytes of header and payload"),
    kind("no_responders", "message", "{lane} is told that nobody is there to answer message {msg}"),
    kind("request_done", "message", "{lane} has its answer to message {msg}"),
    kind("request_timeout", "message", "{lane} gets no answer to message {msg}")
        .n("1 if it lost its connection"),
    kind(
        "buffer_kept",
        "buffer",
        "{lane} keeps message {msg} for {peer}, as number {n} of its buffer, which holds {m} now",
    )
    .n("number in the buffer")
    .m("messages in it now"),
    kind("buffer_left", "buffer", "numbers {n} to {m} leave {lane}'s buffer for {peer}: {text}")
        .n("the first")
        .m("the last"),
    kind("buffer_refused", "buffer", "{lane} refuses message {msg}: its buffer for {peer} is full"),
    kind("buffer_repeated", "buffer", "{lane} passes over number {n} from {peer}: it has had that")
        .n("number in the peer's buffer"),
    kind("stream_made", "stream", "{lane} is there"),
    kind("stream_consumer_made", "stream", "{lane} is there"),
    kind("stream_sent", "stream", "{lane} sends message {msg} for {peer} on `{text}` (time {n})")
        .n("attempt")
        .m("bytes of its payload"),
    kind("stream_acked", "stream", "message {msg} is acknowledged to {lane} as sequence {n}")
        .n("sequence")
        .m("1 if it had been there"),
    kind("stream_refused", "stream", "message {msg} of {lane} is refused with {n}: {text}")
        .n("code of the error"),
    kind("stream_unknown", "stream", "nobody says what became of message {msg} of {lane}"),
    kind(
        "stream_batch",
        "stream",
        "{lane} sends {n} messages from {msg} on for {peer}, all or none",
    )
    .n("messages"),
    kind("stream_added", "stream", "message {msg} of {lane} adds {n}").n("how much"),
    kind("stream_told", "stream", "with message {msg} of {lane} that comes to {n}").n("sum"),
    kind("stream_value", "stream", "sequence {n} of {lane} counts {m}").n("sequence").m("sum"),
    kind("stream_given", "stream", "{peer} gives {lane} sequence {n} for the {m}. time")
        .n("sequence")
        .m("the how-many-eth time"),
    kind("stream_answered", "stream", "{lane} answers sequence {n} of {peer}: {text}")
        .n("sequence")
        .m("the consumer's sequence"),
    kind("stream_confirmed", "stream", "{peer} tells {lane} that sequence {n} is acknowledged")
        .n("sequence"),
    kind("stream_read", "stream", "{lane} asks {peer} for the last of `{text}` (question {n})")
        .n("question"),
    kind("stream_got", "stream", "{lane} is told sequence {m} (question {n})")
        .n("question")
        .m("sequence; 0 if there is none"),
    kind("stream_untold", "stream", "{lane} is not answered (question {n})").n("question"),
    kind("stream_state", "stream", "{text}"),
    kind("stream_stored", "stream", "sequence {n} of {lane} is message {msg} on `{text}`")
        .n("sequence")
        .m("bytes of its payload"),
    kind("stream_hole", "stream", "sequence {n} of {lane} cannot be had ({m})")
        .n("sequence")
        .m("code of the error"),
    kind("stream_audited", "stream", "all of {lane} has been read back"),
    kind("stream_damaged", "stream", "{text}").n("first sequence").m("last sequence"),
    kind("stream_vanished", "stream", "the last file of {lane} cannot be found any more"),
    kind("stream_consumer_state", "stream", "{text}"),
    kind("stream_api_error", "stream", "{lane} asked on `{more}` and got error {n}: {text}")
        .n("code of the error"),
];

/// The numbers of kinds by their names.
#[derive(Debug)]
pub(super) struct Kinds(Lookup<&'static str, u64>);

impl Kinds {
    pub(super) fn new() -> Self {
        let mut numbers = Lookup::default();
        for (number, kind) in KINDS.iter().enumerate() {
            numbers.insert(kind.name, number as u64);
        }
        Self(numbers)
    }

    /// The number of a kind.
    ///
    /// # Panics
    /// If there is no such kind: a test goes through all of them.
    pub(super) fn number(&self, name: &str) -> u64 {
        *self.0.get(name).unwrap_or_else(|| panic!("`{name}` is no kind of events of reports"))
    }
}
