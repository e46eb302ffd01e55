//! The ways of the messages in a log through this host, each found once: many messages have few senders, and a way asks
//! Postfix's tables.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::engine::route::{Answered, Met, addresses, host_of, met, way};
use crate::model::accounts::Account;
use crate::model::desired::{Desired, WayOut};
use crate::model::observed::Postfix;
use crate::model::text::is_recipient;
use crate::sys::{clock, dns};

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
    /// The senders with accounts in small letters, and the place of each account: a log has many messages.
    accounts: OnceCell<HashMap<String, usize>>,
    /// The servers of the answers' ways, in their order.
    servers: OnceCell<Vec<dns::Identity>>,
}

impl Ways {
    /// The place of the account that a sender has.
    pub fn account_of(&self, desired: &Desired, sender: &str) -> Option<usize> {
        let all = self.accounts.get_or_init(|| {
            let from = |(at, account): (usize, &Account)| -> Vec<(String, usize)> {
                account.from.iter().map(|from| (from.to_lowercase(), at)).collect()
            };
            desired.accounts.iter().enumerate().flat_map(from).collect()
        });
        let sender = sender.to_lowercase();
        let domain = || all.get(sender.get(sender.rfind('@')?..)?);
        all.get(&sender).or_else(domain).copied()
    }

    /// The way of a message by its sender (`None`: not known) and recipient, as its number: the first relay, accounts, routes.
    pub fn way_of(&self, desired: &Desired, from: Option<&str>, to: &str) -> Option<usize> {
        let accounts = desired.accounts.len();
        if let Some(route) = desired.routes.place_of(to) {
            return Some(1 + accounts + route);
        }
        if accounts == 0 {
            return Some(0);
        }
        Some(self.account_of(desired, from?).map_or(0, |account| 1 + account))
    }

    /// The way that an attempt at this host was on: name, address, port. Where several lead there, that of the sender's account,
    /// or that of everybody.
    pub fn tried<'d>(
        &self,
        desired: &'d Desired,
        (name, address, port): (&str, &str, u16),
        sender: &str,
    ) -> Option<&'d WayOut> {
        let ways: Vec<&WayOut> = desired.ways().collect();
        let servers =
            self.servers.get_or_init(|| ways.iter().map(|way| dns::Identity::new(&way.relay.host)).collect());
        let by = |is: &dyn Fn(&WayOut, &dns::Identity) -> bool| {
            let places = ways.iter().zip(servers).enumerate();
            let there = places.filter(|(_, (way, server))| way.relay.port == port && is(way, server));
            let there: Vec<usize> = there.map(|(at, _)| at).collect();
            let before = 1 + desired.fallbacks.len();
            let own = self.account_of(desired, sender).map(|account| before + account);
            let own = own.filter(|own| there.contains(own));
            own.or_else(|| there.first().copied()).and_then(|at| ways.get(at).copied())
        };
        // A name that the log has needs no look-up.
        by(&|way, _| way.relay.host.eq_ignore_ascii_case(name) || way.relay.host == address)
            .or_else(|| by(&|_, server| server.is(name, address)))
    }

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
