//! Subscriptions as several pages list them.

use causeway_core::monitor::SubscriptionReport;
use serde::Serialize;

/// nats-server's `SubDetail`.
#[derive(Serialize)]
pub(super) struct SubscriptionDetail {
    #[serde(skip_serializing_if = "String::is_empty")]
    account: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    account_tag: String,
    subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    qgroup: String,
    sid: String,
    msgs: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<u64>,
    cid: u64,
}

/// The subjects alone.
pub(super) fn subjects(reports: Vec<SubscriptionReport>) -> Vec<String> {
    reports.into_iter().map(|report| report.subject).collect()
}

/// Everything; with the account where a page is about several.
pub(super) fn detail(
    reports: Vec<SubscriptionReport>,
    with_account: bool,
) -> Vec<SubscriptionDetail> {
    let one = |report: SubscriptionReport| SubscriptionDetail {
        account: if with_account { report.account.clone() } else { String::new() },
        account_tag: if with_account { report.account } else { String::new() },
        subject: report.subject,
        qgroup: report.queue,
        sid: report.sid,
        msgs: report.delivered,
        max: Some(report.max).filter(|&max| max > 0),
        cid: report.cid,
    };
    reports.into_iter().map(one).collect()
}
