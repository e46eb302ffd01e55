//! Faults on a message's way through this host, as the reason for what a log or a relay says of it.

use super::catalogue::{self, Fix, Stage, Verdict};
use super::failure::Failure;
use super::{Basis, Cause};
use crate::error::{Advice, Exit};
use crate::model::route::{Fault, FaultKind};

/// A fault of this host that a failure may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The hop that has it; after a dot what of it, where only some causes come of that: `tls.match`.
    pub hop: &'static str,
    /// The fault, with its place and its remedy.
    pub fault: Fault,
    /// Whether every host would have it: it is not only that the answers say otherwise.
    pub is_own: bool,
    /// Whether `relayhost repair` mends it: it is not there once the answers are in force.
    pub is_mended: bool,
}

impl Suspect {
    /// Whether it is a fault, and not only a decision that may explain one.
    pub fn is_fault(&self) -> bool {
        !self.hop.contains('.')
    }
}

/// The names under which an entry of the catalogue asks for a kind of fault, of whatever hop.
const TABLE: &str = "table";
const KEPT: &str = "kept";

/// The beginning of a name that a hop gives to a failure.
pub const PREFIX: &str = "route.";

/// Names of failures that say nothing of their cause.
const SILENT: [&str; 6] =
    ["unknown", "another-relay", "no-word", "not-queued", "stays-in-maildrop", "stayed-on-this-host"];
/// The name of a local delivery, which is not in the catalogue.
const LOCAL: &str = "delivered-locally";

/// Whether a fault of this hop can make a message fail at this stage. An entry of the catalogue names further hops itself.
/// `of_host`: the failure is this host's own, whichever host the message was to go to.
fn acts_at(hop: &str, stage: Stage, of_host: bool) -> bool {
    match hop {
        // Whatever another host says comes of the way that leads there.
        "filter" | "alias" | "transport" => stage >= Stage::Local && !of_host,
        "service" => stage == Stage::Dns,
        "address" => stage == Stage::Connect,
        "tls" => stage == Stage::Tls,
        "login" => stage == Stage::Login,
        "rewrite" | "sender" => stage == Stage::Sender,
        _ => false,
    }
}

/// The suspect that explains a failure of this name; of several, first one that no command of relayhost mends. A suspect
/// that does not stop every message explains only failures at its own stage. `subject`: the thing of this host that the
/// failure is about, which the fault must name too. `is_refused`: another host has answered, so the message was not kept in
/// the queue.
fn suspect_of<'a>(id: &str, subject: &str, is_refused: bool, suspects: &'a [Suspect]) -> Option<&'a Suspect> {
    let entry = catalogue::entry(id);
    let stage = entry.map(|entry| entry.stage).or_else(|| (id == LOCAL).then_some(Stage::Local));
    // A daemon that ends, or a table that cannot be read, is no matter of the answers.
    let is_of_host = stage.is_some_and(|stage| stage < Stage::Local);
    let explains = |suspect: &&Suspect| {
        let kind = suspect.fault.kind;
        let names = |name: &str| entry.is_some_and(|entry| entry.hops.iter().any(|hop| hop == name));
        if kind == FaultKind::Kept {
            return names(KEPT) || (SILENT.contains(&id) && !is_refused);
        }
        let is_named = names(suspect.hop) || (kind == FaultKind::Table && names(TABLE));
        if is_of_host && !suspect.fault.text.contains(subject) {
            return false;
        }
        (is_named && (suspect.is_own || !is_of_host))
            || stage
                .is_some_and(|stage| acts_at(suspect.hop, stage, entry.is_some_and(|entry| entry.of_host)))
            || (suspect.fault.stops && SILENT.contains(&id))
    };
    suspects.iter().filter(explains).min_by_key(|suspect| (suspect.is_mended, !suspect.fault.stops))
}

/// The name of a failure that a suspect explains. What the catalogue says of this host itself keeps its name, and so does
/// what comes of a decision that is no fault.
fn name_of(id: &str, suspect: &Suspect) -> String {
    let entry = catalogue::entry(id);
    let is_of_host = id == LOCAL || entry.is_some_and(|entry| entry.of_host || entry.stage <= Stage::Local);
    let keeps = is_of_host || !suspect.is_fault() || (suspect.is_mended && id != "unknown");
    if keeps { id.to_owned() } else { format!("{PREFIX}{}", suspect.hop) }
}

/// Cause and remedy with the place on this host that a suspect names.
fn told(cause: &str, suspect: &Suspect) -> (String, Advice) {
    let fault = &suspect.fault;
    let cause = if cause.is_empty() { fault.text.clone() } else { format!("{}: {cause}", fault.text) };
    let remedy = if suspect.is_mended {
        "`relayhost repair` (sets it as the answers say)".into()
    } else {
        fault.remedy.as_str().into()
    };
    (cause, remedy)
}

/// A fault of this host, as it was joined to a cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The fault.
    pub fault: Fault,
    /// The cause without it.
    pub plain: Cause,
}

/// The cause of a failure after which mail has left. A fault that stops all mail of this way now cannot have been its
/// reason, nor can one of files that were changed since (`is_changed`); such a fault is taken out of it.
pub fn past(cause: Cause, suspects: &[Suspect], is_changed: bool) -> Cause {
    let is_there = |joined: &Joined| suspects.iter().any(|one| one.fault == joined.fault);
    match cause.joined {
        Some(joined) if is_changed || joined.fault.stops && is_there(&joined) => joined.plain,
        joined => Cause { joined, ..cause },
    }
}

/// The cause, with the fault of this host that it comes from, if one of the suspects explains it.
pub fn explained(cause: Cause, suspects: &[Suspect]) -> Cause {
    let is_refused = cause.verdict == Verdict::Refused;
    let suspect = suspect_of(&cause.id, &cause.subject, is_refused, suspects);
    let Some(suspect) = suspect.filter(|suspect| !suspect.fault.remedy.is_empty()) else { return cause };
    let (text, remedy) = told(&cause.cause, suspect);
    let fix = suspect.is_mended.then_some(Fix::Repair);
    let id = name_of(&cause.id, suspect);
    // The fault was seen in the host's files, and not in the log.
    let basis = if id == cause.id { cause.basis } else { Basis::Inferred };
    let joined = Some(Box::new(Joined { fault: suspect.fault.clone(), plain: cause.clone() }));
    Cause { id, basis, alternatives: Vec::new(), cause: text, remedy, fix, joined, ..cause }
}

/// The same for the failure of a test message or of a probe.
pub fn explained_failure(failure: Failure, suspects: &[Suspect]) -> Failure {
    let suspect = suspect_of(&failure.id, "", failure.exit == Exit::Refused, suspects);
    let Some(suspect) = suspect.filter(|suspect| !suspect.fault.remedy.is_empty()) else { return failure };
    let (cause, remedy) = told(&failure.cause, suspect);
    Failure { id: name_of(&failure.id, suspect), cause, remedy, ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspect(hop: &'static str, stops: bool, is_mended: bool) -> Suspect {
        let fault = Fault { stops, text: "here".into(), remedy: "undo".into(), kind: FaultKind::Other };
        Suspect { hop, fault, is_own: true, is_mended }
    }

    fn failed(id: &str, suspects: &[Suspect]) -> Failure {
        let failure = Failure::new(true, id, "there".into(), "ask", vec!["line".into()]);
        explained_failure(failure, suspects)
    }

    #[test]
    fn a_hop_is_the_cause_where_it_explains_the_log() {
        for (id, hop) in [
            ("unknown", "transport"),
            ("another-relay", "filter"),
            ("connection-refused", "filter"),
            ("no-word", "filter"),
            ("not-queued", "service"),
            ("connection-refused", "transport"),
            ("wrong-password", "transport"),
            ("host-not-found", "service"),
            ("starttls-demanded", "tls"),
            ("tls-not-offered", "tls"),
            ("sasl-no-mechanism", "tls"),
            ("login-needed", "tls"),
            ("relay-denied", "login"),
            ("wrong-password", "login"),
            ("sender-refused", "rewrite"),
        ] {
            let failure = failed(id, &[suspect("address", false, false), suspect(hop, true, false)]);
            assert_eq!(failure.id, format!("route.{hop}"), "{id}");
            assert_eq!((failure.cause.as_str(), failure.remedy.text().as_str()), ("here: there", "undo"));
            assert_eq!(failure.evidence, ["line"]);
        }
    }

    #[test]
    fn what_the_catalogue_says_of_this_host_keeps_its_name_and_gets_the_place() {
        for (id, hop) in [
            ("service-missing", "service"),
            ("delivered-locally", "transport"),
            ("milter-refused", "filter"),
            ("tls-policy-bad", "tls"),
            ("canonical-table-trouble", "rewrite"),
            ("tls-too-old", "tls.protocols"),
        ] {
            let failure = failed(id, &[suspect(hop, true, false)]);
            assert_eq!((failure.id.as_str(), failure.remedy.text().as_str()), (id, "undo"));
        }
    }

    #[test]
    fn a_cause_that_no_hop_explains_stays() {
        for (id, hop) in [
            ("wrong-password", "sender"),
            ("host-not-found", "tls"),
            ("disk-full", "transport"),
            ("greylisted", "login"),
            ("sasl-library-broken", "login"),
            ("message-over-local-limit", "transport"),
            ("client-certificate-unreadable", "transport"),
            ("sasl-plugin-missing", "filter"),
            ("bind-address-gone", "alias"),
        ] {
            let failure = failed(id, &[suspect(hop, true, false)]);
            assert_eq!((failure.id.as_str(), failure.remedy.text().as_str()), (id, "ask"));
        }
        let told = Suspect { is_own: false, ..suspect("tls", true, true) };
        assert_eq!(failed("daemon-given-up", std::slice::from_ref(&told)).remedy.text(), "ask");
        assert_eq!(failed("daemon-given-up", &[told, suspect("login", true, true)]).cause, "here: there");
        // One that lets most messages pass explains nothing but its own stage.
        assert_eq!(failed("unknown", &[suspect("sender", false, false)]).id, "unknown");
        assert_eq!(failed("sender-refused", &[suspect("sender", false, false)]).id, "route.sender");
    }

    #[test]
    fn what_repair_mends_comes_last_and_keeps_the_name() {
        let mended = suspect("tls", true, true);
        let failure = failed("starttls-demanded", std::slice::from_ref(&mended));
        assert_eq!(failure.id, "starttls-demanded");
        assert!(failure.remedy.text().starts_with("`relayhost repair`"), "{}", failure.remedy);
        assert_eq!(failed("starttls-demanded", &[mended, suspect("tls", true, false)]).id, "route.tls");
        let unknown = Cause::unknown(Stage::Queue, Verdict::Unreached);
        let cause = explained(unknown, &[suspect("filter", true, false)]);
        assert_eq!((cause.id.as_str(), cause.cause.as_str()), ("route.filter", "here"));
    }

    #[test]
    fn a_fault_explains_what_can_come_of_its_kind() {
        let of = |kind, text: &str| {
            let one = suspect("transport", true, false);
            Suspect { fault: Fault { kind, text: text.into(), ..one.fault.clone() }, ..one }
        };
        let kept = of(FaultKind::Kept, "qmgr(8) keeps all mail");
        for id in
            ["table-not-built", "daemon-died", "wrong-password", "connection-refused", "error-transport"]
        {
            assert_eq!(failed(id, std::slice::from_ref(&kept)).remedy.text(), "ask", "{id}");
        }
        let silent = Failure::new(false, "no-word", "there".into(), "ask", Vec::new());
        assert_eq!(explained_failure(silent, std::slice::from_ref(&kept)).id, "route.transport");
        assert_eq!(failed("mail-kept", std::slice::from_ref(&kept)).remedy.text(), "undo");
        assert_eq!(
            failed("mail-kept", &[of(FaultKind::Other, "the relay is another one")]).remedy.text(),
            "ask"
        );
        let lost = |fault: Suspect| {
            let unknown = Cause::unknown(Stage::Config, Verdict::Unreached);
            let cause =
                Cause { id: "table-not-built".into(), subject: "/etc/postfix/nope".into(), ..unknown };
            explained(cause, &[fault]).remedy.text() == "undo"
        };
        assert!(lost(of(FaultKind::Table, "transport_maps: hash:/etc/postfix/nope could not be asked")));
        assert!(!lost(of(FaultKind::Table, "transport_maps: hash:/etc/postfix/other could not be asked")));
        assert!(!lost(of(FaultKind::Other, "the transport error returns all: /etc/postfix/nope")));
    }

    #[test]
    fn what_is_over_did_not_come_of_what_stops_all_mail_now() {
        let own = suspect("transport", true, false);
        let unknown = Cause::unknown(Stage::Queue, Verdict::Unreached);
        let cause = explained(unknown.clone(), std::slice::from_ref(&own));
        assert_eq!(past(cause.clone(), &[], false), cause, "a fault of that message's way alone");
        assert_eq!(past(cause, &[own], false), unknown);
        let some = suspect("sender", false, false);
        let refused = Cause { id: "sender-refused".into(), ..unknown };
        let cause = explained(refused, std::slice::from_ref(&some));
        assert_eq!(past(cause.clone(), &[some], false), cause, "a fault that lets other mail pass");
        assert_eq!(past(cause, &[], true).id, "sender-refused", "a fault that came later");
    }
}
