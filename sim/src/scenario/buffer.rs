//! What a scenario says of what is kept for nodes that cannot be reached.

use super::Draw;

/// What nodes keep for others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BufferSpec {
    /// Which subjects.
    pub subjects: Vec<String>,
    /// Bytes for one other node.
    pub max_bytes: Option<Draw>,
    /// Messages for one other node.
    pub max_msgs: Option<Draw>,
    /// How long, in nanoseconds.
    pub max_age: Option<Draw>,
    /// What is full takes new messages in place of old ones.
    pub drop_oldest: bool,
}
