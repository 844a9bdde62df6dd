//! Selectors: the words by which a scenario says who is meant.
//!
//! ```text
//! selector = term { ("+" | "-") term }            union, difference; from left to right
//! term     = "all" | "region:" name | "cluster:" name | "node:" region "/" number
//!          | "nodes:" name | "clients:" name
//!          | "one(" selector ")" | "random(" count "," selector ")" | "client:" id
//!          | "majority(" selector ")" | "minority(" selector ")"
//! ```
//!
//! `one`, `random`, `majority` and `minority` draw nodes, once for a plan.

use std::fmt;

/// Who is meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Selector {
    /// Everybody.
    All,
    /// All of a region: its nodes, and its clients where a fault hits a place.
    Region(String),
    /// The nodes of a region without its clients.
    Nodes(String),
    /// The clients of a region without its nodes.
    Clients(String),
    /// All regions of a cluster.
    Cluster(String),
    /// One node: region and number, from 1.
    Node(String, u16),
    /// So many nodes of those, drawn.
    Random(u16, Box<Self>),
    /// More than half of those nodes, as few as that takes, drawn.
    Majority(Box<Self>),
    /// Fewer than half of those nodes, as many as that allows, drawn.
    Minority(Box<Self>),
    /// The clients of one `[[client]]` table.
    Client(String),
    /// Both.
    Union(Box<Self>, Box<Self>),
    /// The first without the second.
    Without(Box<Self>, Box<Self>),
}

/// Why a text is not a selector.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SelectorError {
    /// Where in the text, in bytes.
    pub at: usize,
    /// What is wrong.
    pub message: String,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// Names the place of the first thing that does not fit.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let selector = parser.selector()?;
        parser.blanks();
        if parser.at < text.len() {
            return Err(parser.wrong("`+`, `-` or the end"));
        }
        Ok(selector)
    }

    /// Whether it can mean no client, because it means nodes.
    pub(super) const fn means_nodes_only(&self) -> bool {
        matches!(
            self,
            Self::Nodes(_)
                | Self::Cluster(_)
                | Self::Node(..)
                | Self::Random(..)
                | Self::Majority(_)
                | Self::Minority(_)
        )
    }

    /// The names in it, each with what it must be the name of.
    pub(super) fn visit(&self, see: &mut impl FnMut(&Self)) {
        see(self);
        match self {
            Self::Random(_, inner) | Self::Majority(inner) | Self::Minority(inner) => {
                inner.visit(see);
            }
            Self::Union(a, b) | Self::Without(a, b) => {
                a.visit(see);
                b.visit(see);
            }
            Self::All
            | Self::Region(_)
            | Self::Nodes(_)
            | Self::Clients(_)
            | Self::Cluster(_)
            | Self::Node(..)
            | Self::Client(_) => {}
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Region(name) => write!(f, "region:{name}"),
            Self::Nodes(name) => write!(f, "nodes:{name}"),
            Self::Clients(name) => write!(f, "clients:{name}"),
            Self::Cluster(name) => write!(f, "cluster:{name}"),
            Self::Node(region, number) => write!(f, "node:{region}/{number}"),
            Self::Random(1, inner) => write!(f, "one({inner})"),
            Self::Random(count, inner) => write!(f, "random({count}, {inner})"),
            Self::Client(id) => write!(f, "client:{id}"),
            Self::Majority(inner) => write!(f, "majority({inner})"),
            Self::Minority(inner) => write!(f, "minority({inner})"),
            Self::Union(a, b) => write!(f, "{a} + {b}"),
            Self::Without(a, b) => write!(f, "{a} - {b}"),
        }
    }
}

/// Nested deeper than this, a selector is refused: it bounds the parser's stack.
const DEPTH_MAX: u32 = 32;

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Parser<'a> {
    fn selector(&mut self) -> Result<Selector, SelectorError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong("fewer parentheses"));
        }
        let mut left = self.term()?;
        loop {
            self.blanks();
            // A minus inside a name belongs to the name; between blanks it is the operator.
            if self.take("+") {
                left = Selector::Union(Box::new(left), Box::new(self.term()?));
            } else if self.take("-") {
                left = Selector::Without(Box::new(left), Box::new(self.term()?));
            } else {
                self.depth -= 1;
                return Ok(left);
            }
        }
    }

    fn term(&mut self) -> Result<Selector, SelectorError> {
        self.blanks();
        if self.take("majority(") {
            Ok(Selector::Majority(self.inner()?))
        } else if self.take("minority(") {
            Ok(Selector::Minority(self.inner()?))
        } else if self.take("region:") {
            Ok(Selector::Region(self.name()?))
        } else if self.take("nodes:") {
            Ok(Selector::Nodes(self.name()?))
        } else if self.take("clients:") {
            Ok(Selector::Clients(self.name()?))
        } else if self.take("cluster:") {
            Ok(Selector::Cluster(self.name()?))
        } else if self.take("client:") {
            Ok(Selector::Client(self.name()?))
        } else if self.take("node:") {
            let region = self.name()?;
            self.expect("/")?;
            Ok(Selector::Node(region, self.number()?))
        } else if self.take("one(") {
            self.drawn(1)
        } else if self.take("random(") {
            let count = self.number()?;
            self.blanks();
            self.expect(",")?;
            self.drawn(count)
        } else if self.take("all") {
            Ok(Selector::All)
        } else {
            Err(self.wrong(
                "region:, nodes:, clients:, cluster:, node:, client:, one(, random(, majority(, \
                 minority( or all",
            ))
        }
    }

    fn drawn(&mut self, count: u16) -> Result<Selector, SelectorError> {
        Ok(Selector::Random(count, self.inner()?))
    }

    /// A selector and the parenthesis after it.
    fn inner(&mut self) -> Result<Box<Selector>, SelectorError> {
        let inner = self.selector()?;
        self.blanks();
        self.expect(")")?;
        Ok(Box::new(inner))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn blanks(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), SelectorError> {
        if self.take(word) { Ok(()) } else { Err(self.wrong(&format!("`{word}`"))) }
    }

    fn name(&mut self) -> Result<String, SelectorError> {
        let rest = self.rest();
        let is_name = |c: char| c.is_alphanumeric() || c == '-' || c == '_' || c == '.';
        let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.wrong("a name"));
        }
        self.at += end;
        Ok(rest[..end].to_owned())
    }

    fn number(&mut self) -> Result<u16, SelectorError> {
        self.blanks();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        match rest[..end].parse() {
            Ok(0) | Err(_) => Err(self.wrong("a number from 1 to 65535")),
            Ok(number) => {
                self.at += end;
                Ok(number)
            }
        }
    }

    fn wrong(&self, wanted: &str) -> SelectorError {
        let found = self
            .rest()
            .split_whitespace()
            .next()
            .map_or("the end".to_owned(), |word| format!("`{word}`"));
        SelectorError { at: self.at, message: format!("expected {wanted}, found {found}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_the_same() {
        for text in [
            "all",
            "region:us-east-1",
            "nodes:a",
            "clients:a",
            "node:a/12",
            "one(region:a)",
            "random(2, cluster:c1 - node:a/1)",
            "region:a + region:b - node:b/2",
            "client:pub_1",
            "majority(cluster:c1) - minority(region:a + region:b)",
        ] {
            assert_eq!(Selector::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Selector::parse(" random( 2 ,region:a ) "),
            Ok(Selector::Random(2, Box::new(Selector::Region("a".to_owned()))))
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let wrong = |text: &str| {
            let error = Selector::parse(text).unwrap_err();
            (error.at, error.message)
        };
        assert_eq!(wrong("region:"), (7, "expected a name, found the end".to_owned()));
        assert_eq!(wrong("node:a/0").0, 7);
        assert_eq!(wrong("node:a"), (6, "expected `/`, found the end".to_owned()));
        assert_eq!(wrong("one(all").1, "expected `)`, found the end");
        assert_eq!(wrong("all all").1, "expected `+`, `-` or the end, found `all`");
        assert_eq!(wrong("").0, 0);
        assert!(wrong(&"one(".repeat(100)).1.contains("fewer parentheses"));
    }
}
