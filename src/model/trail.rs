//! The trail of one message through the mail log: fed with lines, it knows the queue id, the attempts, and what the
//! same process said just before.

use super::log::witness::{ON_THE_WAY, Witness};
use super::log::{Attempt, Event, Hop, Status, parse_event, parse_line};

/// Attempts that are kept before the queue id is known.
const FIRST_ATTEMPTS: usize = 200;

/// What is known of one message.
#[derive(Debug)]
pub struct Trail {
    message_id: String,
    queue_id: Option<String>,
    attempts: Vec<Attempt>,
    witness: Witness,
    first_attempts: Vec<Attempt>,
}

/// Where the message is, as far as the log tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Whereabouts<'a> {
    /// cleanup(8) has not seen it.
    NotQueued,
    /// In the queue; no attempt has ended.
    Queued,
    /// The relay accepted it.
    Accepted(&'a Attempt),
    /// It was delivered on this host, or discarded.
    StayedHere(&'a Attempt),
    /// Another host than the relay accepted it.
    WentElsewhere(&'a Attempt),
    /// Postfix keeps it and will try again.
    Deferred(&'a Attempt),
    /// Postfix gave up.
    Bounced(&'a Attempt),
}

impl Trail {
    /// Follows the message with this Message-ID, written without angle brackets.
    pub fn new(message_id: &str) -> Self {
        Self {
            message_id: message_id.to_owned(),
            queue_id: None,
            attempts: Vec::new(),
            witness: Witness::default(),
            first_attempts: Vec::new(),
        }
    }

    /// The queue id, once cleanup(8) has logged it with our Message-ID.
    pub fn queue_id(&self) -> Option<&str> {
        self.queue_id.as_deref()
    }

    /// Takes one line of the log. The same line twice does no harm.
    pub fn feed(&mut self, raw: &str) {
        let Some(line) = parse_line(raw) else { return };
        match parse_event(&line) {
            Event::Queued { queue_id, message_id } if message_id == self.message_id => {
                self.attempts
                    .extend(self.first_attempts.extract_if(.., |attempt| attempt.queue_id == queue_id));
                self.queue_id.get_or_insert(queue_id);
            }
            Event::Queued { .. } | Event::Expired { .. } | Event::Deleted { .. } => {}
            Event::Attempt(attempt) => {
                let ours = match &self.queue_id {
                    // syslog may deliver the lines of two daemons in the wrong order
                    None => &mut self.first_attempts,
                    Some(queue_id) if *queue_id == attempt.queue_id => &mut self.attempts,
                    Some(_) => return,
                };
                if ours.len() < FIRST_ATTEMPTS && ours.last() != Some(&attempt) {
                    ours.push(attempt);
                }
            }
            Event::Other => self.witness.hear(0, &line),
        }
    }

    /// Where the message is. `is_relay` tells whether a host is the relay of the answers.
    pub fn whereabouts(&self, is_relay: impl Fn(&str, &str, u16) -> bool) -> Whereabouts<'_> {
        let Some(last) = self.attempts.last() else {
            return if self.queue_id.is_some() { Whereabouts::Queued } else { Whereabouts::NotQueued };
        };
        match (last.status, &last.relay) {
            (Status::Deferred, _) => Whereabouts::Deferred(last),
            (Status::Bounced, _) => Whereabouts::Bounced(last),
            (Status::Sent, Hop::Host { name, address, port }) if is_relay(name, address, *port) => {
                Whereabouts::Accepted(last)
            }
            (Status::Sent, Hop::Host { .. }) => Whereabouts::WentElsewhere(last),
            (Status::Sent, Hop::None | Hop::Here(_)) => Whereabouts::StayedHere(last),
        }
    }

    /// Whether master(8) has given up starting a daemon for now. qmgr(8) tells of it a minute later.
    pub fn is_throttled(&self) -> bool {
        let ends = |line: &str| {
            ON_THE_WAY.iter().any(|name| line.contains(&format!("/{name}: bad command startup")))
        };
        self.witness.deaths(0).any(ends)
    }

    /// How many attempts have ended.
    pub fn attempts(&self) -> usize {
        self.attempts.len()
    }

    /// What explains the last attempt: its reason, what its process said before, and which daemons died meanwhile.
    pub fn evidence(&self) -> Vec<&str> {
        let reason = self.attempts.last().map(Attempt::words);
        let queue_id = self.queue_id.as_deref().unwrap_or_default();
        let said = self.attempts.last().map(|last| self.witness.said(0, last.pid, queue_id));
        reason.into_iter().chain(said.into_iter().flatten()).chain(self.witness.deaths(0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUEUED: &str = "x postfix/cleanup[2]: ABCDE1: message-id=<unique@h>";
    const DEFERRED: &str = "x postfix/smtp[3]: ABCDE1: to=<o@x>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=4.7.0, status=deferred (SASL authentication failed; cannot authenticate to server r[192.0.2.1]: no mechanism available)";
    const SENT: &str = "x postfix/smtp[3]: ABCDE1: to=<o@x>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)";

    fn trail(lines: &[&str]) -> Trail {
        let mut trail = Trail::new("unique@h");
        for line in lines {
            trail.feed(line);
        }
        trail
    }

    #[test]
    fn only_our_message_counts() {
        let other = QUEUED.replace("unique", "another");
        assert_eq!(trail(&[&other, SENT]).whereabouts(|_, _, _| true), Whereabouts::NotQueued);
        assert_eq!(trail(&[QUEUED]).whereabouts(|_, _, _| true), Whereabouts::Queued);
        let foreign = SENT.replace("ABCDE1", "ABCDE2");
        assert_eq!(trail(&[QUEUED, &foreign]).whereabouts(|_, _, _| true), Whereabouts::Queued);
    }

    #[test]
    fn sent_counts_only_through_the_relay() {
        assert!(matches!(
            trail(&[QUEUED, SENT]).whereabouts(|name, _, port| name == "r" && port == 587),
            Whereabouts::Accepted(_)
        ));
        assert!(matches!(trail(&[QUEUED, SENT]).whereabouts(|_, _, _| false), Whereabouts::WentElsewhere(_)));
        let local = SENT.replace("r[192.0.2.1]:587", "local");
        assert!(matches!(trail(&[QUEUED, &local]).whereabouts(|_, _, _| true), Whereabouts::StayedHere(_)));
    }

    #[test]
    fn lines_in_the_wrong_order_are_put_together() {
        assert!(matches!(trail(&[SENT, QUEUED]).whereabouts(|_, _, _| true), Whereabouts::Accepted(_)));
    }

    #[test]
    fn evidence_is_the_reason_what_its_process_said_and_the_dead() {
        let warning = "x postfix/smtp[3]: warning: SASL authentication failure: No worthy mechs found";
        let died = "x postfix/smtp[9]: fatal: bad boolean configuration";
        let smtpd =
            "x postfix/master[9]: warning: /usr/libexec/postfix/smtpd: bad command startup -- throttling";
        let trail = trail(&[QUEUED, warning, died, smtpd, DEFERRED]);
        let evidence = trail.evidence().join("\n");
        assert!(evidence.contains("no mechanism available") && evidence.contains("No worthy mechs found"));
        assert!(evidence.contains("bad boolean") && !evidence.contains("throttling"), "{evidence}");
        assert!(!trail.is_throttled());
    }

    #[test]
    fn a_second_attempt_replaces_the_first() {
        assert!(matches!(
            trail(&[QUEUED, DEFERRED, SENT]).whereabouts(|_, _, _| true),
            Whereabouts::Accepted(_)
        ));
    }
}
