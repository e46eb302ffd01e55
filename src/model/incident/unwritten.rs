//! The event that the record of incidents cannot be written: a disk that is full at the first look, or one that takes no more.
//! Events of other incidents have numbers that would not be on the disk, so this one is told in their place, with all that was
//! seen in its words. Its name is that of the boot, and its number 0, so it is the same however often it is told.

use super::event::{Event, Kind};
use super::record::Incidents;
use super::sight::Seen;
use super::{Incident, Severity, Topic};
use crate::model::log::stamp::Seconds;

/// The event. `why`: what keeps the record from being written. `boot`: the boot's identity.
pub fn event(why: &str, seen: &Seen, boot: &str, now: Seconds) -> Event {
    let also = seen.sightings.iter().fold(String::new(), |also, sighting| also + "; " + &sighting.cause);
    let incident = Incident {
        cause: format!("the watch cannot write its record of incidents ({why}){also}"),
        ..incident(boot, now).with_queue(seen)
    };
    let worst = Some(Severity::Critical);
    Event { sequence: 0, kind: Kind::Opened, time: now, incident, worst }
}

/// Notes in a record that can be written again what was told meanwhile, so that the look which sees this closes it.
pub fn is_over(record: &mut Incidents, boot: &str, now: Seconds) {
    record.open.push(incident(boot, now));
}

fn incident(boot: &str, now: Seconds) -> Incident {
    let letters: String = boot.chars().filter(char::is_ascii_hexdigit).take(6).collect();
    Incident {
        id: format!("{}-{letters}-0", Topic::Look.word()),
        topic: Topic::Look,
        severity: Severity::Critical,
        cause: "the watch could not write its record of incidents".into(),
        cause_id: "record.unwritten".into(),
        trouble: String::new(),
        opened_as: None,
        remedy: "df /var/lib/relayhost; relayhost watch".into(),
        since: now,
        opened: now,
        waiting: None,
        at_least: false,
        oldest: None,
    }
}
