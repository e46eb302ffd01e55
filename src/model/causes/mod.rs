//! Finds the cause for evidence and facts, by the catalogue in `catalogue/`. Nothing is guessed: if the catalogue does
//! not know the cause, the evidence itself is shown.

pub mod catalogue;
pub mod extent;
pub mod failure;
pub mod form;
pub mod hop;
pub mod words;

use std::collections::BTreeSet;

use crate::model::causes::catalogue::{Entry, Fact, Fix, Stage, Verdict, fitting};
use crate::model::causes::form::{Form, Value, fill};
use crate::model::causes::hop::{Suspect, explained};
use crate::model::causes::words::Words;
use crate::model::desired::{Auth, Desired};
use crate::model::observed::{Database, MapFile, Observed, Postfix};
use crate::model::packages::need::{Need, needs};
use crate::model::plan::parameters::words;
use crate::model::postfix::managed::Managed;
use crate::model::probe::route::Route;
use crate::model::providers::with_host;

/// A cause, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Stable name.
    pub id: String,
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
    pub remedy: String,
}

impl Cause {
    /// The cause of words that the catalogue does not know: their stage, and whether the relay said them. It has no
    /// sentence; the words themselves are shown.
    pub fn unknown(stage: Stage, verdict: Verdict) -> Self {
        let remedy = match verdict {
            Verdict::Refused => failure::ASK,
            Verdict::Unreached => failure::READ,
        };
        let (id, cause, remedy) = ("unknown".into(), String::new(), remedy.into());
        Self { id, verdict, stage, again: false, fix: None, cause, remedy }
    }

    /// Whether it is named by a hop of the message's way through this host.
    pub fn is_of_hop(&self) -> bool {
        self.id.starts_with(hop::PREFIX)
    }

    /// Whether the catalogue knows it.
    pub fn is_known(&self) -> bool {
        !self.cause.is_empty()
    }
}

/// A failed attempt to send a message, as far as a log tells of it.
#[derive(Debug, Clone, Copy)]
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
}

/// Words after `the recipient` if there are several.
const NOBODY: &str = "named in the log";
/// Words for the user if the answers have no login.
const NO_LOGIN: &str = "this host";

/// Values to fill into the texts, and the facts. Values come from the answers, or from a log that anybody may have
/// written; an unknown one is empty.
#[derive(Debug, Default)]
pub struct Circumstances {
    facts: BTreeSet<Fact>,
    relayhost: String,
    user: String,
    /// Words for the user if it is not known, or there is none.
    no_user: &'static str,
    package: String,
    to: String,
    sender: String,
    /// The preset that the relay belongs to.
    provider: Option<&'static str>,
    /// The faults of the message's way through this host.
    suspects: Vec<Suspect>,
}

impl Circumstances {
    /// The circumstances, with the faults of the message's way through this host.
    #[must_use]
    pub fn with(self, suspects: Vec<Suspect>) -> Self {
        Self { suspects, ..self }
    }

    /// The circumstances of a host that has a route out of it, or none.
    #[must_use]
    pub fn routed(mut self, has_route: bool) -> Self {
        self.facts.extend((!has_route).then_some(Fact::NoNetwork));
        self
    }

    /// The cause, with the fault of this host that it comes from, if there is one.
    #[must_use]
    pub fn explained(&self, cause: Cause) -> Cause {
        explained(cause, &self.suspects)
    }

    /// Circumstances for a log from elsewhere: nothing is known of the host, so entries that require facts do not fit.
    pub fn unknown(about: &About<'_>) -> Self {
        let About { relay, sender, to, .. } = *about;
        Self {
            relayhost: relay.map_or_else(String::new, |(name, _, port)| format!("{name}:{port}")),
            no_user: "this login",
            to: to.to_owned(),
            sender: sender.to_owned(),
            provider: relay.and_then(|(name, ..)| preset_of(name)),
            ..Self::default()
        }
    }

    /// Reads the facts off a host for a message from `sender` to `to`.
    pub fn new(desired: &Desired, observed: &Observed, sender: &str, to: &str) -> Self {
        let (mut facts, mut package) = (BTreeSet::new(), String::new());
        for need in needs(desired) {
            if let Need::Package { name, plugin: Some(plugin) } = need {
                let missing = !observed.packages.contains_key(&name);
                if missing || !observed.plugins.contains(plugin) {
                    facts.insert(Fact::PluginMissing);
                }
                package = name;
            }
        }
        let (user, login) = match &desired.auth {
            Auth::None => (String::new(), Fact::AnswersHaveNoLogin),
            Auth::Login { username, .. } => (username.clone(), Fact::AnswersHaveLogin),
        };
        facts.insert(login);
        if desired.mechanism().takes_token() {
            facts.insert(Fact::LoginByToken);
        }
        let relayhost = match &observed.postfix {
            None => desired.relayhost(),
            Some(postfix) => {
                facts.extend(facts_in_force(desired, postfix, sender));
                postfix.setting("relayhost").to_owned()
            }
        };
        let provider = preset_of(&desired.relay.host);
        let (to, sender) = (to.to_owned(), sender.to_owned());
        Self {
            facts,
            relayhost,
            user,
            package,
            to,
            sender,
            provider,
            no_user: NO_LOGIN,
            suspects: Vec::new(),
        }
    }

    /// Circumstances for a conversation that Postfix did not have: the facts are the route's.
    pub fn of_route(route: &Route) -> Self {
        Self {
            facts: route.facts(),
            relayhost: route.relayhost.clone(),
            user: route.login.as_ref().map_or_else(String::new, |(user, _)| user.clone()),
            no_user: NO_LOGIN,
            package: route.lacks.map_or(route.package.as_str(), |kind| kind.package).to_owned(),
            to: route.recipient.clone().unwrap_or_default(),
            sender: route.sender[1].clone(),
            provider: preset_of(&route.host),
            suspects: route.suspects.clone(),
        }
    }

    /// A text with the values filled in; `first` is the text of the pattern's first group.
    fn fill(&self, text: &str, first: Option<&str>, form: Form) -> String {
        let value = |name, text, unknown, form| Value { name, text, unknown, form };
        fill(
            text,
            &[
                value("relayhost", &self.relayhost, "the relay", Form::Relay),
                value("user", &self.user, self.no_user, Form::Login),
                value("package", &self.package, "", Form::Package),
                value("to", &self.to, NOBODY, Form::Mail),
                value("sender", &self.sender, "this sender", Form::Mail),
                value("1", first.unwrap_or_default(), "", form),
            ],
        )
    }
}

/// The preset to which a relay of this name belongs.
fn preset_of(host: &str) -> Option<&'static str> {
    with_host(host).next().map(|(name, _)| name)
}

/// The facts about the settings and tables that Postfix uses, for a message from `sender`.
fn facts_in_force(desired: &Desired, postfix: &Postfix, sender: &str) -> impl Iterator<Item = Fact> {
    let setting = |name| postfix.setting(name);
    let options = ["smtp_sasl_security_options", "smtp_sasl_tls_security_options"];
    let forbids_plaintext = |name| words(setting(name)).iter().any(|word| word == "noplaintext");
    let login = match (&desired.auth, postfix.maps.get(&Managed::SaslPasswd)) {
        (Auth::Login { username, password, .. }, Some(map)) => {
            match entry_in_force(map, setting("relayhost")) {
                None => Some(Fact::EntryMissing),
                Some(entry) => {
                    // An entry that waits for its first token has none that could differ.
                    let is_ours = !password.expose().is_empty() || desired.app().is_none();
                    let differs = is_ours && entry != format!("{username}:{}", password.expose());
                    differs.then_some(Fact::EntryDiffers)
                }
            }
        }
        _ => None,
    };
    let rewrite = match desired.rewrite_of(sender, setting("myorigin")) {
        None => Some(Fact::SenderNotRewritten),
        Some(rule) => (!is_rewritten(&rule.local, &rule.public, postfix)).then_some(Fact::RewriteNotInForce),
    };
    let facts = [
        (setting("smtp_sasl_auth_enable") != "yes").then_some(Fact::SaslOff),
        options.into_iter().any(forbids_plaintext).then_some(Fact::Noplaintext),
        matches!(setting("smtp_tls_security_level"), "" | "none").then_some(Fact::TlsOff),
        (!postfix.has_route).then_some(Fact::NoNetwork),
        login,
        rewrite,
    ];
    facts.into_iter().flatten()
}

/// Whether Postfix's generic table in force has this entry.
fn is_rewritten(local: &str, public: &str, postfix: &Postfix) -> bool {
    let Some(map) = postfix.maps.get(&Managed::Generic) else { return false };
    let in_force = postfix.map_kind.as_ref().is_some_and(|kind| {
        words(postfix.setting("smtp_generic_maps")).contains(&kind.table(&Managed::Generic.path()))
    });
    in_force && entry_in_force(map, local).as_deref() == Some(public)
}

/// The value that Postfix finds for a key in a table.
fn entry_in_force(map: &MapFile, key: &str) -> Option<String> {
    match &map.database {
        Database::Read { entries, .. } => entries.get(&key.to_lowercase()).cloned(),
        Database::NotNeeded => map.source.as_ref()?.get(key),
        Database::Missing | Database::Broken(_) => None,
    }
}

/// Names the cause that fits the evidence, the most exact first; `None` if the catalogue knows none.
pub fn diagnose<'a, W: Copy + Into<Words<'a>>>(
    evidence: &[W],
    circumstances: &Circumstances,
) -> Option<Cause> {
    let entry = fitting(evidence).find(|entry| entry.holds(&circumstances.facts))?;
    Some(circumstances.explained(explain(entry, evidence, circumstances)))
}

/// The cause of an entry, with its texts filled in.
pub fn explain<'a, W: Copy + Into<Words<'a>>>(
    entry: &Entry,
    evidence: &[W],
    circumstances: &Circumstances,
) -> Cause {
    let found = evidence.iter().find_map(|line| entry.captures((*line).into()));
    let first = found.and_then(|found| found.get(1)).map(|first| String::from_utf8_lossy(first.as_bytes()));
    let form = entry.form.unwrap_or(Form::Text);
    let fill = |text: &str| circumstances.fill(text, first.as_deref(), form);
    let mut remedy = fill(&entry.remedy_in_log());
    if let Some(note) = circumstances.provider.and_then(|name| entry.provider.get(name)) {
        remedy = format!("{remedy}; {}", fill(note));
    }
    Cause {
        id: entry.id.clone(),
        verdict: entry.verdict,
        stage: entry.stage,
        again: entry.again,
        fix: entry.fix,
        cause: fill(&entry.cause),
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circumstances(facts: &[Fact]) -> Circumstances {
        Circumstances {
            facts: facts.iter().copied().collect(),
            relayhost: "[r]:587".into(),
            user: "u".into(),
            no_user: NO_LOGIN,
            package: "cyrus-sasl-plain".into(),
            to: "o@x".into(),
            sender: "monitor@h".into(),
            provider: None,
            suspects: Vec::new(),
        }
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

    /// Whoever logs in by a token is told nothing about a password, whatever the relay says.
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
            assert!(!by_token.remedy.contains("password"), "{by_token:?}");
            assert_ne!(id(&[own, &evidence], &[]), "wrong-password", "the plugin's own line tells it too");
        }
        assert_eq!(id(&[&said("535 5.7.3 Authentication unsuccessful")], &[]), "wrong-password");
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(id(&["host r[1] said: 599 the moon is in the wrong phase"], &[]), "unknown");
    }
}
