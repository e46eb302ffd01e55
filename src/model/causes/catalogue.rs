//! The catalogue of causes: `catalogue/*.toml`, read and checked. It is data only; `diagnose` decides which entry fits a
//! log. An entry that is not sound fails the tests below, and would end the program rather than be left out.

mod needed;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::OnceLock;

use regex::bytes::{Captures, Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::form::Form;
use super::words::{Speaker, Words};
use crate::error::LOG_IN;
pub use table::{fitting, fitting_at};

/// The side that kept the message from arriving.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The relay refused the message.
    Refused,
    /// No answer of the relay to the message was heard.
    Unreached,
}

/// Stage of a message's way where the cause lies, in the order of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The host itself: packages, labels, disk, clock.
    Host,
    /// main.cf, master.cf and lookup tables.
    Config,
    /// Submission, the queue, Postfix's daemons.
    Queue,
    /// Delivery on this host instead of to the relay.
    Local,
    /// Resolution of names to addresses.
    Dns,
    /// TCP.
    Connect,
    /// Greeting and HELO.
    Greeting,
    /// TLS.
    Tls,
    /// Login.
    Login,
    /// MAIL FROM, and the sender that a message names.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA and the message in it.
    Message,
    /// Rates, quotas, reputation.
    Limit,
}

/// The relayhost command that can mend a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fix {
    /// `relayhost apply`, if need be after a change of the answers.
    Apply,
    /// `relayhost repair`.
    Repair,
}

/// A fact about a host that an entry may require.
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
    /// The password table in force has no entry for the relayhost in force.
    EntryMissing,
    /// The table has an entry for it that is not what the answers say.
    EntryDiffers,
    /// The answers have no rewrite for the sender of the test message.
    SenderNotRewritten,
    /// The answers have such a rewrite, and Postfix does not use it.
    RewriteNotInForce,
    /// The answers have a login.
    AnswersHaveLogin,
    /// The answers have no login.
    AnswersHaveNoLogin,
    /// No route leads out of the host.
    NoNetwork,
    /// The login is by an access token, by the answers or by the mechanisms that Postfix may use.
    LoginByToken,
    /// By the answers a person has logged in once for the access token.
    PersonLogsIn,
    /// The message goes to the mail servers of the recipient's own domain, by a route of the answers.
    Direct,
}

/// The kind of login that a cause is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A password: it is not the cause where the login is known to be by an access token.
    Password,
    /// An access token that an identity provider has not given: its words are read.
    Token,
}

/// One cause.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the catalogue")]
pub struct Entry {
    /// Stable name, in kebab case.
    pub id: String,
    /// The side that kept the message from arriving.
    pub verdict: Verdict,
    /// Stage of the message's way.
    pub stage: Stage,
    /// Whether the same attempt may succeed in a minute.
    #[serde(default)]
    pub again: bool,
    /// Whether a line of the log reports it even without a message that failed.
    #[serde(default)]
    pub alone: bool,
    /// The kind of login that it is about; `None`: any, or none.
    #[serde(default)]
    pub subject: Option<Subject>,
    /// Hops of a message's way through this host whose fault can be the cause, besides those that act at its stage.
    #[serde(default)]
    pub hops: Vec<String>,
    /// Whether it is this host's own, whichever host the message was to go to: the way does not explain it.
    #[serde(default)]
    pub of_host: bool,
    /// Facts that must be true of the host as well.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// One pattern of this or of the next two lists must match one line of the evidence. These read lines that repeat a
    /// stranger's words: the relay's, a name server's, a certificate's, those of whoever wrote the message.
    #[serde(default)]
    pub stranger: Vec<Pattern>,
    /// Patterns that read only the own words of Postfix's programs.
    #[serde(default)]
    pub daemon: Vec<Pattern>,
    /// Patterns that read lines of the kernel, systemd, the journal and rsyslog.
    #[serde(default)]
    pub system: Vec<Pattern>,
    /// Patterns that read the same words, and count only if the relay was tried at this port.
    #[serde(default)]
    pub at: BTreeMap<String, Vec<Pattern>>,
    /// Whether the pattern's first group must be the domain of the recipient.
    #[serde(default)]
    pub of_recipient: bool,
    /// Whether the address and the port must be those to which `relayhost` leads; where that is not known, the port tells.
    #[serde(default)]
    pub of_relayhost: bool,
    /// The delivery agent that must have written the record of the attempt.
    #[serde(default)]
    pub agent: Option<String>,
    /// Whether the words say only what happened, so that the cause is a conclusion from them.
    #[serde(default)]
    pub inferred: bool,
    /// Entries that the same words may have as their cause, without showing it.
    #[serde(default)]
    pub or: Vec<String>,
    /// Each of these must match a line as well, in the words of the same speaker.
    #[serde(default)]
    pub also: Vec<Pattern>,
    /// None of these may match a line, in the words of the same speaker.
    #[serde(default)]
    pub unless: Vec<Pattern>,
    /// Entries further down that fit the same lines, and are less exact.
    #[serde(default)]
    pub over: Vec<String>,
    /// Form that the pattern's first group must have to stand in a remedy.
    #[serde(default)]
    pub form: Option<Form>,
    /// Versions of Postfix with this wording: `2.10`, `2.10-3.5`, `3.6-`.
    #[serde(default)]
    pub postfix: Option<String>,
    /// The relayhost command that can mend it.
    #[serde(default)]
    pub fix: Option<Fix>,
    /// Whether nothing was heard of the relay, for which the host's own network, its name server or a firewall on the way
    /// can be the reason: it says nothing of the configuration, which has worked and may again as it is.
    #[serde(default)]
    pub unheard: bool,
    /// Whether it may pass without a change of the answers, though not within a minute. What has `again` or `unheard` may, too.
    #[serde(default)]
    pub passes: bool,
    /// Whether it is about one recipient alone, where others of its stage are about this host or its login.
    #[serde(default)]
    pub one_recipient: bool,
    /// Whether it is about one login or one message that a program of this host hands in: mail of others says nothing of it.
    #[serde(default)]
    pub one_caller: bool,
    /// Source of the words.
    pub source: String,
    /// Text to add to the remedy for users of a preset.
    #[serde(default)]
    pub provider: BTreeMap<String, String>,
    /// The cause, in words for a person.
    pub cause: String,
    /// The remedy, in words for a person.
    pub remedy: String,
}

impl Entry {
    /// Whether it may pass by itself, so that the answers need not be wrong.
    pub fn may_pass(&self) -> bool {
        self.again || self.unheard || self.passes
    }

    /// The patterns of which one must match, by the speaker whose words they read.
    pub fn patterns(&self) -> [(Speaker, &[Pattern]); 3] {
        [
            (Speaker::Stranger, &self.stranger),
            (Speaker::Daemon, &self.daemon),
            (Speaker::System, &self.system),
        ]
    }

    /// Whether it can be the cause where these facts are true.
    pub fn holds(&self, facts: &BTreeSet<Fact>) -> bool {
        let is_other_login = self.subject == Some(Subject::Password) && facts.contains(&Fact::LoginByToken);
        !is_other_login && self.facts.iter().all(|fact| facts.contains(fact))
    }

    /// The remedy. `login` is the command by which a person logs in: the application may be that of another answers file.
    pub fn remedy_by(&self, login: &str) -> String {
        let template = &self.remedy;
        template.replace("{login}", login)
    }

    /// The remedy for the reader of a log. After a change at the identity provider, another token has to be fetched.
    pub fn remedy_in_log(&self) -> String {
        let is_renewed = self.subject == Some(Subject::Token) && !self.again;
        let renew =
            "; then `relayhost token --force`, or with sasl-xoauth2 `postfix reload` and `postqueue -f`";
        format!("{}{}", self.remedy_by(LOG_IN), if is_renewed { renew } else { "" })
    }

    /// The groups of the first pattern that matches a line.
    pub fn captures<'a>(&self, words: Words<'a>) -> Option<Captures<'a>> {
        self.read(words).map(|read| read.captures)
    }

    /// The first pattern that matches a line, as it was read.
    pub fn read<'a>(&self, words: Words<'a>) -> Option<Read<'a>> {
        self.patterns().into_iter().find_map(|(speaker, patterns)| {
            let text = words.read_as(speaker).filter(|_| !patterns.is_empty())?.as_bytes();
            let captures = patterns.iter().find_map(|pattern| pattern.captures(text))?;
            Some(Read { captures, speaker, of_relay: words.is_of_relay() })
        })
    }

    /// The entries that the same words may have as their cause.
    pub fn others(&self) -> impl Iterator<Item = &'static Self> {
        catalogue().iter().filter(|entry| self.or.contains(&entry.id))
    }
}

/// A pattern that matched a line.
#[derive(Debug)]
pub struct Read<'a> {
    /// Its groups.
    pub captures: Captures<'a>,
    /// The speaker whose words it read.
    pub speaker: Speaker,
    /// Whether the stranger in that line is the relay.
    pub of_relay: bool,
}

/// A regular expression, compiled when a text has the words that it needs: most are never used.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Pattern {
    text: String,
    #[serde(skip)]
    regex: OnceLock<Regex>,
}

impl Deref for Pattern {
    type Target = Regex;

    #[expect(clippy::unwrap_used, reason = "a test compiles each of them")]
    fn deref(&self) -> &Regex {
        // Log lines are usually ASCII: `\w` for every script would only make the expression large.
        self.regex.get_or_init(|| RegexBuilder::new(&self.text).unicode(false).build().unwrap())
    }
}

/// All causes, the most exact first.
pub fn catalogue() -> &'static [Entry] {
    table::entries()
}

/// The entry of this name; `None`: the name is a hop's, or that of an end without a cause.
pub fn entry(id: &str) -> Option<&'static Entry> {
    catalogue().iter().find(|entry| entry.id == id)
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
