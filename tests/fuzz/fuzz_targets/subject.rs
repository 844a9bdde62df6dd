//! Three subjects, separated by line feeds: matching, subset and collision agree with each other and
//! with matching by the book.
#![no_main]

use causeway_fuzz::checks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut parts = input.splitn(3, |&b| b == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    checks::subjects(next(), next(), next());
});
