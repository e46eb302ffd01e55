//! Lines of a mail log to events. Knows the shapes of syslog (RFC 3164 and ISO time), of journalctl and of Postfix's
//! own maillog_file, since all of them carry `postfix/DAEMON[PID]: TEXT`.

use std::sync::LazyLock;

use regex::Regex;

/// A line that a Postfix daemon wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<'a> {
    /// `smtp`, `cleanup`, `qmgr`, …
    pub daemon: &'a str,
    /// Process id.
    pub pid: u32,
    /// Everything after the colon.
    pub text: &'a str,
}

/// What a line says of one message.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// cleanup(8) gave the message its queue id.
    Queued {
        /// Queue id.
        queue_id: String,
        /// Message-ID without the angle brackets.
        message_id: String,
    },
    /// A delivery agent tried.
    Attempt(Attempt),
    /// Anything else.
    Other,
}

/// One delivery attempt for one recipient.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Queue id.
    pub queue_id: String,
    /// Delivery agent: `smtp`, `local`, `virtual`, `error`, `pipe`, …
    pub agent: String,
    /// Process id of the agent.
    pub pid: u32,
    /// Recipient.
    pub to: String,
    /// Who took it, or was to take it.
    pub relay: Hop,
    /// Seconds: before the queue manager, in it, connecting (DNS, TCP, TLS, login), transmitting.
    pub delays: [f32; 4],
    /// Outcome.
    pub status: Status,
    /// The text in parentheses: the relay's reply, or Postfix's own words.
    pub reason: String,
}

impl Attempt {
    /// Whether an agent for mailboxes on this host made it.
    pub fn is_local(&self) -> bool {
        matches!(&self.relay, Hop::Here(agent) if agent == "local" || agent == "virtual")
    }

    /// Name, address and port of the host that was tried, if the log tells.
    pub fn target(&self) -> Option<(String, String, u16)> {
        if let Hop::Host { name, address, port } = &self.relay {
            return Some((name.clone(), address.clone(), *port));
        }
        let found = CONNECT.captures(&self.reason)?;
        let part = |index| found.get(index).map(|text| text.as_str());
        Some((part(1)?.to_ascii_lowercase(), part(2)?.to_owned(), part(3)?.parse().ok()?))
    }
}

/// `relay=` of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// `none`: no connection came about.
    None,
    /// `local`, `virtual`, …: it stayed on this host.
    Here(String),
    /// A host.
    Host {
        /// Name.
        name: String,
        /// Address.
        address: String,
        /// TCP port.
        port: u16,
    },
}

/// `status=` of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Accepted by the next hop.
    Sent,
    /// Kept in the queue.
    Deferred,
    /// Given up.
    Bounced,
    /// Given up after `maximal_queue_lifetime`.
    Expired,
}

#[expect(clippy::unwrap_used, reason = "constant patterns, compiled by the tests below")]
fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

static LINE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?:^|\s)[^\s/\[]+/(?:[a-z]+/)?([a-z0-9_-]+)\[([0-9]+)\]: (.*)$"));
static QUEUED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^([0-9A-Za-z]{5,}): (?:resent-)?message-id=<?([^<>]*)>?"));
static ATTEMPT: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"^([0-9A-Za-z]{5,}): to=<([^>]*)>,.*? relay=([^,]+),.*? delays=([0-9.]+)/([0-9.]+)/([0-9.]+)/([0-9.]+),.*? status=(sent|deferred|bounced|expired|undeliverable|deliverable)(?:, [a-z ]+)? \((.*)\)\s*$",
    )
});
static CONNECT: LazyLock<Regex> = LazyLock::new(|| pattern(r"connect to ([^\s\[]+)\[([^\]]+)\]:([0-9]+): "));
static HOP: LazyLock<Regex> = LazyLock::new(|| pattern(r"^([^\[]+)\[([^\]]+)\]:([0-9]+)$"));

/// Finds the Postfix part of a log line: `TAG/daemon[pid]: `, where TAG is `syslog_name`. `None` for other lines.
pub fn parse_line(line: &str) -> Option<Line<'_>> {
    let found = LINE.captures(line.trim_end())?;
    Some(Line {
        daemon: found.get(1)?.as_str(),
        pid: found.get(2)?.as_str().parse().ok()?,
        text: found.get(3)?.as_str(),
    })
}

/// What the line says.
pub fn parse_event(line: &Line) -> Event {
    if line.daemon == "cleanup" {
        return match QUEUED.captures(line.text) {
            Some(found) => Event::Queued { queue_id: found[1].to_owned(), message_id: found[2].to_owned() },
            None => Event::Other,
        };
    }
    match ATTEMPT.captures(line.text) {
        Some(found) => attempt(line, &found).map_or(Event::Other, Event::Attempt),
        None => Event::Other,
    }
}

fn attempt(line: &Line, found: &regex::Captures) -> Option<Attempt> {
    let seconds =
        |index: usize| found.get(index).and_then(|text| text.as_str().parse().ok()).unwrap_or_default();
    Some(Attempt {
        queue_id: found.get(1)?.as_str().to_owned(),
        agent: line.daemon.to_owned(),
        pid: line.pid,
        to: found.get(2)?.as_str().to_owned(),
        relay: parse_hop(found.get(3)?.as_str()),
        delays: [seconds(4), seconds(5), seconds(6), seconds(7)],
        status: match found.get(8)?.as_str() {
            "sent" => Status::Sent,
            "deferred" => Status::Deferred,
            "bounced" => Status::Bounced,
            "expired" => Status::Expired,
            _ => return None,
        },
        reason: found.get(9)?.as_str().to_owned(),
    })
}

fn parse_hop(text: &str) -> Hop {
    if text == "none" {
        return Hop::None;
    }
    let host = HOP.captures(text).and_then(|found| {
        Some(Hop::Host {
            name: found.get(1)?.as_str().to_ascii_lowercase(),
            address: found.get(2)?.as_str().to_owned(),
            port: found.get(3)?.as_str().parse().ok()?,
        })
    });
    host.unwrap_or_else(|| Hop::Here(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "Nov 23 10:00:00 op5-system postfix/smtp[421]: 4Bd2c1x0z: to=<ops@example.com>, relay=relay.lab.test[192.0.2.1]:587, delay=0.31, delays=0.02/0.01/0.2/0.08, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 12 (a, b))";

    fn event(line: &str) -> Event {
        parse_event(&parse_line(line).unwrap())
    }

    #[test]
    fn a_sent_message() {
        let Event::Attempt(attempt) = event(SENT) else { panic!() };
        assert_eq!((attempt.agent.as_str(), attempt.pid, attempt.status), ("smtp", 421, Status::Sent));
        assert_eq!(attempt.reason, "250 2.0.0 Ok: queued as 12 (a, b)");
        assert_eq!(
            attempt.relay,
            Hop::Host { name: "relay.lab.test".into(), address: "192.0.2.1".into(), port: 587 }
        );
        assert!((attempt.delays[2] - 0.2).abs() < f32::EPSILON);
    }

    #[test]
    fn shapes_of_time_stamp_host_and_instance() {
        let text = "4Bd2c1x0z: message-id=<a@b>";
        for head in [
            "Nov 23 10:00:00 host postfix/cleanup[1]: ",
            "2026-11-23T10:00:00.123456+00:00 host postfix/cleanup[1]: ",
            "Nov 23 10:00:00 postfix/cleanup[1]: ",
            "Nov 23 10:00:00 host postfix-out/cleanup[1]: ",
            "postfix/cleanup[1]: ",
            "Nov 23 10:00:00 host postfix/submission/cleanup[1]: ",
        ] {
            let expected = Event::Queued { queue_id: "4Bd2c1x0z".into(), message_id: "a@b".into() };
            assert_eq!(event(&format!("{head}{text}")), expected, "{head}");
        }
    }

    #[test]
    fn a_local_delivery_and_a_failure_without_connection() {
        let line = "x postfix/local[9]: ABCDE1: to=<root@h>, orig_to=<root>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)";
        let Event::Attempt(attempt) = event(line) else { panic!() };
        assert_eq!(attempt.relay, Hop::Here("local".into()));
        let line = "x postfix/smtp[9]: ABCDE1: to=<o@x>, relay=none, delay=30, delays=0.01/0.01/30/0, dsn=4.4.1, status=deferred (connect to r[192.0.2.1]:587: Connection refused)";
        let Event::Attempt(attempt) = event(line) else { panic!() };
        assert_eq!((attempt.relay, attempt.status), (Hop::None, Status::Deferred));
    }

    #[test]
    fn newer_postfix_has_tls_before_dsn() {
        let line = SENT.replace("dsn=", "tls=TLSv1.3, dsn=");
        assert!(matches!(event(&line), Event::Attempt(_)));
    }

    #[test]
    fn lines_of_others() {
        assert_eq!(parse_line("Nov 23 10:00:00 host sshd[1]: postfix is a word"), None);
        assert_eq!(parse_line(""), None);
        assert_eq!(event("x postfix/qmgr[1]: ABCDE1: removed"), Event::Other);
        assert_eq!(event("x postfix/cleanup[1]: warning: header Subject"), Event::Other);
    }
}
