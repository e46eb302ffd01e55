//! The part of a plan about next hops that are this host itself: its own Postfix would hand itself the mail over and over, until
//! that has passed through it fifty times and comes back (hopcount_limit).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Plan, Remedy, State};
use crate::error::Complaint;
use crate::model::desired::{Desired, WayOut};
use crate::model::postfix::mastercf::{MasterCf, Service};
use crate::model::postfix::settings::{Settings, value};
use crate::model::routes::Via;

/// What this host is to others, and where its own Postfix takes mail.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Itself {
    names: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    listeners: Vec<Listener>,
    interfaces: Interfaces,
}

/// A service that takes mail from the network.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listener {
    /// Its address, where master.cf names one; else it listens at those of inet_interfaces.
    address: Option<String>,
    port: u16,
}

/// The addresses at which a service without one of its own listens (`inet_interfaces`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Interfaces {
    /// All of this host; also where names in it would have to be looked up.
    #[default]
    All,
    /// Loopback alone.
    Loopback,
    /// These.
    Listed(BTreeSet<IpAddr>),
}

impl Interfaces {
    fn new(text: &str) -> Self {
        let named: Vec<&str> = text.split([',', ' ', '\t', '\n']).filter(|name| !name.is_empty()).collect();
        let is_loopback = |name: &&str| matches!(*name, "localhost" | "loopback-only");
        let bare = |name: &&str| name.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        if !named.is_empty() && named.iter().all(is_loopback) {
            Self::Loopback
        } else if let Some(listed) = named.iter().map(bare).collect::<Option<BTreeSet<_>>>() {
            if listed.is_empty() { Self::All } else { Self::Listed(listed) }
        } else {
            Self::All
        }
    }

    fn has(&self, address: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Loopback => address.is_loopback(),
            Self::Listed(listed) => listed.contains(&address),
        }
    }
}

impl Listener {
    /// Takes `smtp`, `10025`, `127.0.0.1:10025` or `[::1]:smtp` (master(5)).
    fn new(service: &Service) -> Option<Self> {
        let (address, port) = match service.name.rsplit_once(':') {
            Some((address, port)) => (Some(address.trim_matches(['[', ']']).to_ascii_lowercase()), port),
            None => (None, service.name.as_str()),
        };
        let port = match port {
            "smtp" => 25,
            "submission" => 587,
            "submissions" | "smtps" | "ssmtp" | "urd" => 465,
            number => number.parse().ok()?,
        };
        Some(Self { address: address.filter(|address| !address.is_empty()), port })
    }

    /// Whether it listens at this address. One that is a name may be any.
    fn is_at(&self, address: IpAddr, interfaces: &Interfaces) -> bool {
        match self.address.as_deref() {
            None => interfaces.has(address),
            Some("localhost") => address.is_loopback(),
            Some(own) => own.parse::<IpAddr>().map_or(true, |own| own.is_unspecified() || own == address),
        }
    }
}

impl Itself {
    /// Takes them from parameters in force, from master.cf, and from the system: `hostname` is its name, `addresses` are those of
    /// its network interfaces.
    pub fn new(
        settings: &Settings,
        master: &MasterCf,
        hostname: &str,
        addresses: impl IntoIterator<Item = IpAddr>,
    ) -> Self {
        let domain = value(settings, "mydomain");
        let names = [value(settings, "myhostname"), hostname, "localhost", "localhost.localdomain"];
        let names = names.map(str::to_ascii_lowercase).into_iter().filter(|name| !name.is_empty());
        let more = (!domain.is_empty()).then(|| format!("localhost.{}", domain.to_ascii_lowercase()));
        let listeners = master.services().filter(|service| takes_mail(service)).filter_map(Listener::new);
        Self {
            names: names.chain(more).collect(),
            addresses: addresses.into_iter().collect(),
            listeners: listeners.collect(),
            interfaces: Interfaces::new(value(settings, "inet_interfaces")),
        }
    }

    /// Whether its own Postfix would take mail for this next hop. Where another program has the port, such as stunnel, the mail
    /// goes on from there.
    fn takes(&self, host: &str, port: u16) -> bool {
        let mut listeners = self.listeners.iter().filter(|listener| listener.port == port);
        let Ok(address) = host.parse::<IpAddr>() else {
            let is_own = self.names.contains(&host.trim_end_matches('.').to_ascii_lowercase());
            return (is_own || host.ends_with(".localhost")) && listeners.next().is_some();
        };
        // A connection to 0.0.0.0 or :: goes to this host.
        let address = match address.to_canonical() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
            other => other,
        };
        let is_own = address.is_loopback() || self.addresses.contains(&address);
        is_own && listeners.any(|listener| listener.is_at(address, &self.interfaces))
    }

    /// The complaints about the ways of the answers, one for each next hop, with the key that names it.
    /// `addresses`: those that smtp(8) would find for a name.
    pub fn complaints(&self, desired: &Desired, addresses: impl Fn(&str) -> Vec<IpAddr>) -> Vec<Complaint> {
        let way = |key: &'static str| move |way: &WayOut| (key, way.relay.host.clone(), way.relay.port);
        let routes = desired.routes.0.iter().filter_map(|route| match &route.via {
            Via::Host { host, port } => Some(("via of [[routes]]", host.clone(), *port)),
            Via::Direct => None,
        });
        let all = std::iter::once(&desired.first).map(way("host of [relay]"));
        let all = all.chain(desired.fallbacks.iter().map(way("host of [[relay.fallback]]")));
        let accounts = desired.accounts.iter().map(|account| &account.way).map(way("host of [[senders]]"));
        let mut known = BTreeSet::new();
        all.chain(accounts)
            .chain(routes)
            .filter(|(_, host, port)| known.insert((host.clone(), *port)))
            .filter_map(|(key, host, port)| {
                if self.takes(&host, port) {
                    return Some(complaint(key, &host, port, None));
                }
                // No name server is asked about a port at which nothing of this host's takes mail.
                let is_listening = self.listeners.iter().any(|listener| listener.port == port);
                let found = if is_listening { addresses(&host) } else { Vec::new() };
                let own = found.into_iter().find(|address| self.takes(&address.to_string(), port))?;
                Some(complaint(key, &host, port, Some(own)))
            })
            .collect()
    }
}

/// The name of the finding.
pub const ITSELF: &str = "route.itself";

fn complaint(key: &str, host: &str, port: u16, address: Option<IpAddr>) -> Complaint {
    let leads = address.map(|address| format!(" (its address is {address})")).unwrap_or_default();
    let problem = format!(
        "{key}: `{host}` with port {port}{leads} is this host itself, and its own Postfix takes mail there (master.cf): mail would go \
         round in a loop"
    );
    let remedy = "name the server that is to take the mail, or the port of another program on this host that hands it on (a tunnel \
                  at localhost, say)";
    Complaint::new(problem, remedy)
}

/// Whether a service takes mail from the network.
fn takes_mail(service: &Service) -> bool {
    matches!(service.kind.as_str(), "inet" | "pass")
        && matches!(service.command.as_str(), "smtpd" | "postscreen")
}

impl Plan {
    /// Adds the complaints about next hops that are this host.
    pub fn loops(&mut self, complaints: Vec<Complaint>) {
        for Complaint { problem, remedy } in complaints {
            self.add(ITSELF, State::Differs, problem, Remedy::Say(remedy));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_hop_is_this_host_where_its_own_postfix_listens() {
        let pairs = [("myhostname", "Web1.Example.com"), ("mydomain", "example.com")];
        let settings: Settings = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let master = MasterCf::new(
            b"smtp inet n - n - - smtpd\n127.0.0.1:10026 inet n - n - - smtpd\nsubmission inet n - n - - smtpd\n\
              smtp unix - - n - - smtp\n8025 inet n - n - 1 spawn user=x argv=/bin/true\n",
        );
        let addresses = ["192.0.2.2", "2001:db8::2"].map(|text| text.parse().unwrap());
        let own = Itself::new(&settings, &master, "web1", addresses);
        for (host, port, expected) in [
            ("127.0.0.1", 25, true),
            ("127.8.8.8", 587, true),
            ("::1", 25, true),
            ("::ffff:127.0.0.1", 25, true),
            ("0.0.0.0", 25, true),
            ("localhost", 10026, true),
            ("localhost.example.com", 25, true),
            ("a.localhost", 25, true),
            ("web1.example.com", 25, true),
            ("web1.example.com.", 25, true),
            ("web1", 25, true),
            ("192.0.2.2", 25, true),
            ("2001:db8::2", 25, true),
            ("localhost", 10025, false),
            ("localhost", 8025, false),
            ("192.0.2.3", 25, false),
            ("web2.example.com", 25, false),
            ("example.com", 25, false),
        ] {
            assert_eq!(own.takes(host, port), expected, "{host}:{port}");
        }
    }

    #[test]
    fn where_its_postfix_does_not_listen_another_may() {
        let master = MasterCf::new(b"smtp inet n - n - - smtpd\n127.0.0.1:10026 inet n - n - - smtpd\n[::1]:2526 inet n - n - - smtpd\n");
        for (interfaces, host, port, expected) in [
            ("localhost", "127.0.0.1", 25, true),
            ("localhost", "192.0.2.2", 25, false),
            ("loopback-only", "192.0.2.2", 25, false),
            ("all", "192.0.2.2", 25, true),
            ("", "192.0.2.2", 25, true),
            ("127.0.0.1, [::1]", "192.0.2.2", 25, false),
            ("127.0.0.1, 192.0.2.2", "192.0.2.2", 25, true),
            ("$myhostname, localhost", "192.0.2.2", 25, true),
            ("all", "192.0.2.2", 10026, false),
            ("all", "127.0.0.1", 10026, true),
            ("all", "127.0.0.1", 2526, false),
            ("all", "::1", 2526, true),
            ("all", "localhost", 2526, true),
        ] {
            let settings: Settings = [("inet_interfaces".to_owned(), interfaces.to_owned())].into();
            let own = Itself::new(&settings, &master, "web1", ["192.0.2.2".parse().unwrap()]);
            assert_eq!(own.takes(host, port), expected, "{interfaces}: {host}:{port}");
        }
    }
}
