//! STARTTLS, the handshake, and the check of the certificate at the level that is asked for.

use super::{Peer, Step, said, say};
use crate::engine::probe::talk::{Bad, Good, Next, Talk};
use crate::model::desired::Tls;
use crate::model::probe::certificate::SeenCertificate;
use crate::model::probe::crosscheck;
use crate::model::probe::doubt::Matter;
use crate::model::probe::reply::Offer;
use crate::sys::wire::{Broken, Wire};
use crate::sys::{clock, tls};

/// Sends STARTTLS, and returns whether TLS begins. Without an offer, a level below `encrypt` goes on without TLS.
pub fn starttls(talk: &mut Talk, wire: &mut Wire, peer: &Peer, offer: &Offer) -> Step<bool> {
    let demanded = talk.route.tls >= Tls::Encrypt;
    if !offer.has("STARTTLS") {
        if demanded {
            let words = format!("TLS is required, but was not offered by host {}", peer.name);
            let bad = Bad { offered: offer.keywords.clone(), ..Bad::new(vec![words], Matter::All) };
            return Err(Box::new(bad.with(Next::Address)));
        }
        return Ok((false, Good { text: "not offered: it goes on without TLS".into(), ..Good::default() }));
    }
    let reply = say(talk, wire, peer, "STARTTLS", "performing the EHLO handshake")?;
    if reply.is_good() {
        return Ok((true, said(&reply)));
    }
    if demanded {
        let words =
            format!("TLS is required, but host {} refused to start TLS: {}", peer.name, reply.logged());
        return Err(Box::new(Bad::reply(words, &reply, Matter::All).with(Next::Address)));
    }
    Ok((false, Good { text: format!("{}: it goes on without TLS", reply.shown()), ..said(&reply) }))
}

/// The handshake.
pub fn handshake(talk: &mut Talk, wire: &mut Wire, peer: &Peer) -> Step<()> {
    let strict = talk.route.tls >= Tls::Verify;
    let authorities = tls::Authorities::read(talk.host.bundle.as_deref(), talk.host.directory.as_deref());
    let session = tls::session(authorities, talk.route.servername.as_deref(), strict);
    let (connection, findings) = session.map_err(|error| Bad::untried(error.to_string()))?;
    wire.start_tls(connection, talk.deadline())
        .map_err(|broken| Box::new(failed(talk, wire, peer, &broken)))?;
    let Some(seen) = findings.seen() else {
        return Err(Box::new(Bad::untried("the relay showed no certificate".into())));
    };
    let offered = seen.chain.first().map(|own| own.names.clone()).unwrap_or_default();
    if strict
        && let Err((words, doubt)) = crosscheck::verdict(&talk.route, &seen, &peer.with_port, &peer.host)
    {
        let bad =
            Bad { doubt, offered, said: Some(described(&seen, &peer.host)), ..Bad::new(words, Matter::Tls) };
        return Err(Box::new(bad.with(Next::Address)));
    }
    let until = seen.chain.first().map(|own| clock::date(own.until)).unwrap_or_default();
    let now = i64::try_from(clock::unix()).unwrap_or(i64::MAX);
    talk.warn(crosscheck::of_certificate(&talk.route, &seen, &peer.host, now, &until));
    let version = wire.tls_version();
    Ok(((), Good { text: format!("{version}, {}", described(&seen, &peer.host)), offered, said: None }))
}

fn described(seen: &SeenCertificate, host: &str) -> String {
    match seen.chain.first() {
        None => "a certificate that cannot be read".into(),
        Some(own) => format!(
            "certificate for {} by {} until {}",
            own.shown_names(host),
            own.issuer,
            clock::date(own.until)
        ),
    }
}

/// The failure of a handshake. It is certain only if the relay speaks no TLS at all: OpenSSL supports more than the
/// probe's library.
fn failed(talk: &Talk, wire: &mut Wire, peer: &Peer, broken: &Broken) -> Bad {
    let text = talk.route.implicit_tls && wire.began_with_text();
    let reason = match broken {
        Broken::Lost => "lost connection".to_owned(),
        Broken::TimedOut => "Connection timed out".to_owned(),
        Broken::Endless => "-1".to_owned(),
        Broken::Tls(_) if text => "wrong version number".to_owned(),
        Broken::Tls(error) => error.to_string(),
    };
    let words = vec![
        format!("SSL_connect error to {}: {reason}", peer.with_port),
        "Cannot start TLS: handshake failure".to_owned(),
    ];
    let doubt = (!text).then(|| {
        "the probe speaks TLS 1.2 and 1.3 with forward secrecy only, and Postfix's OpenSSL may speak what the relay wants".to_owned()
    });
    // RFC 7435: a level that takes TLS if it can goes on without it.
    let next = if talk.route.tls < Tls::Encrypt { Next::Plain } else { Next::Address };
    let silence = matches!(broken, Broken::Lost | Broken::TimedOut);
    Bad { doubt, silence, next, ..Bad::new(words, Matter::Tls) }
}
