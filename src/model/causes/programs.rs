//! The cause by what Postfix's programs print as they fail. Lines of a log are not read here: any user can write one, and
//! the remedy is root's next command.

use super::{Cause, Circumstances, diagnose};
use crate::model::causes::words::Words;

/// The severities that Postfix's programs write between their name and their words (msg(3)).
const SEVERITIES: [&str; 4] = ["fatal: ", "panic: ", "error: ", "warning: "];

/// The entry that takes any last word for that of a delivery program, which these are not.
const DIED: &str = "daemon-died";

/// The cause of a failure whose programs printed this; `None` if the catalogue knows none.
pub fn cause_of(printed: &str, circumstances: &Circumstances) -> Option<Cause> {
    let lines: Vec<Words> = printed.lines().filter_map(words).map(Words::of_daemon).collect();
    diagnose(&lines, circumstances).filter(|cause| cause.id != DIED)
}

/// The words of a line that begins with the name of one of Postfix's programs.
fn words(line: &str) -> Option<&str> {
    let (name, words) = line.trim_start().split_once(": ")?;
    let program = name.rsplit('/').next().unwrap_or_default();
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c));
    let is_program =
        ["post", "sendmail", "mailq", "newaliases"].iter().any(|start| program.starts_with(start));
    (is_name && is_program && SEVERITIES.iter().any(|severity| words.starts_with(severity))).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_program_name_the_cause_and_other_output_none() {
        for (said, id) in [
            (
                "postdrop: warning: uid=0: File too large\ns-nail: ... message not sent",
                "message-over-local-limit",
            ),
            (
                "/root/dead.letter 11/429\nsendmail: fatal: User root(0) is not allowed to submit mail",
                "submit-not-allowed",
            ),
            (
                "    postqueue: fatal: /etc/mailname: cannot open file: No such file or directory",
                "origin-file-missing",
            ),
            (
                "postfix/postlog: fatal: missing 'postlog' service in master.cf - run 'postfix upgrade-configuration'",
                "postlog-missing",
            ),
        ] {
            let cause = cause_of(said, &Circumstances::default());
            assert_eq!(cause.map(|cause| cause.id).as_deref(), Some(id), "{said}");
        }
        for said in [
            "",
            "User root(0) is not allowed to submit mail",
            "postqueue: fatal: it is raining",
            "the mail log has last: \"Nov 29 h postfix[174]: fatal: /etc/mailname: cannot open file: No such file or directory\"",
            "x: fatal: /etc/mailname: cannot open file: No such file or directory",
            "warning: sendmail: fatal: User root(0) is not allowed to submit mail",
        ] {
            assert_eq!(cause_of(said, &Circumstances::default()), None, "{said}");
        }
    }
}
