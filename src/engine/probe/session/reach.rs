//! Finds the relay's addresses, in the order in which Postfix would try them, and connects to the first that accepts.

use std::io::ErrorKind;
use std::net::IpAddr;

use super::Peer;
use crate::engine::probe::names::{self, no_name};
use crate::engine::probe::talk::{Bad, Good, Stop, Talk};
use crate::model::causes::form::Form;
use crate::model::probe::Warning;
use crate::model::probe::doubt::Matter;
use crate::sys::dns::{self, Answer, Record};
use crate::sys::wire::{self, Wire};

/// Most mail exchangers whose addresses are asked for.
const EXCHANGERS: usize = 5;

/// Finds the addresses.
pub fn find(talk: &mut Talk) -> Result<Vec<Peer>, Stop> {
    talk.stage("name", |talk| {
        let hosts = if talk.route.mx { exchangers(talk)? } else { vec![talk.route.host.clone()] };
        let (mut peers, mut words, port) = (Vec::new(), Vec::new(), talk.route.port);
        talk.is_nobody_there = true;
        for host in &hosts {
            match addresses(talk, host) {
                Ok(found) => peers.extend(found.into_iter().map(|ip| Peer::new(host, (ip, port).into()))),
                Err(word) => words.push(word),
            }
        }
        peers.truncate(talk.route.address_limit);
        talk.is_nobody_there &= peers.is_empty();
        if peers.is_empty() {
            return Err(Box::new(Bad { said: hosts_file(talk), ..Bad::new(words, Matter::All) }));
        }
        let offered: Vec<String> = peers.iter().map(|peer| peer.socket.ip().to_string()).collect();
        let text = if talk.route.mx {
            let listed: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
            format!("mail for {} goes to {}", talk.route.host, listed.join(", "))
        } else if offered.first() == Some(&talk.route.host) {
            format!("{} is an address", talk.route.host)
        } else {
            format!("{} is {}", talk.route.host, offered.join(", "))
        };
        Ok((peers, Good { text, offered, said: None }))
    })
}

fn exchangers(talk: &Talk) -> Result<Vec<String>, Box<Bad>> {
    let host = &talk.route.host;
    match dns::look_up(host, Record::Mx, talk.deadline()) {
        Answer::Exchangers(all) if all.iter().any(|(_, name)| name.is_empty() || name == ".") => {
            let words = format!("Domain {host} does not accept mail (nullMX)");
            Err(Box::new(Bad::new(vec![words], Matter::All)))
        }
        Answer::Exchangers(all) => {
            // As Postfix does (valid_rr_name in dns/dns_lookup.c): whoever runs that name server chooses these names.
            let names = all.iter().map(|(_, name)| name.trim_end_matches('.'));
            let names: Vec<String> =
                names.filter(|name| Form::Host.fits(name)).take(EXCHANGERS).map(str::to_owned).collect();
            if names.is_empty() {
                let words = format!(
                    "Name service error for name={host} type=MX: Malformed or unexpected name server reply"
                );
                return Err(Box::new(Bad::new(vec![words], Matter::All)));
            }
            Ok(names)
        }
        Answer::Again(reason) => {
            let words = no_name(host, Record::Mx, "Host not found, try again");
            Err(Box::new(Bad { said: Some(reason), ..Bad::new(vec![words], Matter::All) }))
        }
        // Without an MX record, the name itself is the relay (RFC 5321 §5.1).
        _ => Ok(vec![host.clone()]),
    }
}

/// The addresses of one name. The error has Postfix's words.
fn addresses(talk: &mut Talk, host: &str) -> Result<Vec<IpAddr>, String> {
    names::addresses(host, talk.route.family, talk.route.lookup, || talk.deadline()).map_err(|unfound| {
        talk.is_nobody_there &= unfound.is_certain;
        if let Some(reason) = unfound.silence {
            talk.progress.note(&format!("name server {reason}"));
        }
        unfound.words
    })
}

/// A note if the name is in /etc/hosts, which Postfix does not read.
fn hosts_file(talk: &mut Talk) -> Option<String> {
    let (host, lookup) = (talk.route.host.clone(), talk.route.lookup);
    if lookup.native || !lookup.dns {
        return None;
    }
    let found = dns::native(&host, talk.deadline());
    let first = found.first()?;
    let text = format!(
        "this host itself knows {host} as {first}, from /etc/hosts or its like, which Postfix does not ask (smtp_host_lookup = dns)"
    );
    talk.warn([Warning {
        id: "hosts-file-only",
        text: text.clone(),
        remedy: "have the name entered in DNS; or `postconf -e 'smtp_host_lookup = dns, native'`".into(),
        plugin: None,
    }]);
    Some(text)
}

/// Connects to the first address that accepts. Returns with it the number of addresses that did not.
pub fn connect(talk: &mut Talk, peers: &[Peer]) -> Result<(Wire, Peer, usize), Stop> {
    talk.stage("connect", |talk| {
        let mut words = Vec::new();
        let mut is_certain = true;
        for (index, peer) in peers.iter().enumerate() {
            let others = index + 1 < peers.len();
            match Wire::connect(peer.socket, talk.share(others)) {
                Ok(wire) => {
                    talk.warn(slow_way(&words, &peer.name));
                    let text = format!("{} port {}", peer.socket.ip(), peer.socket.port());
                    return Ok(((wire, peer.clone(), index), Good { text, offered: words, said: None }));
                }
                Err(error) => {
                    is_certain &= is_nobody_there(error.kind());
                    words.push(format!("connect to {}: {}", peer.with_port, wire::words(&error)));
                }
            }
        }
        talk.is_nobody_there = is_certain && !talk.has_connected();
        Err(Box::new(Bad::new(words, Matter::All)))
    })
}

/// Whether an address that fails so is certain to fail for Postfix too. One that is silent may only be slow.
fn is_nobody_there(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable)
}

fn slow_way(words: &[String], good: &str) -> Option<Warning> {
    let first = words.first()?;
    Some(Warning {
        id: "address-dead",
        text: format!(
            "only {good} answers; Postfix also tries the others, and may wait for them each time ({first})"
        ),
        remedy: "if it is IPv6 that fails: set ip = \"ipv4\" under [relay] in the answers".into(),
        plugin: None,
    })
}
