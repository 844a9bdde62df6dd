//! `/healthz`: whether the server and its streams work. Codes and texts are nats-server's.

use causeway_core::Node;
use causeway_core::monitor::jetstream::{JetStreamQuery, StreamFault};
use serde::Serialize;

use super::json;
use super::query::{BadQuery, Query};
use crate::driver::is_recovered;

/// An answer's code and body.
type Answer = (u16, Vec<u8>);

#[derive(Serialize)]
struct Health {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Problem>,
}

/// Something that does not work.
#[derive(Serialize)]
struct Problem {
    r#type: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    account: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    stream: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    consumer: String,
    error: String,
}

impl Problem {
    fn new(r#type: &'static str, error: String) -> Self {
        let [account, stream, consumer] = Default::default();
        Self { r#type, account, stream, consumer, error }
    }
}

/// What the query asks about. An empty name stands for all.
struct Asked<'a> {
    server_only: bool,
    enabled_only: bool,
    account: &'a str,
    stream: &'a str,
    consumer: &'a str,
}

/// The page. With `details`, all that is wrong is listed; else the first thing is.
pub(super) fn healthz(node: &Node, query: &Query) -> Result<Answer, BadQuery> {
    let enabled = query.boolean("js-enabled")?;
    let enabled_only = query.boolean("js-enabled-only")? || enabled;
    let server_only = query.boolean("js-server-only")?;
    // There are no replicas that a group of servers would have to lead.
    query.boolean("js-meta-only")?;
    let details = query.boolean("details")?;
    let [account, stream, consumer] =
        ["account", "stream", "consumer"].map(|name| query.text(name));
    let asked = Asked { server_only, enabled_only, account, stream, consumer };
    let (code, problems) = problems(node, &asked);
    let unhealthy = match code {
        200 => "ok",
        400 => "error",
        _ => "unavailable",
    };
    let health = if details {
        let status = if problems.is_empty() { "ok" } else { "error" };
        Health { status, error: None, errors: problems }
    } else {
        let error = problems.into_iter().next().map(|problem| problem.error);
        Health { status: unhealthy, error, errors: Vec::new() }
    };
    Ok((code, json::compact(&health)))
}

/// The status code, and what is wrong.
fn problems(node: &Node, asked: &Asked<'_>) -> (u16, Vec<Problem>) {
    if let Some(missing) = missing_name(asked) {
        return (400, vec![Problem::new("BAD_REQUEST", missing.to_owned())]);
    }
    // Who only wants to know whether the process lives must not be told to end it while it reads its
    // disk; everybody else is to wait.
    if !asked.enabled_only && !is_recovered(node) {
        let error = "JetStream streams are still being recovered".to_owned();
        return (503, vec![Problem::new("JETSTREAM", error)]);
    }
    let disabled = node.config().jetstream.is_none();
    if asked.server_only || asked.enabled_only || disabled {
        return (200, Vec::new());
    }
    if let Some(problem) = missing_asset(node, asked) {
        return (404, vec![problem]);
    }
    let faults = faults(node, asked);
    (if faults.is_empty() { 200 } else { 503 }, faults)
}

const fn missing_name(asked: &Asked<'_>) -> Option<&'static str> {
    if asked.account.is_empty() && !asked.stream.is_empty() {
        return Some("\"account\" must not be empty when checking stream health");
    }
    if asked.stream.is_empty() && !asked.consumer.is_empty() {
        return Some("\"stream\" must not be empty when checking consumer health");
    }
    None
}

/// The outermost thing that was asked for by name and is not there.
fn missing_asset(node: &Node, asked: &Asked<'_>) -> Option<Problem> {
    let Asked { account, stream, consumer, .. } = *asked;
    if account.is_empty() {
        return None;
    }
    let with = |r#type, error, depth: usize| {
        let mut names = [account, stream, consumer].map(str::to_owned);
        names.iter_mut().skip(depth).for_each(String::clear);
        let [account, stream, consumer] = names;
        Some(Problem { r#type, account, stream, consumer, error })
    };
    let query = JetStreamQuery {
        account: Some(account),
        streams: !stream.is_empty(),
        stream: Some(stream).filter(|name| !name.is_empty()),
        consumers: !consumer.is_empty(),
        ..JetStreamQuery::default()
    };
    let accounts = node.jetstream_accounts(&query);
    let Some(found) = accounts.first() else {
        return with("ACCOUNT", format!("JetStream account \"{account}\" not found"), 1);
    };
    if stream.is_empty() {
        return None;
    }
    let Some(found) = found.streams.iter().find(|found| found.info.config.name == stream) else {
        let text = format!("JetStream stream \"{stream}\" not found on account \"{account}\"");
        return with("STREAM", text, 2);
    };
    let there = found.consumers.iter().any(|found| found.name == consumer);
    // Of a stream that does not work, nobody knows the consumers.
    if consumer.is_empty() || there || found.fault.is_some() {
        return None;
    }
    let of = format!("stream \"{stream}\" on account \"{account}\"");
    with("CONSUMER", format!("JetStream consumer \"{consumer}\" not found for {of}"), 3)
}

/// Streams that do not work, among those that were asked for.
fn faults(node: &Node, asked: &Asked<'_>) -> Vec<Problem> {
    let named = |name: &'_ str| !name.is_empty();
    let query = JetStreamQuery {
        account: Some(asked.account).filter(|name| named(name)),
        stream: Some(asked.stream).filter(|name| named(name)),
        streams: true,
        faulty: true,
        ..JetStreamQuery::default()
    };
    let mut problems = Vec::new();
    for account in node.jetstream_accounts(&query) {
        for stream in account.streams {
            let (account, stream, fault) =
                (account.name.clone(), stream.info.config.name, stream.fault);
            let what = match fault {
                None => continue,
                Some(StreamFault::NotRecovered) => "could not be recovered".to_owned(),
                Some(StreamFault::Write(error)) => format!("write error: {error}"),
            };
            let error = format!("JetStream stream '{account} > {stream}' {what}");
            problems.push(Problem { account, stream, ..Problem::new("STREAM", error) });
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use causeway_core::config::{JetStreamConfig, NodeConfig};
    use causeway_core::disk::{Answer as DiskAnswer, Done};
    use causeway_core::{Effects, Input, Now};

    use super::*;

    fn health(jetstream: bool, query: &str) -> (u16, String) {
        let jetstream = jetstream.then(JetStreamConfig::default);
        let config = NodeConfig { jetstream, ..NodeConfig::default() };
        let mut node = Node::new(Arc::new(config), [0; 32], Now::default());
        recover(&mut node);
        page(&node, query)
    }

    fn page(node: &Node, query: &str) -> (u16, String) {
        let (code, body) = healthz(node, &Query::parse(query)).unwrap();
        (code, String::from_utf8(body).unwrap())
    }

    /// Lets the node find an empty disk.
    fn recover(node: &mut Node) {
        let mut fx = Effects::default();
        node.handle(Now::default(), Input::Tick, &mut fx);
        for op in core::mem::take(&mut fx.disk) {
            let result = Ok(DiskAnswer::Names { files: Vec::new(), dirs: Vec::new() });
            let done = Done { log: op.log, id: op.id, result };
            node.handle(Now::default(), Input::Disk(done), &mut fx);
        }
    }

    #[test]
    fn only_who_asks_for_less_is_answered_while_the_disk_is_read() {
        let config =
            NodeConfig { jetstream: Some(JetStreamConfig::default()), ..NodeConfig::default() };
        let mut node = Node::new(Arc::new(config), [0; 32], Now::default());
        let recovering =
            r#"{"status":"unavailable","error":"JetStream streams are still being recovered"}"#;
        assert_eq!(page(&node, ""), (503, recovering.to_owned()));
        assert_eq!(page(&node, "js-enabled-only=1"), (200, r#"{"status":"ok"}"#.to_owned()));
        recover(&mut node);
        assert_eq!(page(&node, ""), (200, r#"{"status":"ok"}"#.to_owned()));
    }

    /// Codes and bodies are nats-server 2.15.1's.
    #[test]
    fn health_is_as_nats_server_tells_it() {
        let ok = (200, r#"{"status":"ok"}"#.to_owned());
        for query in ["", "js-enabled-only=true", "js-server-only=1&account=X", "details=t"] {
            assert_eq!(health(false, query), ok, "{query}");
            assert_eq!(health(true, query), ok, "{query}");
        }
        assert_eq!(health(false, "account=X"), ok, "nobody looks for it");
        assert_eq!(health(true, "account=$G"), ok);
        for (query, code, body) in [
            (
                "account=X",
                404,
                r#"{"status":"unavailable","error":"JetStream account \"X\" not found"}"#,
            ),
            (
                "account=X&details=1",
                404,
                r#"{"status":"error","errors":[{"type":"ACCOUNT","account":"X","error":"JetStream account \"X\" not found"}]}"#,
            ),
            (
                "account=$G&stream=NO",
                404,
                r#"{"status":"unavailable","error":"JetStream stream \"NO\" not found on account \"$G\""}"#,
            ),
            (
                "account=$G&stream=NO&consumer=c&details=1",
                404,
                r#"{"status":"error","errors":[{"type":"STREAM","account":"$G","stream":"NO","error":"JetStream stream \"NO\" not found on account \"$G\""}]}"#,
            ),
            (
                "stream=X",
                400,
                r#"{"status":"error","error":"\"account\" must not be empty when checking stream health"}"#,
            ),
            (
                "account=$G&consumer=X&details=1",
                400,
                r#"{"status":"error","errors":[{"type":"BAD_REQUEST","error":"\"stream\" must not be empty when checking consumer health"}]}"#,
            ),
        ] {
            assert_eq!(health(true, query), (code, body.to_owned()), "{query}");
        }
        let node = Node::new(Arc::new(NodeConfig::default()), [0; 32], Now::default());
        assert!(healthz(&node, &Query::parse("details=maybe")).is_err());
    }
}
