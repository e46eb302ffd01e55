//! Clocks, and waits that a signal ends.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::signals::{self, TICK};
use super::{environment, files};
use crate::error::Result;

/// A moment to measure from.
pub fn now() -> Instant {
    Instant::now()
}

/// Waits; `Error::Interrupted` if a signal is to end the run.
pub fn sleep(duration: Duration) -> Result<()> {
    let begin = now();
    loop {
        signals::check()?;
        let left = duration.saturating_sub(begin.elapsed());
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(TICK));
    }
}

/// Waits a moment that is too short for a signal to matter.
pub fn pause() {
    std::thread::sleep(Duration::from_millis(1));
}

/// The time that is left until a moment: never zero, which would mean no limit. `TimedOut` if none is left, or a signal is
/// to end the run.
pub fn left(until: Instant) -> std::io::Result<Duration> {
    match until.checked_duration_since(now()) {
        Some(left) if !left.is_zero() && signals::pending().is_none() => Ok(left),
        _ => Err(ErrorKind::TimedOut.into()),
    }
}

/// The time for one wait on the way to a moment: a tick at most, so that the caller looks again for a signal.
pub fn turn(until: Instant) -> std::io::Result<Duration> {
    left(until).map(|left| left.min(TICK))
}

/// Does work that has no time limit of its own and that nothing can interrupt: in a thread, which is left behind if it
/// is not done in time.
pub fn within<T: Send + 'static>(
    until: Instant,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<T> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(work()));
    loop {
        match receiver.recv_timeout(turn(until)?) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(ErrorKind::Other.into()),
        }
    }
}

/// The wall clock for people, UTC: `2026-11-23T10:00:00Z`.
pub fn wall() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The day, UTC.
pub fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned_datetime(jiff::tz::TimeZone::UTC).date()
}

/// The wall clock in seconds since 1970.
pub fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Time since the boot, that of sleep included (CLOCK_BOOTTIME of clock_gettime(2)): nobody can set it. `None` where the
/// kernel has no such clock.
pub fn up() -> Option<Duration> {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).ok().map(Duration::from)
}

/// The host's time zone (TZ, or /etc/localtime; UTC if there is neither).
pub fn zone() -> jiff::tz::TimeZone {
    use jiff::tz::TimeZone;
    // jiff would look for the zone's name, for which it lists all of /usr/share/zoneinfo.
    if environment::variable("TZ").is_some() {
        return TimeZone::system();
    }
    let bytes = files::read_whole(Path::new("/etc/localtime")).ok().flatten();
    bytes.and_then(|bytes| TimeZone::tzif("/etc/localtime", &bytes).ok()).unwrap_or(TimeZone::UTC)
}

/// The wall clock as syslog(3) writes it, local: `Nov 23 10:00:00` (RFC 3164).
pub fn stamp() -> String {
    jiff::Timestamp::now().to_zoned_datetime(zone()).strftime("%b %e %H:%M:%S").to_string()
}

/// A text that does not come again on this host: nanoseconds of the wall clock, which may be set back, and since the boot,
/// which begin again with each boot, and the process id.
pub fn unique() -> String {
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{nanoseconds:x}.{:x}.{:x}", up().unwrap_or_default().as_nanos(), std::process::id())
}

/// A moment for people, UTC: `2026-11-23T10:00:00Z`; from seconds since 1970.
pub fn moment(seconds: i64) -> String {
    // Certificates may end in the year 9999, and what is beyond is a mistake in them.
    const LAST: u64 = 253_402_300_799;
    let seconds = u64::try_from(seconds).unwrap_or_default().min(LAST);
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

/// A day for people, UTC: `2026-11-23`; from seconds since 1970.
pub fn date(seconds: i64) -> String {
    moment(seconds).chars().take(10).collect()
}
