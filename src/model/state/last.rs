//! The end of the last run, if it had no success: recorded for `diagnose`, since a run that was refused leaves no trace in
//! the log, and the host as it was.

use serde::{Deserialize, Serialize};

use super::generation::VERSION;
use crate::error::{Error, Exit, Result};
use crate::model::ended::{Applied, Verified};
use crate::model::message::delivery::Delivery;
use crate::model::plan::{Finding, Remedy, State};

/// Name of the finding about it.
pub const LAST_RUN: &str = "run.last";
/// The command that sends a test message, and changes nothing.
const VERIFY: &str = "verify";

/// The record of a run that had no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastEnd {
    /// Version of this form.
    pub version: u32,
    /// Time of its end, UTC (RFC 3339).
    pub time: String,
    /// The command.
    pub command: String,
    /// Its exit status.
    pub exit: u8,
    /// The cause, in words.
    pub text: String,
    /// Its name, if it is that of a test message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub cause_id: String,
    /// The remedy, in words.
    pub remedy: String,
    /// Whether it was a test message of the configuration in force, so that it tells whether mail leaves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub message: bool,
}

/// What is known of a mailbox that could not be looked into says nothing of the mail.
const UNSEEN: &str = "mailbox-";

impl LastEnd {
    /// The record of a run that ended so; `None` after a success, and after one that somebody has ended.
    pub fn of(command: &str, end: &Result<Applied>, time: String) -> Option<Self> {
        let (exit, text, remedy) = match end {
            Ok(applied) if applied.exit() == Exit::Done => return None,
            Ok(applied) => {
                let failure = applied.failure()?;
                let result = applied.result().map_or_else(String::new, |result| format!("; {result}"));
                (applied.exit(), format!("{}{result}", failure.cause), failure.remedy.text())
            }
            Err(error) => of_error(command, error)?,
        };
        // A configuration that was put back is not the one that the message was sent by.
        let sent = end.as_ref().ok().filter(|applied| applied.put_back.is_none());
        let failure = sent.and_then(|applied| applied.delivery.as_ref()).and_then(Delivery::failure);
        let message = failure.is_some_and(|failure| !failure.id.starts_with(UNSEEN));
        let cause_id = failure.map(|failure| failure.id.clone()).unwrap_or_default();
        let (version, command) = (VERSION, command.to_owned());
        Some(Self { version, time, command, exit: exit.code(), text, cause_id, remedy, message })
    }

    /// What is recorded after a run that ended so: a run without a message says nothing of one that failed before.
    pub fn after(before: Option<Self>, end: Option<Self>, has_sent: bool) -> Option<Self> {
        end.or_else(|| before.filter(|before| before.message && !has_sent))
    }

    /// The record of a test message of `verify` that ended so.
    pub fn of_message(end: std::result::Result<&Verified, &Error>, time: String) -> Option<Self> {
        let (exit, text, remedy) = match end {
            Ok(verified) => {
                let failure = verified.delivery.failure()?;
                (verified.delivery.exit(), failure.cause.clone(), failure.remedy.text())
            }
            Err(error) => of_error(VERIFY, error)?,
        };
        let failure = end.ok().and_then(|verified| verified.delivery.failure());
        let cause_id = failure.map(|failure| failure.id.clone()).unwrap_or_default();
        let message = !cause_id.starts_with(UNSEEN);
        let (version, command) = (VERSION, VERIFY.to_owned());
        Some(Self { version, time, command, exit: exit.code(), text, cause_id, remedy, message })
    }

    /// The record as a finding, unless something came later: a message that the relay took, or a change. `answers`: the time
    /// of the last change of the answers; the remedy may be done by that.
    pub fn finding(&self, later: &[&str], answers: &str) -> Option<Finding> {
        if later.iter().any(|time| *time > self.time.as_str()) {
            return None;
        }
        let Self { time, command, exit, text, remedy, .. } = self;
        let found = format!("`relayhost {command}` of {time} ended with {exit}: {}", joined(text));
        let remedy = if answers > time.as_str() {
            format!(
                "the answers were changed since: run `relayhost apply`; if it ends so again: {}",
                joined(remedy)
            )
        } else {
            joined(remedy)
        };
        let remedy = Some(Remedy::say(remedy));
        Some(Finding { id: LAST_RUN.into(), state: State::Warning, found, remedy })
    }
}

/// Exit status, words and remedy of an error; `None` for one by which somebody has ended the run.
fn of_error(command: &str, error: &Error) -> Option<(Exit, String, String)> {
    let is_ended = error.interruption().is_some();
    // Where the reason is known, what a program printed says no more.
    let text = if let Error::Explained(why) = error { why.cause.clone() } else { error.to_string() };
    (!is_ended).then(|| (error.exit(), text, error.hint(&format!("relayhost {command}"))))
}

/// A text of several lines in one: a line that ends with a colon is followed by a list.
fn joined(text: &str) -> String {
    let mut all = String::with_capacity(text.len());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        all.push_str(if all.is_empty() {
            ""
        } else if all.ends_with(':') {
            " "
        } else {
            "; "
        });
        all.push_str(line);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::causes::failure::Failure;
    use crate::model::probe::{Ending, Probe};

    #[test]
    fn a_refusal_is_told_until_something_comes_later() {
        let failure = Failure::unknown(true, "", "535 no", Vec::new());
        let probe = Some(Probe { ending: Ending::Failed(failure), ..Probe::default() });
        let refused = Ok(Applied { probe, ..Applied::default() });
        let record = LastEnd::of("apply", &refused, "2026-11-28T10:00:00Z".into()).unwrap();
        let form = r#"{"version":1,"time":"2026-11-28T10:00:00Z","command":"apply","exit":4,"text":""#;
        assert!(serde_json::to_string(&record).unwrap().starts_with(form));
        let told = record.finding(&["", "2026-11-28T09:59:59Z"], "2026-11-28T09:59:59Z").unwrap();
        let head = "`relayhost apply` of 2026-11-28T10:00:00Z ended with 4: the relay refused: \"535 no\"; nothing was done";
        assert!(told.found.starts_with(head), "{told:?}");
        assert_eq!(record.finding(&["2026-11-28T10:00:01Z"], ""), None);
        let remedy = |answers| record.finding(&[], answers).unwrap().remedy.unwrap().text();
        assert_eq!(remedy(""), record.remedy);
        let changed = remedy("2026-11-28T10:00:01Z");
        assert!(changed.starts_with("the answers were changed since") && changed.ends_with(&record.remedy));
        assert_eq!(LastEnd::of("apply", &Ok(Applied::default()), String::new()), None);
        let message = LastEnd { message: true, ..record.clone() };
        for (before, has_sent, kept) in
            [(&message, false, true), (&message, true, false), (&record, false, false)]
        {
            assert_eq!(LastEnd::after(Some(before.clone()), None, has_sent).is_some(), kept);
        }
        let error = LastEnd::of("apply", &Err(Error::Masked), String::new()).unwrap();
        assert_eq!(error.exit, Error::Masked.exit().code());
        let foreign = Error::Foreign { what: vec!["relayhost: now a".into(), "generic x: now b".into()] };
        let told = LastEnd::of("apply", &Err(foreign), String::new()).unwrap().finding(&[], "").unwrap();
        assert!(
            !told.found.contains('\n') && told.found.ends_with(": relayhost: now a; generic x: now b"),
            "{told:?}"
        );
    }
}
