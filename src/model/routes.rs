//! Routes: domains whose mail does not leave by the relay, as entries of transport_maps (transport(5)).

use crate::model::postfix::settings::{Settings, value};
use crate::model::postfix::tables::items;
use crate::model::text::domain_of;
use crate::model::way_out::Tls;

/// Another way for the mail to one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The domain in lower case; with a dot before it, all domains below it.
    pub domain: String,
    /// Where its mail goes.
    pub via: Via,
    /// Level of TLS on the way there.
    pub tls: Tls,
}

/// Where the mail of a route goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// To one server.
    Host {
        /// Host name in lower case, or an address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// To the mail servers of the recipient's own domain, as DNS has them (MX).
    Direct,
}

impl Route {
    /// Its table in the answers.
    pub fn table(&self) -> String {
        format!("[[routes]] of {}", self.domain)
    }

    /// Whether it is for all domains below one, whichever there are.
    pub fn is_for_many(&self) -> bool {
        self.domain.starts_with('.')
    }

    /// Whether mail to this domain takes the route, if no other fits better. `with_parents`: whether a domain stands for those
    /// below it, too (parent_domain_matches_subdomains).
    fn covers(&self, domain: &str, with_parents: bool) -> bool {
        let domain = domain.to_ascii_lowercase();
        let is_below = |parent: &str| {
            domain.strip_suffix(parent).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
        };
        match self.domain.strip_prefix('.') {
            Some(parent) => !with_parents && is_below(parent),
            None => domain == self.domain || with_parents && is_below(&self.domain),
        }
    }

    /// An address whose mail takes the route.
    pub fn somebody(&self) -> String {
        let below = if self.is_for_many() { "any" } else { "" };
        format!("somebody@{below}{}", self.domain)
    }

    /// The next hop; `None`: it is the recipient's domain. The brackets prevent an MX look-up.
    pub fn next_hop(&self) -> Option<String> {
        match &self.via {
            Via::Host { host, port } => Some(format!("[{host}]:{port}")),
            Via::Direct => None,
        }
    }

    /// Where its mail goes, in words.
    pub fn goal(&self) -> String {
        self.next_hop().unwrap_or_else(|| match self.domain.strip_prefix('.') {
            Some(parent) => format!("the mail servers of each domain below {parent} (MX)"),
            None => format!("the mail servers of {} (MX)", self.domain),
        })
    }
}

/// All routes of a host, each of another domain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Routes(pub Vec<Route>);

impl Routes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The route of mail to an address: of several the one whose domain has the most labels (transport(5)).
    pub fn of(&self, address: &str) -> Option<&Route> {
        self.0.get(self.place_of(address)?)
    }

    /// The place of that route among all.
    pub fn place_of(&self, address: &str) -> Option<usize> {
        let domain = domain_of(address);
        let all = self.0.iter().enumerate().filter(|(_, route)| route.covers(domain, false));
        // `a.b` is asked for before `.b`, and that before `.c` would be.
        all.max_by_key(|(_, route)| route.domain.trim_start_matches('.').len()).map(|(at, _)| at)
    }

    /// A route that would take mail to this domain on a host with these parameters in force.
    pub fn taking(&self, domain: &str, settings: &Settings) -> Option<&Route> {
        let with_parents = with_parents(settings);
        self.0.iter().find(|route| route.covers(domain, with_parents))
    }

    /// Whether a route stands for domains that the answers do not name one by one.
    pub fn has_pattern(&self, settings: &Settings) -> bool {
        with_parents(settings) || self.0.iter().any(Route::is_for_many)
    }

    /// Keys and values for transport_maps, on a host with these parameters in force. A domain that is this host's own and below
    /// one of a route has an entry that changes nothing, or root's mail would leave by the route.
    pub fn entries(&self, settings: &Settings) -> Vec<(String, String)> {
        let with_parents = with_parents(settings);
        let mut all: Vec<(String, String)> = self
            .0
            .iter()
            .map(|route| (route.domain.clone(), format!("smtp:{}", route.next_hop().unwrap_or_default())))
            .collect();
        for parameter in ["mydestination", "virtual_mailbox_domains"] {
            for name in items(value(settings, parameter)) {
                let is_name = !name.contains([':', '/', '[', '!']);
                let is_known = all.iter().any(|(key, _)| key.eq_ignore_ascii_case(name));
                if is_name && !is_known && self.0.iter().any(|route| route.covers(name, with_parents)) {
                    all.push((name.to_ascii_lowercase(), ":".into()));
                }
            }
        }
        all
    }

    /// Keys and values for smtp_tls_policy_maps: smtp(8) asks it for the next hop, and for a recipient's domain and those above
    /// it with a dot (tls_policy_lookup in smtp/smtp_tls_policy.c). `all`: those of the relays, which keep their own.
    pub fn policies(&self, mut all: Vec<(String, String)>) -> Vec<(String, String)> {
        for route in &self.0 {
            let key = route.next_hop().unwrap_or_else(|| route.domain.clone());
            if all.iter().all(|(known, _)| *known != key) {
                all.push((key, route.tls.word().to_owned()));
            }
        }
        all
    }
}

/// Whether a domain in transport_maps stands for those below it, too.
fn with_parents(settings: &Settings) -> bool {
    items(value(settings, "parent_domain_matches_subdomains")).contains(&"transport_maps")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(domain: &str, via: Via) -> Route {
        Route { domain: domain.into(), via, tls: Tls::May }
    }

    fn hub() -> Via {
        Via::Host { host: "hub.example.com".into(), port: 25 }
    }

    fn routes() -> Routes {
        Routes(vec![
            route(".example.com", Via::Direct),
            route("corp.example.com", hub()),
            route(".corp.example.com", hub()),
            route("partner.example", Via::Direct),
        ])
    }

    #[test]
    fn the_route_with_the_most_labels_counts() {
        for (address, expected) in [
            ("a@corp.example.com", Some("corp.example.com")),
            ("a@CORP.example.com", Some("corp.example.com")),
            ("a@x.corp.example.com", Some(".corp.example.com")),
            ("a@x.example.com", Some(".example.com")),
            ("a@xcorp.example.com", Some(".example.com")),
            ("a@example.com", None),
            ("a@notexample.com", None),
            ("a@partner.example", Some("partner.example")),
            ("a@x.partner.example", None),
            ("root", None),
        ] {
            assert_eq!(routes().of(address).map(|route| route.domain.as_str()), expected, "{address}");
        }
    }

    #[test]
    fn what_is_this_hosts_own_keeps_its_way() {
        let of = |parents: &str| {
            let settings = [
                ("mydestination", "web1.example.com, localhost, x.partner.example, hash:/d.example.com"),
                ("parent_domain_matches_subdomains", parents),
            ];
            let settings: Settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            routes().entries(&settings)
        };
        let pair = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        let all = [
            (".example.com", "smtp:"),
            ("corp.example.com", "smtp:[hub.example.com]:25"),
            (".corp.example.com", "smtp:[hub.example.com]:25"),
            ("partner.example", "smtp:"),
        ];
        let with = |own: &str| all.into_iter().chain([(own, ":")]).map(pair).collect::<Vec<_>>();
        assert_eq!(of("relay_domains"), with("web1.example.com"));
        assert_eq!(of("relay_domains, transport_maps"), with("x.partner.example"));
    }

    #[test]
    fn each_next_hop_has_one_policy_and_the_relay_keeps_its_own() {
        let of = |relay: &str| routes().policies(vec![(relay.to_owned(), "secure".into())]);
        let (relay, hub) = ("[smtp.example.com]:587", "[hub.example.com]:25");
        let keys = |relay| of(relay).into_iter().map(|(key, _)| key).collect::<Vec<_>>();
        assert_eq!(keys(relay), [relay, ".example.com", hub, "partner.example"]);
        assert_eq!(keys(hub), [hub, ".example.com", "partner.example"]);
        assert_eq!(of(hub).first().unwrap().1, "secure");
    }
}
