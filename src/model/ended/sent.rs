//! How a command ended that sent test messages and changed nothing.

use crate::error::Exit;
use crate::model::message::delivery::Delivery;

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

impl Drilled {
    /// The first message that was not accepted; otherwise the first.
    pub fn worst(&self) -> Option<&Delivery> {
        let mut all = self.drills.iter().map(|drill| &drill.delivery);
        all.find(|delivery| delivery.exit() != Exit::Done)
            .or(self.drills.first().map(|drill| &drill.delivery))
    }
}
