//! Listening sockets. All are bound before the node is made, because it announces real ports.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use causeway_config::{Config, ListenPort};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// Connections that may wait to be accepted; the kernel cuts it to its own limit.
const BACKLOG: i32 = 4096;

/// The sockets of a server.
pub(crate) struct Listeners {
    pub(crate) client: Bound,
    pub(crate) cluster: Option<Bound>,
    pub(crate) monitor: Option<Bound>,
}

/// A listening socket.
pub(crate) struct Bound {
    pub(crate) listener: TcpListener,
    /// Where it really is.
    pub(crate) address: SocketAddr,
}

/// A listener that could not be opened. The texts are the log lines of nats-server.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The client listener.
    #[error("Error listening on port: {at}, \"listen tcp {at}: {cause}\"")]
    Client {
        /// Host and port.
        at: String,
        /// What the system said.
        cause: String,
    },
    /// The cluster listener.
    #[error("Error listening on router port: {port} - listen tcp {at}: {cause}")]
    Cluster {
        /// The configured port.
        port: String,
        /// Host and port.
        at: String,
        /// What the system said.
        cause: String,
    },
    /// The monitoring listener.
    #[error("Can't start monitoring: can't listen to the monitor port: listen tcp {at}: {cause}")]
    Monitor {
        /// Host and port.
        at: String,
        /// What the system said.
        cause: String,
    },
}

impl Listeners {
    /// Binds everything that the configuration names. Needs a tokio runtime.
    pub(crate) fn bind(config: &Config) -> Result<Self, BindError> {
        let monitor = config
            .monitor
            .as_ref()
            .map(|monitor| {
                bind(&monitor.host, monitor.port)
                    .map_err(|Failed { at, cause }| BindError::Monitor { at, cause })
            })
            .transpose()?;
        let client = bind(&config.host, config.port)
            .map_err(|Failed { at, cause }| BindError::Client { at, cause })?;
        let cluster = config
            .cluster
            .as_ref()
            .map(|cluster| {
                bind(&cluster.host, cluster.port).map_err(|Failed { at, cause }| {
                    BindError::Cluster { port: cluster.port.to_string(), at, cause }
                })
            })
            .transpose()?;
        Ok(Self { client, cluster, monitor })
    }
}

struct Failed {
    at: String,
    cause: String,
}

fn bind(host: &str, port: ListenPort) -> Result<Bound, Failed> {
    let port = port.bind_port();
    let at = join(host, port);
    let failed = |step: &str, error: &io::Error| {
        let text = crate::driver::error_text(error);
        Failed {
            at: at.clone(),
            cause: if step.is_empty() { text } else { format!("{step}: {text}") },
        }
    };
    let addresses = addresses(host, port).map_err(|error| failed("lookup", &error))?;
    let mut last = Failed { at: at.clone(), cause: "no such host".to_owned() };
    for (address, dual) in addresses {
        match open(address, dual) {
            Ok(bound) => return Ok(bound),
            Err(error) => last = failed("bind", &error),
        }
    }
    Err(last)
}

/// Where to listen, best first; with true, for IPv4 too.
///
/// As in Go, "all addresses" is one socket for both families where the system has both, and a name
/// stands for its first IPv4 address if it has one.
fn addresses(host: &str, port: u16) -> io::Result<Vec<(SocketAddr, bool)>> {
    let any = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
    if host.is_empty() {
        return Ok(vec![(any, true), (SocketAddr::from(([0, 0, 0, 0], port)), false)]);
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        let own = SocketAddr::new(ip, port);
        return Ok(match (ip.is_unspecified(), ip) {
            (true, IpAddr::V4(_)) => vec![(any, true), (own, false)],
            (true, IpAddr::V6(_)) => vec![(any, true)],
            (false, _) => vec![(own, false)],
        });
    }
    let mut found: Vec<SocketAddr> = (host, port).to_socket_addrs()?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    Ok(found.into_iter().map(|address| (address, false)).take(1).collect())
}

fn open(address: SocketAddr, dual: bool) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!dual)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    let address = listener.local_addr()?;
    Ok(Bound { listener, address })
}

/// `host:port`, with brackets around an IPv6 address.
pub(crate) fn join(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> Config {
        Config { host: "127.0.0.1".to_owned(), port: ListenPort::Random, ..Config::default() }
    }

    #[tokio::test]
    async fn random_ports_are_resolved_and_taken_ones_are_reported() {
        let listeners = Listeners::bind(&local()).unwrap();
        let port = listeners.client.address.port();
        assert_ne!(port, 0);
        assert!(listeners.cluster.is_none() && listeners.monitor.is_none());
        let again = Config { port: ListenPort::Fixed(port), ..local() };
        let error = Listeners::bind(&again).map(|_| ()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "Error listening on port: 127.0.0.1:{port}, \"listen tcp 127.0.0.1:{port}: bind: \
                 address already in use\""
            )
        );
    }

    #[tokio::test]
    async fn all_addresses_means_both_families() {
        let config = Config { host: "0.0.0.0".to_owned(), ..local() };
        let listeners = Listeners::bind(&config).unwrap();
        let port = listeners.client.address.port();
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        if listeners.client.address.is_ipv6() {
            tokio::net::TcpStream::connect(("::1", port)).await.unwrap();
        }
    }
}
