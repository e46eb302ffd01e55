//! Finds the cause for evidence and facts, by the catalogue in `catalogue/`. Nothing is guessed: if the catalogue does
//! not know the cause, the evidence itself is shown.

pub mod catalogue;
mod circumstances;
pub mod extent;
pub mod failure;
pub mod form;
pub mod hop;
pub mod in_turn;
pub mod programs;
pub mod table;
pub mod words;

pub use circumstances::Circumstances;

use serde::{Deserialize, Serialize};

use crate::error::Advice;
use crate::model::causes::catalogue::{Entry, Fix, Read, Stage, Verdict, fitting_at};
use crate::model::causes::form::Form;
use crate::model::causes::words::{Speaker, Words};

/// The name of a cause that no entry of the catalogue has.
const UNKNOWN: &str = "unknown";

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// The relay's own words.
    Relay,
    /// The words of Postfix, or of the system, about what happened on this host.
    Postfix,
    /// A conclusion: no words say it themselves.
    Inferred,
}

/// A cause that the same words may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative {
    /// Stable name.
    pub id: String,
    /// Cause in a sentence.
    pub cause: String,
}

/// A cause, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Stable name.
    pub id: String,
    /// What it rests on.
    pub basis: Basis,
    /// The thing on the host that it is about, where each such thing is a fault of its own; empty otherwise.
    pub subject: String,
    /// Other causes that fit.
    pub alternatives: Vec<Alternative>,
    /// The side that kept the message from arriving.
    pub verdict: Verdict,
    /// Stage of the message's way.
    pub stage: Stage,
    /// Whether the same attempt may succeed in a minute.
    pub again: bool,
    /// The relayhost command that can mend it.
    pub fix: Option<Fix>,
    /// Cause in a sentence.
    pub cause: String,
    /// Next step for the administrator.
    pub remedy: Advice,
    /// The fault of this host that was joined to it.
    pub joined: Option<Box<hop::Joined>>,
}

impl Cause {
    /// The cause of words that the catalogue does not know: their stage, and whether the relay said them. It has no
    /// sentence; the words themselves are shown.
    pub fn unknown(stage: Stage, verdict: Verdict) -> Self {
        let remedy = match verdict {
            Verdict::Refused => failure::ASK,
            Verdict::Unreached => failure::READ,
        };
        let basis = if verdict == Verdict::Refused { Basis::Relay } else { Basis::Postfix };
        let (id, cause, remedy) = (UNKNOWN.into(), String::new(), remedy.into());
        let (subject, alternatives) = (String::new(), Vec::new());
        Self {
            id,
            basis,
            subject,
            alternatives,
            verdict,
            stage,
            again: false,
            fix: None,
            cause,
            remedy,
            joined: None,
        }
    }

    /// Whether it is named by a hop of the message's way through this host.
    pub fn is_of_hop(&self) -> bool {
        self.id.starts_with(hop::PREFIX)
    }

    /// Whether no entry of the catalogue names it, though a sentence may be there that has the words.
    pub fn is_unknown(&self) -> bool {
        self.id == UNKNOWN
    }

    /// Whether there is a sentence for it.
    pub fn is_known(&self) -> bool {
        !self.cause.is_empty()
    }
}

/// A failed attempt to send a message, as far as a log tells of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct About<'a> {
    /// Name, address and port of the host that was tried.
    pub relay: Option<(&'a str, &'a str, u16)>,
    /// Envelope sender; empty if it is not known, or the null sender.
    pub sender: &'a str,
    /// Recipient; empty if several messages share the cause.
    pub to: &'a str,
    /// The host that wrote the line.
    pub host: &'a str,
    /// The recipient of one such message, by which its way through this host is found; empty if it is not known.
    pub example: &'a str,
    /// The domain of the recipient, as Postfix tried it.
    pub domain: &'a str,
    /// The delivery agent; empty if it is not known.
    pub agent: &'a str,
}

/// Names the cause that fits the evidence, the most exact first; `None` if the catalogue knows none.
pub fn diagnose<'a, W: Copy + Into<Words<'a>>>(
    evidence: &[W],
    circumstances: &Circumstances,
) -> Option<Cause> {
    let mut possible = Vec::new();
    for entry in fitting_at(evidence, circumstances.port()) {
        match circumstances.suit(entry, evidence) {
            Some(true) => {
                let mut cause = explain(entry, evidence, circumstances);
                let others = possible.into_iter().chain(entry.others());
                cause.alternatives = others.map(|other| alternative(other, circumstances)).collect();
                return Some(circumstances.explained(cause));
            }
            Some(false) => possible.push(entry),
            None => {}
        }
    }
    None
}

fn alternative(entry: &Entry, circumstances: &Circumstances) -> Alternative {
    let cause = circumstances.fill(&entry.cause, [None; 2], entry.form.unwrap_or(Form::Text));
    Alternative { id: entry.id.clone(), cause }
}

/// The cause of an entry, with its texts filled in.
pub fn explain<'a, W: Copy + Into<Words<'a>>>(
    entry: &Entry,
    evidence: &[W],
    circumstances: &Circumstances,
) -> Cause {
    let found = evidence.iter().find_map(|line| entry.read((*line).into()));
    let first = found.as_ref().and_then(|found| found.captures.get(1));
    let first = first.map(|first| String::from_utf8_lossy(first.as_bytes()));
    let form = entry.form.unwrap_or(Form::Text);
    let address = evidence.iter().find_map(|line| (*line).into().address());
    let fill = |text: &str| circumstances.fill(text, [first.as_deref(), address], form);
    let mut remedy = fill(&circumstances.in_table(entry.remedy_in_log(), entry.stage));
    if let Some(note) = circumstances.note(entry) {
        remedy = format!("{remedy}; {}", fill(note));
    }
    let subject = first.as_deref().filter(|first| form.is_of_host() && form.fits(first)).unwrap_or_default();
    // A login that may not be two senders: each is a fault of its own, and has its own remedy.
    let second = found.as_ref().and_then(|found| found.captures.get(2)).filter(|_| entry.one_caller);
    let second = second.map(|second| String::from_utf8_lossy(second.as_bytes()).to_lowercase());
    let subject = [subject, second.as_deref().unwrap_or_default()].join(" ");
    let subject = subject.trim_end();
    Cause {
        id: entry.id.clone(),
        basis: basis(entry, found.as_ref()),
        subject: circumstances.subject(subject),
        alternatives: Vec::new(),
        verdict: entry.verdict,
        stage: entry.stage,
        again: entry.again,
        fix: entry.fix,
        cause: fill(&entry.cause),
        remedy: circumstances.advised(remedy.into()),
        joined: None,
    }
}

/// What an entry rests on that was found by these words; without words, by the port alone.
fn basis(entry: &Entry, found: Option<&Read>) -> Basis {
    match found {
        Some(found) if !entry.inferred && entry.facts.is_empty() => match found.speaker {
            Speaker::Stranger if found.of_relay => Basis::Relay,
            Speaker::Stranger | Speaker::Daemon | Speaker::System => Basis::Postfix,
        },
        _ => Basis::Inferred,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::causes::catalogue::Fact;

    fn circumstances(facts: &[Fact]) -> Circumstances {
        Circumstances::with_facts(facts)
    }

    fn id(evidence: &[&str], facts: &[Fact]) -> String {
        diagnose(evidence, &circumstances(facts)).map_or_else(|| "unknown".into(), |cause| cause.id)
    }

    #[test]
    fn facts_tell_causes_with_the_same_words_apart() {
        let reason = "host r[1] said: 530 5.7.57 Client not authenticated to send mail. (in reply to MAIL FROM command)";
        assert_eq!(id(&[reason], &[Fact::SaslOff, Fact::AnswersHaveLogin]), "not-authenticated-sasl-off");
        assert_eq!(id(&[reason], &[Fact::TlsOff, Fact::EntryMissing]), "not-authenticated-no-tls");
        assert_eq!(id(&[reason], &[Fact::EntryMissing]), "not-authenticated-no-key");
        assert_eq!(id(&[reason], &[Fact::AnswersHaveNoLogin, Fact::SaslOff]), "login-needed");
        assert_eq!(id(&[reason], &[]), "relay-denied");
    }

    #[test]
    fn a_wrong_name_is_not_taken_for_an_unknown_authority() {
        let reason = "Server certificate not verified";
        assert_eq!(id(&[reason], &[]), "certificate-name");
        assert_eq!(
            id(&[reason, "certificate verification failed for r[1]:587: untrusted issuer /CN=x"], &[]),
            "certificate-not-trusted"
        );
    }

    #[test]
    fn captures_and_names_are_filled_in() {
        let cause = diagnose(
            &["warning: r[1]:587 offered no supported AUTH mechanisms: 'XOAUTH2'"],
            &circumstances(&[]),
        )
        .unwrap();
        assert!(cause.cause.ends_with("it offers XOAUTH2"), "{}", cause.cause);
    }

    /// Where the login is by a token, no cause is about a password, whatever the relay says.
    #[test]
    fn a_login_by_a_token_is_never_mended_by_a_password() {
        let said = |words: &str| format!("SASL authentication failed; server r[1] said: {words}");
        let own = "relayhost-sasl-xoauth2: the server refuses the token: {}";
        for (words, cause) in [
            ("535 5.7.3 Authentication unsuccessful [x.outlook.com]", "token-refused-by-exchange"),
            ("535 5.7.8 Error: authentication failed:", "token-refused"),
            ("535-5.7.8 Username and Password not accepted.", "token-refused"),
            ("534-5.7.9 Application-specific password required", "token-refused"),
            (
                "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox",
                "smtp-auth-disabled-mailbox",
            ),
        ] {
            let evidence = said(words);
            let by_token = diagnose(&[evidence.as_str()], &circumstances(&[Fact::LoginByToken])).unwrap();
            assert_eq!(by_token.id, cause, "{words}");
            assert!(!by_token.remedy.text().contains("password"), "{by_token:?}");
            assert_ne!(id(&[own, &evidence], &[]), "wrong-password", "the plugin's own line tells it too");
        }
        assert_eq!(id(&[&said("535 5.7.3 Authentication unsuccessful")], &[]), "wrong-password");
    }

    #[test]
    fn a_refused_login_is_that_of_the_entry_that_was_taken() {
        let said = ["SASL authentication failed; server r[1] said: 535 5.7.8 Error: authentication failed:"];
        let of = |user: Option<&str>| {
            let known = circumstances(&[]).logged_in_as(user.map(str::to_owned));
            diagnose(&said, &known).unwrap().cause
        };
        assert!(
            of(Some("old@example.com")).ends_with("of old@example.com"),
            "{}",
            of(Some("old@example.com"))
        );
        assert!(of(None).ends_with("of u"), "{}", of(None));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(id(&["host r[1] said: 599 the moon is in the wrong phase"], &[]), "unknown");
    }

    #[test]
    fn a_command_about_an_address_has_the_one_that_was_tried() {
        let remedy = |line: &str| {
            let cause = diagnose(&[line], &Circumstances::default()).unwrap();
            cause.remedy.text()
        };
        for (address, shown) in [("192.0.2.4", "192.0.2.4"), ("$(x)", "ADDRESS")] {
            let said = remedy(&format!("connect to r.test[{address}]:25: No route to host"));
            assert!(said.starts_with(&format!("`ip route get {shown}` must name a way")), "{said}");
        }
        assert!(remedy("Cannot connect to r.test: No route to host").starts_with("`ip route get ADDRESS`"));
    }
}
