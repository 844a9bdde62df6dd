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

/// Subscriptions of one client.
pub(super) fn detail(reports: Vec<SubscriptionReport>) -> Vec<SubscriptionDetail> {
    reports.into_iter().map(SubscriptionDetail::from).collect()
}

/// Subscriptions of all accounts.
pub(super) fn detail_with_account(reports: Vec<SubscriptionReport>) -> Vec<SubscriptionDetail> {
    let one = |report: SubscriptionReport| {
        let account = report.account.clone();
        SubscriptionDetail { account_tag: account.clone(), account, ..report.into() }
    };
    reports.into_iter().map(one).collect()
}

/// Interest of a remote. It has no subscription id; nats-server shows its own key in the place,
/// which names the account unless the route is `dedicated` to one.
pub(super) fn detail_of_remote(
    reports: Vec<SubscriptionReport>,
    dedicated: bool,
) -> Vec<SubscriptionDetail> {
    let one = |report: SubscriptionReport| {
        let mut sid = match dedicated {
            true => format!("R {}", report.subject),
            false => format!("R {} {}", report.account, report.subject),
        };
        if !report.queue.is_empty() {
            sid.push(' ');
            sid.push_str(&report.queue);
        }
        SubscriptionDetail { sid, ..report.into() }
    };
    reports.into_iter().map(one).collect()
}

impl From<SubscriptionReport> for SubscriptionDetail {
    fn from(report: SubscriptionReport) -> Self {
        Self {
            account: String::new(),
            account_tag: String::new(),
            subject: report.subject,
            qgroup: report.queue,
            sid: report.sid,
            msgs: report.delivered,
            max: Some(report.max).filter(|&max| max > 0),
            cid: report.cid,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids are those that a nats-server 2.15.1 showed.
    #[test]
    fn interest_of_a_remote_has_the_key_as_its_id() {
        let reports = || {
            let one = |subject: &str, queue: &str| SubscriptionReport {
                account: "$G".to_owned(),
                subject: subject.to_owned(),
                queue: queue.to_owned(),
                sid: String::new(),
                weight: 1,
                delivered: 0,
                max: 0,
                cid: 7,
            };
            vec![one("a.>", ""), one("q.x", "g")]
        };
        let ids = |dedicated| {
            let details = detail_of_remote(reports(), dedicated);
            details.into_iter().map(|detail| detail.sid).collect::<Vec<_>>()
        };
        assert_eq!(ids(false), ["R $G a.>", "R $G q.x g"]);
        assert_eq!(ids(true), ["R a.>", "R q.x g"]);
    }
}
