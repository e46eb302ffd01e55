//! Reads the sources of a log in the order of their lines' times: the host's own log, in files or in the journal, or the
//! files that a caller names.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result, shown, typed};
use crate::model::log::Reader;
use crate::model::log::line::time_of;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::sys::log_files::{self, Log, Own};
use crate::sys::{files, signals};

/// Name of the source that is no file.
pub const JOURNAL: &str = "the journal";

/// The command that looks at this host again.
pub const THIS: &str = "relayhost diagnose";

/// The sources to read, and how their times are read.
pub struct Reading<'a> {
    /// Files; none: the host's own log.
    pub files: &'a [PathBuf],
    /// The calendar of the host.
    pub calendar: &'a Calendar,
    /// The time now.
    pub now: Seconds,
    /// The time from which on the log is read: files that were not written to since are left out.
    pub since: Seconds,
}

/// What was read.
#[derive(Debug, Default)]
pub struct Found {
    /// The names of the sources that were read.
    pub sources: Vec<String>,
    /// A line for each thing that could not be read.
    pub trouble: Vec<String>,
    /// Why the first file that a caller named could not be opened, if others could.
    pub unopened: Option<Error>,
}

impl Reading<'_> {
    /// Feeds every source that can be read. An error if a caller named files and none can be opened.
    pub fn read(&self, postlog: &str, reader: &mut dyn Reader) -> Result<Found> {
        let paths = if self.files.is_empty() {
            match log_files::own(postlog, self.since) {
                Ok(Own::Files(paths)) => paths,
                // The host can still be looked at.
                Err(error @ (Error::NoLog | Error::Log { .. })) => {
                    return Ok(Found { trouble: vec![with_hint(&error)], ..Found::default() });
                }
                Err(error) => return Err(error),
                Ok(Own::Journal) => {
                    reader.source(self.calendar.clone());
                    log_files::journal(self.since, |block| reader.feed(block))?;
                    return Ok(Found { sources: vec![JOURNAL.into()], ..Found::default() });
                }
            }
        } else {
            self.files.to_vec()
        };
        let mut found = Found::default();
        if let Some(full) = paths.last().filter(|path| self.files.is_empty() && files::is_on_full_disk(path))
        {
            found.trouble.push(format!(
                "the disk of {} is full, so lines are missing, and what failed meanwhile is not known; to mend it: free some \
                 space there (`df -h {}`), and run `{THIS}` again",
                shown(full),
                typed(full)
            ));
        }
        for begun in self.in_order(paths, &mut found)? {
            let log = match begun.log {
                Some(log) => log,
                None => log_files::open(&begun.path, self.files.is_empty())?,
            };
            found.sources.push(log.name.clone());
            reader.source(begun.calendar);
            if let Err(error) = log.blocks(|block| reader.feed(block)) {
                signals::check()?;
                found.trouble.push(format!("{error}; what came before that was read"));
            }
        }
        Ok(found)
    }

    /// The sources by their first time stamps. Those that cannot be opened are `trouble`: if one is gone or empty, that is no
    /// reason to say nothing of the others.
    fn in_order(&self, paths: Vec<PathBuf>, found: &mut Found) -> Result<Vec<Begun>> {
        let mut order = Vec::new();
        for path in paths {
            match self.begin(path) {
                Ok(begun) => order.push(begun),
                Err(error) => {
                    signals::check()?;
                    found.trouble.push(with_hint(&error));
                    found.unopened.get_or_insert(error);
                }
            }
        }
        if let Some(error) = found.unopened.take_if(|_| order.is_empty() && !self.files.is_empty()) {
            return Err(error);
        }
        order.sort_by_key(|begun| begun.time);
        Ok(order)
    }

    /// Opens a source to read its first time stamp. A file is closed again: only one at a time is unpacked.
    fn begin(&self, path: PathBuf) -> Result<Begun> {
        let log = log_files::open(&path, self.files.is_empty())?;
        if log.head.is_empty() && !log.is_file && path != Path::new("-") {
            return Err(Error::Log {
                name: log.name,
                problem: "is a FIFO or a pipe, and nothing came out of it".into(),
                remedy: "name a file, or pipe the log into `relayhost diagnose -`".into(),
            });
        }
        if log.head.is_empty() {
            return Err(Error::Log {
                name: log.name,
                problem: "is empty".into(),
                remedy: if path == Path::new("-") {
                    "paste or pipe a line of the log, a bounce message or the output of mailq into it".into()
                } else if self.files.is_empty() {
                    "see that `logger -p mail.info hello` leaves a line in it; if not, `systemctl restart rsyslog`".into()
                } else {
                    "name the file that the mail log was rotated to, such as /var/log/maillog-20261122 or /var/log/maillog.1.gz".into()
                },
            });
        }
        // A line is not younger than its file, whatever the clock says now: it may have been set back since.
        let latest = log.changed.unwrap_or(self.now);
        let calendar = self.calendar.before(latest);
        let time = log.head.split(|c| *c == b'\n').find_map(|line| time_of(line, &calendar));
        let log = (!log.is_file).then_some(log);
        Ok(Begun { time, path, calendar, log })
    }
}

/// A source whose first time stamp was read.
struct Begun {
    time: Option<Seconds>,
    path: PathBuf,
    calendar: Calendar,
    /// The open source, if it cannot be opened twice.
    log: Option<Log>,
}

fn with_hint(error: &Error) -> String {
    format!("{error}; to mend it: {}", error.hint(THIS))
}
