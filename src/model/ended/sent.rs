//! How a command ended that sent test messages and changed nothing.

use crate::error::Exit;
use crate::model::message::delivery::Delivery;
use crate::model::plan::Plan;
use crate::model::probe::Probe;
use crate::model::state::generation::VERSION;
use crate::model::state::last_drill::LastDrill;

/// The fate of a test message that changed nothing on the host.
#[derive(Debug)]
pub struct Verified {
    /// The fate of the message.
    pub delivery: Delivery,
    /// That the answers ask for another configuration than the one by which it went, in words; `None`: they do not, or that is
    /// not known.
    pub unlike: Option<String>,
    /// With `--all` the other ways of the answers.
    pub others: Option<Box<Others>>,
    /// The words for the remains of a stopped run that were cleared up first.
    pub recovered: Option<String>,
}

/// The ways of the answers beside that of everybody.
#[derive(Debug, Default)]
pub struct Others {
    /// A message for each account of senders.
    pub accounts: Vec<ByAccount>,
    /// A probe of each server of a route: whose mail goes there, and what it said. A route has no recipient that is known.
    pub routes: Vec<(String, Probe)>,
    /// What was not tried, in words.
    pub untried: Vec<String>,
}

/// A message by one account of senders.
#[derive(Debug)]
pub struct ByAccount {
    /// Its table in the answers.
    pub table: String,
    /// Its senders, in words.
    pub whose: String,
    /// The relay, as main.cf names it.
    pub relay: String,
    /// The fate of the message.
    pub delivery: Delivery,
}

/// That a message went by what is in force, where the answers ask for something else: this plan would change it.
pub fn unlike_answers(plan: &Plan, relayhost: &str) -> Option<String> {
    if plan.actions.files.is_empty() {
        return None;
    }
    let by = if relayhost.is_empty() { "no relay" } else { relayhost };
    let apply = plan.allowed(&"`relayhost apply` puts them into force".into());
    Some(format!(
        "the answers are not in force: this message went by the configuration of Postfix as it is now (relayhost in main.cf: {by}); \
         `relayhost plan` shows what differs, {}",
        apply.text()
    ))
}

impl Verified {
    /// The fate of each message, that of everybody first.
    pub fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        let accounts = self.others.iter().flat_map(|others| &others.accounts);
        std::iter::once(&self.delivery).chain(accounts.map(|one| &one.delivery))
    }

    /// What a message says. Of all ways, each is to be proved by a message that its own relay took.
    fn word(&self, delivery: &Delivery) -> Exit {
        if self.others.is_some() { delivery.proof() } else { delivery.exit() }
    }

    /// The first message without success; otherwise that of everybody.
    pub fn worst(&self) -> &Delivery {
        self.deliveries().find(|delivery| self.word(delivery) != Exit::Done).unwrap_or(&self.delivery)
    }

    /// The exit status: that of the first message without success; else that of the first route whose server would take none.
    pub fn exit(&self) -> Exit {
        let routes = self.others.iter().flat_map(|others| &others.routes).map(|(_, probe)| probe.exit());
        let mut all = self.deliveries().map(|delivery| self.word(delivery)).chain(routes);
        all.find(|exit| *exit != Exit::Done).unwrap_or(Exit::Done)
    }
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
