//! How nats-server prints sizes for people.

const UNITS: [&str; 6] = ["K", "M", "G", "T", "P", "E"];

/// `512 B`, `1.00 KB`, `17.66 GB`: units of 1024, two digits after the point.
#[must_use]
pub fn friendly_bytes(bytes: u64) -> String {
    let Some(exponent) = bytes.checked_ilog(1024).filter(|exponent| *exponent > 0) else {
        return format!("{bytes} B");
    };
    // u64::MAX is less than 1024^7.
    let unit = UNITS.get(exponent as usize - 1).copied().unwrap_or_default();
    format!("{:.2} {unit}B", in_units(bytes, exponent))
}

#[expect(clippy::cast_precision_loss, reason = "two digits after the point for people")]
fn in_units(bytes: u64, exponent: u32) -> f64 {
    bytes as f64 / (1_u64 << (10 * exponent)) as f64
}

#[cfg(test)]
mod tests {
    use super::friendly_bytes;

    #[test]
    fn sizes_are_for_people() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KB"),
            (1536, "1.50 KB"),
            (1 << 30, "1.00 GB"),
            (18_962_408_243, "17.66 GB"),
            (u64::MAX, "16.00 EB"),
        ] {
            assert_eq!(friendly_bytes(bytes), text);
        }
    }
}
