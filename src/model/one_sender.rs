//! One sender for all mail of this host: the envelope by sender_canonical_maps, which rewrites no recipient, and the headers
//! by smtp_header_checks.

use std::collections::BTreeSet;

use crate::model::postfix::header_from::{DisplayName, HeaderFrom, Rule};
use crate::model::postfix::own_names::OwnNames;
use crate::model::postfix::settings::{Settings, value};
use crate::model::postfix::tables::items;
use crate::model::text::is_address;

/// The one sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneSender {
    /// The address as which everybody sends who has no line of his own.
    pub address: String,
    /// The name beside it; `None`: the sender's own stays.
    pub name: Option<DisplayName>,
}

impl OneSender {
    /// Keys and values for sender_canonical_maps. `others`: the senders with lines of their own in smtp_generic_maps, which
    /// smtp(8) rewrites later. Each key is looked up after all that name one address, also those of tables beside this one.
    pub fn entries(&self, others: &[&str], settings: &Settings) -> Vec<(String, String)> {
        let own = OwnNames::new(settings);
        let mut all = Vec::new();
        let mut known = BTreeSet::new();
        let mut add = |key: String, value: String| {
            if known.insert(key.to_lowercase()) {
                all.push((key, value));
            }
        };
        for other in others {
            match other.rsplit_once('@') {
                Some((_, domain)) if own.has(domain) => add((*other).to_owned(), (*other).to_owned()),
                Some(_) => {}
                None => own.local.iter().for_each(|domain| {
                    let whole = format!("{other}@{domain}");
                    add(whole.clone(), whole);
                }),
            }
        }
        // By this sender Postfix knows its own notices, of which it must not send notices again.
        let notices =
            format!("{}@{}", value(settings, "double_bounce_sender"), value(settings, "myhostname"));
        if is_address(&notices) {
            add(notices.clone(), notices);
        }
        own.all().for_each(|domain| add(format!("@{domain}"), self.address.clone()));
        all
    }

    /// The rules for the headers.
    pub fn rules(&self, others: &[&str], settings: &Settings) -> Vec<Rule> {
        self.of_headers(others, settings, &OwnNames::new(settings)).rules()
    }

    /// The rules for the headers as the text of a table.
    pub fn text(&self, others: &[&str], settings: &Settings) -> String {
        self.of_headers(others, settings, &OwnNames::new(settings)).text()
    }

    fn of_headers<'a>(
        &'a self,
        others: &'a [&'a str],
        settings: &'a Settings,
        own: &'a OwnNames,
    ) -> HeaderFrom<'a> {
        HeaderFrom {
            address: &self.address,
            name: self.name.as_ref(),
            host: value(settings, "myhostname"),
            own,
            others,
            is_alone: is_alone(settings),
        }
    }
}

/// Whether all mail comes from this host itself.
fn is_alone(settings: &Settings) -> bool {
    let is_loopback = |word: &&str| {
        let address = word.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
        matches!(*word, "localhost" | "loopback-only") || address.is_ok_and(|address| address.is_loopback())
    };
    items(value(settings, "inet_interfaces")).iter().all(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(interfaces: &str) -> Settings {
        [
            ("myhostname", "web1.example.com"),
            ("mydomain", "example.com"),
            ("myorigin", "web1.example.com"),
            ("mydestination", "localhost"),
            ("inet_interfaces", interfaces),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    #[test]
    fn each_own_domain_has_an_entry_and_who_has_a_line_of_his_own_keeps_his_address() {
        let sender = OneSender { address: "alerts@example.com".into(), name: None };
        let others = ["monitor@web1", "backup", "@localhost", "x@example.org"];
        let entries = sender.entries(&others, &settings("all"));
        let all: Vec<_> = entries.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(
            all,
            [
                ("monitor@web1", "monitor@web1"),
                ("backup@web1.example.com", "backup@web1.example.com"),
                ("backup@localhost", "backup@localhost"),
                ("@localhost", "@localhost"),
                ("double-bounce@web1.example.com", "double-bounce@web1.example.com"),
                ("@web1.example.com", "alerts@example.com"),
                ("@web1", "alerts@example.com"),
                ("@localhost.localdomain", "alerts@example.com"),
                ("@[127.0.0.1]", "alerts@example.com"),
                ("@[ipv6:::1]", "alerts@example.com"),
                ("@localhost.example.com", "alerts@example.com"),
            ]
        );
    }

    #[test]
    fn a_host_is_alone_if_nobody_else_can_reach_its_postfix() {
        for (interfaces, expected) in [
            ("localhost", true),
            ("loopback-only", true),
            ("127.0.0.1, [::1]", true),
            ("all", false),
            ("localhost, 192.0.2.1", false),
        ] {
            assert_eq!(is_alone(&settings(interfaces)), expected, "{interfaces}");
        }
    }
}
