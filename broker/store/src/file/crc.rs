//! CRC-32C (Castagnoli), with the processor's own instruction where it has one.

/// The checksum of what `crc` is the checksum of, followed by these bytes. It begins with 0.
pub(crate) fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_answers_and_pieces() {
        assert_eq!(crc32c(0, b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(0, &[0; 32]), 0x8a91_36aa);
        let bytes: [u8; 99] = core::array::from_fn(|at| at as u8 ^ 0x5a);
        for cut in 0..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            assert_eq!(crc32c(crc32c(0, first), second), crc32c(0, &bytes));
        }
    }
}
