//! Encryption at rest.
//!
//! ```text
//!   secret ──► HKDF-SHA256 over cipher, identity of the log, session ──► key of the session
//!   encrypted   ciphertext, as long as what was encrypted │ tag 16 │ session 8 │ number 8
//!                                                           nonce: number 8 │ 0 0 0 0
//! ```
//!
//! A session is one use of a log, from when it was made or opened: a random number. In it each nonce is
//! the next number, so no two things are ever encrypted alike, also if a crash takes some of them away
//! and others come to the same place. (If a whole machine is copied while it runs, both copies go on
//! with the same numbers: nothing here can help that.)
//!
//! What is known of a message without reading it (lengths, sequence, time) is authenticated with it, so
//! it cannot be passed off as another one. Of other records only the kind is, and records that are not
//! encrypted are read, too: who can write to the disk can take things away, bring back old ones and add
//! their own. What is not hidden: lengths, also after compression, sequences, times, names of files and
//! the high-water mark.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cell::RefCell;

use aes_gcm::Aes256Gcm;
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::array::Array;
use chacha20poly1305::aead::consts::{U12, U16};
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::config::{Cipher, Key};

/// Bytes that encryption adds.
pub(super) const ENCRYPTED_BYTES: usize = TAG_BYTES + 16;

const TAG_BYTES: usize = 16;

/// Keys of sessions that are kept ready.
const SESSIONS: usize = 16;

/// Encrypts what a log writes, and decrypts what it reads.
pub(super) struct Crypt {
    key: Key,
    identity: u64,
    session: u64,
    /// The last nonce.
    number: u64,
    ready: RefCell<BTreeMap<(u8, u64), Aead>>,
}

impl core::fmt::Debug for Crypt {
    /// Shows no keys.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Crypt").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Crypt {
    /// With a random number for this session.
    pub(super) fn new(key: Key, session: u64) -> Self {
        Self { key, identity: session, session, number: 0, ready: RefCell::default() }
    }

    /// The log has this identity.
    pub(super) fn of_log(&mut self, identity: u64) {
        self.identity = identity;
        self.ready.get_mut().clear();
    }

    /// What the cipher of what is written is called on the disk.
    pub(super) fn cipher(&self) -> u8 {
        number_of(self.key.cipher)
    }

    /// Encrypts what is in `bytes` from `begin` on, and puts behind it what decrypting takes. What is
    /// `known` anyway is authenticated, too.
    pub(super) fn encrypt(&mut self, bytes: &mut Vec<u8>, begin: usize, known: &[u8]) {
        self.number += 1;
        let (session, number) = (self.session, self.number);
        let text = bytes.get_mut(begin..).unwrap_or_default();
        let tag = self.with(self.key.cipher, session, |aead| match aead {
            Aead::ChaCha20Poly1305(cipher) => encrypt(&**cipher, number, known, text),
            Aead::Aes256Gcm(cipher) => encrypt(&**cipher, number, known, text),
        });
        bytes.extend_from_slice(&tag);
        bytes.extend_from_slice(&session.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
    }

    /// What was encrypted; `None` if it is not as it was written, or was not by this key.
    pub(super) fn decrypt(&self, cipher: u8, encrypted: &[u8], known: &[u8]) -> Option<Vec<u8>> {
        let (rest, number) = encrypted.split_last_chunk::<8>()?;
        let (rest, session) = rest.split_last_chunk::<8>()?;
        let (text, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let (session, number) = (u64::from_le_bytes(*session), u64::from_le_bytes(*number));
        let mut bytes = text.to_vec();
        let right = self.with(cipher_of(cipher)?, session, |aead| match aead {
            Aead::ChaCha20Poly1305(cipher) => decrypt(&**cipher, number, known, &mut bytes, tag),
            Aead::Aes256Gcm(cipher) => decrypt(&**cipher, number, known, &mut bytes, tag),
        });
        right.then_some(bytes)
    }

    /// Does something with the key of a session.
    fn with<T>(&self, cipher: Cipher, session: u64, f: impl FnOnce(&Aead) -> T) -> T {
        let mut ready = self.ready.borrow_mut();
        let place = (number_of(cipher), session);
        if ready.len() >= SESSIONS && !ready.contains_key(&place) {
            ready.clear();
        }
        f(ready.entry(place).or_insert_with(|| self.derive(cipher, session)))
    }

    fn derive(&self, cipher: Cipher, session: u64) -> Aead {
        let (identity, session) = (self.identity.to_le_bytes(), session.to_le_bytes());
        let info: [&[u8]; 4] = [b"causeway log 1", &[number_of(cipher)], &identity, &session];
        let mut key = [0; 32];
        let derived = Hkdf::<Sha256>::new(None, &self.key.secret);
        derived.expand_multi_info(&info, &mut key).expect("256 bits are less than there are");
        match cipher {
            Cipher::ChaCha20Poly1305 => {
                Aead::ChaCha20Poly1305(Box::new(ChaCha20Poly1305::new(&key.into())))
            }
            Cipher::Aes256Gcm => Aead::Aes256Gcm(Box::new(Aes256Gcm::new(&key.into()))),
        }
    }
}

/// A cipher with its key.
enum Aead {
    ChaCha20Poly1305(Box<ChaCha20Poly1305>),
    Aes256Gcm(Box<Aes256Gcm>),
}

/// What a cipher is called on the disk.
fn number_of(cipher: Cipher) -> u8 {
    match cipher {
        Cipher::ChaCha20Poly1305 => 1,
        Cipher::Aes256Gcm => 2,
    }
}

fn cipher_of(number: u8) -> Option<Cipher> {
    [Cipher::ChaCha20Poly1305, Cipher::Aes256Gcm]
        .into_iter()
        .find(|cipher| number_of(*cipher) == number)
}

fn encrypt<A: AeadInOut<NonceSize = U12, TagSize = U16>>(
    aead: &A,
    number: u64,
    known: &[u8],
    text: &mut [u8],
) -> [u8; TAG_BYTES] {
    let tag = aead.encrypt_inout_detached(&nonce(number), known, text.into());
    tag.expect("bodies are shorter than what a cipher may encrypt at once").into()
}

fn decrypt<A: AeadInOut<NonceSize = U12, TagSize = U16>>(
    aead: &A,
    number: u64,
    known: &[u8],
    bytes: &mut [u8],
    tag: &[u8; TAG_BYTES],
) -> bool {
    aead.decrypt_inout_detached(&nonce(number), known, bytes.into(), tag.into()).is_ok()
}

fn nonce(number: u64) -> Array<u8, U12> {
    let mut nonce = [0; 12];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crypt(cipher: Cipher, session: u64) -> Crypt {
        let mut crypt = Crypt::new(Key { cipher, secret: [7; 32] }, session);
        crypt.of_log(99);
        crypt
    }

    #[test]
    fn what_was_encrypted_is_decrypted_only_as_it_was_and_for_what_it_was() {
        for cipher in [Cipher::ChaCha20Poly1305, Cipher::Aes256Gcm] {
            let mut crypt = crypt(cipher, 1);
            let mut bytes = b"head secret".to_vec();
            crypt.encrypt(&mut bytes, 5, b"known");
            let encrypted = bytes.split_off(5);
            assert_eq!(bytes, b"head ");
            assert_eq!(encrypted.len(), 6 + ENCRYPTED_BYTES);
            let number = crypt.cipher();
            let read = |crypt: &Crypt, bytes: &[u8]| crypt.decrypt(number, bytes, b"known");
            assert_eq!(read(&crypt, &encrypted), Some(b"secret".to_vec()));
            for bit in 0..encrypted.len() * 8 {
                let mut flipped = encrypted.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(read(&crypt, &flipped), None, "bit {bit}");
            }
            for len in 0..encrypted.len() {
                assert_eq!(read(&crypt, &encrypted[..len]), None, "cut to {len}");
            }
            assert_eq!(crypt.decrypt(number, &encrypted, b"other"), None);
            assert_eq!(crypt.decrypt(3 - number, &encrypted, b"known"), None);
            assert_eq!(crypt.decrypt(0, &encrypted, b"known"), None);
            crypt.of_log(98);
            assert_eq!(read(&crypt, &encrypted), None, "another log");
        }
    }

    #[test]
    fn nothing_is_encrypted_alike_twice_and_every_session_is_read() {
        let mut seen = Vec::new();
        for session in 0..2 * SESSIONS as u64 {
            let mut crypt = crypt(Cipher::Aes256Gcm, session);
            for _ in 0..2 {
                let mut bytes = b"the same".to_vec();
                crypt.encrypt(&mut bytes, 0, b"");
                assert!(!seen.iter().any(|other: &Vec<u8>| other[..8] == bytes[..8]));
                seen.push(bytes);
            }
        }
        let crypt = crypt(Cipher::ChaCha20Poly1305, 1000);
        for bytes in &seen {
            assert_eq!(crypt.decrypt(2, bytes, b""), Some(b"the same".to_vec()));
        }
        assert!(crypt.ready.borrow().len() <= SESSIONS);
    }

    /// What another implementation makes of the same (pyca/cryptography: HKDF, ChaCha20Poly1305, AESGCM).
    #[test]
    fn what_is_on_the_disk_is_what_the_standards_say() {
        let written = |cipher| {
            let mut bytes = b"causeway".to_vec();
            crypt(cipher, 5).encrypt(&mut bytes, 0, b"known");
            bytes.iter().map(|byte| alloc::format!("{byte:02x}")).collect::<alloc::string::String>()
        };
        assert_eq!(
            written(Cipher::ChaCha20Poly1305),
            "9263813307b1a08808ca2bdbe1737eb8f1d39d91959caa3005000000000000000100000000000000"
        );
        assert_eq!(
            written(Cipher::Aes256Gcm),
            "8aa7c89adad83105fe6e8b93e65679712c17ab67de7858a005000000000000000100000000000000"
        );
    }
}
