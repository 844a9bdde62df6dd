//! What the kernel knows, from `/proc`: whose a socket is, whom it leads to, how a process is.
//!
//! All of it may change while it is read. What cannot be found is not there, or not any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

/// A TCP socket of the machine.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TcpSocket {
    /// Its own address.
    pub local: SocketAddr,
    /// Its peer's.
    pub remote: SocketAddr,
    /// It is connected or about to be: it neither listens nor has ended.
    pub live: bool,
    /// By which a process's descriptors name it; 0 if no process has it.
    pub inode: u64,
}

/// All TCP sockets of the machine that use IPv4.
#[must_use]
pub fn tcp_sockets() -> Vec<TcpSocket> {
    let table = fs::read_to_string("/proc/net/tcp").unwrap_or_default();
    table.lines().skip(1).filter_map(tcp_socket).collect()
}

/// States in which bytes may pass, or soon will: established, and the two of the handshake.
const LIVE: [&str; 3] = ["01", "02", "03"];

fn tcp_socket(line: &str) -> Option<TcpSocket> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let (local, remote, state) = (words.next()?, words.next()?, words.next()?);
    let inode = words.nth(5)?.parse().ok()?;
    let (local, remote) = (address(local)?, address(remote)?);
    Some(TcpSocket { local, remote, live: LIVE.contains(&state), inode })
}

/// An address as the kernel writes it: the bytes of a number in the machine's order.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let ip = Ipv4Addr::from(u32::from_str_radix(ip, 16).ok()?.to_ne_bytes());
    Some(SocketAddr::V4(SocketAddrV4::new(ip, u16::from_str_radix(port, 16).ok()?)))
}

/// The sockets that a process has, by their inodes.
#[must_use]
pub fn socket_inodes(pid: u32) -> BTreeSet<u64> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return BTreeSet::new() };
    let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    links
        .filter_map(|link| {
            let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            inode.parse().ok()
        })
        .collect()
}

/// Which of these processes has the socket with these addresses.
pub fn owner_of(
    local: SocketAddr,
    remote: SocketAddr,
    pids: impl IntoIterator<Item = u32>,
) -> Option<u32> {
    let sockets = tcp_sockets();
    let socket = sockets.iter().find(|s| s.local == local && s.remote == remote && s.inode > 0)?;
    pids.into_iter().find(|&pid| socket_inodes(pid).contains(&socket.inode))
}

/// The live connections of these processes, each with its process.
#[must_use]
pub fn connections_of(pids: &[u32]) -> Vec<(u32, TcpSocket)> {
    let owners: BTreeMap<u64, u32> = pids
        .iter()
        .flat_map(|&pid| socket_inodes(pid).into_iter().map(move |i| (i, pid)))
        .collect();
    let live = tcp_sockets().into_iter().filter(|socket| socket.live);
    live.filter_map(|socket| owners.get(&socket.inode).map(|&pid| (pid, socket))).collect()
}

/// How a process is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProcessState {
    /// `R` runs, `S` sleeps, `T` is stopped by a signal, `Z` has ended and nobody has asked how, ...
    pub state: char,
    /// When it was started, in ticks since the machine was. With its number it names a process for
    /// ever: numbers are used again.
    pub started: u64,
}

/// How a process is, if it is there.
#[must_use]
pub fn process_state(pid: u32) -> Option<ProcessState> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(stat: &str) -> Option<ProcessState> {
    // The name stands in parentheses and may hold anything, parentheses too.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_ascii_whitespace();
    let state = words.next()?.chars().next()?;
    let started = words.nth(18)?.parse().ok()?;
    Some(ProcessState { state, started })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_socket_is_found_with_its_owner() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, peer) = listener.accept().unwrap();
        assert_eq!(peer, socket.local_addr().unwrap());
        let (me, nobody) = (std::process::id(), u32::MAX);
        let door = accepted.local_addr().unwrap();
        assert_eq!(owner_of(peer, door, [nobody, me]), Some(me));
        assert_eq!(owner_of(peer, door, [nobody]), None);
        let mine = connections_of(&[me]);
        assert!(mine.iter().any(|(pid, s)| *pid == me && s.local == peer && s.remote == door));
        assert!(
            mine.iter().all(|(_, s)| s.local != listener.local_addr().unwrap() || s.remote == peer)
        );
    }

    #[test]
    fn a_process_is_described() {
        let me = process_state(std::process::id()).unwrap();
        assert!(me.started > 0 && "RS".contains(me.state), "{me:?}");
        assert!(process_state(u32::MAX).is_none());
        let odd = "7 (a) b (c) T 1 7 7 0 -1 1 2 3 4 5 6 7 8 9 20 0 1 0 4711 1 2";
        assert_eq!(parse_stat(odd), Some(ProcessState { state: 'T', started: 4711 }));
    }
}
