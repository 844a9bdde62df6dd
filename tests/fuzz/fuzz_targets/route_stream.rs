//! A peer server's stream through a whole node, accepted or dialled: it never panics, clients go on,
//! nothing goes on to other routes, and any pieces give the same answers.
#![no_main]

use causeway_fuzz::streams;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    streams::route_stream(input);
});
