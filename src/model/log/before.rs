//! What qmgr(8) said of a message before a line of it: looked up in the block of lines that was read, not remembered.

use memchr::memmem;

/// The envelope sender, which qmgr(8) logs when it takes the message up.
pub fn sender_of(before: &[u8], queue_id: &str) -> String {
    let needle = format!("{queue_id}: from=<");
    let Some(at) = memmem::rfind(before, needle.as_bytes()) else { return String::new() };
    let rest = before.get(at + needle.len()..).unwrap_or_default();
    let end = memmem::find(rest, b">").unwrap_or_default();
    String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned()
}

/// Whether qmgr(8) has taken the message up with the null sender.
pub fn is_bounce(before: &[u8], queue_id: &str) -> bool {
    memmem::rfind(before, format!("{queue_id}: from=<>,").as_bytes()).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sender_is_the_one_of_this_message() {
        let before =
            b"x postfix/qmgr[1]: AB12C: from=<a@b>, size=1\nx postfix/qmgr[1]: AB12D: from=<>, size=1\n";
        assert_eq!(sender_of(before, "AB12C"), "a@b");
        assert_eq!((is_bounce(before, "AB12C"), is_bounce(before, "AB12D")), (false, true));
        assert_eq!((sender_of(before, "AB12E"), is_bounce(before, "AB12E")), (String::new(), false));
    }
}
