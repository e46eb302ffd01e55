//! Runs one command line: parses it, calls the engine, and shows how that ended. Decides nothing.

mod apply;
mod arguments;
mod ask;
mod diagnose;
mod init;
mod login;
mod question;
mod report;
mod scriptlet;
mod show;
mod usage;

use std::ffi::OsString;

use crate::engine::alarm;
use crate::engine::compare::{check, compare};
use crate::engine::drill::drill;
use crate::engine::history;
use crate::engine::pending::drain;
use crate::engine::probe::{probe_all, probe_alone};
use crate::engine::recover::recover_at_boot;
use crate::engine::route::route_alone;
use crate::engine::status::status;
use crate::engine::token::{Asked, renew};
use crate::engine::verify::verify_alone;
use crate::engine::watch::watch;
use crate::error::Exit;
use crate::model::ended::{Ended, Shown};
use crate::model::probe::Probes;
use crate::model::recipients::ROOT;
use crate::sys::environment;
use crate::sys::host;
use arguments::{
    Alarm, Arguments, Command, Drill, History, Output, Pending, Probe, Providers, Restore, Route, Token,
    Verify, Watch,
};
use init::Next;
use report::{nagios, prometheus, report, report_on_answers, report_to_anybody};
use show::screen::Screen;
use show::terminal::WIDTH;

/// The command line as data: shell completions are made of it, and the manual is compared with it.
pub fn command() -> clap::Command {
    usage::command(WIDTH)
}

/// Runs one command line and returns the exit status. Can be called more than once in a process.
pub fn run(args: impl IntoIterator<Item = OsString>) -> u8 {
    let args: Vec<OsString> = args.into_iter().collect();
    match usage::parse(&args) {
        Ok(Arguments { command: Some(command) }) => perform(command),
        Ok(Arguments { command: None }) => begin(),
        Err(status) => status,
    }
}

/// Shows where this host stands, if root asks, and the commands to begin with.
fn begin() -> u8 {
    let exit = match host::require_root() {
        Ok(()) => perform(Command::Status(Output::default())),
        Err(_) => Exit::Done.code(),
    };
    show::status::first_commands(&Screen::words());
    exit
}

fn perform(command: Command) -> u8 {
    match command {
        Command::Check(options) if options.nagios => nagios(&options.common.answers, options.ages.limits()),
        Command::Check(options) if options.prometheus => {
            prometheus(&options.common.answers, options.ages.limits())
        }
        Command::Check(options) => report_on_answers("check", options.common.output, |screen| {
            check(&options.common.answers, options.ages.limits(), screen).map(Ended::Checked)
        }),
        Command::Watch(Watch { common, open_after, ages }) => {
            report_on_answers("watch", common.output, |screen| {
                watch(&common.answers, ages.limits(), open_after, screen).map(Ended::Watched)
            })
        }
        Command::Alarm(Alarm { common, test: _ }) => report_on_answers("alarm", common.output, |screen| {
            alarm::test(&common.answers, screen).map(Ended::Alarmed)
        }),
        Command::Status(output) => {
            report_on_answers("status", output, |screen| status(screen).map(Ended::Stood))
        }
        Command::Plan(common) => report_on_answers("plan", common.output, |screen| {
            compare(&common.answers, screen).map(Ended::Planned)
        }),
        Command::Apply(options) => {
            report("apply", options.common.output, |screen| apply::apply(options, screen))
        }
        Command::Repair(options) => {
            report("repair", options.common.output, |screen| apply::repair(options, screen))
        }
        Command::Verify(Verify { common, to, root, all, deadline }) => {
            report_on_answers("verify", common.output, |screen| {
                let to = if root { Some(ROOT) } else { to.as_deref() };
                verify_alone(&common.answers, to, all, deadline, screen).map(Ended::Verified)
            })
        }
        Command::Drill(Drill { common, to, deadline }) => {
            report_on_answers("drill", common.output, |screen| {
                drill(&common.answers, to.as_deref(), deadline, screen).map(Ended::Drilled)
            })
        }
        Command::Probe(Probe { common, current, all, timeout }) => report("probe", common.output, |screen| {
            let found = if all {
                probe_all(&common.answers, timeout, screen)?
            } else {
                Probes::one(probe_alone(&common.answers, current, timeout, screen)?)
            };
            Ok(Ended::Probed(found))
        }),
        Command::Route(Route { common, from, to }) => report("route", common.output, |screen| {
            route_alone(&common.answers, from.as_deref(), to.as_deref(), screen).map(Ended::Routed)
        }),
        Command::Diagnose(options) => diagnose::run(options),
        Command::Scriptlet(options) => scriptlet::run(options),
        Command::Pending(Pending { due, output, lock_timeout }) => {
            report("pending", output, |screen| drain(due, lock_timeout, screen))
        }
        Command::Recover(output) => {
            report("recover", output, |screen| recover_at_boot(screen).map(Ended::Recovered))
        }
        Command::Init(options) => {
            let mut next = None;
            let exit = report("init", options.shown, |screen| init::run(&options, screen, &mut next));
            next.map_or(exit, |next| go_on(next, exit))
        }
        Command::Login(options) => {
            report("login", options.common.output, |screen| login::run(&options, screen))
        }
        Command::Token(Token { common, force, show, lock_timeout: patience }) => {
            let asked = Asked { answers: common.answers, force, show, patience };
            report("token", common.output, |screen| {
                Ok(renew(&asked, screen)?.map_or_else(Ended::Idle, Ended::Renewed))
            })
        }
        Command::Providers(Providers { name, output }) => {
            report_to_anybody("providers", output, |_| Shown::of(name.as_deref()).map(Ended::Shown))
        }
        Command::History(History { number, output }) => report("history", output, |screen| {
            let listed = match number {
                None => history::list(screen),
                Some(number) => history::one(number, screen),
            };
            listed.map(Ended::Listed)
        }),
        Command::Restore(Restore { number, output, lock_timeout }) => report("restore", output, |screen| {
            history::restore(number, lock_timeout, screen).map(Ended::Restored)
        }),
    }
}

/// Asks whether to go on with what follows `init`, and does it: then its exit status counts, and not `exit`, that of `init`.
fn go_on(next: Next, exit: u8) -> u8 {
    match next.is_wanted(&Screen::words()) {
        Ok(false) => exit,
        Ok(true) => {
            let command = ["relayhost", next.command()];
            environment::go_on_with(&command.join(" "));
            let exit = run(command.map(OsString::from));
            if next == Next::LogIn && exit == Exit::Done.code() { go_on(Next::Apply, exit) } else { exit }
        }
        Err(error) => {
            environment::go_on_with(&["relayhost", next.command()].join(" "));
            report("init", Output::default(), |_| Err(error))
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
        for args in
            [&["--bogus"][..], &["--json"], &["--max-queue-age", "15"], &["--max-proof-age=1M"], &["x"]]
        {
            let all = [&["relayhost", "check", "--nagios"], args].concat();
            assert_eq!(run(&all), 3, "{args:?}");
        }
        assert_eq!(run(&["relayhost", "check", "--nagios", "--help"]), Exit::Done.code());
    }
}
