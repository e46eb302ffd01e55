//! Time.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A moment to measure from.
pub fn now() -> Instant {
    Instant::now()
}

/// Waits.
pub fn sleep(duration: Duration) {
    std::thread::sleep(duration);
}

/// The wall clock as people read it, UTC: `2026-11-23T10:00:00Z`.
pub fn wall() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// The wall clock in seconds since 1970.
pub fn unix() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The host's time zone (TZ, or /etc/localtime; UTC if there is neither).
pub fn zone() -> jiff::tz::TimeZone {
    jiff::tz::TimeZone::system()
}

/// The wall clock as syslog(3) writes it, local: `Nov 23 10:00:00` (RFC 3164).
pub fn stamp() -> String {
    jiff::Timestamp::now().to_zoned_datetime(zone()).strftime("%b %e %H:%M:%S").to_string()
}

/// A number that does not come again on this host: nanoseconds of the wall clock and the process id.
pub fn unique() -> String {
    let nanoseconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{nanoseconds:x}.{:x}", std::process::id())
}

/// A day as people write it, UTC: `2026-11-23`; from seconds since 1970.
pub fn date(seconds: i64) -> String {
    // Certificates may end in the year 9999, and what is beyond is a mistake in them.
    const LAST: u64 = 253_402_300_799;
    let seconds = u64::try_from(seconds).unwrap_or_default().min(LAST);
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    humantime::format_rfc3339_seconds(time).to_string().chars().take(10).collect()
}
