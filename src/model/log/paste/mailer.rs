//! Lines of other programs that send mail: which program wrote the line, whether it reports a failure, and the words of the
//! relay in it. relayhost sets up Postfix alone, so the remedy is to have Postfix send.

use super::network::of_tls;
use super::piece::{Piece, is_known, of_program};
use super::reply::{is_reply, said};
use crate::model::causes::Cause;
use crate::model::causes::catalogue::{Fix, Stage, Verdict};

/// A program that sends mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mailer {
    /// sendmail(8), from sendmail.org.
    Sendmail,
    /// Exim.
    Exim,
    /// sSMTP.
    Ssmtp,
    /// msmtp.
    Msmtp,
    /// nullmailer.
    Nullmailer,
    /// DragonFly Mail Agent.
    Dma,
}

/// What a line of another program says.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The program.
    pub mailer: Mailer,
    /// The reason, if something failed.
    pub failed: Option<String>,
}

impl Mailer {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sendmail => "sendmail (the program of that name, not Postfix's)",
            Self::Exim => "Exim",
            Self::Ssmtp => "sSMTP",
            Self::Msmtp => "msmtp",
            Self::Nullmailer => "nullmailer",
            Self::Dma => "dma",
        }
    }

    /// The cause of what fails in its log with these words.
    pub fn cause(self, words: &str) -> Cause {
        let name = self.name();
        let meaning =
            meaning(words).map_or_else(String::new, |meaning| format!("; its line says that {meaning}"));
        Cause {
            id: "other-mailer".into(),
            fix: Some(Fix::Apply),
            cause: format!("{name} sends the mail here, so nothing that is set in Postfix has an effect on it{meaning}"),
            remedy: "to have Postfix send: `relayhost apply`, then `alternatives --set mta /usr/sbin/sendmail.postfix`; \
                     or mend it in that program's own configuration"
                .into(),
            ..Cause::unknown(Stage::Queue, Verdict::Unreached)
        }
    }

    /// The program that a header's name is of.
    fn of(tag: &str) -> Option<Self> {
        Some(match tag {
            "sendmail" | "sm-mta" | "sm-msp-queue" | "sm-client" | "sm-acceptingconnections" => {
                Self::Sendmail
            }
            "exim" | "exim4" => Self::Exim,
            "sSMTP" | "ssmtp" => Self::Ssmtp,
            "msmtp" => Self::Msmtp,
            "nullmailer" | "nullmailer-send" | "nullmailer-smtp" => Self::Nullmailer,
            "dma" => Self::Dma,
            _ => return None,
        })
    }
}

/// Whether a header's name is that of another program that sends mail.
pub fn is_name(tag: &str) -> bool {
    Mailer::of(tag).is_some()
}

/// What a line of another program tells; `None` if no such program wrote it.
pub fn told(line: &str) -> Option<Told> {
    syslog(line).or_else(|| printed(line)).or_else(|| exim(line)).or_else(|| msmtp(line))
}

/// A line with a header of syslog, or none but the program's.
fn syslog(line: &str) -> Option<Told> {
    let (head, text) = line.split_once(": ")?;
    let tag = head.rsplit([' ', '/']).next()?;
    let mailer = Mailer::of(tag.split('[').next()?)?;
    // A sentence is no header; Postfix has a sendmail(1) too, and its name is there without a directory.
    let is_header = tag.ends_with(']') || (head == tag && mailer != Mailer::Sendmail);
    if !is_header || head.contains("postfix/") {
        return None;
    }
    let failed = match mailer {
        Mailer::Sendmail => {
            let (_, stat) = text.split_once("stat=")?;
            let good = ["Sent", "queued", "Message accepted"].iter().any(|head| stat.starts_with(head));
            (!good).then(|| stat.strip_prefix("Deferred: ").unwrap_or(stat))
        }
        Mailer::Exim => return exim(text).or(Some(Told { mailer, failed: None })),
        _ => is_failure(text).then_some(text),
    };
    Some(Told { mailer, failed: failed.map(str::to_owned) })
}

/// What a program printed on a terminal.
fn printed(line: &str) -> Option<Told> {
    let (name, text) = line.split_once(": ")?;
    // sSMTP under the names of the programs that it takes the place of (its ssmtp.c)
    let is_ssmtp = ["sendmail", "send-mail", "mail"].contains(&name) && is_no_connection(text);
    let mailer = if is_ssmtp { Some(Mailer::Ssmtp) } else { Mailer::of(name) };
    let mailer = mailer.filter(|mailer| *mailer != Mailer::Sendmail)?;
    Some(Told { mailer, failed: is_failure(text).then(|| text.to_owned()) })
}

/// `Cannot open HOST:PORT`, as sSMTP says it.
fn is_no_connection(text: &str) -> bool {
    let port =
        text.strip_prefix("Cannot open ").and_then(|place| place.rsplit_once(':')).map(|(_, port)| port);
    port.is_some_and(|port| port.parse::<u16>().is_ok())
}

fn is_failure(text: &str) -> bool {
    [
        "ailed",
        "annot ",
        "nable to",
        "rror",
        "refused",
        "timed out",
        "deferred",
        "not found",
        "server message: ",
        "Invalid",
    ]
    .iter()
    .any(|word| text.contains(word))
}

/// A line of Exim's main log: `TIME ID == ADDRESS …` for what waits, `**` for what was given up (log_writing chapter of its
/// specification).
fn exim(line: &str) -> Option<Told> {
    let mut words = line.split(' ').skip_while(|word| !is_exim_id(word));
    words.next()?;
    let mark = words.next()?;
    let rest = words.collect::<Vec<_>>().join(" ");
    let failed = match mark {
        "==" | "**" => Some(rest.split_once(": ").map_or(rest.clone(), |(_, reason)| reason.to_owned())),
        "=>" | "->" | "<=" | "Completed" | ">>" | "*>" => None,
        _ if rest.starts_with("refused: ") || mark.starts_with("H=") => Some(format!("{mark} {rest}")),
        _ => return None,
    };
    Some(Told { mailer: Mailer::Exim, failed })
}

/// `1tpXYZ-000abc-De`, and since 4.97 `1tpXYZ-00000000abc-0DEF`.
fn is_exim_id(word: &str) -> bool {
    let parts: Vec<&str> = word.split('-').collect();
    let lengths = parts.iter().map(|part| part.len()).collect::<Vec<_>>();
    (lengths == [6, 6, 2] || lengths == [6, 11, 4])
        && parts.iter().all(|part| part.bytes().all(|c| c.is_ascii_alphanumeric()))
}

/// A line of msmtp's log file: `host=… tls=… smtpstatus=535 smtpmsg='…' errormsg='…' exitcode=EX_NOPERM`.
fn msmtp(line: &str) -> Option<Told> {
    let (_, rest) = line.split_once("host=").filter(|_| line.contains(" exitcode=EX_"))?;
    let of = |name: &str| rest.split_once(name).and_then(|(_, rest)| rest.split('\'').next());
    let failed = (!rest.contains("exitcode=EX_OK"))
        .then(|| of("smtpmsg='").or_else(|| of("errormsg='")).unwrap_or("it gives no reason").to_owned());
    Some(Told { mailer: Mailer::Msmtp, failed })
}

/// The attempt whose reason these words are, if the catalogue knows them: a relay's reply counts as the relay's words.
pub fn known(words: &str) -> Option<Piece> {
    let starts = words.char_indices().map(|(at, _)| at).filter(|at| {
        let before = words.get(..*at).and_then(|head| head.chars().next_back());
        before.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '.')
    });
    let reply = starts.filter_map(|at| words.get(at..)).take(400).find(|rest| is_reply(rest));
    let reply = reply.map(|reply| said("relay", reply.trim_end_matches(['\'', ')'])));
    let known = reply.as_deref().unwrap_or(words);
    is_known(known).then(|| of_program(known)).or_else(|| of_tls(words))
}

/// What words mean that these programs have for a failure, where that is certain.
fn meaning(words: &str) -> Option<&'static str> {
    const MEANINGS: [(&[&str], &str); 6] = [
        (
            &["uthentication failed", "Authorization failed", "authentication method"],
            "the relay refused the user name or the password, or the way in which they were given",
        ),
        (
            &[
                "Connection refused",
                "Connection timed out",
                "Cannot open",
                "annot connect to",
                "Unable to connect",
            ],
            "no connection to the relay was made",
        ),
        (
            &[
                "Host unknown",
                "Name server",
                "Unable to locate",
                "cannot locate host",
                "host lookup did not complete",
            ],
            "the name of the relay was not found",
        ),
        (
            &["User unknown", "Unrouteable address", "Unrouteable mail domain"],
            "the recipient's address is not known",
        ),
        (
            &["certificate verification failed", "ertificate not trusted"],
            "the relay's certificate was not trusted",
        ),
        (
            &["retry time not reached", "retry timeout exceeded"],
            "it had failed before, and the reason is in an earlier line",
        ),
    ];
    MEANINGS
        .iter()
        .find(|(texts, _)| texts.iter().any(|text| words.contains(text)))
        .map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_and_what_failed() {
        for (line, mailer, failed) in [
            (
                "Nov 24 08:00:00 h sendmail[9]: 5AO800: to=<a@b>, delay=1, relay=r [192.0.2.1], dsn=4.0.0, stat=Deferred: Connection refused by r",
                Mailer::Sendmail,
                Some("Connection refused by r"),
            ),
            (
                "Nov 24 08:00:00 h sm-mta[9]: 5AO800: to=<a@b>, dsn=2.0.0, stat=Sent (ok)",
                Mailer::Sendmail,
                None,
            ),
            (
                "2026-11-24 08:00:00 1tpXYZ-000abc-De == a@b R=smarthost T=remote_smtp defer (-53): retry time not reached",
                Mailer::Exim,
                Some("retry time not reached"),
            ),
            ("2026-11-24 08:00:00 1tpXYZ-000abc-De => a@b R=smarthost T=remote_smtp H=r", Mailer::Exim, None),
            ("Nov 24 08:00:00 h sSMTP[9]: Cannot open r:25", Mailer::Ssmtp, Some("Cannot open r:25")),
            (
                "Nov 24 08:00:00 host=r tls=on auth=on user=u from=a recipients=b smtpstatus=535 smtpmsg='535 5.7.8 no' errormsg='x' exitcode=EX_NOPERM",
                Mailer::Msmtp,
                Some("535 5.7.8 no"),
            ),
            (
                "msmtp: authentication failed (method PLAIN)",
                Mailer::Msmtp,
                Some("authentication failed (method PLAIN)"),
            ),
            (
                "Nov 24 08:00:00 h nullmailer[9]: smtp: Failed: 535 5.7.8 no",
                Mailer::Nullmailer,
                Some("smtp: Failed: 535 5.7.8 no"),
            ),
        ] {
            assert_eq!(told(line), Some(Told { mailer, failed: failed.map(str::to_owned) }), "{line}");
        }
        for line in [
            "",
            "Nov 24 08:00:00 h postfix/sendmail[9]: fatal: x",
            "sendmail: fatal: x",
            "exim is a mailer: yes",
            "Nov 24 08:00:00 h CROND[9]: (root) CMD (msmtp: x)",
            "host=x",
            "a-b-c == d: e",
        ] {
            assert_eq!(told(line), None, "{line}");
        }
    }
}
