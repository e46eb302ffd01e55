//! `relay.ip`: the IP versions that Postfix uses.

use serde::Deserialize;

/// `relay.ip` as typed. If it is left out, the host's own setting stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpChoice {
    /// IPv4 and IPv6.
    Any,
    /// IPv4 alone.
    Ipv4,
    /// IPv6 alone.
    Ipv6,
}

impl IpChoice {
    /// The value of `inet_protocols`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Any => "all",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }
}
