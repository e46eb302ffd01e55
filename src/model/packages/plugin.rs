//! THE table of SASL mechanisms, with the Cyrus SASL plugin for each and the package that contains the plugin.

/// A mechanism as Cyrus SASL knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PluginKind {
    /// Its name in EHLO; with a `*` at the end, all names that begin so.
    name: &'static str,
    /// The plugin: `plain` for libplain.so.
    pub plugin: &'static str,
    /// The EL package that contains the plugin.
    pub package: &'static str,
    /// Security options that it fulfils.
    has: &'static [&'static str],
}

/// relayhost's own plugin for access tokens.
pub const OURS: &str = "relayhost-xoauth2";
/// The plugin of EPEL for access tokens, and its package.
pub const EPEL: &str = "sasl-xoauth2";
/// Other plugins for XOAUTH2: EPEL's, KDE's and moriyoshi's. Cyrus SASL takes some of them instead of relayhost's
/// (sasl-xoauth2 claims a strength of 60), and they read the password as something else than the token, such as the path of
/// a file.
pub const RIVALS: [&str; 3] = [EPEL, "kdexoauth2", "xoauth2"];

/// All mechanisms that a relay may offer, the strongest first, as Cyrus SASL ranks them. PLAIN and LOGIN are equal
/// there, and the order of the directory decides; PLAIN is first here since it is standardized.
pub const KINDS: [PluginKind; 15] = [
    PluginKind { name: "SCRAM-SHA-512", plugin: "scram", package: "cyrus-sasl-scram", has: STRONG },
    PluginKind { name: "SCRAM-SHA-384", plugin: "scram", package: "cyrus-sasl-scram", has: STRONG },
    PluginKind { name: "SCRAM-SHA-256", plugin: "scram", package: "cyrus-sasl-scram", has: STRONG },
    PluginKind { name: "SCRAM-SHA-1", plugin: "scram", package: "cyrus-sasl-scram", has: STRONG },
    PluginKind { name: "GS2-*", plugin: "gs2", package: "cyrus-sasl-gs2", has: STRONG },
    PluginKind { name: "GSSAPI", plugin: "gssapiv2", package: "cyrus-sasl-gssapi", has: STRONG },
    PluginKind { name: "GSS-SPNEGO", plugin: "gssapiv2", package: "cyrus-sasl-gssapi", has: STRONG },
    PluginKind { name: "DIGEST-MD5", plugin: "digestmd5", package: "cyrus-sasl-md5", has: MUTUAL },
    PluginKind { name: "CRAM-MD5", plugin: "crammd5", package: "cyrus-sasl-md5", has: HASHED },
    PluginKind { name: "NTLM", plugin: "ntlm", package: "cyrus-sasl-ntlm", has: HASHED },
    PluginKind { name: "XOAUTH2", plugin: OURS, package: "relayhost-sasl-xoauth2", has: &["noanonymous"] },
    PluginKind {
        name: "OAUTHBEARER",
        plugin: OURS,
        package: "relayhost-sasl-xoauth2",
        has: &["noanonymous"],
    },
    PluginKind { name: "XOAUTH2", plugin: EPEL, package: EPEL, has: &["noanonymous"] },
    PluginKind { name: "PLAIN", plugin: "plain", package: "cyrus-sasl-plain", has: &["noanonymous"] },
    PluginKind { name: "LOGIN", plugin: "login", package: "cyrus-sasl-plain", has: &["noanonymous"] },
];

const STRONG: &[&str] = &["noanonymous", "noplaintext", "noactive", "mutual_auth"];
const MUTUAL: &[&str] = &["noanonymous", "noplaintext", "mutual_auth"];
const HASHED: &[&str] = &["noanonymous", "noplaintext"];

impl PluginKind {
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
pub fn known(offered: &str) -> Option<&'static PluginKind> {
    KINDS.iter().find(|kind| kind.is(offered))
}
