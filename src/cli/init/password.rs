//! `relayhost init --new-password`: another password, or client secret, for the answers that are there.

use super::tried::{self, is_failed, took_login};
use crate::cli::arguments::Init;
use crate::cli::ask;
use crate::cli::question::whether;
use crate::cli::show::screen::Screen;
use crate::engine::init::{self, Target, not_written};
use crate::error::{RUN_AGAIN, Result, shown};
use crate::model::answers::choices::Choices;
use crate::model::answers::interview::{Interview, Question};
use crate::model::probe::Probe;

/// Begins with the answers that are there, and with the password that was given, if one was.
pub fn begin(given: Choices, target: &Target) -> Result<Interview> {
    let Some(earlier) = init::earlier(target)? else {
        let why = format!("there are no answers in `{}`", shown(&target.answers));
        return Err(not_written(why, "`relayhost init` writes them, with the password"));
    };
    let mut interview = Interview::new(earlier, &init::local_domain());
    if !interview.words().iter().any(|(_, question)| *question == Question::Password) {
        return Err(not_written(
            "these answers have no login by a password",
            "`relayhost init` changes the others",
        ));
    }
    interview.give_password(given.password, given.password_file);
    Ok(interview)
}

/// Asks for the password, unless it was given, and tries it, until the relay takes it or the person gives up.
pub fn settle(
    interview: &mut Interview,
    options: &Init,
    somebody: bool,
    screen: &mut Screen,
) -> Result<Option<Probe>> {
    loop {
        if interview.lacks_password() {
            if !somebody {
                let remedy = "give it as --password-stdin or --password-file FILE";
                return Err(not_written("there is no terminal to ask for the password at", remedy));
            }
            ask::password(interview, screen)?;
        }
        if options.no_probe {
            return Ok(None);
        }
        let found = tried::once(interview.choices(), somebody, screen)?;
        // What the relay refuses after the login is no fault of the password.
        if !somebody || !is_failed(&found) || took_login(&found) {
            return Ok(Some(found));
        }
        let help = "yes: the password is asked for again; no: nothing is written, and the old password stays";
        if !whether(screen, "Type the password again?", help, true)? {
            return Err(not_written("the new password was not seen to be taken", RUN_AGAIN));
        }
        interview.give_password(None, None);
    }
}
