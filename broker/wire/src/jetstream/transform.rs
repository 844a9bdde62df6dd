//! Mappings of subjects: a pattern, and a template that the subjects it matches become.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::encode::decimal;
use crate::subject;

mod function;

use function::Function;

/// A compiled mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transform {
    /// The pattern.
    source: String,
    /// Number of its tokens.
    source_len: usize,
    /// The template, token by token.
    template: Vec<Token>,
    /// Whether pattern and template end in `>`, which stands for the rest of the subject.
    tail: bool,
}

/// A token of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// As it stands.
    Literal(String),
    /// What a function makes of tokens of the subject, by their places in it.
    Computed(Function),
}

/// A pattern and a template do not make a mapping; displayed in nats-server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransformError(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// One of them is no subject, or only one of them ends in `>`.
    BadSubject,
    /// A token of the template holds a blank.
    Blank,
    /// What is wrong with a token of the template.
    Token(Fault, String),
}

/// What can be wrong with a token of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    InvalidTransform,
    UnknownFunction,
    IndexOutOfRange,
    NotEnoughArguments,
    InvalidArgument,
    TooManyArguments,
}

impl Fault {
    fn of(self, token: &str) -> TransformError {
        TransformError(Kind::Token(self, token.into()))
    }

    const fn text(self) -> &'static str {
        match self {
            Self::InvalidTransform => "invalid transform",
            Self::UnknownFunction => "unknown function",
            Self::IndexOutOfRange => "wildcard index out of range",
            Self::NotEnoughArguments => "not enough arguments passed to the function",
            Self::InvalidArgument => "function argument is invalid or in the wrong format",
            Self::TooManyArguments => "too many arguments passed to the function",
        }
    }
}

impl fmt::Display for TransformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const PREFIX: &str = "invalid mapping destination";
        match &self.0 {
            Kind::BadSubject => f.write_str("invalid subject"),
            Kind::Blank => write!(f, "{PREFIX}: {}", Fault::InvalidTransform.text()),
            Kind::Token(fault, token) if token.is_empty() => {
                write!(f, "{PREFIX}: {}", fault.text())
            }
            Kind::Token(fault, token) => write!(f, "{PREFIX}: {} in {token}", fault.text()),
        }
    }
}

impl core::error::Error for TransformError {}

impl Transform {
    /// Compiles a mapping. An empty pattern is `>`, an empty template is no mapping.
    ///
    /// # Errors
    ///
    /// If one of them is no subject, the template has wildcards other than a `>` that the pattern
    /// ends in too, or calls a function that does not exist or with other arguments than it takes.
    pub fn new(source: &str, template: &str) -> Result<Option<Self>, TransformError> {
        if template.is_empty() {
            return Ok(None);
        }
        let source = if source.is_empty() { ">" } else { source };
        let bad = TransformError(Kind::BadSubject);
        let from = Shape::of(source).ok_or(bad.clone())?;
        let to = Shape::of(template).ok_or(bad.clone())?;
        if !to.wildcards.is_empty() || from.tail != to.tail {
            return Err(bad);
        }
        let compile = |token: &str| match Function::parse(token)? {
            None => Ok(Token::Literal(token.into())),
            Some(function) => function.placed(token, &from).map(Token::Computed),
        };
        let mut tokens = template.split('.').map(compile).collect::<Result<Vec<_>, _>>()?;
        if to.tail {
            tokens.pop();
        }
        Ok(Some(Self {
            source: source.into(),
            source_len: from.len,
            template: tokens,
            tail: to.tail,
        }))
    }

    /// Compiles a mapping that a user has configured, which is held to a little more: no blanks in
    /// the template.
    ///
    /// # Errors
    ///
    /// As [`Transform::new`].
    pub fn validated(source: &str, template: &str) -> Result<Option<Self>, TransformError> {
        let mut tail = false;
        for token in template.split('.').filter(|_| !template.is_empty()) {
            if token.is_empty() || tail {
                return Err(Fault::InvalidTransform.of(token));
            }
            if function::is_call(token) {
                if !function::is_known(token) {
                    return Err(Fault::UnknownFunction.of(token));
                }
            } else if token == ">" {
                tail = true;
            } else if token.contains(['\t', '\n', '\x0c', '\r', ' ']) {
                return Err(TransformError(Kind::Blank));
            }
        }
        Self::new(source, template)
    }

    /// What a subject becomes; `None` if the pattern does not match it. `random` draws a number for
    /// templates that ask for one.
    #[must_use]
    pub fn map(&self, subject: &[u8], random: &mut dyn FnMut() -> u32) -> Option<Vec<u8>> {
        if !subject::is_valid_literal(subject)
            || !subject::is_subset(subject, self.source.as_bytes())
        {
            return None;
        }
        let tokens: Vec<&[u8]> = subject::tokens(subject).collect();
        let mut out = Vec::with_capacity(subject.len() + 32);
        let mut first = true;
        let mut next = |out: &mut Vec<u8>| {
            if !core::mem::replace(&mut first, false) {
                out.push(b'.');
            }
        };
        for token in &self.template {
            next(&mut out);
            match token {
                Token::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
                Token::Computed(function) => function.write(&mut out, subject, &tokens, random),
            }
        }
        if self.tail {
            for token in tokens.iter().skip(self.source_len - 1) {
                next(&mut out);
                out.extend_from_slice(token);
            }
        }
        Some(out)
    }
}

/// What matters about a pattern or template as a whole.
struct Shape {
    /// Number of tokens.
    len: usize,
    /// Places of the tokens `*`.
    wildcards: Vec<usize>,
    /// Whether the last token is `>`.
    tail: bool,
}

impl Shape {
    /// `None` if a token is empty, or follows `>`.
    fn of(subject: &str) -> Option<Self> {
        let mut shape = Self { len: 0, wildcards: Vec::new(), tail: false };
        for token in subject.split('.') {
            if token.is_empty() || shape.tail {
                return None;
            }
            match token {
                ">" => shape.tail = true,
                "*" => shape.wildcards.push(shape.len),
                _ => {}
            }
            shape.len += 1;
        }
        Some(shape)
    }
}

/// Appends a number that a function has computed.
fn push_number(out: &mut Vec<u8>, number: u32) {
    decimal(out, u64::from(number));
}

/// A token and a wildcard number as an error names them.
fn with_index(token: &str, index: i64) -> String {
    let mut text = token.to_string();
    text.push_str(": [");
    text.push_str(&index.to_string());
    text.push(']');
    text
}

#[cfg(test)]
mod tests;
