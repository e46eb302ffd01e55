//! The headers of a package file and its list: whatever the bytes are, reading ends in a value or in words. The digest of
//! the header is made to fit, so that what lies behind that check is reached too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relayhost::model::packages::candidate;
use relayhost::model::packages::checksig;
use relayhost::model::packages::sums::Sums;
use relayhost::model::packages::supply::Installed;
use sha2::{Digest, Sha256};

fuzz_target!(|bytes: &[u8]| {
    let _ = Sums::parse(bytes);
    let text = String::from_utf8_lossy(bytes);
    let _ = checksig::parse(&text, "/a");
    let _ = Installed::parse(&text);
    for bytes in [bytes.to_vec(), package(bytes)] {
        if let Ok(headers) = candidate::read("x.rpm", &bytes) {
            let nevra = headers.candidate.nevra();
            assert!(nevra.chars().all(|c| c.is_ascii_graphic()) && !nevra.contains('/'), "{nevra:?}");
        }
    }
});

/// A package of which `main` is the main header: a lead, and a signature header with its SHA-256 (tag 273).
fn package(main: &[u8]) -> Vec<u8> {
    let mut bytes = b"\xed\xab\xee\xdb\x03\0".to_vec();
    bytes.resize(96, 0);
    bytes.extend(b"\x8e\xad\xe8\x01\0\0\0\0\0\0\0\x01\0\0\0\x41\0\0\x01\x11\0\0\0\x06\0\0\0\0\0\0\0\x01");
    bytes.extend(Sha256::digest(main).iter().flat_map(|byte| format!("{byte:02x}").into_bytes()));
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(main);
    bytes
}
