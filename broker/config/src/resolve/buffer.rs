//! `cluster.buffer`, which nats-server does not have.

use super::permissions::is_subject;
use super::raw::RawBuffer;
use super::values::{map, set_duration, set_limit, set_unsigned, text, texts};
use super::{Issues, Setting, each_setting};
use crate::config::Overflow;
use crate::go::quote;
use crate::options::{BUFFER, BufferOption};
use crate::value::Node;

/// Reads the block; an empty one is none.
pub(super) fn resolve(node: &Node, issues: &mut Issues) -> Result<Option<RawBuffer>, String> {
    let map = map(node)?;
    if map.is_empty() {
        return Ok(None);
    }
    let mut buffer = RawBuffer::default();
    let errors_before = issues.errors.len();
    each_setting("cluster.buffer.", BUFFER, map, issues, |setting, issues| {
        let result = set(setting, &mut buffer, issues);
        issues.check(&setting.node.at, result);
    });
    if buffer.subjects.is_empty() && issues.errors.len() == errors_before {
        return Err("cluster buffer requires `subjects`".to_owned());
    }
    Ok(Some(buffer))
}

fn set(
    setting: &Setting<'_, BufferOption>,
    buffer: &mut RawBuffer,
    issues: &mut Issues,
) -> Result<(), String> {
    let Setting { id, key, node } = *setting;
    match id {
        BufferOption::Subjects => {
            buffer.subjects = subjects(node, issues)?;
            Ok(())
        }
        BufferOption::MaxBytes => set_unsigned(&mut buffer.max_bytes, key, node),
        BufferOption::MaxMsgs => set_limit(&mut buffer.max_msgs, node),
        BufferOption::MaxAge => set_duration(&mut buffer.max_age, "max_age", node, issues),
        BufferOption::Overflow => {
            buffer.overflow = overflow(text(node)?)?;
            Ok(())
        }
    }
}

fn subjects(node: &Node, issues: &mut Issues) -> Result<Vec<String>, String> {
    let mut subjects: Vec<String> = Vec::new();
    for subject in texts("subjects", node, issues).unwrap_or_default() {
        if !is_subject(&subject) {
            return Err(format!("subject {} is not a valid subject", quote(&subject)));
        }
        if !subjects.contains(&subject) {
            subjects.push(subject);
        }
    }
    Ok(subjects)
}

fn overflow(word: &str) -> Result<Overflow, String> {
    match word.to_lowercase().as_str() {
        "" | "refuse" => Ok(Overflow::Refuse),
        "drop_oldest" => Ok(Overflow::DropOldest),
        _ => Err(format!("overflow must be 'refuse' or 'drop_oldest', got {}", quote(word))),
    }
}
