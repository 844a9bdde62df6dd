//! Which request a subject of the API asks for.

/// How every subject of the API begins without a domain.
pub const PREFIX: &str = "$JS.API.";

/// A subject of the API, with the domain it names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiSubject<'a> {
    /// The domain of `$JS.<domain>.API.…`; none in `$JS.API.…`.
    pub domain: Option<&'a str>,
    /// What is asked.
    pub request: ApiRequest<'a>,
}

/// What a subject of the API asks. Names are as they stand in it, not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiRequest<'a> {
    /// `INFO`
    AccountInfo,
    /// `STREAM.CREATE.<stream>`
    StreamCreate(&'a str),
    /// `STREAM.UPDATE.<stream>`
    StreamUpdate(&'a str),
    /// `STREAM.NAMES`
    StreamNames,
    /// `STREAM.LIST`
    StreamList,
    /// `STREAM.INFO.<stream>`
    StreamInfo(&'a str),
    /// `STREAM.DELETE.<stream>`
    StreamDelete(&'a str),
    /// `STREAM.PURGE.<stream>`
    StreamPurge(&'a str),
    /// `STREAM.SNAPSHOT.<stream>`
    StreamSnapshot(&'a str),
    /// `STREAM.RESTORE.<stream>`
    StreamRestore(&'a str),
    /// `STREAM.MSG.GET.<stream>`
    MsgGet(&'a str),
    /// `STREAM.MSG.DELETE.<stream>`
    MsgDelete(&'a str),
    /// `STREAM.PEER.REMOVE.<stream>`
    StreamRemovePeer(&'a str),
    /// `STREAM.PEER.EVACUATE.<stream>`
    StreamEvacuatePeer(&'a str),
    /// `STREAM.CANCEL_MOVE.<stream>`
    StreamCancelMove(&'a str),
    /// `STREAM.LEADER.STEPDOWN.<stream>`
    StreamLeaderStepdown(&'a str),
    /// `CONSUMER.CREATE.<stream>[.<consumer>[.<filter>]]`; the filter may have several tokens.
    ConsumerCreate {
        /// Its stream.
        stream: &'a str,
        /// Its name.
        consumer: Option<&'a str>,
        /// Its only filter.
        filter: Option<&'a str>,
    },
    /// `CONSUMER.DURABLE.CREATE.<stream>.<consumer>`
    ConsumerDurableCreate(ConsumerName<'a>),
    /// `CONSUMER.NAMES.<stream>`
    ConsumerNames(&'a str),
    /// `CONSUMER.LIST.<stream>`
    ConsumerList(&'a str),
    /// `CONSUMER.INFO.<stream>.<consumer>`
    ConsumerInfo(ConsumerName<'a>),
    /// `CONSUMER.DELETE.<stream>.<consumer>`
    ConsumerDelete(ConsumerName<'a>),
    /// `CONSUMER.PAUSE.<stream>.<consumer>`
    ConsumerPause(ConsumerName<'a>),
    /// `CONSUMER.UNPIN.<stream>.<consumer>`
    ConsumerUnpin(ConsumerName<'a>),
    /// `CONSUMER.RESET.<stream>.<consumer>`
    ConsumerReset(ConsumerName<'a>),
    /// `CONSUMER.LEADER.STEPDOWN.<stream>.<consumer>`
    ConsumerLeaderStepdown(ConsumerName<'a>),
    /// `CONSUMER.MSG.NEXT.<stream>.<consumer>`
    ConsumerNext(ConsumerName<'a>),
    /// `DIRECT.GET.<stream>[.<subject>]`; the subject may have several tokens.
    DirectGet {
        /// The stream.
        stream: &'a str,
        /// The subject whose last message is asked for.
        subject: Option<&'a str>,
    },
    /// Below `META.`, `SERVER.` or `ACCOUNT.`: for the system account alone.
    System,
    /// Anything else, which nobody answers.
    Unknown,
}

/// A consumer of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerName<'a> {
    /// The stream.
    pub stream: &'a str,
    /// The consumer.
    pub consumer: &'a str,
}

impl<'a> ApiSubject<'a> {
    /// Reads a subject; `None` if it is none of the API.
    #[must_use]
    pub fn parse(subject: &'a [u8]) -> Option<Self> {
        let subject = core::str::from_utf8(subject).ok()?;
        let (domain, rest) = split_prefix(subject)?;
        Some(Self { domain, request: ApiRequest::parse(rest) })
    }
}

/// The domain, if one is named, and what follows `API.`. With a domain that may also be a subject
/// below `$KV.` or `$OBJ.`, which stands for itself.
#[must_use]
pub fn split_prefix(subject: &str) -> Option<(Option<&str>, &str)> {
    if let Some(rest) = subject.strip_prefix(PREFIX) {
        return Some((None, rest));
    }
    let (domain, rest) = subject.strip_prefix("$JS.")?.split_once('.')?;
    Some((Some(domain), rest.strip_prefix("API.")?))
}

impl<'a> ApiRequest<'a> {
    /// Reads what follows `$JS.API.`.
    #[must_use]
    pub fn parse(rest: &'a str) -> Self {
        let (class, rest) = split(rest);
        match class {
            "INFO" if rest.is_none() => Self::AccountInfo,
            "STREAM" => Self::of_stream(rest),
            "CONSUMER" => Self::of_consumer(rest),
            "DIRECT" => match split(rest.unwrap_or_default()) {
                ("GET", Some(rest)) => {
                    let (stream, subject) = split(rest);
                    Self::DirectGet { stream, subject }
                }
                (_, _) => Self::Unknown,
            },
            "META" | "SERVER" | "ACCOUNT" => Self::System,
            _ => Self::Unknown,
        }
    }

    fn of_stream(rest: Option<&'a str>) -> Self {
        let (verb, rest) = split(rest.unwrap_or_default());
        match (verb, rest) {
            ("NAMES", None) => return Self::StreamNames,
            ("LIST", None) => return Self::StreamList,
            ("MSG" | "PEER" | "LEADER", Some(rest)) => return Self::of_part(verb, rest),
            (_, _) => {}
        }
        let make: fn(&'a str) -> Self = match verb {
            "CREATE" => Self::StreamCreate,
            "UPDATE" => Self::StreamUpdate,
            "INFO" => Self::StreamInfo,
            "DELETE" => Self::StreamDelete,
            "PURGE" => Self::StreamPurge,
            "SNAPSHOT" => Self::StreamSnapshot,
            "RESTORE" => Self::StreamRestore,
            "CANCEL_MOVE" => Self::StreamCancelMove,
            _ => return Self::Unknown,
        };
        only(rest).map_or(Self::Unknown, make)
    }

    fn of_part(part: &str, rest: &'a str) -> Self {
        let (verb, rest) = split(rest);
        let make: fn(&'a str) -> Self = match (part, verb) {
            ("MSG", "GET") => Self::MsgGet,
            ("MSG", "DELETE") => Self::MsgDelete,
            ("PEER", "REMOVE") => Self::StreamRemovePeer,
            ("PEER", "EVACUATE") => Self::StreamEvacuatePeer,
            ("LEADER", "STEPDOWN") => Self::StreamLeaderStepdown,
            (_, _) => return Self::Unknown,
        };
        only(rest).map_or(Self::Unknown, make)
    }

    fn of_consumer(rest: Option<&'a str>) -> Self {
        let (verb, rest) = split(rest.unwrap_or_default());
        let Some(rest) = rest else { return Self::Unknown };
        let (first, after) = split(rest);
        let make: fn(ConsumerName<'a>) -> Self = match (verb, first) {
            ("CREATE", stream) => {
                let (consumer, filter) = after.map_or((None, None), |after| {
                    let (consumer, filter) = split(after);
                    (Some(consumer), filter)
                });
                return Self::ConsumerCreate { stream, consumer, filter };
            }
            ("NAMES", _) => return only(Some(rest)).map_or(Self::Unknown, Self::ConsumerNames),
            ("LIST", _) => return only(Some(rest)).map_or(Self::Unknown, Self::ConsumerList),
            ("DURABLE", "CREATE") => {
                return pair(after).map_or(Self::Unknown, Self::ConsumerDurableCreate);
            }
            ("LEADER", "STEPDOWN") => {
                return pair(after).map_or(Self::Unknown, Self::ConsumerLeaderStepdown);
            }
            ("MSG", "NEXT") => return pair(after).map_or(Self::Unknown, Self::ConsumerNext),
            ("INFO", _) => Self::ConsumerInfo,
            ("DELETE", _) => Self::ConsumerDelete,
            ("PAUSE", _) => Self::ConsumerPause,
            ("UNPIN", _) => Self::ConsumerUnpin,
            ("RESET", _) => Self::ConsumerReset,
            (_, _) => return Self::Unknown,
        };
        pair(Some(rest)).map_or(Self::Unknown, make)
    }
}

/// The first token and what follows the dot after it.
fn split(text: &str) -> (&str, Option<&str>) {
    text.split_once('.').map_or((text, None), |(first, rest)| (first, Some(rest)))
}

/// The only token.
fn only(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty() && !text.contains('.'))
}

/// Two tokens and no more.
fn pair(text: Option<&str>) -> Option<ConsumerName<'_>> {
    let (stream, consumer) = text?.split_once('.')?;
    Some(ConsumerName { stream, consumer: only(Some(consumer))? })
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[track_caller]
    fn check(subject: &str, expected: &str) {
        let got = ApiSubject::parse(subject.as_bytes()).map(|parsed| {
            let request = format!("{:?}", parsed.request).replace('"', "");
            match parsed.domain {
                Some(domain) => format!("{domain}: {request}"),
                None => request,
            }
        });
        assert_eq!(got.unwrap_or_else(|| "-".into()), expected, "{subject}");
    }

    #[test]
    fn every_request() {
        check("$JS.API.INFO", "AccountInfo");
        check("$JS.API.STREAM.NAMES", "StreamNames");
        check("$JS.API.STREAM.LIST", "StreamList");
        for (verb, name) in [
            ("CREATE", "StreamCreate"),
            ("UPDATE", "StreamUpdate"),
            ("INFO", "StreamInfo"),
            ("DELETE", "StreamDelete"),
            ("PURGE", "StreamPurge"),
            ("SNAPSHOT", "StreamSnapshot"),
            ("RESTORE", "StreamRestore"),
            ("MSG.GET", "MsgGet"),
            ("MSG.DELETE", "MsgDelete"),
            ("PEER.REMOVE", "StreamRemovePeer"),
            ("PEER.EVACUATE", "StreamEvacuatePeer"),
            ("CANCEL_MOVE", "StreamCancelMove"),
            ("LEADER.STEPDOWN", "StreamLeaderStepdown"),
        ] {
            check(&format!("$JS.API.STREAM.{verb}.S"), &format!("{name}(S)"));
            check(&format!("$JS.API.STREAM.{verb}"), "Unknown");
            check(&format!("$JS.API.STREAM.{verb}.S.x"), "Unknown");
        }
        for (verb, name) in [
            ("DURABLE.CREATE", "ConsumerDurableCreate"),
            ("INFO", "ConsumerInfo"),
            ("DELETE", "ConsumerDelete"),
            ("PAUSE", "ConsumerPause"),
            ("UNPIN", "ConsumerUnpin"),
            ("RESET", "ConsumerReset"),
            ("LEADER.STEPDOWN", "ConsumerLeaderStepdown"),
            ("MSG.NEXT", "ConsumerNext"),
        ] {
            let expected = format!("{name}(ConsumerName {{ stream: S, consumer: C }})");
            check(&format!("$JS.API.CONSUMER.{verb}.S.C"), &expected);
            check(&format!("$JS.API.CONSUMER.{verb}.S"), "Unknown");
            check(&format!("$JS.API.CONSUMER.{verb}.S.C.x"), "Unknown");
        }
        check("$JS.API.CONSUMER.NAMES.S", "ConsumerNames(S)");
        check("$JS.API.CONSUMER.LIST.S", "ConsumerList(S)");
        check("$JS.API.CONSUMER.LIST.S.C", "Unknown");
    }

    #[test]
    fn requests_of_several_lengths() {
        check(
            "$JS.API.CONSUMER.CREATE.S",
            "ConsumerCreate { stream: S, consumer: None, filter: None }",
        );
        check(
            "$JS.API.CONSUMER.CREATE.S.C",
            "ConsumerCreate { stream: S, consumer: Some(C), filter: None }",
        );
        check(
            "$JS.API.CONSUMER.CREATE.S.C.a.*.>",
            "ConsumerCreate { stream: S, consumer: Some(C), filter: Some(a.*.>) }",
        );
        check("$JS.API.DIRECT.GET.S", "DirectGet { stream: S, subject: None }");
        check("$JS.API.DIRECT.GET.S.$KV.x.k", "DirectGet { stream: S, subject: Some($KV.x.k) }");
    }

    #[test]
    fn domains_and_others() {
        check("$JS.hub.API.INFO", "hub: AccountInfo");
        check("$JS.hub.API.STREAM.INFO.S", "hub: StreamInfo(S)");
        assert_eq!(split_prefix("$JS.hub.API.$KV.x.k"), Some((Some("hub"), "$KV.x.k")));
        check("$JS.API.META.LEADER.STEPDOWN", "System");
        check("$JS.API.ACCOUNT.PURGE.A", "System");
        for unknown in ["STREAM", "STREAM.BOGUS", "CONSUMER", "DIRECT.GET", "INFO.x", "", "x"] {
            check(&format!("$JS.API.{unknown}"), "Unknown");
        }
        for other in ["$JS.APIX.INFO", "$JS.ACK.S.C", "$JS", "a.b", "$JS.hub.x.API.INFO"] {
            check(other, "-");
        }
        assert_eq!(ApiSubject::parse(b"$JS.API.STREAM.INFO.\xff"), None);
    }
}
