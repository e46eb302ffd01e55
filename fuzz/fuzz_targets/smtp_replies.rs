//! What an SMTP server sends: any bytes are taken, little is kept, and what is shown is harmless.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relayhost::model::probe::mechanism::{Choice, Filter, choose};
use relayhost::model::probe::reply::{Collector, LINE_LIMIT, Offer};

fuzz_target!(|bytes: &[u8]| {
    let mut collector = Collector::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(reply) = collector.line(line) else { continue };
        assert!(reply.code <= 999 && !reply.lines.is_empty() && reply.lines.len() <= 64);
        // A byte that is not UTF-8 becomes a character of three.
        assert!(reply.lines.iter().all(|line| line.len() <= 3 * LINE_LIMIT));
        for text in [reply.shown(), reply.logged(), reply.challenge().to_owned()] {
            assert!(!text.contains(char::is_control));
        }
        let offer = Offer::of(&reply);
        assert!(offer.keywords.len() < reply.lines.len().max(1));
        let Some(mechanisms) = &offer.auth else { continue };
        for filter in ["", "plain, login", "!gssapi, static:rest"] {
            let plugins = ["plain", "crammd5"].map(str::to_owned).into();
            match choose(mechanisms, &Filter::new(filter), "noanonymous", Some(&plugins)) {
                Choice::Take(name) => assert!(["PLAIN", "CRAM-MD5"].contains(&name.as_str())),
                Choice::NullList => assert!(mechanisms.is_empty()),
                Choice::Filtered | Choice::NoPlugin { .. } => {}
            }
        }
    }
});
