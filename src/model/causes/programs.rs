//! The cause by what Postfix's programs print as they fail, on standard error or as the last line of the log.

use super::{Cause, Circumstances, diagnose};
use crate::model::causes::words::Words;

/// The severities that Postfix's programs write before their words (msg(3)).
const SEVERITIES: [&str; 4] = ["fatal: ", "panic: ", "error: ", "warning: "];

/// The entry that takes any last word for that of a delivery program, which these are not.
const DIED: &str = "daemon-died";

/// The cause of a failure whose programs said this; `None` if the catalogue knows none.
pub fn cause_of(said: &str, circumstances: &Circumstances) -> Option<Cause> {
    let words = |line| {
        let at = SEVERITIES.iter().filter_map(|severity| str::find(line, severity)).min()?;
        line.get(at..).map(Words::of_daemon)
    };
    let lines: Vec<Words> = said.lines().filter_map(words).collect();
    diagnose(&lines, circumstances).filter(|cause| cause.id != DIED)
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
                "the mail log has last: \"Nov 29 16:07:03 h postfix[174]: fatal: /etc/mailname: cannot open file: No such file or directory\"",
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
        for said in ["", "User root(0) is not allowed to submit mail", "mail: fatal: it is raining"] {
            assert_eq!(cause_of(said, &Circumstances::default()), None, "{said}");
        }
    }
}
