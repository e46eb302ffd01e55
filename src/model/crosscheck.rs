//! What a relay's offer and its certificate mean for this host, beyond whether the conversation goes on: things that
//! bite later, or that somebody should know.

use super::certificate::{DAY, Seen, Trust};
use super::desired::Tls;
use super::mechanism::{is_plaintext, known};
use super::probe::Warning;
use super::reply::Offer;
use super::route::Route;

/// How long before its end a certificate is spoken of, in days.
const SOON: i64 = 14;

fn warning(id: &'static str, text: String, remedy: &str) -> Warning {
    Warning { id, text, remedy: remedy.to_owned() }
}

/// What follows from the offer that counts: the last one, `secure` if it came through TLS.
pub fn of_offer(route: &Route, offer: &Offer, secure: bool) -> Vec<Warning> {
    let mut all = Vec::new();
    if !secure && route.tls == Tls::None && offer.has("STARTTLS") {
        all.push(warning(
            "starttls-not-used",
            "the relay offers TLS, and the level is `none`: everybody on the way can read the mail".into(),
            "set tls = \"encrypt\" under [relay] in the answers",
        ));
    }
    if !secure && route.port == 465 {
        all.push(warning(
            "port-465-plain",
            "port 465 is for TLS from the first byte (RFC 8314), and this relay speaks plain SMTP there"
                .into(),
            "ask whoever runs the relay which port is meant; 587 has STARTTLS as a rule",
        ));
    }
    match (&offer.auth, &route.login) {
        (None, Some((user, _))) => all.push(warning(
            "login-not-offered",
            format!(
                "the relay offers no login here, so Postfix does not log in as {user}, and says nothing of it"
            ),
            if secure {
                "check the port (587 as a rule); or remove [auth] if the relay knows this host by its address"
            } else {
                "set tls = \"encrypt\" in the answers: most relays offer a login only after TLS has started"
            },
        )),
        (Some(offered), Some(_)) if !secure && offered.iter().all(|name| is_plaintext(name)) => {
            all.push(warning(
                "login-in-clear",
                format!("the relay offers only {} without TLS: everybody on the way can read the password", offered.join(", ")),
                "set tls = \"encrypt\" under [relay] in the answers if the relay offers TLS, or use another relay",
            ));
        }
        _ => {}
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

/// What follows from the choice of a mechanism whose plugin is not on the host yet.
pub fn of_mechanism(name: &str, on_host: bool) -> Option<Warning> {
    let kind = known(name).filter(|_| !on_host)?;
    Some(warning(
        "plugin-missing",
        format!("this host has no plugin for {name} yet: package {}", kind.package),
        &format!("relayhost apply (installs it; or yum install {})", kind.package),
    ))
}

/// Whether the certificate is as the level demands; else the words that Postfix would have logged, and whether
/// OpenSSL may think otherwise.
pub fn verdict(
    route: &Route,
    seen: &Seen,
    peer: &str,
    host: &str,
) -> Result<(), (Vec<String>, Option<String>)> {
    let failed = |reason: &str| {
        vec![
            format!("certificate verification failed for {peer}: {reason}"),
            "Server certificate not verified".to_owned(),
        ]
    };
    let own = seen.chain.first();
    match &seen.trust {
        Trust::Expired => return Err((failed("certificate has expired"), None)),
        Trust::NotYetValid => return Err((failed("certificate not yet valid"), None)),
        Trust::UnknownIssuer if own.is_some_and(|own| own.self_signed) => {
            return Err((failed("self-signed certificate"), None));
        }
        Trust::UnknownIssuer => {
            let issuer = seen.chain.last().map_or("?", |last| last.issuer.as_str());
            return Err((failed(&format!("untrusted issuer CN={issuer}")), None));
        }
        Trust::Unsure(reason) => {
            let doubt =
                format!("OpenSSL may take the certificate, and the probe's library does not: {reason}");
            return Err((failed(reason), Some(doubt)));
        }
        Trust::Trusted => {}
    }
    if own.is_some_and(|own| own.is_for(&route.cert_match, host, &route.host)) {
        return Ok(());
    }
    let names = own.map_or_else(|| "no name".to_owned(), |own| own.shown_names(host));
    Err((vec![format!("Server certificate not verified: {peer} has one for {names}")], None))
}

/// What should be known of a certificate that stopped nothing. `now` is seconds since 1970, `until` the end in words.
pub fn of_certificate(route: &Route, seen: &Seen, host: &str, now: i64, until: &str) -> Vec<Warning> {
    let mut all = Vec::new();
    let Some(own) = seen.chain.first() else { return all };
    let unasked = format!("the level `{}` does not ask for it", route.tls.word());
    if own.until < now {
        all.push(warning(
            "certificate-expired",
            format!("the relay's certificate ended on {until}; {unasked}"),
            "check the clock (`timedatectl`); if it is right, whoever runs the relay must renew the certificate",
        ));
    } else if own.until - now < SOON * DAY {
        let days = (own.until - now) / DAY;
        all.push(warning(
            "certificate-ends",
            format!("the relay's certificate ends on {until}, in {days} days"),
            "ask whoever runs the relay whether it is renewed by itself",
        ));
    }
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
            "set relay.host to a name that the certificate carries, and tls = \"secure\" is possible",
        ));
    }
    if !seen.proved {
        all.push(warning(
            "certificate-key",
            "the relay's certificate has a key of an old kind, which the probe cannot check".into(),
            "ask whoever runs the relay for a certificate with an RSA key of 2048 bits or more, or an elliptic curve",
        ));
    }
    all
}
