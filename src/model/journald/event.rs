//! The journal's record of an event of the watch.

use super::notice::{Notice, Priority};
use crate::model::incident::Severity;
use crate::model::incident::event::{Event, Kind};

/// The fields of the record, each with the name that the event has for it.
const NAMES: [(&str, &str); 11] = [
    ("RELAYHOST_EVENT", "event"),
    ("RELAYHOST_INCIDENT", "id"),
    ("RELAYHOST_SEQUENCE", "sequence"),
    ("RELAYHOST_TOPIC", "topic"),
    ("RELAYHOST_SEVERITY", "severity"),
    ("RELAYHOST_SINCE", "since"),
    ("RELAYHOST_WAITING", "waiting"),
    ("RELAYHOST_OLDEST", "oldest"),
    ("RELAYHOST_CAUSE", "cause"),
    ("RELAYHOST_CAUSE_ID", "cause_id"),
    ("RELAYHOST_REMEDY", "remedy"),
];

impl Notice {
    /// The record of an event. `host`: this host's name.
    pub fn of_event(event: &Event, host: &str) -> Self {
        let priority = match (event.kind, event.incident.severity) {
            (Kind::Opened | Kind::Worsened, Severity::Critical) => Priority::Critical,
            (Kind::Opened | Kind::Worsened, Severity::Warning) => Priority::Warning,
            (Kind::Closed | Kind::Test, _) => Priority::Info,
        };
        let fields = event.fields(host);
        let value =
            |name: &str| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
        let named = NAMES.iter().filter_map(|(field, name)| Some((*field, value(name)?)));
        let fields = std::iter::once(("RELAYHOST_COMMAND", "watch".to_owned())).chain(named).collect();
        Self { priority, message: event.summary(host), fields }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::event::tests::event;

    #[test]
    fn an_incident_is_priority_2_with_its_fields() {
        let opened = event("the relay said\nPRIORITY=7");
        let notice = Notice::of_event(&opened, "web1");
        let datagram = String::from_utf8(notice.datagram()).unwrap();
        for line in [
            "\nPRIORITY=2\n",
            "\nRELAYHOST_EVENT=opened\n",
            "\nRELAYHOST_INCIDENT=mail-0a1b2c-7\n",
            "\nRELAYHOST_SEQUENCE=7\n",
            "\nRELAYHOST_WAITING=3\n",
            "\nRELAYHOST_CAUSE_ID=wrong-password\n",
        ] {
            assert!(datagram.contains(line), "{datagram}");
        }
        assert_eq!(datagram.matches("\nPRIORITY=").count(), 1, "{datagram}");
        let closed = Notice::of_event(&Event { kind: Kind::Closed, ..opened }, "web1");
        assert_eq!(closed.priority, Priority::Info);
    }
}
