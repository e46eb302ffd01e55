//! The screens: how each command ended, for a person.

mod delivery;
pub mod diagnosis;
mod form;
mod history;
pub mod login;
pub mod plan;
pub mod probe;
pub mod providers;
mod route;
pub mod screen;
pub mod status;
pub mod terminal;
mod watch;

use crate::error::shown;
use crate::model::ended::{Ended, NOTHING_LEFT, Renewed, Shown, Written};
use screen::Screen;
use terminal::Mark;

/// Shows how a command ended.
pub fn end(screen: &mut Screen, ended: &Ended) {
    match ended {
        Ended::Checked(compared) => plan::findings(screen, compared),
        Ended::Watched(watched) => watch::watched(screen, watched),
        Ended::Alarmed(alarmed) => watch::alarmed(screen, alarmed),
        Ended::Stood(status) => status::status(screen, status),
        Ended::Planned(compared) => plan::steps(screen, &compared.plan),
        Ended::Applied(done) => delivery::applied(screen, done),
        Ended::Deferred(deferred) => delivery::deferred(screen, deferred),
        Ended::Idle(idle) => screen.write(&format!("{}\n", idle.text())),
        Ended::Verified(verified) => delivery::verified(screen, verified),
        Ended::Drilled(drilled) => delivery::drilled(screen, drilled),
        Ended::Probed(found) => probe::all(screen, found),
        Ended::Routed(way) => route::way(screen, way),
        Ended::Recovered(None) => screen.write(&format!("{NOTHING_LEFT}\n")),
        // The line of the stage has shown it already.
        Ended::Recovered(Some(_)) => {}
        Ended::Restored(restored) => history::restored(screen, restored),
        Ended::Renewed(renewed) => tokens(screen, renewed),
        Ended::LoggedIn(end) => login::logged_in(screen, end),
        Ended::Certified(made) => login::certified(screen, made),
        Ended::Listed(listed) => history::listed(screen, listed),
        Ended::Diagnosed(diagnosed) => diagnosis::diagnosed(screen, diagnosed),
        Ended::Written(written) => self::written(screen, written),
        Ended::Described(described) => form::described(screen, described),
        Ended::Shown(Shown::All) => providers::list(screen),
        Ended::Shown(Shown::One { typed, preset }) => providers::explain(screen, typed, preset),
        Ended::Failed { error, command } => screen.error(error, command),
    }
}

fn tokens(screen: &Screen, renewed: &Renewed) {
    for (login, text) in renewed.lines() {
        match &login.failed {
            Some(why) => {
                screen.marked(Mark::Bad, &text, 2);
                screen.remedy(&why.remedy);
            }
            None => screen.line("", &text),
        }
        match login.claims.as_deref() {
            None => {}
            Some([]) if login.ends.is_empty() => {}
            Some([]) => screen.line("", "it is no JWT, so it does not tell what it is for"),
            Some(claims) => claims.iter().for_each(|(name, value)| screen.field(name, value)),
        }
    }
}

fn written(screen: &Screen, written: &Written) {
    screen.write("\n");
    if written.paths.is_empty() {
        screen.line("", "nothing was written: correct what you give to `relayhost init`, and run it again; with --no-probe it writes answers that were not tried");
        return;
    }
    screen.marked(Mark::Good, &format!("answers for this: {}", written.summary), 2);
    for path in &written.paths {
        screen.below(&format!("written: {} (0600, root's)", shown(path)));
    }
    screen.line("", &format!("next: {}", written.next.join(", then ")));
}
