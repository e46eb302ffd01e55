//! The ends of `watch` and `alarm`.

use std::time::Duration;

use super::Compared;
use crate::error::Exit;
use crate::model::alarm::refusal::Refusal;
use crate::model::incident::Incident;
use crate::model::incident::event::{Event, Kind};
use crate::model::incident::young::Young;
use crate::model::log::stamp::Calendar;

/// One attempt to tell an event.
#[derive(Debug, Clone)]
pub struct Told {
    /// The way, for a person.
    pub way: String,
    /// The event.
    pub event: Event,
    /// What the way said; the error is why it did not take the event, and what to do.
    pub outcome: Result<String, Refusal>,
    /// How long it took.
    pub took: Duration,
}

impl Told {
    /// The attempt in one line.
    pub fn text(&self) -> String {
        let Self { way, event, outcome, .. } = self;
        let what = match event.kind {
            Kind::Test => "the test".to_owned(),
            Kind::Opened | Kind::Worsened | Kind::Closed => {
                format!("{} {}", event.incident.id, event.kind.word())
            }
        };
        match outcome {
            Ok(said) if said.is_empty() => format!("{way}: took {what}"),
            Ok(said) => format!("{way}: took {what} ({said})"),
            Err(Refusal { why, .. }) => format!("{way}: did not take {what}: {why}"),
        }
    }
}

/// A look of the watch.
#[derive(Debug)]
pub struct Watched {
    /// This host's name.
    pub host: String,
    /// What the look saw.
    pub compared: Compared,
    /// What has opened and closed.
    pub events: Vec<Event>,
    /// What is open now.
    pub open: Vec<Incident>,
    /// What is amiss and no incident yet.
    pub young: Vec<Young>,
    /// The attempts to tell what had to be told.
    pub told: Vec<Told>,
    /// The calendar of this host, for times.
    pub calendar: Calendar,
}

impl Watched {
    /// As `check`; where all is in order and a way has not taken what it was told, that it could not be told.
    pub fn exit(&self) -> Exit {
        if !self.compared.is_in_order() {
            return Exit::Differs;
        }
        if self.untold().next().is_some() { Exit::Failed } else { Exit::Done }
    }

    /// The attempts that failed.
    pub fn untold(&self) -> impl Iterator<Item = &Told> {
        self.told.iter().filter(|told| told.outcome.is_err())
    }
}

/// Each way, tried with a test event.
#[derive(Debug)]
pub struct Alarmed {
    /// This host's name.
    pub host: String,
    /// The attempts, one for each way, the journal included where the host has one.
    pub told: Vec<Told>,
    /// The number of ways that the answers name: the `[[alarm]]` tables.
    pub alarms: usize,
}

impl Alarmed {
    /// Whether somebody would be told: the answers name a way, and all ways took it. The journal alone tells nobody who does not
    /// read it.
    pub fn exit(&self) -> Exit {
        let has_failed = self.told.iter().any(|told| told.outcome.is_err());
        if self.alarms == 0 || has_failed { Exit::Failed } else { Exit::Done }
    }

    /// What the attempts alone do not say: who is not told at all.
    pub fn remark(&self) -> Option<&'static str> {
        match (self.alarms, self.told.len() > self.alarms) {
            (0, true) => Some(
                "nobody would be told: the answers have no [[alarm]], and only somebody who reads the journal finds an incident there (relayhost-answers(5))",
            ),
            (0, false) => Some(
                "nobody would be told: the answers have no [[alarm]], and this host has no journal (relayhost-answers(5))",
            ),
            (_, true) => None,
            (_, false) => Some("this host has no journal, so the ways of the answers alone are told"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_nobody_would_hear_of_does_not_end_well() {
        let told = |way: &str, is_taken: bool| Told {
            way: way.into(),
            event: Event::test(0, None),
            outcome: if is_taken { Ok(String::new()) } else { Err(Refusal::new("full", "empty it")) },
            took: Duration::ZERO,
        };
        let end = |told: Vec<Told>, alarms| Alarmed { host: "op5".into(), told, alarms };
        for (end, exit, remark) in [
            (end(vec![], 0), Exit::Failed, Some("has no journal")),
            (end(vec![told("journal", true)], 0), Exit::Failed, Some("nobody would be told")),
            (end(vec![told("webhook", true)], 1), Exit::Done, Some("has no journal")),
            (end(vec![told("journal", true), told("webhook", true)], 1), Exit::Done, None),
            (end(vec![told("journal", true), told("webhook", false)], 1), Exit::Failed, None),
        ] {
            assert_eq!(end.exit(), exit, "{end:?}");
            assert_eq!(end.remark().is_some(), remark.is_some(), "{end:?}");
            assert!(end.remark().unwrap_or_default().contains(remark.unwrap_or_default()), "{end:?}");
        }
    }
}
