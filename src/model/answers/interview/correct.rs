//! The way back: to the question before, and to an answer that is to be corrected, which is asked for alone.

use super::{Interview, Question};
use crate::model::answers::choices::Choices;
use crate::model::causes::catalogue::{Stage, catalogue};
use crate::model::oauth::steps::Name;

impl Interview {
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
        let fitting = Question::CORRECTED.into_iter().filter(|question| fits(*question));
        fitting.map(|question| (question.word(), question)).collect()
    }

    /// Goes back to the question that was answered last, and offers its answer. False if there is none.
    pub fn back(&mut self) -> bool {
        let Some(before) = self.past.pop() else { return false };
        let past = std::mem::take(&mut self.past);
        // Those that were passed on the way back are offered too.
        let earlier = std::mem::take(&mut self.before);
        *self = Self { before: std::mem::take(&mut self.choices).or(earlier), past, ..before };
        true
    }

    /// Reopens a question and those whose answers make no sense without it. The earlier choices are offered.
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
            Question::Login => {
                (chosen.username, chosen.password, chosen.password_file) = (None, None, None);
            }
            Question::Username => chosen.username = None,
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
                (chosen.sender, chosen.sender_name) = (None, None);
            }
            Question::To => chosen.to = None,
        }
        // Some of these are asked only if they are in `reopened`, since a preset or an earlier answer decides them.
        if !matches!(question, Question::Way | Question::Ends | Question::Local | Question::Public) {
            self.reopened.insert(question);
        }
    }

    /// Keeps what was answered about the connection where the relay was corrected to one of the same kind: its port, and of
    /// the same relay the level of TLS and the application. What is kept of the file about another relay is forgotten.
    pub(super) fn keep_connection(&self, trial: &mut Choices) {
        if !self.is_edit && !self.reopened.contains(&Question::Relay) {
            return;
        }
        let (before, is_same) = (&self.before, self.is_same_relay(trial));
        let mut kept = trial.clone();
        if is_same {
            kept.tls = kept.tls.or(before.tls);
        } else {
            for (table, key) in [("relay", "ip"), ("relay", "implicit_tls"), ("auth", "mechanism")] {
                kept.kept.forget(table, key);
            }
        }
        if !self.is_edit && bare(trial) == bare(before) {
            (kept.port, kept.access) = (before.port, before.access.clone());
        }
        // A level of TLS that is right for a name need not be right for an address.
        if kept.check().is_ok() {
            *trial = kept;
        }
    }

    /// Whether this is the relay that was chosen before. Of a provider with hosts of its own the part does not matter here.
    fn is_same_relay(&self, chosen: &Choices) -> bool {
        let is_named = chosen.provider.is_some() || chosen.host.is_some();
        is_named && bare(chosen) == bare(&self.before) && chosen.host == self.before.host
    }

    /// Whether a password, or a client secret, was given before for the login that is asked for now.
    pub(super) fn has_secret(&self) -> bool {
        let (before, chosen) = (&self.before, &self.choices);
        let is_there = before.password.is_some() || before.password_file.is_some();
        let flow = |choices: &Choices| choices.access.as_ref().map(|access| access.flow);
        is_there
            && self.is_same_relay(chosen)
            && flow(chosen) == flow(before)
            && (chosen.username == before.username || self.reopened.contains(&Question::Password))
    }

    /// The question whose answer made a probe fail: the one that the probe's cause is about, or if the cause is not
    /// known, the one that its last stage has tried.
    pub fn suspect(stage: &str, cause: &str) -> Question {
        let known = catalogue().iter().find(|entry| entry.id == cause).map(|entry| entry.stage);
        match (known, stage) {
            (_, "token") => Question::of_refusal(cause),
            (_, "login") if cause.starts_with("token-") => Question::of_refusal(cause),
            // Typed without being seen; the cause shows the user name, so a wrong one would be noticed.
            _ if cause == "wrong-password" => Question::Password,
            _ if PORT.contains(&cause) => Question::Port,
            (Some(Stage::Tls), _) | (None, "STARTTLS" | "TLS") => Question::Tls,
            (Some(Stage::Login), _) | (None, "login") => Question::Username,
            (Some(Stage::Sender), _) | (None, "sender") => Question::Local,
            (Some(Stage::Recipient), _) | (None, "recipient") => Question::To,
            _ => Question::Relay,
        }
    }
}

/// The provider's name without its part.
fn bare(choices: &Choices) -> Option<&str> {
    choices.provider.as_deref().and_then(|name| name.split('/').next())
}

/// Causes of a server that has an address and does not answer as a relay at this port.
const PORT: [&str; 5] =
    ["connection-refused", "connection-timed-out", "port-25-blocked", "no-greeting", "not-smtp"];
