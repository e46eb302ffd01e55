//! The messages that wait for the relay after a run that made mail leave: few are tried again at once, many are left to a
//! person, since thousands of stale alerts in a minute are a rate limit and a locked account.

use super::queue::Waiting;
use crate::error::human;
use crate::model::log::line::parse_line;
use crate::model::log::stamp::Seconds;
use crate::model::log::{Event, Status, parse_event};
use std::time::Duration;

/// Most messages that are tried again without a question.
pub const MOST: usize = 100;

/// Messages that failed, that nobody holds, and that are for other hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Their number.
    pub count: usize,
    /// Time of the oldest one's arrival.
    pub oldest: Option<Seconds>,
    /// Times of arrival and queue ids; not all if there are more than `MOST`.
    first: Vec<(Option<Seconds>, String)>,
}

/// What became of the messages that waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retried {
    /// Their number.
    pub waiting: usize,
    /// Age of the oldest, in seconds.
    pub oldest: u64,
    /// The number of those that were tried again: all, or none of too many.
    pub tried: usize,
    /// The number of those that left the queue while relayhost looked.
    pub gone: usize,
    /// Of those, the number of the ones that were given up: a server refused them for good, and Postfix returned them.
    pub returned: usize,
}

/// The message of these queue ids that a line of the log calls given up.
pub fn given_up<'a>(queue_ids: &'a [String], line: &str) -> Option<&'a String> {
    let Event::Attempt(attempt) = parse_event(&parse_line(line)?) else { return None };
    queue_ids.iter().find(|id| attempt.status == Status::Bounced && **id == attempt.queue_id)
}

impl Backlog {
    /// Takes a message of the queue. `is_local`: whether an address is this host's own.
    pub fn add(&mut self, message: &Waiting, is_local: impl Fn(&str) -> bool) {
        let goes_out = message.recipients.iter().any(|one| !is_local(&one.address));
        if message.held || message.reason().is_empty() || !goes_out {
            return;
        }
        self.count += 1;
        self.oldest = self.oldest.into_iter().chain(message.arrived).min();
        if self.first.len() < MOST {
            self.first.push((message.arrived, message.queue_id.clone()));
        }
    }

    /// Queue ids of the messages to try again, the oldest first: none if there are too many.
    pub fn to_try(mut self) -> Vec<String> {
        if self.count > MOST {
            return Vec::new();
        }
        self.first.sort();
        self.first.into_iter().map(|(_, queue_id)| queue_id).collect()
    }
}

impl Retried {
    /// What became of them, in words.
    pub fn text(&self) -> String {
        let Self { waiting, oldest, tried, gone, returned } = *self;
        let age = human(Duration::from_secs(oldest));
        let (messages, wait) = if waiting == 1 { ("message", "waits") } else { ("messages", "wait") };
        if tried < waiting {
            return format!(
                "{waiting} {messages} {wait} in the queue, the oldest for {age}; none was tried again, since so many at once \
                 may lock the account: `postqueue -p` shows them, `postqueue -f` tries all"
            );
        }
        let left = format!(
            "{gone} of {waiting} {messages} that waited, the oldest for {age}, left the queue when tried again"
        );
        if returned == 0 {
            return left;
        }
        format!(
            "{left}; {returned} of them did not arrive: refused, and returned to the sender (`relayhost diagnose` says why)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::queue::Recipient;
    use super::*;

    fn waiting(number: usize, held: bool, reason: &str, to: &str) -> Waiting {
        let recipient = Recipient { address: to.into(), reason: reason.into() };
        let (queue_id, arrived) = (format!("A{number}"), i64::try_from(1000 - number).ok());
        Waiting { queue_id, sender: String::new(), arrived, held, recipients: vec![recipient] }
    }

    fn backlog(messages: &[Waiting]) -> Backlog {
        let mut backlog = Backlog::default();
        for message in messages {
            backlog.add(message, |to| to.ends_with("@here.example"));
        }
        backlog
    }

    #[test]
    fn few_are_tried_oldest_first_and_of_too_many_none() {
        let many = |count| (0..count).map(|n| waiting(n, false, "no", "a@b.example")).collect::<Vec<_>>();
        assert_eq!(backlog(&many(3)).to_try(), ["A2", "A1", "A0"]);
        assert_eq!(backlog(&many(MOST)).to_try().len(), MOST);
        let too_many = backlog(&many(MOST + 1));
        assert_eq!((too_many.count, too_many.oldest), (MOST + 1, Some(900)));
        assert!(too_many.to_try().is_empty());
    }

    #[test]
    fn what_is_held_under_way_or_for_this_host_is_left_alone() {
        let all = [
            waiting(1, true, "no", "a@b.example"),
            waiting(2, false, "", "a@b.example"),
            waiting(3, false, "no", "a@here.example"),
        ];
        assert_eq!(backlog(&all), Backlog::default());
    }

    #[test]
    fn what_a_server_refused_for_good_is_given_up() {
        let ids = ["4FxWXb1".to_owned()];
        let line = |id: &str, status: &str| {
            format!(
                "Nov 30 16:00:00 h postfix/smtp[7]: {id}: to=<a@b.example>, relay=r[192.0.2.1]:587, delay=1, delays=1/0/0/0, \
                 dsn=5.7.1, status={status} (host r[192.0.2.1] said: 553 no)"
            )
        };
        assert_eq!(given_up(&ids, &line("4FxWXb1", "bounced")), ids.first());
        assert_eq!(given_up(&ids, &line("4FxWXb1", "deferred")), None);
        assert_eq!(given_up(&ids, &line("4FxWXb2", "bounced")), None);
    }

    #[test]
    fn it_says_how_many_went_or_how_to_send_them() {
        let retried = Retried { waiting: 3, oldest: 60, tried: 3, gone: 2, returned: 0 };
        assert!(retried.text().starts_with("2 of 3 messages that waited, the oldest for 1m"), "{retried:?}");
        let text = Retried { returned: 1, ..retried }.text();
        assert!(text.contains("left the queue when tried again; 1 of them did not arrive"), "{text}");
        let text = Retried { waiting: 101, tried: 0, gone: 0, ..retried }.text();
        assert!(text.starts_with("101 messages wait") && text.contains("postqueue -f"), "{text}");
    }
}
