//! THE table of SASL mechanisms, with the Cyrus SASL plugin for each and the package that contains the plugin.

/// A mechanism as Cyrus SASL knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name in EHLO; with a `*` at the end, all names that begin so.
    name: &'static str,
    /// The plugin: `plain` for libplain.so.
    pub plugin: &'static str,
    /// The EL package that contains the plugin.
    pub package: &'static str,
    /// Security options that it fulfils.
    has: &'static [&'static str],
}

/// All mechanisms that a relay may offer, the strongest first, as Cyrus SASL ranks them. PLAIN and LOGIN are equal
/// there, and the order of the directory decides; PLAIN is first here since it is standardized.
pub const KINDS: [Kind; 13] = [
    kind("SCRAM-SHA-512", "scram", "cyrus-sasl-scram", STRONG),
    kind("SCRAM-SHA-384", "scram", "cyrus-sasl-scram", STRONG),
    kind("SCRAM-SHA-256", "scram", "cyrus-sasl-scram", STRONG),
    kind("SCRAM-SHA-1", "scram", "cyrus-sasl-scram", STRONG),
    kind("GS2-*", "gs2", "cyrus-sasl-gs2", STRONG),
    kind("GSSAPI", "gssapiv2", "cyrus-sasl-gssapi", STRONG),
    kind("GSS-SPNEGO", "gssapiv2", "cyrus-sasl-gssapi", STRONG),
    kind("DIGEST-MD5", "digestmd5", "cyrus-sasl-md5", &["noanonymous", "noplaintext", "mutual_auth"]),
    kind("CRAM-MD5", "crammd5", "cyrus-sasl-md5", &["noanonymous", "noplaintext"]),
    kind("NTLM", "ntlm", "cyrus-sasl-ntlm", &["noanonymous", "noplaintext"]),
    kind("XOAUTH2", "sasl-xoauth2", "sasl-xoauth2", &["noanonymous"]),
    kind("PLAIN", "plain", "cyrus-sasl-plain", &["noanonymous"]),
    kind("LOGIN", "login", "cyrus-sasl-plain", &["noanonymous"]),
];

const STRONG: &[&str] = &["noanonymous", "noplaintext", "noactive", "mutual_auth"];

const fn kind(
    name: &'static str,
    plugin: &'static str,
    package: &'static str,
    has: &'static [&'static str],
) -> Kind {
    Kind { name, plugin, package, has }
}

impl Kind {
    /// Whether this is the mechanism of that name.
    pub fn is(&self, offered: &str) -> bool {
        match self.name.strip_suffix('*') {
            Some(head) => offered.starts_with(head),
            None => self.name.eq_ignore_ascii_case(offered),
        }
    }

    /// Whether it fulfils a security option.
    pub fn has(&self, option: &str) -> bool {
        self.has.contains(&option)
    }
}

/// The mechanism of a name, as a relay offers it or as the answers name it.
pub fn known(offered: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.is(offered))
}
