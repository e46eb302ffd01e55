//! Map sources: what is set can be read back, once is enough, all other entries and lines stay, no password is shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relayhost::model::postfix::lines;
use relayhost::model::postfix::postmap::{MapSource, parse_dump};

const KEYS: [&str; 3] = ["[relay]:587", "@h.local", "a"];

fuzz_target!(|bytes: &[u8]| {
    parse_dump(bytes);
    let before = MapSource::new(bytes.to_vec());
    for key in KEYS {
        let mut after = before.clone();
        after.set(key, "u:hunter2 Xy9#");
        assert_eq!(after.get(key).as_deref(), Some("u:hunter2 Xy9#"));
        assert_eq!(others(before.bytes(), key), others(after.bytes(), key));
        let mut entries = before.entries();
        std::sync::Arc::make_mut(&mut entries).insert(key.to_owned(), "u:hunter2 Xy9#".to_owned());
        assert_eq!(entries, after.entries());
        let once = after.clone();
        after.set(key, "u:hunter2 Xy9#");
        assert_eq!(once, after);
        if !bytes.windows(7).any(|window| window == b"hunter2") {
            let keys = KEYS.map(str::to_owned);
            assert!(!after.masked(&before, &keys).contains("hunter2"));
            assert!(!before.masked(&after, &keys).contains("hunter2"));
        }
    }
});

/// The file without the key's lines and without the line end that the last line may lack. White space is what
/// isspace(3) says it is.
fn others(bytes: &[u8], key: &str) -> Vec<u8> {
    let mut rest = bytes.to_vec();
    for line in lines::logical(bytes).iter().rev() {
        let text = line.text(bytes);
        let name = text.split(|c| matches!(c, ' ' | '\t'..='\r')).next().unwrap_or_default();
        if name.to_lowercase() == key {
            line.parts.iter().rev().for_each(|part| drop(rest.drain(part.clone())));
        }
    }
    if rest.ends_with(b"\n") {
        rest.pop();
    }
    rest
}
