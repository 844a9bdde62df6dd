//! What clients know of streams before they ask.

use serde_json::Value;

use crate::ids::{ConsumerNo, NodeId, StreamNo};
use crate::plan::Plan;

/// Names and configurations of the streams and consumers of a plan.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Known {
    streams: Vec<KnownStream>,
    consumers: Vec<KnownConsumer>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct KnownStream {
    pub(super) name: String,
    pub(super) node: NodeId,
    /// What the subjects of requests begin with.
    pub(super) api: String,
    pub(super) config: String,
    /// Its messages may be got without asking the stream's leader.
    pub(super) direct: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct KnownConsumer {
    pub(super) name: String,
    pub(super) stream: StreamNo,
    pub(super) config: String,
    /// Where it delivers to by itself.
    pub(super) pushes_to: Option<String>,
    /// It wants no answers.
    pub(super) silent: bool,
}

impl Known {
    /// What a plan says.
    #[must_use]
    pub(crate) fn of(plan: &Plan) -> Self {
        let streams = plan.streams.iter().map(|stream| {
            let node = plan.nodes.get(usize::from(stream.node.0));
            let jetstream = node.and_then(|node| node.jetstream.as_ref());
            let domain = jetstream.map(|it| &it.domain).filter(|domain| !domain.is_empty());
            let config: Value = serde_json::from_str(&stream.config).unwrap_or_default();
            KnownStream {
                name: stream.name.clone(),
                node: stream.node,
                api: domain.map_or("$JS.API".to_owned(), |domain| format!("$JS.{domain}.API")),
                config: stream.config.clone(),
                direct: config.get("allow_direct").and_then(Value::as_bool) == Some(true),
            }
        });
        let consumers = plan.consumers.iter().map(|consumer| {
            let config: Value = serde_json::from_str(&consumer.config).unwrap_or_default();
            let text = |key: &str| config.get(key).and_then(Value::as_str).map(str::to_owned);
            KnownConsumer {
                name: consumer.name.clone(),
                stream: consumer.stream,
                config: consumer.config.clone(),
                pushes_to: text("deliver_subject"),
                silent: text("ack_policy").is_none_or(|policy| policy == "none"),
            }
        });
        Self { streams: streams.collect(), consumers: consumers.collect() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    pub(super) fn stream(&self, stream: StreamNo) -> Option<&KnownStream> {
        self.streams.get(usize::from(stream.0))
    }

    pub(super) fn consumer(&self, consumer: ConsumerNo) -> Option<&KnownConsumer> {
        self.consumers.get(usize::from(consumer.0))
    }

    /// The consumer of these names.
    pub(super) fn consumer_called(&self, stream: &str, consumer: &str) -> Option<ConsumerNo> {
        let is_it = |known: &KnownConsumer| {
            known.name == consumer && self.stream(known.stream).is_some_and(|s| s.name == stream)
        };
        let at = self.consumers.iter().position(is_it)?;
        u16::try_from(at).ok().map(ConsumerNo)
    }

    /// The streams of a node.
    pub(super) fn streams_of(&self, node: NodeId) -> Vec<StreamNo> {
        let all = (0..).map(StreamNo).zip(&self.streams);
        all.filter(|(_, stream)| stream.node == node).map(|(no, _)| no).collect()
    }

    /// The consumers of a node's streams.
    pub(super) fn consumers_of(&self, node: NodeId) -> Vec<ConsumerNo> {
        let all = (0..).map(ConsumerNo).zip(&self.consumers);
        let of_node = |consumer: &KnownConsumer| {
            self.stream(consumer.stream).is_some_and(|stream| stream.node == node)
        };
        all.filter(|(_, consumer)| of_node(consumer)).map(|(no, _)| no).collect()
    }
}
