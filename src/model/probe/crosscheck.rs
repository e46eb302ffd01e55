//! Warnings about a relay's offer and its certificate: facts that do not stop the conversation, and that cause
//! failures later or that an administrator should know.

use std::net::IpAddr;

use super::Warning;
use super::certificate::{Certificate, DAY, SeenCertificate, Trust};
use super::reply::Offer;
use super::route::Route;
use crate::model::causes::table::host_key;
use crate::model::desired::Tls;
use crate::model::packages::plugin::known;
use crate::model::text;

/// Number of days before a certificate's end from which on a warning tells of it.
const SOON: i64 = 14;

fn warning(id: &'static str, text: impl Into<String>, remedy: &str) -> Warning {
    Warning { id, text: text.into(), remedy: remedy.to_owned(), plugin: None }
}

/// Warnings about the offer that counts, which is the last one; `secure`: it came through TLS.
pub fn of_offer(route: &Route, offer: &Offer, secure: bool) -> Vec<Warning> {
    let mut all = Vec::new();
    if !secure && route.tls == Tls::None && offer.has("STARTTLS") {
        all.push(warning(
            "starttls-not-used",
            "the relay offers TLS, and the level is `none`: everybody on the way can read the mail",
            &route.more_tls(),
        ));
    }
    if !secure && route.port == 465 {
        all.push(warning(
            "port-465-plain",
            "port 465 is for TLS from the first byte (RFC 8314), and this relay speaks plain SMTP there",
            "ask whoever runs the relay which port is meant; 587 has STARTTLS as a rule",
        ));
    }
    if let (None, Some((user, _))) = (&offer.auth, &route.login) {
        all.push(warning(
            "login-not-offered",
            format!(
                "the relay offers no login here, so Postfix does not log in as {user}, and logs no word about that"
            ),
            &if secure {
                "check the port (587 as a rule); or remove [auth] if the relay knows this host by its address"
                    .replace("[auth]", &route.table.as_ref().map_or_else(|| "[auth]".to_owned(), |table| format!("auth in {table}")))
            } else {
                format!("{} (most relays offer a login only after TLS has started)", route.more_tls())
            },
        ));
    }
    if let Some(size) = offer.size.filter(|size| route.size_limit == 0 || *size < route.size_limit) {
        let own =
            if route.size_limit == 0 { "any size".to_owned() } else { format!("{} bytes", route.size_limit) };
        all.push(warning(
            "size",
            format!(
                "the relay takes messages of up to {size} bytes, and this host of {own}: a larger one bounces"
            ),
            &format!("postconf -e message_size_limit={size}"),
        ));
    }
    all
}

/// The warning about a sender that is not rewritten, and has no mailbox anywhere: a relay that takes it now may refuse the
/// message, or throw it away. A relay in such a network of its own may know it.
pub fn of_sender(route: &Route) -> Option<Warning> {
    let [queued, seen] = &route.sender;
    let is_own = text::is_private(&route.host) || route.host.parse::<IpAddr>().is_ok();
    if is_own || queued != seen || !text::is_private(text::domain_of(seen)) {
        return None;
    }
    let found = format!(
        "the relay gets {seen} as the sender, since nothing rewrites it: no mailbox is there, and many relays refuse such a \
         message or throw it away after they have taken the sender"
    );
    let remedy = format!(
        "under [sender] in the answers: rewrite = {{ \"{queued}\" = \"ADDRESS\" }}, with an address that the relay knows"
    );
    Some(warning("sender-private", found, &remedy))
}

/// Warnings about the chosen mechanism: its plugin may not be on the host yet, and an eavesdropper may read the
/// password. `more_tls`: the remedy for too little TLS.
pub fn of_mechanism(name: &str, on_host: bool, secure: bool, more_tls: &str) -> Vec<Warning> {
    let mut all = Vec::new();
    if let Some(kind) = known(name).filter(|_| !on_host) {
        let missing = warning(
            "plugin-missing",
            format!("this host has no plugin for {name} yet: package {}", kind.package),
            &format!("relayhost apply (installs it; or yum install {})", kind.package),
        );
        all.push(Warning { plugin: Some(kind.plugin), ..missing });
    }
    if !secure && matches!(name, "PLAIN" | "LOGIN") {
        all.push(warning(
            "login-in-clear",
            format!("the login is {name} without TLS: everybody on the way can read the password"),
            &format!("{more_tls}, if the relay offers TLS; or use another relay"),
        ));
    }
    all
}

/// Checks that the certificate is as the level demands. The error has the words that Postfix would have logged, and
/// the reason why OpenSSL may decide otherwise.
pub fn verdict(
    route: &Route,
    seen: &SeenCertificate,
    peer: &str,
    host: &str,
) -> Result<(), (Vec<String>, Option<String>)> {
    let own = seen.chain.first();
    let (reason, doubt) = match &seen.trust {
        Trust::Expired => ("certificate has expired".to_owned(), None),
        Trust::NotYetValid => ("certificate not yet valid".to_owned(), None),
        Trust::UnknownIssuer if own.is_some_and(|own| own.self_signed) => {
            ("self-signed certificate".to_owned(), None)
        }
        Trust::UnknownIssuer => {
            let issuer = seen.chain.last().map_or("?", |last| last.issuer.as_str());
            (format!("untrusted issuer CN={issuer}"), None)
        }
        Trust::Unsure(reason) => {
            let doubt = "OpenSSL may take the certificate, and the probe's library does not";
            (reason.clone(), Some(format!("{doubt}: {reason}")))
        }
        Trust::Trusted if own.is_some_and(|own| own.is_for(&route.cert_match, host, &route.host)) => {
            return Ok(());
        }
        Trust::Trusted => {
            let names = own.map_or_else(|| "no name".to_owned(), |own| own.shown_names(host));
            return Err((vec![format!("Server certificate not verified: {peer} has one for {names}")], None));
        }
    };
    let failed = format!("certificate verification failed for {peer}: {reason}");
    Err((vec![failed, "Server certificate not verified".to_owned()], doubt))
}

/// The warning about the time for which a certificate is valid.
fn of_validity(own: &Certificate, now: i64, until: &str, unasked: &str) -> Option<Warning> {
    if own.until < now {
        return Some(warning(
            "certificate-expired",
            format!("the relay's certificate ended on {until}; {unasked}"),
            "check the clock (`timedatectl`); if it is right, whoever runs the relay must renew the certificate",
        ));
    }
    if own.from > now {
        return Some(warning(
            "certificate-not-yet-valid",
            format!("by this host's clock the relay's certificate is not valid yet; {unasked}"),
            "check the clock (`timedatectl`); if it is right, whoever runs the relay must install a certificate that is valid now",
        ));
    }
    let days = (own.until - now) / DAY;
    (days < SOON).then(|| {
        let text = format!("the relay's certificate ends on {until}, in {days} days");
        warning("certificate-ends", text, "ask whoever runs the relay whether it is renewed by itself")
    })
}

/// Warnings about a certificate that stopped nothing. `now` is in seconds since 1970, `until` is its end in words.
pub fn of_certificate(
    route: &Route,
    seen: &SeenCertificate,
    host: &str,
    now: i64,
    until: &str,
) -> Vec<Warning> {
    let Some(own) = seen.chain.first() else { return Vec::new() };
    let unasked = format!("the level `{}` does not ask for it", route.tls.word());
    let mut all: Vec<Warning> = of_validity(own, now, until, &unasked).into_iter().collect();
    if route.tls >= Tls::Verify {
        return all;
    }
    if matches!(seen.trust, Trust::UnknownIssuer) {
        all.push(warning(
            "certificate-not-trusted",
            format!("no authority that this host trusts vouches for the relay's certificate ({}); {unasked}", own.issuer),
            "for tls = \"secure\", put the authority's certificate into /etc/pki/ca-trust/source/anchors and run `update-ca-trust`",
        ));
    }
    let secure = ["nexthop".to_owned(), "dot-nexthop".to_owned()];
    if !own.is_for(&secure, host, &route.host) {
        all.push(warning(
            "certificate-name",
            format!(
                "the relay's certificate is for {}, not for {}; {unasked}",
                own.shown_names(host),
                route.host
            ),
            &format!(
                "set {} to a name that the certificate carries, and tls = \"secure\" is possible",
                host_key(route.table.as_deref())
            ),
        ));
    }
    if !seen.proved {
        all.push(warning(
            "certificate-key",
            "the relay's certificate has a key of an old kind, which the probe cannot check",
            "ask whoever runs the relay for a certificate with an RSA key of 2048 bits or more, or an elliptic curve",
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::causes::hop::Suspect;
    use crate::model::postfix::own_names::OwnNames;
    use crate::model::postfix::settings::Settings;
    use crate::model::probe::certificate::Certificate;
    use crate::model::route::nexthop::NextHop;
    use crate::model::route::written::Written;
    use crate::model::route::{self, Level, Login, Way};
    use crate::model::secret::Secret;

    const NOW: i64 = 1_800_000_000;

    fn route(level: &str, login: bool) -> Route {
        let settings: Settings = [("smtp_tls_security_level", level), ("message_size_limit", "1000")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let way = Way {
            fallback: None,
            offers: None,
            login_limits: Vec::new(),
            from: "a@b".into(),
            to: "ops@example.com".into(),
            hops: Vec::new(),
            relay: NextHop::parse("[relay.test]:587"),
            tls: Level { word: level.into(), ..Level::default() },
            login: login.then(|| Login {
                user: "u".into(),
                password: Secret::new("p"),
                at: Written::Default { parameter: "smtp_sasl_password_maps" },
            }),
            queued: "a@b".into(),
            seen: route::Addresses {
                sender: "c@d".into(),
                header: "c@d".into(),
                recipient: "ops@example.com".into(),
            },
            own: OwnNames::default(),
        };
        Route::of_host(&way, false, &settings, "host").unwrap()
    }

    fn seen(days: i64, name: &str, trust: Trust) -> SeenCertificate {
        let own = Certificate {
            subject: name.into(),
            issuer: "a CA".into(),
            names: vec![name.into()],
            from: 0,
            until: NOW + days * DAY,
            self_signed: false,
        };
        SeenCertificate { chain: vec![own], trust, proved: true }
    }

    fn ids(warnings: &[Warning]) -> Vec<&str> {
        warnings.iter().map(|warning| warning.id).collect()
    }

    #[test]
    fn a_sender_that_has_no_mailbox_anywhere_is_told_of_unless_the_relay_is_of_the_same_kind() {
        let id = |host: &str, queued: &str, seen: &str| {
            let mut route = route("may", false);
            route.host = host.to_owned();
            route.sender = [queued.to_owned(), seen.to_owned()];
            of_sender(&route).map(|warning| warning.id)
        };
        let local = "root@op5.localdomain";
        assert_eq!(id("smtp.example.com", local, local), Some("sender-private"));
        assert_eq!(id("smtp.example.com", "root@op5", "root@op5"), Some("sender-private"));
        assert_eq!(id("smtp.example.com", local, "alerts@example.com"), None);
        assert_eq!(id("smtp.example.com", "root@op5.example.com", "root@op5.example.com"), None);
        assert_eq!(id("mail.corp", local, local), None);
        assert_eq!(id("192.0.2.1", local, local), None);
    }

    #[test]
    fn a_certificate_is_spoken_of_two_weeks_before_its_end() {
        let of = |level: &str, days, name: &str, trust| {
            let all =
                of_certificate(&route(level, true), &seen(days, name, trust), "relay.test", NOW, "then");
            ids(&all).join(" ")
        };
        assert_eq!(of("secure", 15, "relay.test", Trust::Trusted), "");
        assert_eq!(of("secure", 13, "relay.test", Trust::Trusted), "certificate-ends");
        assert_eq!(of("encrypt", 13, "relay.test", Trust::Trusted), "certificate-ends");
        assert_eq!(of("encrypt", -1, "relay.test", Trust::Expired), "certificate-expired");
        assert_eq!(
            of("may", 99, "other.test", Trust::UnknownIssuer),
            "certificate-not-trusted certificate-name"
        );
    }

    #[test]
    fn a_certificate_that_is_not_valid_yet_is_spoken_of_where_nothing_asks_for_it() {
        let mut early = seen(99, "relay.test", Trust::NotYetValid);
        early.chain[0].from = NOW + 1;
        let all = of_certificate(&route("encrypt", true), &early, "relay.test", NOW, "then");
        assert_eq!(ids(&all), ["certificate-not-yet-valid"]);
        assert!(all[0].remedy.contains("timedatectl"));
    }

    #[test]
    fn a_certificate_that_is_demanded_is_judged_in_postfixs_words() {
        let of = |name: &str, trust| {
            verdict(&route("secure", true), &seen(99, name, trust), "r[1]:587", "relay.test")
        };
        assert_eq!(of("relay.test", Trust::Trusted), Ok(()));
        let words = |name: &str, trust| of(name, trust).unwrap_err().0.join(" ");
        assert!(words("other.test", Trust::Trusted).starts_with("Server certificate not verified"));
        assert!(words("relay.test", Trust::Expired).contains("certificate has expired"));
        assert!(words("relay.test", Trust::UnknownIssuer).contains("untrusted issuer CN=a CA"));
        let (_, doubt) = of("relay.test", Trust::Unsure("odd".into())).unwrap_err();
        assert!(doubt.is_some());
    }

    #[test]
    fn an_offer_is_compared_with_the_host() {
        let offer = |size| Offer { keywords: vec!["STARTTLS".into()], auth: None, size };
        assert_eq!(ids(&of_offer(&route("none", false), &offer(None), false)), ["starttls-not-used"]);
        assert_eq!(
            ids(&of_offer(&route("may", true), &offer(Some(999)), true)),
            ["login-not-offered", "size"]
        );
        assert!(of_offer(&route("may", false), &offer(Some(1000)), true).is_empty());
        let of = |name, on_host, secure| of_mechanism(name, on_host, secure, "");
        assert_eq!(ids(&of("PLAIN", false, false)), ["plugin-missing", "login-in-clear"]);
        assert!(of("PLAIN", true, true).is_empty() && of("CRAM-MD5", true, false).is_empty());
    }

    /// Where this host sets the level against the answers, the answers are no remedy.
    #[test]
    fn the_remedy_for_too_little_tls_is_where_the_level_is_written() {
        let mut route = route("none", true);
        let offer = Offer { keywords: vec!["STARTTLS".into()], auth: None, size: None };
        let remedies = |route: &Route| -> Vec<String> {
            let all = [of_offer(route, &offer, false), of_mechanism("PLAIN", true, false, &route.more_tls())]
                .concat();
            all.into_iter().map(|warning| warning.remedy).collect()
        };
        assert!(remedies(&route).iter().all(|text| text.contains("under [relay] in the answers")));
        let fault = route::Fault {
            stops: true,
            text: "x".into(),
            remedy: "`postconf -PX y`".into(),
            kind: route::FaultKind::Other,
        };
        route.suspects.push(Suspect { hop: "tls", fault, is_own: false, is_mended: false });
        let all = remedies(&route);
        assert!(all.len() == 3 && all.iter().all(|text| text.starts_with("`postconf -PX y`")), "{all:?}");
    }
}
