//! The addresses of this machine.
//!
//! A server that listens on all of them tells clients each one. The list normally comes from
//! netlink; under a systemd unit that forbids it, from `/proc`; and if both fail it is empty, which
//! costs clients the list and nothing else.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All addresses, in the system's order.
pub(crate) fn all() -> Vec<IpAddr> {
    match if_addrs::get_if_addrs() {
        Ok(found) => found.into_iter().map(|interface| interface.ip()).collect(),
        Err(_) => from_proc(),
    }
}

/// Those that other machines may be able to reach: not loopback, link-local or multicast.
pub(crate) fn reachable() -> Vec<IpAddr> {
    all().into_iter().filter(|ip| is_global_unicast(*ip)).collect()
}

/// Go's `IP.IsGlobalUnicast`: private addresses count.
fn is_global_unicast(ip: IpAddr) -> bool {
    let linked = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || linked)
}

fn from_proc() -> Vec<IpAddr> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let mut found: Vec<IpAddr> =
        fib_trie(&read("/proc/net/fib_trie")).into_iter().map(IpAddr::V4).collect();
    found.extend(if_inet6(&read("/proc/net/if_inet6")).into_iter().map(IpAddr::V6));
    found
}

/// `|-- 10.0.0.7` followed by `/32 host LOCAL` is an address of ours. Each is listed in more than
/// one table.
fn fib_trie(text: &str) -> Vec<Ipv4Addr> {
    let mut found = Vec::new();
    let mut candidate = None;
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            candidate = address.parse().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = candidate.take()
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// Each line begins with an address in 32 hex digits.
fn if_inet6(text: &str) -> Vec<Ipv6Addr> {
    let address = |line: &str| {
        let digits = line.split_ascii_whitespace().next().filter(|word| word.len() == 32)?;
        u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from_bits)
    };
    text.lines().filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn procs_tables_are_read() {
        let trie = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n\
                    \x20    |-- 10.0.0.0\n        /24 link UNICAST\n     |-- 10.0.0.7\n        \
                    /32 host LOCAL\nLocal:\n     |-- 10.0.0.7\n        /32 host LOCAL\n     \
                    |-- 127.0.0.1\n        /32 host LOCAL\n     |-- 10.0.0.255\n        \
                    /32 link BROADCAST\n";
        assert_eq!(fib_trie(trie), [Ipv4Addr::new(10, 0, 0, 7), Ipv4Addr::LOCALHOST]);
        let inet6 = "00000000000000000000000000000001 01 80 10 80       lo\n\
                     fe800000000000000042acfffe110002 02 40 20 80     eth0\nnonsense\n";
        let found = if_inet6(inet6);
        assert_eq!(found[0], Ipv6Addr::LOCALHOST);
        assert_eq!(found[1].to_string(), "fe80::42:acff:fe11:2");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn what_others_can_reach_is_told_apart() {
        for (ip, reachable) in [
            ("192.0.2.1", true),
            ("10.1.2.3", true),
            ("2001:db8::1", true),
            ("fd00::1", true),
            ("127.0.0.1", false),
            ("::1", false),
            ("169.254.1.1", false),
            ("fe80::1", false),
            ("0.0.0.0", false),
            ("224.0.0.1", false),
        ] {
            assert_eq!(is_global_unicast(ip.parse().unwrap()), reachable, "{ip}");
        }
        assert!(all().iter().any(IpAddr::is_loopback), "{:?}", all());
    }
}
