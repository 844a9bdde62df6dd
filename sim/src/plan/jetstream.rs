//! How nodes keep streams: in the plan and in its text.

use causeway_core::Duration;
use causeway_core::config::{JetStreamConfig, SyncPolicy};
use causeway_core::store::{Cipher, Key};

use super::text::{Line, put};
use crate::units::Span;

/// What simulated nodes encrypt with: there is nothing to hide.
const SECRET: [u8; 32] = [7; 32];

/// The word for a cipher, which is that of the server's configuration.
#[must_use]
pub const fn word_of(cipher: Cipher) -> &'static str {
    match cipher {
        Cipher::ChaCha20Poly1305 => "chacha",
        Cipher::Aes256Gcm => "aes",
    }
}

/// What a word means.
#[must_use]
pub fn cipher_of(word: &str) -> Option<Cipher> {
    let all = [Cipher::ChaCha20Poly1305, Cipher::Aes256Gcm];
    all.into_iter().find(|cipher| word_of(*cipher) == word)
}

/// How a node keeps streams.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct JetStreamPlan {
    /// The domain by which others reach them; empty if there is none.
    pub domain: String,
    /// Nanoseconds between two syncs of a stream's file; 0 is before anything is acknowledged.
    pub sync_ns: u64,
    /// How what is in files is encrypted, if it is.
    pub cipher: Option<Cipher>,
    /// Bytes of all streams in files; 0 is the server's default.
    pub max_store: u64,
    /// Bytes of all streams in memory; 0 is the server's default.
    pub max_memory: u64,
}

impl JetStreamPlan {
    /// The server's configuration.
    #[must_use]
    pub fn config(&self) -> JetStreamConfig {
        let domain = Some(self.domain.clone()).filter(|domain| !domain.is_empty());
        let mut config = JetStreamConfig { domain, ..JetStreamConfig::default() };
        if self.sync_ns > 0 {
            config.sync = SyncPolicy::Every(Duration::from_nanos(self.sync_ns));
        }
        config.key = self.cipher.map(|cipher| Key { cipher, secret: SECRET });
        if self.max_store > 0 {
            config.max_store = self.max_store;
        }
        if self.max_memory > 0 {
            config.max_memory = self.max_memory;
        }
        config
    }

    /// Its words in the line of a node.
    pub(super) fn words(&self, out: &mut String) {
        put(out, "domain", &self.domain);
        if self.sync_ns > 0 {
            put(out, "sync", Span(self.sync_ns));
        }
        if let Some(cipher) = self.cipher {
            put(out, "cipher", word_of(cipher));
        }
        for (key, bytes) in [("max_store", self.max_store), ("max_memory", self.max_memory)] {
            if bytes > 0 {
                put(out, key, bytes);
            }
        }
    }

    /// Reads them; a node without a domain keeps no streams.
    pub(super) fn read(line: &mut Line) -> Result<Option<Self>, String> {
        let Some(domain) = line.maybe("domain") else { return Ok(None) };
        let sync_ns = match line.maybe("sync") {
            Some(text) => crate::units::duration(&text).map_err(|error| error.to_string())?,
            None => 0,
        };
        let cipher = line.maybe("cipher").map(|word| match cipher_of(&word) {
            Some(cipher) => Ok(cipher),
            None => Err(format!("`cipher={word}`: no cipher")),
        });
        let cipher = cipher.transpose()?;
        let mut bytes = |key| match line.maybe(key) {
            Some(text) => text.parse().map_err(|_| format!("`{key}={text}`: not a number")),
            None => Ok(0),
        };
        let (max_store, max_memory) = (bytes("max_store")?, bytes("max_memory")?);
        Ok(Some(Self { domain, sync_ns, cipher, max_store, max_memory }))
    }
}
