//! `diagnose`, once or with `--follow`.

use std::path::Path;

use super::arguments::Diagnose;
use super::report::{report, report_to_anybody};
use super::show;
use super::show::screen::Screen;
use crate::engine::diagnose::tail::follow;
use crate::engine::diagnose::{Asked, diagnose};
use crate::model::ended::Ended;
use crate::sys::tty;

/// Runs it and returns the exit status.
pub fn run(options: Diagnose) -> u8 {
    let Diagnose { files, since, queue_id, follow: goes_on, answers, redact, output } = options;
    let is_of_this_host = files.is_empty();
    let asked = Asked { files, since, queue_id, answers };
    if goes_on {
        return report("diagnose", output, |screen| {
            match follow(&asked, &mut |news, calendar| show::diagnosis::news(screen, news, calendar))? {}
        });
    }
    let work = |screen: &mut Screen| {
        if asked.files.iter().any(|path| path == Path::new("-")) && tty::is_input() {
            screen.line("", "paste what you have, and end it by Ctrl-D on a line of its own");
        }
        let found = diagnose(&asked)?;
        let found = found.without_secrets();
        Ok(Ended::Diagnosed(if redact { found.redacted() } else { found }))
    };
    // A file from elsewhere does not need root: its own permissions decide.
    if is_of_this_host {
        report("diagnose", output, work)
    } else {
        report_to_anybody("diagnose", output, work)
    }
}
