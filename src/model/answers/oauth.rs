//! `[auth.oauth]`, `[relay.fallback.auth.oauth]`, `[senders.auth.oauth]` and `[verify.arrival.oauth]`: the application that
//! fetches the access token of a login without a password.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::{SecretSource, source};
use crate::error::Complaint;
use crate::model::oauth::certificate::Certificate;
use crate::model::oauth::person::{Page, Person};
use crate::model::oauth::service_account::ServiceAccount;
use crate::model::oauth::{App, Cloud, Flow, Proof, Provider};
use crate::model::secret::Secret;
use crate::model::text;

/// Fewest characters of what may be an access token.
const SHORTEST_TOKEN: usize = 30;

/// The table as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Oauth {
    /// The identity provider.
    pub provider: Option<Spanned<Provider>>,
    /// Microsoft: the tenant, as a domain or an id.
    pub tenant: Option<Spanned<String>>,
    /// Id of the application.
    pub client_id: Option<Spanned<String>>,
    /// The way to a token.
    pub flow: Option<Spanned<Flow>>,
    /// File with the certificate and its key.
    pub certificate: Option<Spanned<String>>,
    /// Google: file of the service account.
    pub key_file: Option<Spanned<String>>,
    /// File whose first line is the client secret.
    pub client_secret_file: Option<Spanned<String>>,
    /// Environment variable that holds the client secret.
    pub client_secret_env: Option<Spanned<String>>,
    /// systemd credential that holds the client secret.
    pub client_secret_credential: Option<Spanned<String>>,
    /// The day on which the client secret ends.
    pub client_secret_ends: Option<Spanned<String>>,
    /// Address that tokens come from, of another provider.
    pub token_url: Option<Spanned<String>>,
    /// Address that codes for another device come from, of another provider.
    pub device_url: Option<Spanned<String>>,
    /// Page at which a person logs in, of another provider.
    pub auth_url: Option<Spanned<String>>,
    /// Scope that is asked for, of another provider.
    pub scope: Option<Spanned<String>>,
}

/// A complaint, with the place of the value, or without one if it is about the table as a whole.
pub type Refused = (Option<Range<usize>>, Complaint);

/// Makes a refusal.
fn refuse<T>(
    span: impl Into<Option<Range<usize>>>,
    problem: impl Into<String>,
    remedy: &str,
) -> Result<T, Refused> {
    Err((span.into(), Complaint::new(problem, remedy)))
}

impl Oauth {
    /// Each secret that the table names, with its place.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (Range<usize>, SecretSource)> {
        let certificate = source(self.certificate.as_ref(), SecretSource::File);
        let key = source(self.key_file.as_ref(), SecretSource::File);
        let file = source(self.client_secret_file.as_ref(), SecretSource::File);
        let environment = source(self.client_secret_env.as_ref(), SecretSource::Environment);
        let credential = source(self.client_secret_credential.as_ref(), SecretSource::Credential);
        [certificate, key, file, environment, credential].into_iter().flatten()
    }

    /// The application. `table` is the table's name, for complaints; `secret` what the table's own secret holds; `mailbox` the
    /// login's name; `relay` the host name of the preset, which tells Microsoft's clouds apart.
    pub fn app(
        &self,
        table: &str,
        secret: Option<&Secret>,
        mailbox: &str,
        relay: Option<&str>,
    ) -> Result<App, Refused> {
        let (provider, flow, flow_span) = self.way(table)?;
        self.only_its_own(provider, flow)?;
        let place = self.secrets().next().map(|(span, _)| span);
        let at = |complaint| (place.clone(), complaint);
        if flow.has_person() {
            let secret = secret.map(|secret| client_secret(secret, provider).map_err(at)).transpose()?;
            let app = self.of_person(table, provider, flow, secret, mailbox, relay)?;
            return Ok(App { secret_ends: self.secret_ends()?, ..app });
        }
        let Some(secret) = secret else {
            return refuse(
                flow_span,
                format!("the flow `{}` needs {}", flow.word(), flow.key()),
                flow.remedy(),
            );
        };
        let proof = match flow {
            Flow::Certificate => Proof::Certificate(Certificate::parse(secret).map_err(at)?),
            Flow::ServiceAccount => {
                return Ok(App::google(ServiceAccount::parse(secret).map_err(at)?, mailbox));
            }
            _ => Proof::Secret(client_secret(secret, provider).map_err(at)?),
        };
        let client_id = self.client_id(table, provider)?;
        if provider == Provider::Microsoft {
            let app = App::microsoft(&Cloud::of(relay), &self.tenant(table)?, client_id, proof);
            return Ok(App { secret_ends: self.secret_ends()?, ..app });
        }
        self.other(table, client_id, proof, mailbox)
    }

    /// The provider, the flow, and the place of the flow.
    fn way(&self, table: &str) -> Result<(Provider, Flow, Range<usize>), Refused> {
        let Some(provider) = &self.provider else {
            return refuse(
                None,
                format!("[{table}] has no `provider`"),
                "add provider = \"microsoft\", \"google\" or \"other\"",
            );
        };
        let Some(flow) = &self.flow else {
            let remedy = format!("add {}", flows(*provider.get_ref()));
            return refuse(None, format!("[{table}] has no `flow`"), &remedy);
        };
        let (provider, flow, flow_span) = (*provider.get_ref(), *flow.get_ref(), flow.span());
        if !provider.flows().contains(&flow) {
            let problem = format!("{} does not know the flow `{}`", provider.title(), flow.word());
            return refuse(flow_span, problem, &format!("set {}", flows(provider)));
        }
        Ok((provider, flow, flow_span))
    }

    /// The application of a flow in which a person logs in.
    fn of_person(
        &self,
        table: &str,
        provider: Provider,
        flow: Flow,
        secret: Option<Secret>,
        mailbox: &str,
        relay: Option<&str>,
    ) -> Result<App, Refused> {
        let client_id = self.client_id(table, provider)?;
        match provider {
            Provider::Microsoft => {
                let (cloud, tenant) = (Cloud::of(relay), self.tenant(table)?);
                Ok(App::microsoft_person(&cloud, &tenant, client_id, flow, secret, mailbox))
            }
            Provider::Google => Ok(App::google_person(client_id, secret, mailbox)),
            Provider::Other => {
                let page = if flow == Flow::Code {
                    let what = "add the address of the page that a person logs in at, as https://…";
                    Page::Code(endpoint(table, self.auth_url.as_ref(), "auth_url", what)?)
                } else {
                    let what = "add the address that the provider gives device codes at, as https://…";
                    Page::Device(endpoint(table, self.device_url.as_ref(), "device_url", what)?)
                };
                self.other(table, client_id, Proof::Person(Person { page, secret }), mailbox)
            }
        }
    }

    /// The application of another provider.
    fn other(&self, table: &str, client_id: String, proof: Proof, mailbox: &str) -> Result<App, Refused> {
        let what = "add the address that the provider gives tokens at, as https://…";
        let token_url = endpoint(table, self.token_url.as_ref(), "token_url", what)?;
        let scope = self.scope.as_ref().map(|scope| plain(scope, "scope")).transpose()?.unwrap_or_default();
        let secret_ends = self.secret_ends()?;
        Ok(App { secret_ends, ..App::other(token_url, scope, client_id, proof, mailbox) })
    }

    /// Refuses keys that belong to another provider or flow.
    fn only_its_own(&self, provider: Provider, flow: Flow) -> Result<(), Refused> {
        let keys = [
            ("tenant", &self.tenant, provider == Provider::Microsoft),
            ("client_id", &self.client_id, flow != Flow::ServiceAccount),
            ("certificate", &self.certificate, flow == Flow::Certificate),
            ("key_file", &self.key_file, flow == Flow::ServiceAccount),
            ("client_secret_file", &self.client_secret_file, flow.takes_secret()),
            ("client_secret_env", &self.client_secret_env, flow.takes_secret()),
            ("client_secret_credential", &self.client_secret_credential, flow.takes_secret()),
            ("client_secret_ends", &self.client_secret_ends, flow.takes_secret()),
            ("token_url", &self.token_url, provider == Provider::Other),
            ("device_url", &self.device_url, provider == Provider::Other && flow == Flow::Device),
            ("auth_url", &self.auth_url, provider == Provider::Other && flow == Flow::Code),
            ("scope", &self.scope, provider == Provider::Other),
        ];
        for (name, value, belongs) in keys {
            if let (Some(value), false) = (value, belongs) {
                let problem =
                    format!("`{name}` has no use with {} and the flow `{}`", provider.title(), flow.word());
                return refuse(value.span(), problem, "remove it, or correct provider and flow");
            }
        }
        Ok(())
    }

    /// The day on which the client secret ends, in seconds since 1970.
    fn secret_ends(&self) -> Result<Option<i64>, Refused> {
        let Some(day) = &self.client_secret_ends else { return Ok(None) };
        day_of(day.get_ref()).map(Some).map_err(|complaint| (Some(day.span()), complaint))
    }

    fn client_id(&self, table: &str, provider: Provider) -> Result<String, Refused> {
        let Some(id) = &self.client_id else {
            let remedy = "add the id of the application, for Microsoft the \"Application (client) ID\" of its overview";
            return refuse(None, format!("[{table}] has no `client_id`"), remedy);
        };
        let value = plain(id, "client_id")?;
        if provider == Provider::Microsoft && !is_guid(&value) {
            let remedy = "take the \"Application (client) ID\" of the application's overview in Entra; it looks like \
                          12345678-90ab-cdef-1234-567890abcdef";
            return refuse(id.span(), "this is not the id of an application in Entra", remedy);
        }
        Ok(value)
    }

    fn tenant(&self, table: &str) -> Result<String, Refused> {
        let remedy = "name your tenant: its id, or one of its domains, such as \"contoso.onmicrosoft.com\"";
        let Some(tenant) = &self.tenant else {
            return refuse(None, format!("[{table}] has no `tenant`"), remedy);
        };
        let value = plain(tenant, "tenant")?.to_ascii_lowercase();
        if ["common", "organizations", "consumers"].contains(&value.as_str()) {
            let problem =
                format!("`{value}` is not a tenant: an application without a person logs in to its own");
            return refuse(tenant.span(), problem, remedy);
        }
        let is_domain = value.contains('.')
            && value.split('.').all(|label| {
                !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            });
        if !is_domain && !is_guid(&value) {
            return refuse(tenant.span(), "this is neither a domain nor the id of a tenant", remedy);
        }
        Ok(value)
    }
}

/// A value without control characters, and without spaces at its ends.
fn plain(value: &Spanned<String>, name: &str) -> Result<String, Refused> {
    let text = value.get_ref();
    if text.is_empty() || text.trim() != text || text.chars().any(char::is_control) {
        let problem = format!("`{name}` is empty, or has a control character or a space at an end");
        return refuse(value.span(), problem, "write it as the provider shows it");
    }
    Ok(text.clone())
}

/// The seconds since 1970 at which a day begins, UTC.
fn day_of(text: &str) -> Result<i64, Complaint> {
    let begin = format!("{}T00:00:00Z", text.trim()).parse::<jiff::Timestamp>().ok();
    let remedy = "write it as YYYY-MM-DD, such as client_secret_ends = \"2027-05-01\": the provider shows it beside the secret";
    begin
        .map(jiff::Timestamp::as_second)
        .ok_or_else(|| Complaint::new(format!("`{}` is not a day", text::one_line(text)), remedy))
}

/// Whether a text has the form of an id in Entra (RFC 9562 §4).
fn is_guid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let parts: Vec<&str> = text.split('-').collect();
    parts.len() == lengths.len()
        && parts
            .iter()
            .zip(lengths)
            .all(|(part, length)| part.len() == length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A client secret; Entra shows its id beside it, and people copy that.
fn client_secret(secret: &Secret, provider: Provider) -> Result<Secret, Complaint> {
    let text = secret.expose();
    if text.is_empty() || text.chars().any(|c| c.is_control() || c == ' ') {
        let remedy = "give the client secret alone, on one line, as the provider shows it";
        return Err(Complaint::new("the client secret is empty, or has a space or a line end in it", remedy));
    }
    if provider == Provider::Microsoft && is_guid(text) {
        let remedy =
            "take its Value, which Entra shows once, when the secret is made: make another one if it is gone";
        return Err(Complaint::new("this is the ID of the client secret, not the secret", remedy));
    }
    Ok(secret.clone())
}

/// The flows of a provider, as they are written.
fn flows(provider: Provider) -> String {
    let words = provider.flows().iter().map(|flow| format!("\"{}\"", flow.word()));
    format!("flow = {}", words.collect::<Vec<_>>().join(" or "))
}

/// The address of an endpoint of a provider's; `remedy` is for one that is missing.
fn endpoint(
    table: &str,
    typed: Option<&Spanned<String>>,
    name: &str,
    remedy: &str,
) -> Result<String, Refused> {
    let Some(value) = typed else {
        return refuse(None, format!("[{table}] has no `{name}`"), remedy);
    };
    let typed = value.get_ref();
    let rest = typed.strip_prefix("https://").unwrap_or_default();
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    let is_good =
        !host.is_empty() && typed.bytes().all(|byte| byte.is_ascii_graphic()) && !rest.contains(['@', '#']);
    if is_good {
        return Ok(typed.to_owned());
    }
    let shown = text::plain(typed.rsplit('@').next().unwrap_or_default());
    let what = if name == "token_url" { "a token endpoint" } else { "a page or endpoint of a provider" };
    let problem = format!("`{shown}` is not the address of {what}");
    refuse(value.span(), problem, "write the whole address, which begins with https://")
}

/// An access token that another program has fetched. It is sent as it is, so a password in its place is refused, as far as
/// one can be told from a token: RFC 6750 §2.1 has the letters, and real ones are long.
pub(super) fn token(token: Secret) -> Result<Secret, Complaint> {
    let text = token.expose();
    let is_token = text.len() >= SHORTEST_TOKEN
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    if is_token {
        return Ok(token);
    }
    let remedy = "remove the password, and add [auth.oauth] (relayhost-answers(5) has its keys); or log in with a password by auth.mechanism = \"plain\" or \"login\"";
    Err(Complaint::new("what is given as the password is no access token", remedy))
}

#[cfg(test)]
#[path = "oauth_tests.rs"]
mod tests;
