//! Stamps of many other shapes: those of consoles, mail programs, web servers and log shippers. They cost more to read
//! than the shapes of a mail log, and are looked for only in lines that are not in one of those.

use jiff::civil::{Date, DateTime};

use super::{AHEAD, Calendar, MONTHS, Seconds, Stamp, time_of_day, without_fraction, zone};

/// Bytes from the beginning of a stamp to the end of its time of day.
const LENGTH: usize = 40;
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
/// The seconds that TAI64N (`@4000…`) is ahead of 1970 and of UTC.
const TAI: i64 = (1 << 62) + 10;

impl Calendar {
    /// The stamp of any known shape that the text begins with, and the text after it.
    pub fn read_any<'a>(&self, text: &'a str) -> Option<(Stamp, &'a str)> {
        let first = text.bytes().next()?;
        if !(first.is_ascii_alphanumeric() || first == b'@') {
            return None;
        }
        number(text).or_else(|| tai(text)).or_else(|| self.dated(text)).or_else(|| self.read(text))
    }

    /// Reads a date in any order, and the time of day after it.
    fn dated<'a>(&self, text: &'a str) -> Option<(Stamp, &'a str)> {
        let (mut rest, mut atoms): (&str, Vec<&str>) = (text, Vec::new());
        // The date: three words, before them perhaps a weekday.
        let clock = loop {
            if let Some(clock) = rest.get(..8).and_then(time_of_day).filter(|_| atoms.len() > 1) {
                break clock;
            }
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).filter(|end| *end > 0);
            // `2025-03-04T10:11:12`
            let end = rest.find('T').filter(|at| *at == 2 && atoms.len() == 2).or(end)?;
            let (atom, after) = rest.split_at_checked(end)?;
            let skipped = after.trim_start_matches([' ', '-', '/', '.', ',', '@', ':', '_', 'T']);
            let is_near = after.len() - skipped.len() <= 3 && text.len() - skipped.len() <= LENGTH;
            // The number of a line, as `grep -n` puts it before a stamp, is no year.
            let is_number_of_line = atoms.is_empty() && after.starts_with(':');
            (atoms.len() < 4 && is_near && !is_number_of_line).then_some(())?;
            if !(atoms.is_empty() && WEEKDAYS.contains(&atom)) {
                atoms.push(atom);
            }
            rest = skipped;
        };
        let rest = without_fraction(rest.get(8..)?);
        // A zone, which may have a blank before it; and the year, if it comes last.
        let offset = zone(rest).or_else(|| zone(rest.strip_prefix(' ')?).filter(|_| is_offset(rest)));
        let (last_year, rest) = match (&offset, year_at_end(rest)) {
            (None, Some((year, rest))) => (Some(year), rest),
            _ => (None, offset.as_ref().map_or(rest, |(_, rest)| rest)),
        };
        let (year, month, day) = date(&atoms)?;
        let Some(year) = year.or(last_year) else {
            let time = self.latest_of(month, day, clock)?;
            return Some((Stamp { time, exact: false }, rest));
        };
        let civil = DateTime::from_parts(Date::new(year, month, day).ok()?, clock);
        match offset {
            Some((zone, _)) => {
                Some((Stamp { time: zone.to_timestamp(civil).ok()?.as_second(), exact: true }, rest))
            }
            None => Some((Stamp { time: self.at(civil)?, exact: false }, rest)),
        }
    }

    /// The latest time of this date, in whatever year, that is not in the future.
    pub(super) fn latest_of(&self, month: i8, day: i8, clock: jiff::civil::Time) -> Option<Seconds> {
        let this_year = self.civil(self.latest)?.year();
        // 29 February is not in every year.
        (0..8)
            .filter_map(|back| {
                let date = Date::new(this_year - back, month, day).ok()?;
                self.at(DateTime::from_parts(date, clock))
            })
            .find(|time| *time <= self.latest + AHEAD)
    }
}

/// Year, month and day of a date's words: `Mar 4`, `Mar 4 2025`, `2025 Mar 4`, `4 Mar 2025`, `2025 03 04`, `04 03 2025`.
fn date(atoms: &[&str]) -> Option<(Option<i16>, i8, i8)> {
    let month = |text: &str| {
        let at = MONTHS.iter().position(|month| text == *month)?;
        i8::try_from(at + 1).ok()
    };
    let day = |text: &str| text.parse::<i8>().ok().filter(|_| text.len() <= 2);
    let year = |text: &str| text.parse::<i16>().ok().filter(|_| text.len() == 4);
    match *atoms {
        [m, d] => Some((None, month(m)?, day(d)?)),
        [a, b, c] => {
            let named = |y, m, d| Some((Some(year(y)?), month(m)?, day(d)?));
            let numbers = |y, m, d| Some((Some(year(y)?), day(m)?, day(d)?));
            named(c, a, b)
                .or_else(|| named(a, b, c))
                .or_else(|| named(c, b, a))
                .or_else(|| numbers(a, b, c))
                .or_else(|| numbers(c, b, a))
        }
        _ => None,
    }
}

fn is_offset(text: &str) -> bool {
    text.starts_with(" +") || text.starts_with(" -") || text.starts_with(" Z") || text.starts_with(" UTC")
}

/// The year after a time of day, as in asctime(3).
fn year_at_end(text: &str) -> Option<(i16, &str)> {
    let (year, rest) = text.strip_prefix(' ')?.split_at_checked(4)?;
    let ends = rest.is_empty() || rest.starts_with([' ', ']', ':', ',']);
    let year = year.parse().ok().filter(|year| ends && (1970..2200).contains(year))?;
    Some((year, rest))
}

/// Reads a number of seconds, milliseconds, microseconds or nanoseconds since 1970, between 2001 and 2286.
fn number(text: &str) -> Option<(Stamp, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let unit = match digits.len() {
        10 => 1,
        13 => 1_000,
        16 => 1_000_000,
        19 => 1_000_000_000,
        _ => return None,
    };
    let time = digits.parse::<i64>().ok()? / unit;
    let ends = rest.is_empty() || rest.starts_with([' ', '.', ',', ']', '\t', ':']);
    (ends && time >= 1_000_000_000).then_some((Stamp { time, exact: true }, without_fraction(rest)))
}

/// Reads the stamp of multilog and svlogd (TAI64N).
fn tai(text: &str) -> Option<(Stamp, &str)> {
    let hex = text.strip_prefix('@')?.get(..24)?;
    let time = i64::from_str_radix(hex.get(..16)?, 16).ok()?.checked_sub(TAI)?;
    u32::from_str_radix(hex.get(16..)?, 16).ok()?;
    Some((Stamp { time, exact: true }, text.get(25..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T08:00:00Z
    const NOW: Seconds = 1_795_507_200;

    #[test]
    fn shapes() {
        for (text, exact) in [
            ("Nov 24 08:00:00", false),
            ("Nov 24 2026 08:00:00.123", false),
            ("Nov 24, 2026 @ 08:00:00.123", false),
            ("2026 Nov 24 08:00:00", false),
            ("Tue Nov 24 08:00:00 2026", false),
            ("Tue, 24 Nov 2026 09:00:00 +0100", true),
            ("24/Nov/2026:09:00:00 +0100", true),
            ("24-Nov-2026 08:00:00.123", false),
            ("2026/11/24 08:00:00", false),
            ("24.11.2026 08:00:00", false),
            ("2026-11-24_08:00:00.12345", false),
            ("2026-11-24T08:00:00.123Z", true),
            ("2026-11-24 09:00:00.123456 +0100", true),
            ("1795507200", true),
            ("1795507200.123456", true),
            ("1795507200123", true),
            ("1795507200123456789", true),
            ("@400000006b05440a12345678", true),
        ] {
            let found = Calendar::utc(NOW).read_any(text);
            assert_eq!(found, Some((Stamp { time: NOW, exact }, "")), "{text}");
        }
        let one_blank = Calendar::utc(NOW).read_any("Nov 4 08:00:00 h").unwrap();
        assert_eq!((one_blank.0.time, one_blank.1), (NOW - 20 * 86_400, " h"));
    }

    #[test]
    fn what_is_no_stamp() {
        for text in [
            "",
            "12345:",
            "123456789012",
            "10:11:12",
            "Nov",
            "Nov 24",
            "Nov 24 8:00",
            "1 2 3 08:00:00",
            "é",
            "h postfix",
            "99 Nov 2026 08:00:00",
            "Nov 24 08:00:0é",
            "192.0.2.1 08:00:00",
            "@4000",
            "T T T08:00:00",
        ] {
            assert_eq!(Calendar::utc(NOW).read_any(text), None, "{text}");
        }
    }
}
