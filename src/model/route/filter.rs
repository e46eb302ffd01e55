//! What may take a message of this host aside before it is sent: content_filter, milters, and the rules of header_checks and
//! body_checks (FILTER_README, MILTER_README, header_checks(5)).

use super::address::{has_override, header};
use super::host::Host;
use super::nexthop::{NextHop, Socket, parts};
use super::tables::{Ask, Keys, TableEntry, find_all};
use super::tls::level;
use super::written::Written;
use super::{Addresses, Hop, NOTHING};
use crate::error::typed;
use crate::model::plan::parameters::words;

/// Subject of the message whose header is put to the rules.
pub const SUBJECT: &str = "relayhost test message";

/// A filter that is another host: qmgr(8) sends the message there, and looks at no other transport.
pub struct Filtered {
    /// `transport:nexthop`.
    pub text: String,
    /// Where it is written.
    pub at: Written,
}

/// The hop, and the filter that is another host. `submitted`: the addresses before cleanup(8) rewrites them, which the rules
/// are put to; `seen` changes as a rule says.
pub fn filter(
    host: &Host,
    submitted: (&str, &str),
    seen: &mut Addresses,
    ask: &mut Ask,
) -> (Hop, Option<Filtered>) {
    let mut hop = Hop::new("filter");
    let mut passes = Vec::new();
    let mut filtered = content_filter(host, &mut hop, &mut passes, ask);
    milters(host, &mut hop, &mut passes, ask);
    if !has_override(host, "no_header_body_checks") {
        rules(host, submitted, seen, &mut hop, &mut passes, &mut filtered, ask);
    }
    hop.value = if passes.is_empty() { NOTHING.into() } else { passes.join(", ") };
    (hop, filtered)
}

fn content_filter(host: &Host, hop: &mut Hop, passes: &mut Vec<String>, ask: &mut Ask) -> Option<Filtered> {
    // pickup(8) has it in the queue file, so that its own option counts, and qmgr(8) goes by it (FILTER_README).
    let filter = host.of("pickup", "content_filter");
    if filter.text.is_empty() {
        return None;
    }
    let undo = filter.at.undo(&host.version);
    let filtered = through(host, &filter.text, &filter.at, &undo, hop, ask);
    passes.push(format!("content_filter {}", filter.text));
    hop.at.push(filter.at);
    filtered
}

/// Notes what keeps a filter of this host, `transport:nexthop`, from taking a message; another host is handed back.
fn through(
    host: &Host,
    filter: &str,
    at: &Written,
    undo: &str,
    hop: &mut Hop,
    ask: &mut Ask,
) -> Option<Filtered> {
    let (channel, nexthop) = parts(filter);
    let elsewhere = || Some(Filtered { text: filter.to_owned(), at: at.clone() });
    let Some(service) = host.master.find(channel, "unix") else {
        if !host.master.is_empty() {
            let text = format!("the filter {filter} ({at}) has no service {channel}/unix in master.cf");
            hop.fault(true, text, format!("write the service, or {undo}"));
        }
        return None;
    };
    if ["error", "discard"].contains(&service.command.as_str()) {
        return elsewhere();
    }
    let next = NextHop::parse(nexthop);
    if service.command == "smtp" && !next.as_ref().is_some_and(NextHop::is_loopback) {
        return elsewhere();
    }
    hop.notes.push("what comes back from the filter is a new message; the hops below are its way".into());
    let next = next.filter(|_| service.command == "smtp" || service.command == "lmtp")?;
    let socket = Socket::Inet { host: next.host.clone(), port: next.port };
    if next.is_loopback() && (ask.listens)(&socket) == Some(false) {
        let text = format!(
            "nothing listens at {}, which is the filter ({at}): every message waits for it",
            next.text
        );
        hop.fault(true, text, format!("start the filter, or {undo}"));
    }
    let tls = level(host, channel, &next, hop, ask);
    if next.is_loopback() && service.command == "smtp" && tls.demands() {
        let text = format!(
            "the filter at {} is reached by {channel}, for which TLS is a must (`{}`, {}), and a filter on this host \
             has none: no message would pass it",
            next.text, tls.word, tls.at
        );
        hop.fault(true, text, own_service(host, filter, nexthop));
    }
    None
}

/// The commands that give a filter a service of its own, without TLS and without a login.
fn own_service(host: &Host, filter: &str, nexthop: &str) -> String {
    let free = ["filter", "to-filter", "relayhost-filter"];
    let name = free.iter().find(|name| host.master.find(name, "unix").is_none()).unwrap_or(&"to-filter-2");
    let options = ["smtp_tls_security_level=none", "smtp_tls_wrappermode=no", "smtp_sasl_auth_enable=no"];
    // Older ones have no smtp_tls_wrappermode.
    let options = options.iter().filter(|option| host.version.at_least(3, 0) || !option.contains("wrapper"));
    let steps = if host.version.at_least(2, 11) {
        let service = typed(format!("{name}/unix={name} unix - - n - - smtp"));
        let words = options.map(|option| typed(format!("{name}/unix/{option}"))).collect::<Vec<_>>();
        let set = format!("`postconf -P {}`", words.join(" ")); // each was typed above
        format!("`postconf -M {service}`, {set}")
    } else {
        let set: Vec<String> = options.map(|option| format!("-o {option}")).collect();
        format!("add the line `{name} unix - - n - - smtp {}` to /etc/postfix/master.cf", set.join(" "))
    };
    let value = typed(format!("content_filter={name}:{nexthop}"));
    let use_it = if host.of("pickup", "content_filter").text == filter {
        format!("`postconf -e {value}`")
    } else {
        format!("name {name}:{nexthop} instead of {filter} in the rule")
    };
    format!("give the filter a service of its own: {steps}, {use_it}, then `postfix reload`")
}

/// The filters that cleanup(8) asks about a message that did not come by SMTP (non_smtpd_milters).
fn milters(host: &Host, hop: &mut Hop, passes: &mut Vec<String>, ask: &mut Ask) {
    let list = host.of("cleanup", "non_smtpd_milters");
    if list.text.is_empty() || has_override(host, "no_milters") {
        return;
    }
    let general = host.of("cleanup", "milter_default_action").text;
    for item in words(&list.text) {
        let inner = item.trim_start_matches('{').trim_end_matches('}');
        let settings = words(inner);
        let Some(endpoint) = settings.first() else { continue };
        let own = inner.split_once("default_action").and_then(|(_, rest)| rest.split_once('='));
        let action =
            own.and_then(|(_, rest)| words(rest).into_iter().next()).unwrap_or_else(|| general.clone());
        // cleanup(8) works in the queue directory.
        passes.push(format!("milter {endpoint}"));
        let socket = Socket::parse(endpoint, &host.main("queue_directory").text);
        match socket.and_then(|socket| (ask.listens)(&socket)) {
            Some(true) => {
                hop.notes.push(format!("the milter {endpoint} may refuse, hold or change any message"));
            }
            Some(false) => {
                let (stops, does) = match action.as_str() {
                    "accept" => (false, "takes messages without it"),
                    "reject" => (true, "refuses every message"),
                    "quarantine" => (true, "holds every message"),
                    _ => (true, "takes no message until it answers"),
                };
                let text = format!(
                    "the milter {endpoint} does not answer, and Postfix {does} (milter_default_action {action})"
                );
                let undo = list.at.undo(&host.version);
                hop.fault(stops, text, format!("start the milter, or do without: {undo}"));
            }
            None => hop.notes.push(format!("whether the milter {endpoint} answers could not be told")),
        }
    }
    hop.at.push(list.at);
}

/// The rules that a header or a body line of the test message would meet. The first that fits a line counts; one that
/// takes the message out ends all (cleanup_act in cleanup/cleanup_message.c).
fn rules(
    host: &Host,
    (from, to): (&str, &str),
    seen: &mut Addresses,
    hop: &mut Hop,
    passes: &mut Vec<String>,
    filtered: &mut Option<Filtered>,
    ask: &mut Ask,
) {
    let header = vec![format!("From: {from}"), format!("To: {to}"), format!("Subject: {SUBJECT}")];
    let mime = vec![
        "MIME-Version: 1.0".to_owned(),
        "Content-Type: text/plain; charset=us-ascii".to_owned(),
        "Content-Transfer-Encoding: 7bit".to_owned(),
    ];
    let body = vec!["This is a test message.".to_owned(), String::new()];
    for (name, lines) in [("header_checks", header), ("mime_header_checks", mime), ("body_checks", body)] {
        let list = host.of("cleanup", name);
        if list.text.is_empty() {
            continue;
        }
        match find_all(&list, &Keys::whole(lines), ask) {
            Err(trouble) => hop.trouble(&trouble),
            Ok(entries) => {
                if entries.is_empty() && name != "mime_header_checks" {
                    hop.notes
                        .push(format!("{name}: no rule fits a plain message; another message may meet one"));
                }
                for entry in entries {
                    if rule(host, &entry, seen, hop, passes, filtered, ask) {
                        return;
                    }
                }
            }
        }
    }
}

/// One rule that fits: true if it is the last that counts. Those that only write to the log let the message pass.
fn rule(
    host: &Host,
    entry: &TableEntry,
    seen: &mut Addresses,
    hop: &mut Hop,
    passes: &mut Vec<String>,
    filtered: &mut Option<Filtered>,
    ask: &mut Ask,
) -> bool {
    let (action, rest) = entry.value.split_once(char::is_whitespace).unwrap_or((&entry.value, ""));
    let (action, rest, undo) = (action.to_ascii_uppercase(), rest.trim(), entry.at.undo(&host.version));
    let (stops, does) = match action.as_str() {
        "HOLD" => (true, "holds the message"),
        "DISCARD" => (true, "throws the message away, as if it had been delivered"),
        "REJECT" => (true, "refuses the message"),
        "REDIRECT" if rest.contains('@') => (false, "sends the message to another recipient"),
        "BCC" if rest.contains('@') => {
            hop.notes.push(format!("a rule sends a copy to {rest} ({})", entry.at));
            return false;
        }
        "FILTER" if rest.contains(':') => {
            passes.push(format!("FILTER {rest}"));
            hop.at.push(entry.at.clone());
            // The last one that fits counts, before content_filter too.
            *filtered = through(host, rest, &entry.at, &undo, hop, ask);
            return false;
        }
        "REPLACE" => {
            if let Some(address) = from_in(rest) {
                seen.header = header(host, address, hop, ask);
                passes.push(format!("From: {address}"));
                hop.at.push(entry.at.clone());
            }
            return false;
        }
        "PASS" => return true,
        "REDIRECT" | "FILTER" | "BCC" => {
            hop.notes.push(without_effect(entry));
            return false;
        }
        _ => return false,
    };
    let is_redirected = action == "REDIRECT";
    if is_redirected {
        // qmgr(8) puts it in place of all recipients (qmgr/qmgr_message.c).
        rest.clone_into(&mut seen.recipient);
    }
    passes.push(if is_redirected { &entry.value } else { &action }.clone());
    blame(hop, entry, stops, does, &action, undo)
}

fn without_effect(entry: &TableEntry) -> String {
    format!("a rule of no effect, since its argument is not right ({}): {}", entry.at, entry.value)
}

/// Notes a rule that keeps the message, or sends it elsewhere: true if it is the last that counts.
fn blame(hop: &mut Hop, entry: &TableEntry, stops: bool, does: &str, action: &str, undo: String) -> bool {
    hop.at.push(entry.at.clone());
    let release = if action == "HOLD" { "; `postsuper -H ALL` releases what is held" } else { "" };
    let text = format!("a rule {does} ({}): {}", entry.at, entry.value);
    hop.fault(stops, text, undo + release);
    // After a hold or a filter the other rules count, too.
    action != "HOLD"
}

/// The address in a header `From: Name <address>`, if this is one.
pub fn from_in(line: &str) -> Option<&str> {
    let (_, text) = line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("From"))?;
    let address = text.rsplit_once('<').map_or(text, |(_, rest)| rest.trim_end().trim_end_matches('>'));
    Some(address.trim())
}
