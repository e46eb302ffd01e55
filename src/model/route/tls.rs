//! TLS on the way to a next hop, as smtp(8) decides it (smtp/smtp_tls_policy.c): smtp_tls_policy_maps, or where that is not set
//! smtp_tls_per_site, and otherwise the level for all.

use super::Hop;
use super::host::{Host, Value};
use super::nexthop::NextHop;
use super::tables::{Ask, Entry, Keys, find};
use super::written::Written;

/// Parameters that limit the handshake where TLS is a must, and where it is not (postconf(5)).
const MANDATORY: [&str; 4] = [
    "smtp_tls_mandatory_protocols",
    "smtp_tls_mandatory_ciphers",
    "smtp_tls_mandatory_exclude_ciphers",
    "smtp_tls_exclude_ciphers",
];
const OPPORTUNISTIC: [&str; 3] = ["smtp_tls_protocols", "smtp_tls_ciphers", "smtp_tls_exclude_ciphers"];

/// A level of TLS, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Postfix's word: `none`, `may`, `encrypt`, `dane`, `dane-only`, `fingerprint`, `verify`, `secure`.
    pub word: String,
    /// Whether TLS begins with the first byte.
    pub wrapper: bool,
    /// What limits the handshake, and where it is written: attributes of the policy (`match=…`, `protocols=…`), and parameters
    /// that are set.
    pub limits: Vec<(String, Written)>,
    /// Where the level is written.
    pub at: Written,
    /// Where the wrapper mode is written.
    pub at_wrapper: Written,
}

impl Default for Level {
    fn default() -> Self {
        let at = |parameter| Written::Default { parameter };
        Self {
            word: "none".into(),
            wrapper: false,
            limits: Vec::new(),
            at: at("smtp_tls_security_level"),
            at_wrapper: at("smtp_tls_wrappermode"),
        }
    }
}

impl Level {
    /// Whether nothing is sent without TLS.
    pub fn demands(&self) -> bool {
        !matches!(self.word.as_str(), "none" | "may" | "dane" | "half-dane")
    }

    /// Whether the certificate must be valid.
    pub fn checks(&self) -> bool {
        matches!(self.word.as_str(), "verify" | "secure" | "dane-only" | "fingerprint")
    }
}

/// The hop, and the level.
pub fn tls(host: &Host, channel: &str, relay: &NextHop, ask: &mut Ask) -> (Hop, Level) {
    let mut hop = Hop::new("tls");
    let level = level(host, channel, relay, &mut hop, ask);
    hop.value.clone_from(&level.word);
    if level.wrapper {
        hop.value.push_str(", from the first byte");
    }
    for (limit, _) in &level.limits {
        hop.value.push_str(&format!(", {limit}"));
    }
    hop.at.push(level.at.clone());
    if level.wrapper {
        hop.at.push(level.at_wrapper.clone());
    }
    if level.wrapper && !level.demands() {
        let text = format!(
            "TLS from the first byte ({}) wants the level encrypt at least, and it is `{}`: smtp(8) sends nothing",
            level.at_wrapper, level.word
        );
        hop.fault(true, text, level.at.undo(&host.version));
    }
    if level.checks() && level.word != "fingerprint" {
        let authority = ["smtp_tls_CAfile", "smtp_tls_CApath"]
            .map(|name| host.of(channel, name))
            .into_iter()
            .find(|value| !value.text.is_empty());
        match authority {
            Some(authority) => hop.at.push(authority.at),
            None if host.of(channel, "tls_append_default_CA").text == "yes" => {}
            None => {
                let text = format!(
                    "the certificate must be valid (`{}`), and no list of authorities is set",
                    level.word
                );
                hop.fault(true, text, "postconf -e smtp_tls_CAfile=/etc/pki/tls/certs/ca-bundle.crt");
            }
        }
    }
    (hop, level)
}

/// The level for a next hop.
pub fn level(host: &Host, channel: &str, next: &NextHop, hop: &mut Hop, ask: &mut Ask) -> Level {
    let wrapper = host.of(channel, "smtp_tls_wrappermode");
    let general = general(host, channel);
    let mut level = Level {
        word: general.text.clone(),
        wrapper: wrapper.text == "yes",
        limits: Vec::new(),
        at: general.at,
        at_wrapper: wrapper.at,
    };
    let policies = host.of(channel, "smtp_tls_policy_maps");
    let sites = host.of(channel, "smtp_tls_per_site");
    if !policies.text.is_empty() {
        let found = find(&policies, &policy_keys(next), ask);
        if let Some(Entry { value, at }) = hop.found(found) {
            let mut words = value.split([',', ' ', '\t', ';']).filter(|word| !word.is_empty());
            words.next().unwrap_or("invalid").clone_into(&mut level.word);
            level.limits = words.map(|word| (word.to_owned(), at.clone())).collect();
            level.at = at_policy(hop, &level.word, at);
        }
    } else if !sites.text.is_empty() {
        // By the next hop, and then by the server's name, of which the second counts (tls_site_lookup).
        for key in [&next.text, &next.host] {
            let found = find(&sites, &Keys::one(key), ask);
            if let Some(Entry { value, at }) = hop.found(found) {
                level.word = match value.to_ascii_uppercase().as_str() {
                    "NONE" => "none".into(),
                    "MAY" => "may".into(),
                    "MUST_NOPEERMATCH" => "encrypt".into(),
                    "MUST" if general.text == "secure" => "secure".into(),
                    "MUST" => "verify".into(),
                    _ => "invalid".into(),
                };
                level.at = at_policy(hop, &level.word, at);
            }
        }
    }
    level.limits.extend(limits(host, channel, &level));
    level
}

/// The parameters that limit a handshake at this level, as far as they are set; an attribute of the policy counts before one.
fn limits(host: &Host, channel: &str, level: &Level) -> Vec<(String, Written)> {
    let names = match level.word.as_str() {
        "none" => &[][..],
        _ if level.demands() => &MANDATORY[..],
        _ => &OPPORTUNISTIC[..],
    };
    let values = names.iter().map(|name| host.of(channel, name));
    let is_set = |value: &Value| !matches!(value.at, Written::Default { .. }) && !value.text.is_empty();
    values
        .filter(is_set)
        .map(|value| (format!("{}={}", value.at.parameter(), value.text), value.at))
        .collect()
}

fn at_policy(hop: &mut Hop, word: &str, at: Written) -> Written {
    let known =
        ["none", "may", "encrypt", "dane", "dane-only", "half-dane", "fingerprint", "verify", "secure"];
    if !known.contains(&word) {
        hop.fault(
            true,
            format!("`{word}` is no level of TLS ({at}): smtp(8) puts off what needs it"),
            "correct the entry, and build the table again",
        );
    }
    at
}

/// The keys of smtp_tls_policy_maps: a next hop with brackets or a port is looked up as it stands, a domain with its parents,
/// each with a dot before it (tls_policy_lookup).
fn policy_keys(next: &NextHop) -> Keys {
    let mut all = vec![next.text.clone()];
    if !next.text.contains(['[', ':']) {
        all.extend(next.text.match_indices('.').filter_map(|(at, _)| next.text.get(at..)).map(str::to_owned));
    }
    Keys::whole(all)
}

/// The level for all: smtp_tls_security_level, or the two parameters from before there were levels (postconf(5)).
fn general(host: &Host, channel: &str) -> Value {
    let level = host.of(channel, "smtp_tls_security_level");
    if !level.text.is_empty() {
        return level;
    }
    for (name, word) in [("smtp_enforce_tls", "verify"), ("smtp_use_tls", "may")] {
        let old = host.of(channel, name);
        if old.text == "yes" {
            return Value { text: word.into(), at: old.at };
        }
    }
    Value { text: "none".into(), at: level.at }
}
