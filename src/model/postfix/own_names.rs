//! The domains of addresses that are this host's own: a sender in one of them sends here, and mail of all others is relayed.

use super::settings::{Settings, value};
use super::tables::items;
use crate::model::text::domain_of;

/// The address literals by which a host names itself (RFC 5321, 4.1.3).
const LOOPBACK: [&str; 2] = ["[127.0.0.1]", "[ipv6:::1]"];

/// Domains of this host, each once, in small letters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnNames {
    /// Those whose users Postfix looks up by the local part alone too (canonical(5), generic(5)): its origin, and the names in
    /// mydestination.
    pub local: Vec<String>,
    /// Its other names: programs make addresses of them, and no other host can have them.
    pub other: Vec<String>,
    /// The tables and files in mydestination, whose domains are not known.
    pub unlisted: Vec<String>,
}

impl OwnNames {
    /// Takes them from parameters in force.
    pub fn new(settings: &Settings) -> Self {
        let mut own = Self::default();
        let (host, domain) = (value(settings, "myhostname"), value(settings, "mydomain"));
        own.add_local(value(settings, "myorigin"));
        for name in items(value(settings, "mydestination")) {
            own.add_local(name);
        }
        // The name that programs make an address of where nobody has set myorigin.
        own.add_other(host);
        // A name without a dot is nobody's on the Internet.
        own.add_other(host.split('.').next().unwrap_or_default());
        for name in ["localhost", "localhost.localdomain"] {
            own.add_other(name);
        }
        own.other.extend(LOOPBACK.map(str::to_owned));
        // append_dot_mydomain makes this of localhost.
        if !domain.is_empty() {
            own.add_other(&format!("localhost.{domain}"));
        }
        own
    }

    fn add_local(&mut self, name: &str) {
        let is_known = |known: &String| known.eq_ignore_ascii_case(name);
        if is_name(name) {
            if !self.local.iter().any(is_known) {
                self.local.push(name.to_ascii_lowercase());
            }
        } else if !name.is_empty() && !name.starts_with(['!', '[']) {
            self.unlisted.push(name.to_owned());
        }
    }

    fn add_other(&mut self, name: &str) {
        let is_known = |known: &String| known.eq_ignore_ascii_case(name);
        if is_name(name) && !self.local.iter().chain(&self.other).any(is_known) {
            self.other.push(name.to_ascii_lowercase());
        }
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &String> {
        self.local.iter().chain(&self.other)
    }

    /// Whether a domain is one of them.
    pub fn has(&self, domain: &str) -> bool {
        self.all().any(|name| name.eq_ignore_ascii_case(domain))
    }

    /// Whether an address is in one of them. A bare name is, since Postfix gives it this host's own domain.
    pub fn has_address(&self, address: &str) -> bool {
        !address.is_empty() && (!address.contains('@') || self.has(domain_of(address)))
    }
}

/// Whether this is a domain's name, and no table, file or address literal.
fn is_name(name: &str) -> bool {
    let is_good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.chars().all(is_good)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(settings: &[(&str, &str)]) -> OwnNames {
        OwnNames::new(&settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn each_name_is_there_once_and_what_cannot_be_listed_is_told() {
        let own = of(&[
            ("myhostname", "Web1.example.com"),
            ("mydomain", "example.com"),
            ("myorigin", "web1.example.com"),
            ("mydestination", "web1.example.com, localhost.example.com localhost,hash:/etc/d, /etc/names !x"),
        ]);
        assert_eq!(own.local, ["web1.example.com", "localhost.example.com", "localhost"]);
        assert_eq!(own.other, ["web1", "localhost.localdomain", "[127.0.0.1]", "[ipv6:::1]"]);
        assert_eq!(own.unlisted, ["hash:/etc/d", "/etc/names"]);
        for (address, is_own) in [
            ("root@WEB1.example.com", true),
            ("root", true),
            ("root@web1", true),
            ("anna@example.com", false),
            ("root@web2.example.com", false),
            ("", false),
        ] {
            assert_eq!(own.has_address(address), is_own, "{address}");
        }
    }

    #[test]
    fn a_host_of_which_nothing_is_known_has_localhost_alone() {
        let own = of(&[]);
        assert!(own.local.is_empty());
        assert_eq!(own.other, ["localhost", "localhost.localdomain", "[127.0.0.1]", "[ipv6:::1]"]);
    }
}
