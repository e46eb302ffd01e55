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
        let port = match port {
            None | Some("smtp") => 25,
            Some("submission") => 587,
            Some("smtps" | "submissions") => 465,
            Some(number) => number.parse().ok()?,
        };
        let host = host.to_ascii_lowercase();
        let host = host.strip_prefix("ipv6:").unwrap_or(&host).to_owned();
        (!host.is_empty()).then_some(Self { host, port, mx, more: all.len() > 1, text })
    }

    /// Whether it is this host itself, by a loopback address or name.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
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
        for bad in ["", "[x", "[x]:99999", "[]:25", ":25", "x:bogus"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
