//! INFO and CONNECT documents: what can be read can be written, carried on a line, and read again.
//! Header blocks ride along.
#![no_main]

use causeway_fuzz::checks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    checks::documents(input);
    checks::header_block(input);
});
