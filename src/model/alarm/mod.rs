//! The ways by which an incident is told that are not mail through the relay, and what each is given.

pub mod nagios;
pub mod obstacle;
pub mod refusal;
pub mod template;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::secret::Secret;
use crate::model::state::generation::sha256;
use template::Template;

/// The variables in which a program gets the fields of an event, in the order of their names (`event::FIELDS`).
pub const VARIABLES: [&str; 16] = [
    "RELAYHOST_ACTION",
    "RELAYHOST_CAUSE",
    "RELAYHOST_CAUSE_ID",
    "RELAYHOST_EVENT",
    "RELAYHOST_HOST",
    "RELAYHOST_ID",
    "RELAYHOST_OLDEST",
    "RELAYHOST_OPENED",
    "RELAYHOST_REMEDY",
    "RELAYHOST_SEQUENCE",
    "RELAYHOST_SEVERITY",
    "RELAYHOST_SINCE",
    "RELAYHOST_SUMMARY",
    "RELAYHOST_TIME",
    "RELAYHOST_TOPIC",
    "RELAYHOST_WAITING",
];

/// The kinds of ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A POST by HTTPS.
    Webhook,
    /// A program.
    Command,
    /// A passive result in the command file of Nagios.
    Nagios,
}

impl Kind {
    /// The word in the answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Command => "command",
            Self::Nagios => "nagios",
        }
    }
}

/// A way.
#[derive(Debug, Clone)]
pub enum Way {
    /// A POST by HTTPS.
    Webhook(Webhook),
    /// A program.
    Command(Command),
    /// A passive result in the command file of Nagios.
    Nagios(Nagios),
}

/// A POST by HTTPS.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// The address, `https://…`. Whoever knows it can send alarms.
    pub url: Secret,
    /// What is posted.
    pub template: Template,
    /// Further headers.
    pub headers: Vec<(String, Secret)>,
    /// Longest time for one attempt.
    pub limit: Duration,
    /// The proxy of the answers.
    pub proxy: Option<String>,
}

/// A program. It gets the fields of the event in its environment.
#[derive(Debug, Clone)]
pub struct Command {
    /// Its path.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Longest time that it may run.
    pub limit: Duration,
}

/// A passive result.
#[derive(Debug, Clone)]
pub struct Nagios {
    /// The command file, a FIFO.
    pub file: PathBuf,
    /// The host, as Nagios names it.
    pub host: String,
    /// The service, as Nagios names it.
    pub service: String,
}

impl Webhook {
    /// Host and port of the address, which are no secret.
    pub fn host(&self) -> &str {
        let rest = self.url.expose().strip_prefix("https://").unwrap_or_default();
        rest.split(['/', '?', '#']).next().unwrap_or_default()
    }

    /// The part of the address behind the host, which is the secret in it; empty if there is none.
    pub fn path(&self) -> &str {
        let url = self.url.expose();
        let at = url.find(self.host()).map_or(url.len(), |at| at + self.host().len());
        url.get(at..).unwrap_or_default().trim_matches('/')
    }
}

impl Way {
    /// The way for a person, without what is secret.
    pub fn name(&self) -> String {
        match self {
            Self::Webhook(webhook) => format!("webhook {}", webhook.host()),
            Self::Command(command) => format!("command {}", command.program.display()),
            Self::Nagios(nagios) => format!("nagios {} on {}", nagios.service, nagios.host),
        }
    }

    /// What tells this way from others in the record of what was told, from one look to the next.
    pub fn key(&self) -> String {
        let words = match self {
            Self::Webhook(webhook) => {
                let headers =
                    webhook.headers.iter().map(|(name, value)| format!("{name}: {}", value.expose()));
                let (url, template) = (webhook.url.expose().to_owned(), format!("{:?}", webhook.template));
                ["webhook".to_owned(), url, template].into_iter().chain(headers).collect()
            }
            Self::Command(command) => {
                let program = ["command".to_owned(), command.program.display().to_string()];
                program.into_iter().chain(command.arguments.iter().cloned()).collect()
            }
            Self::Nagios(nagios) => {
                vec![
                    "nagios".to_owned(),
                    nagios.file.display().to_string(),
                    nagios.host.clone(),
                    nagios.service.clone(),
                ]
            }
        };
        let digest = sha256(words.join("\0").as_bytes());
        let kind = words.first().map_or("", String::as_str);
        format!("{kind}-{}", digest.get(..16).unwrap_or(&digest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::event::FIELDS;

    fn webhook(url: &str) -> Webhook {
        Webhook {
            url: Secret::new(url),
            template: Template::whole(),
            headers: Vec::new(),
            limit: Duration::from_secs(1),
            proxy: None,
        }
    }

    #[test]
    fn of_an_address_the_host_alone_is_shown() {
        for (url, host, path) in [
            ("https://hooks.example.com/services/T0/B0/word", "hooks.example.com", "services/T0/B0/word"),
            ("https://hooks.example.com:8443?key=word", "hooks.example.com:8443", "?key=word"),
            ("https://hooks.example.com", "hooks.example.com", ""),
        ] {
            let webhook = webhook(url);
            assert_eq!((webhook.host(), webhook.path()), (host, path));
            let way = Way::Webhook(webhook);
            assert!(!format!("{way:?}{}{}", way.name(), way.key()).contains("word"));
        }
    }

    #[test]
    fn each_field_has_its_variable() {
        let names = FIELDS.map(|name| format!("RELAYHOST_{}", name.to_uppercase()));
        assert_eq!(names.as_slice(), VARIABLES);
    }

    #[test]
    fn a_way_is_known_again_and_another_is_not_taken_for_it() {
        let command = |arguments: &[&str]| {
            let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
            Way::Command(Command { program: "/p".into(), arguments, limit: Duration::from_secs(1) }).key()
        };
        assert_eq!(command(&["a", "b"]), command(&["a", "b"]));
        assert_ne!(command(&["a", "b"]), command(&["a b"]));
        assert_ne!(Way::Webhook(webhook("https://a/1")).key(), Way::Webhook(webhook("https://a/2")).key());
    }
}
