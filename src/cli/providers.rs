//! `relayhost providers`: shows what is known of relay providers. Touches nothing, so anybody may call it.

use serde_json::{Value, json};

use super::render::Renderer;
use crate::error::{Error, Exit, Result};
use crate::model::answers::choices;
use crate::model::providers::{self, Part, Preset, Provider, Start, Warning, providers};

/// Lists all, or explains one.
pub fn run(name: Option<&str>, out: &Renderer) -> Result<(Exit, Value)> {
    let Some(named) = name else {
        list(out);
        return Ok((Exit::Done, document(providers().iter())));
    };
    // A name without its part is explained too: that there are parts is part of the explanation.
    let bare = named.split('/').next().unwrap_or_default();
    let preset = match (providers::find(named), providers().get_key_value(named)) {
        (Ok(preset), _) => preset,
        (Err(_), Some((name, provider))) => Preset { name, provider, host: None },
        (Err(unknown), None) => {
            return Err(Error::Answers {
                file: "providers".into(),
                place: None,
                problem: unknown.problem,
                remedy: unknown.remedy,
            });
        }
    };
    explain(named, &preset, out);
    Ok((Exit::Done, document(providers().iter().filter(|(name, _)| *name == bare))))
}

/// The presets as JSON.
fn document<'a>(presets: impl Iterator<Item = (&'a String, &'a Provider)>) -> Value {
    let named = |(name, provider): (&String, &Provider)| {
        let mut value = serde_json::to_value(provider).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
            fields.insert("name".into(), json!(name));
        }
        value
    };
    json!({ "providers": presets.map(named).collect::<Vec<_>>() })
}

fn list(out: &Renderer) {
    let host = |provider: &Provider| {
        let port = provider.ports.first().map_or(0, |port| port.port);
        let host = provider.any_host().unwrap_or("your own host");
        format!("{}:{port}", host.replace("{domain}", "YOUR-DOMAIN"))
    };
    let names = providers().keys().map(String::len).max().unwrap_or_default() + 2;
    let hosts = providers().values().map(|provider| host(provider).len()).max().unwrap_or_default();
    // Beside the names, or where that has no room for a host name, under them.
    let beside = out.terminal.width >= names + hosts;
    for (name, provider) in providers() {
        let (head, indent) =
            if beside { (format!("{name:<names$}"), names) } else { (format!("{name}: "), 4) };
        out.line(&head, &provider.title);
        let parts = match (provider.parts.len(), &provider.part) {
            (0, None) => String::new(),
            (0, Some(word)) => format!(" for each {word}"),
            (1..=6, Some(word)) => {
                let names = provider.parts.iter().map(|part| part.name.as_str()).collect::<Vec<_>>();
                format!(" ({word}: {})", names.join(", "))
            }
            (count, word) => format!(" and {} more {}s", count - 1, word.as_deref().unwrap_or("part")),
        };
        let login = &provider.login;
        out.line(&" ".repeat(indent), &format!("{}{parts}; login: {login}", host(provider)));
    }
    out.write("\n");
    out.line(
        "",
        "relayhost providers NAME explains one; relayhost init --provider NAME writes answers for it",
    );
}

/// Everything that is known of one, in words.
fn explain(named: &str, preset: &Preset, out: &Renderer) {
    let provider = preset.provider;
    out.line("", &format!("{named}: {}", provider.title));
    if let Some(why) = &provider.unusable {
        out.write("\n");
        out.line("", &format!("cannot be used: {why}"));
    }
    out.write("\n");
    let host = match (&preset.host, &provider.part) {
        (Some(host), _) => host.clone(),
        (None, Some(word)) => format!("one for each {word}: see below"),
        (None, None) => "your own".to_owned(),
    };
    field(out, "host", &host);
    let start = |start| if start == Start::Implicit { "TLS from the first byte" } else { "STARTTLS" };
    let ports: Vec<_> =
        provider.ports.iter().map(|port| format!("{} ({})", port.port, start(port.tls))).collect();
    field(out, "ports", &ports.join(", "));
    let fields = [
        ("login", Some(provider.login.clone())),
        ("user name", provider.username.clone()),
        ("password", provider.password.clone()),
        ("sender", provider.sender.clone()),
        ("limits", (!provider.limits.is_empty()).then(|| provider.limits.join("; "))),
        ("size", provider.size.map(|size| format!("{} MiB a message ({size} bytes)", size / 1024 / 1024))),
        ("offers", (!provider.offers.is_empty()).then(|| provider.offers.join(", "))),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            field(out, name, &value);
        }
    }
    if let Some(word) = &provider.part {
        let bare = preset.name;
        if provider.parts.is_empty() {
            section(out, &format!("the {word} is part of the name: {bare}/example.com"));
        } else {
            section(out, &format!("each {word} has a name of its own:"));
        }
        let longest = |of: fn(&Part) -> &str| {
            provider.parts.iter().map(|part| of(part).len()).max().unwrap_or_default()
        };
        let names = bare.len() + longest(|part| &part.name) + 5;
        let beside = out.terminal.width > names + longest(|part| &part.host);
        for part in &provider.parts {
            let standard =
                if provider.standard.as_ref() == Some(&part.name) { "; if none is named" } else { "" };
            let name = format!("{bare}/{}", part.name);
            let text = format!("{}, {}{standard}", part.host, part.title);
            if beside {
                out.line(&format!("  {name:<0$}", names - 2), &text);
            } else {
                out.line("  ", &name);
                out.line("      ", &text);
            }
        }
    }
    bullets(out, "have ready:", provider.ready.iter().cloned());
    bullets(out, "what will bite:", provider.warnings.iter().map(dated));
    bullets(out, "with Postfix:", provider.postfix.iter().cloned());
    if !provider.replies.is_empty() {
        section(out, "what it says when it refuses, what that means, and what to do:");
    }
    for reply in &provider.replies {
        out.line("  - ", &reply.reply);
        out.line("    ", &format!("{} [{}]", reply.means, reply.cause));
        out.line("    -> ", &reply.remedy);
    }
    if provider.unusable.is_none() {
        section(out, "answers (relayhost init makes them):");
        for line in choices::example(named, preset).text("", true).lines() {
            out.write(&format!("{}\n", format!("  {line}").trim_end()));
        }
    }
    out.write("\n");
    out.line("", &format!("source, compared {}:", provider.checked));
    out.line("", &provider.source);
    if !provider.unconfirmed.is_empty() {
        out.line(
            "",
            &format!("not confirmed by a page of the vendor's: {}", provider.unconfirmed.join("; ")),
        );
    }
}

/// What whoever takes this provider must know first.
pub(super) fn introduce(provider: &Provider, out: &Renderer) {
    section(out, &provider.title);
    bullets(out, "have ready:", provider.ready.iter().cloned());
    bullets(out, "what will bite:", provider.warnings.iter().map(dated));
}

fn dated(warning: &Warning) -> String {
    warning.from.as_ref().map_or(String::new(), |from| format!("{from}: ")) + &warning.text
}

fn field(out: &Renderer, name: &str, value: &str) {
    out.line(&format!("  {name:<11}"), value);
}

pub(super) fn section(out: &Renderer, title: &str) {
    out.write("\n");
    out.line("", title);
}

pub(super) fn bullets(out: &Renderer, title: &str, lines: impl Iterator<Item = String>) {
    for (number, line) in lines.enumerate() {
        if number == 0 {
            section(out, title);
        }
        out.line("  - ", &line);
    }
}
