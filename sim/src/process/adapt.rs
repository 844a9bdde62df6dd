//! A plan as a nats-server can have it.
//!
//! In a plan each node keeps streams of its own, in a domain of its own. The nats-servers of a cluster
//! keep theirs together, in one domain, and elect who decides about them; so a stream is placed by a
//! tag of the node that the plan wants it on, and mirrors and sources find it without a domain.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::{Flavour, config};
use crate::plan::Plan;

/// The plan that is run for a plan.
pub(super) fn adapt(plan: &Plan, flavour: Flavour) -> Cow<'_, Plan> {
    let keeps = plan.nodes.iter().any(|node| node.jetstream.is_some());
    if flavour == Flavour::Causeway || !keeps || plan.nodes.len() < 2 {
        return Cow::Borrowed(plan);
    }
    let mut plan = plan.clone();
    let tags: Vec<String> = plan.nodes.iter().map(config::tag).collect();
    for jetstream in plan.nodes.iter_mut().filter_map(|node| node.jetstream.as_mut()) {
        jetstream.domain.clear();
    }
    for stream in &mut plan.streams {
        let Some(tag) = tags.get(usize::from(stream.node.0)) else { continue };
        let Ok(mut value) = serde_json::from_str::<Value>(&stream.config) else { continue };
        if let Some(fields) = value.as_object_mut() {
            fields.insert("placement".to_owned(), json!({ "tags": [tag] }));
            for key in ["mirror", "sources"] {
                fields.get_mut(key).into_iter().for_each(without_domain);
            }
            stream.config = value.to_string();
        }
    }
    Cow::Owned(plan)
}

/// A mirror, or a list of sources.
fn without_domain(value: &mut Value) {
    if let Some(list) = value.as_array_mut() {
        list.iter_mut().for_each(without_domain);
    } else if let Some(fields) = value.as_object_mut() {
        fields.remove("external");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::plan::{JetStreamPlan, NodePlan, StreamPlan};

    #[test]
    fn streams_are_placed_by_tags_in_one_domain() {
        let node = |name: &str| NodePlan {
            jetstream: Some(JetStreamPlan {
                domain: name.to_owned(),
                sync_ns: 0,
                cipher: None,
                max_store: 0,
                max_memory: 0,
            }),
            ..config::tests::node(name, Vec::new())
        };
        let config = json!({
            "name": "S",
            "sources": [{ "name": "O", "external": { "api": "$JS.east.API" } }],
        });
        let mut plan = Plan { nodes: vec![node("east/1"), node("west/1")], ..Plan::default() };
        plan.streams.push(StreamPlan {
            name: "S".to_owned(),
            node: NodeId(1),
            config: config.to_string(),
        });
        assert_eq!(*adapt(&plan, Flavour::Causeway), plan);
        let adapted = adapt(&plan, Flavour::NatsServer);
        assert!(
            adapted.nodes.iter().all(|node| node.jetstream.as_ref().unwrap().domain.is_empty())
        );
        assert_eq!(
            serde_json::from_str::<Value>(&adapted.streams[0].config).unwrap(),
            json!({
                "name": "S",
                "sources": [{ "name": "O" }],
                "placement": { "tags": ["west-1"] },
            })
        );
        plan.nodes.pop();
        assert_eq!(*adapt(&plan, Flavour::NatsServer), plan, "it keeps them alone");
    }
}
