//! main.cf: what is set can be read back, once is enough, and every line that is not the parameter's stays.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relayhost::model::postfix::lines;
use relayhost::model::postfix::maincf::MainCf;

const NAMES: [&str; 3] = ["relayhost", "smtp_tls_security_level", "a"];

fuzz_target!(|bytes: &[u8]| {
    for name in NAMES {
        let before = MainCf::new(bytes.to_vec());
        let mut after = before.clone();
        after.set(name, "[relay]:587");
        assert_eq!(after.get(name).as_deref(), Some("[relay]:587"));
        assert_eq!(others(before.bytes(), name), others(after.bytes(), name));
        for other in NAMES.iter().filter(|other| **other != name) {
            assert_eq!(before.get(other), after.get(other));
        }
        let once = after.clone();
        after.set(name, "[relay]:587");
        assert_eq!(once, after);
    }
});

/// The file without the parameter's lines and without the line end that the last line may lack. White space is what
/// isspace(3) says it is.
fn others(bytes: &[u8], name: &str) -> Vec<u8> {
    let mut rest = bytes.to_vec();
    for line in lines::logical(bytes).iter().rev() {
        let text = line.text(bytes);
        if text
            .split_once('=')
            .is_some_and(|(left, _)| left.trim_end_matches(|c| matches!(c, ' ' | '\t'..='\r')) == name)
        {
            line.parts.iter().rev().for_each(|part| drop(rest.drain(part.clone())));
        }
    }
    if rest.ends_with(b"\n") {
        rest.pop();
    }
    rest
}
