//! Whether faults were in force. What cannot be proved makes the run inconclusive.

use std::collections::{BTreeMap, BTreeSet};

use causeway_sim_process::{Net, Place, kernel};

/// A direction between two places.
type Pair = (Place, Place);

/// What must stay as it is while a fault is on: bytes and connections that came through ways.
#[derive(Debug)]
struct Still {
    ways: Vec<(Pair, (u64, u64))>,
    /// Bytes may pass, connections may not.
    calls_only: bool,
}

/// What was claimed of faults and could not be proved.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    still: BTreeMap<u32, Still>,
    /// Ways on which everything takes at least so long while the fault is on.
    slow: BTreeMap<u32, Vec<(Pair, u64)>>,
    failed: BTreeSet<String>,
}

impl Proofs {
    /// From now on nothing passes these ways, or no new connections do.
    pub(super) fn stands_still(
        &mut self,
        fault: u32,
        pairs: impl Iterator<Item = Pair>,
        calls_only: bool,
        net: &Net,
    ) {
        let ways = pairs.map(|pair| (pair, traffic(net, pair))).collect();
        self.still.insert(fault, Still { ways, calls_only });
    }

    /// From now on everything takes at least so long.
    pub(super) fn is_slow(
        &mut self,
        fault: u32,
        pairs: impl Iterator<Item = Pair>,
        latency_ns: u64,
    ) {
        self.slow.insert(fault, pairs.map(|pair| (pair, latency_ns)).collect());
    }

    /// A fault is about to end, or the run is: was it in force?
    pub(super) fn look_back(&mut self, fault: u32, kind: &str, net: &mut Net) {
        if let Some(Still { ways, calls_only }) = self.still.remove(&fault) {
            for (pair, before) in ways {
                let now = traffic(net, pair);
                let (bytes, calls) = (now.0 - before.0, now.1 - before.1);
                if calls > 0 || (bytes > 0 && !calls_only) {
                    self.fails(format!(
                        "fault {fault} ({kind}) was not in force: {bytes} bytes and {calls} \
                         connections passed"
                    ));
                }
            }
        }
        for ((from, to), least_ns) in self.slow.remove(&fault).into_iter().flatten() {
            let quickest = net.way_mut(from, to).and_then(causeway_sim_process::Way::quickest);
            if let Some(took) = quickest.filter(|&took| took < least_ns) {
                self.fails(format!(
                    "fault {fault} ({kind}) was not in force: bytes took {took} ns of {least_ns}"
                ));
            }
        }
    }

    /// Something was claimed and is not so.
    pub(super) fn fails(&mut self, what: String) {
        self.failed.insert(what);
    }

    /// Looks in the kernel's tables whether any of these processes has a connection that goes round
    /// the network.
    pub(super) fn no_detours(&mut self, pids: &[(u32, String)], net: &Net) {
        let numbers: Vec<u32> = pids.iter().map(|(pid, _)| *pid).collect();
        let connections = kernel::connections_of(&numbers);
        let own = net.own_addresses();
        for (pid, socket) in connections {
            if !own.contains(&socket.remote) {
                let whose = pids.iter().find(|(known, _)| *known == pid);
                let name = whose.map_or("a server", |(_, name)| name);
                self.fails(format!(
                    "{name} has a connection that goes round the network: {} to {}",
                    socket.local, socket.remote
                ));
            }
        }
    }

    pub(super) fn failed(self) -> impl Iterator<Item = String> {
        self.failed.into_iter()
    }
}

fn traffic(net: &Net, (from, to): Pair) -> (u64, u64) {
    net.way(from, to).map_or((0, 0), causeway_sim_process::Way::traffic)
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_sim_process::{Clock, Options, WaySetup};
    use std::net::{TcpListener, TcpStream};

    fn net() -> Net {
        let options = Options { window: 1 << 16, tcp_timeout_ns: u64::MAX, seed: 1 };
        let mut net = Net::new(Clock::start(), options).unwrap();
        net.join(Place(0), Place(1), WaySetup::default());
        net
    }

    #[test]
    fn a_connection_that_goes_round_the_network_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let round = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut proofs = Proofs::default();
        proofs.no_detours(&[(std::process::id(), "a/1".to_owned())], &net());
        let failed: Vec<String> = proofs.failed().collect();
        let address = round.local_addr().unwrap().to_string();
        assert!(failed.iter().any(|text| text.starts_with("a/1 has") && text.contains(&address)));
    }

    #[test]
    fn bytes_that_pass_a_cut_are_found_and_a_quiet_one_is_proved() {
        for passes in [false, true] {
            let mut net = net();
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let at = listener.local_addr().unwrap();
            net.listens(Place(1), Some((at, at)));
            net.join(Place(1), Place(0), WaySetup::default());
            let mut proofs = Proofs::default();
            proofs.stands_still(3, [(Place(0), Place(1))].into_iter(), false, &net);
            if passes {
                net.client_dials(Place(0), Place(1));
                while net.way(Place(0), Place(1)).unwrap().traffic().1 == 0 {
                    net.step(u64::MAX).unwrap();
                    while net.event().is_some() {}
                }
            }
            proofs.look_back(3, "partition", &mut net);
            let failed: Vec<String> = proofs.failed().collect();
            assert_eq!(failed.len(), usize::from(passes), "{failed:?}");
        }
    }
}
