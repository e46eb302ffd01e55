//! Reads time stamps of log lines as seconds since 1970: RFC 3164, which has neither year nor zone, and the ISO shapes
//! of rsyslog, journalctl and containers. The caller gives what a stamp leaves out: the host's zone, and the latest time
//! that a line can have.

mod odd;

use std::cell::Cell;

use jiff::civil::{DateTime, Time};
use jiff::tz::{Offset, TimeZone};

use crate::model::text::one_line;

/// Seconds since 1970.
pub type Seconds = i64;

/// Seconds that a line may be ahead: clocks differ a little, and a log may come from a zone ahead of this host's.
const AHEAD: Seconds = 86_400;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Zone and latest time of a log, which its stamps leave out.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: TimeZone,
    latest: Seconds,
    /// The last stamp of RFC 3164, with its time: the lines of one second have the same stamp.
    last: Cell<([u8; 15], Seconds)>,
}

/// A stamp as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The time that it gives.
    pub time: Seconds,
    /// Whether year and zone were written, so that nothing was guessed.
    pub exact: bool,
}

impl Default for Calendar {
    fn default() -> Self {
        Self::utc(0)
    }
}

impl Calendar {
    /// A calendar for a log in this zone with no line younger than `latest`: now, or the time of the file.
    pub fn new(zone: TimeZone, latest: Seconds) -> Self {
        Self { zone, latest, last: Cell::default() }
    }

    /// The same calendar for a log that ends earlier.
    #[must_use]
    pub fn before(&self, latest: Seconds) -> Self {
        Self::new(self.zone.clone(), latest)
    }

    /// A calendar in UTC, for tests, and where no time matters.
    pub fn utc(latest: Seconds) -> Self {
        Self::new(TimeZone::UTC, latest)
    }

    /// The stamp that the text begins with, and the text after it.
    pub fn read<'a>(&self, text: &'a str) -> Option<(Stamp, &'a str)> {
        let first = text.bytes().next()?;
        if first.is_ascii_digit() {
            return self.iso(text).or_else(|| unix(text));
        }
        // journalctl's short-full begins with a weekday, RFC 3164 with a month.
        let after_weekday = text.get(4..).and_then(|text| self.iso(text));
        after_weekday.or_else(|| self.rfc3164(text))
    }

    /// Reads `Nov  4 08:00:00`, with or without a fraction.
    fn rfc3164<'a>(&self, text: &'a str) -> Option<(Stamp, &'a str)> {
        let rest = without_fraction(text.get(15..)?);
        let stamp: [u8; 15] = text.as_bytes().first_chunk().copied()?;
        let (last, time) = self.last.get();
        if stamp == last {
            return Some((Stamp { time, exact: false }, rest));
        }
        let month = MONTHS.iter().position(|month| text.get(..3) == Some(month))?;
        let month = i8::try_from(month + 1).ok()?;
        let day: i8 = text.get(4..6)?.trim_start().parse().ok()?;
        let clock = time_of_day(text.get(7..15)?)?;
        let time = self.latest_of(month, day, clock)?;
        self.last.set((stamp, time));
        Some((Stamp { time, exact: false }, rest))
    }

    /// Reads `2026-11-24T08:00:00.123456+01:00`, also with a blank instead of the T, and without fraction or zone.
    fn iso<'a>(&self, text: &'a str) -> Option<(Stamp, &'a str)> {
        let (date, clock) = (text.get(..10)?, text.get(11..19)?);
        if text.get(4..5) != Some("-") || !matches!(text.get(10..11), Some("T" | " ")) {
            return None;
        }
        let civil = DateTime::from_parts(date.parse().ok()?, time_of_day(clock)?);
        let rest = without_fraction(text.get(19..)?);
        let Some((zone, rest)) = zone(rest) else {
            return Some((Stamp { time: self.at(civil)?, exact: false }, rest));
        };
        Some((Stamp { time: zone.to_timestamp(civil).ok()?.as_second(), exact: true }, rest))
    }

    fn at(&self, civil: DateTime) -> Option<Seconds> {
        Some(self.zone.to_timestamp(civil).ok()?.as_second())
    }

    fn civil(&self, time: Seconds) -> Option<DateTime> {
        Some(self.zone.to_datetime(jiff::Timestamp::from_second(time).ok()?))
    }

    /// Formats a time for people, in the log's zone: `2026-11-24 08:00:00`.
    pub fn show(&self, time: Seconds) -> String {
        let Some(civil) = self.civil(time) else { return "?".into() };
        civil.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Formats a time for programs, with its zone: `2026-11-24T08:00:00+01:00`.
    pub fn rfc3339(&self, time: Seconds) -> Option<String> {
        let moment = jiff::Timestamp::from_second(time).ok()?;
        let zoned = jiff::ZonedDateTime::new(moment, self.zone.clone());
        Some(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    }
}

/// The time from which on a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// This many seconds before now.
    Ago(Seconds),
    /// A moment, with its zone.
    At(Seconds),
    /// A moment in the host's zone.
    Civil(DateTime),
}

impl Since {
    /// Parses `24h`, `2d`, `2026-11-23`, `2026-11-23 10:00`, and every ISO stamp that a line may have. The error is a
    /// sentence for the user.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(ago) = humantime::parse_duration(text) {
            let seconds =
                Seconds::try_from(ago.as_secs()).map_err(|_| format!("`{}` is too long", one_line(text)))?;
            return Ok(Self::Ago(seconds));
        }
        let padded = match text.len() {
            10 => format!("{text} 00:00:00"),
            16 => format!("{text}:00"),
            _ => text.to_owned(),
        };
        let utc = Calendar::utc(0);
        match utc.iso(&padded) {
            Some((stamp, "")) if stamp.exact => Ok(Self::At(stamp.time)),
            Some((stamp, "")) => utc.civil(stamp.time).map(Self::Civil).ok_or_else(|| "out of range".into()),
            _ => Err(format!(
                "`{}` is no time: write how long ago (24h, 7d), or a date (2026-11-23, \"2026-11-23 10:00\")",
                one_line(text)
            )),
        }
    }

    /// This time in seconds since 1970.
    pub fn time(self, calendar: &Calendar, now: Seconds) -> Seconds {
        match self {
            Self::Ago(seconds) => now.saturating_sub(seconds).max(0),
            Self::At(time) => time,
            Self::Civil(civil) => calendar.at(civil).unwrap_or_default(),
        }
    }
}

/// Reads `1732435200.123456`, journalctl's short-unix.
fn unix(text: &str) -> Option<(Stamp, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let time = text.get(..end).filter(|digits| digits.len() >= 9)?.parse().ok()?;
    Some((Stamp { time, exact: true }, without_fraction(text.get(end..)?)))
}

/// Reads `08:00:00`; without the colons, as ISO 8601 allows, no log has it.
fn time_of_day(clock: &str) -> Option<Time> {
    clock.parse().ok().filter(|_| clock.get(2..3) == Some(":"))
}

fn without_fraction(text: &str) -> &str {
    match text.strip_prefix(['.', ',']) {
        Some(rest) => rest.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => text,
    }
}

/// Reads a zone: `Z`, `+01:00`, `+0100`, `+01`, ` UTC`.
fn zone(text: &str) -> Option<(Offset, &str)> {
    if let Some(rest) = text.strip_prefix('Z').or_else(|| text.strip_prefix(" UTC")) {
        return Some((Offset::UTC, rest));
    }
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours: i32 = text.get(1..3)?.parse().ok()?;
    let rest = text.get(3..)?;
    let after = rest.strip_prefix(':').unwrap_or(rest);
    let (minutes, rest) = match after.get(..2).and_then(|digits| digits.parse::<i32>().ok()) {
        Some(minutes) => (minutes, after.get(2..)?),
        None => (0, rest),
    };
    Some((Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T08:00:00Z
    const NOW: Seconds = 1_795_507_200;

    fn read(text: &str) -> Option<(Seconds, &str)> {
        Calendar::utc(NOW).read(text).map(|(stamp, rest)| (stamp.time, rest))
    }

    #[test]
    fn shapes() {
        for text in [
            "Nov 24 08:00:00 h",
            "Nov 24 08:00:00.123456 h",
            "2026-11-24T08:00:00Z h",
            "2026-11-24T09:00:00.123456+01:00 h",
            "2026-11-24T09:00:00+0100 h",
            "2026-11-24T03:00:00-05 h",
            "2026-11-24 08:00:00,123 h",
            "Tue 2026-11-24 08:00:00 UTC h",
            "1795507200.123456 h",
        ] {
            assert_eq!(read(text), Some((NOW, " h")), "{text}");
        }
        // A leap second counts as the second before it.
        for text in ["Nov 24 07:59:60 h", "2026-11-24T07:59:60Z h"] {
            assert_eq!(read(text), Some((NOW - 1, " h")), "{text}");
        }
        assert_eq!(read("Nov  4 08:00:00 h"), Some((NOW - 20 * 86_400, " h")));
    }

    #[test]
    fn a_line_is_never_in_the_future() {
        assert_eq!(read("Dec 24 08:00:00 h").unwrap().0, NOW - 335 * 86_400);
        // 2024 had the last 29 February
        assert_eq!(Calendar::utc(NOW).show(read("Feb 29 00:00:00 h").unwrap().0), "2024-02-29 00:00:00");
        assert!(read("Nov 25 07:00:00 h").unwrap().0 > NOW);
    }

    #[test]
    fn a_zone_that_is_not_written_is_the_hosts() {
        let berlin = TimeZone::fixed(Offset::from_hours(1).unwrap());
        let calendar = Calendar::new(berlin, NOW);
        assert_eq!(calendar.read("Nov 24 09:00:00 h").unwrap().0.time, NOW);
        assert_eq!(calendar.show(NOW), "2026-11-24 09:00:00");
        assert_eq!(calendar.rfc3339(NOW).unwrap(), "2026-11-24T09:00:00+01:00");
    }

    #[test]
    fn since_when() {
        let calendar = Calendar::new(TimeZone::fixed(Offset::from_hours(1).unwrap()), NOW);
        let time = |text: &str| Since::parse(text).map(|since| since.time(&calendar, NOW));
        assert_eq!(time("24h"), Ok(NOW - 86_400));
        assert_eq!(time("2d 1h"), Ok(NOW - 2 * 86_400 - 3600));
        for text in
            ["2026-11-24 09:00", "2026-11-24T09:00:00", "2026-11-24T08:00:00Z", "2026-11-24 09:00:00+01:00"]
        {
            assert_eq!(time(text), Ok(NOW), "{text}");
        }
        assert_eq!(time("2026-11-24"), Ok(NOW - 9 * 3600));
        assert_eq!(time("99999999y"), Ok(0));
        for text in ["", "yesterday", "24", "2026-11-31", "2026-11-24 09:00 x", "Nov 24 09:00:00"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_no_stamp() {
        for text in [
            "",
            "-- Reboot --",
            "Nov",
            "Nov 44 08:00:00 h",
            "Nov 24 8:00:00 h",
            "2026-13-01T00:00:00Z",
            "12345",
            "jörg",
            "Nov 24 08:00:-5 h",
            "Nov 24 24:00:00 h",
            "2026-11-24T08:61:00Z",
            "2026-11-24T080000.5Z",
            "2026-1124T08:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
