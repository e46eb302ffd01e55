//! TLS on the way to a next hop, as smtp(8) decides it (smtp/smtp_tls_policy.c): smtp_tls_policy_maps, or where that is not
//! set smtp_tls_per_site, and otherwise the level for all.

use super::Hop;
use super::host::{Host, Value};
use super::nexthop::NextHop;
use super::offer;
use super::policy::{LEVELS, Policy};
use super::service::without_tlsmgr;
use super::tables::{Ask, Keys, TableEntry, find};
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
    /// What limits the handshake, and where it is written: attributes of the policy (`match=…`, `protocols=…`), and
    /// parameters that are set.
    pub limits: Vec<(String, Written)>,
    /// Where the level is written.
    pub at: Written,
    /// Where the wrapper mode is written.
    pub at_wrapper: Written,
}

/// Whether a limit is about the names in the certificate.
pub fn is_match(limit: &str) -> bool {
    limit.split_once('=').is_some_and(|(name, _)| name == "match" || name.ends_with("_cert_match"))
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

    /// The names of which the certificate must have one, where they are set, and the place: none of them is the relay's own.
    pub fn other_names(&self, relay: &str) -> Option<&(String, Written)> {
        let covers = |pattern: &str| {
            let pattern = pattern.trim().to_lowercase();
            let is_above = pattern.starts_with('.') && relay.to_lowercase().ends_with(&pattern);
            ["nexthop", "hostname"].contains(&pattern.as_str())
                || is_above
                || pattern.eq_ignore_ascii_case(relay)
        };
        let mut all = self.limits.iter().filter(|(text, _)| is_match(text)).peekable();
        let first = all.peek().copied()?;
        let mut patterns = all
            .filter_map(|(text, _)| text.split_once('='))
            .flat_map(|(_, names)| names.split([':', ',', ' ']));
        (!patterns.any(covers)).then_some(first)
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
    let passed = offer::passed_over(host, channel, "STARTTLS");
    if let (false, true, Some((text, at))) = (level.wrapper, level.word != "none", passed) {
        hop.fault(level.demands(), text, at.undo(&host.version));
    }
    if level.word != "none" {
        without_tlsmgr(host, level.demands(), &mut hop);
    }
    if matches!(level.word.as_str(), "verify" | "secure") {
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
        if let Some(TableEntry { value, at }) = hop.found(found) {
            let policy = Policy::new(&value, &host.version);
            judge(host, channel, &policy, &at, hop);
            level.limits = policy.attributes.iter().map(|text| (text.clone(), at.clone())).collect();
            (level.word, level.at) = (policy.level, at);
        }
    } else if !sites.text.is_empty() {
        // By the next hop, and then by the server's name, of which the second counts (tls_site_lookup).
        for key in [&next.text, &next.host] {
            let found = find(&sites, &Keys::one(key), ask);
            if let Some(TableEntry { value, at }) = hop.found(found) {
                level.word = match value.to_ascii_uppercase().as_str() {
                    "NONE" => "none".into(),
                    "MAY" => "may".into(),
                    "MUST_NOPEERMATCH" => "encrypt".into(),
                    "MUST" if general.text == "secure" => "secure".into(),
                    "MUST" => "verify".into(),
                    _ => "invalid".into(),
                };
                if level.word == "invalid" {
                    let text = format!(
                        "`{value}` is no level of smtp_tls_per_site ({at}): smtp(8) puts off what needs it"
                    );
                    hop.fault(true, text, format!("correct the entry, or {}", at.undo(&host.version)));
                }
                level.at = at;
            }
        }
    }
    dane(host, channel, &level, hop);
    level.limits.extend(limits(host, channel, &level));
    level
}

/// The parameters that limit a handshake at this level, as far as they are set; an attribute of the policy counts before
/// one.
fn limits(host: &Host, channel: &str, level: &Level) -> Vec<(String, Written)> {
    let names = match level.word.as_str() {
        "none" => &[][..],
        _ if level.demands() => &MANDATORY[..],
        _ => &OPPORTUNISTIC[..],
    };
    let has_match = level.limits.iter().any(|(text, _)| text.starts_with("match="));
    let names_wanted = match level.word.as_str() {
        "secure" if !has_match => &["smtp_tls_secure_cert_match"][..],
        "verify" if !has_match => &["smtp_tls_verify_cert_match"][..],
        _ => &[][..],
    };
    let values = names.iter().chain(names_wanted).map(|name| host.of(channel, name));
    let is_set = |value: &Value| !matches!(value.at, Written::Default { .. }) && !value.text.is_empty();
    values
        .filter(is_set)
        .map(|value| (format!("{}={}", value.at.parameter(), value.text), value.at))
        .collect()
}

/// The fault of an entry that smtp(8) does not take, or by which no TLS session begins.
fn judge(host: &Host, channel: &str, policy: &Policy, at: &Written, hop: &mut Hop) {
    let undo = format!("correct the entry, or {}", at.undo(&host.version));
    let is_empty = |name| host.of(channel, name).text.is_empty();
    let fingerprint = || {
        let none = policy.level == "fingerprint" && policy.values("match").next().is_none();
        (none && is_empty("smtp_tls_fingerprint_cert_match"))
            .then(|| "the level `fingerprint` wants `match=` with a fingerprint".to_owned())
    };
    if let Some(reason) = policy.invalid.clone().or_else(fingerprint) {
        let text =
            format!("{reason} ({at}): smtp(8) takes the entry for invalid, and puts off what needs it");
        hop.fault(true, text, undo);
        return;
    }
    if let Some(reason) = policy.unusable() {
        // PLAINTEXT_FALLBACK_OK_AFTER_STARTTLS_FAILURE in smtp/smtp.h.
        let later = if policy.level == "may" {
            ", and without TLS only a later try goes, where nobody logs in"
        } else {
            ""
        };
        let text = format!("{reason} ({at}): no TLS session begins, so smtp(8) puts the message off{later}");
        hop.fault(true, text, undo);
    }
    for word in &policy.ignored {
        hop.notes.push(format!("`{word}` counts for nothing at the level none ({at})"));
    }
}

/// Faults of a level, wherever it is written: one that Postfix does not have, and one that wants secured DNS where there is
/// none.
fn dane(host: &Host, channel: &str, level: &Level, hop: &mut Hop) {
    let undo = level.at.undo(&host.version);
    let is_policy = matches!(level.at, Written::Table { .. });
    if !LEVELS.contains(&level.word.as_str()) && !is_policy {
        let text = format!("`{}` is no level of TLS ({}): smtp(8) ends at once", level.word, level.at);
        hop.fault(true, text, undo);
        return;
    }
    if !level.word.contains("dane") {
        return;
    }
    if host.of(channel, "smtp_dns_support_level").text == "dnssec" {
        hop.notes.push(format!(
            "whether the name server secures its answers (DNSSEC), which `{}` wants, is not asked here",
            level.word
        ));
        return;
    }
    let (stops, does) = match level.word.as_str() {
        "dane" => (false, "smtp(8) takes TLS only where it is offered, and checks no certificate"),
        _ => (true, "smtp(8) puts off what needs it"),
    };
    let text = format!(
        "the level `{}` ({}) wants smtp_dns_support_level = dnssec, which is not set: {does}",
        level.word, level.at
    );
    let remedy = format!(
        "`postconf -e smtp_dns_support_level=dnssec`, then `postfix reload` (the name server must be one that validates); or {undo}"
    );
    hop.fault(stops, text, remedy);
}

/// The keys of smtp_tls_policy_maps: a next hop with brackets or a port is looked up as it stands, a domain with its
/// parents, each with a dot before it (tls_policy_lookup).
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
