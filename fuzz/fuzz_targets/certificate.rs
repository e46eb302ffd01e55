//! A relay's certificate: any bytes are taken, and what is shown of it is harmless.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relayhost::model::probe::certificate::Certificate;

fuzz_target!(|bytes: &[u8]| {
    let Some(certificate) = Certificate::parse(bytes) else { return };
    let patterns = ["nexthop", "dot-nexthop", "hostname", "*.example.com", ""].map(str::to_owned);
    let _ = certificate.is_for(&patterns, "smtp.example.com", "example.com");
    assert!(!certificate.names.is_empty());
    for text in [&certificate.subject, &certificate.issuer, &certificate.shown_names("smtp.example.com")] {
        assert!(!text.contains(char::is_control));
    }
});
