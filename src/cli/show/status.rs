//! The screen of `status`, and the commands to begin with.

use super::screen::Screen;
use crate::model::ended::Status;

/// The commands that a newcomer needs, in the order in which they are used.
const FIRST: [(&str, &str); 5] = [
    ("relayhost init", "writes the answers with you, and tries the relay"),
    ("relayhost check", "shows what differs from the answers, and whether mail leaves"),
    ("relayhost apply", "installs, configures, sends a test message and follows it"),
    ("relayhost diagnose", "names the cause of each failure in the mail log, and the remedy"),
    ("relayhost --help", "lists all commands"),
];

/// Shows where the host stands.
pub fn status(screen: &Screen, status: &Status) {
    let mut lines = status.lines();
    lines.push(("next", status.next().unwrap_or_else(|| "nothing to do".into())));
    // One column for all texts, however long a name is.
    let width = lines.iter().map(|(name, _)| name.len()).fold(8, usize::max);
    for (name, text) in lines {
        screen.line(&format!("  {name:<width$} "), &text);
    }
}

/// Shows the commands to begin with.
pub fn first_commands(screen: &Screen) {
    screen.write("\n");
    for (command, what) in FIRST {
        screen.line(&format!("  {command:<20}"), what);
    }
}
