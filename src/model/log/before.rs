//! Looks up what qmgr(8) logged of a message before a given line. Only the end of the text read so far is remembered.

use memchr::memmem;

/// Bytes before a line in which qmgr(8)'s line is looked for.
const BACK: usize = 64 * 1024;

/// The text before a line.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// Its part in the block of lines that is being read.
    pub here: &'a [u8],
    /// The end of the blocks before.
    pub earlier: &'a [u8],
}

impl Before<'_> {
    /// The envelope sender, which qmgr(8) logs when it takes the message up; empty if that line is not there.
    pub fn sender_of(self, queue_id: &str) -> String {
        let needle = format!("{queue_id}: from=<");
        let found = |text: &[u8]| {
            let rest = text.get(memmem::rfind(text, needle.as_bytes())? + needle.len()..)?;
            let end = memmem::find(rest, b">").unwrap_or_default();
            Some(String::from_utf8_lossy(rest.get(..end)?).into_owned())
        };
        found(self.here).or_else(|| found(self.earlier)).unwrap_or_default()
    }

    /// The same; `None` if that line is not there.
    pub fn known_sender_of(self, queue_id: &str) -> Option<String> {
        Some(self.sender_of(queue_id)).filter(|sender| !sender.is_empty() || self.is_bounce(queue_id))
    }

    /// Whether qmgr(8) has taken the message up with the null sender.
    pub fn is_bounce(self, queue_id: &str) -> bool {
        self.has(&format!("{queue_id}: from=<>,"))
    }

    /// Whether it is a probe of an address (`address_verify_sender`; `double_bounce_sender` by default).
    pub fn is_probe(self, queue_id: &str) -> bool {
        self.has(&format!("{queue_id}: from=<double-bounce@"))
    }

    fn has(self, needle: &str) -> bool {
        [self.here, self.earlier].iter().any(|text| memmem::rfind(text, needle.as_bytes()).is_some())
    }
}

/// The end of the blocks that were read before: qmgr(8)'s line about a message may stand there.
#[derive(Debug, Default)]
pub struct Tail(Vec<u8>);

impl Tail {
    /// The text before a line: this end, and `here`, the part of the line's own block.
    pub fn before<'a>(&'a self, here: &'a [u8]) -> Before<'a> {
        let here = last_of(here, BACK);
        Before { here, earlier: last_of(&self.0, BACK - here.len()) }
    }

    /// The end after another block was read.
    #[must_use]
    pub fn then(mut self, block: &[u8]) -> Self {
        let end = last_of(block, BACK);
        let kept = last_of(&self.0, BACK - end.len()).len();
        self.0.drain(..self.0.len() - kept);
        self.0.extend_from_slice(end);
        self
    }
}

/// The last bytes, at most `most` of them.
fn last_of(bytes: &[u8], most: usize) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(most)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_is_the_one_of_this_message() {
        let text =
            b"x postfix/qmgr[1]: AB12C: from=<a@b>, size=1\nx postfix/qmgr[1]: AB12D: from=<>, size=1\n";
        for before in [Before { here: text, earlier: b"" }, Before { here: b"", earlier: text }] {
            assert_eq!(before.sender_of("AB12C"), "a@b");
            assert_eq!((before.is_bounce("AB12C"), before.is_bounce("AB12D")), (false, true));
            assert_eq!((before.sender_of("AB12E"), before.is_bounce("AB12E")), (String::new(), false));
        }
    }

    #[test]
    fn of_all_that_was_read_the_end_is_known_wherever_the_blocks_end() {
        let all: Vec<u8> = (0..u8::MAX).cycle().take(3 * BACK).collect();
        for size in [1, 7, 1000, BACK - 1, BACK, BACK + 1, 2 * BACK] {
            let tail = all.chunks(size).fold(Tail::default(), Tail::then);
            let before = tail.before(b"here");
            assert_eq!(
                [before.earlier, before.here].concat(),
                [&all[2 * BACK + 4..], b"here"].concat(),
                "{size}"
            );
        }
    }
}
