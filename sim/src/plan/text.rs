//! The lines of a plan file: words, and words with a value.
//!
//! ```text
//! keyword [name] key=value key="a value with blanks" flag
//! ```

use std::fmt::Write as _;

/// Appends ` key=value`; quotes the value where it needs it.
pub(super) fn put(out: &mut String, key: &str, value: impl std::fmt::Display) {
    let _infallible = write!(out, " {key}=");
    let begin = out.len();
    let _infallible = write!(out, "{value}");
    if needs_quotes(&out[begin..]) {
        let value = out.split_off(begin);
        quote(out, &value);
    }
}

/// Appends ` word`.
pub(super) fn put_word(out: &mut String, word: &str) {
    out.push(' ');
    if needs_quotes(word) || word.contains('=') { quote(out, word) } else { out.push_str(word) }
}

fn needs_quotes(text: &str) -> bool {
    text.is_empty() || text.contains([' ', '"', '\\', '\n', '\r', '\t', '#'])
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// The words of one line, and which of them were asked for.
#[derive(Debug)]
pub(super) struct Line {
    words: Vec<Word>,
}

#[derive(Debug)]
struct Word {
    key: Option<String>,
    text: String,
    used: bool,
}

impl Line {
    /// Cuts a line into words. A `#` between words begins a comment.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut words = Vec::new();
        let mut chars = text.chars().peekable();
        loop {
            while chars.next_if(|c| c.is_whitespace()).is_some() {}
            match chars.peek() {
                None | Some('#') => return Ok(Self { words }),
                Some(_) => {}
            }
            let mut word = Word { key: None, text: String::new(), used: false };
            while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                match c {
                    '"' => unquote(&mut chars, &mut word.text)?,
                    '=' if word.key.is_none() => word.key = Some(std::mem::take(&mut word.text)),
                    c => word.text.push(c),
                }
            }
            words.push(word);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The next word without a key.
    pub(super) fn word(&mut self, what: &str) -> Result<String, String> {
        let found = self.words.iter_mut().find(|word| word.key.is_none() && !word.used);
        let word = found.ok_or_else(|| format!("{what} is missing"))?;
        word.used = true;
        Ok(word.text.clone())
    }

    /// Whether this word is there.
    pub(super) fn flag(&mut self, name: &str) -> bool {
        let found = self.words.iter_mut().find(|w| w.key.is_none() && !w.used && w.text == name);
        found.map(|word| word.used = true).is_some()
    }

    /// The value of a key, if it is there.
    pub(super) fn maybe(&mut self, key: &str) -> Option<String> {
        let found = self.words.iter_mut().find(|w| w.key.as_deref() == Some(key) && !w.used);
        found.map(|word| {
            word.used = true;
            word.text.clone()
        })
    }

    /// The value of a key that must be there.
    pub(super) fn value(&mut self, key: &str) -> Result<String, String> {
        self.maybe(key).ok_or_else(|| format!("`{key}=` is missing"))
    }

    /// A key's value, read by `read`.
    pub(super) fn read<T, E: std::fmt::Display>(
        &mut self,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, String> {
        let text = self.value(key)?;
        read(&text).map_err(|error| format!("`{key}={text}`: {error}"))
    }

    /// A key's value as a number.
    pub(super) fn number<T: std::str::FromStr>(&mut self, key: &str) -> Result<T, String> {
        let text = self.value(key)?;
        text.parse().map_err(|_| format!("`{key}={text}` is not a number in range"))
    }

    /// A key's value as a duration in nanoseconds.
    pub(super) fn span(&mut self, key: &str) -> Result<u64, String> {
        self.read(key, crate::units::duration)
    }

    /// A key's value as a list with commas; an empty value is an empty list.
    pub(super) fn list(&mut self, key: &str) -> Result<Vec<String>, String> {
        let text = self.value(key)?;
        Ok(text.split(',').filter(|item| !item.is_empty()).map(str::to_owned).collect())
    }

    /// Says if there is a word that nobody asked for.
    pub(super) fn finish(&self) -> Result<(), String> {
        match self.words.iter().find(|word| !word.used) {
            None => Ok(()),
            Some(Word { key: Some(key), .. }) => Err(format!("`{key}=` is not known here")),
            Some(word) => Err(format!("`{}` is not known here", word.text)),
        }
    }
}

fn unquote(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    out: &mut String,
) -> Result<(), String> {
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok(()),
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(c @ ('"' | '\\')) => out.push(c),
                _ => return Err("a backslash is followed by n, r, t, \" or \\".to_owned()),
            },
            c => out.push(c),
        }
    }
    Err("a quote is not closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_read_back() {
        for value in ["plain", "", "two words", "a\"b\\c\n\t#", "x=y", "é"] {
            let mut out = String::from("kind");
            put_word(&mut out, value);
            put(&mut out, "key", value);
            let mut line = Line::parse(&out).unwrap();
            assert_eq!(line.word("keyword").unwrap(), "kind");
            assert_eq!(line.word("value").unwrap(), value, "{out}");
            assert_eq!(line.value("key").unwrap(), value, "{out}");
            assert_eq!(line.finish(), Ok(()));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let mut line = Line::parse("a b=1 c # d").unwrap();
        assert_eq!(line.finish(), Err("`a` is not known here".to_owned()));
        assert_eq!(line.word("x"), Ok("a".to_owned()));
        assert!(line.flag("c") && !line.flag("c"));
        assert_eq!(line.finish(), Err("`b=` is not known here".to_owned()));
        assert_eq!(line.number::<u8>("b"), Ok(1));
        assert_eq!(line.number::<u8>("b"), Err("`b=` is missing".to_owned()));
        assert!(Line::parse("a=\"b").is_err());
        assert!(Line::parse("\"\\x\"").is_err());
        assert!(Line::parse("  # only a comment").unwrap().is_empty());
    }
}
