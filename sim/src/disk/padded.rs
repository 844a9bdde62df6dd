//! Bytes with zeros behind them that nobody has written and that take no room: logs have much of a file
//! made ahead of need.

/// Bytes that end with zeros. Those that come of its length alone are not kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Padded {
    /// At most as many as `len` says.
    kept: Vec<u8>,
    len: u64,
}

impl Padded {
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// Where the zeros begin that go on to the end.
    pub(super) fn end(&self) -> u64 {
        self.kept.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1)
    }

    /// The bytes from a place on; fewer if the end is before.
    pub(super) fn read(&self, at: u64, len: u64) -> Vec<u8> {
        let end = at.saturating_add(len).min(self.len);
        let mut bytes = vec![0; size(end.saturating_sub(at))];
        let kept = self.kept.get(size(at)..).unwrap_or_default();
        let count = kept.len().min(bytes.len());
        bytes[..count].copy_from_slice(&kept[..count]);
        bytes
    }

    /// Puts bytes at a place, which may be behind the end.
    pub(super) fn write(&mut self, at: u64, bytes: &[u8]) {
        let (begin, end) = (size(at), size(at) + bytes.len());
        if self.kept.len() < end {
            self.kept.resize(end, 0);
        }
        self.kept[begin..end].copy_from_slice(bytes);
        self.len = self.len.max(end as u64);
    }

    /// Cuts the end off, or puts it farther away.
    pub(super) fn set_len(&mut self, len: u64) {
        self.kept.truncate(size(len));
        self.len = len;
    }
}

fn size(len: u64) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_what_an_array_would_be() {
        let (mut padded, mut plain) = (Padded::default(), Vec::new());
        let mut draws = crate::rng::Stream::new(1, "padded", &[]);
        for _ in 0..2_000 {
            let (at, len) = (draws.below(60), draws.below(20));
            match draws.below(8) {
                0 => {
                    padded.set_len(at);
                    plain.resize(size(at), 0);
                }
                1 => {
                    padded.set_len(padded.len().max(at));
                    plain.resize(plain.len().max(size(at)), 0);
                }
                _ => {
                    let bytes: Vec<u8> = (0..len).map(|_| draws.below(2) as u8).collect();
                    padded.write(at, &bytes);
                    let end = size(at) + bytes.len();
                    plain.resize(plain.len().max(end), 0);
                    plain[size(at)..end].copy_from_slice(&bytes);
                }
            }
            assert_eq!(padded.read(0, u64::MAX), plain);
            let (from, until) = (size(at).min(plain.len()), size(at + len).min(plain.len()));
            assert_eq!(padded.read(at, len), plain[from..until]);
            let end = plain.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
            assert_eq!(padded.end(), end);
        }
    }
}
