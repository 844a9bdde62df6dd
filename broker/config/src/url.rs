//! The URLs of routes.

use std::fmt;

use crate::config::{Credentials, Secret};
use crate::defaults::ROUTE_PORT;
use crate::go::{parse_url, quote, split_host_port};

/// Where a route is dialled, and with which credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct RouteUrl {
    /// The text as configured, without surrounding blanks. It may contain a password.
    text: String,
    /// The user name and password of the URL. A URL with a user only has an empty password.
    pub credentials: Option<Credentials>,
    /// A host name or address, without the brackets of an IPv6 address. Not resolved.
    pub host: String,
    /// The port; [`crate::defaults::ROUTE_PORT`] if the text has none.
    pub port: u16,
}

/// Why a text is no URL of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RouteUrlError {
    /// The text is wrong; the reason is for the user.
    Malformed(String),
    /// It asks for TLS.
    Tls,
}

impl RouteUrl {
    /// Reads `nats://user:password@host:port`. Any scheme will do, as for nats-server, but `tls`.
    ///
    /// nats-server takes URLs that it then fails to dial again and again; those are errors here.
    pub(crate) fn parse(text: &str) -> Result<Self, RouteUrlError> {
        let text = text.trim();
        let malformed = |reason: String| {
            let shown = quote(&without_user(text));
            RouteUrlError::Malformed(format!("error parsing route url [{shown}]{reason}"))
        };
        // nats-server does not say more here.
        let url = parse_url(text).map_err(|_| malformed(String::new()))?;
        if url.scheme == "tls" {
            return Err(RouteUrlError::Tls);
        }
        if url.host.is_empty() {
            return Err(malformed(": it has no host, as in nats://host:6222".to_owned()));
        }
        let address = if url.host.ends_with(':') {
            format!("{}{ROUTE_PORT}", url.host)
        } else if split_host_port(&url.host) == Err("missing port in address") {
            format!("{}:{ROUTE_PORT}", url.host)
        } else {
            url.host
        };
        let (host, port) =
            split_host_port(&address).map_err(|reason| malformed(format!(": {reason}")))?;
        let port = match port.parse::<u16>() {
            Ok(port) if port > 0 && !host.is_empty() => port,
            _ => return Err(malformed(format!(": invalid address {}", quote(&address)))),
        };
        let credentials = url.user.map(|(user, password)| Credentials {
            user,
            password: Secret::new(password.unwrap_or_default()),
        });
        Ok(Self { text: text.to_owned(), credentials, host: host.to_owned(), port })
    }

    /// The text as configured, without surrounding blanks. It may contain a password: for logs
    /// there is `Display`, which does not show it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The text of a URL with its user and password left out.
pub(crate) fn without_user(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((front, back)) => {
            let scheme = front.find("//").map_or("", |at| &front[..at + 2]);
            format!("{scheme}[REDACTED]@{back}")
        }
        None => text.to_owned(),
    }
}

/// The URL with `xxxxx` for the password.
impl fmt::Display for RouteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nats://")?;
        if let Some(credentials) = &self.credentials {
            write!(f, "{}:xxxxx@", credentials.user)?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for RouteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_have_a_host_and_a_port() {
        let table: &[(&str, &str)] = &[
            ("nats://h:6222", "nats://h:6222"),
            ("  nats-route://h:6222 ", "nats://h:6222"),
            ("nats://u:p@h:7", "nats://u:xxxxx@h:7"),
            ("nats://h", "nats://h:6222"),
            ("nats://h:", "nats://h:6222"),
            ("nats://[::1]", "nats://[::1]:6222"),
            ("nats://[::1]:1", "nats://[::1]:1"),
            ("//h:1", "nats://h:1"),
            ("tls://h:1", "Tls"),
            ("nats://h:0", "error parsing route url [\"nats://h:0\"]: invalid address \"h:0\""),
            (
                "nats://h:70000",
                "error parsing route url [\"nats://h:70000\"]: invalid address \"h:70000\"",
            ),
            ("nats://:1", "error parsing route url [\"nats://:1\"]: invalid address \":1\""),
            (
                "nats://a:b:1",
                "error parsing route url [\"nats://a:b:1\"]: too many colons in address",
            ),
            ("h:1", "error parsing route url [\"h:1\"]: it has no host, as in nats://host:6222"),
            ("1.2.3.4:1", "error parsing route url [\"1.2.3.4:1\"]"),
            ("nats://u:secret@h:x", "error parsing route url [\"nats://[REDACTED]@h:x\"]"),
        ];
        for (text, expected) in table {
            let parsed = match RouteUrl::parse(text) {
                Ok(url) => url.to_string(),
                Err(RouteUrlError::Malformed(reason)) => reason,
                Err(error @ RouteUrlError::Tls) => format!("{error:?}"),
            };
            assert_eq!(parsed, *expected, "{text}");
        }
    }

    #[test]
    fn a_url_with_a_user_only_has_an_empty_password() {
        let url = RouteUrl::parse("nats://u@h:1").unwrap();
        let expected = Credentials { user: "u".to_owned(), password: Secret::new("") };
        assert_eq!(url.credentials, Some(expected));
        assert_eq!(url.as_str(), "nats://u@h:1");
    }
}
