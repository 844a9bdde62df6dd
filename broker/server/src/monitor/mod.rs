//! The monitoring endpoints over HTTP: nats-server's paths, parameters, fields, texts and codes.
//!
//! Pages are made on the shard's thread from one look at the node. Whoever reads them decodes them
//! into nats-server's own structures, so that every field keeps its name, order and type, and zero
//! values stay where nats-server does not omit them.

mod bufferz;
mod connz;
mod healthz;
mod http;
mod jetstream;
mod json;
mod jsz;
mod pages;
mod query;
mod routez;
mod subscription;
mod subsz;
mod varz;

use std::time::Duration;

use causeway_config::defaults;
use causeway_core::Wall;

pub use http::serve;

use crate::text::{go_duration, rfc3339};

/// The account of clients that are in no other.
const GLOBAL_ACCOUNT: &str = "$G";

/// Whether an account exists without anybody being in it.
fn is_account(name: &str) -> bool {
    name == GLOBAL_ACCOUNT || name == defaults::SYSTEM_ACCOUNT
}

fn time(at: Wall) -> String {
    rfc3339(at.0)
}

/// From one point to another; zero if the clock was put back meanwhile.
fn span(from: Wall, to: Wall) -> Duration {
    Duration::from_nanos(u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0))
}

/// A round trip: whole microseconds below a millisecond, and `0s` if it was never measured.
fn rtt(measured: Option<Duration>) -> String {
    let measured = measured.unwrap_or_default();
    let short = measured > Duration::from_micros(1) && measured < Duration::from_millis(1);
    let shown =
        if short { Duration::from_micros(u64::from(measured.subsec_micros())) } else { measured };
    go_duration(shown)
}

/// The part of a list that `offset` and `limit` choose.
fn page<T>(mut items: Vec<T>, offset: i64, limit: i64) -> Vec<T> {
    let size = |value: i64| usize::try_from(value.max(0)).unwrap_or(usize::MAX);
    items.drain(..size(offset).min(items.len()));
    items.truncate(size(limit));
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_cut_to_pages() {
        let items = || vec![1, 2, 3, 4];
        assert_eq!(page(items(), 0, 1024), [1, 2, 3, 4]);
        assert_eq!(page(items(), 1, 2), [2, 3]);
        assert_eq!(page(items(), 9, 2), [0; 0]);
        assert_eq!(page(items(), -1, 1), [1]);
        assert_eq!(page(items(), i64::MAX, i64::MAX), [0; 0]);
    }

    #[test]
    fn round_trips_are_rounded_as_in_nats_server() {
        assert_eq!(rtt(None), "0s");
        assert_eq!(rtt(Some(Duration::from_nanos(212_345))), "212µs");
        assert_eq!(rtt(Some(Duration::from_nanos(999))), "999ns");
        assert_eq!(rtt(Some(Duration::from_nanos(1_212_345))), "1.212345ms");
    }
}
