//! The query part of a monitoring URL, read as Go reads it.

/// Names and values, percent-decoded, in order.
#[derive(Debug, Default)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
}

/// A parameter that does not make sense; the text is the body of a 400 answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadQuery(pub(super) String);

/// What `subs=` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscriptions {
    Count,
    Subjects,
    Detail,
}

impl Query {
    /// Reads `a=b&c=d`. Pairs with a broken escape or a semicolon are dropped, as Go does.
    pub(super) fn parse(text: &str) -> Self {
        let pair = |text: &str| {
            if text.is_empty() || text.contains(';') {
                return None;
            }
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            Some((decode(name)?, decode(value)?))
        };
        Self { pairs: text.split('&').filter_map(pair).collect() }
    }

    /// The first value of a name; empty if there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.pairs.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    pub(super) fn boolean(&self, name: &str) -> Result<bool, BadQuery> {
        match self.text(name) {
            "" => Ok(false),
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            other => Err(bad("boolean", name, "ParseBool", other, "invalid syntax")),
        }
    }

    pub(super) fn int(&self, name: &str) -> Result<i64, BadQuery> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(0);
        }
        number(text).map_err(|problem| bad("int", name, "Atoi", text, problem))
    }

    pub(super) fn uint(&self, name: &str) -> Result<u64, BadQuery> {
        let text = self.text(name);
        if text.is_empty() {
            return Ok(0);
        }
        let parsed = if text.starts_with('+') { Err("invalid syntax") } else { number(text) };
        parsed.map_err(|problem| bad("uint64", name, "ParseUint", text, problem))
    }

    pub(super) fn subscriptions(&self) -> Result<Subscriptions, BadQuery> {
        if self.text("subs").eq_ignore_ascii_case("detail") {
            return Ok(Subscriptions::Detail);
        }
        let asked = self.boolean("subs")?;
        Ok(if asked { Subscriptions::Subjects } else { Subscriptions::Count })
    }
}

fn bad(kind: &str, name: &str, function: &str, text: &str, problem: &str) -> BadQuery {
    BadQuery(format!(
        "Error decoding {kind} for '{name}': strconv.{function}: parsing {text:?}: {problem}"
    ))
}

fn number<T: std::str::FromStr<Err = std::num::ParseIntError>>(
    text: &str,
) -> Result<T, &'static str> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    text.parse().map_err(|error: std::num::ParseIntError| {
        if matches!(error.kind(), PosOverflow | NegOverflow) {
            "value out of range"
        } else {
            "invalid syntax"
        }
    })
}

/// Undoes percent encoding and `+`; `None` if an escape is broken.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = tail.get(..2)?;
                let digit = |at: usize| char::from(*digits.get(at)?).to_digit(16);
                bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
                rest = tail.get(2..)?;
            }
            other => bytes.push(other),
        }
    }
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded() {
        let query = Query::parse("acc=%24G&user=a+b%2Bc&&x&bad=%zz&semi;colon=1&acc=second&n=-7");
        assert_eq!(query.text("acc"), "$G");
        assert_eq!(query.text("user"), "a b+c");
        assert_eq!((query.text("x"), query.text("bad"), query.text("none")), ("", "", ""));
        assert_eq!(query.int("n"), Ok(-7));
    }

    /// The texts are nats-server 2.15.1's.
    #[test]
    fn errors_name_what_is_wrong() {
        let error = |result: Result<i64, BadQuery>| result.unwrap_err().0;
        let query = Query::parse("limit=x&subs=7&cid=-1&offset=99999999999999999999");
        assert_eq!(
            error(query.int("limit")),
            "Error decoding int for 'limit': strconv.Atoi: parsing \"x\": invalid syntax"
        );
        assert_eq!(
            query.subscriptions().unwrap_err().0,
            "Error decoding boolean for 'subs': strconv.ParseBool: parsing \"7\": invalid syntax"
        );
        assert_eq!(
            query.uint("cid").unwrap_err().0,
            "Error decoding uint64 for 'cid': strconv.ParseUint: parsing \"-1\": invalid syntax"
        );
        assert_eq!(
            error(query.int("offset")),
            "Error decoding int for 'offset': strconv.Atoi: parsing \"99999999999999999999\": \
             value out of range"
        );
        assert_eq!(Query::parse("subs=Detail").subscriptions(), Ok(Subscriptions::Detail));
        assert_eq!(Query::parse("subs=T").subscriptions(), Ok(Subscriptions::Subjects));
        assert_eq!(Query::parse("").subscriptions(), Ok(Subscriptions::Count));
    }
}
