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

    /// The address that this host has put in the place of the one that the sender gave: an alias, or a canonical or virtual
    /// table made it.
    pub fn redirected(&self) -> Option<&str> {
        self.orig_to.as_ref().filter(|orig| plain(orig) != plain(&self.to)).map(|_| self.to.as_str())
    }

    /// The queue id of the message that local(8) has made of this one, for whoever gets the recipient's mail by an alias.
    pub fn forwarded_as(&self) -> Option<&str> {
        let is_sent = self.status == Status::Sent && self.is_local();
        self.reason.strip_prefix("forwarded as ").filter(|_| is_sent)
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
        host_in(rest.split_once(": ")?.0)
    }

    /// The host that `words` are about: those of the record, or those about another address that smtp(8) tried.
    pub fn target_of(&self, words: &str) -> Option<(String, String, u16)> {
        let last = self.target();
        if words == self.words() {
            return last;
        }
        let (name, address, port) = host_named(words)?;
        Some((name, address, port.or(last.map(|(_, _, port)| port))?))
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
        unsuspended(&self.reason)
    }
}

/// The reason by which Postfix suspended deliveries, without the words that say so.
pub fn unsuspended(reason: &str) -> &str {
    reason.strip_prefix(SUSPENDED).unwrap_or(reason)
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
    /// An address was probed, by `sendmail -bv` or for smtpd(8), and a message to it would be given up.
    Undeliverable,
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

/// The address with which a text begins, and the text after its `>, `. An address may contain any text, also text that looks
/// like a field: Postfix puts it in quotation marks (RFC 5321 §4.1.2).
fn address(text: &str) -> Option<(&str, &str)> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'>' if !is_quoted => {
                if let Some(rest) = text.get(at..).and_then(|rest| rest.strip_prefix(">, ")) {
                    return Some((text.get(..at)?, rest));
                }
            }
            _ => {}
        }
    }
    // One mark alone: Postfix before 3.5 wrote none round an address.
    text.split_once(">, ")
}

fn attempt(line: &Line, queue_id: &str, rest: &str) -> Option<Attempt> {
    let text = rest.strip_prefix("to=<")?;
    let (to, rest) = address(text)?;
    let first = record(line, queue_id, to, rest)?;
    // Without quotation marks, the address itself may say that the message was sent: what Postfix says comes last.
    let last = text
        .rsplit_once(">, relay=")
        .filter(|(to, _)| to.contains(", relay=") && first.status == Status::Sent);
    match last {
        Some((to, _)) => record(line, queue_id, to, text.get(to.len() + 3..)?),
        None => Some(first),
    }
}

/// The attempt of a record, from the text after the recipient on.
fn record(line: &Line, queue_id: &str, to: &str, mut rest: &str) -> Option<Attempt> {
    let mut orig_to = None;
    if let Some((orig, after)) = rest.strip_prefix("orig_to=<").and_then(address) {
        (orig_to, rest) = (Some(orig.to_owned()), after);
    }
    let (mut relay, mut delays) = (Hop::None, [0.0; 4]);
    loop {
        if let Some(rest) = rest.strip_prefix("status=") {
            let (word, reason) = rest.split_once(' ')?;
            let status = match word.trim_end_matches(',') {
                "sent" => Status::Sent,
                // SOFTBOUNCE: given up, were it not for soft_bounce (bounce.c).
                "deferred" | "SOFTBOUNCE" => Status::Deferred,
                "bounced" => Status::Bounced,
                "undeliverable" => Status::Undeliverable,
                _ => return None, // `deliverable`: a probe that found nothing amiss
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

/// Name, address and port of a text `NAME[ADDRESS]:PORT`.
fn host_in(text: &str) -> Option<(String, String, u16)> {
    match parse_hop(text) {
        Hop::Host { name, address, port } => Some((name, address, port)),
        Hop::None | Hop::Here(_) => None,
    }
}

/// Name, address and port of the host that smtp(8) names in its words, as far as they are there.
pub fn host_named(words: &str) -> Option<(String, String, Option<u16>)> {
    // The first is Postfix's; the relay's words come later.
    let is_end = |c: char| c == ' ' || c == ',';
    words.split(is_end).filter(|word| word.contains('[')).find_map(|word| {
        let word = word.trim_end_matches(':');
        let without = || host_in(&format!("{word}:0")).map(|(name, address, _)| (name, address, None));
        let with = || host_in(word).map(|(name, address, port)| (name, address, Some(port)));
        with().or_else(without).filter(|(name, ..)| !name.is_empty())
    })
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
#[path = "event_tests.rs"]
mod tests;
