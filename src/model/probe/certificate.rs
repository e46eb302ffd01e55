//! The contents of a relay's certificate, and whether Postfix would accept it for the relay by its own rules of names
//! (match_servername in tls/tls_client.c). Whether an authority vouches for it is not decided here.

use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::model::text;

/// A day, in seconds.
pub const DAY: i64 = 86_400;

/// Whether an authority vouches for a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// An authority that the host knows vouches for it.
    Trusted,
    /// No authority that the host knows vouches for it.
    UnknownIssuer,
    /// The certificate, or one that vouches for it, has expired.
    Expired,
    /// The certificate, or one that vouches for it, is not valid yet.
    NotYetValid,
    /// The TLS library does not accept it, and OpenSSL might.
    Unsure(String),
}

/// A relay's certificate, as the probe has seen it.
#[derive(Debug, Clone)]
pub struct SeenCertificate {
    /// The certificates, the relay's own first; those that cannot be read are left out.
    pub chain: Vec<Certificate>,
    /// Whether an authority vouches for it.
    pub trust: Trust,
    /// Whether the relay proved that it has the certificate's key.
    pub proved: bool,
}

/// The facts of one certificate. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// CN of the subject, or the whole subject.
    pub subject: String,
    /// CN of the issuer, or the whole issuer.
    pub issuer: String,
    /// The names that it is for: the DNS names of the alternative names, else the subject's CN.
    pub names: Vec<String>,
    /// Valid from.
    pub from: i64,
    /// Valid until.
    pub until: i64,
    /// Whether subject and issuer are the same.
    pub self_signed: bool,
}

impl Certificate {
    /// Reads a certificate in DER; `None` if the bytes are no certificate.
    pub fn parse(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let common = |name: &x509_parser::x509::X509Name<'_>| {
            let cn = name.iter_common_name().next().and_then(|cn| cn.as_str().ok());
            text::one_line(&cn.map_or_else(|| name.to_string(), str::to_owned))
        };
        let dns = |name: &GeneralName<'_>| match name {
            GeneralName::DNSName(name) => Some(text::one_line(name).to_ascii_lowercase()),
            _ => None,
        };
        let alternative = certificate.subject_alternative_name().ok().flatten();
        let names = alternative.into_iter().flat_map(|names| &names.value.general_names);
        let mut names: Vec<String> = names.filter_map(dns).collect();
        let subject = common(certificate.subject());
        if names.is_empty() {
            names.push(subject.to_ascii_lowercase());
        }
        Some(Self {
            issuer: common(certificate.issuer()),
            self_signed: certificate.subject().as_raw() == certificate.issuer().as_raw(),
            subject,
            names,
            from: certificate.validity().not_before.timestamp(),
            until: certificate.validity().not_after.timestamp(),
        })
    }

    /// Whether the certificate is for the relay, by smtp_tls_verify_cert_match or smtp_tls_secure_cert_match. `host`
    /// is the relay's name in DNS, `nexthop` its name in `relayhost`.
    pub fn is_for(&self, patterns: &[String], host: &str, nexthop: &str) -> bool {
        patterns.iter().any(|pattern| {
            let pattern = match pattern.to_ascii_lowercase().as_str() {
                "hostname" => host.to_ascii_lowercase(),
                "nexthop" => nexthop.to_ascii_lowercase(),
                "dot-nexthop" => format!(".{nexthop}").to_ascii_lowercase(),
                other => other.to_owned(),
            };
            self.names.iter().any(|name| matches(name, &pattern))
        })
    }

    /// The names for a person: `wanted` alone if the certificate has it, else the first three.
    pub fn shown_names(&self, wanted: &str) -> String {
        let is_wanted = |name: &&String| matches(name, &wanted.to_ascii_lowercase());
        let mut names: Vec<&str> = match self.names.iter().find(is_wanted) {
            Some(found) => vec![found],
            None => self.names.iter().take(3).map(String::as_str).collect(),
        };
        let more = format!("{} more", self.names.len().saturating_sub(names.len()));
        if self.names.len() > names.len() {
            names.push(&more);
        }
        names.join(", ")
    }
}

/// Whether a certificate's name fits a pattern; `.example.com` stands for every name below it, and a `*` in the
/// certificate for one label.
fn matches(name: &str, pattern: &str) -> bool {
    if pattern.starts_with('.') {
        return name.len() > pattern.len() && name.ends_with(pattern);
    }
    match name.strip_prefix("*.") {
        Some(domain) => {
            pattern.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == domain)
        }
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(names: &[&str]) -> Certificate {
        Certificate {
            subject: String::new(),
            issuer: String::new(),
            names: names.iter().map(ToString::to_string).collect(),
            from: 0,
            until: 0,
            self_signed: false,
        }
    }

    fn fits(names: &[&str], patterns: &[&str], host: &str) -> bool {
        let patterns: Vec<String> = patterns.iter().map(ToString::to_string).collect();
        certificate(names).is_for(&patterns, host, "example.com")
    }

    #[test]
    fn names_match_by_postfixs_rules() {
        let secure = ["nexthop", "dot-nexthop"];
        assert!(fits(&["example.com"], &secure, "mx.example.com"));
        assert!(fits(&["mx.example.com"], &secure, "elsewhere.net"));
        assert!(fits(&["*.example.com"], &secure, "elsewhere.net"));
        assert!(!fits(&["elsewhere.net", "badexample.com", "*.net", "*"], &secure, "elsewhere.net"));
        assert!(fits(&["*.example.com"], &["hostname"], "MX.example.com"));
        assert!(!fits(&["*.example.com"], &["hostname"], "a.mx.example.com"));
        assert!(!fits(&["*.example.com"], &["hostname"], "example.com"));
        assert!(fits(&["other.net"], &["other.net"], "mx.example.com"));
        assert!(!fits(&[], &secure, "mx.example.com"));
    }

    #[test]
    fn of_many_names_few_are_shown() {
        let all = ["a.test", "b.test", "c.test", "d.test"];
        assert_eq!(certificate(&all).shown_names("C.test"), "c.test, 3 more");
        assert_eq!(certificate(&all).shown_names("x.test"), "a.test, b.test, c.test, 1 more");
        assert_eq!(certificate(&["*.x.test"]).shown_names("a.x.test"), "*.x.test");
    }

    #[test]
    fn what_is_no_certificate_is_none() {
        assert_eq!(Certificate::parse(b""), None);
        assert_eq!(Certificate::parse(&[0x30; 200]), None);
    }
}
