//! A client's stream through a whole node: it never panics, others go on, and any pieces give the
//! same answers.
#![no_main]

use causeway_fuzz::streams;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    streams::client_stream(input);
});
