//! Interned names: a history mentions the same few subjects a million times.

use std::fmt;

use hashbrown::HashTable;

use crate::hash::hash64;

/// A name in a history's table. Equal names have equal symbols within one history; their order
/// says nothing.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Sym(pub u32);

impl Sym {
    /// No name: no queue group, no reply subject.
    pub const NONE: Self = Self(0);

    /// Whether there is no name.
    #[must_use]
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// The table of names, in order of first use. Index 0 is the empty name.
#[derive(Clone)]
pub struct Symbols {
    texts: Vec<Box<str>>,
    /// For finding only; never iterated.
    index: HashTable<Sym>,
}

impl Symbols {
    /// The symbol of `text`; makes one at its first use.
    pub fn intern(&mut self, text: &str) -> Sym {
        if text.is_empty() {
            return Sym::NONE;
        }
        let hash = hash64(0, text.as_bytes());
        let texts = &self.texts;
        if let Some(found) = self.index.find(hash, |s| &*texts[s.0 as usize] == text) {
            return *found;
        }
        let sym = Sym(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(Box::from(text));
        let texts = &self.texts;
        self.index.insert_unique(hash, sym, |s| hash64(0, texts[s.0 as usize].as_bytes()));
        sym
    }

    /// Like [`intern`](Self::intern) for bytes from the wire. Bytes that are not UTF-8 are replaced,
    /// so two different subjects could meet in one symbol; the simulator's clients use UTF-8 only.
    pub fn intern_bytes(&mut self, text: &[u8]) -> Sym {
        match std::str::from_utf8(text) {
            Ok(text) => self.intern(text),
            Err(_) => self.intern(&String::from_utf8_lossy(text)),
        }
    }

    /// The symbol of `text` if it is in the table.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Sym> {
        if text.is_empty() {
            return Some(Sym::NONE);
        }
        let hash = hash64(0, text.as_bytes());
        self.index.find(hash, |s| &*self.texts[s.0 as usize] == text).copied()
    }

    /// The text of a symbol; empty for [`Sym::NONE`] and for symbols of another table.
    #[must_use]
    pub fn text(&self, sym: Sym) -> &str {
        self.texts.get(sym.0 as usize).map_or("", |text| text)
    }

    /// How many names there are, the empty one included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Never: the empty name is always there.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

impl Default for Symbols {
    fn default() -> Self {
        Self { texts: vec![Box::from("")], index: HashTable::new() }
    }
}

impl PartialEq for Symbols {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Symbols {}

impl fmt::Debug for Symbols {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.texts).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_have_equal_symbols_and_keep_their_text() {
        let mut symbols = Symbols::default();
        let all: Vec<Sym> = (0..1000).map(|i| symbols.intern(&format!("a.{i}"))).collect();
        for (i, sym) in all.iter().enumerate() {
            assert_eq!(symbols.intern(&format!("a.{i}")), *sym);
            assert_eq!(symbols.find(&format!("a.{i}")), Some(*sym));
            assert_eq!(symbols.text(*sym), format!("a.{i}"));
        }
        assert_eq!(symbols.intern(""), Sym::NONE);
        assert_eq!(symbols.find("b"), None);
        assert_eq!(symbols.len(), 1001);
    }
}
