//! Messages that wait in the queue: as `postqueue -j` prints them (since Postfix 3.1), or `postqueue -p`; and the
//! envelope of one, as `postcat -e` prints it.

use serde::{Deserialize, Deserializer};

use crate::model::log::stamp::{Calendar, Seconds};

/// A message in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Waiting {
    /// Queue id.
    pub queue_id: String,
    /// Envelope sender, before smtp_generic_maps; empty if it is not known.
    #[serde(default)]
    pub sender: String,
    /// Time of its arrival.
    #[serde(rename = "arrival_time")]
    pub arrived: Option<Seconds>,
    /// Whether an admin holds it.
    #[serde(rename = "queue_name", deserialize_with = "is_hold")]
    pub held: bool,
    /// Recipients to whom Postfix still has to deliver.
    #[serde(default)]
    pub recipients: Vec<Recipient>,
}

impl Waiting {
    /// Reason of the last failed attempt; empty if there was none. Of several recipients the first reason.
    pub fn reason(&self) -> &str {
        self.recipients
            .iter()
            .map(|one| one.reason.as_str())
            .find(|reason| !reason.is_empty())
            .unwrap_or_default()
    }
}

fn is_hold<'de, D: Deserializer<'de>>(queue_name: D) -> Result<bool, D::Error> {
    Ok(String::deserialize(queue_name)? == "hold")
}

/// A recipient to whom Postfix still has to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Recipient {
    /// Address, after aliases and other rewriting.
    pub address: String,
    /// Reason of the last failed attempt; empty if there was none.
    #[serde(default, rename = "delay_reason")]
    pub reason: String,
}

/// A recipient in a queue file, which has all of them until the message is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressee {
    /// Address, after aliases and other rewriting.
    pub address: String,
    /// Address as the sender gave it.
    pub original: String,
    /// Whether Postfix is done with it: the message was sent, or bounced.
    pub done: bool,
}

/// State of the queue file of one message. relayhost opens the file as soon as it is there, and keeps it open, so that
/// its last contents are known when it is gone: a delivery agent marks a recipient as done before qmgr(8) removes the
/// file (deliver_completed.c), and only root and Postfix can do that.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueFile {
    /// Whether the file is in the queue, under its name.
    pub there: bool,
    /// Its contents, or its last ones; `None` if the file disappeared before it could be opened.
    pub contents: Option<Contents>,
    /// The file in the maildrop that has the message, if Postfix gave it back.
    pub given_back: Option<String>,
}

/// Contents of a queue file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contents {
    /// cleanup(8) has not finished the file: it sets the owner's x bit when it has (mail_stream.c).
    Unfinished,
    /// All of its recipients.
    Of(Vec<Addressee>),
}

/// Parses `postcat -e` (rec_type.c has the names of the records; an original address comes before its recipient, and the
/// record of a recipient that is done has another name in the same place: deliver_completed.c).
pub fn parse_envelope(text: &str) -> Vec<Addressee> {
    let (mut all, mut original) = (Vec::new(), None);
    for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
        match name {
            "original_recipient" => original = Some(value),
            "recipient" | "done_recipient" => all.push(Addressee {
                address: value.to_owned(),
                original: original.take().unwrap_or(value).to_owned(),
                done: name == "done_recipient",
            }),
            "canceled_recipient" => original = None,
            _ => {}
        }
    }
    all
}

/// Parses one line of `postqueue -j`; `None` if the line is not one.
pub fn parse_json(line: &str) -> Option<Waiting> {
    serde_json::from_str(line).ok()
}

/// Parses `postqueue -p`, line by line.
#[derive(Debug, Default)]
pub struct Listing {
    last: Option<Waiting>,
    /// The reason of the recipients that follow.
    reason: String,
}

impl Listing {
    /// Takes a line. Returns the message before it, if the line begins the next one.
    pub fn line(&mut self, line: &str, calendar: &Calendar) -> Option<Waiting> {
        if let Some(reason) = line.trim_start().strip_prefix('(') {
            let reason = reason.trim_end();
            reason.strip_suffix(')').unwrap_or(reason).clone_into(&mut self.reason);
            // showq_compat.c: for a recipient without a reason, after one with a reason
            if self.reason == "reason unavailable" {
                self.reason.clear();
            }
            return None;
        }
        // Recipients stand below the sender, indented by the width of the columns before it.
        if let (Some(last), true) = (self.last.as_mut(), line.starts_with("                    ")) {
            let (address, reason) = (line.trim().to_owned(), self.reason.clone());
            last.recipients.push(Recipient { address, reason });
            return None;
        }
        let mut words = line.split_whitespace();
        let id = words.next().filter(|_| !line.starts_with([' ', '-']))?;
        words.next()?.parse::<u64>().ok()?;
        let date: Vec<&str> = words.skip(1).take(3).collect();
        let [month, day, time] = date.as_slice() else { return None };
        let text = format!("{month} {day:>2} {time}");
        let arrived = calendar.read(&text).map(|(stamp, _)| stamp.time);
        let sender = line.split_whitespace().nth(6).unwrap_or_default().to_owned();
        self.reason.clear();
        self.last.replace(Waiting {
            // `*`: it is under way; `!`: it is held (postqueue(1))
            queue_id: id.trim_end_matches(['*', '!', '#']).to_owned(),
            sender,
            arrived,
            held: id.contains('!'),
            recipients: Vec::new(),
        })
    }

    /// The last message.
    pub fn end(self) -> Option<Waiting> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let json = r#"{"queue_name": "hold", "queue_id": "0A1B2C3D4E", "arrival_time": 1795507200, "message_size": 1, "forced_expire": false, "sender": "a@b", "recipients": [{"address": "c@d"}, {"address": "e@f", "delay_reason": "connect to r[192.0.2.1]:587: Connection refused"}]}"#;
        let text = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n\
                    0A1B2C3D4E!    1234 Tue Nov 24 08:00:00  a@b\n\
                    \x20                                        c@d\n\
                    (connect to r[192.0.2.1]:587: Connection refused)\n\
                    \x20                                        e@f\n\n\
                    99999*         1 Mon Nov  2 08:00:00  MAILER-DAEMON\n\
                    \x20                                        e@f\n\n\
                    -- 2 Kbytes in 2 Requests.\n";
        let calendar = Calendar::utc(1_795_507_200);
        let mut listing = Listing::default();
        let mut all: Vec<Waiting> = text.lines().filter_map(|line| listing.line(line, &calendar)).collect();
        all.extend(listing.end());
        assert_eq!(all[0], parse_json(json).unwrap());
        assert_eq!((all.len(), all[1].queue_id.as_str(), all[1].held), (2, "99999", false));
        assert_eq!(parse_json("Mail system is down"), None);
    }
    #[test]
    fn each_recipient_has_its_own_reason() {
        let text = "0A1B2C3D4E     1234 Tue Nov 24 08:00:00  a@b\n\
                    \x20      (host r[192.0.2.1] said: 450 4.7.1 later (in reply to RCPT TO command))\n\
                    \x20                                        c@d\n\
                    \x20                                        e@f\n\
                    \x20                                                        (reason unavailable)\n\
                    \x20                                        g@h\n\n\
                    99999          1 Mon Nov  2 08:00:00  MAILER-DAEMON\n\
                    \x20                                        i@j\n";
        let mut listing = Listing::default();
        let calendar = Calendar::utc(1_795_507_200);
        let mut lines = text.lines();
        let first = lines.find_map(|line| listing.line(line, &calendar)).unwrap();
        assert_eq!(lines.find_map(|line| listing.line(line, &calendar)), None);
        let later = "host r[192.0.2.1] said: 450 4.7.1 later (in reply to RCPT TO command)";
        let reasons: Vec<_> =
            first.recipients.iter().map(|one| (one.address.as_str(), one.reason.as_str())).collect();
        assert_eq!(reasons, [("c@d", later), ("e@f", later), ("g@h", "")]);
        let last = listing.end().unwrap();
        assert_eq!(last.recipients, [Recipient { address: "i@j".into(), reason: String::new() }]);
    }

    #[test]
    fn an_envelope_says_who_is_done() {
        let text = "*** ENVELOPE RECORDS active/12D45DC ***\n\
                    message_size:             337             682               2               0             337               0\n\
                    sender: a@b\n\
                    named_attribute: dsn_orig_rcpt=rfc822;ops@example.com\n\
                    original_recipient: ops@example.com\n\
                    done_recipient: c@d\n\
                    original_recipient: archive@example.com\n\
                    recipient: archive@example.com\n\
                    *** MESSAGE CONTENTS active/12D45DC ***\n\
                    *** HEADER EXTRACTED active/12D45DC ***\n\
                    original_recipient: gone@example.com\n\
                    canceled_recipient: gone@example.com\n\
                    recipient: e@f\n\
                    *** MESSAGE FILE END active/12D45DC ***\n";
        let found: Vec<_> =
            parse_envelope(text).into_iter().map(|one| (one.address, one.original, one.done)).collect();
        let expected = [
            ("c@d", "ops@example.com", true),
            ("archive@example.com", "archive@example.com", false),
            ("e@f", "e@f", false),
        ];
        assert_eq!(found, expected.map(|(to, original, done)| (to.to_owned(), original.to_owned(), done)));
    }
}
