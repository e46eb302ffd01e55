//! The service in master.cf that delivers: whether it is there, with which options, in which root and as which user it runs
//! (master(5)); and the addresses from which it connects.

use super::Hop;
use super::host::Host;
use crate::error::typed;
use crate::model::postfix::mastercf::Service;

/// Options that are named one by one; of more only the number is.
const NAMED: usize = 6;

/// The hop of the service.
pub fn service(host: &Host, channel: &str) -> Hop {
    let mut hop = Hop::new("service");
    if host.master.is_empty() {
        "unknown".clone_into(&mut hop.value);
        hop.notes.push("master.cf has no service that can be read".into());
        return hop;
    }
    let Some(service) = host.master.find(channel, "unix") else {
        hop.value = format!("{channel}/unix is missing");
        let line = format!("{channel} unix - - n - - {}", command_of(channel));
        let text =
            format!("master.cf has no service {channel}/unix: every message for it waits in the queue");
        hop.fault(true, text, restored(host, channel, &line));
        return hop;
    };
    hop.value = described(service);
    hop.at.push(super::Written::Master { service: service.label(), line: service.line, option: None });
    jail(host, service, &mut hop);
    hop
}

/// The program that a service of this name runs in the master.cf of Postfix.
fn command_of(channel: &str) -> &str {
    match channel {
        "relay" => "smtp",
        "retry" => "error",
        other => other,
    }
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
