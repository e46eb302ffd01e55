//! The parameters of main.cf: which are managed and what the answers make of them, and which only matter because they
//! can lead mail elsewhere.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::model::desired::{Auth, Desired, IpPolicy, Tls};
use crate::model::observed::Postfix;
use crate::model::postfix::managed::{Managed, MapKind};

/// Parameters that lead mail around `relayhost`, or override its TLS level.
pub const ROUTING: [&str; 4] = [
    "transport_maps",
    "sender_dependent_relayhost_maps",
    "sender_dependent_default_transport_maps",
    "smtp_tls_policy_maps",
];

/// Every parameter whose value in force a plan or a diagnosis asks for.
pub const SETTINGS: [&str; 27] = [
    "default_database_type",
    "default_transport",
    "inet_protocols",
    "mail_version",
    "mydestination",
    "mydomain",
    "myhostname",
    "myorigin",
    "queue_directory",
    "relayhost",
    "sender_dependent_default_transport_maps",
    "sender_dependent_relayhost_maps",
    "sendmail_path",
    "smtp_generic_maps",
    "smtp_sasl_auth_enable",
    "smtp_sasl_mechanism_filter",
    "smtp_sasl_password_maps",
    "smtp_sasl_security_options",
    "smtp_sasl_tls_security_options",
    "smtp_sasl_type",
    "smtp_tls_CAfile",
    "smtp_tls_policy_maps",
    "smtp_tls_security_level",
    "smtp_tls_wrappermode",
    "transport_maps",
    "maillog_file",
    "process_id_directory",
];

/// Whether mail to this address is delivered on the host itself, by `mydestination` (local(8)).
pub fn is_local(address: &str, postfix: &Postfix) -> bool {
    let domain = address.rsplit('@').next().unwrap_or_default();
    words(postfix.setting("mydestination")).iter().any(|name| name.eq_ignore_ascii_case(domain))
}

/// The managed parameters and the values that the answers ask for.
pub fn parameters(
    desired: &Desired,
    postfix: &Postfix,
    kind: &MapKind,
) -> Result<Vec<(&'static str, String)>> {
    let relay = &desired.relay;
    let mut wanted = vec![("relayhost", desired.relayhost())];
    match &desired.auth {
        // Leaving SASL on would make smtp(8) look for a password table that may not exist.
        Auth::None => wanted.push(("smtp_sasl_auth_enable", "no".into())),
        Auth::Login { mechanism, .. } => {
            wanted.push(("smtp_sasl_auth_enable", "yes".into()));
            wanted.push(("smtp_sasl_type", "cyrus".into()));
            wanted.push(("smtp_sasl_password_maps", kind.table(&Managed::SaslPasswd.path())));
            wanted.push(("smtp_sasl_mechanism_filter", mechanism.filter().into()));
            // Postfix's own default contains `noplaintext`, which takes PLAIN and LOGIN away.
            wanted.push(("smtp_sasl_security_options", "noanonymous".into()));
            wanted.push(("smtp_sasl_tls_security_options", "noanonymous".into()));
        }
    }
    if !desired.rewrites.is_empty() {
        let ours = kind.table(&Managed::Generic.path());
        let mut tables = words(postfix.setting("smtp_generic_maps"));
        if !tables.contains(&ours) {
            tables.insert(0, ours);
        }
        wanted.push(("smtp_generic_maps", tables.join(", ")));
    }
    wanted.push(("smtp_tls_security_level", relay.tls.word().into()));
    if postfix.version.at_least(3, 0) {
        wanted.push(("smtp_tls_wrappermode", if relay.implicit_tls { "yes" } else { "no" }.into()));
    } else if relay.implicit_tls {
        return Err(Error::PostfixTooOld {
            what: "TLS from the first byte (implicit_tls, port 465)".into(),
            needed: "3.0",
            version: postfix.version.to_string(),
            remedy: "use the relay's port 587 with implicit_tls = false".into(),
        });
    }
    if relay.tls != Tls::None
        && let Some(bundle) = postfix.ca_files.first()
    {
        wanted.push(("smtp_tls_CAfile", bundle.display().to_string()));
    }
    if let IpPolicy::Set(value) = relay.ip {
        wanted.push(("inet_protocols", value.into()));
    }
    Ok(wanted)
}

/// The items of a Postfix list: separated by commas and white space.
pub fn words(value: &str) -> Vec<String> {
    value.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The usual places of a CA bundle: EL, its newer home, Debian (postconf(5) has no default).
pub fn ca_candidates() -> Vec<PathBuf> {
    [
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/certs/ca-certificates.crt",
    ]
    .map(PathBuf::from)
    .to_vec()
}
