//! The `[buffer]` table.

use causeway_core::config::ClientLimits;
use toml::Spanned;

use super::super::value::Unit;
use super::super::{BufferSpec, RegionSpec};
use super::Reader;

/// What becomes of a message for which there is no room.
const OVERFLOWS: [&str; 2] = ["refuse", "drop_oldest"];

impl Reader<'_> {
    /// What all nodes keep for others.
    pub(super) fn buffer(&mut self, regions: &[RegionSpec]) -> Option<BufferSpec> {
        let raw = self.raw.buffer.as_ref()?;
        let buffer = raw.get_ref();
        let subjects: Vec<String> =
            buffer.subjects.iter().map(|text| text.get_ref().clone()).collect();
        for text in &buffer.subjects {
            let subject = text.get_ref();
            if subject.contains(',') || !causeway_wire::subject::is_valid(subject.as_bytes()) {
                self.problems.add(text.span(), format!("`{subject}` is not a subject"));
            }
        }
        if subjects.is_empty() {
            self.problems.add(raw.span(), "a buffer is for some subjects: name them");
        }
        let overflow = buffer.overflow.as_ref().map(Spanned::get_ref);
        if let Some(text) =
            buffer.overflow.as_ref().filter(|it| !OVERFLOWS.contains(&it.get_ref().as_str()))
        {
            self.problems.add(text.span(), "this is `refuse` or `drop_oldest`");
        }
        let max_bytes = self.at_least_one(buffer.max_bytes.as_ref(), Unit::Size);
        if let (Some(raw), Some(room)) = (&buffer.max_bytes, max_bytes)
            && regions.iter().any(|region| room.low < longest_message(region))
        {
            let message = "a server's buffer has room for every message: no less than `max_payload`, which is \
                1MiB unless `config` of the region says otherwise";
            self.problems.add(raw.span(), message);
        }
        Some(BufferSpec {
            subjects,
            max_bytes,
            max_msgs: self.at_least_one(buffer.max_msgs.as_ref(), Unit::Count),
            max_age: self.at_least_one(buffer.max_age.as_ref(), Unit::Duration),
            drop_oldest: overflow.is_some_and(|text| text == OVERFLOWS[1]),
        })
    }
}

/// Bytes of the longest message that nodes of a region take.
fn longest_message(region: &RegionSpec) -> u64 {
    let usual = ClientLimits::default().max_payload;
    region.config.max_payload.map_or(usual, |draw| draw.high)
}
