//! What faults of connections do to the network.

use super::links::{Links, Stop};
use super::{Conn, ConnId, Net, Place, Side, Slice};
use crate::queue::{Due, Queue};
use crate::rng::Stream;

impl<O: Copy> Net<O> {
    /// Everything on this way waits from now on.
    pub(crate) fn hold(&mut self, now: u64, from: Place, to: Place, queue: &mut Queue) {
        self.stop(now, from, to, Stop::Hold, queue);
    }

    /// What waited arrives at once and in order.
    pub(crate) fn let_go(&mut self, now: u64, from: Place, to: Place, queue: &mut Queue) {
        self.go_on(now, from, to, Stop::Hold, queue);
    }

    /// Every connection breaks after some more bytes on this way, at most `after`, drawn for each.
    pub(crate) fn break_streams(
        &mut self,
        fault: u32,
        from: Place,
        to: Place,
        after: u64,
        fin: bool,
    ) {
        let seed = self.seed;
        for (conn, side) in self.on_way(from, to) {
            let of = [u64::from(fault), u64::from(conn.id.number), side as u64];
            let bytes = Stream::new(seed, "net.cut_stream", &of).between(1, after);
            conn.pipe_mut(side).break_after(bytes, fin);
        }
    }

    /// Connections that have not broken on this way stay.
    pub(crate) fn spare_streams(&mut self, from: Place, to: Place) {
        for (conn, side) in self.on_way(from, to) {
            conn.pipe_mut(side).break_no_more();
        }
    }

    /// What arrives on this way is cut into pieces, or not any more.
    pub(crate) fn slice(
        &mut self,
        now: u64,
        (from, to): (Place, Place),
        slice: Slice,
        on: bool,
        queue: &mut Queue,
    ) {
        self.links.set_slice(from, to, slice, on);
        let decides = self.links.slice(from, to);
        let seed = self.seed;
        let mut woken: Vec<(ConnId, Side)> = Vec::new();
        for (conn, side) in self.on_way(from, to) {
            set_slice(seed, conn, side, decides);
            woken.push((conn.id, side));
        }
        // Whoever waits for the next piece looks again.
        for (id, side) in woken {
            self.wake_reader(id, side, now, queue);
        }
    }

    /// All that is at `here` has another address for `there` from now on. What is under way to the
    /// old one is lost.
    pub(crate) fn rebind(&mut self, now: u64, here: Place, there: Place, queue: &mut Queue) {
        let timeout = self.tcp_timeout_ns;
        for (conn, side) in self.on_way(here, there).filter(|(conn, _)| conn.moved.is_none()) {
            conn.moved = Some(side);
            let id = conn.id;
            let pipe = conn.pipe_mut(side.other());
            pipe.hold(now);
            for writer in Side::BOTH {
                let pipe = conn.pipe_mut(writer);
                if pipe.in_flight() && pipe.start_unacked(now) {
                    queue.push(now.saturating_add(timeout), Due::Unacked(id, writer));
                }
            }
        }
    }

    /// What a side sends from an address that its peer does not know is answered with RST.
    pub(crate) fn reset_moved(&mut self, now: u64, id: ConnId, side: Side, queue: &mut Queue) {
        self.send_reset(now, id, side, queue);
    }

    /// The connections with a direction on this way, and the side that writes it.
    fn on_way(&mut self, from: Place, to: Place) -> impl Iterator<Item = (&mut Conn<O>, Side)> {
        self.conns.iter_mut().flatten().filter_map(move |conn| {
            let writes = |side: &Side| (conn.place(*side), conn.place(side.other())) == (from, to);
            let side = Side::BOTH.into_iter().find(writes)?;
            Some((conn.as_mut(), side))
        })
    }
}

impl Links {
    /// A new connection is sliced as those that are there.
    pub(super) fn slice_new<O: Copy>(&self, seed: u64, conn: &mut Conn<O>, side: Side) {
        let slice = self.slice(conn.place(side), conn.place(side.other()));
        if slice.is_some() {
            set_slice(seed, conn, side, slice);
        }
    }
}

fn set_slice<O: Copy>(seed: u64, conn: &mut Conn<O>, side: Side, slice: Option<Slice>) {
    let number = u64::from(conn.id.number);
    let with_stream = |slice: Slice| {
        let of = [u64::from(slice.fault), number, side as u64];
        (slice, Stream::new(seed, "net.slice", &of))
    };
    conn.pipe_mut(side).chunker().set_slice(slice.map(with_stream));
}
