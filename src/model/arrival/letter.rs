//! The test message as it lies in the mailbox: what its headers say of its way, and whether its text came unchanged.

use mail_parser::{Address, Host, MessageParser};

use super::authentication::Authentication;
use crate::model::text::{clipped, plain};

/// Most legs of the way that are told.
const LEGS: usize = 20;
/// Longest value of a header that is told, in bytes.
const LONGEST: usize = 300;
/// Headers in which filters say what they think of a message.
const FILTERS: [&str; 7] = [
    "X-Spam-Flag",
    "X-Spam-Status",
    "X-Spam",
    "X-Spamd-Result",
    "X-MS-Exchange-Organization-SCL",
    "X-Forefront-Antispam-Report",
    "X-Rspamd-Action",
];

/// The header in which postgrey and milter-greylist say what they did: `delayed 301 seconds by postgrey-1.37 at mx.example.org`,
/// `Delayed for 00:05:01 by milter-greylist-4.6`, `Sender IP whitelisted, not delayed by milter-greylist-4.6`.
const GREYLIST: &str = "X-Greylist";

/// What relayhost has sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Message-ID, without angle brackets.
    pub message_id: String,
    /// The text.
    pub body: String,
    /// When it was submitted, by this host's clock: seconds since 1970.
    pub at: i64,
}

/// The test message in the mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The sender that a person sees.
    pub from: String,
    /// The stations of its way, the first one first.
    pub legs: Vec<Leg>,
    /// The words of a station that put it off at first, since it did not know the sender (greylisting).
    pub greylisted: Option<String>,
    /// What the receiver thinks of it, if it says so.
    pub authentication: Option<Authentication>,
    /// What filters said of it: names of headers and their values.
    pub filters: Vec<(&'static str, String)>,
    /// What has become of its text.
    pub text: Text,
}

/// A station of the way (a header `Received`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leg {
    /// The station.
    pub by: String,
    /// Seconds since the station before it, or since the submission: less than none where clocks differ.
    pub seconds: i64,
}

/// What has become of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// It is as it was sent.
    Unchanged,
    /// Something was added to it, such as a disclaimer.
    Added,
    /// It is not there as it was sent.
    Changed,
}

impl Text {
    /// Its name in documents.
    pub fn word(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Added => "added",
            Self::Changed => "changed",
        }
    }

    /// The same in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unchanged => "came unchanged",
            Self::Added => "came with something added to it on the way",
            Self::Changed => "was changed on the way",
        }
    }
}

impl Letter {
    /// Reads a message; `None` if it is not the one that was sent, whatever a search has found.
    pub fn read(bytes: &[u8], sent: &Sent) -> Option<Self> {
        let message = MessageParser::default().parse(bytes)?;
        if message.message_id() != Some(sent.message_id.as_str()) {
            return None;
        }
        let values = |wanted: &str| -> Vec<String> {
            let of_name = message.headers_raw().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            of_name.map(|(_, value)| value.to_owned()).collect()
        };
        let filters = FILTERS.into_iter().filter_map(|name| Some((name, told(values(name).first()?))));
        let text = message.body_text(0).unwrap_or_default();
        Some(Self {
            from: message.from().map(sender).unwrap_or_default(),
            legs: legs(&message, sent.at),
            greylisted: values(GREYLIST).iter().find(|value| is_put_off(value)).map(|value| told(value)),
            authentication: Authentication::read(values("Authentication-Results").iter().map(String::as_str)),
            filters: filters.collect(),
            text: fate(&text, &sent.body),
        })
    }
}

fn is_put_off(value: &str) -> bool {
    let words: Vec<String> = value.split_whitespace().map(str::to_lowercase).collect();
    let is_said = words.iter().any(|word| word == "delayed");
    is_said && !words.windows(2).any(|pair| pair == ["not", "delayed"])
}

/// A value on one line, of bounded length.
fn told(value: &str) -> String {
    let words: Vec<&str> = value.split_whitespace().collect();
    plain(clipped(&words.join(" "), LONGEST))
}

fn sender(from: &Address<'_>) -> String {
    let Some(first) = from.first() else { return String::new() };
    let address = first.address().unwrap_or_default();
    told(&first.name().map_or_else(|| address.to_owned(), |name| format!("{name} <{address}>")))
}

fn legs(message: &mail_parser::Message<'_>, submitted: i64) -> Vec<Leg> {
    let stations: Vec<(String, i64)> = message
        .received_all()
        .filter_map(|received| {
            let by = match received.by.as_ref()? {
                Host::Name(name) => told(name),
                Host::IpAddr(address) => address.to_string(),
            };
            Some((by, received.date.as_ref()?.to_timestamp()))
        })
        .take(LEGS)
        .collect();
    let mut before = submitted;
    let leg = |(by, at): (String, i64)| {
        let seconds = at.saturating_sub(before);
        before = at;
        Leg { by, seconds }
    };
    // Each station puts its header on top.
    stations.into_iter().rev().map(leg).collect()
}

fn fate(now: &str, sent: &str) -> Text {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (now, sent) = (words(now), words(sent));
    if now == sent {
        Text::Unchanged
    } else if now.contains(&sent) {
        Text::Added
    } else {
        Text::Changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Sent {
        Sent {
            message_id: "a1@host".into(),
            body: "This message tests.\nIt was sent.\n".into(),
            at: 1_795_860_000,
        }
    }

    const HEAD: &str = "Received: from relay.example.com (relay.example.com [192.0.2.1])\r\n\tby mx.example.org (Postfix) with \
        ESMTPS id 4A\r\n\tfor <ops@example.org>; Sat, 28 Nov 2026 10:00:05 +0000 (UTC)\r\n\
        Authentication-Results: mx.example.org; spf=pass smtp.mailfrom=a@example.com; dkim=none\r\n\
        X-Spam-Status: Yes, score=7.1 required=5.0\r\n\ttests=A,B\r\n\
        Received: from host (host [192.0.2.2]) by relay.example.com (Postfix) with ESMTPSA id 4B;\r\n\
        \tSat, 28 Nov 2026 11:00:02 +0100\r\n\
        Received: by host.localdomain (Postfix, from userid 0)\r\n\tid 4C; Sat, 28 Nov 2026 10:00:01 +0000 (UTC)\r\n\
        From: =?utf-8?Q?Alarme_=C3=BC?= <alerts@example.com>\r\nMessage-Id: <a1@host>\r\nSubject: x\r\n\r\n";

    fn read(text: &str) -> Option<Letter> {
        Letter::read(text.as_bytes(), &sent())
    }

    #[test]
    fn its_way_its_sender_and_what_others_think_are_told() {
        let letter = read(&format!("{HEAD}This message tests.\r\nIt was sent.\r\n")).unwrap();
        assert_eq!(letter.from, "Alarme ü <alerts@example.com>");
        let legs: Vec<(&str, i64)> = letter.legs.iter().map(|leg| (leg.by.as_str(), leg.seconds)).collect();
        assert_eq!(legs, [("host.localdomain", 1), ("relay.example.com", 1), ("mx.example.org", 3)]);
        assert_eq!(letter.authentication.unwrap().words(), "spf pass, dkim none, dmarc not told");
        assert_eq!(letter.filters, [("X-Spam-Status", "Yes, score=7.1 required=5.0 tests=A,B".to_owned())]);
        assert_eq!(letter.text, Text::Unchanged);
    }

    #[test]
    fn a_station_that_put_it_off_is_told_in_its_words() {
        let with = |value: &str| read(&format!("X-Greylist: {value}\r\n{HEAD}")).unwrap().greylisted;
        for value in [
            "delayed 301 seconds by postgrey-1.37 at mx.example.org",
            "Delayed for 00:05:01 by milter-greylist-4.6",
        ] {
            assert_eq!(with(value).as_deref(), Some(value));
        }
        for value in ["Sender IP whitelisted, not delayed by milter-greylist-4.6", "", "x"] {
            assert_eq!(with(value), None, "{value}");
        }
        assert_eq!(read(HEAD).unwrap().greylisted, None);
    }

    #[test]
    fn a_text_with_more_in_it_and_one_with_less_are_told_apart() {
        let with = |body: &str| read(&format!("{HEAD}{body}")).unwrap().text;
        assert_eq!(with("[EXTERNAL]\r\nThis message tests. It\r\nwas sent.\r\n--\r\nlegal\r\n"), Text::Added);
        assert_eq!(with("This message.\r\n"), Text::Changed);
        assert_eq!(with(""), Text::Changed);
    }

    #[test]
    fn another_message_is_not_taken_for_it() {
        for id in ["<xa1@host>", "<a1@host.example>", "<A1@host>", ""] {
            assert_eq!(read(&HEAD.replace("<a1@host>", id)), None, "{id}");
        }
        for odd in ["", "\r\n", "\0\0\0", "Message-Id"] {
            assert_eq!(read(odd), None);
        }
    }

    #[test]
    fn clocks_that_differ_and_hostile_headers_are_shown_as_they_are() {
        let late = read(&HEAD.replace("10:00:05", "09:00:05")).unwrap();
        assert_eq!(late.legs[2].seconds, 3 - 3600);
        let hostile = HEAD.replace("Alarme_=C3=BC", "=1B[2J`id`").replace("score=7.1", &"s".repeat(9999));
        let hostile = read(&hostile).unwrap();
        assert!(hostile.from.starts_with("?[2J'id'"), "{}", hostile.from);
        assert!(hostile.filters[0].1.len() <= LONGEST);
        let many = format!("{}{HEAD}", "Received: by x; Sat, 28 Nov 2026 10:00:05 +0000\r\n".repeat(500));
        assert_eq!(read(&many).unwrap().legs.len(), LEGS);
    }
}
