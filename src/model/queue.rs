//! Messages that wait in the queue, as `postqueue -j` prints them (since Postfix 3.1), or `postqueue -p`.

use serde::Deserialize;

use super::log::stamp::{Calendar, Seconds};

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Queue id.
    pub queue_id: String,
    /// When it came.
    pub arrived: Option<Seconds>,
    /// Whether an admin holds it.
    pub held: bool,
    /// Why it was not delivered at the last attempt; empty if there was none.
    pub reason: String,
}

#[derive(Deserialize)]
struct Record {
    queue_name: String,
    queue_id: String,
    arrival_time: Seconds,
    #[serde(default)]
    recipients: Vec<Recipient>,
}

#[derive(Deserialize)]
struct Recipient {
    #[serde(default)]
    delay_reason: String,
}

/// Parses one line of `postqueue -j`; `None` if it is none.
pub fn parse_json(line: &str) -> Option<Waiting> {
    let record: Record = serde_json::from_str(line).ok()?;
    let reason = record.recipients.into_iter().map(|one| one.delay_reason).find(|reason| !reason.is_empty());
    Some(Waiting {
        queue_id: record.queue_id,
        arrived: Some(record.arrival_time),
        held: record.queue_name == "hold",
        reason: reason.unwrap_or_default(),
    })
}

/// Parses `postqueue -p`, line by line.
#[derive(Debug, Default)]
pub struct Listing {
    last: Option<Waiting>,
}

impl Listing {
    /// Takes a line. The message before it, if this one begins the next.
    pub fn line(&mut self, line: &str, calendar: &Calendar) -> Option<Waiting> {
        if let Some(reason) = line.trim_start().strip_prefix('(') {
            if let Some(last) = self.last.as_mut().filter(|last| last.reason.is_empty()) {
                reason.trim_end().trim_end_matches(')').clone_into(&mut last.reason);
            }
            return None;
        }
        let mut words = line.split_whitespace();
        let id = words.next().filter(|_| !line.starts_with([' ', '-']))?;
        words.next()?.parse::<u64>().ok()?;
        let date: Vec<&str> = words.skip(1).take(3).collect();
        let [month, day, time] = date.as_slice() else { return None };
        let text = format!("{month} {day:>2} {time}");
        let arrived = calendar.read(&text).map(|(stamp, _)| stamp.time);
        self.last.replace(Waiting {
            // `*`: it is under way; `!`: it is held (postqueue(1))
            queue_id: id.trim_end_matches(['*', '!', '#']).to_owned(),
            arrived,
            held: id.contains('!'),
            reason: String::new(),
        })
    }

    /// The last message.
    pub fn end(self) -> Option<Waiting> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let json = r#"{"queue_name": "hold", "queue_id": "0A1B2C3D4E", "arrival_time": 1795507200, "message_size": 1, "forced_expire": false, "sender": "a@b", "recipients": [{"address": "c@d"}, {"address": "e@f", "delay_reason": "connect to r[192.0.2.1]:587: Connection refused"}]}"#;
        let text = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n\
                    0A1B2C3D4E!    1234 Tue Nov 24 08:00:00  a@b\n\
                    (connect to r[192.0.2.1]:587: Connection refused)\n\
                    \x20                                        c@d\n\n\
                    99999*         1 Mon Nov  2 08:00:00  MAILER-DAEMON\n\
                    \x20                                        e@f\n\n\
                    -- 2 Kbytes in 2 Requests.\n";
        let calendar = Calendar::utc(1_795_507_200);
        let mut listing = Listing::default();
        let mut all: Vec<Waiting> = text.lines().filter_map(|line| listing.line(line, &calendar)).collect();
        all.extend(listing.end());
        assert_eq!(all[0], parse_json(json).unwrap());
        assert_eq!((all.len(), all[1].queue_id.as_str(), all[1].held), (2, "99999", false));
        assert_eq!(parse_json("Mail system is down"), None);
    }
}
