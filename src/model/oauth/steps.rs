//! What a login by an access token takes before the first token, by identity provider and flow (`steps.toml`): what `init`
//! asks for, and what an administrator does at Microsoft or Google, filled in with the values of one tenant.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{Flow, Provider};

/// What the steps are filled in with; an empty value is not known yet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Values<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The application's id.
    pub client_id: &'a str,
    /// The mailbox.
    pub mailbox: &'a str,
    /// The file with the certificate or the key.
    pub file: &'a str,
}

/// A value that `init` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Name {
    /// The tenant.
    Tenant,
    /// The application's id.
    Client,
    /// The file with the certificate or the key.
    File,
    /// The client secret.
    Secret,
    /// The day on which the client secret ends.
    Ends,
}

/// A question of `init` for a value.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    name: Name,
    provider: Provider,
    flows: Vec<Flow>,
    /// The question in words.
    pub question: String,
    /// The answer that is offered.
    pub usual: Option<String>,
    /// What the value is, and where it is found.
    pub help: String,
}

/// Steps that one person takes in one place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    provider: Provider,
    flows: Vec<Flow>,
    when: When,
    /// Who does it, and where.
    pub title: String,
    /// What to do, one step each.
    #[serde(default)]
    pub steps: Vec<String>,
    /// Commands to type there, in order.
    #[serde(default)]
    pub commands: Vec<String>,
    /// How long it takes until the steps count, if that is not at once.
    pub wait: Option<String>,
}

/// Whether the steps bring the application's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum When {
    Before,
    After,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Way {
    flow: Flow,
    text: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    way: Vec<Way>,
    value: Vec<Wanted>,
    part: Vec<Part>,
}

#[expect(
    clippy::unwrap_used,
    reason = "part of the program; no build whose tests pass has one that does not parse"
)]
static TABLE: LazyLock<Table> = LazyLock::new(|| toml::from_str(include_str!("steps.toml")).unwrap());

/// The question for a value; `None` if this flow of this provider has no such value.
pub fn wanted(provider: Provider, flow: Flow, name: Name) -> Option<&'static Wanted> {
    let is_it = |value: &&Wanted| value.name == name && value.provider == provider;
    TABLE.value.iter().filter(is_it).find(|value| value.flows.contains(&flow))
}

/// The flows of a provider, by their words, and what each is.
pub fn texts(provider: Provider) -> Vec<(&'static str, &'static str)> {
    let text = |flow: &Flow| TABLE.way.iter().find(|way| way.flow == *flow).map(|way| way.text.as_str());
    provider.flows().iter().map(|flow| (flow.word(), text(flow).unwrap_or_default())).collect()
}

/// The same in one line.
pub fn ways(provider: Provider) -> String {
    let ways = texts(provider).into_iter().map(|(word, text)| format!("{word}: {text}"));
    ways.collect::<Vec<_>>().join("; ")
}

/// The steps before the application has an id: they bring it.
pub fn first(provider: Provider, flow: Flow, values: &Values) -> Vec<Part> {
    parts(When::Before, provider, flow, values)
}

/// The steps once the application has an id.
pub fn second(provider: Provider, flow: Flow, values: &Values) -> Vec<Part> {
    parts(When::After, provider, flow, values)
}

fn parts(when: When, provider: Provider, flow: Flow, values: &Values) -> Vec<Part> {
    let is_it = |part: &&Part| part.when == when && part.provider == provider && part.flows.contains(&flow);
    TABLE.part.iter().filter(is_it).map(|part| part.filled(values)).collect()
}

impl Part {
    fn filled(&self, values: &Values) -> Self {
        // Any other character could add to a command that an administrator copies.
        let is_plain = |value: &str| {
            !value.is_empty()
                && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@._+/-".contains(&byte))
        };
        let or = |value: &str, word: &str| if is_plain(value) { value.to_owned() } else { word.to_owned() };
        let filled = |text: &String| {
            text.replace("{tenant}", &or(values.tenant, "TENANT"))
                .replace("{app}", &or(values.client_id, "APPLICATION-ID"))
                .replace("{mailbox}", &or(values.mailbox, "MAILBOX"))
                .replace("{file}", &or(values.file, "FILE"))
        };
        Self {
            title: filled(&self.title),
            steps: self.steps.iter().map(filled).collect(),
            commands: self.commands.iter().map(filled).collect(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
