//! The `[buffer]` table as it is written. Its comments are the schema's.

use schemars::JsonSchema;
use serde::Deserialize;

use super::quantity as q;
use super::raw::{Any, Text};

/// What nodes keep for others that they cannot reach.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBuffer {
    /// Which messages.
    #[schemars(with = "Vec<String>")]
    pub(super) subjects: Vec<Text>,
    /// Bytes for one other node; drawn. By default 1GiB.
    #[serde(default)]
    #[schemars(with = "q::Size")]
    pub(super) max_bytes: Option<Any>,
    /// Messages for one other node; drawn. By default as many as there are.
    #[serde(default)]
    #[schemars(with = "q::Count")]
    pub(super) max_msgs: Option<Any>,
    /// How long a message is kept; drawn. By default for ever.
    #[serde(default)]
    #[schemars(with = "q::Duration")]
    pub(super) max_age: Option<Any>,
    /// What becomes of a message for which there is no room: `refuse` (the default) or
    /// `drop_oldest`.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(super) overflow: Option<Text>,
}
