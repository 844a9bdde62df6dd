//! Messages for streams: from the publisher to the log, and whether they stayed there.

use super::{Book, Cause, End};
use crate::history::{Kind, StreamEvent, StreamState};
use crate::ids::{MsgId, StreamNo};

/// Codes of the API's errors.
const TOO_LARGE: u32 = 10_054;
const WRONG_LAST_SEQUENCE: [u32; 3] = [10_071, 10_164, 10_201];
const NOBODY: u32 = 503;

impl Book<'_> {
    /// Why a message is not in its stream, if it is not.
    pub(super) fn stored(&self, msg: MsgId) -> Vec<End> {
        let Some(page) = self.page(msg) else { return Vec::new() };
        let mut stream = None;
        let mut answer: Option<(usize, Cause)> = None;
        let mut acked: Option<(usize, u64)> = None;
        let mut is_there = false;
        for &event in &page.events {
            let Kind::Stream(said) = &self.history.events[event].kind else { continue };
            #[expect(clippy::wildcard_enum_match_arm, reason = "the others say nothing of it")]
            match &**said {
                StreamEvent::Sent { stream: of, .. } => stream = Some(*of),
                StreamEvent::Acked { seq, duplicate, .. } => {
                    acked = acked.or(Some((event, *seq)));
                    answer = duplicate.then_some((event, Cause::Duplicate));
                }
                StreamEvent::Refused { code, text, .. } => {
                    answer = Some((event, refusal(*code, self.history.text(*text))));
                }
                // Whoever is refused tries again until it gives up.
                StreamEvent::Unknown { .. } => drop(answer.get_or_insert((event, Cause::NoAnswer))),
                StreamEvent::Given { .. } | StreamEvent::Stored { .. } => is_there = true,
                _ => {}
            }
        }
        let node = stream.and_then(|stream| {
            self.history.header.streams.get(usize::from(stream.0)).map(|stream| stream.node)
        });
        let end = |(event, cause)| {
            let t = self.time(event);
            vec![End { receiver: None, cause, t, node, event: Some(event) }]
        };
        match (answer, acked, stream) {
            // It was not stored again, but once.
            (Some(answer @ (_, Cause::Duplicate)), ..) => end(answer),
            _ if is_there => Vec::new(),
            (_, Some((_, seq)), Some(stream)) => self.gone(stream, seq).map_or_else(Vec::new, end),
            (Some(answer), ..) => end(answer),
            _ => Vec::new(),
        }
    }

    /// Why a sequence that was acknowledged was not read back, if it was looked for.
    fn gone(&self, stream: StreamNo, seq: u64) -> Option<(usize, Cause)> {
        let (mut hole, mut damaged, mut first, mut audited) = (None, None, None, false);
        for (event, said) in self.stream_events(stream) {
            #[expect(clippy::wildcard_enum_match_arm, reason = "the others say nothing of it")]
            match said {
                StreamEvent::Hole { seq: of, .. } if *of == seq => hole = Some(event),
                StreamEvent::Damaged { first, last, .. } if (*first..=*last).contains(&seq) => {
                    damaged = Some(event);
                }
                StreamEvent::State(StreamState { first: of, .. }) => first = Some((event, *of)),
                StreamEvent::Audited { .. } => audited = true,
                _ => {}
            }
        }
        if !audited {
            return None;
        }
        match (damaged, first, hole) {
            (Some(event), ..) => Some((event, Cause::StreamDamaged)),
            (None, Some((event, first)), _) if seq < first => Some((event, Cause::StreamLimits)),
            (None, _, Some(event)) => Some((event, Cause::StreamLimits)),
            (None, Some((event, _)), None) => Some((event, Cause::Unexplained)),
            (None, None, None) => None,
        }
    }

    fn stream_events(&self, stream: StreamNo) -> impl Iterator<Item = (usize, &StreamEvent)> {
        self.history.events.iter().enumerate().filter_map(move |(i, event)| {
            let Kind::Stream(said) = &event.kind else { return None };
            (said.stream() == Some(stream)).then_some((i, &**said))
        })
    }
}

fn refusal(code: u32, text: &str) -> Cause {
    match code {
        NOBODY => Cause::NoStream,
        TOO_LARGE => Cause::TooLarge,
        code if WRONG_LAST_SEQUENCE.contains(&code) => Cause::OtherSequence,
        // The text is the reason: maximum messages, bytes, messages per subject.
        _ if text.starts_with("maximum") => Cause::StreamFull,
        _ => Cause::StreamRefused,
    }
}
