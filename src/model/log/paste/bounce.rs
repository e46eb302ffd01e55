//! A bounce message: the fields of its delivery status (RFC 3464), and the text part that Postfix's bounce(8) writes. Both
//! say the same of a recipient, and the text says more: which host replied, and to which command.

use super::part::{find, line_of};
use super::piece::{Piece, attempt};
use super::{bare, reply};
use crate::model::log::event::split_queue_id;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::text::clipped;

/// Most bytes of a field or of a paragraph.
const MOST: usize = 8192;
/// Most recipients of one message.
const RECIPIENTS: usize = 1000;

/// Fields that are read, as they are in the file but for case.
const FIELDS: [&str; 12] = [
    "reporting-mta",
    "x-postfix-queue-id",
    "arrival-date",
    "final-recipient",
    "original-recipient",
    "action",
    "status",
    "remote-mta",
    "diagnostic-code",
    "last-attempt-date",
    "x-postfix-sender",
    "will-retry-until",
];
/// Sentences that only a bounce has (bounce(5), Exchange, other systems).
const MARKS: [&str; 8] = [
    "This is the mail system at host ",
    "Content-Type: multipart/report",
    "Content-Type: message/delivery-status",
    "report-type=delivery-status",
    "Diagnostic information for administrators",
    "Delivery has failed to these recipients",
    "The mail system",
    "The following addresses had permanent fatal errors",
];

/// The fields of one recipient.
#[derive(Debug, Default)]
struct Status {
    to: String,
    action: String,
    code: String,
    remote: String,
    diagnosis: String,
}

/// Reader of bounces.
#[derive(Debug, Default)]
pub struct Bounce {
    /// Whether a mark of a bounce was seen.
    pub is_mail: bool,
    host: String,
    queue_id: String,
    arrived: Option<Seconds>,
    status: Status,
    field: Option<(String, String)>,
    /// A paragraph of the text part: recipient and reason.
    paragraph: Option<(String, String)>,
    /// What the text part said of recipients.
    told: Vec<(String, String)>,
    /// Whether the status of a recipient was read since the message began.
    has_status: bool,
    /// What stands between the parts of the report, and whether this is the part with the message that came back: whoever
    /// wrote that chose its words.
    boundary: String,
    is_returned: bool,
    /// What was read and not taken yet.
    pub pieces: Vec<(Piece, Option<Seconds>)>,
}

impl Bounce {
    /// Takes a line. True if it is part of a bounce.
    pub fn take(&mut self, text: &str, calendar: &Calendar) -> bool {
        let trimmed = text.trim_start();
        self.is_mail |= MARKS.iter().any(|mark| trimmed.starts_with(mark))
            || trimmed.starts_with("Your message to ") && trimmed.contains(" couldn't be delivered");
        if self.in_returned(text) {
            self.end_field(calendar);
            self.end_paragraph();
            self.end_recipient();
            return true;
        }
        if text.trim().is_empty() {
            self.end_field(calendar);
            self.end_paragraph();
            self.end_recipient();
            return false;
        }
        if text.starts_with([' ', '\t']) {
            // A line of a log that is indented in a ticket.
            if !self.is_mail && find(text).is_some() {
                self.end_field(calendar);
                self.end_paragraph();
                return false;
            }
            let open = self.field.as_mut().or(self.paragraph.as_mut());
            let Some((_, value)) = open else { return false };
            if value.len() < MOST {
                value.push(' ');
                value.push_str(clipped(text.trim(), MOST));
            }
            return true;
        }
        self.end_field(calendar);
        self.end_paragraph();
        // The next message of an mbox file.
        if text.starts_with("From ") && (self.has_status || !self.told.is_empty()) {
            self.finish();
        }
        if let Some((name, value)) = text.split_once(':') {
            let name = name.to_ascii_lowercase();
            if FIELDS.contains(&name.as_str()) {
                self.field = Some((name, clipped(value.trim(), MOST).to_owned()));
                return true;
            }
        }
        self.paragraph = paragraph(text);
        self.paragraph.is_some()
    }

    /// Whether a line is of the message that came back, which is no evidence.
    fn in_returned(&mut self, text: &str) -> bool {
        if self.boundary.is_empty()
            && let Some((_, rest)) = text.split_once("boundary=\"")
        {
            rest.split('"').next().unwrap_or_default().clone_into(&mut self.boundary);
        }
        let is_end = !self.boundary.is_empty()
            && text
                .strip_prefix("--")
                .is_some_and(|rest| rest.trim_end().trim_end_matches("--") == self.boundary);
        let lower = clipped(text, 60).to_ascii_lowercase();
        let begins = [
            "content-type: message/rfc822",
            "content-type: text/rfc822-headers",
            "original message headers:",
        ];
        if is_end || text.starts_with("From ") {
            self.is_returned = false;
        } else if self.is_mail && begins.iter().any(|begin| lower.starts_with(begin)) {
            self.is_returned = true;
        }
        self.is_returned
    }

    fn end_field(&mut self, calendar: &Calendar) {
        let Some((name, value)) = self.field.take() else { return };
        // `dns; host`, `rfc822; address`
        let typed = || value.split_once(';').map_or(value.as_str(), |(_, value)| value.trim()).to_owned();
        match name.as_str() {
            "reporting-mta" => {
                if self.has_status {
                    self.finish();
                }
                self.host = typed();
            }
            "x-postfix-queue-id" => self.queue_id = value,
            "arrival-date" => self.arrived = calendar.read_any(&value).map(|(stamp, _)| stamp.time),
            "final-recipient" => {
                self.end_recipient();
                typed().trim_matches(['<', '>']).clone_into(&mut self.status.to);
            }
            "action" => self.status.action = value,
            "status" => self.status.code = value,
            "remote-mta" => self.status.remote = typed(),
            "diagnostic-code" => self.status.diagnosis = value,
            _ => {}
        }
    }

    fn end_recipient(&mut self) {
        if self.status.to.is_empty() || (self.status.diagnosis.is_empty() && self.status.code.is_empty()) {
            return;
        }
        let Status { to, action, code, remote, diagnosis } = std::mem::take(&mut self.status);
        if !["failed", "delayed"].iter().any(|word| action.to_ascii_lowercase().starts_with(word)) {
            return;
        }
        (self.is_mail, self.has_status) = (true, true);
        let (kind, words) = diagnosis.split_once(';').unwrap_or(("", &diagnosis));
        let words = words.trim();
        let remote = if remote.is_empty() { "relay" } else { remote.as_str() };
        let own = self.told.iter().position(|(known, _)| known.eq_ignore_ascii_case(&to));
        let words = match own {
            Some(at) => self.told.swap_remove(at).1,
            None if kind.eq_ignore_ascii_case("smtp") => reply::said(remote, words),
            None if words.is_empty() => format!("host {remote} said: {}", code.trim()),
            None => words.to_owned(),
        };
        let status = if action.to_ascii_lowercase().starts_with("failed") { "bounced" } else { "deferred" };
        let piece = if split_queue_id(&format!("{}: x", self.queue_id)).is_some() {
            let to = to.replace(['<', '>'], "");
            let text = format!(
                "{}: to=<{to}>, relay=none, delay=0, delays=0/0/0/0, dsn=5.0.0, status={status} ({words})",
                self.queue_id
            );
            let host = Some(self.host.as_str()).filter(|host| crate::model::log::head::is_host(host));
            Piece::Line(line_of(self.arrived, host, "smtp", 0, &text))
        } else {
            Piece::Attempt(Box::new(attempt(&to, &words)))
        };
        self.pieces.push((piece, self.arrived));
    }

    fn end_paragraph(&mut self) {
        let Some((to, words)) = self.paragraph.take() else { return };
        let Some(Piece::Attempt(read)) = bare::read(&words) else { return };
        if self.told.len() < RECIPIENTS {
            self.told.push((to, read.reason));
        }
    }

    /// Ends a message. What its text part says of a recipient counts alone where the status does not name that recipient.
    pub fn finish(&mut self) {
        self.end_recipient();
        // A field that somebody has quoted alone.
        let Status { action, diagnosis, .. } = std::mem::take(&mut self.status);
        let words = diagnosis.split_once(';').map_or("", |(_, words)| words.trim());
        if ["", "failed", "delayed"].contains(&action.to_ascii_lowercase().as_str()) && reply::is_reply(words)
        {
            self.pieces.push((reply::of_reply("relay", words), self.arrived));
        }
        for (to, words) in std::mem::take(&mut self.told) {
            self.pieces.push((Piece::Attempt(Box::new(attempt(&to, &words))), self.arrived));
        }
        (self.queue_id, self.host, self.arrived, self.has_status) = Default::default();
        self.boundary.clear();
    }

    /// Ends the input.
    pub fn end(&mut self, calendar: &Calendar) {
        self.end_field(calendar);
        self.end_paragraph();
        self.finish();
    }
}

/// `<address>: reason`, also `<address> (expanded from <address>): reason`.
fn paragraph(text: &str) -> Option<(String, String)> {
    let (to, rest) = text.strip_prefix('<')?.split_once('>')?;
    let rest = if rest.starts_with(" (expanded from ") {
        rest.split_once("): ")?.1
    } else {
        rest.strip_prefix(':')?
    };
    // A transcript's `<~* 553 5.7.1 <a@b>: …` is none.
    (!to.contains(['<', ' ']) || to.starts_with('"'))
        .then(|| (to.to_owned(), clipped(rest.trim(), MOST).to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T08:00:00Z
    const NOW: i64 = 1_795_507_200;

    const TEXT: &str = "This is the mail system at host mon1.example.com.\n\n\
        I'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n\
        <ops@example.com>: host r[192.0.2.1] said: 550 5.7.1\n    relaying denied (in reply to RCPT TO command)\n\n";
    const STATUS: &str = "Reporting-MTA: dns; mon1.example.com\nX-Postfix-Queue-ID: 0A1B2C3D4E\n\
        Arrival-Date: Tue, 24 Nov 2026 09:00:00 +0100 (CET)\n\n\
        Final-Recipient: rfc822; ops@example.com\nAction: failed\nStatus: 5.7.1\nRemote-MTA: dns; r\n\
        Diagnostic-Code: smtp; 550 5.7.1\n    relaying denied\n\n";

    fn read(text: &str) -> Vec<Piece> {
        let mut bounce = Bounce::default();
        for line in text.lines() {
            bounce.take(line, &Calendar::utc(NOW));
        }
        bounce.end(&Calendar::utc(NOW));
        bounce.pieces.into_iter().map(|(piece, _)| piece).collect()
    }

    fn line(reason: &str) -> Piece {
        Piece::Line(format!(
            "1795507200.0 mon1.example.com postfix/smtp[0]: 0A1B2C3D4E: to=<ops@example.com>, relay=none, delay=0, delays=0/0/0/0, dsn=5.0.0, status=bounced ({reason})"
        ))
    }

    #[test]
    fn each_recipient_counts_once() {
        let own = "host r[192.0.2.1] said: 550 5.7.1 relaying denied (in reply to RCPT TO command)";
        assert_eq!(read(&format!("{TEXT}{STATUS}")), [line(own)]);
        assert_eq!(read(STATUS), [line("host r said: 550 5.7.1 relaying denied")]);
        assert_eq!(read(TEXT), [Piece::Attempt(Box::new(attempt("ops@example.com", own)))]);
        let other = STATUS.replace("X-Postfix-Queue-ID: 0A1B2C3D4E\n", "").replace("rfc822; ", "rfc822;");
        assert_eq!(
            read(&other),
            [Piece::Attempt(Box::new(attempt("ops@example.com", "host r said: 550 5.7.1 relaying denied")))]
        );
        let mbox = format!("{STATUS}From x\n{}", STATUS.replace("0A1B2C3D4E", "0A1B2C3D4F"));
        assert_eq!(read(&mbox).len(), 2);
    }

    #[test]
    fn a_field_alone_and_what_arrived() {
        assert_eq!(read(&STATUS.replace("failed", "relayed")), []);
        let alone = "Status: 5.7.1\nDiagnostic-Code: smtp; 550 5.7.1\n relaying denied\n";
        let reasons: Vec<_> = read(alone).into_iter().filter_map(Piece::reason).collect();
        assert_eq!(reasons, ["host relay said: 550 5.7.1 relaying denied"]);
        assert_eq!(read("Action: relayed\nDiagnostic-Code: smtp; 550 5.7.1 no\n"), []);
        assert_eq!(read("<a@b>: I saw this\n\nStatus: good\nAction: none\n"), []);
    }
}
