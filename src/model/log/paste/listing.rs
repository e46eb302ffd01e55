//! A listing of the queue (`mailq`, `postqueue -p`, `postqueue -j`): each recipient that waits with a reason is an attempt
//! that failed.

use super::part::line_of;
use crate::model::inspection::queue::{self, Waiting, parse_json};
use crate::model::log::event::MOST;
use crate::model::log::stamp::Calendar;

/// Most lines of a reason.
const LINES: usize = 20;
const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Reader of listings.
#[derive(Debug, Default)]
pub struct Listing {
    reader: Option<queue::Listing>,
    /// The beginning of a reason, and how many lines it has.
    reason: (String, usize),
    /// Messages that wait without a reason, and messages on hold.
    pub untried: u64,
    /// Messages that an admin holds.
    pub held: u64,
    /// Whether Postfix said that the queue is empty.
    pub empty: bool,
    /// The lines of attempts that were read and not taken yet.
    pub lines: Vec<String>,
}

impl Listing {
    /// Takes a line. True if it is part of a listing.
    pub fn take(&mut self, text: &str, calendar: &Calendar) -> bool {
        if let Some(waiting) = text.trim_start().starts_with('{').then(|| parse_json(text.trim())).flatten() {
            self.tell(&waiting);
            return true;
        }
        let trimmed = text.trim();
        if trimmed.starts_with("-Queue ID-") || is_message(trimmed) {
            self.reader.get_or_insert_default();
        }
        if self.reader.is_none() {
            let is_empty = trimmed == "Mail queue is empty";
            self.empty |= is_empty;
            return is_empty;
        }
        if trimmed.starts_with("-- ") {
            self.end();
            return true;
        }
        if self.reason.1 > 0 || trimmed.starts_with('(') {
            let (reason, lines) = &mut self.reason;
            if *lines > 0 {
                reason.push(' ');
            }
            reason.push_str(trimmed);
            *lines += 1;
            if trimmed.ends_with(')') || *lines >= LINES {
                let (reason, _) = std::mem::take(&mut self.reason);
                self.feed(&reason, calendar);
            }
            return true;
        }
        let is_recipient = !trimmed.contains(' ')
            && !trimmed.is_empty()
            && (trimmed.contains('@') || text.starts_with("    "));
        if trimmed.starts_with("-Queue ID-") || trimmed.is_empty() {
            return true;
        }
        if is_recipient {
            // A person who pasted the listing may have lost the blanks at the beginning of this line.
            self.feed(&format!("{:41}{trimmed}", ""), calendar);
            return true;
        }
        if is_message(trimmed) {
            self.feed(trimmed, calendar);
            return true;
        }
        self.end();
        false
    }

    fn feed(&mut self, line: &str, calendar: &Calendar) {
        if let Some(before) = self.reader.as_mut().and_then(|reader| reader.line(line, calendar)) {
            self.tell(&before);
        }
    }

    /// Ends a listing.
    pub fn end(&mut self) {
        self.reason = Default::default();
        if let Some(last) = self.reader.take().and_then(queue::Listing::end) {
            self.tell(&last);
        }
    }

    fn tell(&mut self, waiting: &Waiting) {
        if waiting.held {
            self.held += 1;
        } else if waiting.reason().is_empty() {
            self.untried += 1;
        }
        for one in waiting.recipients.iter().filter(|one| !one.reason.is_empty()) {
            let text = format!(
                "{}: to=<{}>, relay=none, delay=0, delays=0/0/0/0, dsn=4.0.0, status=deferred ({})",
                waiting.queue_id,
                one.address,
                one.reason.replace(['\n', '\r'], " ")
            );
            self.lines.push(line_of(waiting.arrived, None, "smtp", 0, &text));
        }
    }
}

/// Whether a line is the first of a message: `ID SIZE WEEKDAY MONTH DAY TIME SENDER`.
fn is_message(line: &str) -> bool {
    let mut words = line.split_ascii_whitespace();
    let id = words.next().unwrap_or_default().trim_end_matches(['*', '!', '#']);
    (5..=MOST).contains(&id.len())
        && id.bytes().all(|c| c.is_ascii_alphanumeric())
        && words.next().is_some_and(|size| size.bytes().all(|c| c.is_ascii_digit()))
        && words.next().is_some_and(|day| DAYS.contains(&day))
        && words.nth(2).is_some_and(|time| time.matches(':').count() == 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T08:00:00Z
    const NOW: i64 = 1_795_507_200;

    fn read(text: &str) -> Listing {
        let mut listing = Listing::default();
        for line in text.lines() {
            listing.take(line, &Calendar::utc(NOW));
        }
        listing.end();
        listing
    }

    #[test]
    fn every_form_gives_the_same_attempts() {
        let expected = "1795507200.0 postfix/smtp[0]: 0A1B2C3D4E: to=<c@d>, relay=none, delay=0, delays=0/0/0/0, dsn=4.0.0, status=deferred (connect to r[192.0.2.1]:587: Connection refused)";
        let plain = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n\
                     0A1B2C3D4E     1234 Tue Nov 24 08:00:00  a@b\n\
                     (connect to r[192.0.2.1]:587: Connection refused)\n\
                     \x20                                        c@d\n\n\
                     9999999*         1 Tue Nov 24 08:00:00  a@b\n\
                     \x20                                        c@d\n\n\
                     -- 3 Kbytes in 2 Requests.\n";
        let wrapped = plain.replace("587: ", "587:\n");
        let flat: String = plain.lines().flat_map(|line| [line.trim(), "\n"]).collect();
        let json = r#"{"queue_name": "deferred", "queue_id": "0A1B2C3D4E", "arrival_time": 1795507200, "message_size": 1, "sender": "a@b", "recipients": [{"address": "c@d", "delay_reason": "connect to r[192.0.2.1]:587: Connection refused"}]}"#;
        for (text, untried) in [(plain, 1), (&wrapped, 1), (&flat, 1), (json, 0)] {
            let listing = read(text);
            assert_eq!(
                (listing.lines.as_slice(), listing.untried),
                ([expected.to_owned()].as_slice(), untried),
                "{text}"
            );
        }
        assert_eq!(read(&json.replace("deferred\"", "hold\"")).held, 1);
    }

    #[test]
    fn other_text_is_no_listing() {
        for text in ["", "Mail queue is nice", "0A1B2C3D4E is the id", "(in brackets)", "a@b"] {
            assert!(!Listing::default().take(text, &Calendar::utc(NOW)), "{text}");
        }
    }
}
