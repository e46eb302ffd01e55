//! A message that came back after the relay had accepted it: the report on it (RFC 3464), as it lies in the mailbox of its
//! sender.

use super::letter::{Letter, Sent};
use crate::model::causes::failure::{ASK, Failure};
use crate::model::log::Reader as _;
use crate::model::log::follow::{Follower, Question};
use crate::model::log::paste::Paste;
use crate::model::log::report::{Owner, Report};
use crate::model::log::stamp::Calendar;
use crate::model::text::plain;

/// The failure that a message in the sender's mailbox tells of the test message; `None` if it is no report on it. Anybody may
/// write to that mailbox, but only who has seen the test message knows its Message-ID.
pub fn read(bytes: &[u8], sent: &Sent, to: &str, calendar: &Calendar) -> Option<Failure> {
    let text = String::from_utf8_lossy(bytes);
    // A copy of the test message itself is no report.
    let is_report =
        text.contains(&sent.message_id) && has_failed(&text) && Letter::read(bytes, sent).is_none();
    if !is_report {
        return None;
    }
    let mut follower = Follower::new(Question::default());
    let mut paste = Paste::new(&mut follower);
    paste.source(calendar.clone());
    paste.feed(text.as_bytes());
    paste.end();
    let report = Report::new(&follower, &Owner { names: Vec::new(), strict: false });
    let failure = report.failures.into_iter().next()?;
    let is_known = failure.cause.id != "unknown";
    let why = if is_known { plain(&failure.cause.cause) } else { format!("\"{}\"", plain(&failure.words)) };
    let cause = format!("the relay accepted the message to {}, and it came back: {why}", plain(to));
    let remedy = if is_known { failure.cause.remedy } else { ASK.into() };
    Some(Failure::new(false, "came-back", cause, remedy, vec![failure.words]))
}

/// Whether it is a report of a failure by its form (RFC 3464 §2.3.3): one that the message is only late (`delayed`) is none.
fn has_failed(text: &str) -> bool {
    let lines = || text.lines().map(str::to_ascii_lowercase);
    lines().any(|line| line.contains("multipart/report"))
        && lines().any(|line| line.strip_prefix("action:").is_some_and(|action| action.trim() == "failed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1.abc@host.example.com";
    const REPORT: &str = include_str!("returned.eml");

    fn read(text: &str) -> Option<Failure> {
        let sent = Sent { message_id: ID.into(), body: "x".into(), at: 0 };
        super::read(text.as_bytes(), &sent, "ops@example.com", &Calendar::utc(1_800_000_000))
    }

    #[test]
    fn a_report_on_the_message_tells_the_reason() {
        let failure = read(REPORT).unwrap();
        assert_eq!(failure.id, "came-back");
        assert!(
            failure
                .cause
                .starts_with("the relay accepted the message to ops@example.com, and it came back: ")
        );
        assert!(!failure.cause.contains("unknown:") && !failure.remedy.to_string().is_empty(), "{failure:?}");
        assert!(failure.evidence[0].contains("User unknown"), "{failure:?}");
    }

    #[test]
    fn what_is_no_report_on_it_tells_nothing() {
        assert!(read(&REPORT.replace(ID, "2.abc@host.example.com")).is_none());
        assert!(read(&format!("Message-ID: <{ID}>\nSubject: test\n\n550 5.1.1 User unknown\n")).is_none());
        assert!(read(&format!("Subject: Re: test\nIn-Reply-To: <{ID}>\n\nThanks, it is here.\n")).is_none());
        assert!(read("").is_none());
        assert!(read(&REPORT.replace("Action: failed", "Action: delayed")).is_none());
        assert!(read(&REPORT.replace("multipart/report", "multipart/mixed")).is_none());
    }
}
