//! Answers: never a panic, and no error quotes the value of `password`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relayhost::error::Error;
use relayhost::model::answers::Answers;
use relayhost::model::answers::complete::complete;
use relayhost::model::secret::Secret;

const MARKER: &str = "hunter2-Xy9";

fn shown(error: &Error) -> String {
    format!("{error} {error:?} {}", error.hint("relayhost check"))
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(answers) = Answers::parse("a", bytes) {
        assert!(!format!("{:?}", answers.secret_source()).contains(MARKER) || typed_elsewhere(bytes));
        let _ = complete(&answers, None);
        let _ = complete(&answers, Some(Secret::new("correct horse")));
        let typed = answers.tables.auth.password.as_ref().map(|value| value.get_ref().clone());
        if let Err(error) = complete(&answers, typed) {
            assert!(typed_elsewhere(bytes) || !shown(&error).contains(MARKER), "{}", shown(&error));
        }
    }
    // Whatever stands before and after: the password of this line is in no message.
    for line in [
        "password = \"hunter2-Xy9\"\n",
        "[auth]\npassword = 'hunter2-Xy9\n",
        "[auth]\npassword = hunter2-Xy9\n",
    ] {
        let Some(first) = bytes.first() else { return };
        let cut = (usize::from(*first) * bytes.len() / 256).min(bytes.len());
        let start = bytes[..cut].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = [&bytes[..start], line.as_bytes(), &bytes[start..]].concat();
        if typed_elsewhere(bytes) || in_multi_line(&bytes[..start]) {
            continue;
        }
        if let Err(error) = Answers::parse("a", &text) {
            assert!(!shown(&error).contains(MARKER), "{}", shown(&error));
        }
    }
});

/// The marker where the fuzzer put it may be a host or a key: no password.
fn typed_elsewhere(bytes: &[u8]) -> bool {
    bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
}

/// What is in a string of several lines is no password line.
fn in_multi_line(before: &[u8]) -> bool {
    before.windows(3).any(|window| window == b"\"\"\"" || window == b"'''")
}
