//! `/jsz`: streams and consumers. Fields and their order are nats-server's `JSInfo`.

use causeway_core::monitor::jetstream::{
    JetStreamAccountReport, JetStreamQuery, JetStreamReport, StreamReport,
};
use causeway_core::{Node, Wall};
use causeway_wire::jetstream::info::ConsumerInfo;
use serde::Serialize;
use serde_json::value::RawValue;

use super::jetstream::{Api, Limits, Settings, Statistics};
use super::query::{BadQuery, Query};
use super::{page, time};
use crate::running::Running;

/// Accounts of a page, unless the query says otherwise.
const LIMIT: i64 = 1024;

/// What nats-server shows where nothing is reserved: -1 as an unsigned number.
const UNLIMITED: u64 = u64::MAX;

#[derive(Serialize)]
pub(super) struct Jsz {
    #[serde(flatten)]
    stats: Statistics,
    server_id: String,
    now: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    disabled: bool,
    config: Settings,
    #[serde(skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
    streams: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    streams_leader: Option<u64>,
    consumers: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    consumers_leader: Option<u64>,
    messages: u64,
    bytes: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    account_details: Vec<AccountDetail>,
    total: u64,
}

#[derive(Serialize)]
struct AccountDetail {
    name: String,
    id: String,
    #[serde(flatten)]
    stats: Statistics,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stream_detail: Vec<StreamDetail>,
}

#[derive(Serialize)]
struct StreamDetail {
    name: String,
    created: String,
    cluster: Leader,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Box<RawValue>>,
    state: Box<RawValue>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumer_detail: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    direct_consumer_detail: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mirror: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<Box<RawValue>>,
}

/// Without replicas, each server leads its streams.
#[derive(Serialize)]
struct Leader {
    leader: String,
}

/// What the query asks for.
struct Asked {
    streams: bool,
    consumers: bool,
    direct_consumers: bool,
    accounts: bool,
    config: bool,
    raft: bool,
    leader_only: bool,
    offset: i64,
    limit: i64,
}

impl Asked {
    /// In nats-server's order, because the first bad parameter is the one that is complained about.
    fn read(query: &Query) -> Result<Self, BadQuery> {
        let accounts = query.boolean("accounts")?;
        let streams = query.boolean("streams")?;
        let consumers = query.boolean("consumers")?;
        let direct_consumers = query.boolean("direct-consumers")?;
        let config = query.boolean("config")?;
        let offset = query.int("offset")?;
        let limit = query.int("limit")?;
        let leader_only = query.boolean("leader-only")?;
        let raft = query.boolean("raft")?;
        // Each stream is led by the server that has it.
        query.boolean("stream-leader-only")?;
        Ok(Self {
            accounts: accounts || (query.text("acc").is_empty() && (streams || consumers)),
            streams: streams || consumers,
            consumers,
            direct_consumers: consumers && direct_consumers,
            config,
            raft,
            leader_only,
            offset,
            limit: if limit == 0 { LIMIT } else { limit },
        })
    }
}

pub(super) fn jsz(
    node: &Node,
    running: &Running,
    query: &Query,
    now: Wall,
) -> Result<Jsz, BadQuery> {
    let asked = Asked::read(query)?;
    let server = node.server_report();
    let Some((report, config)) = node.jetstream_report().zip(Settings::of(running)) else {
        if asked.leader_only {
            return Err(BadQuery("filtered response: not leader".to_owned()));
        }
        return Ok(page_of(JetStreamReport::default(), server.server_id, now));
    };
    let account_details = accounts(node, query.text("acc"), &asked)
        .into_iter()
        .map(|account| account_detail(account, &server.server_name, &asked))
        .collect();
    let leaders = |count: u64| Some(count).filter(|count| asked.raft && *count > 0);
    Ok(Jsz {
        disabled: false,
        config,
        limits: Limits::of(running),
        stats: Statistics::new(&report),
        streams_leader: leaders(report.streams),
        consumers_leader: leaders(report.consumers),
        account_details,
        ..page_of(report, server.server_id, now)
    })
}

/// The page of a server that has these streams, and none of the details; or of one without any.
fn page_of(report: JetStreamReport, server_id: String, now: Wall) -> Jsz {
    Jsz {
        stats: Statistics::default(),
        server_id,
        now: time(now),
        disabled: true,
        config: Settings::default(),
        limits: None,
        streams: report.streams,
        streams_leader: None,
        consumers: report.consumers,
        consumers_leader: None,
        messages: report.messages,
        bytes: report.bytes,
        account_details: Vec::new(),
        total: report.accounts,
    }
}

/// The account that is asked for, if it has streams; else, if asked for, a page of all.
fn accounts(node: &Node, account: &str, asked: &Asked) -> Vec<JetStreamAccountReport> {
    let query = JetStreamQuery {
        account: Some(account),
        streams: asked.streams,
        consumers: asked.consumers,
        direct_consumers: asked.direct_consumers,
        ..JetStreamQuery::default()
    };
    let found = node.jetstream_accounts(&query);
    if !found.is_empty() || !asked.accounts {
        return found;
    }
    let all = node.jetstream_accounts(&JetStreamQuery { account: None, ..query });
    if asked.limit < 0 { all } else { page(all, asked.offset, asked.limit) }
}

fn account_detail(account: JetStreamAccountReport, server: &str, asked: &Asked) -> AccountDetail {
    let stats = Statistics {
        memory: account.memory,
        storage: account.storage,
        reserved_memory: account.max_memory.unwrap_or(UNLIMITED),
        reserved_storage: account.max_storage.unwrap_or(UNLIMITED),
        // nats-server leaves these at 0 for an account, the level of the API too.
        accounts: 0,
        ha_assets: 0,
        api: Api::new(0, account.api),
    };
    let streams = account.streams.into_iter();
    AccountDetail {
        id: account.name.clone(),
        name: account.name,
        stats,
        stream_detail: streams.map(|stream| stream_detail(stream, server, asked)).collect(),
    }
}

fn stream_detail(stream: StreamReport, server: &str, asked: &Asked) -> StreamDetail {
    let StreamReport { info, consumers, direct_consumers, .. } = stream;
    let details = |consumers: Vec<ConsumerInfo>| {
        consumers.into_iter().map(|consumer| consumer_detail(consumer, asked)).collect()
    };
    StreamDetail {
        created: info.created.to_string(),
        cluster: Leader { leader: server.to_owned() },
        config: asked.config.then(|| raw(info.config.to_json())),
        state: raw(info.state.to_json()),
        consumer_detail: details(consumers),
        direct_consumer_detail: details(direct_consumers),
        mirror: info.mirror.map(|mirror| raw(mirror.to_json())),
        sources: info.sources.iter().map(|source| raw(source.to_json())).collect(),
        name: info.config.name,
    }
}

fn consumer_detail(mut consumer: ConsumerInfo, asked: &Asked) -> Box<RawValue> {
    if !asked.config {
        consumer.config = None;
    }
    raw(consumer.to_json())
}

/// A document that the core has written.
fn raw(json: Vec<u8>) -> Box<RawValue> {
    let text = String::from_utf8(json).unwrap_or_default();
    // It is one; `null` if it were not.
    RawValue::from_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use causeway_wire::jetstream::info::{SequenceInfo, StreamInfo, StreamSourceInfo, StreamState};
    use causeway_wire::jetstream::{ConsumerConfig, Nanos, StreamConfig, Time};

    use super::super::json;
    use super::*;

    fn asked(query: &str) -> Asked {
        Asked::read(&Query::parse(query)).unwrap()
    }

    fn stream() -> StreamReport {
        let at = Time::from_nanos(1_795_863_827_503_742_967);
        let consumer = ConsumerInfo {
            stream_name: "ORDERS".to_owned(),
            name: "d1".to_owned(),
            created: at,
            config: Some(ConsumerConfig::default()),
            delivered: SequenceInfo { consumer_seq: 2, stream_seq: 2, last_active: Some(at) },
            num_ack_pending: 1,
            num_pending: 3,
            ts: at,
            ..ConsumerInfo::default()
        };
        let state = StreamState { messages: 5, bytes: 240, first_seq: 1, ..StreamState::default() };
        let source =
            StreamSourceInfo { name: "MEM".to_owned(), active: Nanos(-1), ..Default::default() };
        let info = StreamInfo {
            config: StreamConfig {
                name: "ORDERS".to_owned(),
                subjects: vec!["orders.>".to_owned()],
                ..StreamConfig::default()
            },
            created: at,
            state,
            sources: vec![source],
            ..StreamInfo::default()
        };
        StreamReport { info, fault: None, consumers: vec![consumer], direct_consumers: Vec::new() }
    }

    /// The fields, their order and the layout are those of a nats-server 2.15.1.
    #[test]
    fn a_stream_has_the_fields_of_nats_server() {
        let detail = |query: &str| {
            let detail = stream_detail(stream(), "s1", &asked(query));
            String::from_utf8(json::pretty(&[detail])).unwrap()
        };
        let expected = r#"[
  {
    "name": "ORDERS",
    "created": "2026-11-28T11:03:47.503742967Z",
    "cluster": {
      "leader": "s1"
    },
    "state": {
      "messages": 5,
      "bytes": 240,
      "first_seq": 1,
      "first_ts": "0001-01-01T00:00:00Z",
      "last_seq": 0,
      "last_ts": "0001-01-01T00:00:00Z",
      "consumer_count": 0
    },
    "consumer_detail": [
      {
        "stream_name": "ORDERS",
        "name": "d1",
        "created": "2026-11-28T11:03:47.503742967Z",
        "delivered": {
          "consumer_seq": 2,
          "stream_seq": 2,
          "last_active": "2026-11-28T11:03:47.503742967Z"
        },
        "ack_floor": {
          "consumer_seq": 0,
          "stream_seq": 0
        },
        "num_ack_pending": 1,
        "num_redelivered": 0,
        "num_waiting": 0,
        "num_pending": 3,
        "ts": "2026-11-28T11:03:47.503742967Z"
      }
    ],
    "sources": [
      {
        "name": "MEM",
        "lag": 0,
        "active": -1
      }
    ]
  }
]"#;
        assert_eq!(detail("consumers=1"), expected);
        let with_config = detail("consumers=1&config=1");
        assert!(with_config.contains("\n    \"config\": {\n      \"name\": \"ORDERS\",\n"));
        assert!(with_config.contains("\"orders.\\u003e\""), "{with_config}");
        assert!(with_config.contains("\"consumer_limits\": {},\n"), "{with_config}");
        assert!(with_config.contains("\"ack_policy\""), "of the consumer too: {with_config}");
    }

    #[test]
    fn parameters_imply_each_other() {
        let Asked { accounts, streams, limit, .. } = asked("consumers=1");
        assert_eq!((accounts, streams, limit), (true, true, LIMIT));
        let Asked { accounts, streams, .. } = asked("acc=X&streams=1");
        assert_eq!((accounts, streams), (false, true));
        assert!(!asked("direct-consumers=1").direct_consumers, "only with the others");
        let error = Asked::read(&Query::parse("limit=x&offset=y")).map(drop).unwrap_err();
        assert!(error.0.starts_with("Error decoding int for 'offset'"), "{}", error.0);
    }
}
