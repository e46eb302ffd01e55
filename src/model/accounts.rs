//! Accounts of senders: whose mail leaves with another login, or by another relay (sender_dependent_relayhost_maps).

use crate::error::Position;
use crate::model::text::domain_of;
use crate::model::way_out::WayOut;

/// The local logins that may hand in mail of an account's senders by sendmail(1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Users {
    /// Their names, beside root and the owner of Postfix, who always may.
    pub logins: Vec<String>,
    /// The file of the answers that says so, and the place in it.
    pub said: (String, Option<Position>),
}

/// An account, and whose it is.
#[derive(Debug, Clone)]
pub struct Account {
    /// The senders as smtp(8) sees them before smtp_generic_maps: `user@domain`, or `@domain` for all of a domain, in lower case.
    pub from: Vec<String>,
    /// The relay and the login. Its next hop is no other's, so that no other mail finds this login: under the key of a sender
    /// (smtp_sender_dependent_authentication) it would be sent to every server that mail of this sender goes to.
    pub way: WayOut,
    /// Who may use it by sendmail(1); `None`: everybody.
    pub users: Option<Users>,
}

impl Account {
    /// Keys and values for sender_dependent_relayhost_maps.
    pub fn entries(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let next_hop = self.way.next_hop();
        self.from.iter().map(move |from| (from.clone(), next_hop.clone()))
    }

    /// An address that uses it and has a mailbox: that of a domain is its postmaster's (RFC 5321, 4.5.1).
    pub fn tester(&self) -> Option<String> {
        let from = self.from.first()?;
        Some(if from.starts_with('@') { format!("postmaster{from}") } else { from.clone() })
    }

    /// An address that uses it.
    pub fn somebody(&self) -> Option<String> {
        let from = self.from.first()?;
        Some(if from.starts_with('@') { format!("somebody{from}") } else { from.clone() })
    }
}

/// The account of a sender; that of a whole address counts before that of a domain (mail_addr_find).
pub fn account_of<'a>(accounts: &'a [Account], sender: &str) -> Option<&'a Account> {
    let domain = format!("@{}", domain_of(sender));
    let of = |key: &str| {
        accounts.iter().find(|account| account.from.iter().any(|from| from.eq_ignore_ascii_case(key)))
    };
    of(sender).or_else(|| of(&domain))
}
