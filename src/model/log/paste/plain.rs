//! Tells a line of syslog from any other form, by few looks at it: most lines of most logs are of this form.

use memchr::{memchr, memmem};

use super::join::is_whole;
use super::mailer;
use super::part::find;
use crate::model::log::event::{MOST, split_queue_id};
use crate::model::log::line::parse_line;
use crate::model::log::stamp::Calendar;
use crate::model::log::wrap::unwrap;

/// Whether a line is `TIME HOST TAG: TEXT` of syslog, whole, and without another header in its text: the readers of a log
/// know it as it is.
pub fn is_plain(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let Some(rest) = after_stamp(line) else { return false };
    let Some((host, rest)) = word(rest) else { return false };
    let Some((tag, text)) = word(rest) else { return false };
    let Some(tag) = tag.strip_suffix(b":") else { return false };
    if host.is_empty() || memchr(0x1b, line).is_some() || memchr(b'\r', line).is_some() {
        return false;
    }
    let name = tag.split(|c| *c == b'[').next().unwrap_or_default();
    if memmem::find(text, b"postfix/").is_some()
        || memmem::find(text, b"/smtp[").is_some()
        || text.starts_with(b"[ID ")
        || text.starts_with(b"< ")
    {
        return false;
    }
    if !name.contains(&b'/') {
        return !std::str::from_utf8(name).is_ok_and(mailer::is_name);
    }
    let pid = tag.get(name.len() + 1..).and_then(|pid| pid.strip_suffix(b"]")).unwrap_or_default();
    let has_pid = !pid.is_empty() && pid.iter().all(u8::is_ascii_digit);
    has_pid && memmem::find(text, b"=3D").is_none() && is_record_or_none(text)
}

/// Whether a text is no record of an attempt, or a whole one.
fn is_record_or_none(text: &[u8]) -> bool {
    let Some(at) = memmem::find(text, b"to=<").filter(|_| memmem::find(text, b" status=").is_some()) else {
        return memmem::find(text, b": to=<").is_none();
    };
    let has_id = text.get(..at).is_some_and(|id| {
        id.strip_suffix(b": ").is_some_and(|id| (5..=MOST).contains(&id.len()) && id.is_ascii())
            && std::str::from_utf8(id).is_ok_and(|id| split_queue_id(id).is_some())
    });
    has_id && is_end(text)
}

/// The text after a stamp of RFC 3164 or of rsyslog, and a blank.
fn after_stamp(line: &[u8]) -> Option<&[u8]> {
    let is = |at: usize, byte: u8| line.get(at) == Some(&byte);
    if is(3, b' ')
        && is(6, b' ')
        && is(9, b':')
        && is(12, b':')
        && is(15, b' ')
        && line.first()?.is_ascii_uppercase()
    {
        return line.get(16..);
    }
    if is(4, b'-') && is(7, b'-') && is(10, b'T') && is(13, b':') && is(16, b':') {
        return word(line).map(|(_, rest)| rest);
    }
    None
}

fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b' ', text)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Whether a record may be whole: only the text after `status=` would tell.
fn is_end(text: &[u8]) -> bool {
    text.ends_with(b")") && std::str::from_utf8(text).is_ok_and(is_whole)
}

/// Whether the readers of a log know a line of another form as it is: of a container or in JSON.
pub fn is_read_anyway(raw: &[u8], calendar: &Calendar) -> bool {
    let raw = String::from_utf8_lossy(raw);
    let text = unwrap(raw.trim_end());
    match parse_line(&text) {
        Some(line) => {
            let same = find(&text)
                .is_some_and(|part| (part.daemon, part.pid, part.text) == (line.daemon, line.pid, line.text));
            same && line.when_and_where(calendar).0.is_some()
        }
        // Another program's, in JSON or with a stamp.
        None => {
            matches!(text, std::borrow::Cow::Owned(_))
                || calendar.read(&text).is_some() && find(&text).is_none()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn lines_of_syslog_and_others() {
        for line in [
            "Nov 24 08:00:00 h postfix/smtp[7]: ABCDE1: to=<a@b>, status=sent (250 ok)\n",
            "2026-11-24T08:00:00.1+01:00 h postfix/smtp[7]: warning: x",
            "Nov  4 08:00:00 h CROND[7]: (root) CMD (x)",
            "Nov  4 08:00:00 h kernel: x",
        ] {
            assert!(is_plain(line.as_bytes()), "{line}");
        }
        for line in [
            "",
            "Nov 24 08:00:00 h postfix/smtp[7]: ABCDE1: to=<a@b>, status=sent (250",
            "Nov 24 08:00:00 h postfix/smtp[7]: 66AA: to=<a@b>, relay=none, status=deferred (x)",
            "Nov 24 08:00:00 h postfix/smtp[7]: ABCDE1: to=3D<a@b>, relay=3Dnone",
            "Nov 24 08:00:00 h postfix/smtp[xxxx]: x",
            "Nov 24 08:00:00 h postfix/smtp: x",
            "Nov 24 08:00:00 h INFO postfix/smtp[7]: x",
            "Nov 4 08:00:00 h postfix/smtp[7]: x",
            "Nov 24 08:00:00 h podman[7]: Nov 24 08:00:00 c postfix/smtp[7]: x",
            "Nov 24 08:00:00 h sSMTP[7]: x",
            "Nov 24 08:00:00 h postfix/smtp[7]: [ID 1 mail.info] x",
            "> Nov 24 08:00:00 h postfix/smtp[7]: x",
            "Nov 24 08:00:00 h postfix/smtp[7]: \u{1b}[1mx",
            "Nov 24 08:00:00 h postfix/smtp[7]: x\r\n",
            "Nov 24 08:00:00 h postfix/smtp[7]: < r[192.0.2.1]:587: 530 5.7.0 x",
        ] {
            assert!(!is_plain(line.as_bytes()), "{line}");
        }
    }
}
