//! The route that the host's Postfix takes now, from its settings and tables alone.

use super::doubt::{Doubt, Matter};
use super::mechanism::Filter;
use super::relayhost::Relayhost;
use super::route::Route;
use crate::model::desired::Tls;
use crate::model::postfix::settings::{Settings, value, value_or};

impl Route {
    /// The route that the host's Postfix takes now, without login, sender, recipient and plugins, which are in tables and
    /// files.
    pub fn of_host(relay: Relayhost, settings: &Settings, host_name: &str) -> Self {
        let (tls, untried) = level(settings);
        let more = "Postfix has further relays in `relayhost`, and tries those too".to_owned();
        let more = relay.more.then_some(more);
        let filter = Filter::new(value(settings, "smtp_sasl_mechanism_filter"));
        let table =
            filter.unreadable().map(|table| format!("Postfix filters mechanisms by a table: {table}"));
        let plain = value(settings, "smtp_sasl_security_options");
        let secure = value_or(settings, "smtp_sasl_tls_security_options", plain);
        let mut route = Self {
            implicit_tls: value(settings, "smtp_tls_wrappermode") == "yes",
            asks_login: value(settings, "smtp_sasl_auth_enable") == "yes",
            filter,
            options: [plain.to_owned(), secure.to_owned()],
            ..Self::new(relay, tls, settings, host_name)
        };
        for (from, text) in [(Matter::All, untried), (Matter::All, more), (Matter::Login, table)] {
            route.doubts.extend(text.map(|text| Doubt { from, text }));
        }
        route
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
    use crate::model::causes::catalogue::Fact;

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
        let relay = Relayhost::parse("[r]:465").unwrap();
        let sender = ["a@b".into(), "a@b".into()];
        let route = Route { sender, ..Route::of_host(relay, &settings, "other") };
        assert_eq!(
            (route.tls, route.implicit_tls, route.helo.as_str()),
            (Tls::Secure, true, "op5.example.com")
        );
        let facts = [Fact::Noplaintext, Fact::EntryMissing, Fact::SenderNotRewritten];
        assert_eq!(route.facts(), facts.into());
        assert!(!route.family.v6 && route.doubts.len() == 1, "{route:?}");
    }
}
