//! Doors: listeners that stand for places.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use crate::kernel;
use crate::ways::Place;

/// Whom a door leads to.
#[derive(Clone, Debug)]
pub enum Door {
    /// This place.
    To(Place),
    /// One of these, as a name of many addresses does: another for each caller, who comes to the
    /// same as long as a connection there is left. Nobody comes to himself.
    AnyOf(Vec<Place>),
}

#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    leads_to: Door,
}

/// Somebody has called.
pub(crate) struct Call {
    pub(crate) stream: TcpStream,
    pub(crate) caller: Place,
    pub(crate) door: u32,
}

/// All doors.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    open: BTreeMap<u32, Listener>,
    next: u32,
    /// Who is at which place, by the number of the process.
    callers: BTreeMap<u32, Place>,
    /// Calls of whom nobody knows.
    pub(crate) strangers: u64,
}

impl Doors {
    pub(crate) fn open(&mut self, leads_to: Door) -> io::Result<(u32, SocketAddr, &TcpListener)> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let number = self.next;
        self.next += 1;
        let door = Listener { socket, address, leads_to };
        let door = self.open.entry(number).or_insert(door);
        Ok((number, address, &door.socket))
    }

    pub(crate) fn close(&mut self, door: u32) {
        self.open.remove(&door);
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        self.open.values().map(|door| door.address)
    }

    pub(crate) fn address(&self, door: u32) -> Option<SocketAddr> {
        self.open.get(&door).map(|door| door.address)
    }

    pub(crate) fn moves_in(&mut self, pid: u32, place: Place) {
        self.callers.retain(|_, other| *other != place);
        self.callers.insert(pid, place);
    }

    pub(crate) fn moves_out(&mut self, pid: u32) {
        self.callers.remove(&pid);
    }

    /// Everybody who waits at a door. A caller who has hung up meanwhile is nobody.
    pub(crate) fn answer(&mut self, number: u32) -> Vec<Call> {
        let mut calls = Vec::new();
        let Some(door) = self.open.get(&number) else { return calls };
        // Errors of accepting are those of callers, or the lack of descriptors; both come again.
        while let Ok((stream, peer)) = door.socket.accept() {
            let pids = self.callers.keys().copied();
            let owner = kernel::owner_of(peer, door.address, pids);
            match owner.and_then(|pid| self.callers.get(&pid)) {
                Some(&caller) => calls.push(Call { stream, caller, door: number }),
                None => self.strangers += 1,
            }
        }
        calls
    }

    /// Where a door leads this caller. `there` are those of its places to which the caller still has
    /// a connection through it, `listens` says who listens, and `draw` is random.
    pub(crate) fn leads(
        &self,
        door: u32,
        caller: Place,
        there: Option<Place>,
        listens: impl Fn(Place) -> bool,
        draw: u64,
    ) -> Option<Place> {
        match &self.open.get(&door)?.leads_to {
            Door::To(place) => Some(*place),
            Door::AnyOf(places) => there.or_else(|| {
                let others = || places.iter().copied().filter(|&place| place != caller);
                let mut found: Vec<Place> = others().filter(|&place| listens(place)).collect();
                if found.is_empty() {
                    found = others().collect();
                }
                let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
                let at = usize::try_from(draw.checked_rem(count)?).unwrap_or(0);
                found.get(at).copied()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_somebody_else_who_listens_and_then_stays() {
        let mut doors = Doors::default();
        let places = [0, 1, 2].map(Place);
        let (door, ..) = doors.open(Door::AnyOf(places.to_vec())).unwrap();
        let (me, all) = (Place(1), |_: Place| true);
        let by_draw = [0, 1, 2].map(|draw| doors.leads(door, me, None, all, draw));
        assert_eq!(by_draw, [Some(Place(0)), Some(Place(2)), Some(Place(0))]);
        assert_eq!(doors.leads(door, me, Some(Place(2)), all, 0), Some(Place(2)));
        assert_eq!(doors.leads(door, me, None, |place| place == Place(2), 0), Some(Place(2)));
        assert_eq!(doors.leads(door, me, None, |_| false, 1), Some(Place(2)));
        doors.close(door);
        assert_eq!(doors.leads(door, me, None, all, 0), None);
    }
}
