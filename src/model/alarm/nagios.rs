//! A passive result, as Nagios, Naemon and Icinga read it from their command file: one line, whose fields end at semicolons
//! (Nagios Core, "External Commands", PROCESS_SERVICE_CHECK_RESULT).

use super::Nagios;
use crate::model::incident::Severity;
use crate::model::incident::event::Event;
use crate::model::text;

/// Longest text of a result, in bytes. A line of at most PIPE_BUF bytes, 4096 on Linux, is written whole or not at all
/// (pipe(7)).
const LONGEST: usize = 3000;

/// The line for an event. Its state is that of everything which is open after the event: the end of one incident is no good
/// news while there is another one.
pub fn line(way: &Nagios, event: &Event, host: &str) -> String {
    let code = match event.worst {
        None => 0,
        Some(Severity::Warning) => 1,
        Some(Severity::Critical) => 2,
    };
    let Nagios { host: named, service, .. } = way;
    let text = harmless(&event.summary(host));
    let text = text::clipped(&text, LONGEST);
    format!("[{}] PROCESS_SERVICE_CHECK_RESULT;{named};{service};{code};{text}\n", event.time)
}

/// A text as the output of a plugin: on one line, without what ends a field or begins the performance data, and without the
/// backslash, by which Nagios writes line ends.
fn harmless(text: &str) -> String {
    let harmless = |c| match c {
        ';' => ',',
        '|' | '\\' => '/',
        other => other,
    };
    text::one_line(text).chars().map(harmless).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::event::tests::event;

    fn way() -> Nagios {
        Nagios { file: "/x".into(), host: "web1".into(), service: "mail".into() }
    }

    /// A relay's words end up in a file in which each line is a command.
    #[test]
    fn no_words_of_a_relay_make_a_command_or_a_field() {
        let said = "no\n[1] SHUTDOWN_PROGRAM\n;2;OK|x=1\\n[1] SHUTDOWN_PROGRAM\r\u{85}\u{2028}[1] X";
        let line = line(&way(), &event(said), "web1.example.com");
        assert!(line.starts_with("[1764444772] PROCESS_SERVICE_CHECK_RESULT;web1;mail;2;"), "{line}");
        assert_eq!(line.matches(['\n', '\r', '\u{85}', '\u{2028}']).count(), 1, "{line}");
        assert!(line.ends_with('\n'));
        assert_eq!((line.matches(';').count(), line.matches(['|', '\\']).count()), (4, 0), "{line}");
    }

    #[test]
    fn a_line_is_short_enough_to_be_written_whole() {
        assert!(line(&way(), &event(&"ü".repeat(10_000)), "h").len() < 4096);
    }

    #[test]
    fn the_state_is_that_of_all_that_is_open() {
        let code = |worst| {
            let line = line(&way(), &Event { worst, ..event("x") }, "h");
            line.split(';').nth(3).unwrap().to_owned()
        };
        assert_eq!([None, Some(Severity::Warning), Some(Severity::Critical)].map(code), ["0", "1", "2"]);
    }
}
