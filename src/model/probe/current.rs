//! The route that the host's Postfix takes now, from its settings and tables alone.

use super::doubt::{Doubt, Matter};
use super::mechanism::Filter;
use super::route::{self, Route};
use crate::model::postfix::settings::{Settings, value, value_or};
use crate::model::route::Way;

impl Route {
    /// The route that the host's Postfix takes now for this way of a message, without plugins; `None` if the message does
    /// not leave by SMTP. `to`: whether its recipient is to be tried.
    pub fn of_host(way: &Way, to: bool, settings: &Settings, host_name: &str) -> Option<Self> {
        let relay = way.relay.clone()?;
        let (tls, untried) = route::level(&way.tls);
        let more = "Postfix has further relays in `relayhost`, and tries those too".to_owned();
        let more = relay.more.then_some(more);
        let filter = Filter::new(value(settings, "smtp_sasl_mechanism_filter"));
        let table =
            filter.unreadable().map(|table| format!("Postfix filters mechanisms by a table: {table}"));
        let plain = value(settings, "smtp_sasl_security_options");
        let secure = value_or(settings, "smtp_sasl_tls_security_options", plain);
        let mut route = Self {
            implicit_tls: way.tls.wrapper,
            asks_login: value(settings, "smtp_sasl_auth_enable") == "yes",
            login: way.login.as_ref().map(|login| (login.user.clone(), login.password.clone())),
            filter,
            options: [plain.to_owned(), secure.to_owned()],
            sender: [way.from.clone(), way.seen.sender.clone()],
            recipient: to.then(|| way.seen.recipient.clone()),
            ..Self::new(relay, tls, settings, host_name)
        };
        route.cert_match = route::cert_match(&way.tls).unwrap_or(route.cert_match);
        for (from, text) in [(Matter::All, untried), (Matter::All, more), (Matter::Login, table)] {
            route.doubts.extend(text.map(|text| Doubt { from, text }));
        }
        route.warn(way, Vec::new());
        Some(route)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::causes::catalogue::Fact;
    use crate::model::desired::Tls;
    use crate::model::postfix::maincf::MainCf;
    use crate::model::route::host::Host;
    use crate::model::route::route as way_of;
    use crate::model::route::tables::Ask;

    #[test]
    fn settings_become_a_route() {
        let settings: Settings = [
            ("smtp_tls_security_level", "secure"),
            ("smtp_tls_wrappermode", "yes"),
            ("smtp_sasl_auth_enable", "yes"),
            ("smtp_sasl_security_options", "noplaintext, noanonymous"),
            ("smtp_reply_filter", "hash:/etc/postfix/replies"),
            ("relayhost", "[r]:465"),
            ("smtp_tls_CAfile", "/ca"),
            ("smtp_sasl_password_maps", "hash:/p"),
            ("inet_protocols", "ipv4"),
            ("myhostname", "op5.example.com"),
            ("smtp_helo_name", "op5.example.com"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let host = Host::new(settings.clone(), &MainCf::new(Vec::new()), b"");
        let mut ask = Ask {
            table: &mut |_, _| Ok(BTreeMap::new()),
            listens: &mut |_| None,
            source: &mut |_, _, _| Err(()),
            text: &mut |_, _| None,
            unbuilt: Vec::new(),
        };
        let way = way_of(&host, "a@b", "c@d", &mut ask);
        let route = Route::of_host(&way, false, &settings, "other").unwrap();
        assert_eq!(
            (route.tls, route.implicit_tls, route.helo.as_str()),
            (Tls::Secure, true, "op5.example.com")
        );
        let facts = [Fact::Noplaintext, Fact::EntryMissing, Fact::SenderNotRewritten];
        assert_eq!(route.facts(), facts.into());
        assert!(!route.family.v6 && route.doubts.len() == 1, "{route:?}");
    }
}
