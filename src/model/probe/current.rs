//! The route that the host's Postfix takes now, from its settings and tables alone.

use std::collections::BTreeSet;

use super::doubt::{Doubt, Matter};
use super::mechanism::Filter;
use super::route::{self, Family, Lookup, Route};
use crate::model::causes::catalogue::Fact;
use crate::model::desired::Tls;
use crate::model::plan::parameters::words;
use crate::model::postfix::settings::{Settings, value, value_or};
use crate::model::route::nexthop::NextHop;
use crate::model::secret::Secret;

/// The facts in force besides the settings.
#[derive(Debug)]
pub struct Current {
    /// The relay.
    pub relay: NextHop,
    /// The login that the password table has for the relay.
    pub login: Option<(String, Secret)>,
    /// Envelope sender, before and after the rewriting.
    pub sender: [String; 2],
    /// Recipient after the rewriting.
    pub recipient: Option<String>,
    /// Plugins on the host.
    pub plugins: BTreeSet<String>,
}

impl Route {
    /// The route that the host's Postfix takes now.
    pub fn of_host(current: Current, settings: &Settings, host_name: &str) -> Self {
        let Current { relay, login, sender, recipient, plugins } = current;
        let wrapper = value(settings, "smtp_tls_wrappermode") == "yes";
        let (tls, doubt) = level(settings);
        let mut doubts = route::doubts(settings);
        doubts.extend(doubt.map(|text| Doubt { from: Matter::All, text }));
        if relay.more {
            let text = "Postfix has further relays in `relayhost`, and tries those too".to_owned();
            doubts.push(Doubt { from: Matter::All, text });
        }
        let filter = Filter::new(value(settings, "smtp_sasl_mechanism_filter"));
        if let Some(table) = filter.unreadable() {
            let text = format!("Postfix filters mechanisms by a table: {table}");
            doubts.push(Doubt { from: Matter::Login, text });
        }
        let plain = value(settings, "smtp_sasl_security_options");
        let secure = value_or(settings, "smtp_sasl_tls_security_options", plain);
        let options = [plain.to_owned(), secure.to_owned()];
        let mut facts = route::facts(tls, &sender[0], &sender[1]);
        let sasl = value(settings, "smtp_sasl_auth_enable") == "yes";
        facts.insert(match (sasl, &login) {
            (_, Some(_)) => Fact::AnswersHaveLogin,
            (true, None) => Fact::EntryMissing,
            (false, None) => Fact::AnswersHaveNoLogin,
        });
        if options.iter().any(|list| words(list).iter().any(|word| word == "noplaintext")) {
            facts.insert(Fact::Noplaintext);
        }
        Self {
            mx: relay.mx,
            port: relay.port,
            tls,
            implicit_tls: wrapper,
            cert_match: route::cert_match(settings, tls),
            servername: route::servername(settings, &relay.host),
            family: Family::new(settings, None),
            lookup: Lookup::new(settings),
            address_limit: route::address_limit(settings),
            helo: route::helo(settings, host_name),
            login,
            filter,
            options,
            plugins: Some(plugins),
            sender,
            recipient,
            size_limit: route::size_limit(settings),
            doubts,
            facts,
            package: String::new(),
            relayhost: relay.text,
            host: relay.host,
        }
    }
}

/// The level of TLS in force, and the doubt about it if the probe cannot try that level.
fn level(settings: &Settings) -> (Tls, Option<String>) {
    let other =
        |name: &str| Some(format!("the level `{name}` cannot be tried here: the certificate is not checked"));
    match value(settings, "smtp_tls_security_level") {
        "may" => (Tls::May, None),
        "encrypt" => (Tls::Encrypt, None),
        "verify" => (Tls::Verify, None),
        "secure" => (Tls::Secure, None),
        name @ ("dane" | "half-dane") => (Tls::May, other(name)),
        // The two parameters from before there were levels (postconf(5)).
        "" if value(settings, "smtp_enforce_tls") == "yes" => (Tls::Verify, None),
        "" if value(settings, "smtp_use_tls") == "yes" => (Tls::May, None),
        "" | "none" => (Tls::None, None),
        name => (Tls::Encrypt, other(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_become_a_route() {
        let settings: Settings = [
            ("smtp_tls_security_level", "secure"),
            ("smtp_tls_wrappermode", "yes"),
            ("smtp_sasl_auth_enable", "yes"),
            ("smtp_sasl_security_options", "noplaintext, noanonymous"),
            ("transport_maps", "hash:/etc/postfix/transport"),
            ("inet_protocols", "ipv4"),
            ("myhostname", "op5.example.com"),
            ("smtp_helo_name", "op5.example.com"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let current = Current {
            relay: NextHop::parse("[r]:465").unwrap(),
            login: None,
            sender: ["a@b".into(), "a@b".into()],
            recipient: None,
            plugins: BTreeSet::new(),
        };
        let route = Route::of_host(current, &settings, "other");
        assert_eq!(
            (route.tls, route.implicit_tls, route.helo.as_str()),
            (Tls::Secure, true, "op5.example.com")
        );
        let facts = [Fact::Noplaintext, Fact::EntryMissing, Fact::SenderNotRewritten];
        assert_eq!(route.facts, facts.into());
        assert!(!route.family.v6 && route.doubts.len() == 1, "{route:?}");
    }
}
