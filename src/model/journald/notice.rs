//! The journal's record of a command's end, and the datagram in which journald takes it (systemd's
//! docs/JOURNAL_NATIVE_PROTOCOL.md).

use crate::error::Exit;
use crate::model::arrival::Arrival;
use crate::model::causes::failure::Failure;
use crate::model::ended::{Compared, Ended, NOTHING_LEFT, Renewed};
use crate::model::message::delivery::{Delivery, Outcome};
use crate::model::plan::{Finding, Remedy, State};
use crate::model::probe::{Ending, Probe};
use crate::model::text;

/// The id that all records of relayhost share, so that `journalctl MESSAGE_ID=…` finds them on every host. Never
/// changes.
pub const MESSAGE_ID: &str = "22c6a1e1f7224e53a99fe811fe528689";

/// The priority of a record (syslog(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Mail does not leave, or nothing can be said of it.
    Critical = 2,
    /// The command failed, and an administrator has to act.
    Error = 3,
    /// The command has not succeeded yet, or something is amiss.
    Warning = 4,
    /// The command has succeeded.
    Info = 6,
}

/// A record for the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The priority of the record.
    pub priority: Priority,
    /// The text for people.
    pub message: String,
    /// The fields for programs: names of upper-case letters and `_`, and their values. Empty ones are left out.
    pub fields: Vec<(&'static str, String)>,
}

/// The contents of a record, before exit status and command are added.
#[derive(Default)]
struct Account {
    /// The text for people; empty if there is nothing to say.
    message: String,
    /// The cause of a failure, in full; empty if nothing failed.
    cause: String,
    cause_id: String,
    remedy: String,
    relay: String,
    queue_id: String,
}

impl Account {
    fn of(ended: &Ended) -> Self {
        match ended {
            Ended::Checked(compared) | Ended::Planned(compared) => Self::of_look(compared),
            Ended::Watched(watched) => match watched.untold().next() {
                Some(told) if watched.compared.is_in_order() => {
                    Self::amiss(told.text(), "relayhost alarm --test".into())
                }
                _ => Self::of_look(&watched.compared),
            },
            Ended::Applied(done) => {
                let account = match (&done.delivery, &done.probe) {
                    (Some(delivery), _) => Self::of_delivery(delivery),
                    // A probe that stopped nothing does not tell how the run ended.
                    (None, Some(probe)) if done.is_vetoed() => Self::of_probe(probe),
                    (None, _) => Self::default(),
                };
                let mut account = account.or_findings(done.findings.as_deref().unwrap_or_default());
                if let Some(result) = done.result() {
                    let separator = if account.message.is_empty() { "" } else { "; " };
                    account.message += &format!("{separator}{result}");
                }
                account
            }
            Ended::Verified(verified) => Self::of_delivery(verified.worst()),
            Ended::Drilled(drilled) => drilled.worst().map_or_else(Self::default, Self::of_delivery),
            Ended::Probed(probes) => Self::of_probe(probes.worst()),
            Ended::Written(written) => match &written.probe {
                Some(probe) if written.paths.is_empty() => Self::of_probe(probe),
                _ => Self::default(),
            },
            Ended::Diagnosed(diagnosed) => Self::default().or_findings(&diagnosed.findings),
            Ended::Idle(idle) => Self::good(idle.text()),
            Ended::Renewed(renewed) => Self::of_tokens(renewed),
            Ended::LoggedIn(end) => Self::good(&end.text()),
            Ended::Recovered(recovered) => Self::good(recovered.as_deref().unwrap_or(NOTHING_LEFT)),
            Ended::Failed { error, command } => {
                Self::amiss(text::harmless(&error.to_string()), error.hint(command))
            }
            Ended::Routed(_)
            | Ended::Deferred(_)
            | Ended::Listed(_)
            | Ended::Restored(_)
            | Ended::Certified(_)
            | Ended::Stood(_)
            | Ended::Alarmed(_)
            | Ended::Described(_)
            | Ended::Shown(_) => Self::default(),
        }
    }

    fn of_tokens(renewed: &Renewed) -> Self {
        match renewed.failed().next() {
            Some(why) => Self::amiss(text::harmless(&renewed.text()), why.remedy.text()),
            None => Self::good(&renewed.text()),
        }
    }

    fn of_look(compared: &Compared) -> Self {
        let account = Self::default().or_findings(&compared.plan.findings);
        match &compared.leaving {
            Some(leaving) if !compared.amiss().is_empty() && account.cause.is_empty() => {
                Self { message: leaving.sentence(), ..account.or_findings(&compared.mail) }
            }
            _ => account,
        }
    }

    fn good(result: &str) -> Self {
        Self { message: result.to_owned(), ..Self::default() }
    }

    fn amiss(cause: String, remedy: String) -> Self {
        Self { message: cause.clone(), cause, remedy, ..Self::default() }
    }

    fn of_delivery(delivery: &Delivery) -> Self {
        let account = match &delivery.outcome {
            Outcome::Accepted { relay, reply, instead, .. } => {
                let caveat = instead.as_ref().map(|instead| format!(" ({})", instead.in_words(relay)));
                let reply = text::one_line(reply);
                let said = format!("mail leaves: {relay} said: {reply}{}", caveat.unwrap_or_default());
                let account = match &delivery.arrival {
                    None => Self { message: said, ..Self::default() },
                    Some(Arrival { failure: Some(failure), .. }) => Self::of_failure(failure),
                    Some(arrival) => Self {
                        message: format!("{said}; it arrived: {}", arrival.in_short()),
                        ..Self::default()
                    },
                };
                Self { relay: relay.clone(), ..account }
            }
            Outcome::Failed(failure) => Self::of_failure(failure),
        };
        Self { queue_id: delivery.queue_id.clone().unwrap_or_default(), ..account }
    }

    fn of_probe(probe: &Probe) -> Self {
        match &probe.ending {
            Ending::Willing | Ending::Untried { .. } => Self::default(),
            Ending::Failed(failure) => Self::of_failure(failure),
        }
    }

    fn of_failure(failure: &Failure) -> Self {
        let Failure { id, cause, remedy, .. } = failure;
        Self { cause_id: id.clone(), ..Self::amiss(text::one_line(cause), text::one_line(&remedy.text())) }
    }

    /// Makes the findings the cause if there is no other cause.
    fn or_findings(self, findings: &[Finding]) -> Self {
        let amiss = |finding: &&Finding| matches!(finding.state, State::Differs | State::Warning);
        let amiss: Vec<&Finding> = findings.iter().filter(amiss).collect();
        let Some(first) = amiss.first().filter(|_| self.cause.is_empty()) else { return self };
        let line = |finding: &&Finding| format!("{}: {}", finding.id, text::one_line(&finding.found));
        let names: Vec<&str> = amiss.iter().map(|finding| finding.id.as_str()).collect();
        Self {
            cause: amiss.iter().map(line).collect::<Vec<_>>().join("; "),
            message: format!("not as the answers say: {}", names.join(", ")),
            remedy: first.remedy.as_ref().map(Remedy::text).unwrap_or_default(),
            ..self
        }
    }

    /// The priority for an exit status. A cause is a warning if nothing failed, if the run may succeed later, or if
    /// somebody ended it.
    fn priority(&self, exit: Exit) -> Priority {
        match exit {
            Exit::Done if self.cause.is_empty() => Priority::Info,
            Exit::Done
            | Exit::Differs
            | Exit::NoWord
            | Exit::Deferred
            | Exit::Hup
            | Exit::Int
            | Exit::Term => Priority::Warning,
            Exit::Failed | Exit::Usage | Exit::Refused | Exit::PutBack | Exit::Stuck => Priority::Error,
        }
    }
}

impl Notice {
    /// The record of a command's end.
    pub fn of(command: &str, ended: &Ended) -> Self {
        let (account, exit) = (Account::of(ended), ended.exit());
        let message = match account.message.as_str() {
            "" => "nothing to do: the host is as the answers say",
            message => message,
        };
        Self {
            priority: account.priority(exit),
            message: text::one_line(&message.replace('\n', " ")),
            fields: vec![
                ("RELAYHOST_COMMAND", command.to_owned()),
                ("RELAYHOST_EXIT", exit.code().to_string()),
                ("RELAYHOST_CAUSE", account.cause),
                ("RELAYHOST_CAUSE_ID", account.cause_id),
                ("RELAYHOST_REMEDY", account.remedy),
                ("RELAYHOST_RELAY", account.relay),
                ("RELAYHOST_QUEUE_ID", account.queue_id),
            ],
        }
    }

    /// The record with each text changed by `hide`, except the words that programs evaluate.
    #[must_use]
    pub fn hidden(self, hide: impl Fn(&str) -> String) -> Self {
        const OWN: [&str; 6] = [
            "RELAYHOST_COMMAND",
            "RELAYHOST_EXIT",
            "RELAYHOST_CAUSE_ID",
            "RELAYHOST_EVENT",
            "RELAYHOST_INCIDENT",
            "RELAYHOST_TOPIC",
        ];
        let field = |(name, value): (&'static str, String)| {
            let value = if OWN.contains(&name) { value } else { hide(&value) };
            (name, value)
        };
        Self { message: hide(&self.message), fields: self.fields.into_iter().map(field).collect(), ..self }
    }

    /// The datagram. A value of several lines comes with its length.
    pub fn datagram(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let priority = (self.priority as u8).to_string();
        let own = [
            ("MESSAGE", self.message.as_str()),
            ("MESSAGE_ID", MESSAGE_ID),
            ("PRIORITY", &priority),
            ("SYSLOG_IDENTIFIER", env!("CARGO_PKG_NAME")),
        ];
        let fields = self.fields.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in own.into_iter().chain(fields).filter(|(_, value)| !value.is_empty()) {
            let value = text::harmless(value);
            bytes.extend(name.as_bytes());
            if value.contains('\n') {
                bytes.push(b'\n');
                bytes.extend((value.len() as u64).to_le_bytes());
            } else {
                bytes.push(b'=');
            }
            bytes.extend(value.as_bytes());
            bytes.push(b'\n');
        }
        bytes
    }
}

#[cfg(test)]
#[path = "notice_tests.rs"]
mod tests;
