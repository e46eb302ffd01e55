//! What systemd, SELinux, cron and a shell say of Postfix, as a terminal or a mail shows it.

use super::piece::Piece;
use crate::model::causes::catalogue::{Fix, Stage, Verdict};
use crate::model::causes::{Basis, Cause};

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
        return line(&format!(" kernel: avc:  denied  {{ {access} }} for  comm=\"{name}\" ({text})"));
    }
    if let Some(words) = of_unit(text) {
        return line(&format!(" systemd: {words}"));
    }
    missing(text).map(|cause| Piece::Cause(Box::new(cause), text.to_owned()))
}

/// The cause of a command that is not there, if a shell says so, or a program that called one.
pub fn missing(text: &str) -> Option<Cause> {
    no_sendmail(text).or_else(|| no_mail_command(text))
}

/// What systemd, or the program that asked it, says of Postfix's unit.
fn of_unit(text: &str) -> Option<String> {
    let text = text
        .split_once("systemd[")
        .and_then(|(_, rest)| rest.split_once("]: "))
        .map_or(text, |(_, rest)| rest);
    // Other programs repeat it in the middle of a line of their own.
    let text = text.find("Job for postfix.service failed").and_then(|at| text.get(at..)).unwrap_or(text);
    // `Failed to start postfix.service: Unit …`, also without the name of the unit in what follows (systemd 219)
    let rest = ["start", "restart", "reload", "enable", "stop"].iter().find_map(|verb| {
        text.strip_prefix("Failed to ")?.strip_prefix(verb)?.strip_prefix(" postfix.service: ")
    });
    let text = match rest {
        Some(rest) if rest.starts_with("Unit ") && !rest.contains("postfix.service") => {
            rest.replacen("Unit ", "Unit postfix.service ", 1)
        }
        _ if text == "postfix: unrecognized service" => "Unit postfix.service not found".into(),
        _ => rest.unwrap_or(text).to_owned(),
    };
    let heads = ["Job for postfix.service failed", "Unit postfix.service ", "postfix.service: "];
    heads.iter().any(|head| text.starts_with(head)).then(|| text.replace("could not be found", "not found"))
}

/// The cause of a job's output that sendmail did not take, if cron says so (its do_command.c: the status is that of sendmail,
/// and 0x004b is EX_TEMPFAIL of sysexits.h). The reason is in another line, sendmail's own.
pub fn not_mailed(text: &str) -> Option<Piece> {
    let (_, status) = text.split_once(" of output")?.1.split_once("but got status 0x00")?;
    let cause = Cause {
        id: "cron-not-mailed".into(),
        basis: Basis::Inferred,
        fix: Some(Fix::Repair),
        cause: "sendmail ended with an error and took nothing from cron: the output of that job is lost".into(),
        remedy: "`echo test | /usr/sbin/sendmail root` shows why: as a rule main.cf is missing or cannot be read, or the queue cannot be written to; `relayhost diagnose` on that host names it".into(),
        ..Cause::unknown(Stage::Queue, Verdict::Unreached)
    };
    let is_failure = status.starts_with(|c: char| c.is_ascii_hexdigit());
    is_failure.then(|| Piece::Cause(Box::new(cause), text.to_owned()))
}

/// The words with which Nagios repeats that a shell did not find a command (base/checks.c and base/notifications.c), after
/// that command.
const NOT_EXECUTED: &str = "resulted in a return code of 127";

/// The cause of a host without the command `mail`, if a shell, or a monitoring system that called one, says so.
fn no_mail_command(text: &str) -> Option<Cause> {
    let is_missing = ["mail", "mailx", "s-nail"].iter().any(|name| {
        let ends = ["command not found", "not found", "No such file or directory"]
            .map(|end| format!("{name}: {end}"));
        let before = ends.iter().find_map(|end| text.strip_suffix(end.as_str()));
        // `x/mail: No such file or directory` may be a folder of mail.
        let is_program = |before: &str| !text.ends_with('y') || before.ends_with("/bin/");
        before.is_some_and(|before| (before.is_empty() || before.ends_with([' ', '/'])) && is_program(before))
            || text.contains(&format!("/bin/{name} ")) && text.contains(NOT_EXECUTED)
    });
    is_missing.then(|| Cause {
        id: "no-mail-command".into(),
        fix: Some(Fix::Apply),
        cause: "the command `mail` is not there, by which people and scripts send a message".into(),
        remedy:
            "`relayhost apply` installs it; by hand: `yum install mailx`, from EL9 on `dnf install s-nail`"
                .into(),
        ..Cause::unknown(Stage::Queue, Verdict::Unreached)
    })
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
            ("Unit postfix.service could not be found.", " systemd: Unit postfix.service not found."),
            (
                "Failed to start postfix.service: Unit postfix.service is masked.",
                " systemd: Unit postfix.service is masked.",
            ),
        ] {
            assert_eq!(read(text), Some(Piece::Line(expected.into())), "{text}");
        }
    }

    #[test]
    fn words_of_systemd() {
        for (text, expected) in [
            ("Failed to restart postfix.service: Unit not found.", "Unit postfix.service not found."),
            ("postfix: unrecognized service", "Unit postfix.service not found"),
            (
                "systemd[1]: postfix.service: Failed with result 'exit-code'.",
                "postfix.service: Failed with result 'exit-code'.",
            ),
            ("Job for postfix.service failed. See 'x'", "Job for postfix.service failed. See 'x'"),
            (
                "fatal: [h]: FAILED! => {\"msg\": \"Job for postfix.service failed",
                "Job for postfix.service failed",
            ),
        ] {
            assert_eq!(of_unit(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["Failed to start sshd.service: Unit not found.", "Started postfix.service", "systemd["] {
            assert_eq!(of_unit(text), None, "{text}");
        }
    }

    #[test]
    fn a_host_without_the_mail_command() {
        for text in [
            "-bash: mail: command not found",
            "mailx: command not found",
            "sh: 1: /bin/mail: not found",
            "sh: line 1: /usr/bin/mail: No such file or directory",
            "Warning: Attempting to execute the command \"printf x | /bin/mail -s y a@b\" resulted in a return code of 127.",
        ] {
            assert!(no_mail_command(text).is_some(), "{text}");
        }
        for text in [
            "sendmail: command not found",
            "hotmail: not found",
            "x-mail: not found",
            "mail: fine",
            "open /var/spool/mail: No such file or directory",
            "the command \"/usr/lib/nagios/check_mail\" resulted in a return code of 127.",
        ] {
            assert!(no_mail_command(text).is_none(), "{text}");
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
