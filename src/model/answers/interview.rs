//! The questions of `init` as data: which ones are open, the default of each, and the effect of an answer. Knows no
//! terminal, so that a call with flags alone takes the same path.

mod prompts;
mod typed;

use std::collections::BTreeSet;
use std::net::IpAddr;

pub use prompts::{Prompt, Question};
pub use typed::{level, yes_or_no};
use typed::{of_access, port, relay};

use super::access::{Access, PASSWORD, UNKNOWN};
use super::choices::Choices;
use crate::error::Complaint;
use crate::model::causes::catalogue::{Stage, catalogue};
use crate::model::desired::{Mechanism, Rewrite, Tls};
use crate::model::oauth::steps::Name;
use crate::model::providers::{self, Provider, providers};
use crate::model::secret::Secret;
use crate::model::text;

/// The answers given so far.
#[derive(Debug, Default, Clone)]
pub struct Interview {
    choices: Choices,
    /// The choices before a question was reopened.
    before: Choices,
    /// Whether the provider's standard part was chosen.
    standard: bool,
    /// Whether local senders stay as they are.
    as_they_are: bool,
    /// Questions to ask again, even if their answers are known.
    reopened: BTreeSet<Question>,
    login: Option<bool>,
    /// Questions about an access token that the person declined: a password is used, the day of the end is not known.
    declined: BTreeSet<Question>,
    local: Option<String>,
    domain: String,
    /// The interview before each answer, the last one at the end.
    past: Vec<Self>,
}

impl Interview {
    /// Begins with the known choices. `domain` is the one that Postfix on this host gives to local addresses.
    pub fn new(choices: Choices, domain: &str) -> Self {
        let mut interview = Self { choices, domain: domain.to_owned(), ..Self::default() };
        interview.fill_in();
        interview
    }

    /// The choices made so far.
    pub fn choices(&self) -> &Choices {
        &self.choices
    }

    /// The chosen provider, if there is one.
    pub fn provider(&self) -> Option<&'static Provider> {
        let name = self.choices.provider.as_deref()?.split('/').next()?;
        providers().get(name)
    }

    /// Decides without a person that there is a login if one was given or the relay needs one.
    pub fn no_one_to_ask(&mut self) {
        self.login.get_or_insert(self.choices.username.is_some() || self.choices.needs_login());
        if self.choices.access.is_none() {
            self.declined.insert(Question::Way);
        }
    }

    /// Leaves local senders as they are: nothing is rewritten.
    pub fn leave_senders(&mut self) {
        self.as_they_are = true;
    }

    /// The next question; `None` when all is known.
    pub fn next(&self) -> Option<Prompt> {
        use Question as Q;
        let order = [
            Q::Relay,
            Q::Part,
            Q::Host,
            Q::Login,
            Q::Port,
            Q::Tls,
            Q::Way,
            Q::Username,
            Q::Tenant,
            Q::Client,
            Q::File,
            Q::Password,
            Q::Ends,
            Q::Local,
            Q::Public,
            Q::To,
        ];
        order.into_iter().find(|question| self.is_open(*question)).map(|question| self.prompt(question))
    }

    fn is_open(&self, question: Question) -> bool {
        let chosen = &self.choices;
        // Whether no preset names the relay's host.
        let is_own = chosen.preset().is_none_or(|preset| preset.host.is_none());
        let open = match question {
            Question::Relay => chosen.provider.is_none() && chosen.host.is_none(),
            Question::Part => {
                let named = chosen.provider.as_deref().unwrap_or_default();
                let has_parts = self.provider().is_some_and(|known| known.part.is_some());
                chosen.host.is_none() && !named.contains('/') && !self.standard && has_parts
            }
            Question::Host => is_own && chosen.host.is_none(),
            Question::Login => {
                let optional = self.provider().is_none_or(|provider| provider.optional_login);
                optional && chosen.username.is_none() && self.login.is_none()
            }
            Question::Port => is_own && chosen.port.is_none(),
            Question::Tls => false,
            Question::Username => self.has_login() && chosen.username.is_none(),
            Question::Way => {
                let has_secret = chosen.password.is_some() || chosen.password_file.is_some();
                chosen.identity().is_some()
                    && !self.declined.contains(&Question::Way)
                    && !has_secret
                    && chosen.access.is_none()
            }
            Question::Tenant => self.access(|access| access.wants(Name::Tenant) && access.tenant.is_none()),
            Question::Client => {
                self.access(|access| access.wants(Name::Client) && access.client_id.is_none())
            }
            Question::File => self.wants(Name::File) && chosen.password_file.is_none(),
            Question::Password => {
                let is_typed = chosen.access.is_none() || self.wants(Name::Secret);
                self.has_login() && is_typed && chosen.password.is_none() && chosen.password_file.is_none()
            }
            Question::Ends => {
                self.access(|access| access.wants(Name::Ends) && access.ends.is_none())
                    && !self.declined.contains(&Question::Ends)
            }
            Question::Local => chosen.rewrites.is_empty() && self.local.is_none() && !self.as_they_are,
            Question::Public => chosen.rewrites.is_empty() && self.local.is_some(),
            Question::To => chosen.to.is_none(),
        };
        open || self.reopened.contains(&question)
    }

    /// Whether the login is by an access token, and `holds` is true of it.
    fn access(&self, holds: impl FnOnce(&Access) -> bool) -> bool {
        self.choices.access.as_ref().is_some_and(holds)
    }

    /// Whether the login is by an access token that takes such a value.
    fn wants(&self, name: Name) -> bool {
        self.access(|access| access.wants(name))
    }

    fn has_login(&self) -> bool {
        let wanted =
            self.choices.username.is_some() || self.choices.needs_login() || self.login == Some(true);
        wanted && self.takes_login()
    }

    /// Whether the relay may take a login: an answer from before may be about another one.
    fn takes_login(&self) -> bool {
        self.provider()
            .is_none_or(|provider| provider.optional_login || provider.mechanism != Mechanism::None)
    }

    /// The questions whose answers can be corrected, by the words that a person types: no login of a relay that takes none.
    pub fn words(&self) -> Vec<(&'static str, Question)> {
        let fits = |question| match question {
            Question::Username => self.takes_login(),
            Question::Password => {
                self.has_login() && (self.choices.access.is_none() || self.wants(Name::Secret))
            }
            Question::Way => self.choices.identity().is_some(),
            Question::Tenant => self.wants(Name::Tenant),
            Question::Client => self.wants(Name::Client),
            Question::File => self.wants(Name::File),
            _ => true,
        };
        Question::WORDS.into_iter().filter(|(_, question)| fits(*question)).collect()
    }

    /// The login's name, if it is a mail address.
    fn own_address(&self) -> Option<String> {
        self.choices.username.clone().filter(|name| text::is_recipient(name))
    }

    /// Takes an answer. An invalid one is refused, and the question stays open.
    pub fn answer(&mut self, question: Question, typed: &str) -> Result<(), Complaint> {
        let mut past = std::mem::take(&mut self.past);
        let before = self.clone();
        let taken = self.take(question, typed);
        past.extend(taken.is_ok().then_some(before));
        self.past = past;
        taken
    }

    /// Goes back to the question that was answered last, and offers its answer. False if there is none.
    pub fn back(&mut self) -> bool {
        let Some(before) = self.past.pop() else { return false };
        let past = std::mem::take(&mut self.past);
        *self = Self { before: std::mem::take(&mut self.choices), past, ..before };
        true
    }

    fn take(&mut self, question: Question, typed: &str) -> Result<(), Complaint> {
        let typed = self.typed_or_default(question, typed)?;
        let mut trial = self.choices.clone();
        match question {
            Question::Relay => relay(&mut trial, &typed)?,
            Question::Part => self.part(&mut trial, &typed)?,
            Question::Host => trial.host = Some(typed),
            Question::Login => {
                self.login = Some(yes_or_no(&typed)?);
                self.reopened.remove(&question);
                return Ok(());
            }
            Question::Port => trial.port = Some(port(&typed)?),
            Question::Tls => trial.tls = Some(level(&typed)?),
            Question::Username => trial.username = Some(typed),
            Question::Way | Question::Tenant | Question::Client | Question::Ends => {
                let no = if question == Question::Way { PASSWORD } else { UNKNOWN };
                if typed == no && matches!(question, Question::Way | Question::Ends) {
                    self.declined.insert(question);
                }
                of_access(&mut trial, question, typed)?;
            }
            Question::File => trial.password_file = Some(typed),
            Question::Password => trial.password = Some(Secret::new(typed)),
            Question::Local if typed == "none" => {
                self.as_they_are = true;
                self.reopened.remove(&question);
                return Ok(());
            }
            Question::Local => {
                let public = "x@relay.invalid".to_owned();
                trial.rewrites = vec![Rewrite { local: typed.clone(), public }];
                trial.check()?;
                self.local = Some(typed);
                self.reopened.remove(&question);
                return Ok(());
            }
            Question::Public => trial.rewrites = self.rewrites(typed),
            Question::To => trial.to = Some(typed),
        }
        trial.check()?;
        self.choices = trial;
        self.reopened.remove(&question);
        self.fill_in();
        Ok(())
    }

    /// The answer as it was typed, or the default in place of an empty line.
    fn typed_or_default(&self, question: Question, typed: &str) -> Result<String, Complaint> {
        let prompt = self.prompt(question);
        // White space at the ends may belong to a password.
        let typed = if question == Question::Password { typed } else { typed.trim() };
        match (typed, prompt.default) {
            ("", Some(default)) => Ok(default),
            ("", None) => {
                let help = if prompt.help.is_empty() { "it cannot be left out" } else { &prompt.help };
                Err(Complaint::new("this needs an answer", help))
            }
            (typed, _) => Ok(typed.to_owned()),
        }
    }

    /// Takes the name of a provider's part.
    fn part(&mut self, trial: &mut Choices, typed: &str) -> Result<(), Complaint> {
        let standard = self.provider().and_then(|provider| provider.standard.as_deref());
        self.standard = standard == Some(typed);
        if !self.standard {
            let named = format!("{}/{typed}", trial.provider.as_deref().unwrap_or_default());
            providers::find(&named)?;
            trial.provider = Some(named);
        }
        Ok(())
    }

    /// Rewrites for the alerts' address and for all others of the same host: the relay would refuse mail from cron too.
    fn rewrites(&self, public: String) -> Vec<Rewrite> {
        let local = self.local.clone().unwrap_or_default();
        let domain = local.rfind('@').and_then(|at| local.get(at..)).unwrap_or_default().to_owned();
        // Not if the public address is at that host too: Postfix also rewrites recipients by this table.
        let all =
            !domain.is_empty() && domain != local && !public.to_lowercase().ends_with(&domain.to_lowercase());
        let mut rewrites = vec![Rewrite { local, public: public.clone() }];
        if all {
            rewrites.push(Rewrite { local: domain, public });
        }
        rewrites
    }

    /// Fills in the choices that follow from those already made.
    fn fill_in(&mut self) {
        if let Some(fixed) = self.provider().and_then(|provider| provider.fixed_username.clone()) {
            self.choices.username.get_or_insert(fixed);
        }
        // A password must not go to a host that only claims to be the relay.
        let named = self.choices.host.as_deref().is_some_and(|host| host.parse::<IpAddr>().is_err());
        let preset = self.choices.preset().is_some_and(|preset| preset.host.is_some());
        if named && !preset && self.choices.username.is_some() {
            self.choices.tls.get_or_insert(Tls::Secure);
        }
    }

    /// Reopens a question and those that depend on its answer. The earlier choices are offered.
    pub fn reopen(&mut self, question: Question) {
        self.past.clear();
        self.before = self.choices.clone();
        let chosen = &mut self.choices;
        match question {
            Question::Relay | Question::Part | Question::Host => {
                (chosen.provider, chosen.host, chosen.port, chosen.tls) = (None, None, None, None);
                chosen.access = None;
                self.declined.clear();
                self.standard = false;
            }
            Question::Login | Question::Username => {
                (chosen.username, chosen.password, chosen.password_file) = (None, None, None);
            }
            Question::Way => {
                (chosen.access, chosen.password, chosen.password_file) = (None, None, None);
                self.declined.clear();
            }
            Question::Tenant | Question::Client | Question::Ends => {
                self.declined.remove(&Question::Ends);
                if let Some(access) = &mut chosen.access {
                    match question {
                        Question::Tenant => access.tenant = None,
                        Question::Client => access.client_id = None,
                        _ => access.ends = None,
                    }
                }
            }
            Question::Password | Question::File => (chosen.password, chosen.password_file) = (None, None),
            Question::Port | Question::Tls => {}
            Question::Local | Question::Public => {
                (self.local, self.as_they_are) = (None, false);
                chosen.rewrites.clear();
            }
            Question::To => chosen.to = None,
        }
        // Where a preset answers these, they are asked only if they are in `reopened`.
        if matches!(question, Question::Port | Question::Tls | Question::Username | Question::Password) {
            self.reopened.insert(question);
        }
    }

    /// The question whose answer made a probe fail: the one that the probe's cause is about, or if the cause is not
    /// known, the one that its last stage has tried.
    pub fn suspect(stage: &str, cause: &str) -> Question {
        let known = catalogue().iter().find(|entry| entry.id == cause).map(|entry| entry.stage);
        match (known, stage) {
            (_, "token") => Question::of_refusal(cause),
            (_, "login") if cause.starts_with("token-") => Question::of_refusal(cause),
            (Some(Stage::Tls), _) | (None, "STARTTLS" | "TLS") => Question::Tls,
            (Some(Stage::Login), _) | (None, "login") => Question::Username,
            (Some(Stage::Sender), _) | (None, "sender") => Question::Local,
            (Some(Stage::Recipient), _) | (None, "recipient") => Question::To,
            _ => Question::Relay,
        }
    }
}

#[cfg(test)]
#[path = "interview_tests.rs"]
mod tests;
