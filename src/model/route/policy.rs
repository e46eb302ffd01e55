//! An entry of smtp_tls_policy_maps as smtp(8) reads it (tls_policy_lookup_one in smtp/smtp_tls_policy.c): whatever is not
//! as it should be makes the whole entry invalid, and mail for that next hop is put off.

use crate::model::observed::Version;
use crate::model::postfix::tables::items;

/// Postfix's levels of TLS (tls/tls_level.c; postconf(5), smtp_tls_security_level).
pub const LEVELS: [&str; 9] =
    ["none", "may", "encrypt", "dane", "dane-only", "half-dane", "fingerprint", "verify", "secure"];

/// Names of TLS protocols (tls_protocol_table in tls/tls_misc.c).
const PROTOCOLS: [&str; 6] = ["SSLv2", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

/// The attributes, with the first version that knows each.
const ATTRIBUTES: [(&str, u32, u32); 14] = [
    ("ciphers", 2, 3),
    ("protocols", 2, 3),
    ("match", 2, 3),
    ("exclude", 2, 3),
    ("tafile", 2, 11),
    ("servername", 3, 4),
    ("connection_reuse", 3, 4),
    ("enable_rpk", 3, 9),
    ("policy_type", 3, 10),
    ("policy_domain", 3, 10),
    ("policy_string", 3, 10),
    ("policy_ttl", 3, 10),
    ("mx_host_pattern", 3, 10),
    ("policy_failure", 3, 10),
];

/// An entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The level, in lower case; empty if there is none.
    pub level: String,
    /// The attributes, `name=value`.
    pub attributes: Vec<String>,
    /// Why smtp(8) takes the entry for invalid.
    pub invalid: Option<String>,
    /// What it passes over.
    pub ignored: Vec<String>,
}

impl Policy {
    /// Reads an entry's value.
    pub fn new(value: &str, version: &Version) -> Self {
        let bare = |item: &str| {
            item.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(item).trim().to_owned()
        };
        let mut words = items(value).into_iter().map(bare);
        let level = words.next().unwrap_or_default().to_lowercase();
        let mut policy = Self { level, attributes: Vec::new(), invalid: None, ignored: Vec::new() };
        if !LEVELS.contains(&policy.level.as_str()) {
            policy.invalid = Some(format!("`{}` is no level of TLS", policy.level));
        } else if policy.level == "none" {
            policy.ignored = words.collect();
        } else {
            for word in words {
                let reason = policy.refusal(&word, version);
                policy.invalid = policy.invalid.take().or(reason);
                policy.attributes.push(word);
            }
        }
        policy
    }

    /// The values of an attribute.
    pub fn values<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a str> {
        let pairs = self.attributes.iter().filter_map(|pair| pair.split_once('='));
        pairs.filter(move |(name, _)| name.trim().eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
    }

    /// Why smtp(8) does not take this attribute after those before it.
    fn refusal(&self, word: &str, version: &Version) -> Option<String> {
        let Some((name, value)) = word.split_once('=') else {
            return Some(format!("`{word}` is no attribute, which is NAME=VALUE"));
        };
        let (name, value) = (name.trim().to_lowercase(), value.trim());
        let known = ATTRIBUTES
            .iter()
            .find(|(known, major, minor)| *known == name && version.at_least(*major, *minor));
        if known.is_none() {
            return Some(format!("Postfix {} knows no attribute `{name}`", version.0));
        }
        let is_checked = matches!(self.level.as_str(), "verify" | "secure");
        let level = &self.level;
        if (name == "match" && !is_checked && level != "fingerprint") || (name == "tafile" && !is_checked) {
            return Some(format!("the level `{level}` takes no attribute `{name}`"));
        }
        if value.is_empty() && ["match", "ciphers", "tafile"].contains(&name.as_str()) {
            return Some(format!("`{name}` has no value"));
        }
        let once = ["ciphers", "protocols", "servername", "exclude"];
        if once.contains(&name.as_str()) && self.values(&name).next().is_some() {
            return Some(format!("`{name}` stands there more than once"));
        }
        let is_switch = ["connection_reuse", "enable_rpk"].contains(&name.as_str());
        if is_switch && !["yes", "no"].iter().any(|known| value.eq_ignore_ascii_case(known)) {
            return Some(format!("`{name}` is yes or no"));
        }
        None
    }

    /// Why no TLS session begins by this entry; `None`: one may.
    pub fn unusable(&self) -> Option<String> {
        let protocol = self.values("protocols").find_map(unknown_protocol);
        protocol.or_else(|| self.values("ciphers").find_map(unknown_grade))
    }
}

/// Why a list of protocols (postconf(5), smtp_tls_mandatory_protocols) cannot be used; `None`: it can. With one that cannot,
/// no TLS session begins.
pub fn unknown_protocol(list: &str) -> Option<String> {
    let is_known = |word: &&str| {
        let name = word.trim_start_matches(['!', '<', '>', '=']);
        // Since 3.6 also by number, as in OpenSSL's notation.
        let is_number =
            word.starts_with(['<', '>']) && name.chars().all(|c| c.is_ascii_hexdigit() || c == 'x');
        PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(name)) || is_number
    };
    let mut words = list.split([',', ':', ' ', '\t', '\n']).filter(|word| !word.is_empty());
    words.find(|word| !is_known(word)).map(|word| format!("`{word}` is no protocol of TLS"))
}

/// Why this is no grade of ciphers (postconf(5), smtp_tls_mandatory_ciphers).
fn unknown_grade(value: &str) -> Option<String> {
    let known = ["export", "low", "medium", "high", "null"];
    let is_known = known.iter().any(|grade| grade.eq_ignore_ascii_case(value));
    (!is_known).then(|| format!("`{value}` is no grade of ciphers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str) -> Policy {
        Policy::new(value, &Version("3.5.25".into()))
    }

    #[test]
    fn what_smtp_takes_for_invalid_is_invalid() {
        for (value, reason) in [
            ("", "no level"),
            ("sekure", "no level"),
            ("may bogus=1", "no attribute `bogus`"),
            ("may match=x", "takes no attribute `match`"),
            ("encrypt match", "no attribute"),
            ("encrypt tafile=/x", "takes no attribute `tafile`"),
            ("secure match=", "no value"),
            ("encrypt protocols=TLSv1 protocols=TLSv1.2", "more than once"),
            ("may connection_reuse=maybe", "yes or no"),
            ("may enable_rpk=yes", "no attribute `enable_rpk`"),
            ("secure;match=x", "no level"),
        ] {
            let invalid = read(value).invalid.unwrap_or_default();
            assert!(invalid.contains(reason), "{value}: {invalid}");
        }
        for value in [
            "none",
            "none match=x",
            "MAY",
            "secure match=a:b match=.c",
            "secure, match=nexthop",
            "encrypt { protocols = !SSLv2, !SSLv3 } ciphers=high",
            "fingerprint match=aa:bb",
            "may servername=x.example connection_reuse=yes",
            "dane-only",
        ] {
            assert_eq!(read(value).invalid, None, "{value}");
        }
        assert_eq!(read("secure match=a:b match=.c").values("match").collect::<Vec<_>>(), ["a:b", ".c"]);
        assert_eq!(read("none match=x").ignored, ["match=x"]);
    }

    #[test]
    fn protocols_are_known_by_name() {
        assert_eq!(read("encrypt ciphers=strong").unusable().unwrap(), "`strong` is no grade of ciphers");
        assert!(read("encrypt protocols=!SSLv2:TLSv9").unusable().is_some());
        for good in ["", "TLSv1.2", "!SSLv2, !SSLv3", ">=TLSv1.2", "!SSLv2:!TLSv1", ">=0303"] {
            assert_eq!(unknown_protocol(good), None, "{good}");
        }
        for bad in ["TLSv9", "!SSLv2, TLS1.2", "1.2", ">=TLS"] {
            assert!(unknown_protocol(bad).is_some(), "{bad}");
        }
    }
}
