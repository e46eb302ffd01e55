//! Reads a command line; shows the help, and what is wrong with a line that cannot be obeyed. Both are wrapped here, once,
//! to the terminal that they go to.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{CommandFactory, FromArgMatches};

use super::arguments::{Arguments, EXIT_STATUS};
use super::show::plan;
use super::show::terminal::{Terminal, WIDTH, wrapped};
use crate::error::{Exit, typed as quoted};
use crate::sys::output::Output;

/// The command line as data, with a help for a terminal of this width.
pub fn command(width: usize) -> clap::Command {
    let mut text = "Exit status:".to_owned();
    for (status, meaning) in EXIT_STATUS {
        let head = format!("  {status:<3}{}", if status.len() < 3 { "" } else { " " });
        text.push('\n');
        text.push_str(&wrapped(width, &head, meaning, 5));
    }
    Arguments::command().term_width(width).after_help(text)
}

/// Parses a command line. One that is not to be carried out ends here: the error is the exit status.
pub fn parse(args: &[OsString]) -> Result<Arguments, u8> {
    let has = |names: &[&str]| args.iter().any(|arg| names.iter().any(|name| arg == name));
    let has_value = |name: &str| args.iter().any(|arg| arg.to_string_lossy().starts_with(name));
    let matches = command(Terminal::detect().width).try_get_matches_from(args);
    matches.and_then(|matches| Arguments::from_arg_matches(&matches)).map_err(|error| {
        // An error in a scriptlet's call must not disturb the transaction.
        if args.get(1).is_some_and(|command| command == "scriptlet") && !has(&["--help", "-h"]) {
            Exit::Done.code()
        } else if error.use_stderr() && (has(&["--nagios"]) || has_value("--nagios=")) {
            plan::unknown(&in_one_line(&error))
        } else {
            show(&error, args)
        }
    })
}

/// What is wrong, and where the options are described, in one line: a monitoring system shows no more.
fn in_one_line(error: &Error) -> String {
    let text = error.render().to_string();
    let what = text.split("\n\n").next().unwrap_or_default();
    format!("{} -> relayhost check --help", what.trim_start_matches("error: ").trim())
}

fn show(error: &Error, args: &[OsString]) -> u8 {
    // Help and version come as errors too, and go to standard output.
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Done.code();
    }
    let hint = address(error, args).map(|hint| format!("\n{hint}\n")).unwrap_or_default();
    let _ = Output::Error.write(&Terminal::of_errors().fill(&format!("{}{hint}", error.render())));
    Exit::Usage.code()
}

/// What was meant by an address without an option before it, where the command has an option for it.
fn address(error: &Error, args: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidArg) else { return None };
    let name = args.get(1)?.to_str()?;
    let takes_it =
        command(WIDTH).find_subcommand(name)?.get_arguments().any(|one| one.get_long() == Some("to"));
    let is_meant = error.kind() == ErrorKind::UnknownArgument && !typed.starts_with('-') && takes_it;
    is_meant.then(|| format!("  tip: the recipient is an option: relayhost {name} --to {}", quoted(typed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_its_option_is_met_with_the_option() {
        let hint = |args: &[&str]| {
            let args: Vec<OsString> = args.iter().map(OsString::from).collect();
            let error = command(80).try_get_matches_from(&args).unwrap_err();
            address(&error, &args)
        };
        let tip = hint(&["relayhost", "route", "ops@example.com"]).unwrap();
        assert!(tip.ends_with("relayhost route --to ops@example.com"), "{tip}");
        assert!(hint(&["relayhost", "verify", "ops@example.com"]).is_some());
        for other in [&["relayhost", "check", "ops@example.com"][..], &["relayhost", "route", "--bogus"]] {
            assert_eq!(hint(other), None, "{other:?}");
        }
    }

    #[test]
    fn no_help_is_wider_than_the_terminal_but_for_words_that_cannot_be_broken() {
        for width in [40, 50, 80, 100] {
            let help = command(width).render_long_help().to_string();
            for line in help.lines().filter(|line| line.chars().count() > width) {
                assert!(!line.trim().contains(' '), "{width}: {line}");
            }
            // Wrapped once: what goes on below stands under the text.
            let (_, listed) = help.split_once("Exit status:\n").unwrap();
            for line in listed.lines().filter(|line| line.starts_with(' ') && !line.starts_with("     ")) {
                let begins =
                    line.trim().starts_with(|c: char| c.is_ascii_digit()) || line.contains("--nagios:");
                assert!(begins, "{width}: {line}");
            }
        }
    }
}
