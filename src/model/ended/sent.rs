//! How a command ended that sent test messages and changed nothing.

use crate::error::Exit;
use crate::model::message::delivery::Delivery;
use crate::model::state::generation::VERSION;
use crate::model::state::last_drill::LastDrill;

/// The fate of a test message that changed nothing on the host.
#[derive(Debug)]
pub struct Verified {
    /// The fate of the message.
    pub delivery: Delivery,
    /// The words for the remains of a stopped run that were cleared up first.
    pub recovered: Option<String>,
}

/// What became of the messages of a drill.
#[derive(Debug)]
pub struct Drilled {
    /// One for each fallback relay, in their order.
    pub drills: Vec<Drill>,
    /// The words for the remains of a stopped run that were cleared up first.
    pub recovered: Option<String>,
}

/// A message by one fallback relay.
#[derive(Debug)]
pub struct Drill {
    /// The relay, as main.cf names it.
    pub relay: String,
    /// The fate of the message.
    pub delivery: Delivery,
}

/// What says nothing of a fallback relay: this host, as it is, has no drill of it.
const UNTRIED: [&str; 2] = ["fallback-not-in-force", "drill-without-log"];

impl Drilled {
    /// The record of the first relay that took no message; `None` after a success.
    pub fn record(&self, time: &str) -> Option<LastDrill> {
        let failed = |one: &Drill| {
            let failure = one.delivery.failure().filter(|failure| !UNTRIED.contains(&failure.id.as_str()))?;
            let (relay, text, remedy) = (one.relay.clone(), failure.cause.clone(), failure.remedy.text());
            Some(LastDrill { version: VERSION, time: time.to_owned(), relay, text, remedy })
        };
        self.drills.iter().filter(|one| one.delivery.exit() != Exit::Done).find_map(failed)
    }

    /// The first message that was not accepted; otherwise the first.
    pub fn worst(&self) -> Option<&Delivery> {
        let mut all = self.drills.iter().map(|drill| &drill.delivery);
        all.find(|delivery| delivery.exit() != Exit::Done)
            .or(self.drills.first().map(|drill| &drill.delivery))
    }
}
