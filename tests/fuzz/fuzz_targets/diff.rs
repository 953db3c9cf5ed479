//! Two notebooks of any bytes, 0xff between them.
#![no_main]
#[allow(dead_code, reason = "each target uses its own")]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [a, b] = bodies::parts(data);
    bodies::diff(a, b);
});
