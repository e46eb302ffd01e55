//! The way of a message that is submitted on this host now: THE function that says, hop by hop, what Postfix does with it,
//! and where each decision is written. `route`, `check` and `probe` all read it.

mod address;
mod filter;
pub mod host;
pub mod judge;

pub mod login;
pub mod nexthop;
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
use crate::model::postfix::tables::is_built;
use crate::model::secret::Secret;
use host::Host;
use nexthop::NextHop;
use tables::{Ask, Trouble};
pub use tls::Level;
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
    /// The level of TLS on the way to the relay.
    pub tls: Level,
    /// The login at the relay.
    pub login: Option<Login>,
    /// The envelope sender as the message is queued.
    pub queued: String,
    /// The addresses as the relay sees them.
    pub seen: Seen,
}

/// Addresses of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
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
    /// `rewrite`, `filter`, `transport`, `service`, `address`, `tls`, `login` or `sender`.
    pub name: &'static str,
    /// The decision, in words; `—`: nothing happens here.
    pub value: String,
    /// The places in which it is written.
    pub at: Vec<Written>,
    /// Faults that this hop has whatever the answers say.
    pub faults: Vec<Fault>,
    /// What could not be told, and what another message may meet here.
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
}

/// The value of a hop at which nothing happens.
pub const NOTHING: &str = "—";

impl Hop {
    fn new(name: &'static str) -> Self {
        Self { name, value: NOTHING.into(), at: Vec::new(), faults: Vec::new(), notes: Vec::new() }
    }

    fn fault(&mut self, stops: bool, text: impl Into<String>, remedy: impl Into<String>) {
        let fault = Fault { stops, text: text.into(), remedy: remedy.into() };
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
                let build = format!("`postmap {}`", typed(table.trim_start_matches("proxy:")));
                format!(
                    "see that its source is there, and build it ({build}); or take it out of {parameter} ({})",
                    trouble.at
                )
            } else {
                format!("mend the table, or take it out of {parameter} ({})", trouble.at)
            };
            self.fault(true, format!("{text}; Postfix puts off what needs it"), remedy);
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
}

/// The way of a message from `from` to `to` that a program on this host submits by sendmail(1).
pub fn route(host: &Host, from: &str, to: &str, ask: &mut Ask) -> Way {
    let (rewrite, mut seen, redirected) = address::rewrite(host, from, to, ask);
    let filter = filter::filter(host, &seen, ask);
    let (transport, end) = transport::transport(host, &seen, redirected.as_ref(), ask);
    let service = service::service(host, &end.channel);
    let mut way = Way {
        from: from.to_owned(),
        to: to.to_owned(),
        hops: vec![rewrite, filter, transport, service],
        relay: None,
        tls: Level::default(),
        login: None,
        queued: seen.sender.clone(),
        seen: seen.clone(),
    };
    let is_smtp = host.master.is_empty()
        || host.master.find(&end.channel, "unix").is_none_or(|service| service.command == "smtp");
    let Some(relay) = NextHop::parse(&end.nexthop).filter(|_| is_smtp && !end.stays) else { return way };
    let (tls, level) = tls::tls(host, &end.channel, &relay, ask);
    let (login_hop, login) = login::login(host, &end.channel, &relay, &seen.sender, ask);
    let sender = sender::sender(host, &end.channel, &mut seen, ask);
    way.hops.extend([service::address(host, &end.channel), tls, login_hop, sender]);
    Way { relay: Some(relay), tls: level, login, seen, ..way }
}
