#![no_main]

#[path = "../entries.rs"]
#[allow(dead_code, reason = "a target has one entry, and the file all of them")]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::saml_redirect(data));
