//! CRC-32C (Castagnoli), sixteen bytes at a time from tables.
//!
//! The crates that use the processor's instructions for it find out at run time whether it has them,
//! for which they need `std`, or decide when they are built, which a shipped binary cannot. Tables in
//! safe code do some 2 GB/s: for a message of 128 bytes that is 70 ns, of which a batch notices
//! nothing beside its sync.

const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLES: [[u32; 256]; 16] = tables();

const fn tables() -> [[u32; 256]; 16] {
    let mut tables = [[0; 256]; 16];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 16 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// The checksum of what `crc` is the checksum of, followed by these bytes. It begins with 0.
pub(crate) fn crc32c(crc: u32, bytes: &[u8]) -> u32 {
    let mut crc = !crc;
    let (chunks, rest) = bytes.as_chunks::<16>();
    for chunk in chunks {
        let word = u128::from_le_bytes(*chunk) ^ u128::from(crc);
        let byte = |at: u32| (word >> (8 * at)) as u8 as usize;
        crc = TABLES[15][byte(0)]
            ^ TABLES[14][byte(1)]
            ^ TABLES[13][byte(2)]
            ^ TABLES[12][byte(3)]
            ^ TABLES[11][byte(4)]
            ^ TABLES[10][byte(5)]
            ^ TABLES[9][byte(6)]
            ^ TABLES[8][byte(7)]
            ^ TABLES[7][byte(8)]
            ^ TABLES[6][byte(9)]
            ^ TABLES[5][byte(10)]
            ^ TABLES[4][byte(11)]
            ^ TABLES[3][byte(12)]
            ^ TABLES[2][byte(13)]
            ^ TABLES[1][byte(14)]
            ^ TABLES[0][byte(15)];
    }
    for byte in rest {
        crc = crc >> 8 ^ TABLES[0][((crc ^ u32::from(*byte)) & 0xff) as usize];
    }
    !crc
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
