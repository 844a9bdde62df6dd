//! `/subsz`: the interest table.

use causeway_core::monitor::InterestReport;
use causeway_core::{Node, Wall};
use serde::Serialize;

use super::query::{BadQuery, Query};
use super::subscription::{SubscriptionDetail, detail_with_account};
use super::{page, time};

/// nats-server's `DefaultSubListSize`.
const LIMIT: i64 = 1024;

#[derive(Serialize)]
pub(super) struct Subsz {
    server_id: String,
    now: String,
    #[serde(flatten)]
    statistics: Statistics,
    total: usize,
    offset: i64,
    limit: i64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<SubscriptionDetail>,
}

/// nats-server's `SublistStats`.
#[derive(Default, Serialize)]
pub(super) struct Statistics {
    num_subscriptions: u64,
    num_cache: u64,
    num_inserts: u64,
    num_removes: u64,
    num_matches: u64,
    cache_hit_rate: f64,
    max_fanout: u32,
    avg_fanout: f64,
}

impl From<InterestReport> for Statistics {
    fn from(report: InterestReport) -> Self {
        Self {
            num_subscriptions: report.subscriptions,
            num_cache: report.cached,
            num_inserts: report.inserts,
            num_removes: report.removes,
            num_matches: report.matches,
            cache_hit_rate: ratio(report.cache_hits, report.matches),
            max_fanout: report.max_fanout,
            avg_fanout: ratio(report.total_fanout, report.cached),
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "a ratio for people")]
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

pub(super) fn subsz(node: &Node, query: &Query, now: Wall) -> Result<Subsz, BadQuery> {
    let listed = query.boolean("subs")?;
    let (offset, limit) = (query.int("offset")?.max(0), query.int("limit")?);
    let limit = if limit <= 0 { LIMIT } else { limit };
    let test = Some(query.text("test")).filter(|test| !test.is_empty());
    let account = query.text("acc");
    if let Some(test) = test
        && !is_literal(test)
    {
        let text = format!("invalid test subject, must be valid publish subject: {test}");
        return Err(BadQuery(text));
    }
    let known = account.is_empty() || account == super::GLOBAL_ACCOUNT;
    let statistics = if known { node.interest_report().into() } else { Statistics::default() };
    let mut answer = Subsz {
        server_id: node.server_report().server_id,
        now: time(now),
        statistics,
        total: 0,
        offset,
        limit,
        subscriptions_list: Vec::new(),
    };
    if listed {
        let mut reports = node.subscription_reports(test);
        // Interest of remotes has no subscription id; the page is about local subscriptions.
        reports.retain(|report| {
            !report.sid.is_empty() && (account.is_empty() || report.account == account)
        });
        answer.total = reports.len();
        answer.subscriptions_list = detail_with_account(page(reports, offset, limit));
    }
    Ok(answer)
}

/// Whether a message could be published to it: tokens that are neither empty nor a wildcard.
fn is_literal(subject: &str) -> bool {
    !subject.contains(|c: char| c.is_ascii_whitespace())
        && subject.split('.').all(|token| !matches!(token, "" | "*" | ">"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_subjects_to_publish_to_can_be_tested() {
        for subject in ["foo", "foo.bar", "a*b.c>d", "$SYS.x"] {
            assert!(is_literal(subject), "{subject}");
        }
        for subject in ["", "foo.", ".foo", "foo..a", "foo.*", "foo.>", "a b"] {
            assert!(!is_literal(subject), "{subject}");
        }
    }
}
