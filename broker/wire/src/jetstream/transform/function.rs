//! The functions that a template may call: `{{name(arguments)}}`, and `$1` for the first wildcard.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Fault, Shape, TransformError, push_number, with_index};

/// A call. Until it is placed, `tokens` are numbers of wildcards in the pattern; afterwards places
/// of tokens in the subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Function {
    name: Name,
    tokens: Vec<i64>,
    number: i32,
    separator: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Wildcard,
    Partition,
    SplitFromLeft,
    SplitFromRight,
    SliceFromLeft,
    SliceFromRight,
    Right,
    Left,
    Split,
    Random,
}

/// The functions in the order in which they are looked for. A capital stands for either case.
const NAMES: &[(&str, Name)] = &[
    ("Wildcard", Name::Wildcard),
    ("Partition", Name::Partition),
    ("SplitFromLeft", Name::SplitFromLeft),
    ("SplitFromRight", Name::SplitFromRight),
    ("SliceFromLeft", Name::SliceFromLeft),
    ("SliceFromRight", Name::SliceFromRight),
    ("Right", Name::Right),
    ("Left", Name::Left),
    ("Split", Name::Split),
    ("Random", Name::Random),
];

/// Whether a token looks like a call.
pub(super) fn is_call(token: &str) -> bool {
    token.len() > 4 && token.starts_with("{{") && token.ends_with("}}")
}

/// Whether a token calls a function that there is.
pub(super) fn is_known(token: &str) -> bool {
    call(token).is_some()
}

/// The name and what stands between the parentheses.
fn call(token: &str) -> Option<(Name, &str)> {
    let inner = token.strip_prefix("{{")?.strip_suffix("}}")?.trim_ascii();
    let (name, arguments) = inner.strip_suffix(')')?.split_once('(')?;
    let name = name.trim_ascii_end();
    let (_, name) = NAMES.iter().find(|(known, _)| is_name(name, known))?;
    Some((*name, arguments))
}

fn is_name(name: &str, known: &str) -> bool {
    name.len() == known.len()
        && name.bytes().zip(known.bytes()).all(|(b, known)| {
            b == known || known.is_ascii_uppercase() && b == known.to_ascii_lowercase()
        })
}

impl Function {
    /// Reads a token; `None` if it stands for itself.
    pub(super) fn parse(token: &str) -> Result<Option<Self>, TransformError> {
        if let Some(index) = token.strip_prefix('$') {
            // Much else begins with a dollar sign.
            return Ok(index.parse().ok().map(|index| Self::new(Name::Wildcard, [index].into())));
        }
        if !is_call(token) {
            return Ok(None);
        }
        let (name, arguments) = call(token).ok_or_else(|| Fault::UnknownFunction.of(token))?;
        let arguments = split_arguments(arguments);
        Self::with_arguments(name, &arguments).map(Some).map_err(|fault| fault.of(token))
    }

    fn new(name: Name, tokens: Vec<i64>) -> Self {
        Self { name, tokens, number: -1, separator: String::new() }
    }

    fn with_arguments(name: Name, arguments: &[&str]) -> Result<Self, Fault> {
        let exactly = |count: usize| match arguments.len() {
            len if len < count => Err(Fault::NotEnoughArguments),
            len if len > count => Err(Fault::TooManyArguments),
            _ => Ok(()),
        };
        let first = arguments.first().copied().unwrap_or_default();
        match name {
            Name::Wildcard => {
                if arguments.len() == 1 && first.is_empty() {
                    return Err(Fault::NotEnoughArguments);
                }
                exactly(1)?;
                Ok(Self::new(name, [number(first)?].into()))
            }
            Name::Partition => {
                let number = small_number(first)?;
                let tokens = arguments.iter().skip(1).map(|text| self::number(text));
                let tokens = tokens.collect::<Result<Vec<_>, _>>()?;
                Ok(Self { number, ..Self::new(name, tokens) })
            }
            Name::Random => {
                if arguments.len() != 1 {
                    return Err(Fault::NotEnoughArguments);
                }
                Ok(Self { number: small_number(first)?, ..Self::new(name, Vec::new()) })
            }
            Name::Split => {
                exactly(2)?;
                let token = number(first)?;
                let separator = arguments.get(1).copied().unwrap_or_default();
                if separator.contains([' ', '.']) {
                    return Err(Fault::InvalidArgument);
                }
                Ok(Self { separator: separator.into(), ..Self::new(name, [token].into()) })
            }
            Name::SplitFromLeft
            | Name::SplitFromRight
            | Name::SliceFromLeft
            | Name::SliceFromRight
            | Name::Right
            | Name::Left => {
                exactly(2)?;
                let token = number(first)?;
                let length = number(arguments.get(1).copied().unwrap_or_default())?;
                let number = i32::try_from(length).map_err(|_| Fault::InvalidArgument)?;
                Ok(Self { number, ..Self::new(name, [token].into()) })
            }
        }
    }

    /// Replaces numbers of wildcards by places in the pattern. A number below one is the first
    /// token. Without any wildcard in the pattern, only what needs none can be called.
    pub(super) fn placed(mut self, token: &str, pattern: &Shape) -> Result<Self, TransformError> {
        if pattern.wildcards.is_empty() && !pattern.tail {
            if !matches!(self.name, Name::Partition | Name::Random) {
                return Err(Fault::IndexOutOfRange.of(token));
            }
            self.tokens.clear();
        }
        for place in &mut self.tokens {
            let index = *place;
            *place = match usize::try_from(index) {
                Err(_) | Ok(0) => 0,
                Ok(at) => {
                    let at = pattern.wildcards.get(at - 1).copied();
                    at.and_then(|at| i64::try_from(at).ok())
                        .ok_or_else(|| Fault::IndexOutOfRange.of(&with_index(token, index)))?
                }
            };
        }
        Ok(self)
    }

    /// Appends what the function makes of a subject.
    pub(super) fn write(
        &self,
        out: &mut Vec<u8>,
        subject: &[u8],
        tokens: &[&[u8]],
        random: &mut dyn FnMut() -> u32,
    ) {
        let at =
            |place: i64| usize::try_from(place).ok().and_then(|place| tokens.get(place).copied());
        let token = self.tokens.first().and_then(|&place| at(place)).unwrap_or_default();
        // A length that the token does not exceed leaves it whole.
        let length = usize::try_from(self.number).ok();
        let length = length.filter(|&length| length > 0 && length < token.len());
        match (self.name, length) {
            (Name::Partition, _) => {
                let hash = if self.tokens.is_empty() {
                    fnv1a([subject].into_iter())
                } else {
                    fnv1a(self.tokens.iter().filter_map(|&place| at(place)))
                };
                push_number(out, hash.checked_rem(self.number.cast_unsigned()).unwrap_or(0));
            }
            (Name::Random, _) => {
                let drawn = random() & i32::MAX.cast_unsigned();
                push_number(out, drawn.checked_rem(self.number.cast_unsigned()).unwrap_or(0));
            }
            (Name::Split, _) => split(out, token, self.separator.as_bytes()),
            (Name::SplitFromLeft, Some(length)) => join(out, &[&token[..length], &token[length..]]),
            (Name::SplitFromRight, Some(length)) => {
                let (left, right) = token.split_at(token.len() - length);
                join(out, &[left, right]);
            }
            (Name::SliceFromLeft, Some(length)) => {
                join(out, &token.chunks(length).collect::<Vec<_>>());
            }
            (Name::SliceFromRight, Some(length)) => {
                let mut slices: Vec<_> = token.rchunks(length).collect();
                slices.reverse();
                join(out, &slices);
            }
            (Name::Left, Some(length)) => out.extend_from_slice(&token[..length]),
            (Name::Right, Some(length)) => out.extend_from_slice(&token[token.len() - length..]),
            (_, _) => out.extend_from_slice(token),
        }
    }
}

fn join(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        out.extend_from_slice(part);
    }
}

/// The parts between separators that are not empty, with dots between them.
fn split(out: &mut Vec<u8>, token: &[u8], separator: &[u8]) {
    let mut rest = token;
    let mut parts = Vec::new();
    if separator.is_empty() {
        parts.extend(token.chunks(1));
    } else {
        while let Some(at) = memchr::memmem::find(rest, separator) {
            parts.push(&rest[..at]);
            rest = &rest[at + separator.len()..];
        }
        parts.push(rest);
    }
    parts.retain(|part| !part.is_empty());
    join(out, &parts);
}

/// The 32-bit FNV-1a hash of bytes one after the other.
fn fnv1a<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u32 {
    parts
        .flatten()
        .fold(0x811c_9dc5, |hash: u32, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The arguments between commas, without white space after a comma.
fn split_arguments(arguments: &str) -> Vec<&str> {
    arguments
        .split(',')
        .enumerate()
        .map(|(at, argument)| if at == 0 { argument } else { argument.trim_ascii_start() })
        .collect()
}

fn number(text: &str) -> Result<i64, Fault> {
    text.trim_matches(' ').parse().map_err(|_| Fault::InvalidArgument)
}

/// A number that is not above what 32 bits hold; one below is cut to them.
fn small_number(text: &str) -> Result<i32, Fault> {
    let number = number(text)?;
    #[expect(clippy::cast_possible_truncation, reason = "as nats-server does")]
    if number > i64::from(i32::MAX) { Err(Fault::InvalidArgument) } else { Ok(number as i32) }
}
