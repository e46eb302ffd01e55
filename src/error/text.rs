//! Parts of the sentences that error messages are made of.

use std::time::Duration;

/// Texts, each on a line of its own, with a line end before each.
pub fn lines(texts: &[impl ToString]) -> String {
    texts.iter().fold(String::new(), |all, text| all + "\n" + &text.to_string())
}

/// Numbers with commas between them; `none` if there are none.
pub fn list(numbers: &[u32]) -> String {
    if numbers.is_empty() {
        "none".into()
    } else {
        numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// The last lines of a program's output, set off from the sentence before them; empty if there are none.
pub fn tail(text: &str) -> String {
    if text.trim().is_empty() {
        String::new()
    } else {
        format!(":\n    {}", text.trim().replace('\n', "\n    "))
    }
}

/// A duration as people write it: `90s`, `1m 30s`, whole seconds from one second up.
pub fn human(duration: Duration) -> String {
    let rounded =
        if duration >= Duration::from_secs(1) { Duration::from_secs(duration.as_secs()) } else { duration };
    humantime::format_duration(rounded).to_string()
}
