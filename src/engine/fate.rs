//! What became of a test message that the relay did not accept, in words, where the catalogue has no cause for it.

use crate::error::{Exit, typed};
use crate::model::delivery::Outcome;
use crate::model::log::Attempt;
use crate::model::observed::Postfix;
use crate::model::parameters::is_local;

/// It never left.
pub fn stayed_here(attempt: &Attempt, postfix: &Postfix, evidence: &[&str]) -> Outcome {
    let domain = attempt.to.rsplit('@').next().unwrap_or_default();
    let own = [postfix.setting("myhostname"), "localhost"];
    if own.iter().any(|name| name.eq_ignore_ascii_case(domain)) {
        return Outcome::unheard(
            "delivered-locally",
            format!("the message was for {domain}, which is this host, so it never left"),
            "set verify.to to a mailbox elsewhere, or use `relayhost verify --to ADDRESS`",
            evidence,
        );
    }
    if is_local(&attempt.to, postfix) {
        return Outcome::unheard(
            "delivered-locally",
            format!(
                "the message was taken for this host's own and never left it: mydestination contains {domain}"
            ),
            "take that domain out of mydestination in main.cf, `postfix reload`, and run `relayhost verify`",
            evidence,
        );
    }
    Outcome::unheard(
        "stayed-on-this-host",
        format!("the message did not leave this host: {} took it", attempt.agent),
        "look for an alias, a virtual or transport table that catches the recipient (`postconf -n`)",
        evidence,
    )
}

/// It went to, or was refused by, another host than the relay.
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

/// Log and queue disagree: nothing is proved.
pub fn contradiction(queue_id: &str, log: &str, doubt: &str) -> Outcome {
    let name = typed(log);
    let remedy = format!(
        "compare `grep {queue_id} {name}` with `postqueue -p`: a line there is not Postfix's, since every user of this \
         host can write to that log; find who does, and run `relayhost verify`"
    );
    let cause = format!("the log contradicts the queue, so nothing is proved: {doubt}");
    Outcome::unheard("log-contradicts-queue", cause, &remedy, &[])
}

/// Not all that was logged can be read, so what was read proves nothing.
pub fn incomplete(log: &str, by_hand: &str) -> Outcome {
    let cause = format!(
        "what this host logs does not all come into {log}: a line of relayhost's own did not within seconds, so nothing \
         is proved"
    );
    let remedy = format!(
        "see why `{by_hand}` leaves no line at the end of {log} (rsyslog stopped, its rules, a full disk), \
         mend that, and run `relayhost verify`"
    );
    Outcome::unheard("log-incomplete", cause, &remedy, &[])
}

/// Postfix's log does not have the message.
pub fn not_queued(log: &str, waited: &str, evidence: &[&str]) -> Outcome {
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

/// The relay let the deadline pass.
pub fn no_word(relayhost: &str, deadline: &str, evidence: &[&str]) -> Outcome {
    Outcome::unheard(
        "no-word",
        format!("{relayhost} has said nothing within {deadline}"),
        "see whether it answers at all (`telnet HOST PORT` shows a line that begins with 220); if it does, give a longer --deadline",
        evidence,
    )
}

/// A failure that the catalogue does not know: the log's own words, and no guess.
pub fn unknown(attempt: &Attempt, evidence: &[&str]) -> Outcome {
    let refused = attempt.is_refusal();
    Outcome::Failed {
        exit: if refused { Exit::Refused } else { Exit::NoWord },
        id: "unknown".into(),
        cause: format!(
            "{}: {}",
            if refused { "the relay refused" } else { "the message was not accepted" },
            attempt.reason
        ),
        remedy: "relayhost does not know these words; ask whoever runs the relay what they mean".into(),
        evidence: evidence.iter().map(ToString::to_string).collect(),
    }
}
