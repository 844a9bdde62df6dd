//! The hashes that servers must agree on.

use alloc::string::String;

use sha2::{Digest, Sha256};

/// FNV-1a with 32 bits.
#[must_use]
pub fn fnv1a32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, &b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193))
}

/// Which connection of a route pool carries an account: 0 for pools of one connection or none (old
/// peers say 0 or -1).
#[must_use]
pub fn route_pool_index(account: &[u8], pool_size: i32) -> u32 {
    match u32::try_from(pool_size) {
        Ok(size) if size > 1 => fnv1a32(account) % size,
        Ok(_) | Err(_) => 0,
    }
}

/// The text of a server's public key: `N` and 55 more characters of base32.
///
/// The bytes are a type byte, the key, and a CRC-16 (XMODEM) of both, low byte first.
#[must_use]
pub fn server_id(public_key: &[u8; 32]) -> String {
    nkey(13 << 3, public_key)
}

/// The text of a curve key (`xkey` in INFO): `X` and 55 more characters of base32.
#[must_use]
pub fn curve_key(public_key: &[u8; 32]) -> String {
    nkey(23 << 3, public_key)
}

/// Six characters for a gateway's name or a server's id, as used in gateway reply subjects.
#[must_use]
pub fn name_hash6(name: &[u8]) -> [u8; 6] {
    name_hash(name)
}

/// Eight characters for a server's name, as used for its inbox and node name.
#[must_use]
pub fn name_hash8(name: &[u8]) -> [u8; 8] {
    name_hash(name)
}

fn name_hash<const N: usize>(name: &[u8]) -> [u8; N] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const { assert!(N <= 32, "a SHA-256 has 32 bytes") };
    let sum = Sha256::digest(name);
    core::array::from_fn(|at| DIGITS[usize::from(sum[at]) % DIGITS.len()])
}

const RAW_LEN: usize = 1 + 32 + 2;

fn nkey(kind: u8, key: &[u8; 32]) -> String {
    let mut raw = [0u8; RAW_LEN];
    raw[0] = kind;
    raw[1..33].copy_from_slice(key);
    let crc = crc16(&raw[..33]);
    raw[33..].copy_from_slice(&crc.to_le_bytes());
    base32(&raw)
}

/// CRC-16/XMODEM: polynomial 0x1021, start 0, bits high to low.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &b| {
        (0..8).fold(crc ^ (u16::from(b) << 8), |crc: u16, _| {
            let shifted = crc << 1;
            if crc & 0x8000 == 0 { shifted } else { shifted ^ 0x1021 }
        })
    })
}

/// RFC 4648 base32 without padding; 35 bytes are exactly 56 characters.
fn base32(raw: &[u8; RAW_LEN]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::with_capacity(RAW_LEN * 8 / 5);
    for five in raw.chunks_exact(5) {
        let bits = five.iter().fold(0u64, |bits, &b| bits << 8 | u64::from(b));
        for at in (0..8).rev() {
            text.push(char::from(DIGITS[(bits >> (at * 5) & 31) as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published vectors of FNV-1a, and the route pool index that nats-server uses.
    #[test]
    fn fnv_and_the_route_pool() {
        assert_eq!(fnv1a32(b""), 0x811c_9dc5);
        assert_eq!(fnv1a32(b"a"), 0xe40c_292c);
        assert_eq!(fnv1a32(b"foobar"), 0xbf9c_f968);
        assert_eq!(route_pool_index(b"$G", 3), 2);
        assert_eq!(route_pool_index(b"$G", 1), 0);
        assert_eq!(route_pool_index(b"$G", 0), 0);
        assert_eq!(route_pool_index(b"$G", -1), 0);
        assert_eq!(route_pool_index(b"$G", i32::MIN), 0);
    }

    /// Observed with nats-server 2.15.1.
    #[test]
    fn name_hashes() {
        assert_eq!(&name_hash6(b"GA"), b"F2cAWZ");
        let id = b"NCKBDMIV2UZVQYBT2BE6DLNUKHMK6AL7FKPVHXRHWKTETQN7C6NTEYVX";
        assert_eq!(&name_hash6(id), b"o6ZK01");
        assert_eq!(&name_hash8(b"A"), b"NUmM6cRx");
        assert_eq!(&name_hash8(b"B"), b"b2oh2L6w");
    }

    /// Ids of real servers, taken apart and put together again.
    #[test]
    fn keys_as_text() {
        for id in [
            "NCKBDMIV2UZVQYBT2BE6DLNUKHMK6AL7FKPVHXRHWKTETQN7C6NTEYVX",
            "NAEZWMMI4Z5XOST4CBEQHLXSEQPFIHQKY2JJPJLDWCHLHIOF5RUDP2TR",
            "NBY6IM66OD7XO2UMG3PKYGRSOBNO2VCDHJP5T5JS5GVKLH2SRXQIRAK6",
        ] {
            assert_eq!(server_id(&key_of(id)), id);
        }
        let xkey = "XBPVKQWRMKHLAGZBXD35NFBVQJNWTQT64GBUL2GGPCXBPXZKPWVBIJPF";
        assert_eq!(curve_key(&key_of(xkey)), xkey);
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    /// The 32 bytes of key inside the text of a key.
    fn key_of(text: &str) -> [u8; 32] {
        let digit = |c: u8| match c {
            b'A'..=b'Z' => c - b'A',
            _ => c - b'2' + 26,
        };
        let mut bits = text.bytes().flat_map(|c| (0..5).rev().map(move |at| digit(c) >> at & 1));
        let raw: [u8; RAW_LEN] =
            core::array::from_fn(|_| bits.by_ref().take(8).fold(0, |byte, bit| byte << 1 | bit));
        core::array::from_fn(|at| raw[at + 1])
    }
}
