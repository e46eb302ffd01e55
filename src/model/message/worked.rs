//! Whether the configuration in force has worked: whether its relay took mail, and what was last heard of it. A change is
//! put back for no word of the new relay only if the configuration before it did.

use std::net::IpAddr;

use memchr::memmem::rfind;
use memchr::{memchr, memrchr};

use super::proof::Proof;
use crate::model::causes::catalogue::entry;
use crate::model::causes::extent::Extent;
use crate::model::causes::{Circumstances, diagnose};
use crate::model::inspection::queue::Waiting;
use crate::model::log::event::{Attempt, Event, Status, parse_event, unsuspended};
use crate::model::log::hosts::is_one_of;
use crate::model::log::line::parse_line;
use crate::model::log::stamp::{Calendar, Seconds, Since};
use crate::model::log::wrap::unwrap;
use crate::model::route::nexthop::NextHop;
use crate::model::state::generation::LastRun;

/// Whether the reason of a failed attempt is a word against the relay, or against the way in which mail is given to it. A
/// busy relay, one that puts off, and what is said of one message or a quota are none, and neither is a network that is
/// down.
fn is_against(reason: &str) -> bool {
    let is_unheard = || {
        let cause = diagnose(&[unsuspended(reason)], &Circumstances::default());
        cause.and_then(|cause| entry(&cause.id)).is_some_and(|entry| entry.unheard)
    };
    Extent::of(reason) == Extent::All && !is_unheard()
}

/// What is known of the relay in force.
#[derive(Debug, Clone)]
pub struct History {
    relay: NextHop,
    /// Names of this host: a log may have lines of others.
    names: Vec<String>,
    /// Since when the configuration is in force, if no message has proved it: earlier words are about another one.
    since: Seconds,
    /// The times of changes that were put back: what was said meanwhile was said to those.
    others: Vec<(Seconds, Seconds)>,
    /// The time of the change that a restore has taken back last, and that of the restore: what was said between them was said to
    /// other configurations.
    taken_back: Option<(Seconds, Seconds)>,
    last: Option<(Seconds, Word)>,
}

/// What an attempt to send mail by the relay says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// It took a message.
    Took,
    /// It refused, or was not there.
    Failed,
}

impl History {
    /// Nothing is known yet of the relay that this value of `relayhost` names; `None` if it names none. `last`: the last
    /// run in force; `names`: those of this host.
    pub fn new(relayhost: &str, last: &LastRun, names: Vec<String>) -> Option<Self> {
        let relay = NextHop::parse(relayhost)?;
        let since = if last.unproven { moment(&last.time).unwrap_or(Seconds::MAX) } else { Seconds::MIN };
        Some(Self { relay, names, since, others: Vec::new(), taken_back: None, last: None })
    }

    /// Leaves out what was said while a change that was put back was in force: from its time (RFC 3339) to its end.
    pub fn except(&mut self, begin: &str, end: Seconds) {
        self.others.extend(moment(begin).map(|begin| (begin, end)));
    }

    /// Leaves out what was said from a change to the restore that has taken it back, the last run (both RFC 3339).
    pub fn except_since(&mut self, change: &str, restore: &str) {
        self.taken_back = moment(change).zip(moment(restore));
    }

    /// Whether the last word that counts is that the relay took mail.
    pub fn has_worked(&self) -> bool {
        matches!(self.last, Some((_, Word::Took)))
    }

    /// Whether anything is known.
    pub fn is_known(&self) -> bool {
        self.last.is_some()
    }

    /// Takes the record of the last test message that a relay took. It is never one of a change that was put back, also if
    /// both were made in one second.
    pub fn proof(&mut self, proof: &Proof) {
        if proof.relay == self.relay.text
            && let Some(time) = moment(&proof.time).filter(|time| self.is_of_this(*time))
        {
            self.note(time, Word::Took);
        }
    }

    /// Takes a message of the queue. Its arrival is the earliest moment of the attempt that failed, the only one known.
    pub fn waiting(&mut self, message: &Waiting) {
        if let Some(arrived) = message.arrived
            && self.is_named_in(message.reason())
            && is_against(message.reason())
        {
            self.hear(arrived, Word::Failed);
        }
    }

    /// Takes a block of whole lines of a log. Only the last word counts, so the block is read from its end.
    pub fn block(&mut self, block: &[u8], calendar: &Calendar) {
        let mut rest = block;
        while let Some(at) = rfind(rest, b" status=") {
            let start = memrchr(b'\n', rest.get(..at).unwrap_or_default()).map_or(0, |at| at + 1);
            let line = rest.get(start..).unwrap_or_default();
            let line = line.get(..memchr(b'\n', line).unwrap_or(line.len())).unwrap_or_default();
            if let Some((time, word)) = self.word_of(line, calendar) {
                self.hear(time, word);
                return;
            }
            rest = rest.get(..start).unwrap_or_default();
        }
    }

    fn word_of(&self, line: &[u8], calendar: &Calendar) -> Option<(Seconds, Word)> {
        let text = String::from_utf8_lossy(line);
        let text = unwrap(&text);
        let line = parse_line(&text)?;
        let Event::Attempt(attempt) = parse_event(&line) else { return None };
        let (time, host) = line.when_and_where(calendar);
        let is_ours = host.is_none_or(|host| is_one_of(host, &self.names));
        let time = time.filter(|time| is_ours && self.counts(*time))?;
        Some((time, self.word(&attempt)?))
    }

    /// The meaning of an attempt; `None` if it was not at this relay, or if its failure says nothing of other messages.
    fn word(&self, attempt: &Attempt) -> Option<Word> {
        if attempt.is_local() {
            return None;
        }
        let is_here = match attempt.target() {
            Some((name, address, port)) => port == self.relay.port && self.is_called(&name, &address),
            None => attempt.status != Status::Sent && self.is_named_in(attempt.words()),
        };
        match attempt.status {
            _ if !is_here => None,
            Status::Sent => Some(Word::Took),
            // A probe of an address says nothing of other messages.
            Status::Undeliverable => None,
            Status::Deferred | Status::Bounced => is_against(attempt.words()).then_some(Word::Failed),
        }
    }

    /// Whether the log's name of a host is the relay's. The mail exchangers of a name have other names, so all count.
    fn is_called(&self, name: &str, address: &str) -> bool {
        let is_address = || {
            let [relay, address] = [&self.relay.host, address].map(str::parse::<IpAddr>);
            relay.is_ok() && relay == address
        };
        self.relay.mx || name.eq_ignore_ascii_case(&self.relay.host) || is_address()
    }

    fn is_named_in(&self, words: &str) -> bool {
        !words.is_empty() && (self.relay.mx || words.to_ascii_lowercase().contains(&self.relay.host))
    }

    /// Whether the configuration in force was in force then.
    fn counts(&self, time: Seconds) -> bool {
        self.is_of_this(time) && !self.others.iter().any(|(begin, end)| (*begin..=*end).contains(&time))
    }

    /// The same as far as changes go that were kept.
    fn is_of_this(&self, time: Seconds) -> bool {
        time >= self.since && !self.taken_back.is_some_and(|(begin, end)| (begin..end).contains(&time))
    }

    fn hear(&mut self, time: Seconds, word: Word) {
        if self.counts(time) {
            self.note(time, word);
        }
    }

    fn note(&mut self, time: Seconds, word: Word) {
        if self.last.is_none_or(|(last, _)| time >= last) {
            self.last = Some((time, word));
        }
    }
}

fn moment(rfc3339: &str) -> Option<Seconds> {
    match Since::parse(rfc3339) {
        Ok(Since::At(time)) => Some(time),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inspection::queue::Recipient;

    const RELAY: &str = "[relay.example.com]:587";
    const REFUSED: &str = "connect to relay.example.com[192.0.2.1]:587: Connection refused";

    fn history(last: &LastRun) -> History {
        History::new(RELAY, last, vec!["host".into()]).unwrap()
    }

    fn proof(relay: &str, time: &str) -> Proof {
        let (relay, time) = (relay.to_owned(), time.to_owned());
        let (to, reply) = ("ops@example.com".into(), "250 ok".into());
        Proof { version: 1, time, relay, to, reply, queue_id: None, arrival: None, missed: false }
    }

    fn line(second: u8, relay: &str, status: &str, reason: &str) -> String {
        format!(
            "2026-11-28T10:00:{second:02}+00:00 host postfix/smtp[7]: 4ABCDEF012: to=<ops@example.com>, relay={relay}, delay=1, \
             delays=0/0/1/0, dsn=2.0.0, status={status} ({reason})\n"
        )
    }

    fn took(second: u8) -> String {
        line(second, "relay.example.com[192.0.2.1]:587", "sent", "250 2.0.0 Ok: queued as 1")
    }

    fn worked(lines: &[String]) -> bool {
        let mut history = history(&LastRun::default());
        history.block(lines.concat().as_bytes(), &Calendar::utc(0));
        history.has_worked()
    }

    #[test]
    fn a_relay_whose_last_word_is_acceptance_has_worked() {
        assert!(!worked(&[]), "nobody knows");
        assert!(worked(&[took(1)]));
        assert!(worked(&[line(1, "none", "deferred", REFUSED), took(2)]));
        assert!(worked(&[took(1), line(2, "other.example.com[192.0.2.9]:587", "bounced", "550 no")]));
    }

    #[test]
    fn a_refusal_or_nobody_there_is_a_last_word_against_it() {
        let host = "relay.example.com[192.0.2.1]:587";
        let suspended = format!("delivery temporarily suspended: {REFUSED}");
        let not_found = "Host or domain name not found. Name service error for name=relay.example.com type=AAAA: Host not found";
        let login = "SASL authentication failed; server relay.example.com[192.0.2.1] said: 535 5.7.8 no";
        for (relay, reason) in [("none", REFUSED), ("none", &suspended), ("none", not_found), (host, login)] {
            assert!(!worked(&[took(1), line(2, relay, "deferred", reason)]), "{reason}");
        }
    }

    /// A relay of an hour ago, and a cable that is out since: the way as it was set up is as good as before.
    #[test]
    fn a_network_that_is_down_is_no_word_against_the_relay() {
        let relay = "relay.example.com[192.0.2.1]";
        let connect = |words: &str| format!("connect to {relay}:587: {words}");
        let no_name_server = "Host or domain name not found. Name service error for name=relay.example.com type=A: Host not found, try again";
        for reason in [
            connect("Network is unreachable"),
            connect("No route to host"),
            connect("Cannot assign requested address"),
            connect("Connection timed out"),
            connect("Operation not permitted"),
            "connect to relay.example.com[2001:db8::1]:587: Network is unreachable".into(),
            no_name_server.into(),
            "unable to look up host relay.example.com: Temporary failure in name resolution".into(),
        ] {
            for reason in [reason.clone(), format!("delivery temporarily suspended: {reason}")] {
                assert!(worked(&[took(1), line(2, "none", "deferred", &reason)]), "{reason}");
                let mut one = history(&LastRun::default());
                one.proof(&proof(RELAY, "2026-11-28T10:00:05Z"));
                one.waiting(&waiting(moment("2026-11-28T10:00:06Z").unwrap(), &reason));
                assert!(one.has_worked(), "{reason}");
            }
        }
        assert!(!worked(&[line(2, "none", "deferred", no_name_server)]), "nor is it a word for it");
    }

    fn waiting(arrived: Seconds, reason: &str) -> Waiting {
        Waiting {
            queue_id: "4ABC".into(),
            sender: String::new(),
            arrived: Some(arrived),
            held: false,
            recipients: vec![Recipient { address: "ops@example.com".into(), reason: reason.into() }],
        }
    }

    #[test]
    fn what_passes_or_is_about_one_message_is_no_word_against_it() {
        let host = "relay.example.com[192.0.2.1]:587";
        let said = |words: &str| format!("host relay.example.com[192.0.2.1] said: {words}");
        for (status, words) in [
            (
                "deferred",
                "450 4.2.0 <a@b.example>: Recipient address rejected: Greylisted (in reply to RCPT TO command)",
            ),
            (
                "bounced",
                "550 5.1.1 <a@b.example>: Recipient address rejected: User unknown (in reply to RCPT TO command)",
            ),
        ] {
            assert!(worked(&[took(1), line(2, host, status, &said(words))]), "{words}");
        }
    }

    #[test]
    fn another_host_port_or_mailbox_says_nothing_of_it() {
        for relay in ["other.example.com[192.0.2.9]:587", "relay.example.com[192.0.2.1]:25", "local", "none"]
        {
            assert!(!worked(&[line(1, relay, "sent", "250 ok")]), "{relay}");
        }
        assert!(!worked(&[took(1).replace(" host ", " another ")]), "a line of another host");
    }

    #[test]
    fn a_relay_without_brackets_is_whoever_takes_its_mail_and_an_address_is_itself() {
        let heard = |relayhost: &str| {
            let names = vec!["host".into()];
            let mut history = History::new(relayhost, &LastRun::default(), names).unwrap();
            let text = line(1, "mx1.example.com[192.0.2.1]:25", "sent", "250 ok");
            history.block(text.as_bytes(), &Calendar::utc(0));
            history.has_worked()
        };
        assert!(heard("example.com") && heard("[192.0.2.1]") && heard("[mx1.example.com]"));
        assert!(!heard("[example.com]") && !heard("[192.0.2.2]"));
        assert!(History::new("", &LastRun::default(), Vec::new()).is_none());
    }

    #[test]
    fn a_proof_counts_for_its_relay_until_something_else_is_heard() {
        let mut one = history(&LastRun::default());
        one.proof(&proof("[other.example.com]:587", "2026-11-28T10:00:05Z"));
        assert!(!one.has_worked());
        one.proof(&proof(RELAY, "2026-11-28T10:00:05Z"));
        assert!(one.has_worked());
        one.block(line(1, "none", "deferred", REFUSED).as_bytes(), &Calendar::utc(0));
        assert!(one.has_worked(), "that was before");
        one.block(line(6, "none", "deferred", REFUSED).as_bytes(), &Calendar::utc(0));
        assert!(!one.has_worked());
    }

    #[test]
    fn a_proof_in_the_second_of_a_change_that_was_put_back_counts() {
        let second = "2026-11-28T10:00:05Z";
        let mut one = history(&LastRun::default());
        one.except(second, moment(second).unwrap());
        one.proof(&proof(RELAY, second));
        assert!(one.has_worked());
    }

    #[test]
    fn a_message_that_waits_since_the_proof_is_a_word_against_it() {
        let at = moment("2026-11-28T10:00:05Z").unwrap();
        let other = REFUSED.replace("relay.", "other.");
        for (arrived, reason, expected) in
            [(at + 1, REFUSED, false), (at - 1, REFUSED, true), (at + 1, "", true), (at + 1, &other, true)]
        {
            let mut one = history(&LastRun::default());
            one.proof(&proof(RELAY, "2026-11-28T10:00:05Z"));
            one.waiting(&waiting(arrived, reason));
            assert_eq!(one.has_worked(), expected, "{arrived} {reason}");
        }
    }

    #[test]
    fn what_a_change_met_that_was_put_back_is_no_word_about_the_configuration_in_force() {
        let refused = line(4, "none", "deferred", REFUSED);
        let mut one = history(&LastRun::default());
        one.except("2026-11-28T10:00:03Z", moment("2026-11-28T10:00:05Z").unwrap());
        one.block([took(1), refused].concat().as_bytes(), &Calendar::utc(0));
        assert!(one.has_worked());
        one.block(line(6, "none", "deferred", REFUSED).as_bytes(), &Calendar::utc(0));
        assert!(!one.has_worked());
    }

    #[test]
    fn of_a_change_that_nothing_has_proved_only_what_came_after_it_counts() {
        let unproven = LastRun { time: "2026-11-28T10:00:03Z".into(), unproven: true, ..LastRun::default() };
        let mut one = history(&unproven);
        one.proof(&proof(RELAY, "2026-11-28T10:00:02Z"));
        one.block(took(2).as_bytes(), &Calendar::utc(0));
        assert!(!one.has_worked());
        one.block(took(4).as_bytes(), &Calendar::utc(0));
        assert!(one.has_worked());
    }

    #[test]
    fn what_was_met_between_a_change_and_its_restore_is_no_word_about_what_is_in_force_again() {
        for (second, expected) in [(2, true), (4, false), (6, true)] {
            let mut one = history(&LastRun::default());
            one.except_since("2026-11-28T10:00:03Z", "2026-11-28T10:00:05Z");
            one.block(took(second).as_bytes(), &Calendar::utc(0));
            assert_eq!(one.has_worked(), expected, "{second}");
            one.proof(&proof(RELAY, "2026-11-28T10:00:04Z"));
            assert_eq!(one.has_worked(), expected, "{second}");
        }
    }
}
