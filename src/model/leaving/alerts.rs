//! The envelopes of the alerts, so that a failure which is about one sender or one recipient counts only if it is about
//! theirs: any user can have a sender of his own refused.

use std::collections::HashMap;

use super::ways::{Other, Way, ways};
use crate::model::accounts::Account;
use crate::model::causes::extent::Extent;
use crate::model::desired::Desired;
use crate::model::postfix::own_names::OwnNames;
use crate::model::text::domain_of;
use crate::model::way_out::Auth;

/// The sender and the recipient of the alerts, by the answers.
#[derive(Debug, Clone, Default)]
pub struct Alerts<'a> {
    desired: Option<&'a Desired>,
    /// The domain that Postfix gives to a bare name (`myorigin`).
    origin: &'a str,
    /// The domains of this host.
    own: OwnNames,
    /// The sender that the relay sees of an alert, in small letters.
    sender: String,
    /// The senders with accounts, as the answers have them, and the place of each account: a queue has many messages, and there
    /// may be many of these.
    accounts: HashMap<&'a str, usize>,
    /// All ways of the answers; the first one is that of the alerts.
    pub ways: Vec<Way>,
}

/// Whether a message has the alerts' sender, and a recipient in the domain of theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alike {
    /// The relay sees the same sender.
    pub sender: bool,
    /// The recipient is in the domain of the alerts'.
    pub domain: bool,
}

impl<'a> Alerts<'a> {
    /// The alerts of a host with these answers.
    pub fn new(desired: &'a Desired, origin: &'a str, own: OwnNames) -> Self {
        let sender = seen(desired, origin, &own, &desired.alert_sender(origin));
        let from =
            |(at, account): (usize, &'a Account)| account.from.iter().map(move |from| (from.as_str(), at));
        let accounts = desired.accounts.iter().enumerate().flat_map(from).collect();
        Self { desired: Some(desired), origin, own, sender, accounts, ways: ways(desired) }
    }

    /// Whether mail of this host takes other ways than that of the alerts.
    pub fn have_other_ways(&self) -> bool {
        self.desired.is_some_and(|desired| !desired.accounts.is_empty() || !desired.routes.is_empty())
    }

    /// The way of a message that is not the alerts', and says nothing of their relay: a route of its recipient, or the account of
    /// its sender. A sender that is not known (`None`) has none.
    pub fn other_way(&self, from: Option<&str>, to: &str) -> Option<Other> {
        let desired = self.desired?;
        if let Some(route) = desired.routes.place_of(to) {
            // Mail to other domains does not come there, unless it is for all below one: anybody can write to one that is not there.
            let meets_alike = desired.routes.0.get(route).is_some_and(|route| !route.is_for_many());
            return Some(Other { at: 1 + desired.accounts.len() + route, is_listed: true, meets_alike });
        }
        let from = from.filter(|_| !self.accounts.is_empty())?.to_ascii_lowercase();
        let domain = || from.rfind('@').and_then(|at| self.accounts.get(from.get(at..)?));
        let whole = self.accounts.get(from.as_str());
        let at = *whole.or_else(domain)?;
        let is_open = desired.accounts.get(at).is_some_and(|account| matches!(account.way.auth, Auth::None));
        Some(Other { at: 1 + at, is_listed: whole.is_some(), meets_alike: is_open })
    }

    /// Compares a message. A sender that is not known (`None`) is the alerts' if the reason names that.
    pub fn alike(&self, from: Option<&str>, to: &str, reason: &str) -> Alike {
        let Some(desired) = self.desired else { return Alike::default() };
        let sender = from.map_or_else(
            || reason.to_lowercase().contains(&self.sender),
            |from| !from.is_empty() && seen(desired, self.origin, &self.own, from) == self.sender,
        );
        let is_theirs = |alerts: &String| domain_of(alerts).eq_ignore_ascii_case(domain_of(to));
        Alike { sender, domain: to.is_empty() || desired.verify.to.as_ref().is_none_or(is_theirs) }
    }
}

/// The address that the relay sees of a sender, in small letters.
fn seen(desired: &Desired, origin: &str, own: &OwnNames, from: &str) -> String {
    desired.public_of(from, origin, own).unwrap_or(from).to_lowercase()
}

impl Alike {
    /// What a failure with this reason, of such a message, says of the alerts.
    pub fn told_by(self, reason: &str) -> Bearing {
        match Extent::of(reason) {
            Extent::All | Extent::Quota => Bearing::Stopped,
            Extent::Sender if self.sender => Bearing::Stopped,
            Extent::Domain if self.domain => Bearing::Stopped,
            Extent::Sender | Extent::Domain | Extent::Message => Bearing::Nothing,
            Extent::Later => Bearing::PutOff,
        }
    }

    /// Whether a relay that said this, and so had another one take the message, would not take the alerts either: who puts a
    /// recipient off says nothing of others' domains.
    pub fn is_turned_away_by(self, reason: &str) -> bool {
        match self.told_by(reason) {
            Bearing::Stopped => true,
            Bearing::PutOff => self.domain || !reason.contains("(in reply to RCPT TO"),
            Bearing::Nothing => false,
        }
    }

    /// Whether such a failure keeps the alerts from leaving too.
    pub fn is_stopped_by(self, reason: &str) -> bool {
        self.told_by(reason) == Bearing::Stopped
    }
}

/// What a message's failure says of the alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bearing {
    /// They do not leave either.
    Stopped,
    /// The relay puts mail off, perhaps theirs too.
    PutOff,
    /// Nothing: it is about that message.
    Nothing,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answers::Answers;
    use crate::model::answers::complete::complete;

    #[test]
    fn a_refused_sender_or_domain_counts_only_if_it_is_the_alerts() {
        let text = "version = 1\n[relay]\nhost = \"r.example.com\"\n[sender]\nrewrite = { \"monitor@host.local\" = \"alerts@example.com\", \"@host.local\" = \"alerts@example.com\" }\n[verify]\nto = \"ops@example.com\"\n";
        let desired = complete(&Answers::parse("a", text.as_bytes()).unwrap(), None).unwrap();
        let alerts = Alerts::new(&desired, "host.local", OwnNames::default());
        let refused = |words: &str| format!("host r.example.com[192.0.2.1] said: {words}");
        let sender =
            refused("553 5.7.1 <x@y>: Sender address rejected: not owned (in reply to MAIL FROM command)");
        for (from, is_ours) in
            [("monitor@host.local", true), ("root", true), ("u@elsewhere.test", false), ("", false)]
        {
            assert_eq!(
                alerts.alike(Some(from), "ops@example.com", &sender).is_stopped_by(&sender),
                is_ours,
                "{from}"
            );
        }
        let named = sender.replace("x@y", "Alerts@example.com");
        assert!(alerts.alike(None, "ops@example.com", &named).is_stopped_by(&named));
        assert!(!alerts.alike(None, "ops@example.com", &sender).is_stopped_by(&sender));
        let denied = refused("554 5.7.1 <x@y>: Relay access denied (in reply to RCPT TO command)");
        for (to, is_theirs) in [("noc@Example.com", true), ("", true), ("u@elsewhere.test", false)] {
            assert_eq!(
                alerts.alike(Some("u@elsewhere.test"), to, &denied).is_stopped_by(&denied),
                is_theirs,
                "{to}"
            );
        }
        let later = refused("450 4.9.9 <x@y>: not now (in reply to RCPT TO command)");
        for (to, is_theirs) in [("noc@Example.com", true), ("u@elsewhere.test", false)] {
            let alike = alerts.alike(Some("root"), to, &later);
            assert_eq!(
                (alike.is_turned_away_by(&later), alike.is_stopped_by(&later)),
                (is_theirs, false),
                "{to}"
            );
        }
        assert!(Alike::default().is_turned_away_by(""));
        let down = "connect to r.example.com[192.0.2.1]:587: Connection refused";
        assert!(alerts.alike(Some("u@elsewhere.test"), "u@elsewhere.test", down).is_stopped_by(down));
    }
}
