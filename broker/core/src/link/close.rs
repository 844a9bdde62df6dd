//! The end of a link: decided by us, by the peer, or by the network.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::mem;

use causeway_wire::encode;

use crate::account::GLOBAL;
use crate::effects::{Effects, LinkCmd};
use crate::fault::CloseReason;
use crate::ids::LinkId;
use crate::input::CloseCause;
use crate::limits;
use crate::link::{Link, LinkKind, Role};
use crate::node::Node;
use crate::time::{Duration, Now};
use crate::trace::{LinkLabel, TraceEvent};

impl Node {
    /// Sends `-ERR 'text'` and ends the link.
    pub(crate) fn fail(
        &mut self,
        now: Now,
        slot: u32,
        text: &str,
        reason: CloseReason,
        fx: &mut Effects,
    ) {
        self.report_fault(slot, text, fx);
        self.send(slot, fx, |out| encode::err(out, text));
        self.close(now, slot, reason, limits::CLOSE_LINGER, fx);
    }

    /// Says in the log what a peer did wrong.
    pub(crate) fn report_fault(&mut self, slot: u32, text: &str, fx: &mut Effects) {
        let who = self.label(slot);
        fx.trace.push(TraceEvent::PeerFault { who, text: text.to_owned() });
    }

    /// Ends a link: takes back its interest, tells the host to close it. What is in its transmit
    /// queue is written first if that takes no longer than `linger`.
    pub(crate) fn close(
        &mut self,
        now: Now,
        slot: u32,
        reason: CloseReason,
        linger: Duration,
        fx: &mut Effects,
    ) {
        let Some(link) = self.links.at_mut(slot) else { return };
        if link.closing.is_some() {
            return;
        }
        link.closing = Some(reason);
        link.rx.bytes = alloc::vec::Vec::new();
        let id = link.id;
        if linger.is_zero() {
            let lost = link.tx.clear(&mut self.spare);
            if link.kind() == LinkKind::Route {
                self.stats.lost_on_close += lost;
            }
        }
        fx.links.push(LinkCmd::Close { link: id, linger });
        self.detach(now, slot, reason, fx);
    }

    /// The host says that the connection is gone.
    pub(crate) fn closed(&mut self, now: Now, id: LinkId, cause: CloseCause, fx: &mut Effects) {
        let Some(link) = self.links.get_mut(id) else { return };
        let lost = link.tx.clear(&mut self.spare);
        if link.closing.is_none() {
            let reason = match cause {
                CloseCause::Eof | CloseCause::Requested => CloseReason::ClientClosed,
                CloseCause::ReadError => CloseReason::ReadError,
                CloseCause::WriteError => CloseReason::WriteError,
            };
            link.closing = Some(reason);
            if link.kind() == LinkKind::Route {
                self.stats.lost_on_close += lost;
            }
            self.detach(now, id.slot, reason, fx);
        }
        self.links.remove(id);
        self.exit_if_drained(fx);
    }

    /// Takes a link that is to end out of everything that knows it.
    fn detach(&mut self, now: Now, slot: u32, reason: CloseReason, fx: &mut Effects) {
        let who = self.label(slot);
        let Some(link) = self.links.at_mut(slot) else { return };
        let remote = link.route().and_then(|route| route.remote_name.clone());
        fx.trace.push(TraceEvent::LinkClosed { who, reason, remote });
        match &mut link.role {
            Role::Client(client) => {
                let index = mem::take(&mut client.subscriptions);
                client.last_plan = None;
                self.stats.connections -= 1;
                self.remember_closed(now, slot, reason, &index);
                self.drop_client_interest(GLOBAL, index, fx);
            }
            Role::Route(route) => {
                let indexes = mem::take(&mut route.interest);
                let (id, buffer) = (link.id, route.buffer);
                self.stats.routes -= 1;
                for ((account, _), mut index) in indexes {
                    self.accounts.get_mut(account).interest.drop_remote(&mut index);
                }
                if let Some(peer) = buffer {
                    self.buffer_route_gone(now, id, peer, fx);
                }
                self.route_gone(now, slot, reason, fx);
            }
        }
    }

    /// Who a log line is about.
    pub(crate) fn label(&self, slot: u32) -> LinkLabel {
        let link = self.links.at(slot).expect("only open links are labelled");
        let (name, user) = match &link.role {
            Role::Client(client) => {
                (client.label(), client.user_label(&self.accounts.get(GLOBAL).name))
            }
            Role::Route(route) => (route.remote_name.clone(), None),
        };
        LinkLabel { link: link.id, kind: link.kind(), cid: link.cid, peer: link.peer, name, user }
    }
}

/// nats-server's label for a client that said who it is: `v<version>:<lang>:<name>`.
pub(crate) fn client_label(version: &str, lang: &str, name: &str) -> Option<String> {
    let mut label = String::new();
    if !version.is_empty() {
        label.push('v');
        label.push_str(version);
    }
    for part in [lang, name] {
        if !part.is_empty() {
            if !label.is_empty() {
                label.push(':');
            }
            label.push_str(part);
        }
    }
    (!label.is_empty()).then_some(label)
}

impl Link {
    /// Whether its next frame may be handled now.
    pub(crate) const fn takes_input(&self) -> bool {
        self.closing.is_none() && self.rx.held.is_none()
    }

    /// Whether messages may still be put into its queue.
    pub(crate) const fn is_open(&self) -> bool {
        self.closing.is_none()
    }
}
