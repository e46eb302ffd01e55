//! The questions of `init` as data: which ones are open, the default of each, and the effect of an answer. Knows no
//! terminal, so that a call with flags alone takes the same path.

mod correct;
mod mend;
mod prompts;
pub mod sheet;
mod typed;

use std::collections::BTreeSet;
use std::net::IpAddr;

use prompts::ALL;
pub use prompts::{Prompt, Question};
use typed::{Refused, of_access, part_of, port, provider_of_host, relay, way, whole_domain};
pub use typed::{level, yes_or_no};

use super::access::{Access, PASSWORD, UNKNOWN};
use super::choices::Choices;
use crate::error::Complaint;
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
    /// Whether answers that are there already are edited.
    is_edit: bool,
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
    /// What is likely meant by an answer that was refused: the default of that question from then on.
    offered: Option<(Question, String)>,
    /// What was made of the last answer, if it was not taken as it was typed.
    said: Option<String>,
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

    /// Begins with the known choices, and offers those of answers that are there already.
    pub fn editing(choices: Choices, earlier: Choices, domain: &str) -> Self {
        let mut interview = Self::new(choices, domain);
        interview.choices.kept = earlier.kept.clone();
        // No question is about it.
        if interview.choices.root.is_empty() {
            interview.choices.root.clone_from(&earlier.root);
        }
        (interview.is_edit, interview.before) = (true, earlier);
        if interview.provider().is_some() || interview.choices.host.is_some() {
            let mut chosen = interview.choices.clone();
            interview.keep_connection(&mut chosen);
            interview.choices = chosen;
        }
        interview
    }

    /// Puts another password in the place of the one that is there, or opens the question for it.
    pub fn give_password(&mut self, password: Option<Secret>, file: Option<String>) {
        (self.choices.password, self.choices.password_file) = (password, file);
    }

    /// Whether the password is the one thing to ask for.
    pub fn lacks_password(&self) -> bool {
        self.choices.password.is_none() && self.choices.password_file.is_none()
    }

    /// The question for the password, whatever else is open.
    pub fn password(&self) -> Prompt {
        self.prompt(Question::Password)
    }

    /// Settles that there is no login.
    pub fn without_login(&mut self) {
        self.login = Some(false);
    }

    /// The choices made so far.
    pub fn choices(&self) -> &Choices {
        &self.choices
    }

    /// What was made of the last answer, where it was not taken as it was typed: for a person to read.
    pub fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

    /// The answer that an empty line gives to this question: since the last answer was refused it may be another one.
    pub fn default_of(&self, question: Question) -> Option<String> {
        self.prompt(question).default
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
        Question::ALL
            .into_iter()
            .find(|question| self.is_open(*question))
            .map(|question| self.prompt(question))
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
            Question::Local => !self.has_sender() && self.local.is_none() && !self.as_they_are,
            Question::Public => !self.has_sender() && self.local.is_some(),
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

    fn take(&mut self, question: Question, typed: &str) -> Result<(), Complaint> {
        self.said = None;
        if question == Question::Password && typed.is_empty() && self.has_secret() {
            let secret = (self.before.password.clone(), self.before.password_file.clone());
            (self.choices.password, self.choices.password_file) = secret;
            self.reopened.remove(&question);
            return Ok(());
        }
        let typed = self.typed_or_default(question, typed)?;
        let mut trial = self.choices.clone();
        match question {
            Question::Relay => {
                relay(&mut trial, &typed).map_err(|refused| self.offering(question, refused))?;
                self.said = provider_of_host(&trial, &typed);
                self.keep_connection(&mut trial);
            }
            Question::Part => self.part(&mut trial, &typed)?,
            Question::Host => trial.host = Some(typed),
            Question::Login => {
                self.login = Some(yes_or_no(&typed)?);
                self.reopened.remove(&question);
                return Ok(());
            }
            Question::Port => trial.port = Some(port(&typed)?),
            Question::Tls => trial.tls = Some(level(&typed)?),
            Question::Username => {
                self.whole_address(&typed).map_err(|refused| self.offering(question, refused))?;
                trial.username = Some(typed);
            }
            Question::Way | Question::Tenant | Question::Client | Question::Ends => {
                self.take_of_token(question, &mut trial, typed)?;
            }
            Question::File => trial.password_file = Some(typed),
            Question::Password => {
                let (password, said) = mend::password(self.provider(), typed);
                (trial.password, self.said) = (Some(Secret::new(password)), said);
            }
            Question::Local => return self.local(&mut trial, typed),
            Question::Public => self.public(&mut trial, whole_domain(typed)?),
            Question::To => trial.to = Some(whole_domain(typed)?),
        }
        trial.check()?;
        (self.choices, self.offered) = (trial, None);
        self.reopened.remove(&question);
        self.fill_in();
        Ok(())
    }

    /// Takes an answer about a login by an access token.
    fn take_of_token(
        &mut self,
        question: Question,
        trial: &mut Choices,
        typed: String,
    ) -> Result<(), Complaint> {
        let is_way = question == Question::Way;
        let typed = if is_way { way(trial.identity(), &typed) } else { typed };
        let no = if is_way { PASSWORD } else { UNKNOWN };
        if typed == no && matches!(question, Question::Way | Question::Ends) {
            self.declined.insert(question);
        }
        of_access(trial, question, typed)
    }

    /// Takes the local address that alerts come from; the next question is for the other one.
    fn local(&mut self, trial: &mut Choices, typed: String) -> Result<(), Complaint> {
        if typed == "none" {
            self.as_they_are = true;
        } else if typed == ALL {
            self.local = Some(typed);
        } else {
            let public = "x@relay.invalid".to_owned();
            trial.rewrites = vec![Rewrite { local: typed.clone(), public }];
            trial.check()?;
            self.local = Some(typed);
        }
        self.reopened.remove(&Question::Local);
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
        let name = trial.provider.clone().unwrap_or_default();
        let part = part_of(&name, typed);
        let standard = self.provider().and_then(|provider| provider.standard.as_deref());
        self.standard = standard == Some(part.as_str());
        if !self.standard {
            let named = format!("{name}/{part}");
            providers::find(&named)?;
            self.said = (!part.eq_ignore_ascii_case(typed)).then(|| format!("taken as {part}"));
            trial.provider = Some(named);
        }
        Ok(())
    }

    /// Offers from now on what is likely meant by an answer that was refused.
    fn offering(&mut self, question: Question, refused: Refused) -> Complaint {
        if let Some(offer) = refused.offer {
            self.offered = Some((question, offer));
        }
        refused.complaint
    }

    /// Whether it is known as whom mail of this host leaves.
    fn has_sender(&self) -> bool {
        !self.choices.rewrites.is_empty() || self.choices.sender.is_some()
    }

    /// Takes the address that the relay sees.
    fn public(&self, trial: &mut Choices, public: String) {
        if self.local.as_deref() != Some(ALL) {
            trial.rewrites = self.rewrites(public);
            return;
        }
        trial.sender = Some(public);
        // What was not asked for stays.
        if self.before.sender.is_some() {
            trial.rewrites.clone_from(&self.before.rewrites);
            trial.sender_name = trial.sender_name.take().or_else(|| self.before.sender_name.clone());
        }
    }

    /// Rewrites for the alerts' address and for all others of the same host: the relay would refuse mail from cron too.
    fn rewrites(&self, public: String) -> Vec<Rewrite> {
        let local = self.local.clone().unwrap_or_default();
        let domain = local.rfind('@').and_then(|at| local.get(at..)).unwrap_or_default().to_owned();
        // Not if the public address is at that host too: Postfix also rewrites recipients by this table.
        let all =
            !domain.is_empty() && domain != local && !public.to_lowercase().ends_with(&domain.to_lowercase());
        let earlier = &self.before.rewrites;
        if earlier.first().is_some_and(|rule| rule.local == local && rule.public == public) {
            // The person has changed nothing: the rules that were not asked for stay too.
            return earlier.clone();
        }
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
}

#[cfg(test)]
#[path = "interview_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "interview_again_tests.rs"]
mod again_tests;
