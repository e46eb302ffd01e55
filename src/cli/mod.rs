//! The command line: what may be typed, and which part of the engine that calls. Decides nothing.

mod admin;
mod ask;
mod diagnose;
mod init;
mod pending;
mod probe;
mod providers;
mod render;
mod scriptlet;
mod terminal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::engine::load;
use crate::error::Exit;
use crate::model::state::order::Flags;
use crate::model::text;

/// Gives an RPM-based host working outgoing mail through an SMTP relay, and proves it.
#[derive(Debug, Parser)]
#[command(name = "relayhost", version, max_term_width = 100, arg_required_else_help = true, after_help = EXIT_STATUS)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_STATUS: &str = "Exit status:
  0  done, or nothing to do
  1  could not; the message says what
  2  wrong usage, or answers that are not valid
  3  check, plan: the host differs from the answers; apply: somebody changed by hand what is to be set
  4  the relay refused the message, or would (probe, and apply before it changes anything); diagnose: something failed
  5  no final word from the relay before the deadline, or one that only a message can bring (probe)
  6  inside an RPM transaction: recorded, and done when it is over; pending in a tree: at its first boot
  7  the relay refused, and the previous configuration was put back
  8  putting it back failed; the message names what is on disk
  129, 130, 143  ended by SIGHUP, Ctrl-C (SIGINT), SIGTERM, and undone; the message names what is in force
  check --nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN";

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare the host with the answers; changes nothing
    Check {
        #[command(flatten)]
        common: Common,
        /// One line and performance data, and the exit status of a monitoring plugin
        #[arg(long, conflicts_with = "json")]
        nagios: bool,
    },
    /// Show what apply would do, as steps and a diff; passwords are never shown
    Plan {
        #[command(flatten)]
        common: Common,
    },
    /// Install what is missing, configure Postfix, and send a test message through the relay
    Apply {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        change: Change,
        /// Send no test message
        #[arg(long)]
        no_verify: bool,
        /// Send the test message even if there was nothing to do
        #[arg(long, conflicts_with = "no_verify")]
        verify: bool,
        /// Overwrite values of ours that somebody changed by hand
        #[arg(long)]
        force: bool,
        /// Work on a tree that is not running (an install image, a chroot): start, tell and send nothing
        #[arg(long, value_name = "DIR", conflicts_with = "verify")]
        root: Option<PathBuf>,
    },
    /// Clear up after a run that was stopped, mend what is not as the answers say, and send the test message
    Repair {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        change: Change,
    },
    /// Send the test message and follow it to the relay's reply; changes nothing
    Verify {
        #[command(flatten)]
        common: Common,
        /// Send it there, instead of to verify.to of the answers
        #[arg(long, value_name = "ADDRESS")]
        to: Option<String>,
        /// How long to wait for the relay's reply [default: verify.deadline of the answers, or 90s]
        #[arg(long, value_name = "TIME", value_parser = text::parse_duration)]
        deadline: Option<Duration>,
    },
    /// Speak to the relay as Postfix would, without sending mail: name, TLS, login, sender, recipient; changes nothing
    Probe {
        #[command(flatten)]
        common: Common,
        /// Try what this host's Postfix is set to now, instead of the answers
        #[arg(long)]
        current: bool,
        /// How long all of it may take
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = text::parse_duration)]
        timeout: Duration,
    },
    /// Read the mail log and name each failure, its cause and its remedy; changes nothing
    Diagnose(diagnose::Arguments),
    /// For RPM scriptlets, triggers and hooks: record what is wanted; prints nothing, and always ends with 0
    #[command(after_help = "%post:   relayhost scriptlet post \"$1\" --for NAME")]
    Scriptlet {
        /// The slot
        #[arg(value_enum)]
        slot: SlotName,
        /// The scriptlet's $1: how many of the package there are when the transaction is over
        #[arg(default_value = "1")]
        instances: u32,
        /// The package whose scriptlet it is, and which asks for a relay
        #[arg(long = "for", value_name = "NAME", conflicts_with = "changed")]
        asker: Option<String>,
        /// For triggers and hooks: the package that came, went or changed
        #[arg(long, value_name = "NAME")]
        changed: Option<String>,
    },
    /// Do what was recorded inside RPM transactions, when they are over; relayhost-pending.service runs this
    Pending {
        /// Only if it is time to try again
        #[arg(long)]
        due: bool,
        /// Print one JSON document (docs/schema.json)
        #[arg(long)]
        json: bool,
        /// How long to wait for package managers to end
        #[arg(long, value_name = "TIME", default_value = "30m", value_parser = text::parse_duration)]
        lock_timeout: Duration,
    },
    /// Clear up after a run that was stopped, and nothing else; relayhost-recover.service runs this at boot
    Recover {
        /// Print one JSON document (docs/schema.json)
        #[arg(long)]
        json: bool,
    },
    /// Write an answers file: asks on a terminal, takes flags without one; knows the providers, and tries the relay first
    Init {
        #[command(flatten)]
        flags: init::Flags,
    },
    /// List the relay providers that are known, or explain one: what to have ready, what will bite, what its replies mean
    Providers {
        /// The provider, alone or with its part: ses, ses/eu-west-1
        name: Option<String>,
        /// Print one JSON document (docs/schema.json)
        #[arg(long)]
        json: bool,
    },
    /// List the recorded generations: what was there before each change
    History {
        /// Print one JSON document (docs/schema.json)
        #[arg(long)]
        json: bool,
    },
    /// Put a generation back, byte for byte; without a number the newest, which undoes the last change
    Restore {
        /// Number, as history lists it; 0 is the host as relayhost found it
        number: Option<u32>,
        /// Print one JSON document (docs/schema.json)
        #[arg(long)]
        json: bool,
        /// How long to wait for another relayhost to end
        #[arg(long, value_name = "TIME", default_value = "10m", value_parser = text::parse_duration)]
        lock_timeout: Duration,
    },
}

/// Options of the commands that change something.
#[derive(Debug, Args)]
struct Change {
    /// What to do with the configuration if the relay refuses the test message
    #[arg(long, value_name = "WHAT", value_enum, default_value = "rollback")]
    on_failure: OnFailure,
    /// Do not probe the relay first: write the configuration, and let the test message decide
    #[arg(long)]
    no_probe: bool,
    /// How long to wait for another package manager, or another relayhost, to end
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = text::parse_duration)]
    lock_timeout: Duration,
}

impl Change {
    fn flags(&self) -> Flags {
        Flags { keep: self.on_failure == OnFailure::Keep, no_probe: self.no_probe, ..Flags::default() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OnFailure {
    /// Put the previous one back
    Rollback,
    /// Leave it
    Keep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "lower")]
enum SlotName {
    /// %post
    Post,
    /// %posttrans
    PostTrans,
    /// %preun
    PreUn,
    /// %postun
    PostUn,
}

#[derive(Debug, Args)]
struct Common {
    /// The answers file; `-` reads standard input
    #[arg(long, value_name = "FILE", default_value = load::DEFAULT)]
    answers: PathBuf,
    /// Print one JSON document (docs/schema.json)
    #[arg(long)]
    json: bool,
}

/// What may be typed, as data: shell completions are made of it, and the manual is compared with it.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs one command line and returns the exit status. Can be called more than once in a process.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    // Whatever is wrong with a scriptlet's call, the transaction must not hear of it.
    let scriptlet = args.get(1).is_some_and(|command| command == "scriptlet")
        && !args.iter().any(|arg| arg == "--help" || arg == "-h");
    match Cli::try_parse_from(args) {
        Ok(Cli { command: Command::Scriptlet { slot, instances, asker, changed } }) => {
            scriptlet::run(slot, instances, asker, changed)
        }
        Err(_) if scriptlet => Exit::Done.code(),
        Ok(cli) => admin::run(cli.command),
        Err(error) => {
            // Help and version come as errors too, and go to standard output.
            let usage = error.use_stderr();
            let _ = error.print();
            if usage { Exit::Usage.code() } else { Exit::Done.code() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn usage_errors_have_their_exit_status() {
        let run = |args: &[&str]| run(args.iter().map(OsString::from));
        assert_eq!(run(&["relayhost", "bogus"]), Exit::Usage.code());
        assert_eq!(run(&["relayhost", "verify", "--deadline", "soon"]), Exit::Usage.code());
        assert_eq!(run(&["relayhost", "--version"]), Exit::Done.code());
    }
}
