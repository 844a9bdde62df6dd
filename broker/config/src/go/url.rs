//! As much of Go's `net/url` as routes need: which texts are URLs, and their user and host.

use std::net::Ipv6Addr;

use super::quote;

/// The parts of a URL that matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Url {
    /// Lower case; empty without one.
    pub(crate) scheme: String,
    /// The user name and, if there is a colon after it, the password.
    pub(crate) user: Option<(String, Option<String>)>,
    /// `host:port`, the host in brackets if it was, and the port as written if there is one.
    pub(crate) host: String,
}

/// Splits a URL as Go's `url.Parse` does.
///
/// # Errors
///
/// Go's reason, without the `parse "…": ` in front.
pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    let (text, fragment) = cut(text, '#');
    if text.bytes().any(|byte| byte < b' ' || byte == 0x7f) {
        return Err("net/url: invalid control character in URL".to_owned());
    }
    let (scheme, rest) = split_scheme(text)?;
    let (rest, _query) = cut(rest, '?');
    let mut url = Url { scheme: scheme.to_lowercase(), ..Url::default() };

    let path = if let Some(after) = rest.strip_prefix("//").filter(|_| {
        // Without a scheme, three slashes are a path.
        !scheme.is_empty() || !rest.starts_with("///")
    }) {
        let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
        (url.user, url.host) = parse_authority(authority)?;
        path
    } else if rest.starts_with('/') {
        rest
    } else if !scheme.is_empty() {
        // What follows is opaque, and is not looked at.
        return Ok(url);
    } else if cut(rest, '/').0.contains(':') {
        return Err("first path segment in URL cannot contain colon".to_owned());
    } else {
        rest
    };
    unescape(path, Part::Path)?;
    unescape(fragment, Part::Path)?;
    Ok(url)
}

fn cut(text: &str, at: char) -> (&str, &str) {
    text.split_once(at).unwrap_or((text, ""))
}

fn split_scheme(text: &str) -> Result<(&str, &str), String> {
    for (index, char) in text.char_indices() {
        match char {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if index > 0 => {}
            ':' if index == 0 => return Err("missing protocol scheme".to_owned()),
            ':' => return Ok((&text[..index], &text[index + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

type User = Option<(String, Option<String>)>;

fn parse_authority(authority: &str) -> Result<(User, String), String> {
    let Some((user, host)) = authority.rsplit_once('@') else {
        return Ok((None, parse_host(authority)?));
    };
    let host = parse_host(host)?;
    let fits = |char: char| char.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(char);
    if !user.chars().all(fits) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let (name, password) = match user.split_once(':') {
        Some((name, password)) => (name, Some(unescape(password, Part::User)?)),
        None => (user, None),
    };
    Ok((Some((unescape(name, Part::User)?, password)), host))
}

fn parse_host(host: &str) -> Result<String, String> {
    let Some(open) = host.rfind('[') else {
        if let Some(colon) = host.rfind(':') {
            check_port(&host[colon..])?;
        }
        return unescape(host, Part::Host);
    };
    let Some(close) = host.rfind(']') else {
        return Err("missing ']' in host".to_owned());
    };
    let port = &host[close + 1..];
    check_port(port)?;
    let inner = host.get(open + 1..close).unwrap_or_default();
    let (address, zone) = inner.split_at(inner.find("%25").unwrap_or(inner.len()));
    let address = unescape(address, Part::Host)?;
    if address.parse::<Ipv6Addr>().is_err() {
        return Err(format!("invalid host: ParseAddr({}): unable to parse IP", quote(&address)));
    }
    Ok(format!("[{address}{}]{port}", unescape(zone, Part::Zone)?))
}

/// What follows a host: nothing, or a colon and any number of digits.
fn check_port(text: &str) -> Result<(), String> {
    let digits = text.strip_prefix(':').unwrap_or(text);
    let fits = text.is_empty() || text.starts_with(':');
    if fits && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(format!("invalid port {} after host", quote(text)))
}

/// Which part of a URL is unescaped: the rules differ.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    User,
    Host,
    Zone,
    Path,
}

fn unescape(text: &str, part: Part) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%' {
            let escape = bytes.get(at + 1..at + 3).and_then(hex);
            let escaped = bytes.get(at..bytes.len().min(at + 3)).unwrap_or_default();
            let invalid = || {
                let escaped = String::from_utf8_lossy(escaped);
                format!("invalid URL escape {}", quote(&escaped))
            };
            let value = escape.ok_or_else(invalid)?;
            // A host may have only escapes of what is not ASCII.
            if part == Part::Host && value < 0x80 {
                return Err(invalid());
            }
            plain.push(value);
            at += 3;
            continue;
        }
        if matches!(part, Part::Host | Part::Zone) && byte.is_ascii() && !fits_host(*byte) {
            let char = char::from(*byte).to_string();
            return Err(format!("invalid character {} in host name", quote(&char)));
        }
        plain.push(*byte);
        at += 1;
    }
    Ok(String::from_utf8_lossy(&plain).into_owned())
}

fn fits_host(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"".contains(&byte)
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digits = std::str::from_utf8(digits).ok()?;
    // `from_str_radix` would take a sign.
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u8::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<String, String> {
        let Url { scheme, user, host } = parse_url(text)?;
        let user = match user {
            None => String::new(),
            Some((user, None)) => format!("{user}@"),
            Some((user, Some(password))) => format!("{user}:{password}@"),
        };
        Ok(format!("{scheme}|{user}{host}"))
    }

    #[test]
    fn urls_are_split_as_go_splits_them() {
        let table: &[(&str, Result<&str, &str>)] = &[
            ("nats://h:1", Ok("nats|h:1")),
            ("NATS://h:1/path?x#y", Ok("nats|h:1")),
            ("nats://u:p@h:1", Ok("nats|u:p@h:1")),
            ("nats://u@h:1", Ok("nats|u@h:1")),
            ("nats://u:p%40x%2F@h:1", Ok("nats|u:p@x/@h:1")),
            ("nats://u:p:q@r@h:1", Ok("nats|u:p:q@r@h:1")),
            ("nats://[::1]:4222", Ok("nats|[::1]:4222")),
            ("nats://[fe80::1%25en0]:1", Ok("nats|[fe80::1%en0]:1")),
            ("nats://a:b:4222", Ok("nats|a:b:4222")),
            ("nats://h", Ok("nats|h")),
            ("nats://h:", Ok("nats|h:")),
            ("//h:1", Ok("|h:1")),
            ("///h:1", Ok("|")),
            ("", Ok("|")),
            ("localhost", Ok("|")),
            ("h:1", Ok("h|")),
            ("nats:h:1", Ok("nats|")),
            ("nats://a,b:1", Ok("nats|a,b:1")),
            ("1.2.3.4:1", Err("first path segment in URL cannot contain colon")),
            (":x", Err("missing protocol scheme")),
            ("a\u{1}b", Err("net/url: invalid control character in URL")),
            ("nats://h:x", Err("invalid port \":x\" after host")),
            ("nats://h:-1", Err("invalid port \":-1\" after host")),
            ("nats://[::1", Err("missing ']' in host")),
            ("nats://[a]b:1", Err("invalid port \"b:1\" after host")),
            ("nats://[x]:1", Err("invalid host: ParseAddr(\"x\"): unable to parse IP")),
            ("nats://a b:1", Err("invalid character \" \" in host name")),
            ("nats://a|b:1", Err("invalid character \"|\" in host name")),
            ("nats://u p:x@h:1", Err("net/url: invalid userinfo")),
            ("nats://h%zz:1", Err("invalid URL escape \"%zz\"")),
            ("nats://a%20b:1", Err("invalid URL escape \"%20\"")),
            ("nats://u:p%zz@h:1", Err("invalid URL escape \"%zz\"")),
            ("nats://h:1#%zz", Err("invalid URL escape \"%zz\"")),
            ("%zz", Err("invalid URL escape \"%zz\"")),
            ("nats://h:1/%+1", Err("invalid URL escape \"%+1\"")),
        ];
        for (text, expected) in table {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(check(text), expected, "{text}");
        }
    }
}
