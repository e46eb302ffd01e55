//! How far an attempt got. smtp(8) tries the addresses of a relay one after the other, logs why it gave each up, and repeats
//! in the record of the attempt the reason of the last one, which need not be the one that tells most: a login that was
//! refused by IPv4 stands before `Network is unreachable` by IPv6.

use super::event::split_queue_id;
use super::sentences::{stage_by_beginning, stage_by_doing};
use crate::model::causes::catalogue::Stage;

/// The stage at which Postfix gave a message or an address up, by its words for that (smtp_connect.c, smtp_proto.c,
/// smtp_trouble.c, smtp_sasl_glue.c, qmgr_deliver.c).
pub fn stage_of(words: &str) -> Option<Stage> {
    if words.contains("mail transport") {
        return Some(Stage::Queue);
    }
    let is_reply = words.starts_with("host ") && words.contains(" said: ");
    let doing = if is_reply { words.rsplit_once("(in reply to ") } else { words.rsplit_once(" while ") };
    match doing {
        Some((_, doing))
            if is_reply || words.contains("onnection with ") || words.contains("onversation with ") =>
        {
            stage_by_doing(doing)
        }
        // A reply that does not say what it is a reply to is about the message.
        None if is_reply => Some(Stage::Message),
        _ => stage_by_beginning(words),
    }
}

/// What was said of one address of a relay.
#[derive(Debug)]
pub struct Address<'a> {
    /// How far the attempt got there, if that is known.
    pub stage: Option<Stage>,
    /// The reason why it was given up, then what the process said before that.
    pub lines: Vec<&'a str>,
}

impl<'a> Address<'a> {
    /// The address that was tried last. `words`: the reason of the attempt; `before`: what the process said of it before.
    pub fn last(words: &'a str, mut before: Vec<&'a str>) -> Self {
        before.insert(0, words);
        Self { stage: stage_of(words), lines: before }
    }
}

/// The addresses that a process has given up, in the order in which it tried them, and what it said after the last of these.
pub fn addresses<'a>(said: impl Iterator<Item = &'a str>) -> (Vec<Address<'a>>, Vec<&'a str>) {
    let (mut addresses, mut lines) = (Vec::new(), Vec::new());
    for line in said {
        match end_of_address(line) {
            None => lines.push(line),
            Some((stage, reason)) => {
                lines.insert(0, reason);
                addresses.push(Address { stage: Some(stage), lines: std::mem::take(&mut lines) });
            }
        }
    }
    (addresses, lines)
}

/// Of what was said of the addresses of one relay, that of those at which the attempt got furthest, the last one first: all of it,
/// if the stage of one is not known.
pub fn furthest(addresses: Vec<Address<'_>>) -> Vec<&str> {
    let is_known = addresses.iter().all(|address| address.stage.is_some());
    let top = addresses.iter().map(|address| address.stage).max().flatten();
    let counts = |address: &Address| !is_known || address.stage == top;
    let kept = addresses.into_iter().rev().filter(counts).flat_map(|address| address.lines);
    let mut seen = std::collections::HashSet::new();
    kept.filter(|line| seen.insert(*line)).collect()
}

/// The stage at which an address was given up, and the reason, if the line reports that.
fn end_of_address(line: &str) -> Option<(Stage, &str)> {
    if line.starts_with("connect to ") {
        return Some((Stage::Connect, line));
    }
    let (_, reason) = split_queue_id(line)?;
    let is_of_relay = |stage: &Stage| *stage >= Stage::Connect;
    stage_of(reason).filter(is_of_relay).map(|stage| (stage, reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_is_the_one_that_postfix_names() {
        for (words, stage) in [
            ("connect to r[192.0.2.1]:587: Connection refused", Stage::Connect),
            ("host r[192.0.2.1] refused to talk to me: 554 no", Stage::Greeting),
            (
                "lost connection with r[192.0.2.1] while receiving the initial server greeting",
                Stage::Greeting,
            ),
            ("conversation with r[192.0.2.1] timed out while sending MAIL FROM", Stage::Sender),
            ("Cannot start TLS: handshake failure", Stage::Tls),
            ("TLS is required, but was not offered by host r[192.0.2.1]", Stage::Tls),
            ("SASL authentication failed; server r[192.0.2.1] said: 535 5.7.8 while sleeping", Stage::Login),
            (
                "host r[192.0.2.1] said: 550 5.7.1 no (in reply to DATA) x (in reply to MAIL FROM command)",
                Stage::Sender,
            ),
            ("host r[192.0.2.1] said: 550 5.1.1 no TLS here (in reply to RCPT TO command)", Stage::Recipient),
            ("host r[192.0.2.1] said: 550 5.1.1 no (in reply to end of DATA command)", Stage::Message),
            (
                "Host or domain name not found. Name service error for name=r type=A: Host not found",
                Stage::Dns,
            ),
            ("unknown mail transport error", Stage::Queue),
        ] {
            assert_eq!(stage_of(words), Some(stage), "{words}");
        }
        assert_eq!(stage_of("local data error while talking to r[192.0.2.1]"), None);
    }

    fn furthest<'a>(words: &'a str, said: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
        let (mut all, before) = addresses(said);
        all.push(Address::last(words, before));
        super::furthest(all)
    }

    #[test]
    fn the_address_counts_at_which_it_got_furthest() {
        let refused = "4Bd2c1x0z: SASL authentication failed; server r[192.0.2.1] said: 535 5.7.8 no";
        let unreachable = "connect to r[2001:db8::1]:587: Network is unreachable";
        let kept = furthest(unreachable, [refused, unreachable].into_iter());
        assert_eq!(kept, [refused.split_once(": ").unwrap().1]);
        // The other way round the last one counts, without what was before it.
        let said = refused.split_once(": ").unwrap().1;
        assert_eq!(furthest(said, [unreachable].into_iter()), [said]);
    }

    #[test]
    fn what_reached_the_same_stage_counts_together() {
        let (one, other) = (
            "connect to r[192.0.2.1]:25: Connection timed out",
            "connect to r[2001:db8::1]:25: Network is unreachable",
        );
        assert_eq!(furthest(other, [one, other].into_iter()), [other, one]);
        // Words of which the stage is not known leave all lines in.
        let words = "local data error while talking to r[192.0.2.1]";
        assert_eq!(
            furthest(words, [one, "error: open database /etc/x.db: No such file"].into_iter()).len(),
            3
        );
    }
}
