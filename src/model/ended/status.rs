//! Where the host stands: the end of `status`, for somebody who has just logged in.

use super::Compared;
use crate::model::inspection::WAITING;
use crate::model::leaving::views::{ACCOUNT, DRILL, ELSEWHERE, FALLBACK, LEAVES, REFUSING, ROUTE};
use crate::model::plan::{Finding, Remedy, State, remedy};

/// Where the host stands.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one value for each run")]
pub enum Status {
    /// The host has answers.
    Answered {
        /// The host compared with them.
        compared: Compared,
        /// How the last run ended, if it had no success and nothing came later.
        last: Option<Finding>,
    },
    /// The host has no answers yet.
    Unanswered {
        /// The value of `relayhost` in main.cf, perhaps empty; `None` while Postfix is not installed.
        relayhost: Option<String>,
    },
}

impl Status {
    /// The lines, each with its name.
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Answered { compared, last } => answered(compared, last.as_ref()),
            Self::Unanswered { relayhost } => {
                let postfix = match relayhost.as_deref() {
                    None => "not installed".into(),
                    Some("") => {
                        "gives each message to the mail server of its recipient (relayhost is empty)".into()
                    }
                    Some(relay) => format!("gives mail to {relay}, as somebody set by hand"),
                };
                vec![("answers", "there are none yet".into()), ("postfix", postfix)]
            }
        }
    }

    /// What to do next, in one line; `None` if nothing has to be done.
    pub fn next(&self) -> Option<String> {
        match self {
            Self::Unanswered { relayhost: Some(relay) } if !relay.is_empty() => Some(
                "relayhost route (shows the way of a message today); relayhost init (writes the answers)"
                    .into(),
            ),
            Self::Unanswered { .. } => Some("relayhost init".into()),
            // What has stopped the last run would stop the next one, unless mail leaves by now, and nothing is to be done.
            Self::Answered { compared, last: Some(Finding { remedy: Some(remedy), .. }) }
                if !(compared.is_in_order() && compared.findings().any(is_leaving)) =>
            {
                Some(remedy.text())
            }
            Self::Answered { compared, .. } if !compared.plan.complete => Some("relayhost apply".into()),
            Self::Answered { compared, .. } => {
                let mends = remedy(compared.findings(), "relayhost apply");
                if !mends.is_empty() {
                    return Some(mends);
                }
                // Where it is not known whether mail leaves, it can be tried.
                let is_open = |finding: &&Finding| {
                    finding.state == State::Warning || [LEAVES, ELSEWHERE].contains(&finding.id.as_str())
                };
                let mut open = compared.findings().filter(is_open);
                open.find_map(|finding| finding.remedy.as_ref().map(Remedy::text))
            }
        }
    }
}

fn is_leaving(finding: &Finding) -> bool {
    finding.id == LEAVES && finding.state == State::Fine
}

fn answered(compared: &Compared, last: Option<&Finding>) -> Vec<(&'static str, String)> {
    let found = |id: &str| compared.findings().find(|finding| finding.id == id);
    let text = |finding: &Finding| finding.found.clone();
    let tally = compared.tally();
    let host = match (compared.plan.complete, tally.differs, tally.warnings) {
        (false, ..) => "Postfix is not installed, or not whole".to_owned(),
        (true, 0, 0) => "as the answers say".to_owned(),
        (true, 0, warnings) => {
            format!("as the answers say; {warnings} of {} to look at (relayhost check)", tally.all)
        }
        (true, differs, _) => format!("{differs} of {} not in order (relayhost check)", tally.all),
    };
    let all = |id: &'static str| compared.findings().filter(move |finding| finding.id == id);
    let recorded = compared.findings().filter(|finding| finding.id.starts_with("pending."));
    [("relay", Some(compared.summary.clone())), ("host", Some(host)), ("last run", last.map(text))]
        .into_iter()
        .chain([("mail", found(LEAVES).map(text)), ("queue", found(WAITING).map(text))])
        .chain([("fallback", found(FALLBACK).map(text))])
        .chain(all(REFUSING).map(|finding| ("fallback", Some(text(finding)))))
        .chain(all(ACCOUNT).chain(all(ROUTE)).map(|finding| ("other way", Some(text(finding)))))
        .chain([("elsewhere", found(ELSEWHERE).map(text)), ("drill", found(DRILL).map(text))])
        .chain(recorded.map(|finding| ("recorded", Some(text(finding)))))
        .chain(all("incident.open").map(|finding| ("watch", Some(text(finding)))))
        .chain(all("alarm.untold").map(|finding| ("alarm", Some(text(finding)))))
        .filter_map(|(name, text)| Some((name, text?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::Plan;

    fn compared(findings: Vec<Finding>) -> Status {
        after(findings, None)
    }

    fn after(findings: Vec<Finding>, last: Option<Finding>) -> Status {
        let plan = Plan { findings, ..Plan::empty() };
        let (recovered, leaving, mail) = (None, None, Vec::new());
        let summary = "[smtp.example.com]:587".into();
        Status::Answered { compared: Compared { summary, plan, recovered, leaving, mail, saved: None }, last }
    }

    fn finding(id: &str, state: State, remedy: Option<Remedy>) -> Finding {
        Finding { id: id.into(), state, found: format!("{id} is so"), remedy }
    }

    #[test]
    fn the_next_step_is_the_one_that_helps_most() {
        let warning = || finding("log.full", State::Warning, Some(Remedy::say("free some space")));
        let differs = || finding("setting.relayhost", State::Differs, Some(Remedy::Apply));
        let cases = [
            (vec![finding("x", State::Fine, None)], None, "as the answers say"),
            (
                vec![warning()],
                Some("free some space"),
                "as the answers say; 1 of 1 to look at (relayhost check)",
            ),
            (vec![warning(), differs()], Some("relayhost apply"), "1 of 2 not in order (relayhost check)"),
        ];
        for (findings, next, host) in cases {
            let status = compared(findings);
            assert_eq!(status.next().as_deref(), next);
            assert_eq!(status.lines().get(1), Some(&("host", host.to_owned())));
        }
    }

    #[test]
    fn a_run_that_was_refused_is_told_with_its_remedy() {
        let refused = finding("run.last", State::Warning, Some(Remedy::say("correct the password")));
        let differs = finding("setting.relayhost", State::Differs, Some(Remedy::Apply));
        let status = after(vec![differs], Some(refused));
        assert_eq!(status.lines().get(2), Some(&("last run", "run.last is so".to_owned())));
        assert_eq!(status.next().as_deref(), Some("correct the password"));
        let refused = || Some(finding("run.last", State::Warning, Some(Remedy::say("correct the password"))));
        for (leaves, next) in [(State::Fine, None), (State::Note, Some("correct the password"))] {
            let status = after(vec![finding(LEAVES, leaves, None)], refused());
            assert_eq!(status.next().as_deref(), next);
        }
    }

    #[test]
    fn what_waits_and_what_is_known_of_mail_have_lines_of_their_own() {
        let status = compared(vec![
            finding("queue.waiting", State::Fine, None),
            finding("pending.op5", State::Note, None),
            finding("mail.leaves", State::Fine, None),
            finding("alarm.untold", State::Warning, None),
            finding("incident.open", State::Note, None),
        ]);
        let names: Vec<_> = status.lines().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["relay", "host", "mail", "queue", "recorded", "watch", "alarm"]);
    }

    #[test]
    fn mail_that_waits_for_another_way_is_something_to_do() {
        let waits = finding("queue.elsewhere", State::Note, Some(Remedy::say("relayhost diagnose")));
        let status = compared(vec![finding("mail.leaves", State::Fine, None), waits]);
        assert_eq!(status.next().as_deref(), Some("relayhost diagnose"));
        assert!(status.lines().contains(&("elsewhere", "queue.elsewhere is so".to_owned())));
    }

    #[test]
    fn a_host_without_answers_is_led_to_them() {
        for (relayhost, word, next) in [
            (None, "not installed", "relayhost init"),
            (Some(""), "relayhost is empty", "relayhost init"),
            (Some("[smtp.example.com]:587"), "[smtp.example.com]:587", "relayhost route"),
        ] {
            let status = Status::Unanswered { relayhost: relayhost.map(str::to_owned) };
            assert!(status.lines().iter().any(|(_, text)| text.contains(word)), "{relayhost:?}");
            assert!(status.next().is_some_and(|text| text.starts_with(next)), "{relayhost:?}");
        }
    }
}
