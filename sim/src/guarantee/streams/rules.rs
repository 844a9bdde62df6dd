//! What the configuration of a stream or a consumer says, as far as guarantees depend on it.

use serde_json::Value;

use crate::units::SECOND;

/// How long ids are remembered if a stream does not say so.
const DUPLICATES_NS: u64 = 120 * SECOND;

/// How long a consumer waits for an acknowledgement if it does not say so.
const ACK_WAIT_NS: u64 = 30 * SECOND;

/// When messages go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Retention {
    /// At limits.
    Limits,
    /// When all consumers have done with them.
    Interest,
    /// When the consumer has done with them.
    WorkQueue,
}

/// What a stream's configuration says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Rules {
    pub(crate) retention: Retention,
    pub(crate) memory: bool,
    /// The newest message goes at a limit, not the oldest.
    pub(crate) discard_new: bool,
    pub(crate) max_msgs: Option<u64>,
    pub(crate) max_bytes: Option<u64>,
    pub(crate) max_age_ns: Option<u64>,
    pub(crate) max_per_subject: Option<u64>,
    pub(crate) duplicates_ns: u64,
    pub(crate) subjects: Vec<String>,
    /// The name of the stream that it is a copy of.
    pub(crate) mirror: Option<String>,
    /// The names of the streams that it takes in, with what it takes.
    pub(crate) sources: Vec<(String, Option<String>)>,
}

impl Rules {
    pub(crate) fn of(config: &str) -> Self {
        let config: Value = serde_json::from_str(config).unwrap_or_default();
        let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
        let limit = |key: &str| {
            config
                .get(key)
                .and_then(Value::as_i64)
                .and_then(|n| u64::try_from(n).ok())
                .filter(|n| *n > 0)
        };
        let origin = |value: &Value| {
            let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
            Some((text("name")?, text("filter_subject")))
        };
        let list =
            |key: &str| config.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let takes = ["mirror", "sources"].iter().any(|key| config.get(key).is_some());
        Self {
            retention: match text("retention") {
                "interest" => Retention::Interest,
                "workqueue" => Retention::WorkQueue,
                _ => Retention::Limits,
            },
            memory: text("storage") == "memory",
            discard_new: text("discard") == "new",
            max_msgs: limit("max_msgs"),
            max_bytes: limit("max_bytes"),
            max_age_ns: limit("max_age"),
            max_per_subject: limit("max_msgs_per_subject"),
            // What comes from another stream is not looked at, unless somebody says so.
            duplicates_ns: limit("duplicate_window").unwrap_or(if takes {
                0
            } else {
                DUPLICATES_NS
            }),
            subjects: list("subjects")
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            mirror: config.get("mirror").and_then(origin).map(|(name, _)| name),
            sources: list("sources").iter().filter_map(origin).collect(),
        }
    }

    /// Whether messages stay until somebody deletes them.
    pub(crate) const fn keeps_all(&self) -> bool {
        matches!(self.retention, Retention::Limits) && self.takes_nothing_away()
    }

    /// Whether messages stay until somebody deletes them or is done with them: neither age nor a limit
    /// takes them.
    pub(crate) const fn takes_nothing_away(&self) -> bool {
        self.max_age_ns.is_none()
            && (self.discard_new || self.max_msgs.is_none() && self.max_bytes.is_none())
            && self.max_per_subject.is_none()
    }
}

/// What must be acknowledged.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ack {
    /// Nothing.
    None,
    /// Each message, and with it all before it.
    All,
    /// Each message.
    Explicit,
}

/// What a consumer's configuration says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ConsumerRules {
    pub(crate) ack: Ack,
    /// The longest time that it waits for an acknowledgement.
    pub(crate) ack_wait_ns: u64,
    pub(crate) max_deliver: Option<u64>,
    pub(crate) filters: Vec<String>,
    /// It begins with the first message of the stream.
    pub(crate) from_start: bool,
    pub(crate) memory: bool,
}

impl ConsumerRules {
    pub(crate) fn of(config: &str) -> Self {
        let config: Value = serde_json::from_str(config).unwrap_or_default();
        let text = |key: &str| config.get(key).and_then(Value::as_str).unwrap_or_default();
        let number = |key: &str| config.get(key).and_then(Value::as_u64).filter(|n| *n > 0);
        let list =
            |key: &str| config.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut filters: Vec<String> =
            list("filter_subjects").iter().filter_map(Value::as_str).map(str::to_owned).collect();
        if !text("filter_subject").is_empty() {
            filters.push(text("filter_subject").to_owned());
        }
        let backoff = list("backoff").iter().filter_map(Value::as_u64).max();
        Self {
            ack: match text("ack_policy") {
                "explicit" => Ack::Explicit,
                "all" => Ack::All,
                _ => Ack::None,
            },
            ack_wait_ns: backoff.unwrap_or(number("ack_wait").unwrap_or(ACK_WAIT_NS)),
            max_deliver: number("max_deliver"),
            filters,
            from_start: matches!(text("deliver_policy"), "" | "all"),
            memory: config.get("mem_storage").and_then(Value::as_bool) == Some(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_read() {
        let rules = Rules::of(
            r#"{"retention":"workqueue","storage":"memory","discard":"new","max_msgs":5,
                "max_bytes":-1,"max_age":7,"sources":[{"name":"A","filter_subject":"x"}]}"#,
        );
        assert_eq!((rules.retention, rules.memory), (Retention::WorkQueue, true));
        assert_eq!((rules.max_msgs, rules.max_bytes, rules.max_age_ns), (Some(5), None, Some(7)));
        assert_eq!(rules.sources, [("A".to_owned(), Some("x".to_owned()))]);
        assert!(!rules.keeps_all() && Rules::of("{}").keeps_all());
        assert!(Rules::of(r#"{"max_msgs":5,"discard":"new"}"#).keeps_all());
        let mirror = Rules::of(r#"{"mirror":{"name":"A"}}"#).mirror;
        assert_eq!(mirror.as_deref(), Some("A"));
        let of = |config: &str| Rules::of(config).duplicates_ns;
        assert_eq!((of("{}"), of(r#"{"sources":[{"name":"A"}]}"#)), (DUPLICATES_NS, 0));
        let consumer =
            ConsumerRules::of(r#"{"ack_policy":"all","backoff":[1,9],"filter_subject":"a"}"#);
        assert_eq!((consumer.ack, consumer.ack_wait_ns), (Ack::All, 9));
        assert_eq!((consumer.filters, consumer.from_start), (vec!["a".to_owned()], true));
        assert_eq!(ConsumerRules::of("{}").ack, Ack::None);
    }
}
