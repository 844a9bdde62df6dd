//! What the messages of counters say (ADR-49): what a subject counts, and which counters it is the sum
//! of.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::integer::Integer;
use super::json::{JsonError, object, unmarshal};
use crate::json::Encode;

object! {
    /// The payload of a message that is a counter: `{"val":"123"}`.
    pub struct CounterValue = "CounterValue" {
        /// The value in decimal, of any size.
        pub val: String;
    }
}

/// The counters that a counter is the sum of, and what each of them counted last: by the name of the
/// stream, then by the subject there (`{"A":{"a.x":"3"}}`, the value of `Nats-Counter-Sources`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CounterSources(BTreeMap<String, BTreeMap<String, String>>);

impl CounterSources {
    /// Reads them.
    ///
    /// # Errors
    ///
    /// If the text is not such a document. A total that is no number is none of this: it stays as it
    /// is until its source counts on.
    pub fn parse(json: &[u8]) -> Result<Self, JsonError> {
        let mut sources = Self::default();
        unmarshal(&mut sources.0, json, "CounterSources")?;
        Ok(sources)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Notes what a subject of a stream counts now; gives what it counted before. That is 0 if there
    /// was nothing, or no number.
    pub fn replace(&mut self, stream: &str, subject: &str, total: &Integer) -> Integer {
        let of_stream = self.0.entry(stream.into()).or_default();
        let before = of_stream.insert(subject.into(), total.to_string());
        before.and_then(|before| Integer::parse(before.as_bytes())).unwrap_or_default()
    }

    /// As the header has them.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::new();
        self.0.write(&mut json);
        json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Integer {
        Integer::parse(text.as_bytes()).unwrap()
    }

    #[track_caller]
    fn check(json: &str, expected: Option<&str>) {
        let sources = CounterSources::parse(json.as_bytes()).ok();
        let text = sources.map(|sources| String::from_utf8(sources.to_json()).unwrap());
        assert_eq!(text.as_deref(), expected, "{json}");
    }

    #[test]
    fn documents_are_written_in_order_and_without_spaces() {
        check(r#"{"A":{"a.x":"3"}}"#, Some(r#"{"A":{"a.x":"3"}}"#));
        let mixed = r#" { "B" : { "b.y":"-1", "b.x" : "4" }, "A" : {} , "A" : {"a<b":"junk"} } "#;
        check(mixed, Some(r#"{"A":{"a\u003cb":"junk"},"B":{"b.x":"4","b.y":"-1"}}"#));
        check(r#"{"A":null,"B":{"b":null}}"#, Some(r#"{"A":{},"B":{"b":""}}"#));
        check("null", Some("{}"));
        for wrong in ["", "x", "[]", "3", r#"{"A":"3"}"#, r#"{"A":{"a":3}}"#, "{}{}", "{"] {
            check(wrong, None);
        }
    }

    #[test]
    fn a_total_takes_the_place_of_the_one_before() {
        let mut sources = CounterSources::default();
        assert!(sources.is_empty());
        assert_eq!(sources.replace("A", "a", &number("5")), number("0"));
        assert_eq!(sources.replace("A", "b", &number("-7")), number("0"));
        assert_eq!(sources.replace("A", "a", &number("3")), number("5"));
        assert_eq!(sources.to_json(), br#"{"A":{"a":"3","b":"-7"}}"#);
        let mut odd = CounterSources::parse(br#"{"A":{"a":"junk"}}"#).unwrap();
        assert_eq!(odd.replace("A", "a", &number("1")), number("0"));
    }
}
