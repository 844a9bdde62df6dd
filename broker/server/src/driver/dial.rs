//! Opening connections for the core.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use causeway_core::{DialId, Input, Origin};
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};

use super::net::Stream;
use super::{Inner, Net};

/// One attempt.
pub(super) struct Dial {
    pub(super) id: DialId,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) timeout: Duration,
    /// Decides the order of the addresses.
    pub(super) draw: u64,
}

/// Why there is no connection.
enum Failure {
    /// For the log.
    Error(String),
    /// The name stands for this server only.
    Itself,
}

/// Starts the attempt; its outcome reaches the node as an input.
pub(super) fn spawn<N: Net>(inner: &Rc<Inner<N>>, dial: Dial) {
    let inner = Rc::clone(inner);
    spawn_local(async move {
        let outcome = connect(&inner, &dial).await;
        let now = inner.now();
        let mut shard = inner.shard.borrow_mut();
        match outcome {
            Ok((stream, peer, local)) => {
                shard.open(now, stream, Origin::Dialled(dial.id), peer, local);
            }
            Err(Failure::Itself) => shard.turn(now, Input::DialledItself { dial: dial.id }),
            Err(Failure::Error(error)) => {
                shard.turn(now, Input::DialFailed { dial: dial.id, error: &error });
            }
        }
    });
}

/// Connects to the first address that answers. Errors are worded as Go words them, because logs of
/// mixed clusters are searched together.
async fn connect<N: Net>(
    inner: &Inner<N>,
    dial: &Dial,
) -> Result<(N::Stream, SocketAddr, SocketAddr), Failure> {
    let deadline = Instant::now() + dial.timeout;
    let addresses = match timeout_at(deadline, addresses(inner, dial)).await {
        Ok(found) => found?,
        Err(_) => return Err(Failure::Error(format!("lookup {}: i/o timeout", dial.host))),
    };
    let mut last = "no IP available".to_owned();
    for address in addresses {
        let failed = |what: &str| format!("dial tcp {address}: {what}");
        let stream = match timeout_at(deadline, inner.net.connect(address)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                last = failed(&format!("connect: {}", error_text(&error)));
                continue;
            }
            Err(_) => return Err(Failure::Error(failed("i/o timeout"))),
        };
        stream.send_at_once();
        match (stream.peer_address(), stream.local_address()) {
            (Ok(peer), Ok(local)) => return Ok((stream, peer, local)),
            (Err(error), _) | (_, Err(error)) => {
                last = failed(&format!("connect: {}", error_text(&error)));
            }
        }
    }
    Err(Failure::Error(last))
}

/// Where to try, in random order. An address is taken as it is; of a name, our own addresses are
/// left out: a headless service lists the server that asks too.
async fn addresses<N: Net>(inner: &Inner<N>, dial: &Dial) -> Result<Vec<SocketAddr>, Failure> {
    if let Ok(ip) = dial.host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, dial.port)]);
    }
    let mut found = match inner.net.resolve(dial.host.clone(), dial.port).await {
        Ok(found) => found,
        Err(error) => {
            let text = format!("lookup for host {:?}: {}", dial.host, error_text(&error));
            return Err(Failure::Error(text));
        }
    };
    let nobody = found.is_empty();
    found.retain(|address| !inner.own_routes.contains(address));
    if found.is_empty() && !nobody {
        return Err(Failure::Itself);
    }
    shuffle(&mut found, dial.draw);
    Ok(found)
}

/// A permutation that `draw` decides (Fisher-Yates over a 64-bit mixer).
fn shuffle<T>(items: &mut [T], draw: u64) {
    let mut state = draw;
    for last in (1..items.len()).rev() {
        state = mix(state);
        let choices = last as u64 + 1;
        items.swap(last, usize::try_from(state % choices).unwrap_or(last));
    }
}

/// `SplitMix64`'s step and finaliser.
pub(super) const fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// What Go prints for the same system error: lower case, without the number.
pub(crate) fn error_text(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::TimedOut {
        return "connection timed out".to_owned();
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "unknown error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_in_go() {
        let refused = io::Error::from_raw_os_error(111);
        assert_eq!(error_text(&refused), "connection refused");
        let unreachable = io::Error::from_raw_os_error(113);
        assert_eq!(error_text(&unreachable), "no route to host");
    }

    #[test]
    fn the_draw_decides_the_order_and_loses_nothing() {
        let mut firsts = [0; 4];
        for draw in 0..400 {
            let mut items = [0, 1, 2, 3];
            shuffle(&mut items, mix(draw));
            let mut again = [0, 1, 2, 3];
            shuffle(&mut again, mix(draw));
            assert_eq!(items, again);
            firsts[items[0]] += 1;
            items.sort_unstable();
            assert_eq!(items, [0, 1, 2, 3]);
        }
        assert!(firsts.iter().all(|&count| count > 50), "{firsts:?}");
    }
}
