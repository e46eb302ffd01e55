//! The ways of the messages in a log through this host, each found once: many messages have few senders, and a way asks
//! Postfix's tables.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::route::{Answered, Met, addresses, host_of, met, way};
use crate::model::desired::Desired;
use crate::model::observed::Postfix;
use crate::model::text::is_recipient;
use crate::sys::clock;

/// Most ways that are found: any user can write addresses into the log.
const MOST: usize = 16;
/// Time for all of them: a table of patterns may take for ever.
const LONGEST: Duration = Duration::from_secs(4);

/// What messages meet, by sender and recipient, as far as they were asked for.
#[derive(Default)]
pub struct Ways {
    known: RefCell<BTreeMap<(String, String), Met>>,
    /// The sender of alerts as it is queued, and as it is submitted.
    alerts: RefCell<Option<(String, String)>>,
    /// This host with the answers in force.
    answered: OnceCell<Option<Answered>>,
    spent: Cell<Duration>,
}

impl Ways {
    /// This host with the answers in force, found once.
    pub fn answered(&self, desired: &Desired, postfix: &Postfix) -> Option<&Answered> {
        self.answered.get_or_init(|| Answered::new(desired, postfix).ok().flatten()).as_ref()
    }

    /// What a message with this sender and recipient meets on this host. `sender`: as qmgr(8) logs it, after canonical maps.
    /// The address of the alerts is used instead of one that is not plain, and of any new one after `MOST` ways or
    /// `LONGEST`.
    pub fn met(&self, desired: Option<&Desired>, postfix: &Postfix, sender: &str, recipient: &str) -> Met {
        let (alerts, test) = addresses(desired, &postfix.settings);
        let is_new = !self.known.borrow().contains_key(&(sender.to_owned(), recipient.to_owned()));
        let is_over = self.known.borrow().len() >= MOST || self.spent.get() >= LONGEST;
        let plain = |text: &str| is_recipient(text) && !(is_new && is_over);
        let from = if plain(sender) && !self.is_of_alerts(postfix, &alerts, &test, sender) {
            sender.to_owned()
        } else {
            alerts
        };
        let to = if plain(recipient) { recipient.to_owned() } else { test };
        let key = (from, to);
        if let Some(found) = self.known.borrow().get(&key) {
            return found.clone();
        }
        let begin = clock::now();
        let wanted = desired.map(|desired| (desired, self.answered(desired, postfix)));
        let found = met(wanted, postfix, &key.0, &key.1);
        self.spent.set(self.spent.get() + begin.elapsed());
        self.known.borrow_mut().insert(key, found.clone());
        found
    }

    /// Whether this is the sender that the host's canonical maps give to an alert.
    fn is_of_alerts(&self, postfix: &Postfix, alerts: &str, to: &str, sender: &str) -> bool {
        let mut known = self.alerts.borrow_mut();
        let (submitted, queued) = known.get_or_insert_with(|| {
            let host = host_of(postfix.settings.clone(), &postfix.main_cf);
            let queued = host.map(|host| way(&host, alerts, to, None).queued);
            (alerts.to_owned(), queued.unwrap_or_else(|_| alerts.to_owned()))
        });
        submitted == alerts && queued == sender
    }
}
