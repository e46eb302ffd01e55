//! Looks whether mail leaves: lists the queue, and folds into the record what is new in the log. Readers of the record fold
//! and never consume: what one has read is in the record for all.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::model::desired::Desired;
use crate::model::inspection::queue::{Listing, Waiting, parse_json};
use crate::model::leaving::record::{Record, Source};
use crate::model::leaving::relay::Relay;
use crate::model::leaving::{InQueue, Leaving, Limits, Taken, stops_all};
use crate::model::log::line::time_of;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::sys::{clock, journal, log_news, postfix, state};

/// Time for the look at the queue.
const LISTING: Duration = Duration::from_secs(2);

/// A look that has begun.
#[derive(Debug)]
pub struct Look {
    relay: Relay,
    calendar: Calendar,
    now: Seconds,
    queue: InQueue,
}

impl Look {
    /// Lists the queue. The log is read afterwards, so that it has the end of each message that is not there any more.
    pub fn begin(desired: &Desired) -> Result<Self> {
        let relay = Relay { host: desired.relay.host.clone(), port: desired.relay.port };
        let (calendar, now) = (calendar(), now());
        let queue = queue(&relay, &calendar)?;
        Ok(Self { relay, calendar, now, queue })
    }

    /// Reads what is new in the log, and judges. `postlog` is Postfix's `maillog_file`.
    pub fn end(self, desired: &Desired, postlog: &str, limits: Limits) -> Result<Leaving> {
        let (lock, mut unknown) = (state::lock_leaving(), Vec::new());
        // What cannot be read is told elsewhere (`state.damaged`), and stays as it is until a run sets it aside.
        let known = state::leaving();
        let is_usable = known.is_ok();
        let records = known.ok().flatten().unwrap_or_default();
        let before = records.relays.get(&self.relay.key()).cloned().unwrap_or_default();
        let record = self.fold(before, postlog, &mut unknown)?;
        if let (true, Some(lock)) = (is_usable, &lock)
            && let Err(error) = state::write_leaving(&records.with(&self.relay, record.clone()), lock)
        {
            unknown.push(format!("the next look will not know what this one has seen: {error}"));
        }
        drop(lock);
        let proof = self.proof(desired);
        Ok(Leaving::new(&self.relay, &record, self.queue, proof, limits, unknown))
    }

    fn fold(&self, mut record: Record, postlog: &str, unknown: &mut Vec<String>) -> Result<Record> {
        let stops_all = |reason: &str| stops_all(&self.relay, reason);
        let source = |certain| Source {
            relay: &self.relay,
            calendar: &self.calendar,
            now: self.now,
            certain,
            stops_all: &stops_all,
        };
        record.looked = self.now;
        let from_journal =
            if postlog.is_empty() { self.journal(&mut record, &source(true), unknown)? } else { false };
        if !from_journal {
            self.file(&mut record, postlog, &source(false), unknown)?;
        }
        let ids: Option<&BTreeSet<String>> = self.queue.unlisted.is_none().then_some(&self.queue.ids);
        record.compare(ids, &self.queue.stuck, self.now);
        if record.missed == Some(self.now) {
            let text = "lines of the log since the last look are missing: it was turned over too often, or has grown by too much";
            unknown.push(text.into());
        }
        Ok(record)
    }

    /// Folds in the new entries of the journal. Returns whether it has the mail log.
    fn journal(&self, record: &mut Record, source: &Source, unknown: &mut Vec<String>) -> Result<bool> {
        let (cursor, mut begin) = (record.cursor.clone(), None);
        let read = journal::since(cursor.as_deref(), &mut |entries| {
            let mut block = String::new();
            for entry in entries {
                begin = begin.or(entry.time);
                block.push_str(&format!("{} {}\n", entry.time.unwrap_or(self.now), entry.line));
            }
            record.fold(block.as_bytes(), source);
        });
        match read {
            Ok(cursor) => {
                let has_it = cursor.is_some();
                record.since = record.since.or(begin);
                record.cursor = cursor;
                Ok(has_it)
            }
            Err(error) if error.interruption().is_some() => Err(error),
            Err(error) => {
                unknown.push(format!("the journal cannot be read: {error}"));
                Ok(false)
            }
        }
    }

    fn file(
        &self,
        record: &mut Record,
        postlog: &str,
        source: &Source,
        unknown: &mut Vec<String>,
    ) -> Result<()> {
        let Some(path) = log_news::place(postlog) else {
            unknown.push(format!("what was sent is not known: {}", Error::NoLog));
            return Ok(());
        };
        let (mark, mut begin) = (record.file.clone(), None);
        let calendar = source.calendar;
        let news = log_news::read(&path, mark.as_ref(), &mut |block| {
            begin = begin.or_else(|| {
                let lines = block.split(|byte| *byte == b'\n');
                lines.take(100).find_map(|line| time_of(line, calendar))
            });
            record.fold(block, source);
        });
        match news {
            Ok(news) => {
                record.since = record.since.or(begin);
                record.missed = if news.missed { Some(self.now) } else { record.missed };
                record.file = Some(news.mark);
                Ok(())
            }
            Err(error) if error.interruption().is_some() => Err(error),
            Err(error) => {
                unknown.push(format!("what was sent is not known: {error}"));
                Ok(())
            }
        }
    }

    /// The last test message that this relay took.
    fn proof(&self, desired: &Desired) -> Option<Taken> {
        let proof = state::proof().filter(|proof| proof.relay == desired.relayhost())?;
        let (stamp, _) = self.calendar.read(&proof.time)?;
        Some(Taken { time: stamp.time, to: proof.to, reply: proof.reply })
    }
}

fn now() -> Seconds {
    i64::try_from(clock::unix()).unwrap_or_default()
}

/// This host's zone, and now.
pub fn calendar() -> Calendar {
    Calendar::new(clock::zone(), now())
}

fn queue(relay: &Relay, calendar: &Calendar) -> Result<InQueue> {
    if !postfix::is_installed() {
        return Ok(InQueue::default());
    }
    let (mut queue, mut is_whole) = (InQueue::default(), true);
    let read = postfix::queue_within(true, LISTING, &mut |line| match parse_json(line) {
        Some(message) => queue.add(&message, relay),
        None => is_whole = false,
    });
    let listed = match read {
        Ok(output) if output.success() && is_whole => return Ok(queue),
        Ok(_) => {
            // Postfix before 3.1 has no -j, and the line of a message for hundreds of recipients is longer than what is read.
            let mut listing = Listing::default();
            queue = InQueue::default();
            let mut take =
                |message: Option<Waiting>| message.iter().for_each(|message| queue.add(message, relay));
            let read = postfix::queue_within(false, LISTING, &mut |line| take(listing.line(line, calendar)));
            take(listing.end());
            read.and_then(|output| output.checked().map(|_| ()))
        }
        Err(error) => Err(error),
    };
    match listed {
        Ok(()) => {}
        Err(error) if error.interruption().is_some() => return Err(error),
        Err(Error::Timeout { .. }) => {
            queue.unlisted = Some(format!("it was looked at for {} s", LISTING.as_secs()));
        }
        Err(error) => queue.unlisted = Some(error.to_string()),
    }
    Ok(queue)
}
