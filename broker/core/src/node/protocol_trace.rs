//! Every operation in words, for `-V`. Built only if the host asks for it.

use alloc::format;
use alloc::vec::Vec;

use causeway_wire::client::ClientOp;
use causeway_wire::encode;
use causeway_wire::route::RouteOp;

use crate::effects::Effects;
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
                payload = Some(publish.split().1);
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
            RouteOp::Ping => encode::ping(&mut line),
            RouteOp::Pong => encode::pong(&mut line),
            RouteOp::Ok => encode::ok(&mut line),
            RouteOp::Err(text) => line.extend_from_slice(text),
        }
        self.trace_in(slot, line, payload, fx);
    }

    fn trace_in(&mut self, slot: u32, line: Vec<u8>, payload: Option<&[u8]>, fx: &mut Effects) {
        let mut push = |text: Vec<u8>| {
            let who = self.label(slot);
            fx.trace.push(TraceEvent::Protocol { who, direction: Direction::In, text });
        };
        push(line.trim_ascii_end().to_vec());
        if let Some(payload) = payload {
            push(format!("MSG_PAYLOAD: [\"{}\"]", payload.escape_ascii()).into_bytes());
        }
    }
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
