//! A next hop as smtp(8) reads it: `[host]:port`, `[host]`, `domain:port`, `domain` (smtp_parse_destination in
//! smtp/smtp_connect.c).

use crate::model::plan::parameters::words;

/// A next hop: a relay, or the recipient's domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop {
    /// The text as it is written.
    pub text: String,
    /// Name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Whether Postfix asks for its MX records: it does without brackets.
    pub mx: bool,
    /// Whether more relays follow (Postfix 3.5 and later take several).
    pub more: bool,
}

impl NextHop {
    /// Reads the text; `None` if it is empty or cannot be understood.
    pub fn parse(value: &str) -> Option<Self> {
        let all = words(value);
        let text = all.first()?.clone();
        let (host, port, mx) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']')?;
                (host, port.strip_prefix(':'), false)
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port), true),
                None => (text.as_str(), None, true),
            },
        };
        let port = port.map_or(Some(25), port_of)?;
        let host = name_of(host);
        (!host.is_empty()).then_some(Self { host, port, mx, more: all.len() > 1, text })
    }

    /// The keys under which smtp(8) looks for a login: the bare name, then the next hop as it is written
    /// (smtp_sasl_passwd_lookup in smtp/smtp_sasl_glue.c).
    pub fn login_keys(&self) -> Vec<String> {
        vec![self.host.clone(), self.text.clone()]
    }

    /// Whether it is this host itself, by a loopback address or name.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

/// A port by its number, or by the name of a service of mail.
fn port_of(text: &str) -> Option<u16> {
    match text {
        "smtp" => Some(25),
        "submission" => Some(587),
        "smtps" | "submissions" => Some(465),
        number => number.parse().ok(),
    }
}

/// A name in lower case, or an address without the mark that says of which kind it is.
fn name_of(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    text.strip_prefix("ipv6:").unwrap_or(&text).to_owned()
}

/// `transport:nexthop` as its two parts; each may be empty (transport(5)).
pub fn parts(text: &str) -> (&str, &str) {
    text.split_once(':').unwrap_or((text, ""))
}

/// A socket at which a filter listens: `inet:host:port`, `inet:port@host`, `unix:path`, `local:path` (MILTER_README).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Socket {
    /// A TCP port.
    Inet {
        /// Name or address.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A socket in the file system, by its whole path.
    Unix(String),
}

impl Socket {
    /// Reads the text; a path is below this directory, unless it is whole. `None` if it cannot be understood.
    pub fn parse(text: &str, directory: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        match kind {
            "unix" | "local" if rest.starts_with('/') => Some(Self::Unix(rest.to_owned())),
            "unix" | "local" => Some(Self::Unix(format!("{directory}/{rest}"))),
            "inet" => {
                let swapped = rest.split_once('@').map(|(port, host)| (host, port));
                let (host, port) = swapped.or_else(|| rest.rsplit_once(':'))?;
                let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
                Some(Self::Inet { host: name_of(bare), port: port_of(port)? })
            }
            _ => None,
        }
    }
}

/// Whether a name or an address is this host's own end of the loopback interface.
pub fn is_loopback(host: &str) -> bool {
    host == "localhost" || host == "::1" || host.starts_with("127.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops_are_read_as_postfix_reads_them() {
        let parse = |text| NextHop::parse(text).map(|hop| (hop.host, hop.port, hop.mx));
        assert_eq!(parse("[Smtp.Example.com]:587"), Some(("smtp.example.com".into(), 587, false)));
        assert_eq!(parse("[mail]"), Some(("mail".into(), 25, false)));
        assert_eq!(parse("example.com"), Some(("example.com".into(), 25, true)));
        assert_eq!(parse("example.com:submission, [b]:25"), Some(("example.com".into(), 587, true)));
        assert_eq!(parse("[ipv6:::1]:smtps"), Some(("::1".into(), 465, false)));
        assert_eq!(parse("[2001:DB8::1]:25"), Some(("2001:db8::1".into(), 25, false)));
        for bad in ["", "[x", "[x]:99999", "[]:25", ":25", "x:bogus"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn sockets_are_read_in_both_notations() {
        let inet = |host: &str, port| Some(Socket::Inet { host: host.into(), port });
        let unix = |path: &str| Some(Socket::Unix(path.into()));
        for (text, wanted) in [
            ("inet:localhost:8891", inet("localhost", 8891)),
            ("inet:8891@localhost", inet("localhost", 8891)),
            ("inet:[::1]:8891", inet("::1", 8891)),
            ("inet:8891@[::1]", inet("::1", 8891)),
            ("unix:/run/m.sock", unix("/run/m.sock")),
            ("local:opendkim/m.sock", unix("/q/opendkim/m.sock")),
            ("inet:localhost", None),
            ("inet:localhost:http-alt", None),
            ("m.sock", None),
        ] {
            assert_eq!(Socket::parse(text, "/q"), wanted, "{text}");
        }
    }
}
