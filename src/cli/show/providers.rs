//! The presets of relay providers: the screens of `providers`, and an introduction for `init`.

use super::screen::Screen;
use super::terminal::wrapped;
use crate::model::answers::choices;
use crate::model::providers::choose::{USUAL, numbered};
use crate::model::providers::{Part, Preset, Provider, Start, Warning, providers};

/// Shows all presets.
pub fn list(screen: &Screen) {
    let host = |provider: &Provider| {
        let port = provider.ports.first().map_or(0, |port| port.port);
        let host = provider.any_host().unwrap_or("your own host");
        format!("{}:{port}", host.replace("{domain}", "YOUR-DOMAIN"))
    };
    let names = providers().keys().map(String::len).max().unwrap_or_default() + 2;
    let hosts = providers().values().map(|provider| host(provider).len()).max().unwrap_or_default();
    // Texts stand beside the names, or below them if the line has no room for a host name.
    let beside = screen.terminal.width >= names + hosts;
    for (name, provider) in providers() {
        let (head, indent) =
            if beside { (format!("{name:<names$}"), names) } else { (format!("{name}: "), 4) };
        screen.line(&head, &provider.title);
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
        screen.line(&" ".repeat(indent), &format!("{}{parts}; login: {login}", host(provider)));
    }
    screen.section(
        "relayhost providers NAME explains one; relayhost init --provider NAME writes answers for it",
    );
}

/// Shows everything that is known of one provider.
pub fn explain(screen: &Screen, named: &str, preset: &Preset) {
    let provider = preset.provider;
    screen.line("", &format!("{named}: {}", provider.title));
    if let Some(why) = &provider.unusable {
        screen.section(&format!("cannot be used: {why}"));
    }
    screen.write("\n");
    facts(screen, preset);
    parts(screen, preset);
    bullets(screen, "have ready:", provider.ready.iter().cloned());
    bullets(screen, "what will bite:", provider.warnings.iter().map(dated));
    bullets(screen, "with Postfix:", provider.postfix.iter().cloned());
    replies(screen, provider);
    if provider.unusable.is_none() {
        screen.section("answers (relayhost init makes them):");
        screen.file(&choices::example(named, preset).text("", true));
    }
    screen.section(&format!("source, compared {}:", provider.checked));
    screen.line("", &provider.source);
    if !provider.unconfirmed.is_empty() {
        screen.line(
            "",
            &format!("not confirmed by a page of the vendor's: {}", provider.unconfirmed.join("; ")),
        );
    }
}

fn facts(screen: &Screen, preset: &Preset) {
    let provider = preset.provider;
    let host = match (&preset.host, &provider.part) {
        (Some(host), _) => host.clone(),
        (None, Some(word)) => format!("one for each {word}: see below"),
        (None, None) => "your own".to_owned(),
    };
    field(screen, "host", &host);
    let start = |start| if start == Start::Implicit { "TLS from the first byte" } else { "STARTTLS" };
    let ports: Vec<_> =
        provider.ports.iter().map(|port| format!("{} ({})", port.port, start(port.tls))).collect();
    field(screen, "ports", &ports.join(", "));
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
            field(screen, name, &value);
        }
    }
}

fn parts(screen: &Screen, preset: &Preset) {
    let provider = preset.provider;
    let Some(word) = &provider.part else { return };
    let bare = preset.name;
    if provider.parts.is_empty() {
        screen.section(&format!("the {word} is part of the name: {bare}/example.com"));
    } else {
        screen.section(&format!("each {word} has a name of its own:"));
    }
    let longest =
        |of: fn(&Part) -> &str| provider.parts.iter().map(|part| of(part).len()).max().unwrap_or_default();
    let names = bare.len() + longest(|part| &part.name) + 5;
    let beside = screen.terminal.width > names + longest(|part| &part.host);
    for part in &provider.parts {
        let standard = if provider.standard.as_ref() == Some(&part.name) { "; if none is named" } else { "" };
        let name = format!("{bare}/{}", part.name);
        let text = format!("{}, {}{standard}", part.host, part.title);
        if beside {
            screen.line(&format!("  {name:<0$}", names - 2), &text);
        } else {
            screen.line("  ", &name);
            screen.line("      ", &text);
        }
    }
}

fn replies(screen: &Screen, provider: &Provider) {
    if !provider.replies.is_empty() {
        screen.section("what it says when it refuses, what that means, and what to do:");
    }
    for reply in &provider.replies {
        screen.line("  - ", &reply.reply);
        screen.line("    ", &format!("{} [{}]", reply.means, reply.cause));
        screen.line("    -> ", &reply.remedy);
    }
}

/// Shows the usual providers with their numbers, for a person to choose one.
pub fn choose(screen: &Screen) {
    screen.write(&choices(screen.terminal.width));
}

/// The usual providers with their numbers, and how many more there are.
fn choices(width: usize) -> String {
    let all = numbered();
    let usual = all.iter().take(USUAL.len()).zip(1..);
    let line = |number: &str, text: &str| wrapped(width, &format!("{number:>4}  "), text, 6) + "\n";
    let mut lines = "\n".to_owned();
    for ((name, provider), number) in usual {
        lines += &line(&number.to_string(), &format!("{} ({name})", provider.title));
    }
    lines + &line("?", &format!("lists {} more", all.len() - USUAL.len()))
}

/// Shows the facts that a person who takes this provider must know first.
pub fn introduce(screen: &Screen, provider: &Provider) {
    screen.section(&provider.title);
    bullets(screen, "have ready:", provider.ready.iter().cloned());
    bullets(screen, "what will bite:", provider.warnings.iter().map(dated));
}

fn dated(warning: &Warning) -> String {
    warning.from.as_ref().map_or(String::new(), |from| format!("{from}: ")) + &warning.text
}

fn field(screen: &Screen, name: &str, value: &str) {
    screen.line(&format!("  {name:<11}"), value);
}

fn bullets(screen: &Screen, title: &str, lines: impl Iterator<Item = String>) {
    for (number, line) in lines.enumerate() {
        if number == 0 {
            screen.section(title);
        }
        screen.line("  - ", &line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal has 24 rows. The command, the introduction and the question take seven of them at 50 columns.
    #[test]
    fn the_list_of_providers_fits_a_terminal_and_begins_with_a_relay_of_ones_own() {
        for width in [80, 50] {
            let shown = choices(width);
            assert!(shown.lines().count() <= 24 - 7, "{width}: {shown}");
            assert!(shown.lines().all(|line| line.len() <= width), "{width}: {shown}");
            assert!(shown.starts_with("\n   1  your own relay"), "{shown}");
        }
        let shown = choices(100);
        for (name, provider) in numbered().into_iter().take(USUAL.len()) {
            assert!(shown.contains(&format!("{} ({name})", provider.title)), "{name} is not in {shown}");
        }
    }
}
