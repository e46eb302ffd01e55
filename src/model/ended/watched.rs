//! The ends of `watch` and `alarm`.

use std::time::Duration;

use super::Compared;
use crate::error::Exit;
use crate::model::alarm::refusal::Refusal;
use crate::model::incident::Incident;
use crate::model::incident::event::{Event, Kind};

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
    /// The attempts to tell what had to be told.
    pub told: Vec<Told>,
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
    /// The attempts, one for each way.
    pub told: Vec<Told>,
}

impl Alarmed {
    /// Whether all ways took it.
    pub fn exit(&self) -> Exit {
        if self.told.iter().all(|told| told.outcome.is_ok()) { Exit::Done } else { Exit::Failed }
    }
}
