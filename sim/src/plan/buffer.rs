//! What nodes keep for others that they cannot reach: in the plan and in its text.

use causeway_core::Duration;
use causeway_core::config::{LinkBufferConfig, Overflow};

use super::text::{Line, put};
use crate::history::BufferRoom;
use crate::units::Span;

/// What a node keeps for others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BufferPlan {
    /// Which subjects.
    pub subjects: Vec<String>,
    /// Bytes for one other node; 0 is the server's default.
    pub max_bytes: u64,
    /// Messages for one other node; 0 is unlimited.
    pub max_msgs: u64,
    /// How long, in nanoseconds; 0 is for ever.
    pub max_age_ns: u64,
    /// What is full takes new messages in place of old ones.
    pub drop_oldest: bool,
}

/// The server's default.
const MAX_BYTES: u64 = 1 << 30;

impl BufferPlan {
    /// The server's configuration.
    #[must_use]
    pub fn config(&self) -> LinkBufferConfig {
        LinkBufferConfig {
            subjects: self.subjects.clone(),
            max_bytes: if self.max_bytes == 0 { MAX_BYTES } else { self.max_bytes },
            max_msgs: Some(self.max_msgs).filter(|most| *most > 0),
            max_age: Some(self.max_age_ns).filter(|age| *age > 0).map(Duration::from_nanos),
            overflow: if self.drop_oldest { Overflow::DropOldest } else { Overflow::Refuse },
        }
    }

    /// Whether something that was taken may not be kept.
    #[must_use]
    pub const fn forgets(&self) -> bool {
        let overflows = self.drop_oldest && (self.max_bytes > 0 || self.max_msgs > 0);
        overflows || self.max_age_ns > 0
    }

    /// How much there is room for.
    pub(super) fn room(&self) -> BufferRoom {
        let LinkBufferConfig { max_bytes, max_msgs, .. } = self.config();
        BufferRoom { max_bytes, max_msgs, refuses: !self.drop_oldest }
    }

    /// Its words in the line of a node.
    pub(super) fn words(&self, out: &mut String) {
        put(out, "buffer", self.subjects.join(","));
        for (key, number) in [("buffer_bytes", self.max_bytes), ("buffer_msgs", self.max_msgs)] {
            if number > 0 {
                put(out, key, number);
            }
        }
        if self.max_age_ns > 0 {
            put(out, "buffer_age", Span(self.max_age_ns));
        }
        if self.drop_oldest {
            put(out, "buffer_overflow", "drop_oldest");
        }
    }

    /// Reads them; a node without subjects keeps nothing.
    pub(super) fn read(line: &mut Line) -> Result<Option<Self>, String> {
        let Some(subjects) = line.maybe("buffer") else { return Ok(None) };
        let mut number = |key| match line.maybe(key) {
            Some(text) => text.parse().map_err(|_| format!("`{key}={text}`: not a number")),
            None => Ok(0),
        };
        let (max_bytes, max_msgs) = (number("buffer_bytes")?, number("buffer_msgs")?);
        let max_age_ns = match line.maybe("buffer_age") {
            Some(text) => crate::units::duration(&text).map_err(|error| error.to_string())?,
            None => 0,
        };
        let drop_oldest = match line.maybe("buffer_overflow").as_deref() {
            None => false,
            Some("drop_oldest") => true,
            Some(other) => return Err(format!("`buffer_overflow={other}` is not known")),
        };
        let subjects = subjects.split(',').map(str::to_owned).collect();
        Ok(Some(Self { subjects, max_bytes, max_msgs, max_age_ns, drop_oldest }))
    }
}
