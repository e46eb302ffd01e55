//! Reads events of a message from a line of the log: its queue id, an attempt, an end. Postfix's src/global/log_adhoc.c
//! writes the record of an attempt; this reads those of 2.10 to 3.11 (which has `tls=` before `dsn=`).

use super::line::Line;

/// An event of one message, as a line reports it.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// cleanup(8) gave the message its queue id.
    Queued {
        /// Queue id.
        queue_id: String,
        /// Message-ID without the angle brackets.
        message_id: String,
    },
    /// A delivery agent tried to deliver the message.
    Attempt(Attempt),
    /// The message ended as a whole.
    Gone {
        /// Queue id.
        queue_id: String,
        /// Its end.
        gone: Gone,
    },
    /// Anything else.
    Other,
}

/// An end of the message as a whole, which no record of an attempt reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// qmgr(8) gave it up: it was in the queue for too long, or an administrator had it expire.
    Expired,
    /// An administrator took it out of the queue by postsuper(1).
    Deleted,
    /// A rule of cleanup(8), or a milter, threw it away (cleanup_message.c, cleanup_milter.c).
    Discarded,
    /// bounce(8) told its sender that it did not arrive (bounce_notify_service.c).
    Returned,
    /// A rule of cleanup(8), or a milter, refused it before it was in the queue (cleanup_message.c, cleanup_milter.c).
    Refused,
    /// cleanup(8) could not take it into the queue, and pickup(8) keeps it in the maildrop (pickup.c).
    GivenBack,
    /// An administrator put it back into the maildrop by postsuper(1), from where it gets another queue id.
    Requeued,
    /// Its queue file disappeared before the recipient was done. No line of the log reports that.
    Removed,
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
    /// Recipient, as it was after aliases and other rewriting.
    pub to: String,
    /// Recipient as the sender gave it, if it differs.
    pub orig_to: Option<String>,
    /// Next hop, which took the message or was to take it.
    pub relay: Hop,
    /// Seconds: before the queue manager, in it, connecting (DNS, TCP, TLS, login), transmitting.
    pub delays: [f32; 4],
    /// Outcome.
    pub status: Status,
    /// The text in parentheses: the relay's reply, or Postfix's own words.
    pub reason: String,
}

impl Attempt {
    /// Whether the attempt was for this recipient, written as the sender gave it: a copy for somebody else
    /// (`always_bcc`, `recipient_bcc_maps`) has the same queue id.
    pub fn is_for(&self, recipient: &str) -> bool {
        let asked = plain(recipient);
        plain(&self.to) == asked || self.orig_to.as_ref().is_some_and(|orig| plain(orig) == asked)
    }

    /// Whether an agent for mailboxes on this host made the attempt.
    pub fn is_local(&self) -> bool {
        matches!(&self.relay, Hop::Here(agent) if agent == "local" || agent == "virtual")
    }

    /// Name, address and port of the host that was tried, if the log tells.
    pub fn target(&self) -> Option<(String, String, u16)> {
        if let Hop::Host { name, address, port } = &self.relay {
            return Some((name.clone(), address.clone(), *port));
        }
        let (_, rest) = self.reason.split_once("connect to ")?;
        let (host, _) = rest.split_once(": ")?;
        match parse_hop(host) {
            Hop::Host { name, address, port } => Some((name, address, port)),
            _ => None,
        }
    }

    /// Whether the relay refused: it gave a reply that Postfix took for final, or made temporary
    /// (smtp_sasl_auth_soft_bounce).
    pub fn is_refusal(&self) -> bool {
        self.reason.contains(" said: ") && (self.status == Status::Bounced || self.reason.contains("said: 5"))
    }

    /// The recipient as it was submitted, as far as the line tells.
    pub fn submitted(&self) -> &str {
        self.orig_to.as_deref().unwrap_or(&self.to)
    }

    /// Whether qmgr(8) made no attempt, and repeats the reason of an earlier one.
    pub fn is_repeated(&self) -> bool {
        self.reason.starts_with(SUSPENDED)
    }

    /// The reason itself: where qmgr(8) made no attempt, the reason of the attempt before (qmgr_deliver.c).
    pub fn words(&self) -> &str {
        self.reason.strip_prefix(SUSPENDED).unwrap_or(&self.reason)
    }
}

/// An address for comparing: without the quotes of its local part, which Postfix logs since 3.5 and did not before
/// (info_log_address_format), and without case (strcasecmp_utf8 in log_adhoc.c).
pub fn plain(address: &str) -> String {
    let (local, domain) =
        address.rsplit_once('@').map_or((address, None), |(local, domain)| (local, Some(domain)));
    let local = match local.strip_prefix('"').and_then(|local| local.strip_suffix('"')) {
        Some(quoted) => {
            let mut chars = quoted.chars();
            std::iter::from_fn(|| chars.next().and_then(|c| if c == '\\' { chars.next() } else { Some(c) }))
                .collect()
        }
        None => local.to_owned(),
    };
    domain.map_or_else(|| local.to_lowercase(), |domain| format!("{local}@{domain}").to_lowercase())
}

/// Text that qmgr(8) puts before the reason of an earlier attempt.
const SUSPENDED: &str = "delivery temporarily suspended: ";

/// `relay=` of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hop {
    /// `none`: there was no connection.
    None,
    /// `local`, `virtual`, …: the message stayed on this host.
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
}

/// The event that a line reports.
pub fn parse_event(line: &Line) -> Event {
    parse(line).unwrap_or(Event::Other)
}

fn parse(line: &Line) -> Option<Event> {
    if line.daemon == "pickup" {
        let (_, rest) = line.text.strip_prefix("warning: ")?.split_once(": error writing ")?;
        let (id, _) = split_queue_id(rest)?;
        return Some(Event::Gone { queue_id: id.to_owned(), gone: Gone::GivenBack });
    }
    let (queue_id, rest) = split_queue_id(line.text)?;
    let gone = |gone| Event::Gone { queue_id: queue_id.to_owned(), gone };
    // A milter's decisions have a word before them.
    let rule = rest.strip_prefix("milter-").unwrap_or(rest);
    match line.daemon {
        "cleanup" if rule.starts_with("reject: ") => Some(gone(Gone::Refused)),
        "cleanup" if rule.starts_with("discard: ") => Some(gone(Gone::Discarded)),
        "bounce" => rest.starts_with("sender non-delivery notification: ").then(|| gone(Gone::Returned)),
        // A line with `to=` is a bounce by cleanup(8) itself, of a message that has been through too many hosts.
        "cleanup" if !rest.starts_with("to=") => {
            let rest = rest.strip_prefix("resent-").unwrap_or(rest).strip_prefix("message-id=")?;
            let message_id = rest.strip_prefix('<').unwrap_or(rest).split(['<', '>']).next()?;
            Some(Event::Queued { queue_id: queue_id.to_owned(), message_id: message_id.to_owned() })
        }
        "postsuper" => match rest.trim_end() {
            "removed" => Some(gone(Gone::Deleted)),
            "requeued" => Some(gone(Gone::Requeued)),
            _ => None,
        },
        "qmgr" if rest.starts_with("from=") => {
            // `status=expired`, and since 3.5 `status=force-expired` (qmgr_active.c)
            let (_, status) = rest.rsplit_once(", status=")?;
            status.contains("expired, returned to sender").then(|| gone(Gone::Expired))
        }
        _ => attempt(line, queue_id, rest).map(Event::Attempt),
    }
}

/// The queue id at the head of a text, and the text after its `: `.
pub fn split_queue_id(text: &str) -> Option<(&str, &str)> {
    let (id, rest) = text.split_once(": ")?;
    is_queue_id(id).then_some((id, rest))
}

/// Whether a text is a queue id, short or long: letters and digits, and not a word.
fn is_queue_id(text: &str) -> bool {
    (5..=MOST).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric())
        && text.bytes().any(|c| c.is_ascii_digit() || c.is_ascii_uppercase())
}

/// Greatest length of a queue id: the long form has time (base 52) and inode (base 51; src/global/mail_queue.h).
pub const MOST: usize = 28;

fn attempt(line: &Line, queue_id: &str, rest: &str) -> Option<Attempt> {
    // An address may contain any text, also text that looks like a field.
    let (to, mut rest) = rest.strip_prefix("to=<")?.split_once(">, ")?;
    let mut orig_to = None;
    if let Some((orig, after)) = rest.strip_prefix("orig_to=<").and_then(|rest| rest.split_once(">, ")) {
        (orig_to, rest) = (Some(orig.to_owned()), after);
    }
    let (mut relay, mut delays) = (Hop::None, [0.0; 4]);
    loop {
        if let Some(rest) = rest.strip_prefix("status=") {
            let (word, reason) = rest.split_once(' ')?;
            let status = match word.trim_end_matches(',') {
                "sent" => Status::Sent,
                "deferred" => Status::Deferred,
                "bounced" => Status::Bounced,
                _ => return None, // `deliverable`: Postfix only probed the address
            };
            let reason = reason.get(reason.find('(')? + 1..)?.trim_end();
            return Some(Attempt {
                queue_id: queue_id.to_owned(),
                agent: line.daemon.to_owned(),
                pid: line.pid,
                to: to.to_owned(),
                orig_to,
                relay,
                delays,
                status,
                // A line that was cut has no closing parenthesis.
                reason: reason.strip_suffix(')').unwrap_or(reason).to_owned(),
            });
        }
        let (field, after) = rest.split_once(", ")?;
        if let Some(text) = field.strip_prefix("relay=") {
            relay = parse_hop(text);
        } else if let Some(text) = field.strip_prefix("delays=") {
            for (delay, text) in delays.iter_mut().zip(text.split('/')) {
                *delay = text.parse().unwrap_or_default();
            }
        }
        rest = after;
    }
}

/// The next hop in `relay=`.
pub fn parse_hop(text: &str) -> Hop {
    if text == "none" {
        return Hop::None;
    }
    let host = text.rsplit_once("]:").and_then(|(host, port)| {
        let (name, address) = host.split_once('[')?;
        Some(Hop::Host {
            name: name.to_ascii_lowercase(),
            address: address.to_owned(),
            port: port.parse().ok()?,
        })
    });
    host.unwrap_or_else(|| Hop::Here(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log::line::parse_line;

    const SENT: &str = "Nov 23 10:00:00 op5-system postfix/smtp[421]: 4Bd2c1x0z: to=<ops@example.com>, relay=relay.lab.test[192.0.2.1]:587, delay=0.31, delays=0.02/0.01/0.2/0.08, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 12 (a, b))";

    fn event(line: &str) -> Event {
        parse_event(&parse_line(line).unwrap())
    }

    fn attempt(line: &str) -> Attempt {
        match event(line) {
            Event::Attempt(attempt) => attempt,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sent_message() {
        let attempt = attempt(SENT);
        assert_eq!((attempt.agent.as_str(), attempt.pid, attempt.status), ("smtp", 421, Status::Sent));
        assert_eq!(attempt.reason, "250 2.0.0 Ok: queued as 12 (a, b)");
        let hop = Hop::Host { name: "relay.lab.test".into(), address: "192.0.2.1".into(), port: 587 };
        assert_eq!(attempt.relay, hop);
        assert!((attempt.delays[2] - 0.2).abs() < f32::EPSILON);
    }

    #[test]
    fn a_local_delivery_and_a_failure_without_connection() {
        let line = "x postfix/local[9]: ABCDE1: to=<root@h>, orig_to=<root>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (delivered to mailbox)";
        assert_eq!(attempt(line).relay, Hop::Here("local".into()));
        let line = "x postfix/smtp[9]: ABCDE1: to=<o@x>, relay=none, delay=30, delays=0.01/0.01/30/0, dsn=4.4.1, status=deferred (delivery temporarily suspended: connect to r[2001:db8::1]:587: Connection refused)";
        let found = attempt(line);
        assert_eq!((&found.relay, found.status), (&Hop::None, Status::Deferred));
        assert_eq!(found.words(), "connect to r[2001:db8::1]:587: Connection refused");
        assert_eq!(found.target(), Some(("r".into(), "2001:db8::1".into(), 587)));
    }

    #[test]
    fn wordings_of_every_version() {
        for (from, to) in [
            ("dsn=", "tls=TLSv1.3, dsn="),
            ("delay=0.31", "conn_use=3, delay=0.31"),
            ("status=sent (250", "status=sent, delivered (250"),
            ("4Bd2c1x0z", "0123456789AB"),
        ] {
            let line = SENT.replace(from, to);
            assert_eq!(attempt(&line).reason, "250 2.0.0 Ok: queued as 12 (a, b)", "{line}");
        }
    }

    #[test]
    fn addresses_that_look_like_fields() {
        let line =
            SENT.replace("to=<ops@example.com>", "to=<\"a, status=sent (250\"@x>, orig_to=<relay=b, c>");
        let found = attempt(&line);
        assert_eq!((found.to.as_str(), found.status), ("\"a, status=sent (250\"@x", Status::Sent));
        assert_eq!(found.orig_to.as_deref(), Some("relay=b, c"));
        assert_eq!(attempt(&SENT.replace("ops@example.com", "")).to, "");
    }

    #[test]
    fn an_attempt_is_for_the_recipient_that_the_sender_gave() {
        let found = attempt(&SENT.replace("to=<ops@example.com>", "to=<a.b@x>, orig_to=<ops@example.com>"));
        for recipient in ["a.b@x", "A.B@X", "\"a.b\"@x", "ops@example.com", "Ops@Example.COM"] {
            assert!(found.is_for(recipient), "{recipient}");
        }
        for recipient in ["ops", "ops@example.com.example", "b@x", "", "example.com"] {
            assert!(!found.is_for(recipient), "{recipient}");
        }
        // Quoted since 3.5, raw before; the answers have it quoted.
        for logged in ["a b\\c@x", "\"a b\\\\c\"@x"] {
            let found = attempt(&SENT.replace("ops@example.com", logged));
            assert!(found.is_for("\"a b\\\\c\"@x"), "{logged}");
        }
        assert!(attempt(&SENT.replace("to=<ops@example.com>", "to=<root@h>, orig_to=<root>")).is_for("root"));
    }

    #[test]
    fn a_line_that_says_that_another_was_repeated_is_no_attempt() {
        let text = "ABCDE1: to=<o@x>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)";
        for line in [
            format!("x postfix/smtp[3]: message repeated 2 times: [ {text}]"),
            format!("x postfix/smtp[3]: message repeated 2 times: [{text}]"),
            format!("x postfix/smtp[3]: last message repeated 2 times: {text}"),
        ] {
            assert_eq!(event(&line), Event::Other, "{line}");
        }
    }

    #[test]
    fn ends_that_qmgr_and_admins_make() {
        let expired = "x postfix/qmgr[1]: ABCDE1: from=<a@b>, status=expired, returned to sender";
        let gone = |gone| Event::Gone { queue_id: "ABCDE1".into(), gone };
        assert_eq!(event(expired), gone(Gone::Expired));
        let forced = expired.replace("=expired", "=force-expired");
        assert_eq!(event(&forced), gone(Gone::Expired));
        let deleted = "x postfix/postsuper[1]: ABCDE1: removed";
        assert_eq!(event(deleted), gone(Gone::Deleted));
    }

    #[test]
    fn what_is_none_of_these() {
        for line in [
            "x postfix/qmgr[1]: ABCDE1: removed",
            "x postfix/cleanup[1]: warning: header Subject",
            "x postfix/smtp[1]: warning: to=<a>, relay=none, status=sent (250",
            "x postfix/smtp[1]: ABCDE1: to=<a@b>, relay=none",
            "x postfix/smtp[1]: ABCDE1: to=<a@b>, relay=none, status=deliverable (250 ok)",
        ] {
            assert_eq!(event(line), Event::Other, "{line}");
        }
    }
}
