//! An incident opens, or closes: what is told of it, by name. Every value is one line without control characters, whatever a
//! relay has said.

use serde::{Deserialize, Serialize};

use super::{Incident, Severity};
use crate::model::leaving::views::span;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::text::{clipped, one_line};

/// The names of the fields, each of which has a value for every event.
pub const FIELDS: [&str; 16] = [
    "action", "cause", "cause_id", "event", "host", "id", "oldest", "opened", "remedy", "sequence",
    "severity", "since", "summary", "time", "topic", "waiting",
];

/// The value of a number that is not known.
pub const UNKNOWN: &str = "unknown";

/// Longest value of a field, in bytes. An environment and a line of Nagios' are bounded too.
const LONGEST: usize = 2000;

/// The kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An incident opens.
    Opened,
    /// It is worse than what was told: a warning has become critical.
    Worsened,
    /// It closes.
    Closed,
    /// Somebody tries the ways.
    Test,
}

impl Kind {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Worsened => "worsened",
            Self::Closed => "closed",
            Self::Test => "test",
        }
    }
}

/// An event. Id and sequence number are the same each time that it is told, so a receiver can drop the second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Its number among all events of this host.
    pub sequence: u64,
    /// Its kind.
    pub kind: Kind,
    /// The time of the look.
    pub time: Seconds,
    /// The incident, as it was then.
    pub incident: Incident,
    /// The worst of everything that is open after this event; `None` if nothing is.
    pub worst: Option<Severity>,
}

impl Event {
    /// A test: it opens nothing. `worst`: of what is open.
    pub fn test(time: Seconds, worst: Option<Severity>) -> Self {
        let incident = Incident {
            id: "test".into(),
            topic: super::Topic::Mail,
            severity: Severity::Warning,
            cause: "somebody tries the alarms (relayhost alarm --test)".into(),
            cause_id: "test".into(),
            trouble: String::new(),
            opened_as: None,
            remedy: String::new(),
            since: time,
            opened: time,
            // It does not look.
            waiting: None,
            at_least: false,
            oldest: None,
        };
        Self { sequence: 0, kind: Kind::Test, time, incident, worst }
    }

    /// The event in one line for a person. `host`: this host's name.
    pub fn summary(&self, host: &str) -> String {
        let Incident { remedy, since, opened_as, .. } = &self.incident;
        let cause = self.incident.story();
        let text = match self.kind {
            Kind::Test => format!("{host}: this is a test of relayhost's alarms, and nothing has happened"),
            Kind::Closed => {
                let was = if opened_as.is_some() { "" } else { "it was: " };
                format!(
                    "{host}: over after {}; {was}{cause}{}",
                    span(self.age(*since)),
                    self.in_queue("still wait")
                )
            }
            Kind::Opened | Kind::Worsened => {
                let remedy = if remedy.is_empty() { String::new() } else { format!(" -> {remedy}") };
                format!("{host}: {cause}{}{remedy}", self.in_queue("wait"))
            }
        };
        bounded(&text)
    }

    /// What waits in the queue, for the middle of a sentence; empty if nothing does.
    fn in_queue(&self, wait: &str) -> String {
        let Incident { waiting, at_least, oldest, .. } = self.incident;
        let waiting = match waiting {
            Some(0) => return String::new(),
            Some(waiting) => waiting,
            None => return "; it is not known what waits in the queue".into(),
        };
        let (noun, wait) =
            if waiting == 1 { ("message", wait.replace("wait", "waits")) } else { ("messages", wait.into()) };
        let age = oldest.map_or_else(String::new, |oldest| {
            let which = match (at_least, waiting) {
                (true, _) => "one ",
                (false, 1) => "",
                (false, _) => "the oldest ",
            };
            format!(", {which}for {}", span(self.age(oldest)))
        });
        let least = if at_least { "at least " } else { "" };
        format!("; {least}{waiting} {noun} {wait}{age}")
    }

    /// Seconds for which the oldest message waits; none if no message does. `None` if that is not known.
    fn oldest(&self) -> Option<u64> {
        let Incident { waiting, oldest, .. } = self.incident;
        oldest.map(|oldest| self.age(oldest).as_secs()).or(waiting.map(|_| 0))
    }

    fn age(&self, time: Seconds) -> std::time::Duration {
        std::time::Duration::from_secs(u64::try_from(self.time.saturating_sub(time)).unwrap_or_default())
    }

    /// The fields, in the order of their names.
    pub fn fields(&self, host: &str) -> Vec<(&'static str, String)> {
        let Incident { id, topic, severity, cause_id, remedy, since, opened, waiting, .. } = &self.incident;
        let number = |known: Option<u64>| known.map_or_else(|| UNKNOWN.into(), |number| number.to_string());
        let calendar = Calendar::utc(self.time);
        let time = |time: Seconds| calendar.rfc3339(time).unwrap_or_default();
        let action = if self.kind == Kind::Closed { "resolve" } else { "trigger" };
        FIELDS
            .into_iter()
            .map(|name| {
                let value = match name {
                    "action" => action.into(),
                    "cause" => bounded(&self.incident.story()),
                    "cause_id" => bounded(cause_id),
                    "event" => self.kind.word().into(),
                    "host" => bounded(host),
                    "id" => bounded(id),
                    "oldest" => number(self.oldest()),
                    "opened" => time(*opened),
                    "remedy" => bounded(remedy),
                    "sequence" => self.sequence.to_string(),
                    "severity" => severity.word().into(),
                    "since" => time(*since),
                    "summary" => self.summary(host),
                    "time" => time(self.time),
                    "topic" => topic.word().into(),
                    _ => number(*waiting),
                };
                (name, value)
            })
            .collect()
    }
}

/// A text from elsewhere as a value: one line, harmless and bounded.
pub(super) fn bounded(text: &str) -> String {
    one_line(clipped(&text.replace('\n', " "), LONGEST))
}

#[cfg(test)]
pub(in crate::model) mod tests {
    use super::*;
    use crate::model::incident::Topic;

    /// An event of an incident that opens, with this cause.
    pub(in crate::model) fn event(cause: &str) -> Event {
        let incident = Incident {
            id: "mail-0a1b2c-7".into(),
            topic: Topic::Mail,
            severity: Severity::Critical,
            cause: cause.into(),
            cause_id: "wrong-password".into(),
            trouble: String::new(),
            opened_as: None,
            remedy: "correct it".into(),
            since: 1_764_444_172,
            opened: 1_764_444_772,
            waiting: Some(3),
            at_least: false,
            oldest: Some(1_764_444_172),
        };
        let worst = Some(Severity::Critical);
        Event { sequence: 7, kind: Kind::Opened, time: 1_764_444_772, incident, worst }
    }

    #[test]
    fn an_event_in_words() {
        let opened = event("mail does not leave");
        let words = "web1: mail does not leave; 3 messages wait, the oldest for 10 min -> correct it";
        assert_eq!(opened.summary("web1"), words);
        let mut closed = Event { kind: Kind::Closed, ..opened };
        assert_eq!(
            closed.summary("web1"),
            "web1: over after 10 min; it was: mail does not leave; 3 messages still wait, the oldest for 10 min"
        );
        closed.incident.waiting = Some(1);
        assert!(closed.summary("web1").ends_with("; 1 message still waits, for 10 min"));
        closed.incident.waiting = Some(0);
        assert_eq!(closed.summary("web1"), "web1: over after 10 min; it was: mail does not leave");
        let test = Event::test(0, None);
        assert!(test.summary("web1").contains("this is a test"));
    }

    /// A queue that was not listed, or not to its end.
    #[test]
    fn a_count_that_is_not_known_is_no_number() {
        let of =
            |event: &Event, name| event.fields("h").into_iter().find(|(known, _)| *known == name).unwrap().1;
        let mut opened = event("mail does not leave");
        opened.incident.at_least = true;
        assert_eq!(
            opened.summary("web1"),
            "web1: mail does not leave; at least 3 messages wait, one for 10 min -> correct it"
        );
        (opened.incident.waiting, opened.incident.oldest) = (None, None);
        let words = "web1: mail does not leave; it is not known what waits in the queue -> correct it";
        assert_eq!(opened.summary("web1"), words);
        assert_eq!((of(&opened, "waiting"), of(&opened, "oldest")), (UNKNOWN.into(), UNKNOWN.into()));
        opened.incident.waiting = Some(0);
        assert_eq!((of(&opened, "waiting"), of(&opened, "oldest")), ("0".into(), "0".into()));
    }

    #[test]
    fn every_field_is_one_harmless_line() {
        let mut hostile = event("a\n[1] X\u{1b}[2J\0\u{202e}");
        hostile.incident.remedy = "x\r\ny".into();
        let fields = hostile.fields("we\nb");
        assert_eq!(fields.iter().map(|(name, _)| *name).collect::<Vec<_>>(), FIELDS);
        for (name, value) in &fields {
            assert!(!value.chars().any(|c| c.is_control() || c == '\u{202e}'), "{name}: {value:?}");
            assert!(!value.is_empty(), "{name}");
        }
        let long = event(&"x".repeat(100_000)).fields("h");
        assert!(long.iter().all(|(_, value)| value.len() <= LONGEST));
    }

    #[test]
    fn the_fields_for_programs() {
        let of = |event: &Event, name| {
            event.fields("web1").into_iter().find(|(known, _)| *known == name).unwrap().1
        };
        let opened = event("x");
        for (name, value) in [
            ("action", "trigger"),
            ("event", "opened"),
            ("id", "mail-0a1b2c-7"),
            ("sequence", "7"),
            ("oldest", "600"),
            ("waiting", "3"),
            ("severity", "critical"),
            ("topic", "mail"),
            ("since", "2025-11-29T19:22:52+00:00"),
        ] {
            assert_eq!(of(&opened, name), value, "{name}");
        }
        assert_eq!(of(&Event { kind: Kind::Closed, ..opened }, "action"), "resolve");
    }
}
