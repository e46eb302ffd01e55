//! The manual and the shell completions know every command, option, exit status and answer.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop there, and it works on files of its own"
)]

use std::fs;
use std::path::{Path, PathBuf};

use clap_complete::Shell;
use relayhost::model::answers::Answers;

fn share(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/usr/share").join(path)
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
fn the_manual_has_every_exit_status() {
    let page = page("man/man8/relayhost.8");
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
    }
}

#[test]
fn the_manual_has_every_answer() {
    let page = page("man/man5/relayhost-answers.5");
    let markdown = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/answers.md")).unwrap();
    // The parser itself tells which keys it takes.
    let known = |text: &str| {
        let error = Answers::parse("answers.toml", text.as_bytes()).unwrap_err().to_string();
        let list = error.split("expected ").nth(1).unwrap_or_else(|| panic!("{error}")).to_owned();
        let keys: Vec<_> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
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
            "{} is not what this program's options make: `RELAYHOST_WRITE=1 cargo test --test manual` writes it",
            path.display()
        );
    }
}
