//! The logins of this host, wherever it has them from (nsswitch.conf(5)).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::clock;
use super::run::Cmd;

/// Exit status of getent(1) for a name that is not there.
const NOT_THERE: i32 = 2;

/// Those of these names that are no logins here, as far as that is known by this time: a directory service may be away.
pub fn missing<'a>(names: impl Iterator<Item = &'a str>, until: Instant) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    for name in names {
        let left = until.saturating_duration_since(clock::now());
        let Some(getent) = Cmd::find("getent").filter(|_| left > Duration::ZERO) else { break };
        let output = getent.args(["passwd", name]).within(left).run();
        if output.is_ok_and(|output| output.code == Some(NOT_THERE)) {
            missing.insert(name.to_owned());
        }
    }
    missing
}

/// The name of the login with this number, if that is known by this time.
pub fn name(number: &str, until: Instant) -> Option<String> {
    let left = Some(until.saturating_duration_since(clock::now())).filter(|left| !left.is_zero())?;
    let output = Cmd::find("getent")?.args(["passwd", number]).within(left).run().ok()?;
    let stdout = String::from_utf8_lossy(&output.stdout);
    let mut fields = stdout.lines().next()?.split(':');
    let name = fields.next()?;
    // A name may look like a number.
    (fields.nth(1) == Some(number)).then(|| name.to_owned())
}
