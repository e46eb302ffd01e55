//! What a log has before the line of an attempt: the sender, and what the same process said of the relays that it tried first.

use memchr::memmem;

use super::relay::Relay;
use crate::model::log::event::split_queue_id;
use crate::model::log::parse_line;
use crate::model::log::wrap::unwrap;
use crate::model::text::{clipped, masked};

/// How far before the line it is looked for, in bytes.
const NEAR: usize = 16 * 1024;
/// Most lines of the process that are kept: a relay has few addresses.
const LINES: usize = 8;
/// Bytes that are kept of each.
const WORDS: usize = 500;

/// What is in a block before a line that is a part of it.
fn before<'b>(line: &[u8], block: &'b [u8]) -> Option<&'b [u8]> {
    let end = (line.as_ptr() as usize).checked_sub(block.as_ptr() as usize)?;
    block.get(end.saturating_sub(NEAR)..end)
}

/// The sender of a message: qmgr(8) names it before each attempt, so the line stands before that of the failure. `line` is a
/// part of `block`.
pub(super) fn sender_of(queue_id: &str, line: &[u8], block: &[u8]) -> Option<String> {
    let before = before(line, block)?;
    let head = format!(" {queue_id}: from=<");
    let at = memmem::rfind(before, head.as_bytes())? + head.len();
    let (from, _) = before.get(at..)?.split_at_checked(memmem::find(before.get(at..)?, b">")?)?;
    Some(String::from_utf8_lossy(from).into_owned())
}

/// What a process of smtp(8) said of the relays for this message, before `line`, which is a part of `block`: the first words
/// first. What it said before the end of another attempt was about that one.
pub(super) fn said(pid: u32, queue_id: &str, line: &[u8], block: &[u8], relay: &Relay) -> Vec<String> {
    let (process, mut all) = (format!("smtp[{pid}]: "), Vec::new());
    let lines = before(line, block).unwrap_or_default().rsplit(|byte| *byte == b'\n');
    for bytes in lines.filter(|bytes| memmem::find(bytes, process.as_bytes()).is_some()) {
        let text = String::from_utf8_lossy(bytes);
        let text = unwrap(&text);
        let Some(line) = parse_line(&text).filter(|line| line.daemon == "smtp" && line.pid == pid) else {
            continue;
        };
        let (id, words) =
            split_queue_id(line.text).map_or((None, line.text), |(id, words)| (Some(id), words));
        if words.contains(" status=") {
            // Another recipient of the same attempt has a line too.
            if all.is_empty() && id == Some(queue_id) {
                continue;
            }
            break;
        }
        if id.is_none_or(|id| id == queue_id) && relay.is_one_named_in(words) {
            all.push(masked(clipped(words, WORDS)).into_owned());
        }
        if all.len() == LINES {
            break;
        }
    }
    all.reverse();
    all
}
