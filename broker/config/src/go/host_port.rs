//! Go's `net.SplitHostPort` and `strconv.Atoi`.

/// Splits `host:port`, `[host]:port` or `:port`.
///
/// # Errors
///
/// Go's reason, without the address in front.
pub(crate) fn split_host_port(text: &str) -> Result<(&str, &str), &'static str> {
    const MISSING_PORT: &str = "missing port in address";
    const TOO_MANY_COLONS: &str = "too many colons in address";
    let Some(colon) = text.rfind(':') else {
        return Err(MISSING_PORT);
    };
    let (host, after_host) = if let Some(inner) = text.strip_prefix('[') {
        let Some(close) = inner.find(']') else {
            return Err("missing ']' in address");
        };
        let end = close + 2;
        if end == text.len() {
            return Err(MISSING_PORT);
        }
        if end != colon {
            let next_is_colon = text.as_bytes().get(end) == Some(&b':');
            return Err(if next_is_colon { TOO_MANY_COLONS } else { MISSING_PORT });
        }
        (&inner[..close], &inner[close + 1..])
    } else {
        let host = &text[..colon];
        if host.contains(':') {
            return Err(TOO_MANY_COLONS);
        }
        (host, &text[colon..])
    };
    if host.contains('[') {
        return Err("unexpected '[' in address");
    }
    if host.contains(']') || after_host.contains(']') {
        return Err("unexpected ']' in address");
    }
    if after_host.contains('[') {
        return Err("unexpected '[' in address");
    }
    Ok((host, &text[colon + 1..]))
}

/// A decimal number with an optional sign; `None` if it is none, or out of range.
pub(crate) fn atoi(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_as_go_splits_them() {
        type Split = Result<(&'static str, &'static str), &'static str>;
        let table: &[(&str, Split)] = &[
            ("localhost:4222", Ok(("localhost", "4222"))),
            (":4222", Ok(("", "4222"))),
            ("host:", Ok(("host", ""))),
            ("[::1]:4222", Ok(("::1", "4222"))),
            ("127.0.0.1:-1", Ok(("127.0.0.1", "-1"))),
            ("localhost", Err("missing port in address")),
            ("", Err("missing port in address")),
            ("[::1]", Err("missing port in address")),
            ("[::1]4222", Err("missing port in address")),
            ("[::1]x:1", Err("missing port in address")),
            ("[::1]::1", Err("too many colons in address")),
            ("::1:4222", Err("too many colons in address")),
            ("[::1:4222", Err("missing ']' in address")),
            ("a[b:1", Err("unexpected '[' in address")),
            ("a]b:1", Err("unexpected ']' in address")),
            ("[a[b]:1", Err("unexpected '[' in address")),
            ("[a]:1]", Err("unexpected ']' in address")),
            ("a:[1", Err("unexpected '[' in address")),
        ];
        for (text, expected) in table {
            assert_eq!(split_host_port(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn numbers_have_a_sign_and_digits_only() {
        for (text, expected) in [
            ("4222", Some(4222)),
            ("-1", Some(-1)),
            ("+5", Some(5)),
            ("", None),
            ("+", None),
            ("1_0", None),
            (" 1", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(atoi(text), expected, "{text:?}");
        }
    }
}
