//! How much mail a failure keeps from leaving: all of it, or only messages like the one that met it. Both judgements use it:
//! whether mail leaves, and whether a configuration has worked.

use super::catalogue::{Stage, entry};
use super::{Circumstances, diagnose};

/// The mail that a failure keeps from leaving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All.
    All,
    /// All, until the relay counts anew: a rate, a quota, a reputation.
    Quota,
    /// Mail with this sender.
    Sender,
    /// Mail to this recipient's domain, from this host.
    Domain,
    /// This message, or this recipient: any user can send one that fails so.
    Message,
    /// None: the relay puts the message off.
    Later,
}

/// What qmgr(8) says of a message whose transport has no service that answers (qmgr_transport.c, qmgr_deliver.c). A message
/// for the relay has the relay's transport, and whether that is in master.cf, the way of an alert shows.
const UNSERVED: [&str; 2] = ["mail transport unavailable", "unknown mail transport error"];

/// Whether the reason of a deferral is that no service of this host takes the message: the whole reason, since a relay may
/// have the same words in its reply.
pub fn is_unserved(reason: &str) -> bool {
    UNSERVED.contains(&reason.strip_prefix("delivery temporarily suspended: ").unwrap_or(reason))
}

impl Extent {
    /// Reads the reason of a failed attempt. Postfix's own words count more than the relay's: the command that the reply was
    /// to stands at the end. Addresses do not count at all, since whoever sent the message chose them.
    pub fn of(reason: &str) -> Self {
        if is_unserved(reason) {
            return Self::Message;
        }
        let is_reply = reason.contains(" said: ") || reason.contains(" refused to talk to me: ");
        let words = without_addresses(reason);
        let command = reason.rsplit_once("(in reply to ").map(|(_, command)| command);
        let is_to = |name: &str| command.is_some_and(|command| command.starts_with(name));
        match diagnose(&[words.as_str()], &Circumstances::default()) {
            Some(cause) if cause.again && is_reply => Self::Later,
            // X.2.Y is about the recipient's mailbox, which may be full (RFC 3463, 3.3).
            Some(_) if is_to("RCPT TO") && is_of_mailbox(reason) => Self::Message,
            Some(cause) => match cause.stage {
                Stage::Message | Stage::Local => Self::Message,
                Stage::Sender => Self::Sender,
                Stage::Recipient if entry(&cause.id).is_some_and(|entry| entry.one_recipient) => {
                    Self::Message
                }
                // The relay refused before it heard the recipient, so the refusal is not about one.
                Stage::Recipient if is_to("MAIL FROM") => Self::All,
                Stage::Recipient => Self::Domain,
                Stage::Limit if is_to("RCPT TO") => Self::Domain,
                Stage::Limit => Self::Quota,
                _ => Self::All,
            },
            None if !is_reply => Self::All,
            None if is_later(reason) => Self::Later,
            None if is_to("MAIL FROM") => Self::Sender,
            // A reply that does not say what it is a reply to is about the message.
            None if is_to("RCPT TO") || is_to("DATA") || is_to("end of DATA") || command.is_none() => {
                Self::Message
            }
            None => Self::All,
        }
    }
}

/// Whether the relay's reply has a status that is about a mailbox (RFC 3463, X.2.Y).
fn is_of_mailbox(reason: &str) -> bool {
    let reply = reason.split_once(" said: ").map_or("", |(_, reply)| reply);
    let status = reply.split([' ', '-']).nth(1).unwrap_or_default();
    ["4.2.", "5.2."].iter().any(|head| status.starts_with(head))
}

/// Whether the relay's reply is one of those that pass (RFC 5321, 4.2.1).
fn is_later(reason: &str) -> bool {
    [" said: 4", " refused to talk to me: 4"].iter().any(|head| reason.contains(head))
}

/// The words without what stands between `<` and `>`, and without words that have an `@`.
fn without_addresses(words: &str) -> String {
    let mut rest = words;
    let mut left = String::with_capacity(words.len());
    while let Some((head, tail)) = rest.split_once('<') {
        let Some((_, after)) = tail.split_once('>') else { break };
        left.push_str(head);
        left.push_str("<x>");
        rest = after;
    }
    left.push_str(rest);
    let word = |word: &str| if word.contains('@') { "x".to_owned() } else { word.to_owned() };
    left.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(words: &str, command: &str) -> Extent {
        Extent::of(&format!("host relay.test[192.0.2.1] said: {words} (in reply to {command} command)"))
    }

    #[test]
    fn what_the_host_or_its_login_meets_is_about_all_mail() {
        for reason in [
            "connect to relay.test[192.0.2.1]:587: Connection refused",
            "connect to relay.test[192.0.2.1]:587: Connection timed out",
            "Host or domain name not found. Name service error for name=relay.test type=AAAA: Host not found",
            "SASL authentication failed; server relay.test[192.0.2.1] said: 535 5.7.8 no",
            "TLS is required, but was not offered by host relay.test[192.0.2.1]",
            "words that Postfix has not had before",
        ] {
            assert_eq!(Extent::of(reason), Extent::All, "{reason}");
        }
        assert_eq!(said("550 5.7.57 Client not authenticated", "MAIL FROM"), Extent::All);
        assert_eq!(said("550 go away", "EHLO"), Extent::All);
        assert_eq!(said("554 5.7.1 <o@x>: Relay access denied", "RCPT TO"), Extent::Domain);
    }

    #[test]
    fn what_any_user_can_bring_about_is_about_that_message_or_its_sender() {
        for (words, command, extent) in [
            ("553 5.7.1 <u@h>: Sender address rejected: not owned by user", "MAIL FROM", Extent::Sender),
            ("553 5.7.1 <u@h>: Sender address rejected: not owned by user", "RCPT TO", Extent::Sender),
            ("550 the moon is in the wrong phase", "MAIL FROM", Extent::Sender),
            ("550 the moon is in the wrong phase", "RCPT TO", Extent::Message),
            ("554 I do not like this", "end of DATA", Extent::Message),
            ("550 5.1.1 <o@x>: User unknown", "RCPT TO", Extent::Message),
            ("552 5.3.4 message too long", "MAIL FROM", Extent::Message),
            ("552 5.2.2 user is over quota", "RCPT TO", Extent::Message),
            ("550 5.4.5 Daily user sending limit exceeded", "RCPT TO", Extent::Domain),
            ("450 4.2.0 <o@x>: Greylisted", "RCPT TO", Extent::Later),
            ("451 4.9.9 the moon", "MAIL FROM", Extent::Later),
        ] {
            assert_eq!(said(words, command), extent, "{words} {command}");
        }
        assert_eq!(Extent::of("mail transport unavailable"), Extent::Message);
        let greeting = "host r[1] refused to talk to me: 421 4.3.2 mail transport unavailable";
        assert!(is_unserved("mail transport unavailable") && !is_unserved(greeting));
    }

    /// A refusal repeats the addresses, which can have any words.
    #[test]
    fn the_words_of_an_address_are_nobodys() {
        for words in [
            r#"550 5.1.1 <"535 5.7.8 Authentication failed"@x>: User unknown"#,
            r#"550 5.1.1 <"relay access denied"@x>: User unknown"#,
            "550 5.1.1 5.7.57@x: User unknown",
            r#"550 <"Client host blocked using x"@x> no"#,
        ] {
            assert_eq!(said(words, "RCPT TO"), Extent::Message, "{words}");
        }
    }
}
