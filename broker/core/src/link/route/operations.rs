//! What a route's peer says, one operation at a time.

use alloc::format;
use alloc::string::String;

use causeway_wire::route::{self as protocol, RouteOp};
use causeway_wire::{Limits, ParseError, Parsed, encode, error_text};

use crate::effects::Effects;
use crate::fault::CloseReason;
use crate::ids::LinkId;
use crate::limits;
use crate::link::receive::Progress;
use crate::link::route::Stage;
use crate::link::{Hold, Link};
use crate::node::Node;
use crate::time::{Duration, Now};
use crate::trace::TraceEvent;

impl Node {
    /// Handles the whole frames at the start of `bytes`.
    pub(crate) fn parse_route(
        &mut self,
        now: Now,
        id: LinkId,
        bytes: &[u8],
        fx: &mut Effects,
    ) -> Progress {
        let mut route_limits = Limits::server_link(self.config.limits.max_control_line);
        route_limits.payload = limits::ROUTE_PAYLOAD_BYTES.max(self.config.limits.max_payload);
        let mut consumed = 0;
        while consumed < bytes.len() {
            let enough = self.turn_output >= limits::TURN_OUTPUT_BYTES;
            if enough || (consumed > 0 && perturb!(self, ShortTurn)) {
                self.hold(id, Hold::Turn);
            }
            let Some(link) = self.links.get(id).filter(|link| link.takes_input()) else { break };
            let Some(route) = link.route() else { break };
            let rest = &bytes[consumed..];
            if route.stage == Stage::AwaitConnect && !matches!(rest[0], b'C' | b'c') {
                self.refuse_route(now, id.slot, None, fx);
                break;
            }
            let (account, origin) = (route.account_token(), route.unsub_origin());
            match protocol::parse(rest, &route_limits, account, origin) {
                Ok(Parsed::Frame { frame, len }) => {
                    consumed += len;
                    self.route_op(now, id, frame, fx);
                }
                Ok(Parsed::Incomplete { need }) => return Progress { consumed, need },
                Err(error) => {
                    self.route_parse_error(now, id.slot, error, fx);
                    break;
                }
            }
        }
        if !self.is_open(id) {
            consumed = bytes.len();
        }
        Progress { consumed, need: 0 }
    }

    fn route_parse_error(&mut self, now: Now, slot: u32, error: ParseError, fx: &mut Effects) {
        let reason = match error {
            ParseError::ControlLine { .. } => CloseReason::MaxControlLineExceeded,
            ParseError::Payload { .. } => CloseReason::MaxPayloadExceeded,
            ParseError::UnknownOperation => CloseReason::ProtocolViolation,
            ParseError::Arguments(_) | ParseError::HeadersNotSupported => CloseReason::ParseError,
        };
        self.report_fault(slot, &format!("{error}"), fx);
        if let Some(text) = error.wire_text() {
            self.send(slot, fx, |out| encode::err(out, text));
        }
        self.close(now, slot, reason, limits::CLOSE_LINGER, fx);
    }

    fn route_op(&mut self, now: Now, id: LinkId, op: RouteOp<'_>, fx: &mut Effects) {
        let slot = id.slot;
        if fx.trace_mask.protocol {
            self.trace_route_op(slot, &op, fx);
        }
        let registered = self
            .links
            .get(id)
            .and_then(Link::route)
            .is_some_and(|route| route.stage == Stage::Registered);
        match op {
            RouteOp::Info(json) => self.route_info_received(now, slot, json, fx),
            RouteOp::Connect(json) => self.route_connect_received(now, slot, json, fx),
            RouteOp::Ping => self.send_keepalive(slot, fx, encode::pong),
            RouteOp::Pong => {
                self.pong(now, slot);
                self.route_confirmed(now, slot, fx);
            }
            RouteOp::Ok => {}
            RouteOp::Err(text) => {
                let text = format!("Route Error {}", String::from_utf8_lossy(text));
                self.report_fault(slot, &text, fx);
                self.close(now, slot, CloseReason::ParseError, Duration::ZERO, fx);
            }
            RouteOp::Sub(_)
            | RouteOp::Unsub(_)
            | RouteOp::Msg(_)
            | RouteOp::BufferSeq(_)
            | RouteOp::BufferAck(_)
            | RouteOp::BufferPosition(_)
                if !registered =>
            {
                let text = "interest or message before INFO";
                self.fail(now, slot, text, CloseReason::ProtocolViolation, fx);
            }
            RouteOp::Sub(sub) => self.remote_subscribe(now, slot, &sub),
            RouteOp::Unsub(unsub) => self.remote_unsubscribe(now, slot, &unsub),
            RouteOp::Msg(message) => self.routed_message(now, slot, &message, fx),
            RouteOp::BufferSeq(at) => {
                self.buffer_op(now, slot, fx, |node, _| node.buffer_seq(slot, at))
            }
            RouteOp::BufferAck(at) => {
                self.buffer_op(now, slot, fx, |node, _| node.buffer_ack(now, slot, at));
            }
            RouteOp::BufferPosition(at) => {
                self.buffer_op(now, slot, fx, |node, fx| node.buffer_position(now, slot, at, fx));
            }
        }
    }

    /// Something about buffers, which only a peer may say that has said that it knows them.
    fn buffer_op(
        &mut self,
        now: Now,
        slot: u32,
        fx: &mut Effects,
        act: impl FnOnce(&mut Self, &mut Effects) -> bool,
    ) {
        if !act(self, fx) {
            let text = error_text::UNKNOWN_PROTOCOL_OPERATION;
            self.fail(now, slot, text, CloseReason::ProtocolViolation, fx);
        }
    }

    /// Wrong credentials, or an operation before CONNECT.
    pub(super) fn refuse_route(
        &mut self,
        now: Now,
        slot: u32,
        user: Option<String>,
        fx: &mut Effects,
    ) {
        let who = self.label(slot);
        fx.trace.push(TraceEvent::AuthenticationFailed { who, user });
        self.send(slot, fx, |out| encode::err(out, error_text::AUTHORIZATION_VIOLATION));
        self.close(now, slot, CloseReason::AuthenticationFailure, limits::CLOSE_LINGER, fx);
    }
}
