//! Tells the speakers in a line of evidence apart. A daemon of this host writes the line, and repeats in it a stranger's
//! words: the relay, a name server, a certificate, whoever wrote the message. A stranger's words must never be read as
//! if they were the daemon's.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::model::log::event::split_queue_id;
use crate::model::log::line::{Line, Writer};
use crate::model::log::strangers::{RELAY_AFTER, STRANGER_AFTER, STRANGER_FROM};

/// The marks after which a stranger's words follow.
static MARKS: LazyLock<AhoCorasick> = LazyLock::new(marks);

#[expect(clippy::unwrap_used, reason = "few words; every test of the catalogue needs it")]
fn marks() -> AhoCorasick {
    let kind = Some(AhoCorasickKind::ContiguousNFA);
    AhoCorasick::builder().kind(kind).prefilter(false).build(STRANGER_AFTER).unwrap()
}

/// The speaker whose words a pattern of the catalogue reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Speaker {
    /// A stranger's words, with the daemon's sentence round them.
    Stranger,
    /// The own words of a Postfix program.
    Daemon,
    /// The system's own words.
    System,
}

/// A line, without time, host and name of the program.
#[derive(Debug, Clone, Copy)]
pub struct Words<'a> {
    writer: Writer,
    text: &'a str,
    /// The end of the writer's own words: after it, a stranger's follow to the end of the line.
    own: usize,
}

impl<'a> Words<'a> {
    /// A line that a daemon of Postfix wrote, or would have written.
    pub fn of_daemon(text: &'a str) -> Self {
        // The queue id does not matter here.
        let text = split_queue_id(text).map_or(text, |(_, rest)| rest);
        // The search ends with the mark whose end comes first.
        let after = MARKS.find(text).map(|mark| mark.end());
        let begin = STRANGER_FROM.iter().filter(|mark| text.starts_with(**mark)).map(|mark| mark.len());
        let own = after.into_iter().chain(begin).min().unwrap_or(text.len());
        Self { writer: Writer::Daemon, text, own }
    }

    /// The address to which smtp(8) says that it could not connect (smtp_connect.c).
    pub fn address(&self) -> Option<&'a str> {
        let (_, rest) = self.text.get(..self.own)?.split_once("connect to ")?;
        let (address, _) = rest.split_once('[')?.1.split_once("]:")?;
        Some(address).filter(|_| self.writer == Writer::Daemon)
    }

    /// A line of a log; `text` is the part of it that counts.
    pub fn of_line(line: &Line, text: &'a str) -> Self {
        match line.writer {
            Writer::Daemon => Self::of_daemon(text),
            Writer::System => Self { writer: Writer::System, text, own: text.len() },
        }
    }

    /// Whether the stranger whose words follow is the relay.
    pub fn is_of_relay(self) -> bool {
        self.writer == Writer::Daemon
            && self.text.get(..self.own).is_some_and(|own| RELAY_AFTER.iter().any(|mark| own.ends_with(mark)))
    }

    /// The part of the line that this speaker's patterns may read; `None` if the speaker has no word in it.
    pub fn read_as(self, speaker: Speaker) -> Option<&'a str> {
        match speaker {
            Speaker::Stranger => (self.own < self.text.len()).then_some(self.text),
            Speaker::Daemon => self.text.get(..self.own).filter(|_| self.writer == Writer::Daemon),
            Speaker::System => self.text.get(..self.own).filter(|_| self.writer == Writer::System),
        }
    }
}

impl<'a> From<&'a str> for Words<'a> {
    fn from(text: &'a str) -> Self {
        Self::of_daemon(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemons_own_words_end_where_a_strangers_begin() {
        for (text, own) in [
            ("host r[1] said: 550 fatal: x (in reply to RCPT TO command)", "host r[1] said: "),
            (
                "4Bd2c1x0z: host r[1] refused to talk to me: 554 x said: y",
                "host r[1] refused to talk to me: ",
            ),
            (
                "certificate verification failed for r[1]:25: untrusted issuer /CN=self-signed certificate",
                "certificate verification failed for r[1]:25: untrusted issuer ",
            ),
            (
                "warning: valid_hostname: misplaced delimiter: unable to dlopen x: ",
                "warning: valid_hostname: ",
            ),
            ("Domain fatal: x does not accept mail (nullMX)", "Domain "),
            (
                "warning: connect to transport private/x: Connection refused",
                "warning: connect to transport private/x: Connection refused",
            ),
        ] {
            let words = Words::of_daemon(text);
            assert_eq!(words.read_as(Speaker::Daemon), Some(own));
            assert_eq!(words.read_as(Speaker::System), None);
            assert_eq!(words.read_as(Speaker::Stranger).is_some(), !text.ends_with(own), "{text}");
        }
    }
}
