//! `/connz`: client connections, open and closed.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use causeway_core::monitor::{ConnectionQuery, ConnectionReport};
use causeway_core::{Node, Wall};
use serde::Serialize;

use super::query::{BadQuery, Query, Subscriptions};
use super::subscription::{SubscriptionDetail, detail, subjects};
use super::{GLOBAL_ACCOUNT, page, rtt, span, time};
use crate::text::uptime;

/// nats-server's `DefaultConnListSize`.
const LIMIT: i64 = 1024;

#[derive(Serialize)]
pub(super) struct Connz {
    server_id: String,
    now: String,
    num_connections: usize,
    total: usize,
    offset: i64,
    limit: i64,
    /// `null` for an account that does not exist.
    connections: Option<Vec<Connection>>,
}

#[derive(Serialize)]
struct Connection {
    cid: u64,
    kind: &'static str,
    #[serde(rename = "type")]
    flavour: &'static str,
    ip: String,
    port: u16,
    start: String,
    last_activity: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    rtt: String,
    uptime: String,
    idle: String,
    pending_bytes: u64,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    #[serde(skip_serializing_if = "is_zero")]
    stalls: u64,
    subscriptions: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    lang: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    authorized_user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    account: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list_detail: Vec<SubscriptionDetail>,
    #[serde(skip_serializing_if = "String::is_empty")]
    name_tag: String,
}

/// What is asked for.
struct Request<'a> {
    sort: Sort,
    auth: bool,
    subscriptions: Subscriptions,
    offset: i64,
    limit: i64,
    cid: Option<u64>,
    open: bool,
    closed: bool,
    user: &'a str,
    account: &'a str,
    mqtt_client: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Cid,
    Subscriptions,
    Pending,
    OutMessages,
    InMessages,
    OutBytes,
    InBytes,
    Last,
    Idle,
    Uptime,
    Stop,
    Reason,
    Rtt,
}

impl Sort {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "" | "cid" | "start" => Self::Cid,
            "subs" => Self::Subscriptions,
            "pending" => Self::Pending,
            "msgs_to" => Self::OutMessages,
            "msgs_from" => Self::InMessages,
            "bytes_to" => Self::OutBytes,
            "bytes_from" => Self::InBytes,
            "last" => Self::Last,
            "idle" => Self::Idle,
            "uptime" => Self::Uptime,
            "stop" => Self::Stop,
            "reason" => Self::Reason,
            "rtt" => Self::Rtt,
            _ => return None,
        })
    }

    /// Most first, except for identities, ages and texts.
    fn apply(self, reports: &mut [ConnectionReport], now: Wall) {
        let stop = |report: &ConnectionReport| report.stop.map_or(now, |(at, _)| at);
        match self {
            Self::Cid => reports.sort_by_key(|report| report.cid),
            Self::Subscriptions => reports.sort_by_key(|r| Reverse(r.subscription_count)),
            Self::Pending => reports.sort_by_key(|r| Reverse(r.pending_bytes)),
            Self::OutMessages => reports.sort_by_key(|r| Reverse(r.sent.messages)),
            Self::InMessages => reports.sort_by_key(|r| Reverse(r.received.messages)),
            Self::OutBytes => reports.sort_by_key(|r| Reverse(r.sent.bytes)),
            Self::InBytes => reports.sort_by_key(|r| Reverse(r.received.bytes)),
            Self::Last => reports.sort_by_key(|r| Reverse(r.last_activity)),
            Self::Idle => reports.sort_by_key(|r| r.last_activity),
            Self::Uptime => reports.sort_by_key(|r| span(r.start, stop(r))),
            Self::Stop => reports.sort_by_key(|r| Reverse(stop(r))),
            Self::Reason => reports.sort_by_key(|r| r.stop.map(|(_, reason)| reason.text())),
            Self::Rtt => reports.sort_by_key(|r| Reverse(r.rtt)),
        }
    }
}

impl<'a> Request<'a> {
    fn parse(query: &'a Query) -> Result<Self, BadQuery> {
        let auth = query.boolean("auth")?;
        let subscriptions = query.subscriptions()?;
        let (offset, limit) = (query.int("offset")?, query.int("limit")?);
        let cid = Some(query.uint("cid")?).filter(|&cid| cid > 0);
        let state = query.text("state");
        let (open, closed) = match state.to_ascii_lowercase().as_str() {
            "" | "open" => (true, false),
            "closed" => (false, true),
            "any" | "all" => (true, true),
            _ => return Err(BadQuery(format!("Error decoding state for {state}"))),
        };
        let sort = query.text("sort");
        let sort =
            Sort::parse(sort).ok_or_else(|| BadQuery(format!("invalid sorting option: {sort}")))?;
        for (restricted, name) in [(Sort::Stop, "stop"), (Sort::Reason, "reason")] {
            if sort == restricted && (open || !closed) {
                let text = format!("sort by {name} only valid on closed connections");
                return Err(BadQuery(text));
            }
        }
        Ok(Self {
            sort,
            auth,
            subscriptions,
            offset: offset.max(0),
            limit: match (cid, limit) {
                (Some(_), _) => 1,
                (None, ..=0) => LIMIT,
                (None, _) => limit,
            },
            cid,
            open,
            closed,
            user: query.text("user"),
            account: query.text("acc"),
            mqtt_client: query.text("mqtt_client"),
        })
    }

    fn wants(&self, report: &ConnectionReport) -> bool {
        (self.user.is_empty() || report.authorized_user == self.user)
            && self.mqtt_client.is_empty()
            && self.cid.is_none_or(|cid| report.cid == cid)
    }
}

pub(super) fn connz(node: &Node, query: &Query, now: Wall) -> Result<Connz, BadQuery> {
    let request = Request::parse(query)?;
    let mut reports = node.connection_reports(&ConnectionQuery {
        open: request.open,
        closed: request.closed,
        cid: None,
        subscriptions: request.subscriptions != Subscriptions::Count,
    });
    let mut answer = Connz {
        server_id: String::new(),
        now: time(now),
        num_connections: 0,
        total: 0,
        offset: request.offset,
        limit: request.limit,
        connections: None,
    };
    if !request.account.is_empty() {
        let accounts: BTreeSet<&str> = reports.iter().map(|r| r.account.as_str()).collect();
        if !accounts.contains(request.account) && !super::is_account(request.account) {
            return Ok(answer);
        }
        reports.retain(|report| report.account == request.account);
    }
    answer.server_id = node.server_report().server_id;
    answer.total = reports.len();
    reports.retain(|report| request.wants(report));
    request.sort.apply(&mut reports, now);
    let page = page(reports, request.offset, request.limit);
    answer.num_connections = page.len();
    let connection = |report| connection(report, &request, now);
    answer.connections = Some(page.into_iter().map(connection).collect());
    Ok(answer)
}

fn connection(report: ConnectionReport, request: &Request<'_>, now: Wall) -> Connection {
    let end = report.stop.map_or(now, |(at, _)| at);
    let (authorized_user, account, name_tag) =
        if request.auth { identity(&report) } else { Default::default() };
    let (subscriptions_list, subscriptions_list_detail) = match request.subscriptions {
        Subscriptions::Count => (Vec::new(), Vec::new()),
        Subscriptions::Subjects => (subjects(report.subscriptions), Vec::new()),
        Subscriptions::Detail => (Vec::new(), detail(report.subscriptions)),
    };
    Connection {
        cid: report.cid,
        kind: "Client",
        flavour: "nats",
        ip: report.peer.ip().to_string(),
        port: report.peer.port(),
        start: time(report.start),
        last_activity: time(report.last_activity),
        stop: report.stop.map(|(at, _)| time(at)),
        reason: report.stop.map(|(_, reason)| reason.text()),
        rtt: rtt(report.rtt),
        uptime: uptime(span(report.start, end)),
        idle: uptime(span(report.last_activity, end)),
        pending_bytes: report.pending_bytes,
        in_msgs: report.received.messages,
        out_msgs: report.sent.messages,
        in_bytes: report.received.bytes,
        out_bytes: report.sent.bytes,
        stalls: report.stalls,
        subscriptions: report.subscription_count,
        name: report.name,
        lang: report.lang,
        version: report.version,
        authorized_user,
        account,
        subscriptions_list,
        subscriptions_list_detail,
        name_tag,
    }
}

/// User, account and the account's tag. The global account goes without saying, but its tag is said
/// of open connections.
fn identity(report: &ConnectionReport) -> (String, String, String) {
    let global = report.account == GLOBAL_ACCOUNT;
    let (user, account) = (report.authorized_user.clone(), report.account.clone());
    match (global, report.stop) {
        (true, Some(_)) => (user, String::new(), String::new()),
        (true, None) => (user, String::new(), account),
        (false, _) => (user, account.clone(), account),
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(value: &u64) -> bool {
    *value == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_core::CloseReason;
    use causeway_core::monitor::Traffic;
    use std::time::Duration;

    fn report(cid: u64, rtt_us: u64, sent: u64) -> ConnectionReport {
        ConnectionReport {
            cid,
            peer: "127.0.0.1:5".parse().unwrap(),
            start: Wall(0),
            last_activity: Wall(1_000_000_000 * i64::try_from(cid).unwrap()),
            stop: None,
            rtt: Some(Duration::from_micros(rtt_us)),
            pending_bytes: 0,
            received: Traffic::default(),
            sent: Traffic { messages: sent, bytes: sent * 10 },
            stalls: 0,
            name: String::new(),
            lang: String::new(),
            version: String::new(),
            authorized_user: "u".to_owned(),
            account: "$G".to_owned(),
            subscription_count: 0,
            subscriptions: Vec::new(),
        }
    }

    fn order(sort: &str) -> Vec<u64> {
        let mut reports = vec![report(3, 30, 1), report(1, 10, 2), report(2, 20, 3)];
        Sort::parse(sort).unwrap().apply(&mut reports, Wall(9_000_000_000));
        reports.iter().map(|report| report.cid).collect()
    }

    #[test]
    fn sorts_as_nats_server_does() {
        assert_eq!(order(""), [1, 2, 3]);
        assert_eq!(order("start"), [1, 2, 3]);
        assert_eq!(order("msgs_to"), [2, 1, 3]);
        assert_eq!(order("bytes_to"), [2, 1, 3]);
        assert_eq!(order("rtt"), [3, 2, 1]);
        assert_eq!(order("last"), [3, 2, 1]);
        assert_eq!(order("idle"), [1, 2, 3]);
    }

    #[test]
    fn senseless_requests_are_refused_with_its_texts() {
        let refusal = |text: &str| {
            let query = Query::parse(text);
            Request::parse(&query).map(|_| ()).unwrap_err().0
        };
        assert_eq!(refusal("sort=foo"), "invalid sorting option: foo");
        assert_eq!(refusal("sort=stop"), "sort by stop only valid on closed connections");
        assert_eq!(
            refusal("sort=reason&state=any"),
            "sort by reason only valid on closed connections"
        );
        assert_eq!(refusal("state=bar"), "Error decoding state for bar");
        let query = Query::parse("cid=7&limit=50&offset=-3&state=CLOSED&sort=stop");
        let request = Request::parse(&query).unwrap();
        assert_eq!((request.limit, request.offset, request.cid), (1, 0, Some(7)));
        assert_eq!((request.open, request.closed), (false, true));
    }

    #[test]
    fn a_closed_connection_has_a_past() {
        let query = Query::parse("state=closed&auth=1");
        let request = Request::parse(&query).unwrap();
        let mut report = report(1, 0, 0);
        report.stop = Some((Wall(62_500_000_000), CloseReason::StaleConnection));
        let text = super::super::json::compact(&connection(report, &request, Wall(i64::MAX)));
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "{\"cid\":1,\"kind\":\"Client\",\"type\":\"nats\",\"ip\":\"127.0.0.1\",\"port\":5,\
             \"start\":\"1970-01-01T00:00:00Z\",\"last_activity\":\"1970-01-01T00:00:01Z\",\
             \"stop\":\"1970-01-01T00:01:02.5Z\",\"reason\":\"Stale Connection\",\"rtt\":\"0s\",\
             \"uptime\":\"1m2s\",\"idle\":\"1m1s\",\"pending_bytes\":0,\"in_msgs\":0,\
             \"out_msgs\":0,\"in_bytes\":0,\"out_bytes\":0,\"subscriptions\":0,\
             \"authorized_user\":\"u\"}"
        );
    }
}
