//! The manual and the shell completions know every command, option, exit status and answer.

use std::fs;
use std::path::PathBuf;

use clap_complete::Shell;
use relayhost::model::answers::Answers;
use relayhost::model::providers::{Provider, Start, providers};

use crate::project::{project, read};

fn share(path: &str) -> PathBuf {
    project().join("packaging/usr/share").join(path)
}

/// A manual page as text: fonts, requests and the marks of hyphens taken away.
fn page(path: &str) -> String {
    let source = fs::read_to_string(share(path)).unwrap();
    source
        .lines()
        .map(|line| line.replace("\\-", "-").replace("\\fI", "").replace("\\fR", "") + "\n")
        .collect()
}

/// Whether `word` stands in `text` as a whole word.
fn has(text: &str, word: &str) -> bool {
    let letter = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.split(|c: char| !letter(c)).any(|found| found == word)
}

/// The lines of a page from this heading to the next.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let rest = page.split(&format!("\n.SH {heading}\n")).nth(1).unwrap_or_else(|| panic!("no {heading}"));
    rest.split("\n.SH ").next().unwrap()
}

#[test]
fn the_manual_has_every_command_and_option() {
    let page = page("man/man8/relayhost.8");
    let mut program = relayhost::cli::command();
    program.build();
    let commands: Vec<_> = program
        .get_subcommands()
        .filter(|command| command.get_name() != "help" && !command.is_hide_set())
        .collect();
    assert!(commands.len() >= 7, "{commands:?}");
    for command in commands {
        let name = command.get_name();
        assert!(has(section(&page, "COMMANDS"), name), "relayhost(8) does not describe the command {name}");
        assert!(
            section(&page, "SYNOPSIS").contains(&format!("relayhost {name}")),
            "no {name} in relayhost(8)'s synopsis"
        );
        for option in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let Some(long) = option.get_long() else { continue };
            assert!(
                has(section(&page, "OPTIONS"), &format!("--{long}")),
                "relayhost(8) does not describe --{long} of {name}"
            );
        }
    }
}

#[test]
fn the_manual_and_the_page_of_the_commands_have_every_exit_status() {
    let page = page("man/man8/relayhost.8");
    let commands = fs::read_to_string(project().join("docs/commands.md")).unwrap();
    let help = relayhost::cli::command().render_long_help().to_string();
    let listed = help.split("Exit status:\n").nth(1).unwrap();
    let codes: Vec<_> =
        listed.lines().filter_map(|line| line.split_whitespace().next()?.parse::<u8>().ok()).collect();
    assert!(codes.len() >= 8, "{help}");
    for code in codes {
        assert!(
            section(&page, "EXIT STATUS").contains(&format!(".B {code}\n")),
            "relayhost(8) does not tell exit status {code}"
        );
        assert!(
            commands.lines().any(|line| line.starts_with(&format!("| {code} | "))),
            "docs/commands.md does not tell exit status {code}"
        );
    }
}

#[test]
fn the_manual_has_every_answer() {
    let page = page("man/man5/relayhost-answers.5");
    let markdown = read("docs/answers.md");
    // The parser itself tells which keys it takes.
    let known = |text: &str| {
        let error = Answers::parse("answers.toml", text.as_bytes()).unwrap_err().to_string();
        let list = error.split("here are ").nth(1).unwrap_or_else(|| panic!("{error}")).to_owned();
        let keys: Vec<_> = list.split(", ").map(str::to_owned).collect();
        assert!(!keys.is_empty(), "{error}");
        keys
    };
    let top = known("no_such_key = 1\n");
    assert!(top.contains(&"relay".to_owned()), "{top:?}");
    for key in top {
        if key == "version" {
            assert!(page.contains(".B version\n"));
            continue;
        }
        // Lists of tables, which are looked at below.
        if ["alarm", "senders", "routes"].contains(&key.as_str()) {
            continue;
        }
        let table = page
            .split(&format!("\n.SS [{key}]"))
            .nth(1)
            .unwrap_or_else(|| panic!("relayhost-answers(5) has no [{key}]"));
        let table = table.split("\n.S").next().unwrap();
        for name in known(&format!("[{key}]\nno_such_key = 1\n")) {
            assert!(
                table.contains(&format!(".B {name}\n")),
                "relayhost-answers(5) does not tell {key}.{name}"
            );
            assert!(
                markdown.contains(&format!("`{key}.{name}`")),
                "docs/answers.md does not tell {key}.{name}"
            );
        }
    }
    for (head, heading) in [
        ("[verify.arrival]", "\n.SS [verify.arrival]: the mailbox of the recipient\n"),
        ("[[senders]]", "\n.SS [[senders]]: senders with an account of their own\n"),
        ("[[routes]]", "\n.SS [[routes]]: mail that does not leave by the relay\n"),
        ("[[alarm]]", "\n.SS [[alarm]]: how the watch tells what is wrong\n"),
    ] {
        let table = page.split(heading).nth(1).unwrap().split("\n.S").next().unwrap();
        let (_, in_markdown) = markdown.split_once(&format!("| key of `{head}` |")).unwrap();
        for name in known(&format!("{head}\nno_such_key = 1\n")) {
            assert!(
                table.contains(&format!(".B {name}\n")),
                "relayhost-answers(5) does not tell {head} {name}"
            );
            assert!(
                in_markdown.contains(&format!("`{name}`")),
                "docs/answers.md does not tell {head} {name}"
            );
        }
    }
}

/// They are made here, once, so that building the package takes neither `clap_complete` nor a run of the program.
#[test]
fn the_completions_are_those_of_this_program() {
    for (shell, path) in [
        (Shell::Bash, "bash-completion/completions/relayhost"),
        (Shell::Zsh, "zsh/site-functions/_relayhost"),
        (Shell::Fish, "fish/vendor_completions.d/relayhost.fish"),
    ] {
        let mut made = Vec::new();
        clap_complete::generate(shell, &mut relayhost::cli::command(), "relayhost", &mut made);
        let path = share(path);
        if std::env::var_os("RELAYHOST_WRITE").is_some() {
            fs::write(&path, &made).unwrap();
        }
        assert!(
            fs::read(&path).unwrap() == made,
            "{} is not what this program's options make: `RELAYHOST_WRITE=1 cargo test --test quick manual::` writes it",
            path.display()
        );
    }
}

/// One provider as a section of docs/providers.md.
fn section_of(name: &str, provider: &Provider) -> String {
    let mut text = format!("\n## {name}\n{}.\n", provider.title);
    if let Some(why) = &provider.unusable {
        text += &format!("\n**Cannot be used:** {why}.\n");
    }
    let start = |start| if start == Start::Implicit { "TLS from the first byte" } else { "STARTTLS" };
    let ports: Vec<_> =
        provider.ports.iter().map(|port| format!("{} ({})", port.port, start(port.tls))).collect();
    let host = match (&provider.part, provider.any_host()) {
        (Some(word), _) if !provider.parts.is_empty() => format!("one for each {word}, below"),
        (_, Some(host)) => format!("`{host}`"),
        (_, None) => "your own".into(),
    };
    let fixed = provider.fixed_username.as_ref().map(|fixed| format!("`{fixed}`, filled in by `init`"));
    let rows = [
        ("host", Some(host)),
        ("ports", Some(ports.join(", "))),
        ("TLS, mechanism", Some(format!("{}, {}", provider.tls.word(), provider.mechanism.filter()))),
        ("user name", fixed.or(provider.username.clone())),
        ("password", provider.password.clone()),
        ("sender", provider.sender.clone()),
        ("limits", Some(provider.limits.join("; ")).filter(|text| !text.is_empty())),
        ("largest message", provider.size.map(|size| format!("{size} bytes"))),
        ("offers", Some(provider.offers.join(", ")).filter(|text| !text.is_empty())),
    ];
    text += "\n| | |\n|---|---|\n";
    for (what, value) in rows {
        let value = value.unwrap_or_default().trim_end_matches(", ").replace('|', "\\|");
        if !value.is_empty() {
            text += &format!("| {what} | {value} |\n");
        }
    }
    if !provider.parts.is_empty() {
        text += "\n| `provider =` | host | |\n|---|---|---|\n";
        for part in &provider.parts {
            let standard = if provider.standard.as_ref() == Some(&part.name) { ", the standard" } else { "" };
            text += &format!("| `{name}/{}` | `{}` | {}{standard} |\n", part.name, part.host, part.title);
        }
    }
    let warnings: Vec<_> = provider
        .warnings
        .iter()
        .map(|warning| {
            warning.from.as_ref().map_or(String::new(), |from| format!("**{from}** ")) + &warning.text
        })
        .collect();
    for (title, lines) in
        [("Have ready", &provider.ready), ("What will bite", &warnings), ("With Postfix", &provider.postfix)]
    {
        if !lines.is_empty() {
            text += &format!("\n{title}:\n");
            text.extend(lines.iter().map(|line| format!("- {line}\n")));
        }
    }
    if !provider.replies.is_empty() {
        text += "\n| it says | that means | what to do | cause |\n|---|---|---|---|\n";
        for reply in &provider.replies {
            text +=
                &format!("| `{}` | {} | {} | `{}` |\n", reply.reply, reply.means, reply.remedy, reply.cause);
        }
    }
    text += &format!("\nSource, compared {}: <{}>.\n", provider.checked, provider.source);
    if !provider.unconfirmed.is_empty() {
        text += &format!("Not confirmed by a page of the vendor's: {}.\n", provider.unconfirmed.join("; "));
    }
    text
}

/// It is made of the data, so that both say the same.
#[test]
fn the_page_on_providers_is_what_the_data_say() {
    let mut made = fs::read_to_string(share("../../../docs/providers.md")).unwrap();
    let end = made.find("\n## ").unwrap_or(made.len());
    made.truncate(end);
    for (name, provider) in providers() {
        made += &section_of(name, provider);
    }
    let path = share("../../../docs/providers.md");
    if std::env::var_os("RELAYHOST_WRITE").is_some() {
        fs::write(&path, &made).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == made,
        "docs/providers.md is not what src/model/providers/providers.toml makes: `RELAYHOST_WRITE=1 cargo test --test quick manual::` writes it"
    );
}
