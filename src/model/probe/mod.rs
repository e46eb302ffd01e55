//! The result of a probe: each stage of the conversation with the relay, the warnings, and the end.

pub mod certificate;
pub mod crosscheck;
mod current;
pub mod doubt;
pub mod mechanism;
pub mod reply;
pub mod route;
pub mod token;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::Exit;
use crate::model::accounts::Account;
use crate::model::causes::failure::Failure;
use crate::model::exits::named;
use crate::model::state::last_probes::{RefusedProbe, Verdicts};
use crate::model::way_out::WayOut;

/// The stages at which a relay that takes other senders refuses one: many wait with their word until they know the recipient.
const SENDER: [&str; 2] = ["sender", "recipient"];

/// The result of a probe.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// The relay as `relayhost` names it.
    pub relayhost: String,
    /// The sender that the relay is given, after the rewriting.
    pub from: String,
    /// The recipient; `None`: the probe ends after the sender.
    pub to: Option<String>,
    /// Each stage, in order.
    pub stages: Vec<ProbeStage>,
    /// Facts that did not stop the probe, and that an administrator should know.
    pub warnings: Vec<Warning>,
    /// Duration of the whole probe.
    pub took: Duration,
    /// The end of the probe.
    pub ending: Ending,
    /// Whether nobody can be reached at the relay for certain: there is no such name, it has no address, or each of its
    /// addresses refuses the connection or has no way there.
    pub is_nobody_there: bool,
    /// Whether a fallback relay would take the message.
    pub has_fallback: bool,
    /// What accounts, routes and fallback relays were found to do, by their tables, if they were tried with it.
    pub ways: Verdicts,
}

/// The stages at which a server that is not reached stops every login alike.
const BEFORE_ALL: [&str; 3] = ["name", "connect", "greeting"];

/// What the relay was found to do, or with `--all` each relay and account: whose way it is, and its probe. One at least.
#[derive(Debug, Clone)]
pub struct Probes {
    /// The way of all mail that has none of its own, or the only one that was tried.
    pub first: Probe,
    /// The others.
    pub others: Vec<(String, Probe)>,
    /// What was not tried, and why, in words.
    pub untried: Vec<String>,
}

impl Probes {
    /// One probe alone.
    pub fn one(first: Probe) -> Self {
        Self { first, others: Vec::new(), untried: Vec::new() }
    }

    /// The probe of this relay, if it would take mail.
    pub fn willing_mut(&mut self, relayhost: &str) -> Option<&mut Probe> {
        let mut all = std::iter::once(&mut self.first).chain(self.others.iter_mut().map(|(_, probe)| probe));
        all.find(|probe| probe.relayhost == relayhost && matches!(probe.ending, Ending::Willing))
    }

    /// The first probe that is no success; otherwise the first.
    pub fn worst(&self) -> &Probe {
        let mut all = std::iter::once(&self.first).chain(self.others.iter().map(|(_, probe)| probe));
        all.find(|probe| probe.exit() != Exit::Done).unwrap_or(&self.first)
    }
}

/// One stage of the conversation.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProbeStage {
    /// Its name: `name`, `connect`, `greeting`, `EHLO`, `STARTTLS`, `TLS`, `login`, `sender`, `recipient`, `goodbye`.
    pub name: &'static str,
    /// Whether the next stage could follow.
    pub good: bool,
    /// The result of the stage, for a person.
    pub text: String,
    /// The relay's offer: addresses, EHLO keywords, names of the certificate.
    pub offered: Vec<String>,
    /// The relay's own words.
    pub said: Option<String>,
    /// Duration of the stage.
    pub took: Duration,
}

/// A fact that did not stop the probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Stable name.
    pub id: &'static str,
    /// The fact, in words.
    pub text: String,
    /// The remedy, in words.
    pub remedy: String,
    /// The Cyrus SASL plugin that is missing, if that is the fact.
    pub plugin: Option<&'static str>,
}

/// The end of a probe.
#[derive(Debug, Clone, Default)]
pub enum Ending {
    /// The relay would take the message, as far as it was asked.
    #[default]
    Willing,
    /// The probe went as far as it can without Postfix.
    Untried {
        /// The part that could not be tried.
        what: String,
    },
    /// The probe failed.
    Failed(Failure),
}

impl Probe {
    /// The exit status of `relayhost probe`. A probe with a part that could not be tried is no success.
    pub fn exit(&self) -> Exit {
        match &self.ending {
            Ending::Willing => Exit::Done,
            Ending::Untried { .. } => Exit::NoWord,
            Ending::Failed(failure) => failure.exit,
        }
    }

    /// Whether the server was not reached, so that another login there would not be either.
    pub fn is_unreached(&self) -> bool {
        let is_refused = self.exit() == Exit::Refused;
        self.stages.last().is_some_and(|last| !last.good && !is_refused && BEFORE_ALL.contains(&last.name))
    }

    /// Whether this stage ended it with a refusal.
    pub fn is_refused_at(&self, stage: &str) -> bool {
        self.exit() == Exit::Refused && self.stages.last().is_some_and(|last| last.name == stage)
    }

    /// Looks again at what an installation may have mended: `plugins` are those on the disk now.
    pub fn look_again(&mut self, plugins: &BTreeSet<String>) {
        self.warnings.retain(|warning| warning.plugin.is_none_or(|plugin| !plugins.contains(plugin)));
    }

    /// Whether the relay's failure may pass by itself, so that a fallback relay may take its place meanwhile.
    pub fn may_pass(&self) -> bool {
        matches!(&self.ending, Ending::Failed(failure) if failure.may_pass())
    }

    /// Adds what a fallback relay was found to do. It stops nothing: mail leaves by the first one, as long as that is there.
    pub fn heed_fallback(&mut self, found: Self) {
        self.has_fallback |= matches!(found.ending, Ending::Willing);
        let Ending::Failed(failure) = found.ending else { return };
        let id = if failure.exit == Exit::Refused { "fallback-refuses" } else { "fallback-unreached" };
        let text = format!("{} takes no mail: {} [{}]", found.relayhost, failure.cause, failure.id);
        self.warnings.push(Warning { id, text, remedy: failure.remedy.text(), plugin: None });
    }

    /// Adds that a fallback relay refuses a sender with an account, if it does: its word is final, and Postfix returns what the
    /// account's own relay does not take. `tried`: the probe of the fallback relay with that sender.
    pub fn heed_sender(&mut self, account: &Account, fallback: &WayOut, tried: &Self) {
        let Ending::Failed(failure) = &tried.ending else { return };
        let Some(stage) = tried.stages.last().filter(|stage| SENDER.contains(&stage.name)) else { return };
        if failure.exit != Exit::Refused || failure.may_pass() {
            return;
        }
        let (relay, own, from) = (fallback.next_hop(), account.way.next_hop(), &tried.from);
        // Its own words: what the catalogue makes of them is about senders without an account.
        let said = stage.said.as_deref().unwrap_or(&failure.cause);
        let text = format!(
            "{relay} takes no mail from {from}: {said}; so mail of {} that {own} does not take is returned to its sender, \
             where it would wait without that fallback relay",
            named(account)
        );
        let table = fallback.table.as_deref().unwrap_or("[[relay.fallback]]");
        let login = match fallback.username() {
            "" => "this host".to_owned(),
            user => user.to_owned(),
        };
        let remedy = format!(
            "have whoever runs {relay} let {login} send as {from}, or take {table} out of the answers and run \
             `relayhost apply`; `relayhost probe --all` tries it again"
        );
        self.warnings.push(Warning { id: "fallback-refuses-sender", text, remedy, plugin: None });
    }

    /// What it says of its way at this time; `None`: it has no verdict.
    pub fn verdict(&self, time: &str) -> Option<Option<RefusedProbe>> {
        match &self.ending {
            Ending::Willing => Some(None),
            // A name that does not exist is wrong in the answers, as a password is that the relay refuses.
            Ending::Failed(failure) if failure.exit == Exit::Refused || failure.is_in_answers() => {
                let text = failure.evidence.first().unwrap_or(&failure.cause).clone();
                Some(Some(RefusedProbe { time: time.to_owned(), relay: self.relayhost.clone(), text }))
            }
            _ => None,
        }
    }

    /// Adds what the server of an account or of a route was found to do. It stops nothing: all other mail takes other ways.
    pub fn heed_other(&mut self, whose: &str, found: Self) {
        let Ending::Failed(failure) = found.ending else { return };
        let id = if failure.exit == Exit::Refused { "way-refuses" } else { "way-unreached" };
        let text = format!("{whose}: {} takes no mail: {} [{}]", found.relayhost, failure.cause, failure.id);
        let remedy = format!("{}; `relayhost probe --all` tries it again", failure.remedy.text());
        self.warnings.push(Warning { id, text, remedy, plugin: None });
    }

    /// Whether there is no use in writing the relay's configuration: the relay would refuse Postfix as well, or nobody is
    /// there nor at a fallback relay, and the configuration in force has worked (`has_worked`). Where it has not, nothing is lost
    /// by writing. A fallback relay counts only for what may pass by itself: a name that does not exist is wrong in the answers.
    pub fn is_veto(&self, has_worked: bool) -> bool {
        let Ending::Failed(failure) = &self.ending else { return false };
        let is_held = || self.has_fallback && failure.may_pass();
        let is_no = failure.exit == Exit::Refused || (has_worked && self.is_nobody_there && !is_held());
        is_no && failure.doubts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answers::Answers;
    use crate::model::answers::complete::{Secrets, complete};

    #[test]
    fn a_sender_that_a_fallback_refuses_for_good_is_a_warning_with_a_way_on() {
        let text = "version = 1
            [relay]
            host = \"smtp.example.com\"
            tls = \"encrypt\"
            [[relay.fallback]]
            host = \"smtp2.example.com\"
            [[senders]]
            from = [\"a@example.com\"]
            [verify]
            to = \"ops@example.net\"";
        let answers = Answers::parse("answers.toml", text.as_bytes()).unwrap();
        let secrets = Secrets { fallbacks: vec![None.into()], ..Secrets::default() };
        let desired = complete(&answers, secrets).unwrap();
        let warned = |stage, id: &str, exit| {
            let stage = ProbeStage {
                name: stage,
                good: false,
                text: String::new(),
                offered: Vec::new(),
                said: Some("553 no".into()),
                took: Duration::ZERO,
            };
            let failure = Failure::new(exit == Exit::Refused, id, "no".into(), "x", Vec::new());
            let ending = Ending::Failed(failure);
            let tried =
                Probe { from: "a@example.com".into(), stages: vec![stage], ending, ..Probe::default() };
            let mut first = Probe::default();
            first.heed_sender(&desired.accounts[0], &desired.fallbacks[0], &tried);
            first.warnings.pop().map(|warning| format!("{} -> {}", warning.text, warning.remedy))
        };
        let told = warned("recipient", "sender-refused", Exit::Refused).unwrap();
        for said in [
            "[smtp2.example.com]:25 takes no mail from a@example.com: 553 no; so mail of a@example.com that \
             [smtp.example.com]:025 does not take is returned to its sender",
            "let this host send as a@example.com, or take [[relay.fallback]] number 1 out of the answers",
        ] {
            assert!(told.contains(said), "{said} in {told}");
        }
        assert_eq!(warned("recipient", "greylisted", Exit::Refused), None);
        assert_eq!(warned("login", "wrong-password", Exit::Refused), None);
        assert_eq!(warned("connect", "no-route", Exit::NoWord), None);
    }

    #[test]
    fn a_probe_stops_a_run_at_a_no_and_where_nobody_is_there_if_something_has_worked() {
        let probe = |exit, is_nobody_there, doubts: &[&str]| {
            let failure = Failure::unknown(exit == Exit::Refused, "", "", Vec::new());
            let doubts = doubts.iter().map(ToString::to_string).collect();
            Probe {
                ending: Ending::Failed(Failure { doubts, ..failure }),
                is_nobody_there,
                ..Probe::default()
            }
        };
        for (found, vetoes) in [
            (probe(Exit::Refused, false, &[]), [true, true]),
            (probe(Exit::NoWord, true, &[]), [false, true]),
            (probe(Exit::NoWord, false, &[]), [false, false]),
            (probe(Exit::Refused, false, &["doubt"]), [false, false]),
            (probe(Exit::NoWord, true, &["doubt"]), [false, false]),
        ] {
            assert_eq!([false, true].map(|has_worked| found.is_veto(has_worked)), vetoes, "{found:?}");
        }
        assert!(!Probe::default().is_veto(true));
        let mut dead = probe(Exit::NoWord, true, &[]);
        dead.heed_fallback(probe(Exit::Refused, false, &[]));
        assert_eq!((dead.is_veto(true), dead.warnings.first().unwrap().id), (true, "fallback-refuses"));
        dead.heed_fallback(Probe::default());
        assert!(!dead.is_veto(true));
        for (id, vetoes) in [
            ("connection-refused", false),
            ("no-route", false),
            ("dns-no-answer", false),
            ("relay-busy", false),
            ("host-not-found", true),
            ("certificate-name", true),
            ("wrong-password", true),
        ] {
            let failure = Failure::new(false, id, String::new(), "", Vec::new());
            dead.ending = Ending::Failed(failure);
            assert_eq!(dead.is_veto(true), vetoes, "{id}");
        }
    }

    #[test]
    fn what_does_not_pass_by_itself_is_a_verdict() {
        let verdict = |refused, id: &str| {
            let failure = Failure::new(refused, id, "no".into(), "x", Vec::new());
            Probe { ending: Ending::Failed(failure), ..Probe::default() }.verdict("t").is_some()
        };
        for (refused, id, is_one) in [
            (true, "wrong-password", true),
            (false, "host-not-found", true),
            (false, "certificate-name", true),
            (false, "no-route", false),
            (false, "dns-no-answer", false),
            (false, "unknown", false),
        ] {
            assert_eq!(verdict(refused, id), is_one, "{id}");
        }
    }

    #[test]
    fn a_plugin_that_was_installed_since_is_no_longer_missing() {
        let mut probe =
            Probe { warnings: crosscheck::of_mechanism("PLAIN", false, false, ""), ..Probe::default() };
        let ids = |probe: &Probe| probe.warnings.iter().map(|warning| warning.id).collect::<Vec<_>>();
        probe.look_again(&["login".to_owned()].into());
        assert_eq!(ids(&probe), ["plugin-missing", "login-in-clear"]);
        probe.look_again(&["plain".to_owned(), "login".to_owned()].into());
        assert_eq!(ids(&probe), ["login-in-clear"]);
    }
}
