//! A login by an access token, as `init` gathers it: the table `[auth.oauth]` that is written, and what may stand in it
//! before all is known. The file of a secret, a certificate or a key is where a password's file would be.

use super::lines::setting;
use crate::error::Complaint;
use crate::model::oauth::steps::{Name, Values, Wanted, wanted};
use crate::model::oauth::{Flow, Provider};
use crate::model::secret::Secret;
use crate::model::text;

/// The word for a login with a password, in the place of a flow.
pub const PASSWORD: &str = "password";
/// The answer for a day of the end that nobody knows.
pub const UNKNOWN: &str = "unknown";
/// Where the certificate and its key are, if nobody says otherwise.
pub const CERTIFICATE_FILE: &str = "/etc/relayhost/oauth.pem";

/// A tenant and an application in the place of those that are not known yet.
const OPEN: [&str; 2] = ["tenant.invalid", "00000000-0000-0000-0000-000000000000"];

/// How the token is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The identity provider.
    pub provider: Provider,
    /// The flow.
    pub flow: Flow,
    /// Microsoft: the tenant.
    pub tenant: Option<String>,
    /// The application's id.
    pub client_id: Option<String>,
    /// The day on which the client secret ends.
    pub ends: Option<String>,
}

impl Access {
    /// The access by a flow; refused if the provider does not know it.
    pub fn by(provider: Provider, flow: &str) -> Result<Self, Complaint> {
        if let Some(flow) = provider.flows().iter().copied().find(|known| known.word() == flow) {
            return Ok(Self { provider, flow, tenant: None, client_id: None, ends: None });
        }
        let problem = format!("`{}` is not a way to log in to {}", text::one_line(flow), provider.title());
        Err(Complaint::new(problem, format!("take one of {}", ways(provider))))
    }

    /// The question for a value; `None` if this way to a token has no such value.
    pub fn wanted(&self, name: Name) -> Option<&'static Wanted> {
        wanted(self.provider, self.flow, name)
    }

    /// Whether this way to a token has such a value. A client secret is typed in as a password is.
    pub fn wants(&self, name: Name) -> bool {
        self.wanted(name).is_some()
    }

    /// Whether a person logs in, once the answers are there.
    pub fn has_person(&self) -> bool {
        self.flow.has_person()
    }

    /// The key of the answers for the file with its secret.
    fn key(&self) -> &'static str {
        match self.flow {
            Flow::Certificate => "certificate",
            Flow::ServiceAccount => "key_file",
            Flow::Secret | Flow::Device | Flow::Code => "client_secret_file",
        }
    }

    /// What the steps of an administrator are filled in with.
    pub fn values<'a>(&'a self, mailbox: Option<&'a str>, file: Option<&'a str>) -> Values<'a> {
        Values {
            tenant: self.tenant.as_deref().unwrap_or_default(),
            client_id: self.client_id.as_deref().unwrap_or_default(),
            mailbox: mailbox.unwrap_or_default(),
            file: file.unwrap_or_default(),
        }
    }

    /// The table's lines; `file` holds the secret.
    pub fn lines(&self, file: Option<&str>) -> Vec<String> {
        let mut lines = vec!["\n[auth.oauth]".to_owned(), setting("provider", self.provider.word())];
        lines.extend(self.tenant.as_ref().map(|tenant| setting("tenant", tenant)));
        lines.extend(self.client_id.as_ref().map(|id| setting("client_id", id)));
        lines.push(setting("flow", self.flow.word()));
        if let Some(file) = file {
            lines.push(format!("# root's alone\n{}", setting(self.key(), file)));
        }
        lines.extend(self.ends.as_ref().map(|day| setting("client_secret_ends", day)));
        lines
    }

    /// The same with placeholders for what is not known yet, so that the reader of the answers file can check the rest. The
    /// flow is `secret`, since for `certificate` the reader would want the file.
    pub fn filled(&self) -> (Self, Secret) {
        let [tenant, id] = OPEN.map(str::to_owned);
        let filled = Self {
            provider: Provider::Microsoft,
            flow: Flow::Secret,
            tenant: Some(self.tenant.clone().unwrap_or(tenant)),
            client_id: Some(self.client_id.clone().unwrap_or(id)),
            ends: self.ends.clone(),
        };
        (filled, Secret::new("x"))
    }
}

/// The words for the ways to log in, the best first.
pub fn way_words(provider: Provider) -> Vec<&'static str> {
    provider.flows().iter().map(|flow| flow.word()).chain([PASSWORD]).collect()
}

/// The same in one line.
pub fn ways(provider: Provider) -> String {
    way_words(provider).join(", ")
}

#[cfg(test)]
#[path = "access_tests.rs"]
mod tests;
