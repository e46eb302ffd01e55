//! The messages that wait for the relay after a run that made mail leave: few are tried again at once, many are left to a
//! person, since thousands of stale alerts in a minute are a rate limit and a locked account.

use super::queue::Waiting;
use crate::error::human;
use crate::model::log::stamp::Seconds;
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
        let Self { waiting, oldest, tried, gone } = *self;
        let age = human(Duration::from_secs(oldest));
        let (messages, wait) = if waiting == 1 { ("message", "waits") } else { ("messages", "wait") };
        if tried < waiting {
            return format!(
                "{waiting} {messages} {wait} in the queue, the oldest for {age}; none was tried again, since so many at once \
                 may lock the account: `postqueue -p` shows them, `postqueue -f` tries all"
            );
        }
        format!(
            "{gone} of {waiting} {messages} that waited, the oldest for {age}, left the queue when tried again"
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
    fn it_says_how_many_went_or_how_to_send_them() {
        let retried = Retried { waiting: 3, oldest: 60, tried: 3, gone: 2 };
        assert!(retried.text().starts_with("2 of 3 messages that waited, the oldest for 1m"), "{retried:?}");
        let text = Retried { waiting: 101, tried: 0, gone: 0, ..retried }.text();
        assert!(text.starts_with("101 messages wait") && text.contains("postqueue -f"), "{text}");
    }
}
