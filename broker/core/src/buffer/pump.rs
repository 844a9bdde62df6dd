//! Sending: from the log to the peer's connection, in order, as much as is good for the others who use
//! it.
//!
//! The order is that of storing, for each subject. A subject that somebody is awaited for waits as a
//! whole; those behind it pass. So what has different subjects may arrive in another order than it was
//! published in after the peer was another process, and not otherwise.

use alloc::vec::Vec;

use causeway_store::{Get, StoredMessage};
use causeway_wire::encode;
use causeway_wire::route::BufferSeq;

use super::peer::{Peer, Sent};
use super::record::Envelope;
use super::standing::{Tables, is_anywhere_in, is_in};
use crate::effects::Effects;
use crate::limits;
use crate::link::tx::SpareChunks;
use crate::link::{Links, Role};
use crate::monitor::Traffic;
use crate::time::Now;
use crate::trace::Leave;

/// What of the node is used for sending.
pub(super) struct Sending<'a> {
    pub(super) now: Now,
    pub(super) links: &'a mut Links,
    pub(super) spare: &'a mut SpareChunks,
    pub(super) fx: &'a mut Effects,
    /// What was sent.
    pub(super) traffic: Traffic,
    /// Bytes put into transmit queues.
    pub(super) appended: usize,
    /// Bytes that this turn may still put there.
    pub(super) room: usize,
}

/// Why sending has come to an end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pumped {
    /// There is nothing more, or something else has to happen first.
    Done,
    /// The turn has done enough.
    More,
}

impl Peer {
    /// Sends what may be sent.
    pub(super) fn pump(&mut self, tables: &mut Tables, sending: &mut Sending<'_>) -> Pumped {
        self.loading = false;
        let Some(id) = self.link else { return Pumped::Done };
        while let Some(seq) = self.next_durable(self.cursor) {
            let Some(link) = sending.links.get_mut(id).filter(|link| link.is_open()) else { break };
            let full = link.tx.pending() >= limits::BUFFER_FEED_BYTES
                || self.flight_bytes >= self.window.bytes();
            if full || self.unreadable {
                break;
            }
            if sending.appended >= sending.room {
                return Pumped::More;
            }
            if self.in_flight.contains(&seq) {
                self.cursor = seq + 1;
                continue;
            }
            if self.waits(tables, seq) {
                self.held_back.get_or_insert(seq);
                self.cursor = seq + 1;
                continue;
            }
            match self.log.get(seq, &mut sending.fx.disk) {
                Get::Message(message) => {
                    let envelope = Envelope::read(message.header());
                    let envelope = envelope.filter(|it| self.is_wanted(tables, &message, it));
                    if envelope.is_some() && !self.may_leave_out(seq) {
                        break;
                    }
                    self.cursor = seq + 1;
                    match envelope {
                        Some(envelope) => self.send(id.slot, &message, &envelope, sending),
                        None => {
                            self.dropped.unwanted += 1;
                            self.discard(seq, Leave::Unwanted);
                        }
                    }
                }
                Get::Loading => {
                    self.loading = true;
                    break;
                }
                Get::Failed => {
                    self.unreadable = true;
                    break;
                }
                Get::Missing => break,
                Get::Lost => {
                    self.cursor = seq + 1;
                    self.dropped.damaged += 1;
                    self.discard(seq, Leave::Damaged);
                }
            }
        }
        Pumped::Done
    }

    /// Whether somebody is awaited who wants the subject of this message.
    fn waits(&self, tables: &mut Tables, seq: u64) -> bool {
        if self.standing.awaited() == 0 {
            return false;
        }
        let Some(meta) = self.log.meta(seq) else { return false };
        let plan = tables.awaited.plan(self.log.subject(meta.subject));
        is_anywhere_in(&plan, self.id.0)
    }

    fn is_wanted(&self, tables: &mut Tables, message: &StoredMessage, it: &Envelope) -> bool {
        let plan = tables.wanted.plan(message.subject());
        is_in(&plan, self.id.0, it.queues.iter().map(Vec::as_slice))
    }

    /// Whether the peer can remember what is left out before this message: each time it is another
    /// run.
    fn may_leave_out(&mut self, seq: u64) -> bool {
        let new_run = self.held_back.is_some() && seq != self.last_sent + 1;
        if new_run && self.runs >= limits::BUFFER_RUNS {
            return false;
        }
        self.runs += u32::from(new_run);
        true
    }

    fn send(
        &mut self,
        slot: u32,
        message: &StoredMessage,
        envelope: &Envelope,
        sending: &mut Sending<'_>,
    ) {
        let Some(link) = sending.links.at_mut(slot) else { return };
        let Role::Route(route) = &link.role else { return };
        let account = route.account.is_none().then_some(envelope.account.as_slice());
        let (seq, floor) = (message.seq, self.held_back.unwrap_or(message.seq));
        let at = BufferSeq { identity: self.known.identity, seq, floor };
        link.wake(sending.fx);
        let tail = link.tx.tail(sending.spare);
        let start = tail.len();
        encode::buffer_seq(tail, at);
        encode::rmsg(
            tail,
            account,
            message.subject(),
            envelope.reply.as_deref(),
            envelope.queues.iter().map(Vec::as_slice),
            envelope.header_len,
            message.payload(),
        );
        let bytes = tail.len() - start;
        link.tx.appended(bytes);
        let payload = message.payload().len() as u64;
        link.sent.count(payload);
        link.last_activity = sending.now.wall;
        sending.traffic.count(payload);
        sending.appended += bytes;
        let sent = Sent { seq: message.seq, bytes: bytes as u64, at: sending.now.mono };
        self.flight.push_back(sent);
        self.in_flight.insert(message.seq);
        self.flight_bytes += bytes as u64;
        self.last_sent = message.seq;
        self.sent += 1;
    }
}
