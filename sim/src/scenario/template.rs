//! Subjects with a place to fill in: `orders.{i%10}`, `ledger.{client}`.

/// Fills in the number of the message, from 0, and the number of the client, from 1.
///
/// # Errors
/// Says which part is not understood.
pub(crate) fn expand(template: &str, i: u64, client: u64) -> Result<String, String> {
    let mut out = String::with_capacity(template.len() + 8);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let inside = &rest[open + 1..];
        let Some(close) = inside.find('}') else {
            return Err("a `{` without its `}`".to_owned());
        };
        let word = &inside[..close];
        let value = match word.split_once('%') {
            Some(("i", modulus)) => match modulus.parse::<u64>() {
                Ok(modulus) if modulus > 0 => i % modulus,
                _ => return Err(format!("`{{{word}}}`: the number after `%` is from 1")),
            },
            None if word == "i" => i,
            None if word == "client" => client,
            _ => {
                return Err(format!(
                    "`{{{word}}}` is not known; there are {{i}}, {{i%n}} and {{client}}"
                ));
            }
        };
        out.push_str(&value.to_string());
        rest = &inside[close + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// After how many messages the names repeat; `None` if they never do.
pub(crate) fn period(template: &str) -> Option<u64> {
    let mut period: u64 = 1;
    for word in template.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        let modulus = match word.split_once('%') {
            Some((_, modulus)) => modulus.parse().ok()?,
            None if word == "client" => 1,
            None => return None,
        };
        period = period.checked_mul(modulus)?;
    }
    Some(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_repeat_after_the_product_of_their_parts() {
        assert_eq!(period("a.{client}"), Some(1));
        assert_eq!(period("a.{i%4}.{i%6}"), Some(24));
        assert_eq!(period("a.{i}"), None);
    }

    #[test]
    fn places_are_filled_in() {
        assert_eq!(expand("a.{i}.{client}", 7, 3), Ok("a.7.3".to_owned()));
        assert_eq!(expand("{i%5}", 12, 1), Ok("2".to_owned()));
        assert_eq!(expand("a.*.>", 0, 0), Ok("a.*.>".to_owned()));
        for bad in ["{", "{j}", "{i%0}", "{i%x}", "{client%2}", "{}"] {
            assert!(expand(bad, 0, 0).is_err(), "{bad}");
        }
    }
}
