//! Faults of connections: what they do to the network, and to dials that are under way.

use super::Engine;
use crate::net::{Place, Side, Slice};
use crate::plan::{ConnsFault, FaultPlan, Sides, Ways};
use crate::queue::Due;
use crate::rng::Stream;

impl Engine<'_> {
    pub(super) fn conns_fault_on(&mut self, fault: &FaultPlan, between: &Sides, what: ConnsFault) {
        for (from, to) in self.ways(between) {
            match what {
                ConnsFault::Hold => self.net.hold(self.now, from, to, &mut self.queue),
                ConnsFault::CutStream { after, fin } => {
                    self.net.break_streams(fault.id, from, to, after, fin);
                }
                ConnsFault::Slice { bytes, every_ns } => {
                    let slice = Slice { fault: fault.id, bytes, every_ns };
                    self.net.slice(self.now, (from, to), slice, true, &mut self.queue);
                }
                ConnsFault::HangUp => self.net.links.hang_up(from, to, true),
                ConnsFault::HalfOpen | ConnsFault::Rebind => {}
            }
        }
        match what {
            ConnsFault::HalfOpen => self.open_half(fault, between),
            ConnsFault::Rebind => self.rebind(between),
            ConnsFault::Hold
            | ConnsFault::CutStream { .. }
            | ConnsFault::Slice { .. }
            | ConnsFault::HangUp => {}
        }
    }

    pub(super) fn conns_fault_off(&mut self, fault: &FaultPlan, between: &Sides, what: ConnsFault) {
        for (from, to) in self.ways(between) {
            match what {
                ConnsFault::Hold => self.net.let_go(self.now, from, to, &mut self.queue),
                ConnsFault::CutStream { .. } => self.net.spare_streams(from, to),
                ConnsFault::Slice { bytes, every_ns } => {
                    let slice = Slice { fault: fault.id, bytes, every_ns };
                    self.net.slice(self.now, (from, to), slice, false, &mut self.queue);
                }
                ConnsFault::HangUp => self.net.links.hang_up(from, to, false),
                ConnsFault::HalfOpen | ConnsFault::Rebind => {}
            }
        }
        if what == ConnsFault::Hold {
            self.dials_go_on();
        }
    }

    /// The two sides of a fault as pairs of places, whatever its ways.
    fn across(&self, between: &Sides) -> Vec<(Place, Place)> {
        let place = |site| self.net.links.place(site);
        let pairs = between.a.iter().flat_map(|a| between.b.iter().map(move |b| (*a, *b)));
        pairs.map(|(a, b)| (place(a), place(b))).collect()
    }

    /// One end of each connection is reset, without a word to the other.
    fn open_half(&mut self, fault: &FaultPlan, between: &Sides) {
        for (a, b) in self.across(between) {
            for id in self.net.between(a, b) {
                let of = [u64::from(fault.id), u64::from(id.number)];
                let first = match between.ways {
                    Ways::Forward => true,
                    Ways::Backward => false,
                    Ways::Both => Stream::new(self.plan.seed, "net.half_open", &of).below(2) == 0,
                };
                let place = if first { a } else { b };
                let Some(conn) = self.net.get(id) else { continue };
                let side = Side::BOTH.into_iter().find(|side| conn.place(*side) == place);
                if let Some(side) = side {
                    self.queue.push(self.now, Due::Reset(id, side));
                }
            }
        }
    }

    /// The first side calls from new addresses.
    fn rebind(&mut self, between: &Sides) {
        for (here, there) in self.across(between) {
            self.net.rebind(self.now, here, there, &mut self.queue);
        }
        for site in &between.a {
            self.names.call_from_elsewhere(*site);
        }
    }
}
