//! Log lines about buffers for other servers.

use causeway_core::BufferEvent;
use causeway_core::monitor::buffer::Dropped;

use super::Level;
use super::events::Line;
use crate::text::go_duration;

/// The line for an event about buffers.
pub(super) fn line(event: BufferEvent) -> Line {
    let (level, text) = match event {
        BufferEvent::Unreadable { dir } => {
            (Level::Error, format!("Buffer in {dir:?} cannot be read and is left alone"))
        }
        BufferEvent::Failed { peer } => (
            Level::Error,
            format!(
                "Buffer for {peer:?}: the disk has failed, and messages for it are refused until \
                 this server is started again"
            ),
        ),
        BufferEvent::NotKept { peer } => (
            Level::Warn,
            format!("Nothing is kept for {peer:?} while it is away: it has no cluster buffer"),
        ),
        BufferEvent::Unnamed { peer } => (
            Level::Warn,
            format!("Buffer for {peer:?} ends when that is started again: it has no server_name"),
        ),
        BufferEvent::CutOff { peer, interest, messages } => (
            Level::Warn,
            format!(
                "Buffer for {peer:?}: cut off, messages on {interest} subjects are kept from now \
                 on, {messages} are there"
            ),
        ),
        BufferEvent::Back { peer, messages, awaited } => {
            let awaited = match awaited {
                0 => String::new(),
                count => format!(", subscribers of {count} subjects are awaited"),
            };
            let text = format!("Buffer for {peer:?}: connected, {messages} messages wait{awaited}");
            (Level::Info, text)
        }
        BufferEvent::CaughtUp { peer, messages, took } => {
            let took = go_duration(took);
            let text = format!("Buffer for {peer:?}: caught up, {messages} messages in {took}");
            (Level::Info, text)
        }
        BufferEvent::Losses { peer, dropped, refused } => {
            (Level::Warn, format!("Buffer for {peer:?}: {}", losses(dropped, refused)))
        }
        BufferEvent::Forgotten { peer } => (
            Level::Warn,
            format!("Buffer for {peer:?} is given up: it has been away for longer than max_age"),
        ),
    };
    Line { level, text: text.into_bytes() }
}

fn losses(dropped: Dropped, refused: u64) -> String {
    let counts = [
        (dropped.age, "dropped for their age"),
        (dropped.overflow, "dropped for newer ones"),
        (dropped.unwanted, "dropped that nobody wants any more"),
        (dropped.damaged, "dropped as damaged"),
        (refused, "refused"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(count, why)| format!("{count} {why}")).collect();
    format!("messages {}", counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_told_by_their_reasons() {
        let dropped = Dropped { age: 3, unwanted: 1, ..Dropped::default() };
        let expected = "messages 3 dropped for their age, 1 dropped that nobody wants any more, \
                        2 refused";
        assert_eq!(losses(dropped, 2), expected);
    }
}
