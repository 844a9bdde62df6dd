//! A peer server's stream, in all dialects: any pieces give the same frames and the same error, and
//! every frame can be written and read again.
#![no_main]

use causeway_fuzz::checks;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    checks::route_stream(input);
});
