//! How many messages there were and how long they took, over time: of all events, also of those that
//! are left out of the other tables.

use std::collections::BTreeMap;

use causeway_reports::{Code, Table};
use serde::Serialize;

use super::names::Messages;
use crate::history::{Header, History, Kind, StreamEvent};
use crate::ids::ClientId;
use crate::units::MS;

/// At most so many pieces of time.
const BUCKETS_MAX: u64 = 240;

/// How time is cut into pieces of equal length.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Buckets {
    width_ns: u64,
    count: u64,
}

impl Buckets {
    /// Pieces of 1, 2 or 5 times a power of ten milliseconds, as few as there may be at most.
    pub(super) fn of(end_ns: u64) -> Self {
        let (mut width_ns, mut steps) = (MS, [2, 5, 10].into_iter().cycle());
        let mut unit = MS;
        while end_ns / width_ns >= BUCKETS_MAX {
            let step = steps.next().unwrap_or(10);
            width_ns = unit * step;
            if step == 10 {
                unit = width_ns;
            }
        }
        Self { width_ns, count: end_ns / width_ns + 1 }
    }

    /// The piece in which a time is.
    pub(super) const fn at(self, t: u64) -> u64 {
        t / self.width_ns
    }
}

/// What was counted in one piece of time.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    published: u64,
    not_sent: u64,
    delivered: u64,
    crossed: u64,
    stored: u64,
    given: u64,
}

/// Both tables.
pub(super) struct Rates {
    pub(super) rates: Table,
    pub(super) latency: Table,
}

/// Regions of publisher and receiver, and the piece of time in which the message arrived.
type Place = (u16, u16, u64);

/// Counts everything in a history.
pub(super) fn rates(history: &History, messages: &Messages, buckets: Buckets) -> Rates {
    let mut counts = vec![Counts::default(); buckets.count as usize];
    let mut took: BTreeMap<Place, Vec<u64>> = BTreeMap::new();
    for event in &history.events {
        let bucket = buckets.at(event.t);
        let Some(counts) = counts.get_mut(bucket as usize) else { continue };
        #[expect(clippy::wildcard_enum_match_arm, reason = "the others are not counted")]
        match &event.kind {
            Kind::PubSent { .. } => counts.published += 1,
            Kind::OpDropped { count, .. } => counts.not_sent += u64::from(*count),
            Kind::WireMsg { .. } => counts.crossed += 1,
            Kind::Delivered { client, msg, .. } => {
                counts.delivered += 1;
                let message = messages.number(*msg).checked_sub(1);
                let sent = message.and_then(|at| messages.list[at as usize].sent);
                if let (Some(msg), Some((_, sent))) = (msg, sent) {
                    let region = |client| region_of(&history.header, client);
                    let place = (region(msg.client), region(*client), bucket);
                    took.entry(place).or_default().push(event.t.saturating_sub(sent));
                }
            }
            Kind::Stream(stream) => match &**stream {
                StreamEvent::Sent { .. } => counts.published += 1,
                StreamEvent::Acked { .. } => counts.stored += 1,
                StreamEvent::Given { .. } => counts.given += 1,
                _ => {}
            },
            _ => {}
        }
    }
    Rates { rates: rate_table(&counts), latency: latency_table(took) }
}

fn region_of(header: &Header, client: ClientId) -> u16 {
    header.clients.get(client.0 as usize).map_or(0, |client| client.region.0)
}

fn rate_table(counts: &[Counts]) -> Table {
    let columns = [
        ("bucket", Code::Delta),
        ("published", Code::Plain),
        ("not_sent", Code::Plain),
        ("crossed", Code::Plain),
        ("delivered", Code::Plain),
        ("stored", Code::Plain),
        ("given", Code::Plain),
    ];
    let mut table = Table::new("rates", &columns);
    for (bucket, c) in counts.iter().enumerate() {
        table.push([
            bucket as u64,
            c.published,
            c.not_sent,
            c.crossed,
            c.delivered,
            c.stored,
            c.given,
        ]);
    }
    table
}

fn latency_table(took: BTreeMap<Place, Vec<u64>>) -> Table {
    let columns = [
        ("from", Code::Plain),
        ("to", Code::Plain),
        ("bucket", Code::Delta),
        ("count", Code::Plain),
        ("least", Code::Plain),
        ("p50", Code::Plain),
        ("p90", Code::Plain),
        ("p99", Code::Plain),
        ("most", Code::Plain),
    ];
    let mut table = Table::new("latency", &columns);
    for ((from, to, bucket), mut all) in took {
        all.sort_unstable();
        // The smallest value that so many of a hundred do not exceed.
        let share = |percent: usize| all[(all.len() * percent).div_ceil(100).max(1) - 1];
        table.push([
            from.into(),
            to.into(),
            bucket,
            all.len() as u64,
            all[0],
            share(50),
            share(90),
            share(99),
            share(100),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SECOND;

    #[test]
    fn time_is_cut_into_round_pieces() {
        let widths = [0, 200 * MS, 300 * MS, SECOND, 60 * SECOND, 3_600 * SECOND].map(|end| {
            let Buckets { width_ns, count } = Buckets::of(end);
            assert!((1..=BUCKETS_MAX).contains(&count) && width_ns * count > end);
            width_ns / MS
        });
        assert_eq!(widths, [1, 1, 2, 5, 500, 20_000]);
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        let took = BTreeMap::from([((0, 1, 7), (1..=200).rev().collect())]);
        let table = latency_table(took);
        let row: Vec<u64> = table.columns().iter().map(|column| column.values()[0]).collect();
        assert_eq!(row, [0, 1, 7, 200, 1, 100, 180, 198, 200]);
    }
}
