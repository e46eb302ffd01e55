//! The service in master.cf that delivers: whether it is there, with which options, in which root and as which user it runs
//! (master(5)); and the addresses from which it connects.

use super::Hop;
use super::host::Host;
use super::nexthop::NextHop;
use super::written::Written;
use crate::error::typed;
use crate::model::postfix::mastercf::{BadArgument, Service};

/// Options that are named one by one; of more only the number is.
const NAMED: usize = 6;
/// Services that every message of this host passes.
const PASSED: [&str; 4] = ["pickup", "cleanup", "qmgr", "rewrite"];

/// The hop of the service. `at`: the place that names it as the transport.
pub fn service(host: &Host, channel: &str, at: &Written) -> Hop {
    let mut hop = Hop::new("service");
    if host.master.is_empty() {
        "unknown".clone_into(&mut hop.value);
        hop.notes.push("master.cf has no service that can be read".into());
        return hop;
    }
    let Some(service) = host.master.find(channel, "unix") else {
        hop.value = format!("{channel}/unix is missing");
        let text = format!(
            "master.cf has no service {channel}/unix ({at}): every message for it waits in the queue"
        );
        let remedy = match template(channel) {
            Some(line) => restored(host, channel, line),
            // Nobody knows what it is meant to run.
            None => format!("{}; or write the service in master.cf", at.undo(&host.version)),
        };
        hop.fault(true, text, remedy);
        return hop;
    };
    hop.value = described(service);
    hop.at.push(Written::Master { service: service.label(), line: service.line, option: None });
    for one in host.master.services().filter(|one| PASSED.contains(&one.name.as_str())).chain([service]) {
        unread(host, one, &mut hop);
    }
    lost(host, &mut hop);
    jail(host, service, &mut hop);
    hop
}

/// Notes the services that every message passes and that master.cf does not have.
fn lost(host: &Host, hop: &mut Hop) {
    let lost: Vec<&str> = PASSED.into_iter().filter(|name| !is_there(host, name)).collect();
    if lost.is_empty() {
        return;
    }
    let text = format!(
        "master.cf has no service {}, which every message passes: nothing leaves this host",
        lost.join(" and none ")
    );
    let remedy: Vec<String> = lost.iter().map(|name| restored(host, name, passed(name))).collect();
    hop.fault(true, text, remedy.join("; "));
}

/// Notes that master.cf has no tlsmgr(8), from which smtp(8) gets the random numbers for TLS (tls/tls_client.c, tls_client_init).
/// `demands`: nothing is sent without TLS.
pub(super) fn without_tlsmgr(host: &Host, demands: bool, hop: &mut Hop) {
    if !is_there(host, "tlsmgr") {
        let text = "master.cf has no service tlsmgr, so smtp(8) cannot speak TLS";
        hop.fault(demands, text, restored(host, "tlsmgr", passed("tlsmgr")));
    }
}

fn is_there(host: &Host, name: &str) -> bool {
    host.master.services().any(|service| service.name == name)
}

/// The line of a service that many or all messages pass, as master.cf of Postfix 3.5 to 3.11 has it.
fn passed(name: &str) -> &'static str {
    match name {
        "pickup" => "pickup unix n - n 60 1 pickup",
        "cleanup" => "cleanup unix n - n - 0 cleanup",
        "qmgr" => "qmgr unix n - n 300 1 qmgr",
        "tlsmgr" => "tlsmgr unix - - n 1000? 1 tlsmgr",
        _ => "rewrite unix - - n 1000? 1 trivial-rewrite",
    }
}

/// The line of a delivery agent in the master.cf of Postfix; `None`: it has none of this name.
fn template(channel: &str) -> Option<&'static str> {
    Some(match channel {
        "smtp" => "smtp unix - - n - - smtp",
        "relay" => "relay unix - - n - - smtp",
        "lmtp" => "lmtp unix - - n - - lmtp",
        "local" => "local unix - n n - - local",
        "virtual" => "virtual unix - n n - - virtual",
        "error" => "error unix - - n - - error",
        "retry" => "retry unix - - n - - error",
        "discard" => "discard unix - - n - - discard",
        _ => return None,
    })
}

fn restored(host: &Host, channel: &str, line: &str) -> String {
    if host.version.at_least(2, 11) {
        let service = typed(format!("{channel}/unix={line}"));
        format!("`postconf -M {service}`, then `postfix reload`")
    } else {
        format!("add the line `{line}` to /etc/postfix/master.cf, then `postfix reload`")
    }
}

fn described(service: &Service) -> String {
    let mut words = vec![service.label()];
    match service.options.len() {
        0 => words.push("no options".into()),
        count if count > NAMED => words.push(format!("{count} options")),
        _ => words.extend(service.options.iter().map(|set| format!("-o {}={}", set.name, set.value))),
    }
    if service.chroot == "y" {
        words.push("in a chroot".into());
    }
    if !service.unprivileged {
        words.push("as root".into());
    }
    if let Some(user) = service.args.iter().find_map(|arg| arg.strip_prefix("user=")) {
        words.push(format!("as {user}"));
    }
    words.join(", ")
}

/// Notes an argument that the program of a service cannot read: it ends whenever master(8) starts it.
fn unread(host: &Host, service: &Service, hop: &mut Hop) {
    let has_braces = host.version.at_least(3, 0);
    let old = service.braced.as_ref().filter(|_| !has_braces);
    let Some(BadArgument { line, text, why, meant }) = old.or(service.unread.as_ref()) else { return };
    let place = format!("line {line} of /etc/postfix/master.cf");
    let program = &service.command;
    let said = format!(
        "{program}(8) of the service {} cannot read its argument `{text}` ({place}): {why}; it ends at once, and all \
         mail for it waits",
        service.label()
    );
    let write = match meant.as_ref().map(|(name, words)| (name, words.as_slice())) {
        Some((name, [value])) if !value.contains(' ') => {
            format!("write `-o {name}={value}` in {place}, without blanks")
        }
        Some((name, words)) if has_braces => {
            format!("write `-o {{ {name} = {} }}` in {place}", words.join(" "))
        }
        Some((name, words)) => format!("write `-o {name}={}` in {place}, without blanks", joined(words)),
        None => format!("write it as `-o NAME=VALUE`, without blanks, or take it out of {place}"),
    };
    hop.fault(true, said, format!("{write}; then `postfix reload` and `postqueue -f`"));
}

/// The words of a value as a list without blanks.
fn joined(words: &[String]) -> String {
    words.iter().map(|word| word.trim_end_matches(',')).collect::<Vec<_>>().join(",")
}

/// A service in a chroot finds no name server unless the queue directory has a copy of resolv.conf. `-` means `y` to Postfix
/// before 3.0, and to a later one whose compatibility_level is 0 (master(5)).
fn jail(host: &Host, service: &Service, hop: &mut Hop) {
    let level = host.main("compatibility_level").text;
    let dash = !host.version.at_least(3, 0) || level == "0";
    if !(service.chroot == "y" || (service.chroot == "-" && dash)) {
        return;
    }
    let directory = host.main("queue_directory").text;
    match host.jail_resolves {
        Some(false) => {
            let text = format!(
                "{} runs in a chroot (master.cf line {}), and {directory} has no etc/resolv.conf: it finds no \
                 relay by name",
                service.label(),
                service.line
            );
            let remedy = if host.version.at_least(2, 11) {
                let column = typed(format!("{}/chroot=n", service.label()));
                format!("`postconf -F {column}`, then `postfix reload`")
            } else {
                format!(
                    "make the fifth column of line {} of /etc/postfix/master.cf `n`, then `postfix reload`",
                    service.line
                )
            };
            hop.fault(true, text, remedy);
        }
        _ => hop.notes.push(format!("{} runs in a chroot, {directory}", service.label())),
    }
}

/// Adds the relays that smtp(8) tries after all those of the next hop, and returns them.
pub fn fallback(
    host: &Host,
    channel: &str,
    relay: &NextHop,
    transport: &mut Hop,
) -> Option<super::host::Value> {
    if relay.more {
        transport.notes.push(format!(
            "the hops below are those of {}; smtp(8) tries the further ones after it",
            relay.text
        ));
    }
    let fallback = host.of(channel, "smtp_fallback_relay");
    if fallback.text.is_empty() {
        return None;
    }
    transport.value.push_str(&format!(", then {}", fallback.text));
    transport.notes.push(format!(
        "where {} does not answer, or puts a message off, smtp(8) tries {} next ({}); the hops below are those of {}",
        relay.text, fallback.text, fallback.at, relay.text
    ));
    transport.at.push(fallback.at.clone());
    Some(fallback)
}

/// The hop of the addresses: kinds and the own end of the connection.
pub fn address(host: &Host, channel: &str) -> Hop {
    let mut hop = Hop::new("address");
    let protocols = host.main("inet_protocols");
    hop.value.clone_from(&protocols.text);
    hop.at.push(protocols.at);
    for name in ["smtp_bind_address", "smtp_bind_address6"] {
        let bind = host.of(channel, name);
        if !bind.text.is_empty() {
            hop.value.push_str(&format!(", from {}", bind.text));
            hop.at.push(bind.at);
        }
    }
    hop
}
