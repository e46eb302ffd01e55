//! The journal's record of a command's end, and the datagram in which journald takes it (systemd's
//! docs/JOURNAL_NATIVE_PROTOCOL.md).

use crate::error::Exit;
use crate::model::arrival::Arrival;
use crate::model::causes::failure::Failure;
use crate::model::ended::{Ended, NOTHING_LEFT};
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
            Ended::Checked(compared) | Ended::Planned(compared) => {
                let account = Self::default().or_findings(&compared.plan.findings);
                match &compared.leaving {
                    Some(leaving) if !compared.amiss().is_empty() && account.cause.is_empty() => {
                        Self { message: leaving.sentence(), ..account.or_findings(&compared.mail) }
                    }
                    _ => account,
                }
            }
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
            Ended::Verified(verified) => Self::of_delivery(&verified.delivery),
            Ended::Probed(probe) => Self::of_probe(probe),
            Ended::Written(written) => match &written.probe {
                Some(probe) if written.paths.is_empty() => Self::of_probe(probe),
                _ => Self::default(),
            },
            Ended::Diagnosed(diagnosed) => Self::default().or_findings(&diagnosed.findings),
            Ended::Idle(idle) => Self::good(idle.text()),
            Ended::Renewed(renewed) => Self::good(&renewed.text()),
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
            | Ended::Shown(_) => Self::default(),
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
            Outcome::Accepted { relay, reply, .. } => {
                let said = format!("mail leaves: {relay} said: {}", text::one_line(reply));
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
        const OWN: [&str; 3] = ["RELAYHOST_COMMAND", "RELAYHOST_EXIT", "RELAYHOST_CAUSE_ID"];
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
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::{Error, Interruption, Signal};
    use crate::model::ended::{Applied, Idle};
    use crate::model::message::delivery::InQueue;
    use crate::model::plan::Remedy;
    use crate::model::secret::Secret;
    use crate::model::secret::mask::Mask;
    use crate::model::state::order::PutBack;

    /// A relay can repeat a password that is also the name of a cause or of a command, which programs evaluate.
    #[test]
    fn a_password_is_hidden_in_texts_and_not_in_the_words_of_a_program() {
        let mask = Mask::new("alerts", &Secret::new("password-wrong"));
        let said = || "refused: password-wrong".to_owned();
        let notice = Notice {
            priority: Priority::Error,
            message: said(),
            fields: vec![
                ("RELAYHOST_COMMAND", "apply".into()),
                ("RELAYHOST_CAUSE", said()),
                ("RELAYHOST_CAUSE_ID", "password-wrong".into()),
                ("RELAYHOST_REMEDY", said()),
            ],
        };
        let hidden = notice.hidden(|text| mask.hide(text));
        let datagram = String::from_utf8(hidden.datagram()).unwrap();
        assert_eq!(datagram.matches("password-wrong").count(), 1, "{datagram}");
        assert!(datagram.contains("\nRELAYHOST_CAUSE_ID=password-wrong\n"), "{datagram}");
    }

    #[test]
    fn a_value_of_several_lines_has_its_length_in_front() {
        let notice = Notice {
            priority: Priority::Warning,
            message: "not yet".into(),
            fields: vec![("RELAYHOST_CAUSE", "a\nb".into()), ("RELAYHOST_REMEDY", String::new())],
        };
        let mut expected = Vec::from(format!(
            "MESSAGE=not yet\nMESSAGE_ID={MESSAGE_ID}\nPRIORITY=4\nSYSLOG_IDENTIFIER=relayhost\nRELAYHOST_CAUSE\n"
        ));
        expected.extend([3, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend(b"a\nb\n");
        assert_eq!(notice.datagram(), expected);
    }

    #[test]
    fn no_value_can_bring_a_field_of_its_own() {
        let notice = Notice { priority: Priority::Info, message: "x\nPRIORITY=0".into(), fields: vec![] };
        assert!(notice.datagram().starts_with(b"MESSAGE\n\x0c\0\0\0\0\0\0\0x\nPRIORITY=0\nMESSAGE_ID="));
        let escape =
            Notice { priority: Priority::Info, message: "\u{1b}[2J\0".into(), fields: vec![] }.datagram();
        assert!(escape.starts_with(b"MESSAGE=?[2J?\n"));
    }

    fn field(notice: &Notice, name: &str) -> String {
        notice.fields.iter().find(|(known, _)| *known == name).unwrap().1.clone()
    }

    fn delivery(outcome: Outcome) -> Delivery {
        Delivery {
            from: "monitor@h".into(),
            to: "ops@example.com".into(),
            queue_id: Some("A1".into()),
            waited: Duration::ZERO,
            delays: None,
            put_off: 0,
            queue: InQueue::Nothing,
            outcome,
            sent: None,
            arrival: None,
        }
    }

    fn finding(id: &str, state: State, found: &str, remedy: Option<&str>) -> Finding {
        Finding { id: id.into(), state, found: found.into(), remedy: remedy.map(Remedy::say) }
    }

    #[test]
    fn a_run_tells_cause_remedy_and_exit_status() {
        let failure = Failure {
            exit: Exit::Refused,
            id: "wrong-password".into(),
            cause: "refused".into(),
            remedy: "correct it".into(),
            evidence: Vec::new(),
            doubts: Vec::new(),
        };
        let refusal = delivery(Outcome::Failed(failure.clone()));
        let undone =
            Applied { put_back: Some(PutBack::Refused), delivery: Some(refusal), ..Applied::default() };
        let notice = Notice::of("pending", &Ended::Applied(undone));
        assert_eq!(notice.priority, Priority::Error);
        assert_eq!(notice.message, "refused; the previous configuration is in force again");
        for (name, value) in [
            ("RELAYHOST_COMMAND", "pending"),
            ("RELAYHOST_EXIT", "7"),
            ("RELAYHOST_CAUSE", "refused"),
            ("RELAYHOST_CAUSE_ID", "wrong-password"),
            ("RELAYHOST_REMEDY", "correct it"),
            ("RELAYHOST_QUEUE_ID", "A1"),
        ] {
            assert_eq!(field(&notice, name), value);
        }
        let probe = Some(Probe { ending: Ending::Failed(failure), ..Probe::default() });
        let vetoed = Ended::Applied(Applied { probe, ..Applied::default() });
        let vetoed = Notice::of("apply", &vetoed);
        assert_eq!(vetoed.priority, Priority::Error);
        assert!(vetoed.message.starts_with("refused; nothing was done: "), "{vetoed:?}");
        assert_eq!(field(&vetoed, "RELAYHOST_CAUSE_ID"), "wrong-password");
        assert_eq!(field(&vetoed, "RELAYHOST_REMEDY"), "correct it");
    }

    #[test]
    fn an_error_is_the_cause_and_a_signal_no_fault() {
        let failed = |error| Ended::Failed { error, command: "relayhost init".into() };
        let (why, remedy) = ("a\nb".into(), "do".into());
        let error = Notice::of("init", &failed(Error::NotWritten { why, remedy }));
        assert_eq!(error.message, "nothing was written: a b");
        assert_eq!(field(&error, "RELAYHOST_CAUSE"), "nothing was written: a\nb");
        assert_eq!((error.priority, field(&error, "RELAYHOST_REMEDY")), (Priority::Error, "do".into()));
        let ended = Error::Interrupted(Box::new(Interruption::new(Signal::Term)));
        assert_eq!(Notice::of("apply", &failed(ended)).priority, Priority::Warning);
    }

    #[test]
    fn what_differs_is_named_where_nothing_else_failed() {
        let left = vec![
            finding("a", State::Fine, "x", None),
            finding("b", State::Differs, "y", Some("relayhost apply")),
        ];
        let reply = Outcome::Accepted { relay: "[r]:587".into(), reply: "250 ok".into(), redirected: None };
        let applied =
            |findings| Applied { delivery: Some(delivery(reply.clone())), findings, ..Applied::default() };
        let drifted = Notice::of("apply", &Ended::Applied(applied(Some(left))));
        assert_eq!(
            (drifted.priority, drifted.message.as_str()),
            (Priority::Warning, "not as the answers say: b")
        );
        assert_eq!(field(&drifted, "RELAYHOST_CAUSE"), "b: y");
        assert_eq!(field(&drifted, "RELAYHOST_REMEDY"), "relayhost apply");
        let checked = Account::default().or_findings(&[finding("b", State::Differs, "y", None)]);
        assert_eq!((checked.priority(Exit::Differs), checked.cause.as_str()), (Priority::Warning, "b: y"));
        let good = Notice::of("apply", &Ended::Applied(applied(None)));
        assert_eq!(
            (good.priority, good.message.as_str()),
            (Priority::Info, "mail leaves: [r]:587 said: 250 ok")
        );
        let idle = Notice::of("pending", &Ended::Idle(Idle::FirstBoot));
        assert_eq!((idle.priority, idle.message.as_str()), (Priority::Warning, Idle::FirstBoot.text()));
    }
}
