//! The way of a message that is submitted on this host now: THE function that says, hop by hop, what Postfix does with it,
//! and where each decision is written. `route`, `check` and `probe` all read it.

mod address;
#[cfg(test)]
mod by_hand;
mod filter;
mod here;
pub mod host;
pub mod judge;
mod lists;
pub mod local;
pub mod login;
#[cfg(test)]
mod master_tests;
pub mod nexthop;
mod offer;
mod policy;
mod sender;
mod service;
pub mod tables;
#[cfg(test)]
mod tests;
mod tls;
mod transport;
pub mod written;

use crate::error::typed;
use crate::model::oauth::App;
use crate::model::postfix::own_names::OwnNames;
use crate::model::postfix::tables::{is_built, path_of};
use crate::model::secret::Secret;
use host::Host;
use nexthop::NextHop;
use tables::{Ask, Trouble, Unbuilt};
pub use tls::Level;
use transport::End;
use written::Written;

/// The way of one message.
#[derive(Debug)]
pub struct Way {
    /// Its envelope sender, as it is submitted.
    pub from: String,
    /// Its recipient, as it is submitted.
    pub to: String,
    /// The hops, in the order in which Postfix decides them.
    pub hops: Vec<Hop>,
    /// The relay; `None` if the message does not leave by SMTP.
    pub relay: Option<NextHop>,
    /// What smtp(8) tries where the relay does not answer (smtp_fallback_relay), if there is something.
    pub fallback: Option<host::Value>,
    /// The table by which the relay's address decides what of its offers smtp(8) passes over, if there is one.
    pub offers: Option<host::Value>,
    /// The level of TLS on the way to the relay.
    pub tls: Level,
    /// The login at the relay.
    pub login: Option<Login>,
    /// Options of the service that limit the login, each with its place.
    pub login_limits: Vec<(String, Written)>,
    /// The envelope sender as the message is queued.
    pub queued: String,
    /// The addresses as the relay sees them.
    pub seen: Addresses,
    /// The domains of this host.
    pub own: OwnNames,
}

/// Addresses of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addresses {
    /// The envelope sender.
    pub sender: String,
    /// The address in the header From.
    pub header: String,
    /// The recipient.
    pub recipient: String,
}

/// A login at the relay.
#[derive(Debug)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// The password.
    pub password: Secret,
    /// Where it is written.
    pub at: Written,
}

/// One decision on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hop {
    /// `rewrite`, `filter`, `alias`, `transport`, `service`, `address`, `tls`, `login` or `sender`.
    pub name: &'static str,
    /// The decision, in words; `—`: nothing happens here.
    pub value: String,
    /// The places in which it is written.
    pub at: Vec<Written>,
    /// Faults that this hop has whatever the answers say.
    pub faults: Vec<Fault>,
    /// What could not be found out, and what another message may meet here.
    pub notes: Vec<String>,
}

/// A fault of a hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether it keeps the message from leaving.
    pub stops: bool,
    /// The fault, in words.
    pub text: String,
    /// The remedy, in words.
    pub remedy: String,
    /// What it is a fault of.
    pub kind: FaultKind,
}

/// What a fault is of, as far as that tells which failures can come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FaultKind {
    /// A table that Postfix cannot read.
    Table,
    /// Mail that stays in the queue, so that nobody tries to send it.
    Kept,
    /// A message that stays on this host.
    Here,
    /// Any other.
    #[default]
    Other,
}

/// The value of a hop at which nothing happens.
pub const NOTHING: &str = "—";

impl Hop {
    fn new(name: &'static str) -> Self {
        Self { name, value: NOTHING.into(), at: Vec::new(), faults: Vec::new(), notes: Vec::new() }
    }

    fn fault(&mut self, stops: bool, text: impl Into<String>, remedy: impl Into<String>) {
        self.fault_of(FaultKind::Other, stops, text, remedy);
    }

    fn fault_of(&mut self, kind: FaultKind, stops: bool, text: impl Into<String>, remedy: impl Into<String>) {
        let fault = Fault { stops, text: text.into(), remedy: remedy.into(), kind };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    /// Notes a table that could not be asked: a fault if Postfix cannot read it either.
    fn trouble(&mut self, trouble: &Trouble) {
        let (table, parameter) = (&trouble.table, trouble.at.parameter());
        let text = format!("{parameter}: {table} could not be asked: {}", trouble.reason);
        if trouble.broken {
            let remedy = if trouble.reason.contains("unsupported dictionary type") {
                format!(
                    "name a table of another type in {parameter} ({}); `postconf -m` lists the types",
                    trouble.at
                )
            } else if is_built(table) {
                let build = build(parameter, table);
                format!(
                    "see that its source is there, and build it ({build}); or take it out of {parameter} ({})",
                    trouble.at
                )
            } else {
                format!("mend the table, or take it out of {parameter} ({})", trouble.at)
            };
            let text = format!("{text}; Postfix puts off what needs it");
            self.fault_of(FaultKind::Table, true, text, remedy);
        } else {
            self.notes.push(text);
        }
    }

    /// The result of a look-up; a table that could not be asked is noted, and counts as one without the key.
    fn found<T>(&mut self, result: Result<Option<T>, Trouble>) -> Option<T> {
        result.unwrap_or_else(|trouble| {
            self.trouble(&trouble);
            None
        })
    }

    /// The hop, with the tables that it asked and whose source was changed and not built.
    fn also(mut self, ask: &mut Ask) -> Self {
        for Unbuilt { parameter, table, key, line } in std::mem::take(&mut ask.unbuilt) {
            let path = path_of(&table).unwrap_or_default();
            let source = match line {
                Some(line) => format!("{path} line {line} has another entry for {key} than the database"),
                None => format!("{path} has no entry for {key} any more, and the database has one"),
            };
            let text = format!(
                "{parameter}: {source}, and Postfix goes by the database: it was edited and not built"
            );
            self.fault(false, text, build(parameter, &table));
        }
        self
    }

    /// Notes a next hop that smtp(8) cannot read.
    fn unreadable(&mut self, host: &Host, nexthop: &str, reason: &str) {
        let at = self.at.first();
        let place = at.map(|at| format!(" ({at})")).unwrap_or_default();
        let text = format!(
            "smtp(8) cannot read the next hop `{nexthop}`{place}, since {reason}: it ends at once, and all mail for it waits"
        );
        let remedy = match (at, NextHop::meant(nexthop)) {
            (Some(Written::Main { parameter: "relayhost", .. }), Some(meant)) => {
                format!("`postconf -e {}`, then `postfix reload`", typed(format!("relayhost={meant}")))
            }
            (Some(at), Some(meant)) => format!("write {meant} there; or {}", at.undo(&host.version)),
            (Some(at), None) => at.undo(&host.version),
            (None, _) => String::new(),
        };
        self.fault(true, text, remedy);
    }

    /// Notes that the login is by an access token, of a mechanism, and with what the token is fetched if `app` is known.
    pub fn note_token(&mut self, mechanism: &str, app: Option<&App>) {
        let fetched = app.map(|app| format!(", fetched with {}", app.identity())).unwrap_or_default();
        self.notes.push(format!("the password of this entry is an access token ({mechanism}){fetched}"));
    }

    /// Whether the hop is worth a line: the kinds of addresses are not, unless something is set there.
    pub fn is_shown(&self) -> bool {
        self.name != "address" || self.at.len() > 1 || !self.faults.is_empty()
    }

    /// The places, in one line.
    pub fn places(&self) -> String {
        self.at.iter().map(Written::short).collect::<Vec<_>>().join("; ")
    }
}

impl Way {
    /// Whether a hop keeps the message from leaving.
    pub fn is_blocked(&self) -> bool {
        self.hops.iter().any(|hop| hop.faults.iter().any(|fault| fault.stops))
    }

    /// The hop of this name.
    pub fn hop(&self, name: &str) -> Option<&Hop> {
        self.hops.iter().find(|hop| hop.name == name)
    }

    /// Notes that master(8) does not run.
    pub fn stopped(&mut self) {
        if let Some(hop) = self.hops.iter_mut().find(|hop| hop.name == "service") {
            let text = "Postfix is not running: nothing leaves this host until it does";
            hop.fault(true, text, "`systemctl start postfix` (`postfix start` where systemd does not run)");
        }
    }
}

/// The command that builds a table.
pub fn build(parameter: &str, table: &str) -> String {
    let table = typed(table.trim_start_matches("proxy:"));
    if parameter == "alias_maps" { format!("`postalias {table}`") } else { format!("`postmap {table}`") }
}

/// An envelope sender for a person.
pub fn shown(sender: &str) -> &str {
    if sender.is_empty() { "<>" } else { sender }
}

/// Aliases and other addresses that are followed one after another: each sends the message through cleanup(8) again.
const ROUNDS: usize = 10;

/// The way of a message from `from` to `to` that a program on this host submits by sendmail(1).
pub fn route(host: &Host, from: &str, to: &str, ask: &mut Ask) -> Way {
    let (rewrite, mut seen, redirected) = address::rewrite(host, from, to, ask);
    let rewrite = rewrite.also(ask);
    let (filter, filtered) = filter::filter(host, (from, to), &mut seen, ask);
    let mut hops = vec![rewrite, filter.also(ask)];
    let (mut transport, end) = match filtered {
        Some(filtered) => transport::filtered(host, &filtered, &seen.recipient),
        None => chosen(host, &mut seen, redirected, &mut hops, ask),
    };
    let service = service::service(host, &end.channel, &end.at);
    let program = host.master.find(&end.channel, "unix").map(|service| service.command.as_str());
    let is_smtp = (program == Some("smtp") || program.is_none()) && !end.stays;
    let relay = match NextHop::read(&end.nexthop, host.version.at_least(3, 5)) {
        Err(reason) if is_smtp && program.is_some() => {
            transport.unreadable(host, &end.nexthop, reason);
            None
        }
        read => read.ok().filter(|_| is_smtp),
    };
    let mut way = Way {
        from: from.to_owned(),
        to: to.to_owned(),
        hops,
        relay: None,
        fallback: None,
        offers: None,
        tls: Level::default(),
        login: None,
        login_limits: login::limits(host, &end.channel),
        queued: seen.sender.clone(),
        seen,
        own: OwnNames::new(&host.settings),
    };
    let Some(relay) = relay else {
        way.hops.extend([transport, service]);
        return way;
    };
    let fallback = service::fallback(host, &end.channel, &relay, &mut transport);
    let (tls, level) = tls::tls(host, &end.channel, &relay, ask);
    let tls = tls.also(ask);
    let (login_hop, login) = login::login(host, &end.channel, &relay, &way.seen.sender, ask);
    let login_hop = login_hop.also(ask);
    let sender = sender::sender(host, &end.channel, &mut way.seen, ask).also(ask);
    let address = service::address(host, &end.channel);
    way.hops.extend([transport, service, address, tls, login_hop, sender]);
    let offers = offer::by_address(host, &end.channel);
    Way { relay: Some(relay), fallback, offers, tls: level, login, ..way }
}

/// The transport of a message, for the recipient to whom local(8) sends it on, if it does so: each time a hop of its own.
fn chosen(
    host: &Host,
    seen: &mut Addresses,
    mut redirected: Option<Written>,
    hops: &mut Vec<Hop>,
    ask: &mut Ask,
) -> (Hop, End) {
    loop {
        let (transport, end) = transport::transport(host, seen, redirected.as_ref(), ask);
        let mut transport = transport.also(ask);
        let service = host.master.find(&end.channel, "unix");
        let is_local = end.stays && service.map_or("local", |service| &service.command) == "local";
        if !is_local || hops.len() > ROUNDS {
            return (transport, end);
        }
        let mut alias = Hop::new("alias");
        let before = seen.recipient.clone();
        let next = local::forwarded(host, &before, &mut seen.sender, &mut alias, ask);
        redirected = alias.at.last().cloned();
        if let Ok(next) = &next {
            // local(8) hands the message to cleanup(8) for its new recipient.
            seen.recipient = address::recipient(host, next, &mut alias, ask);
            alias.value = format!("{before} → {}", seen.recipient);
        }
        let alias = alias.also(ask);
        if !alias.at.is_empty() || !alias.faults.is_empty() {
            hops.push(alias);
        }
        if let Err(stays) = next {
            here::explain(host, &before, &stays, &mut transport);
            return (transport, end);
        }
    }
}
