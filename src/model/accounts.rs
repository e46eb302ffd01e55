//! Accounts of senders: whose mail leaves with another login, or by another relay (sender_dependent_relayhost_maps).

use crate::error::Position;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::postfix::postmap::Entries;
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

/// Host, port, and the number of zeros before the port, by which next hops differ.
type Hop = (String, u16, usize);

/// The parts of a next hop `[host]:port`.
fn hop(text: &str) -> Option<Hop> {
    let (host, port) = text.strip_prefix('[')?.split_once("]:")?;
    let zeros = port.len() - port.trim_start_matches('0').len();
    Some((host.to_lowercase(), port.parse().ok()?, zeros))
}

/// Gives each account a next hop that no other login has, or had: one that is in force keeps its own, whatever the answers say of the
/// others now, and a new one gets none that is in the table of logins. Postfix goes on with the next hop of a message until it has
/// read the new tables: under another's it would log in as that one, and the message would be returned. `others`: the next hops that
/// are no accounts', those of routes among them, since mail to a route's domain logs in by the entry of its next hop, whosever mail
/// it is; `logins`, `senders`: the entries in force of sasl_passwd and of sender_dependent_relayhost_maps.
pub fn keep_next_hops(
    accounts: &mut [Account],
    others: impl Iterator<Item = String>,
    (logins, senders): (&Entries, &Entries),
) {
    let place = |way: &WayOut| (way.relay.host.to_lowercase(), way.relay.port);
    let mut taken: BTreeSet<Hop> = others.filter_map(|next_hop| hop(&next_hop)).collect();
    let known: BTreeMap<Hop, &str> = logins
        .iter()
        .filter_map(|(key, value)| {
            Some((hop(key)?, value.split_once(':').map_or(value.as_str(), |(user, _)| user)))
        })
        .collect();
    let mut new = Vec::new();
    for account in accounts {
        let at = place(&account.way);
        let is_there = |(host, port, _): &Hop| (host.clone(), *port) == at;
        let own = if account.way.logs_in() {
            let user = account.way.username();
            known
                .iter()
                .find(|(hop, of)| is_there(hop) && **of == user && !taken.contains(*hop))
                .map(|(hop, _)| hop.clone())
        } else {
            let own = account.from.first().and_then(|from| hop(senders.get(&from.to_lowercase())?));
            own.filter(|hop| is_there(hop) && !taken.contains(hop) && !known.contains_key(hop))
        };
        match own {
            Some(own) => {
                account.way.nth = own.2;
                taken.insert(own);
            }
            None => new.push(account),
        }
    }
    for account in new {
        let (host, port) = place(&account.way);
        let mut all = (0..).map(|nth| (host.clone(), port, nth));
        let free = all.find(|hop| !taken.contains(hop) && !known.contains_key(hop));
        account.way.nth = free.as_ref().map_or(0, |(.., nth)| *nth);
        taken.extend(free);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Secret;
    use crate::model::way_out::{Auth, IpPolicy, Mechanism, Relay, Tls};

    fn way(host: &str, user: &str) -> WayOut {
        let relay = Relay {
            host: host.into(),
            port: 587,
            tls: Tls::Encrypt,
            implicit_tls: false,
            ip: IpPolicy::Leave,
        };
        let login = || Auth::Login {
            mechanism: Mechanism::Plain,
            username: user.into(),
            password: Secret::new("p"),
            app: None,
        };
        let auth = if user.is_empty() { Auth::None } else { login() };
        WayOut { relay, auth, nth: 0, table: None }
    }

    /// The next hops of accounts with these hosts and users, beside the first relay.
    fn hops(accounts: &[(&str, &str)], logins: &[(&str, &str)], senders: &[(&str, &str)]) -> Vec<String> {
        let entries = |all: &[(&str, &str)]| -> Entries {
            all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let account = |(host, user): &(&str, &str)| Account {
            from: vec![format!("{user}x@example.com")],
            way: way(host, user),
            users: None,
        };
        let mut accounts: Vec<Account> = accounts.iter().map(account).collect();
        let others = ["[r.test]:587".to_owned(), "[hub.test]:587".to_owned()];
        keep_next_hops(&mut accounts, others.into_iter(), (&entries(logins), &entries(senders)));
        accounts.iter().map(|account| account.way.next_hop()).collect()
    }

    #[test]
    fn an_account_keeps_its_next_hop_and_gets_no_other_login_s() {
        let all = [("r.test", "a"), ("r.test", "b"), ("o.test", "c"), ("o.test", "")];
        let fresh = hops(&all, &[], &[]);
        assert_eq!(fresh, ["[r.test]:0587", "[r.test]:00587", "[o.test]:587", "[o.test]:0587"]);
        let logins = [
            ("[r.test]:587", "alerts:p"),
            ("[r.test]:0587", "a:p"),
            ("[r.test]:00587", "b:p"),
            ("[o.test]:587", "c:p"),
        ];
        let senders = [("x@example.com", "[o.test]:0587")];
        assert_eq!(hops(&all, &logins, &senders), fresh);
        // Without the first of them the others stay, and a new one gets what was nobody's.
        assert_eq!(hops(&all[1..], &logins, &senders), fresh[1..]);
        assert_eq!(
            hops(&[("r.test", "d"), ("r.test", "b")], &logins, &[]),
            ["[r.test]:000587", "[r.test]:00587"]
        );
        // Once that is in force, it does not change again.
        let later = [("[r.test]:587", "alerts:p"), ("[r.test]:000587", "d:p"), ("[r.test]:00587", "b:p")];
        assert_eq!(
            hops(&[("r.test", "d"), ("r.test", "b")], &later, &[]),
            ["[r.test]:000587", "[r.test]:00587"]
        );
        assert_eq!(hops(&[("o.test", "")], &[], &senders), ["[o.test]:0587"]);
        // A server of a route keeps its own, although the account had it before the route came.
        let former = [("[hub.test]:587", "e:p")];
        assert_eq!(hops(&[("hub.test", "e")], &former, &[]), ["[hub.test]:0587"]);
    }
}
