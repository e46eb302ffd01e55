//! A next hop as smtp(8) reads it: `[host]:port`, `[host]`, `domain:port`, `domain` (smtp_parse_destination in
//! smtp/smtp_connect.c).

use std::net::IpAddr;

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
    /// Reads the text as Postfix 3.5 and later do; `None` if it is empty or cannot be read.
    pub fn parse(value: &str) -> Option<Self> {
        Self::read(value, true).ok()
    }

    /// Reads the text. `several`: whether it may be a list (Postfix 3.5 and later). The error says why smtp(8) cannot read
    /// it, after "since".
    pub fn read(value: &str, several: bool) -> Result<Self, &'static str> {
        let all = if several { words(value) } else { vec![value.trim().to_owned()] };
        let mut hops = all.iter().map(|text| Self::one(text));
        let first = hops.next().unwrap_or(Err("it is empty"))?;
        // A daemon that comes to one that it cannot read ends there.
        hops.try_for_each(|hop| hop.map(|_| ()))?;
        Ok(Self { more: all.len() > 1, ..first })
    }

    fn one(text: &str) -> Result<Self, &'static str> {
        let (host, port, mx) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']').ok_or("a bracket is not closed")?;
                if !rest.is_empty() && !rest.starts_with(':') {
                    return Err("something other than a port follows the bracket");
                }
                (host, rest.strip_prefix(':'), false)
            }
            None => match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port), true),
                None => (text, None, true),
            },
        };
        let host = name_of(host);
        if !is_host(&host) {
            return Err(if host.contains(':') && !mx {
                "a port stands inside the brackets"
            } else {
                "what stands before the port is neither a name nor an address"
            });
        }
        let port = match port.filter(|port| !port.is_empty()) {
            None => 25,
            Some(port) => port_of(port).ok_or("its port is neither a number nor a service of mail")?,
        };
        Ok(Self { host, port, mx, more: false, text: text.to_owned() })
    }

    /// The next hop that was probably meant by a text that smtp(8) cannot read: without quotation marks and scheme, and with
    /// the port behind the brackets.
    pub fn meant(text: &str) -> Option<String> {
        let mut bare = text.trim_matches(|c: char| "\"'<>`".contains(c) || c.is_whitespace());
        let mut port = None;
        for (scheme, number) in
            [("smtps", "465"), ("submissions", "465"), ("submission", "587"), ("smtp", "")]
        {
            if let Some(rest) = bare.strip_prefix(scheme).and_then(|rest| rest.strip_prefix(':')) {
                (bare, port) = (rest.trim_matches('/'), Some(number).filter(|number| !number.is_empty()));
                break;
            }
        }
        let bare = words(bare).into_iter().next()?.trim_matches('"').replace(['[', ']'], "");
        let text = match bare.rsplit_once(':').filter(|(host, _)| !host.contains(':')) {
            Some((host, port)) => format!("[{host}]:{port}"),
            None => port.map_or_else(|| format!("[{bare}]"), |port| format!("[{bare}]:{port}")),
        };
        Self::read(&text, false).ok().map(|hop| hop.text)
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
        "lmtp" => Some(24),
        "submission" => Some(587),
        "smtps" | "submissions" => Some(465),
        number => number.parse().ok().filter(|port| *port > 0),
    }
}

/// Whether this is a name or an address, as `host_port` in util/host_port.c asks (valid_hostname, valid_hostaddr).
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    let is_number = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    text.parse::<IpAddr>().is_ok() || (!is_number && text.len() <= 255 && text.split('.').all(label))
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
        for bad in [
            "",
            "[x",
            "[x]:99999",
            "[]:25",
            ":25",
            "x:bogus",
            "[x]587",
            "[x]:0",
            "a b",
            "12",
            "x..y",
            "[a]:25, [b",
        ] {
            let wanted = (bad == "a b").then(|| ("a".into(), 25, true));
            assert_eq!(parse(bad), wanted, "{bad}");
        }
        // A list is one text to Postfix before 3.5.
        assert!(NextHop::read("[a]:25, [b]:25", true).unwrap().more);
        assert!(NextHop::read("[a]:25, [b]:25", false).is_err());
    }

    #[test]
    fn what_smtp_cannot_read_is_said_as_it_was_meant() {
        let wanted = "[smtp.example.com]:465";
        for text in [
            "[smtp.example.com:465]",
            "smtps://smtp.example.com",
            "smtps://smtp.example.com:465/",
            "smtp://smtp.example.com:465",
            "\"[smtp.example.com]:465\"",
            "'smtp.example.com:465'",
            "smtp:[smtp.example.com]:465",
            "<smtp.example.com:465>",
        ] {
            assert!(NextHop::read(text, true).is_err(), "{text}");
            assert_eq!(NextHop::meant(text).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(NextHop::meant("a..b"), None);
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
