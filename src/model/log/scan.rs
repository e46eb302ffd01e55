//! Finds, in a block of whole log lines, the few that report trouble, by one vectorised search for all their words. Most
//! lines of a log are of messages that went well; the search skips those.

use aho_corasick::packed::{Config, MatchKind, Searcher};
use memchr::{memchr, memmem, memrchr};

/// Every line that matters has one of these. The search compares four bytes first, so no needle begins like a text that
/// every line has (`postfix`, `connection`).
const NEEDLES: [&str; 25] = [
    "status=",
    "warning: ",
    "fatal: ",
    "panic: ",
    "error: ",
    // lines of smtp(8) and its TLS code before the record of an attempt (smtp_connect.c, tls_client.c, tls_verify.c)
    "SSL_connect error",
    "certificate ",
    "ect to ",
    "wrappermode",
    "super[",
    // what smtp(8) says of one of several addresses (smtp_proto.c, smtp_trouble.c, smtp_sasl_glue.c); of the last one it
    // says it in the record alone
    " said: ",
    "refused to ",
    "Cannot start TLS",
    "TLS is req",
    "SASL auth",
    "n with ",
    // lines about a rule or a milter of this host (cleanup_message.c, cleanup_milter.c)
    "reject: ",
    // lines of the kernel, systemd, the journal and rsyslog about Postfix
    "avc: ",
    "ix.service",
    "Suppressed ",
    "imuxsock",
    // lines before a failure that says less: about a CA file, a firewall, login plugins
    "load Certificat",
    "PIX work",
    "dlopen",
    "xoauth2",
];

/// A line that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// Another host accepted a message for one recipient: the record up to `status=`, and the block from its line on.
    Accepted(&'a [u8], &'a [u8]),
    /// A line to be read, and the text before it in the block.
    Line(&'a [u8], &'a [u8]),
}

/// The compiled search.
#[derive(Debug)]
pub struct Scanner {
    needles: Searcher,
    /// Whether messages that went well are read as well.
    reads_all: bool,
    to: memmem::Finder<'static>,
}

impl Default for Scanner {
    fn default() -> Self {
        Self { needles: searcher(&NEEDLES), reads_all: false, to: memmem::Finder::new(": to=<") }
    }
}

#[expect(clippy::unwrap_used, reason = "few needles, none of them empty; every test of this file needs it")]
fn searcher(needles: &[&str]) -> Searcher {
    Config::new().match_kind(MatchKind::LeftmostFirst).builder().extend(needles).build().unwrap()
}

impl Scanner {
    /// A scanner that also finds every line of one message, even if it went well.
    pub fn of_message(queue_id: &str) -> Self {
        let needles: Vec<&str> =
            NEEDLES.into_iter().chain([queue_id]).filter(|needle| !needle.is_empty()).collect();
        Self { needles: searcher(&needles), reads_all: true, ..Self::default() }
    }

    /// Calls `on` for each line of `block` that matters, once, in order.
    pub fn scan<'a>(&self, block: &'a [u8], mut on: impl FnMut(Found<'a>)) {
        let mut at = 0;
        while let Some(found) = self.needles.find_in(block, (at..block.len()).into()) {
            let after = block.get(found.end()..).unwrap_or_default();
            let start = memrchr(b'\n', block.get(..found.start()).unwrap_or_default()).map_or(0, |at| at + 1);
            if !self.reads_all && found.pattern().as_usize() == 0 && after.first_chunk() == Some(b"sent (2") {
                // The rest of this line is the relay's reply; searching it is faster than finding its end.
                at = found.end();
                let record = block.get(start..found.start()).unwrap_or_default();
                on(Found::Accepted(record, block.get(start..).unwrap_or_default()));
                continue;
            }
            let end = memchr(b'\n', after).map_or(block.len(), |length| found.end() + length);
            at = end;
            let line = block.get(start..end).unwrap_or_default();
            on(Found::Line(line, block.get(..start).unwrap_or_default()));
        }
    }

    /// Queue id and recipient of the record of an attempt, and the text before them.
    pub fn message<'a>(&self, line: &'a [u8]) -> Option<Message<'a>> {
        let colon = self.to.find(line)?;
        let before = line.get(..colon)?;
        let start = before.iter().rposition(|c| !c.is_ascii_alphanumeric()).map_or(0, |at| at + 1);
        let rest = line.get(colon + 6..)?;
        Some(Message { head: before.get(..start)?, queue_id: before.get(start..)?, rest })
    }
}

/// The message that a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The line before the queue id.
    pub head: &'a [u8],
    /// Queue id.
    pub queue_id: &'a [u8],
    /// The line from the recipient on.
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    /// Recipient; empty if its end is not there.
    pub fn to(&self) -> &'a [u8] {
        self.rest.get(..memchr(b'>', self.rest).unwrap_or_default()).unwrap_or_default()
    }

    /// The process that wrote the record, if it is written in the line as syslog writes it.
    pub fn pid(&self) -> Option<u32> {
        let head = self.head.strip_suffix(b"]: ")?;
        let pid = head.get(memrchr(b'[', head)? + 1..)?;
        std::str::from_utf8(pid).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(block: &str) -> Vec<(bool, String)> {
        let mut all = Vec::new();
        Scanner::default().scan(block.as_bytes(), |found| {
            let (accepted, text) = match found {
                Found::Accepted(record, _) => (true, record),
                Found::Line(line, _) => (false, line),
            };
            all.push((accepted, String::from_utf8(text.to_vec()).unwrap()));
        });
        all
    }

    #[test]
    fn each_line_that_matters_comes_once() {
        let block = "a postfix/smtp[1]: A1: to=<a>, status=sent (250 ok, no warning: x)\n\
                     b nothing\n\
                     c postfix/smtp[1]: A1: to=<a>, status=deferred (connect to x: warning: status=)\n\
                     d warning: x\n\
                     e status=sent (delivered to mailbox)";
        let found = scan(block);
        // The reply of an accepted message may have a needle in it; the reader of that line finds no trouble in it.
        let lines: Vec<&str> = found.iter().map(|(_, text)| &text[..1]).collect();
        assert_eq!(lines, ["a", "a", "c", "d", "e"]);
        assert!(found[0].0 && !found[2].0 && found[4].1.ends_with("mailbox)"));
        assert_eq!(scan(""), []);
    }

    #[test]
    fn the_message_of_a_record() {
        let scanner = Scanner::default();
        let line = b"Nov 24 08:00:00 h postfix/smtp[421]: 4Bd2c1x0z: to=<a@b>, relay=";
        let message = scanner.message(line).unwrap();
        assert_eq!(
            (message.queue_id, message.to(), message.pid()),
            (&b"4Bd2c1x0z"[..], &b"a@b"[..], Some(421))
        );
        let json = br#"{"MESSAGE":"4Bd2c1x0z: to=<a@b>, relay="#;
        let message = scanner.message(json).unwrap();
        assert_eq!((message.queue_id, message.pid()), (&b"4Bd2c1x0z"[..], None));
        assert_eq!(scanner.message(b"to=<a>, to=<b>"), None);
        assert_eq!(scanner.message(b"A1: to=<b").unwrap().to(), b"");
    }
}
