//! `relayhost login`: shows a person what to do, and asks for the address at which the browser ended.

use super::arguments::Login as Options;
use super::show::login;
use super::show::screen::Screen;
use crate::engine::certificate;
use crate::engine::login::{Login, Task};
use crate::error::{Complaint, Error, Result};
use crate::model::ended::Ended;
use crate::sys::tty::{self, Typed};

/// Number of unusable addresses after which `login` gives up.
const PATIENCE: u32 = 5;

/// Has a person log in, or makes a certificate.
pub fn run(options: &Options, screen: &mut Screen) -> Result<Ended> {
    if options.new_certificate {
        let user = options.user.as_deref();
        return certificate::make(&options.common.answers, user, options.force).map(Ended::Certified);
    }
    let login = match Login::begin(&options.common.answers, options.user.as_deref())? {
        Ok(login) => login,
        Err(idle) => return Ok(Ended::Idle(idle)),
    };
    match &login.task {
        Task::Type(invitation) => {
            login::invite(screen, invitation);
            login.wait(options.lock_timeout, screen).map(Ended::LoggedIn)
        }
        Task::Visit { address, .. } => {
            if !screen.visit(address) && !tty::is_input() {
                return Err(nobody("there is no terminal to paste the address at"));
            }
            login::visit(screen, address);
            paste(login, options, screen)
        }
    }
}

/// Asks for the address until a person pastes one that belongs to this login, `PATIENCE` times at most.
fn paste(login: Login, options: &Options, screen: &mut Screen) -> Result<Ended> {
    for _ in 0..PATIENCE {
        screen.section("The address that the browser ended at:");
        screen.write("> ");
        let typed = tty::read_line(false).inspect_err(|_| screen.write("\n"))?;
        let line = match typed {
            Typed::Line(line) => line,
            Typed::NotText => String::new(),
            Typed::End => return Err(nobody("the input ended")),
            Typed::Stop(stop) => {
                screen.line("", "stopped; nobody was logged in");
                stop.obey();
                return Err(nobody("stopped by a signal"));
            }
        };
        match login.code(&line) {
            Ok(code) => return login.redeem(&code, options.lock_timeout, screen).map(Ended::LoggedIn),
            Err(complaint) => {
                screen.refused(&complaint);
            }
        }
    }
    Err(nobody("no address that was pasted is of this login"))
}

/// The error for a login that nobody has completed.
fn nobody(why: &str) -> Error {
    Complaint::new(format!("nobody was logged in: {why}"), "run `relayhost login` at a terminal again")
        .of("login", None)
}
