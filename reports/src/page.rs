//! The page: a template with a place for data.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The viewer. It is built elsewhere and stands here as one file, so that this crate needs nothing
/// else to be built.
const TEMPLATE: &str = include_str!("../assets/report.template.html");

/// Where the data go.
const DATA: &str = "<!--causeway:data-->";
/// Where the title goes.
const TITLE: &str = "<!--causeway:title-->";

/// A piece of data in a page.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Its name, by which the viewer finds it: `batch`, `run-17`. Letters, digits and `-` only.
    pub name: &'a str,
    /// Packed data.
    pub packed: &'a [u8],
}

/// The page with these data in it, the most important first.
#[must_use]
pub fn page(title: &str, blocks: &[Block<'_>]) -> String {
    let mut data = String::new();
    for block in blocks {
        data.push_str(
            "<script type=\"application/octet-stream\" class=\"causeway-data\" id=\"data-",
        );
        let plain = |c: &char| c.is_ascii_alphanumeric() || *c == '-';
        data.extend(block.name.chars().filter(plain));
        data.push_str("\">");
        STANDARD.encode_string(block.packed, &mut data);
        data.push_str("</script>\n");
    }
    TEMPLATE.replacen(TITLE, &escaped(title), 1).replacen(DATA, &data, 1)
}

/// A text that means nothing but itself in HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_has_each_mark_once() {
        for mark in [DATA, TITLE] {
            assert_eq!(TEMPLATE.matches(mark).count(), 1, "{mark}");
        }
    }

    #[test]
    fn data_and_title_are_in_the_page_and_harmless() {
        let block = Block { name: "run-<7>", packed: &[1, 2, 3] };
        let page = page("a </title><script>", &[block]);
        assert!(page.contains("id=\"data-run-7\">AQID</script>"), "{page}");
        assert!(page.contains("a &lt;/title&gt;&lt;script&gt;"));
        assert!(!page.contains(DATA) && !page.contains(TITLE));
    }
}
