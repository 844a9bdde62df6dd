//! The reply subjects of batches that are published with flow control.

/// How such a reply subject ends.
const SUFFIX: &[u8] = b".$FI";

/// How often a server answers unless the client says otherwise: after so many messages.
const DEFAULT_FLOW: u16 = 10;

/// What the reply subject of a message in a batch says:
/// `<prefix>.<id>.<flow>.<ok or fail>.<number>.<operation>.$FI`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastBatch<'a> {
    /// Id of the batch.
    pub id: &'a [u8],
    /// After how many messages the client wants an answer.
    pub flow: u16,
    /// Whether the batch goes on when messages are missing.
    pub gap_ok: bool,
    /// Number of the message in the batch, from 1.
    pub seq: u64,
    /// What the message does.
    pub op: FastBatchOp,
}

/// What a message does to its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FastBatchOp {
    /// It begins it.
    Start,
    /// It belongs to it.
    Append,
    /// It is the last.
    Commit,
    /// It ends it and is not stored.
    CommitEob,
    /// It asks how far it is.
    Ping,
}

/// A reply subject ends as those of batches do, and the rest is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastBatchError;

impl core::fmt::Display for FastBatchError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("not <id>.<flow>.<ok or fail>.<number>.<operation>.$FI")
    }
}

impl core::error::Error for FastBatchError {}

impl<'a> FastBatch<'a> {
    /// Reads a reply subject; `None` if it has nothing to do with batches.
    ///
    /// # Errors
    ///
    /// If it has, and is wrong.
    pub fn parse(reply: &'a [u8]) -> Result<Option<Self>, FastBatchError> {
        match reply.strip_suffix(SUFFIX) {
            Some(rest) if !rest.is_empty() => {
                Self::parse_rest(rest).map(Some).ok_or(FastBatchError)
            }
            Some(_) | None => Ok(None),
        }
    }

    fn parse_rest(rest: &'a [u8]) -> Option<Self> {
        let mut last = rest.rsplit(|&b| b == b'.');
        let op = match last.next()? {
            b"0" => FastBatchOp::Start,
            b"1" => FastBatchOp::Append,
            b"2" => FastBatchOp::Commit,
            b"3" => FastBatchOp::CommitEob,
            b"4" => FastBatchOp::Ping,
            _ => return None,
        };
        let seq = number(last.next()?).filter(|&seq| seq != 0 && seq != u64::MAX)?;
        let fits = match op {
            FastBatchOp::Start => seq == 1,
            FastBatchOp::Append | FastBatchOp::CommitEob => seq > 1,
            FastBatchOp::Commit | FastBatchOp::Ping => true,
        };
        let gap_ok = match last.next()? {
            b"ok" => true,
            b"fail" => false,
            _ => return None,
        };
        let flow = match number(last.next()?) {
            None | Some(0) => DEFAULT_FLOW,
            Some(flow) => u16::try_from(flow).unwrap_or(u16::MAX),
        };
        let id = last.next()?;
        // There is something before the id.
        last.next()?;
        fits.then_some(Self { id, flow, gap_ok, seq, op })
    }
}

fn number(token: &[u8]) -> Option<u64> {
    if !token.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(token).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_subjects_of_batches() {
        let batch =
            FastBatch { id: b"uuid", flow: 50, gap_ok: true, seq: 1, op: FastBatchOp::Start };
        let check = |reply: &str, expected| {
            assert_eq!(FastBatch::parse(reply.as_bytes()), expected, "{reply}");
        };
        check("_INBOX.x.uuid.50.ok.1.0.$FI", Ok(Some(batch)));
        check("_INBOX.uuid.0.ok.1.0.$FI", Ok(Some(FastBatch { flow: DEFAULT_FLOW, ..batch })));
        check("_INBOX.uuid.x.ok.1.0.$FI", Ok(Some(FastBatch { flow: DEFAULT_FLOW, ..batch })));
        check("_INBOX.uuid.70000.ok.1.0.$FI", Ok(Some(FastBatch { flow: u16::MAX, ..batch })));
        let later = FastBatch { gap_ok: false, seq: 9, op: FastBatchOp::CommitEob, ..batch };
        check("_INBOX.uuid.50.fail.9.3.$FI", Ok(Some(later)));
        for wrong in [
            "a.$FI",
            "_INBOX.uuid.50.ok.2.0.$FI",
            "_INBOX.uuid.50.ok.1.1.$FI",
            "_INBOX.uuid.50.ok.1.3.$FI",
            "_INBOX.uuid.50.ok.1.5.$FI",
            "_INBOX.uuid.50.ok.0.2.$FI",
            "_INBOX.uuid.50.ok.x.2.$FI",
            "_INBOX.uuid.50.maybe.1.0.$FI",
            "_INBOX.uuid.50.ok.18446744073709551615.2.$FI",
            "uuid.50.ok.1.0.$FI",
        ] {
            check(wrong, Err(FastBatchError));
        }
        for other in ["", ".$FI", "_INBOX.x", "_INBOX.$FI.x"] {
            check(other, Ok(None));
        }
    }
}
