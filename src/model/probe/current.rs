//! The route that the host's Postfix takes now, from its settings and tables alone.

use std::collections::BTreeSet;

use super::doubt::{Doubt, Matter};
use super::mechanism::Filter;
use super::route::{self, Family, Lookup, Route};
use crate::model::causes::catalogue::Fact;
use crate::model::plan::parameters::words;
use crate::model::postfix::settings::{Settings, value, value_or};
use crate::model::route::Way;

impl Route {
    /// The route that the host's Postfix takes now for this way of a message. `to`: its recipient, if one is to be tried.
    pub fn of_host(
        way: &Way,
        to: bool,
        settings: &Settings,
        host_name: &str,
        plugins: BTreeSet<String>,
    ) -> Option<Self> {
        let relay = way.relay.clone()?;
        let (tls, doubt) = route::level(&way.tls);
        let mut doubts = route::doubts(settings);
        doubts.extend(doubt.map(|text| Doubt { from: Matter::All, text }));
        if relay.more {
            let text = "Postfix has further relays in `relayhost`, and tries those too".to_owned();
            doubts.push(Doubt { from: Matter::All, text });
        }
        let login = way.login.as_ref().map(|login| (login.user.clone(), login.password.clone()));
        let sender = [way.from.clone(), way.seen.sender.clone()];
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
        let mut route = Self {
            mx: relay.mx,
            port: relay.port,
            tls,
            implicit_tls: way.tls.wrapper,
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
            recipient: to.then(|| way.seen.recipient.clone()),
            size_limit: route::size_limit(settings),
            doubts,
            warnings: Vec::new(),
            facts,
            package: String::new(),
            relayhost: relay.text,
            host: relay.host,
        };
        route.warn(way, Vec::new());
        Some(route)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
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
        let mut ask = Ask { table: &mut |_, _| Ok(BTreeMap::new()), listens: &mut |_| None };
        let way = way_of(&host, "a@b", "c@d", &mut ask);
        let route = Route::of_host(&way, false, &settings, "other", BTreeSet::new()).unwrap();
        assert_eq!(
            (route.tls, route.implicit_tls, route.helo.as_str()),
            (Tls::Secure, true, "op5.example.com")
        );
        let facts = [Fact::Noplaintext, Fact::EntryMissing, Fact::SenderNotRewritten];
        assert_eq!(route.facts, facts.into());
        assert!(!route.family.v6 && route.doubts.len() == 1, "{route:?}");
    }
}
