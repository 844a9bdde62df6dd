//! What a client may ask for, one operation at a time.

use alloc::format;
use alloc::string::String;
use core::mem;

use causeway_wire::client::{self as protocol, ClientOp};
use causeway_wire::info::Info;
use causeway_wire::{ParseError, Parsed, encode, error_text, subject};

use crate::account::GLOBAL;
use crate::effects::Effects;
use crate::fault::CloseReason;
use crate::ids::{AccountId, LinkId};
use crate::interest::{SidIndex, SubId};
use crate::limits;
use crate::link::client::{Owed, Phase};
use crate::link::receive::Progress;
use crate::link::{Hold, Link};
use crate::node::Node;
use crate::time::Now;
use crate::trace::{Direction, TraceEvent};

/// A queue name that servers use among themselves.
const SYSTEM_QUEUE: &[u8] = b"_sys_";

impl Node {
    /// Handles the whole frames at the start of `bytes`.
    pub(crate) fn parse_client(
        &mut self,
        now: Now,
        id: LinkId,
        bytes: &[u8],
        fx: &mut Effects,
    ) -> Progress {
        let mut consumed = 0;
        while consumed < bytes.len() {
            let enough = self.turn_output >= limits::TURN_OUTPUT_BYTES;
            if enough || (consumed > 0 && perturb!(self, ShortTurn)) {
                self.hold(id, Hold::Turn);
            }
            let Some(link) = self.links.get(id).filter(|link| link.takes_input()) else { break };
            let Some(client) = link.client() else { break };
            let rest = &bytes[consumed..];
            if client.phase == Phase::AwaitingConnect && !matches!(rest[0], b'C' | b'c') {
                // nats-server decides by the first byte.
                self.refuse_client(now, id.slot, None, fx);
                break;
            }
            let limits = client.limits(&self.config);
            if let Some(run) = self.publish_run(now, id.slot, rest, &limits, fx) {
                consumed += run;
                continue;
            }
            match protocol::parse(rest, &limits) {
                Ok(Parsed::Frame { frame, len }) => {
                    consumed += len;
                    self.client_op(now, id, frame, fx);
                }
                Ok(Parsed::Incomplete { need }) => return Progress { consumed, need },
                Err(error) => {
                    self.client_parse_error(now, id.slot, error, fx);
                    break;
                }
            }
        }
        if !self.is_open(id) {
            consumed = bytes.len();
        }
        Progress { consumed, need: 0 }
    }

    fn client_parse_error(&mut self, now: Now, slot: u32, error: ParseError, fx: &mut Effects) {
        // nats-server's reasons: whatever its parser stumbles over is a protocol violation.
        let reason = match error {
            ParseError::ControlLine { .. } => CloseReason::MaxControlLineExceeded,
            ParseError::Payload { .. } => CloseReason::MaxPayloadExceeded,
            ParseError::UnknownOperation
            | ParseError::Arguments(_)
            | ParseError::HeadersNotSupported => CloseReason::ProtocolViolation,
        };
        self.report_fault(slot, &format!("{error}"), fx);
        if let Some(text) = error.wire_text() {
            self.send(slot, fx, |out| encode::err(out, text));
        }
        // What was answered before the error still goes out.
        self.close(now, slot, reason, limits::CLOSE_LINGER, fx);
    }

    /// The arguments of a line are not the JSON that they should be. nats-server closes without a
    /// word; what was answered before still goes out.
    pub(super) fn client_json_error(
        &mut self,
        now: Now,
        slot: u32,
        operation: &str,
        fx: &mut Effects,
    ) {
        let text = format!("{operation} is not the JSON that it should be");
        self.report_fault(slot, &text, fx);
        self.close(now, slot, CloseReason::ProtocolViolation, limits::CLOSE_LINGER, fx);
    }

    fn client_op(&mut self, now: Now, id: LinkId, op: ClientOp<'_>, fx: &mut Effects) {
        let slot = id.slot;
        if fx.trace_mask.protocol {
            self.trace_client_op(slot, &op, fx);
        }
        match op {
            ClientOp::Pub(publish) => self.client_publish(now, slot, &publish, fx),
            ClientOp::Sub { subject, queue, sid } => {
                self.client_subscribe(now, slot, subject, queue, sid, fx);
            }
            ClientOp::Unsub { sid, max } => self.client_unsubscribe(now, slot, sid, max, fx),
            ClientOp::Ping => self.client_ping(now, slot, fx),
            ClientOp::Pong => self.pong(now, slot),
            ClientOp::Connect(json) => self.client_connect(now, id, json, fx),
            ClientOp::Ok => {}
            // It means nothing from a client, but it must be one.
            ClientOp::Info(json) => {
                if Info::parse(json).is_err() {
                    self.client_json_error(now, slot, "INFO", fx);
                }
            }
            ClientOp::Err(text) => {
                let text = format!("Client Error {}", String::from_utf8_lossy(text));
                self.report_fault(slot, &text, fx);
                self.close(now, slot, CloseReason::ParseError, limits::CLOSE_LINGER, fx);
            }
        }
    }

    fn client_ping(&mut self, now: Now, slot: u32, fx: &mut Effects) {
        if !self.wait_for_buffers(now, slot, Some(Owed::Pong), fx) {
            self.answer_ping(slot, fx);
        }
    }

    pub(crate) fn answer_ping(&mut self, slot: u32, fx: &mut Effects) {
        self.send(slot, fx, encode::pong);
        let Some(client) = self.links.at_mut(slot).and_then(Link::client_mut) else { return };
        if client.connect_received && !mem::replace(&mut client.first_pong_sent, true) {
            let wants_info = client.protocol >= 1;
            if wants_info {
                self.confirm_connect(slot, fx);
            }
        }
    }

    fn client_subscribe(
        &mut self,
        now: Now,
        slot: u32,
        subject: &[u8],
        queue: Option<&[u8]>,
        sid: &[u8],
        fx: &mut Effects,
    ) {
        let max = self.config.limits.max_subscriptions;
        let max_tokens = self.config.limits.max_subscription_tokens;
        let Some(link) = self.links.at_mut(slot) else { return };
        link.last_activity = now.wall;
        let Some(client) = link.client_mut() else { return };
        let refused = if queue == Some(SYSTEM_QUEUE) {
            let text = quoted(error_text::PERMISSIONS_VIOLATION_SUBSCRIPTION, subject);
            Some(format!("{text} using queue \"_sys_\""))
        } else if max_tokens > 0 && subject::tokens(subject).count() > max_tokens as usize {
            let text = quoted(error_text::PERMISSIONS_VIOLATION_SUBSCRIPTION, subject);
            Some(format!("{text}, too many tokens"))
        } else if max > 0 && client.subscription_count >= max {
            Some(error_text::MAXIMUM_SUBSCRIPTIONS_EXCEEDED.into())
        } else if !subject::is_valid(subject) {
            Some(error_text::INVALID_SUBJECT.into())
        } else {
            None
        };
        let verbose = client.verbose;
        if let Some(text) = refused {
            self.report_fault(slot, &text, fx);
            self.send(slot, fx, |out| encode::err(out, &text));
            return;
        }
        let mut index = mem::take(&mut client.subscriptions);
        let added = self.with_announcements(GLOBAL, fx, |interest, announce| {
            interest.subscribe(&mut index, slot, subject, queue, sid, announce)
        });
        if let Some(client) = self.links.at_mut(slot).and_then(Link::client_mut) {
            client.subscriptions = index;
            client.subscription_count += u64::from(added.is_some());
        }
        if verbose {
            self.send(slot, fx, encode::ok);
        }
    }

    fn client_unsubscribe(
        &mut self,
        now: Now,
        slot: u32,
        sid: &[u8],
        max: Option<u64>,
        fx: &mut Effects,
    ) {
        let Some(link) = self.links.at_mut(slot) else { return };
        link.last_activity = now.wall;
        let Some(client) = link.client_mut() else { return };
        let interest = &mut self.accounts.get_mut(GLOBAL).interest;
        let verbose = client.verbose;
        if let Some(sub) = interest.find(&client.subscriptions, sid) {
            let subscription = interest.subscription_mut(sub);
            match max {
                Some(max) if max > subscription.delivered => subscription.max = max,
                Some(_) | None => self.remove_subscription(slot, sub, fx),
            }
        }
        if verbose {
            self.send(slot, fx, encode::ok);
        }
    }

    /// Takes a subscription out, and tells peers if it was the last of its kind.
    pub(crate) fn remove_subscription(&mut self, slot: u32, sub: SubId, fx: &mut Effects) {
        let Some(link) = self.links.at_mut(slot).filter(|link| link.is_open()) else { return };
        let Some(client) = link.client_mut() else { return };
        let mut index = mem::take(&mut client.subscriptions);
        client.subscription_count -= 1;
        if fx.trace_mask.protocol {
            let mut text = b"DELSUB ".to_vec();
            text.extend_from_slice(self.accounts.get(GLOBAL).interest.sid(sub));
            let who = self.label(slot);
            let direction = Direction::Internal;
            fx.trace.push(TraceEvent::Protocol { who, direction, text });
        }
        self.with_announcements(GLOBAL, fx, |interest, announce| {
            interest.unsubscribe(&mut index, sub, announce);
        });
        if let Some(client) = self.links.at_mut(slot).and_then(Link::client_mut) {
            client.subscriptions = index;
        }
    }

    /// Takes out all subscriptions of an open client.
    pub(super) fn drop_all_subscriptions(&mut self, slot: u32, fx: &mut Effects) {
        let Some(client) = self.links.at_mut(slot).and_then(Link::client_mut) else { return };
        client.subscription_count = 0;
        let index = mem::take(&mut client.subscriptions);
        self.drop_client_interest(GLOBAL, index, fx);
    }

    /// Takes out the subscriptions of `index`.
    pub(crate) fn drop_client_interest(
        &mut self,
        account: AccountId,
        mut index: SidIndex,
        fx: &mut Effects,
    ) {
        self.with_announcements(account, fx, |interest, announce| {
            interest.drop_client(&mut index, announce);
        });
    }
}

/// `<beginning>"<subject>"`.
pub(super) fn quoted(beginning: &str, subject: &[u8]) -> String {
    format!("{beginning}\"{}\"", String::from_utf8_lossy(subject))
}
