//! Every operation in words, for `-V`. Built only if the host asks for it.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec::Vec;

use causeway_wire::client::ClientOp;
use causeway_wire::encode;
use causeway_wire::route::RouteOp;

use crate::effects::Effects;
use crate::interest::Plan;
use crate::node::Node;
use crate::trace::{Direction, TraceEvent};

/// JSON fields whose value a log must not show.
const SECRETS: [&[u8]; 4] = [b"\"pass\":\"", b"\"auth_token\":\"", b"\"jwt\":\"", b"\"sig\":\""];

impl Node {
    pub(crate) fn trace_client_op(&mut self, slot: u32, op: &ClientOp<'_>, fx: &mut Effects) {
        let mut line = Vec::new();
        let mut payload = None;
        match op {
            ClientOp::Connect(json) => encode::connect(&mut line, &redact(json)),
            ClientOp::Pub(publish) => {
                let (subject, reply) = (publish.subject, publish.reply);
                encode::publish(&mut line, subject, reply, publish.header_len, publish.body);
                line.truncate(line.len() - publish.body.len() - 4);
                payload = Some(publish.body);
            }
            ClientOp::Sub { subject, queue, sid } => {
                encode::sub(&mut line, subject, *queue, sid);
            }
            ClientOp::Unsub { sid, max } => encode::unsub(&mut line, sid, *max),
            ClientOp::Ping => encode::ping(&mut line),
            ClientOp::Pong => encode::pong(&mut line),
            ClientOp::Ok => encode::ok(&mut line),
            ClientOp::Info(json) => encode::info(&mut line, json),
            ClientOp::Err(text) => line.extend_from_slice(text),
        }
        self.trace_in(slot, line, payload, fx);
    }

    pub(crate) fn trace_route_op(&mut self, slot: u32, op: &RouteOp<'_>, fx: &mut Effects) {
        let mut line = Vec::new();
        let mut payload = None;
        match op {
            RouteOp::Info(json) => encode::info(&mut line, json),
            RouteOp::Connect(json) => encode::connect(&mut line, &redact(json)),
            RouteOp::Sub(sub) => encode::rs_sub(&mut line, sub.account, sub.subject, sub.queue),
            RouteOp::Unsub(unsub) => {
                encode::rs_unsub(&mut line, unsub.account, unsub.subject, unsub.queue);
            }
            RouteOp::Msg(message) => {
                encode::rmsg(
                    &mut line,
                    message.account,
                    message.subject,
                    message.reply,
                    message.queues,
                    message.header_len,
                    message.body,
                );
                line.truncate(line.len() - message.body.len() - 4);
                payload = Some(message.body);
            }
            RouteOp::BufferSeq(at) => encode::buffer_seq(&mut line, *at),
            RouteOp::BufferAck(at) => encode::buffer_ack(&mut line, *at),
            RouteOp::BufferPosition(at) => encode::buffer_position(&mut line, *at),
            RouteOp::Ping => encode::ping(&mut line),
            RouteOp::Pong => encode::pong(&mut line),
            RouteOp::Ok => encode::ok(&mut line),
            RouteOp::Err(text) => line.extend_from_slice(text),
        }
        self.trace_in(slot, line, payload, fx);
    }

    fn trace_in(&mut self, slot: u32, line: Vec<u8>, payload: Option<&[u8]>, fx: &mut Effects) {
        self.trace_lines(slot, Direction::In, line.trim_ascii_end(), payload, fx);
    }

    /// Traces what was appended to a link's queue: whole operations.
    pub(crate) fn trace_out(&self, slot: u32, sent: &[u8], fx: &mut Effects) {
        let mut rest = sent;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end + 1);
            let line = line.trim_ascii_end();
            let payload = if carries_payload(line) { payload_len(line) } else { None };
            let payload = payload.map(|len| &after[..len.min(after.len())]);
            rest = match payload {
                Some(payload) => after.get(payload.len() + 2..).unwrap_or_default(),
                None => after,
            };
            if let Some(shown) = shown_as(line) {
                self.trace_lines(slot, Direction::Out, &shown, payload, fx);
            }
        }
    }

    /// What the receivers of a message have pending before it is delivered, to trace what each gets.
    pub(crate) fn receivers_before(&self, plan: &Plan) -> Vec<(u32, u64)> {
        let members = plan.groups.iter().flat_map(|group| {
            let remotes = group.remotes.iter().map(|(slot, _)| *slot);
            group.locals.iter().map(|local| local.link).chain(remotes)
        });
        let locals = plan.locals.iter().map(|local| local.link);
        let mut before: Vec<(u32, u64)> = Vec::new();
        for slot in locals.chain(plan.remotes.iter().copied()).chain(members) {
            if !before.iter().any(|(of, _)| *of == slot)
                && let Some(link) = self.links.at(slot)
            {
                before.push((slot, link.tx.pending()));
            }
        }
        before
    }

    /// Traces what a delivery has put into the queues.
    pub(crate) fn trace_delivered(&self, before: &[(u32, u64)], fx: &mut Effects) {
        for (slot, pending) in before {
            let Some(link) = self.links.at(*slot) else { continue };
            let mut skip = usize::try_from(*pending).unwrap_or(usize::MAX);
            let mut sent = Vec::new();
            for chunk in link.tx.chunks() {
                sent.extend_from_slice(chunk.get(skip..).unwrap_or_default());
                skip = skip.saturating_sub(chunk.len());
            }
            self.trace_out(*slot, &sent, fx);
        }
    }

    fn trace_lines(
        &self,
        slot: u32,
        direction: Direction,
        line: &[u8],
        payload: Option<&[u8]>,
        fx: &mut Effects,
    ) {
        let mut push = |text: Vec<u8>| {
            let who = self.label(slot);
            fx.trace.push(TraceEvent::Protocol { who, direction, text });
        };
        push(line.to_vec());
        // As in nats-server the header block belongs to it, and nothing is not shown.
        if let Some(payload) = payload.filter(|payload| !payload.is_empty()) {
            push(format!("MSG_PAYLOAD: [\"{}\"]", payload.escape_ascii()).into_bytes());
        }
    }
}

/// Whether a payload follows this line.
fn carries_payload(line: &[u8]) -> bool {
    [&b"MSG "[..], b"HMSG ", b"RMSG "].iter().any(|verb| line.starts_with(verb))
}

/// The size at the end of a message line.
fn payload_len(line: &[u8]) -> Option<usize> {
    let last = line.rsplit(|byte| *byte == b' ').next()?;
    core::str::from_utf8(last).ok()?.parse().ok()
}

/// How nats-server writes an operation of its own; INFO and CONNECT it does not.
fn shown_as(line: &[u8]) -> Option<Cow<'_, [u8]>> {
    if line.starts_with(b"INFO ") || line.starts_with(b"CONNECT ") {
        return None;
    }
    if line == b"+OK" {
        return Some(Cow::Borrowed(b"OK"));
    }
    let text = line.strip_prefix(b"-ERR '").and_then(|text| text.strip_suffix(b"'"));
    Some(match text {
        Some(text) => Cow::Owned([b"-ERR ", text].concat()),
        None => Cow::Borrowed(line),
    })
}

/// A CONNECT without its secrets.
fn redact(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    let mut rest = json;
    'scan: while let Some((&byte, after)) = rest.split_first() {
        for key in SECRETS {
            if rest.starts_with(key) {
                out.extend_from_slice(key);
                out.extend_from_slice(b"[REDACTED]");
                let value = &rest[key.len()..];
                let end = value.iter().position(|byte| *byte == b'"').unwrap_or(value.len());
                rest = &value[end..];
                continue 'scan;
            }
        }
        out.push(byte);
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_redacted() {
        for (json, shown) in [
            (r#"{"user":"a","pass":"b"}"#, r#"{"user":"a","pass":"[REDACTED]"}"#),
            (
                r#"{"auth_token":"x","pass":""}"#,
                r#"{"auth_token":"[REDACTED]","pass":"[REDACTED]"}"#,
            ),
            (r#"{"pass":"never ends"#, r#"{"pass":"[REDACTED]"#),
            ("{}", "{}"),
        ] {
            assert_eq!(redact(json.as_bytes()), shown.as_bytes());
        }
    }
}
