//! Runs a command, shows its end, notes it in the journal, and returns the exit status.

use std::path::Path;

use super::arguments::{Json, Output};
use super::show::screen::Screen;
use super::show::{self, plan};
use crate::engine::compare::check;
use crate::engine::load::know_password;
use crate::engine::tables::search_passwords;
use crate::engine::{Silent, ended_by, heed_signals, note_in_journal, now};
use crate::error::{Exit, Result};
use crate::model::ended::Ended;
use crate::model::json;
use crate::model::leaving::Limits;
use crate::model::prometheus::figures;
use crate::sys::environment;
use crate::sys::host;
use crate::sys::output;

/// Runs a command that only root may use.
pub fn report(name: &str, output: Output, work: impl FnOnce(&mut Screen) -> Result<Ended>) -> u8 {
    report_to_anybody(name, output, |screen| host::require_root().and_then(|()| work(screen)))
}

/// Runs a command of root's that begins by loading its answers, and so knows their password.
pub fn report_on_answers(name: &str, output: Output, work: impl FnOnce(&mut Screen) -> Result<Ended>) -> u8 {
    prepare();
    finish(name, output, |screen| host::require_root().and_then(|()| work(screen)))
}

/// Runs a command that everybody may use.
pub fn report_to_anybody(name: &str, output: Output, work: impl FnOnce(&mut Screen) -> Result<Ended>) -> u8 {
    prepare();
    know_password();
    finish(name, output, work)
}

fn finish(name: &str, output: Output, work: impl FnOnce(&mut Screen) -> Result<Ended>) -> u8 {
    let mut screen = Screen::of(name, output.json);
    let command = environment::command_line();
    let ended = match work(&mut screen) {
        Ok(Ended::Applied(mut applied)) => {
            applied.name_command(&command);
            Ended::Applied(applied)
        }
        Ok(ended) => ended,
        Err(error) => Ended::Failed { error: ended_by(error), command },
    };
    show::end(&mut screen, &ended);
    note_in_journal(name, &ended);
    let written = screen.document(&json::document(name, &ended));
    // Whoever asked for a document and got none must not believe that all is well.
    if written || ended.exit() != Exit::Done { ended.exit().code() } else { Exit::Failed.code() }
}

/// Runs `check --nagios`. A monitoring system takes one line only; `history` shows what had to be recovered.
pub fn nagios(answers: &Path, limits: Limits) -> u8 {
    prepare();
    let compared = host::require_root().and_then(|()| check(answers, limits, &mut Silent)).map_err(ended_by);
    plan::nagios(&compared, &environment::command_line())
}

/// Runs `check --prometheus`: standard output has the figures alone, also where the host could not be looked at. Why it could
/// not is said on standard error. A look that was stopped has seen nothing, and has no figures.
pub fn prometheus(answers: &Path, limits: Limits) -> u8 {
    prepare();
    let command = environment::command_line();
    let ended = match host::require_root().and_then(|()| check(answers, limits, &mut Silent)) {
        Ok(compared) => Ended::Checked(compared),
        Err(error) => Ended::Failed { error: ended_by(error), command },
    };
    let mut text = figures(&ended, now());
    if let Ended::Failed { error, .. } = &ended {
        show::end(&mut Screen::of("check", Some(Json::Document)), &ended);
        if error.interruption().is_some() {
            text.clear();
        }
    }
    note_in_journal("check", &ended);
    let written = output::Output::Text.write(&text).is_ok();
    // Whoever asked for figures and got none must not believe that all is well.
    if written || ended.exit() != Exit::Done { ended.exit().code() } else { Exit::Failed.code() }
}

fn prepare() {
    host::protect_memory();
    heed_signals();
    search_passwords();
}
