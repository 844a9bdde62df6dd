//! Who keeps streams, and how.

use causeway_core::store::Cipher;
use toml::Spanned;

use super::super::raw::{RawRegion, Text};
use super::super::raw_streams::RawJetStream;
use super::super::value::Unit;
use super::super::{Draw, JetStreamSpec};
use super::Reader;
use crate::plan::{cipher_of, word_of};
use crate::units::MS;

/// How what is in files is encrypted.
pub(in crate::scenario) const CIPHERS: [&str; 3] =
    ["none", word_of(Cipher::ChaCha20Poly1305), word_of(Cipher::Aes256Gcm)];

/// The word for syncing before anything is acknowledged.
const ALWAYS: &str = "always";

impl Reader<'_> {
    /// How the first node of a region keeps streams: as the region says, and where it says nothing
    /// as the scenario does.
    pub(super) fn jetstream(&mut self, region: &str, raw: &RawRegion) -> Option<JetStreamSpec> {
        let all = self.raw.jetstream.as_ref().map(Spanned::get_ref);
        let own = raw.jetstream.as_ref().map(Spanned::get_ref);
        let none = RawJetStream::default();
        let (own, all) = match (own, all) {
            (None, None) => return None,
            (own, all) => (own.unwrap_or(&none), all.unwrap_or(&none)),
        };
        if let Some(domain) = all.domain.as_ref().filter(|_| self.raw.region.len() > 1) {
            let message =
                "two regions cannot have one domain: name it in `[region.<name>.jetstream]`";
            self.problems.add(domain.span(), message);
        }
        let domain = own.domain.as_ref().or(all.domain.as_ref());
        Some(JetStreamSpec {
            domain: domain.map_or_else(|| region.to_owned(), |domain| self.domain(domain)),
            sync: self.sync(own.sync.as_ref().or(all.sync.as_ref())),
            cipher: self.cipher(own.cipher.as_ref().or(all.cipher.as_ref())),
            max_store: self
                .at_least_one(own.max_store.as_ref().or(all.max_store.as_ref()), Unit::Size),
            max_memory: self
                .at_least_one(own.max_memory.as_ref().or(all.max_memory.as_ref()), Unit::Size),
        })
    }

    /// It is a token of subjects.
    fn domain(&mut self, text: &Text) -> String {
        let name = text.get_ref();
        if !super::is_name(name) || name.contains('.') {
            self.problems.add(text.span(), "a domain has only letters, digits, `-` and `_`");
        }
        name.clone()
    }

    fn cipher(&mut self, text: Option<&Text>) -> Option<Cipher> {
        let text = text?;
        match cipher_of(text.get_ref()) {
            Some(cipher) => Some(cipher),
            None if text.get_ref() == CIPHERS[0] => None,
            None => {
                let words = CIPHERS.map(|word| format!("`{word}`")).join(", ");
                self.problems.add(text.span(), format!("what is in files is encrypted by {words}"));
                None
            }
        }
    }

    fn sync(&mut self, text: Option<&Text>) -> Draw {
        let Some(text) = text.filter(|text| text.get_ref() != ALWAYS) else {
            return Draw::fixed(0);
        };
        let draw = self.text_draw(text, Unit::Duration);
        if draw.low < MS {
            self.problems.add(text.span(), "a file is synced `always`, or at most once in 1ms");
        }
        draw
    }
}
