//! Evidence and facts to a cause, by the catalogue in `catalogue.toml`. What the catalogue does not know is not
//! guessed: the evidence itself is shown.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use regex::Regex;
use serde::Deserialize;

use super::desired::{Auth, Desired, Tls};
use super::managed::Managed;
use super::need::{Need, needs};
use super::observed::{Database, Observed, Postfix, Presence};
use super::parameters::words;

/// Which side kept the message from arriving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The relay said no.
    Refused,
    /// The relay's word was never heard.
    Unreached,
}

/// A cause, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// Stable name.
    pub id: String,
    /// Which side.
    pub verdict: Verdict,
    /// Whether the same attempt may succeed in a minute.
    pub again: bool,
    /// What is wrong.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    cause: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    verdict: Verdict,
    #[serde(default)]
    again: bool,
    #[serde(default)]
    facts: Vec<Fact>,
    patterns: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    cause: String,
    remedy: String,
}

/// What is true of a host, as far as a cause may ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fact {
    /// The Cyrus SASL plugin of the answers' mechanism is not on the disk.
    PluginMissing,
    /// The security options in force forbid plain text mechanisms.
    Noplaintext,
    /// smtp_sasl_auth_enable is not `yes`.
    SaslOff,
    /// smtp_tls_security_level in force is empty or `none`.
    TlsOff,
    /// The level in force demands a valid certificate.
    CertificateDemanded,
    /// The password table in force has no entry for the relayhost in force.
    EntryMissing,
    /// It has one, and it is not what the answers say.
    EntryDiffers,
    /// The answers have no rewrite for the sender of the test message.
    SenderNotRewritten,
    /// They have one, and Postfix does not use it.
    RewriteNotInForce,
    /// The relay's port is 465.
    #[serde(rename = "port-465")]
    Port465,
    /// The answers have a login.
    AnswersHaveLogin,
    /// The answers have none.
    AnswersHaveNoLogin,
}

/// What is filled into the texts, and the facts.
#[derive(Debug)]
pub struct Circumstances {
    facts: BTreeSet<Fact>,
    relayhost: String,
    user: String,
    package: String,
    to: String,
    sender: String,
}

impl Circumstances {
    /// Reads the facts off a host for a message from `sender` to `to`.
    pub fn new(desired: &Desired, observed: &Observed, sender: &str, to: &str) -> Self {
        let mut facts = BTreeSet::new();
        let mut package = String::new();
        for need in needs(desired) {
            if let Need::Package { name, plugin: Some(plugin) } = &need {
                let missing = observed.packages.get(name) == Some(&Presence::Missing);
                if missing || !observed.plugins.contains(*plugin) {
                    facts.insert(Fact::PluginMissing);
                }
                package.clone_from(name);
            }
        }
        let user = match &desired.auth {
            Auth::None => {
                facts.insert(Fact::AnswersHaveNoLogin);
                "this host".to_owned()
            }
            Auth::Login { username, .. } => {
                facts.insert(Fact::AnswersHaveLogin);
                username.clone()
            }
        };
        let relayhost = Self::settings(desired, observed, sender, &mut facts);
        Self { facts, relayhost, user, package, to: to.to_owned(), sender: sender.to_owned() }
    }

    fn settings(desired: &Desired, observed: &Observed, sender: &str, facts: &mut BTreeSet<Fact>) -> String {
        let Some(postfix) = &observed.postfix else { return desired.relayhost() };
        let relayhost = postfix.setting("relayhost");
        if postfix.setting("smtp_sasl_auth_enable") != "yes" {
            facts.insert(Fact::SaslOff);
        }
        let options = ["smtp_sasl_security_options", "smtp_sasl_tls_security_options"];
        if options.iter().any(|name| words(postfix.setting(name)).iter().any(|word| word == "noplaintext")) {
            facts.insert(Fact::Noplaintext);
        }
        match postfix.setting("smtp_tls_security_level") {
            "" | "none" => facts.insert(Fact::TlsOff),
            level if level == Tls::Verify.word() || level == Tls::Secure.word() => {
                facts.insert(Fact::CertificateDemanded)
            }
            _ => false,
        };
        if let (Auth::Login { username, password, .. }, Some(map)) =
            (&desired.auth, postfix.maps.get(&Managed::SaslPasswd))
        {
            let entry = match &map.database {
                Database::Read { entries, .. } => entries.get(&relayhost.to_lowercase()).cloned(),
                Database::NotNeeded => map.source.as_ref().and_then(|source| source.get(relayhost)),
                Database::Missing | Database::Broken(_) => None,
            };
            match entry {
                None => facts.insert(Fact::EntryMissing),
                Some(entry) if entry != format!("{username}:{}", password.expose()) => {
                    facts.insert(Fact::EntryDiffers)
                }
                Some(_) => false,
            };
        }
        match desired.rewrite_of(sender, postfix.setting("myorigin")) {
            None => facts.insert(Fact::SenderNotRewritten),
            Some(rewrite) if !is_rewritten(&rewrite.local, &rewrite.public, postfix) => {
                facts.insert(Fact::RewriteNotInForce)
            }
            Some(_) => false,
        };
        if desired.relay.port == 465 {
            facts.insert(Fact::Port465);
        }
        relayhost.to_owned()
    }

    fn fill(&self, text: &str, captures: Option<&regex::Captures>) -> String {
        let first = captures.and_then(|found| found.get(1)).map_or("", |found| found.as_str());
        text.replace("{relayhost}", &self.relayhost)
            .replace("{user}", &self.user)
            .replace("{package}", &self.package)
            .replace("{to}", &self.to)
            .replace("{sender}", &self.sender)
            .replace("{1}", first)
    }
}

/// Whether Postfix's generic table in force has this entry.
fn is_rewritten(local: &str, public: &str, postfix: &Postfix) -> bool {
    let Some(map) = postfix.maps.get(&Managed::Generic) else { return false };
    let in_force = postfix.map_kind.as_ref().is_some_and(|kind| {
        words(postfix.setting("smtp_generic_maps")).contains(&kind.table(&Managed::Generic.path()))
    });
    let entry = match &map.database {
        Database::Read { entries, .. } => entries.get(&local.to_lowercase()).cloned(),
        Database::NotNeeded => map.source.as_ref().and_then(|source| source.get(local)),
        Database::Missing | Database::Broken(_) => None,
    };
    in_force && entry.as_deref() == Some(public)
}

/// Names the cause that fits the evidence, the most specific first; `None` if the catalogue knows none.
pub fn diagnose(evidence: &[&str], circumstances: &Circumstances) -> Option<Cause> {
    let matches = |pattern: &String| {
        let pattern = Regex::new(pattern).ok()?;
        evidence.iter().find_map(|line| pattern.captures(line))
    };
    catalogue()
        .iter()
        .filter(|entry| entry.facts.iter().all(|fact| circumstances.facts.contains(fact)))
        .find_map(|entry| {
            let found = entry.patterns.iter().find_map(matches)?;
            if entry.unless.iter().any(|pattern| matches(pattern).is_some()) {
                return None;
            }
            Some(Cause {
                id: entry.id.clone(),
                verdict: entry.verdict,
                again: entry.again,
                cause: circumstances.fill(&entry.cause, Some(&found)),
                remedy: circumstances.fill(&entry.remedy, Some(&found)),
            })
        })
}

fn catalogue() -> &'static [Entry] {
    static TABLE: OnceLock<Vec<Entry>> = OnceLock::new();
    // Part of the program, parsed by a test below.
    TABLE.get_or_init(|| {
        toml::from_str::<Catalogue>(include_str!("catalogue.toml")).map(|all| all.cause).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circumstances(facts: &[Fact]) -> Circumstances {
        Circumstances {
            facts: facts.iter().copied().collect(),
            relayhost: "[r]:587".into(),
            user: "u".into(),
            package: "cyrus-sasl-plain".into(),
            to: "o@x".into(),
            sender: "monitor@h".into(),
        }
    }

    fn id(evidence: &[&str], facts: &[Fact]) -> String {
        diagnose(evidence, &circumstances(facts)).map_or_else(|| "unknown".into(), |cause| cause.id)
    }

    #[test]
    fn every_entry_of_the_catalogue_is_usable() {
        let catalogue: Catalogue = toml::from_str(include_str!("catalogue.toml")).unwrap();
        let mut ids = BTreeSet::new();
        for entry in &catalogue.cause {
            assert!(ids.insert(&entry.id), "{} is there twice", entry.id);
            assert!(!entry.patterns.is_empty() && !entry.cause.is_empty() && !entry.remedy.is_empty());
            for pattern in entry.patterns.iter().chain(&entry.unless) {
                Regex::new(pattern).unwrap();
            }
        }
        assert_eq!(super::catalogue().len(), catalogue.cause.len());
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
        let demanded = [Fact::CertificateDemanded];
        assert_eq!(id(&[reason], &demanded), "certificate-name");
        assert_eq!(
            id(&[reason, "certificate verification failed for r[1]:587: untrusted issuer /CN=x"], &demanded),
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

    #[test]
    fn what_is_not_known_is_not_guessed() {
        assert_eq!(id(&["host r[1] said: 599 the moon is in the wrong phase"], &[]), "unknown");
    }
}
