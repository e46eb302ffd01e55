//! What systemd, SELinux, cron and a shell say of Postfix, as a terminal or a mail shows it.

use super::piece::Piece;
use crate::model::causes::Cause;
use crate::model::causes::catalogue::{Fix, Stage, Verdict};

/// Words of systemd, of SELinux, of cron and of a shell.
pub fn read(text: &str) -> Option<Piece> {
    let line = |text: &str| Some(Piece::Line(text.to_owned()));
    if let Some((_, rest)) = text.split_once("type=AVC msg=audit(")
        && let Some((time, rest)) = rest.split_once("): avc:")
    {
        let seconds = time.split(['.', ':']).next().unwrap_or_default();
        return line(&format!("{seconds}.0 kernel: audit({time}): avc:{rest}"));
    }
    if let Some((_, rest)) = text.split_once("SELinux is preventing ") {
        let (program, rest) = rest.split_once(" from ")?;
        let access = rest.split(" access").next()?.split_ascii_whitespace().next_back()?;
        let name = program.rsplit('/').next()?;
        return line(&format!("x kernel: avc:  denied  {{ {access} }} for  comm=\"{name}\" ({text})"));
    }
    let unit =
        ["Job for postfix.service failed", "Failed to start postfix.service: ", "Unit postfix.service "];
    if unit.iter().any(|head| text.starts_with(head)) {
        let text = text.replace("could not be found", "not found");
        return line(&format!(
            "x systemd: {}",
            text.strip_prefix("Failed to start postfix.service: ").unwrap_or(&text)
        ));
    }
    no_sendmail(text).map(|cause| Piece::Cause(Box::new(cause), text.to_owned()))
}

/// The cause of a host on which nothing is there that takes mail, if a shell, cron or a mail program says so.
fn no_sendmail(text: &str) -> Option<Cause> {
    const MISSING: [&str; 4] =
        ["No such file or directory", "command not found", ": not found", "cannot execute"];
    let is_program = ["sendmail: ", "sendmail\": ", "sendmail': "].iter().any(|name| {
        text.find(name)
            .is_some_and(|at| MISSING.iter().any(|end| text.get(at..).is_some_and(|rest| rest.contains(end))))
    });
    let is_cron = text.contains("No MTA installed, discarding output");
    // postdrop(1) and sendmail(1) of Postfix miss files of their own.
    (is_cron || is_program && !text.contains("fatal: ") && !text.contains("warning: ")).then(|| Cause {
        id: "no-sendmail".into(),
        fix: Some(Fix::Apply),
        cause: "there is no /usr/sbin/sendmail on that host: what programs and cron want to mail is thrown away".into(),
        remedy: "`relayhost apply` installs Postfix, which brings it; if Postfix is there: `alternatives --auto mta`".into(),
        ..Cause::unknown(Stage::Queue, Verdict::Unreached)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_system() {
        for (text, expected) in [
            (
                "type=AVC msg=audit(1795507200.123:45): avc:  denied  { name_connect } for  pid=1 comm=\"smtp\"",
                "1795507200.0 kernel: audit(1795507200.123:45): avc:  denied  { name_connect } for  pid=1 comm=\"smtp\"",
            ),
            ("Unit postfix.service could not be found.", "x systemd: Unit postfix.service not found."),
            (
                "Failed to start postfix.service: Unit postfix.service is masked.",
                "x systemd: Unit postfix.service is masked.",
            ),
        ] {
            assert_eq!(read(text), Some(Piece::Line(expected.into())), "{text}");
        }
    }

    #[test]
    fn a_host_without_sendmail() {
        for text in [
            "(CRON) info (No MTA installed, discarding output)",
            "/bin/sh: 1: /usr/sbin/sendmail: not found",
            "bash: sendmail: command not found",
            "mail: /usr/sbin/sendmail: No such file or directory",
        ] {
            assert!(no_sendmail(text).is_some(), "{text}");
        }
        for text in ["sendmail: fatal: open /etc/postfix/main.cf: No such file or directory", "sendmail: ok"]
        {
            assert!(no_sendmail(text).is_none(), "{text}");
        }
    }
}
