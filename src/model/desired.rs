//! The desired state of the host: complete and valid. `complete` makes it from the answers; an `Option` remains only
//! for what may really be absent.

use std::path::PathBuf;
use std::time::Duration;

use crate::model::accounts::{Account, account_of};
use crate::model::alarm::Way;
use crate::model::arrival::mailbox::Mailbox;
use crate::model::logins::Limits;
use crate::model::oauth::App;
use crate::model::one_sender::OneSender;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::own_names::OwnNames;
use crate::model::postfix::postmap::rewrite_keys;
use crate::model::postfix::settings::Settings;
use crate::model::routes::{Route, Routes};
use crate::model::secret::Secret;
use crate::model::token_logins::{TokenLogin, token_logins};
pub use crate::model::way_out::{Auth, IpPolicy, Mechanism, Relay, Tls, WayOut};

/// Everything that the answers ask for.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The way that all mail takes.
    pub first: WayOut,
    /// The ways that smtp(8) tries after it, in this order, in the same attempt.
    pub fallbacks: Vec<WayOut>,
    /// The ways of single senders.
    pub accounts: Vec<Account>,
    /// Local address → public address (smtp_generic_maps), in the file's order.
    pub rewrites: Vec<Rewrite>,
    /// The sender of all others on this host, if the answers name one.
    pub one_sender: Option<OneSender>,
    /// The domains whose mail does not leave by the relay.
    pub routes: Routes,
    /// Whoever is to have root's mail; empty: the answers do not say.
    pub root: Vec<String>,
    /// The test message.
    pub verify: Verify,
    /// Additional packages that must be on the host.
    pub extra_packages: Vec<String>,
    /// The directory that packages are installed from, instead of repositories.
    pub packages_from: Option<PathBuf>,
    /// The ways by which `relayhost watch` tells what is wrong.
    pub alarms: Vec<Way>,
}

/// A key of the password table under which another login than that of the answers would count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray<'a> {
    /// The relay's host.
    pub host: &'a str,
    /// The key.
    pub key: String,
    /// The value that may be there; empty: none.
    pub ours: String,
}

/// One line of the generic table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// `user@host`, `user` or `@host`.
    pub local: String,
    /// The address that the relay sees.
    pub public: String,
}

/// The test message.
#[derive(Debug, Clone)]
pub struct Verify {
    /// Its recipient, if the answers name one.
    pub to: Option<String>,
    /// Longest time to wait for the relay's answer, and for the arrival.
    pub deadline: Duration,
    /// The mailbox in which its arrival is looked for, if the answers name one.
    pub arrival: Option<Box<Mailbox>>,
}

impl Desired {
    /// Every way by which mail may leave, in the order in which they are used.
    pub fn ways(&self) -> impl Iterator<Item = &WayOut> {
        std::iter::once(&self.first)
            .chain(&self.fallbacks)
            .chain(self.accounts.iter().map(|account| &account.way))
    }

    /// The value of `relayhost`.
    pub fn relayhost(&self) -> String {
        self.first.next_hop()
    }

    /// Whether mail may leave by more than one relay, so that each needs a TLS policy of its own.
    pub fn has_several_relays(&self) -> bool {
        self.ways().nth(1).is_some()
    }

    /// Whether mail may take several ways, by relays or by routes: then each next hop has a TLS policy of its own.
    pub fn has_several_ways(&self) -> bool {
        self.has_several_relays() || !self.routes.is_empty()
    }

    /// Keys and values for smtp_tls_policy_maps.
    fn policies(&self) -> Vec<(String, String)> {
        let ways = self.ways().filter(|_| self.has_several_ways()).map(WayOut::policy_entry);
        self.routes.policies(ways.collect())
    }

    /// Whether anybody logs in anywhere.
    pub fn logs_in(&self) -> bool {
        self.ways().any(WayOut::logs_in)
    }

    /// Value of `smtp_sasl_mechanism_filter`, which is one for all relays; `None` without a login.
    pub fn filter(&self) -> Option<&'static str> {
        let mut all = self.ways().map(WayOut::mechanism).filter(|mechanism| *mechanism != Mechanism::None);
        let first = all.next()?;
        Some(if all.any(|other| other != first) { Mechanism::Plain.filter() } else { first.filter() })
    }

    /// Keys and values that the answers put into a map, on a host with these parameters in force; none for main.cf, which
    /// has parameters, and for a file that has a text.
    pub fn entries(&self, file: Managed, settings: &Settings) -> Vec<(String, String)> {
        match file {
            Managed::Senders => {
                let others = self.others();
                let entries = |sender: &OneSender| sender.entries(&others, settings);
                self.one_sender.as_ref().map(entries).unwrap_or_default()
            }
            Managed::SaslPasswd => self.ways().filter_map(WayOut::login_entry).collect(),
            Managed::Accounts => self.accounts.iter().flat_map(Account::entries).collect(),
            Managed::Policies => self.policies(),
            Managed::Routes => self.routes.entries(settings),
            Managed::MainCf | Managed::Plugin | Managed::From | Managed::Logins => Vec::new(),
            Managed::Aliases if self.root.is_empty() => Vec::new(),
            Managed::Aliases => vec![("root".into(), self.root.join(", "))],
            Managed::Generic => {
                self.rewrites.iter().map(|rewrite| (rewrite.local.clone(), rewrite.public.clone())).collect()
            }
        }
    }

    /// The keys under which smtp(8) would find another login for a relay than that of the answers: the relay's bare name, for
    /// which it asks first; and where nobody logs in, the next hop too. None where nobody logs in anywhere: then it asks for no
    /// key.
    pub fn strays(&self) -> impl Iterator<Item = Stray<'_>> {
        let of = |way: &'_ WayOut| {
            let ours = way.login_entry().map(|(_, value)| value);
            let hop = ours.is_none().then(|| way.next_hop()).filter(|_| !way.logs_in());
            (ours.unwrap_or_default(), hop)
        };
        self.ways().filter(|_| self.logs_in()).flat_map(move |way| {
            let (ours, hop) = of(way);
            let host = way.relay.host.as_str();
            let keys = std::iter::once(host.to_owned()).chain(hop);
            keys.map(move |key| Stray { host, key, ours: ours.clone() })
        })
    }

    /// The text that the answers make of a file of which nothing is anybody else's; `None`: they ask for no such file.
    pub fn text(&self, file: Managed, settings: &Settings) -> Option<String> {
        match file {
            Managed::From => Some(self.one_sender.as_ref()?.text(&self.others(), settings)),
            Managed::Logins => self.limits(settings).map(|limits| limits.text()),
            _ => None,
        }
    }

    /// Who may send as whom by sendmail(1); `None`: no account is for some local logins alone.
    pub fn limits<'a>(&'a self, settings: &'a Settings) -> Option<Limits<'a>> {
        let one = self.one_sender.as_ref().map(|one| one.address.as_str());
        let known =
            self.rewrites.iter().flat_map(|rewrite| [rewrite.local.as_str(), rewrite.public.as_str()]);
        let known = known.chain(one).collect();
        let limits = Limits { accounts: &self.accounts, known, settings };
        self.accounts.iter().any(|account| account.users.is_some()).then_some(limits)
    }

    /// The senders with lines or accounts of their own.
    pub fn others(&self) -> Vec<&str> {
        let accounts = self.accounts.iter().flat_map(|account| &account.from).map(String::as_str);
        self.rewrites.iter().map(|rewrite| rewrite.local.as_str()).chain(accounts).collect()
    }

    /// The way of mail from a sender, as it is before smtp_generic_maps.
    pub fn way_of(&self, sender: &str) -> &WayOut {
        account_of(&self.accounts, sender).map_or(&self.first, |account| &account.way)
    }

    /// The route of mail to an address; `None`: it leaves by the relay.
    pub fn route_of(&self, address: &str) -> Option<&Route> {
        self.routes.of(address)
    }

    /// The relay and the login, in one line; a second line names the others.
    pub fn summary(&self) -> String {
        let others: Vec<String> = self.fallbacks.iter().map(WayOut::summary).collect();
        let then = if others.is_empty() {
            String::new()
        } else {
            format!("; if that cannot take it, through {}", others.join("; then through "))
        };
        format!("mail is to leave through {}{then}", self.first.summary())
    }

    /// The application that fetches the access token of everybody's login, if one does.
    pub fn app(&self) -> Option<&App> {
        self.first.app()
    }

    /// The logins by access tokens that relayhost fetches, in the order of the ways.
    pub fn token_logins(&self) -> Vec<TokenLogin<'_>> {
        token_logins(self.ways())
    }

    /// The applications that fetch them.
    pub fn apps(&self) -> impl Iterator<Item = &App> + Clone {
        self.token_logins().into_iter().map(|login| login.app).collect::<Vec<_>>().into_iter()
    }

    /// Has the logins of an application use this access token.
    pub fn take_token(&mut self, of: &App, token: &Secret) {
        let print = of.print();
        for way in self.ways_mut() {
            if let Auth::Login { password, app: Some(app), .. } = &mut way.auth
                && app.print() == print
            {
                *password = token.clone();
            }
        }
    }

    /// Every way, to be changed.
    pub fn ways_mut(&mut self) -> impl Iterator<Item = &mut WayOut> {
        std::iter::once(&mut self.first)
            .chain(&mut self.fallbacks)
            .chain(self.accounts.iter_mut().map(|account| &mut account.way))
    }

    /// The login's name; empty without a login.
    pub fn username(&self) -> &str {
        self.first.username()
    }

    /// The mechanism of everybody's login, `None` without authentication.
    pub fn mechanism(&self) -> Mechanism {
        self.first.mechanism()
    }

    /// The mechanism of the first way with a login: those of all others have the same plugin. `None` if nobody logs in.
    pub fn any_mechanism(&self) -> Mechanism {
        self.ways()
            .map(WayOut::mechanism)
            .find(|mechanism| *mechanism != Mechanism::None)
            .unwrap_or(Mechanism::None)
    }

    /// The local address that alerts come from: the first that is rewritten; root's where none is. `origin` is what
    /// Postfix appends to a bare user name (`myorigin`).
    pub fn alert_sender(&self, origin: &str) -> String {
        // An account's sender tries that account, and not the login of all others.
        let is_alert = |key: &&str| account_of(&self.accounts, key).is_none();
        let keys = || self.rewrites.iter().map(|rewrite| rewrite.local.as_str()).filter(is_alert);
        let whole = keys().find(|key| key.contains('@') && !key.starts_with('@')).map(str::to_owned);
        let user = || keys().find(|key| !key.contains('@')).map(|user| format!("{user}@{origin}"));
        let domain = || keys().find(|key| key.starts_with('@')).map(|domain| format!("root{domain}"));
        whole.or_else(user).or_else(domain).unwrap_or_else(|| format!("root@{origin}"))
    }

    /// The rewrite that generic(5) applies to an address.
    pub fn rewrite_of(&self, address: &str, origin: &str) -> Option<&Rewrite> {
        let of = |key: &String| self.rewrites.iter().find(|rewrite| rewrite.local.to_lowercase() == *key);
        rewrite_keys(address, origin).iter().find_map(of)
    }

    /// The address that the relay is to see of a sender on a host with these names of its own, if the answers decide it.
    pub fn public_of(&self, address: &str, origin: &str, own: &OwnNames) -> Option<&str> {
        let is_for_all = || own.has_address(address) && account_of(&self.accounts, address).is_none();
        let one = || self.one_sender.as_ref().filter(|_| is_for_all());
        let rewrite = self.rewrite_of(address, origin).map(|rewrite| rewrite.public.as_str());
        rewrite.or_else(|| Some(one()?.address.as_str()))
    }

    /// Whether the answers send as this address: it is the login's, or one that a local sender gets.
    pub fn sends_as(&self, address: &str) -> bool {
        let login = self.ways().any(|way| way.username().eq_ignore_ascii_case(address));
        let one = self.one_sender.as_ref().is_some_and(|one| one.address.eq_ignore_ascii_case(address));
        login || one || self.rewrites.iter().any(|rewrite| rewrite.public.eq_ignore_ascii_case(address))
    }

    /// The relays to which a password would cross the network unencrypted.
    pub fn in_clear(&self) -> impl Iterator<Item = &WayOut> {
        self.ways().filter(|way| way.password_in_clear())
    }
}
