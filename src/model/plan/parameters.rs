//! The managed parameters of main.cf, and the values that the answers ask for.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::model::desired::{Auth, Desired, IpPolicy, Tls};
use crate::model::observed::Postfix;
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::settings::{Settings, value};
use crate::model::postfix::tables::{items, path_of};
use crate::model::text::domain_of;

/// Whether mail to this address is delivered on the host itself.
pub fn is_local(address: &str, settings: &Settings) -> bool {
    kept_by(address, settings).is_some()
}

/// The parameter by which mail to this address is delivered on the host itself: it has the domain by name (not by a table), or
/// the address is one of the loopback's or of `inet_interfaces` (`resolve_local` in global/resolve_local.c of Postfix;
/// ADDRESS_CLASS_README).
pub fn kept_by(address: &str, settings: &Settings) -> Option<&'static str> {
    let domain = domain_of(address);
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let literal = literal.map(|text| text.strip_prefix("IPv6:").unwrap_or(text));
    if let Some(address) = literal.and_then(|text| text.parse::<IpAddr>().ok()) {
        let is_it = |word: &String| word.parse() == Ok(address);
        let is_ours = address.is_loopback() || words(value(settings, "inet_interfaces")).iter().any(is_it);
        return is_ours.then_some("inet_interfaces");
    }
    let has = |name: &&str| words(value(settings, name)).iter().any(|word| word.eq_ignore_ascii_case(domain));
    OF_THIS_HOST.into_iter().find(has)
}

/// The parameters with domains whose mail stays on the host.
const OF_THIS_HOST: [&str; 3] = ["mydestination", "virtual_alias_domains", "virtual_mailbox_domains"];

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
            // Postfix's own default contains `noplaintext`, which excludes PLAIN and LOGIN.
            wanted.push(("smtp_sasl_security_options", "noanonymous".into()));
            wanted.push(("smtp_sasl_tls_security_options", "noanonymous".into()));
        }
    }
    if !desired.rewrites.is_empty() {
        let ours = kind.table(&Managed::Generic.path());
        let mut tables = words(postfix.setting("smtp_generic_maps"));
        if !tables.contains(&ours) {
            // The same file by a type that this Postfix may not have.
            tables.retain(|table| path_of(table) != path_of(&ours));
            tables.insert(0, ours);
        }
        wanted.push(("smtp_generic_maps", tables.join(", ")));
    }
    wanted.push(("smtp_tls_security_level", relay.tls.word().into()));
    if postfix.version.at_least(3, 0) {
        wanted.push(("smtp_tls_wrappermode", if relay.implicit_tls { "yes" } else { "no" }.into()));
    } else if relay.implicit_tls {
        return Err(Error::PostfixTooOld { version: postfix.version.0.clone() });
    }
    if relay.tls != Tls::None
        && let Some(bundle) = postfix.ca_files.first()
    {
        wanted.push(("smtp_tls_CAfile", bundle.display().to_string()));
    }
    if let Some(value) = protocols(relay.ip, &postfix.settings, postfix.has_ipv4_route) {
        wanted.push(("inet_protocols", value.into()));
    }
    Ok(wanted)
}

/// The value of `inet_protocols` that the answers ask for; `None`: the host's own stays.
pub fn protocols(policy: IpPolicy, settings: &Settings, has_ipv4_route: bool) -> Option<&'static str> {
    match policy {
        IpPolicy::Leave => None,
        IpPolicy::Set(value) => Some(value),
        IpPolicy::PreferV4 => needs_ipv6(settings, has_ipv4_route).is_none().then_some("ipv4"),
    }
}

/// Why Postfix on this host cannot do with IPv4 alone, in words; `None`: it can.
pub fn needs_ipv6(settings: &Settings, has_ipv4_route: bool) -> Option<String> {
    let protocols = value(settings, "inet_protocols");
    let has = |name: &str| words(protocols).iter().any(|word| word == name || word == "all");
    // `loopback-only` and `localhost` serve this host itself, whose programs have 127.0.0.1.
    let listens = |word: &String| {
        let is_address =
            word.parse::<IpAddr>().is_ok_and(|address| address.is_ipv4() || address.is_loopback());
        !(is_address || word == "localhost" || word == "loopback-only")
    };
    let interfaces = value(settings, "inet_interfaces");
    if !has("ipv4") {
        Some(format!("inet_protocols = {protocols} leaves IPv4 out"))
    } else if !has_ipv4_route {
        Some("this host has no route for IPv4".to_owned())
    } else if has("ipv6") && words(interfaces).iter().any(listens) {
        Some(format!("Postfix also takes mail from elsewhere, by IPv6 too (inet_interfaces = {interfaces})"))
    } else {
        None
    }
}

/// The items of a Postfix list: separated by commas and white space, but for those within braces (postconf(5),
/// "inline:{…}" and the like; mystrtokq in util/mystrtok.c).
pub fn words(value: &str) -> Vec<String> {
    items(value).into_iter().map(str::to_owned).collect()
}

/// The usual paths of a CA bundle: EL's, EL's newer one, Debian's (postconf(5) has no default).
pub fn ca_candidates() -> Vec<PathBuf> {
    [
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
        "/etc/ssl/certs/ca-certificates.crt",
    ]
    .map(PathBuf::from)
    .to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::answers::Answers;
    use crate::model::answers::complete::complete;
    use crate::model::postfix::settings;
    use crate::model::secret::Secret;

    #[test]
    fn ipv4_alone_is_set_where_it_is_preferred_and_nothing_needs_ipv6() {
        let of = |protocols: &str, interfaces: &str, route| {
            let settings = [("inet_protocols", protocols), ("inet_interfaces", interfaces)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            super::protocols(IpPolicy::PreferV4, &settings.into(), route)
        };
        for interfaces in ["localhost", "loopback-only", "127.0.0.1, ::1", "192.0.2.1"] {
            assert_eq!(of("all", interfaces, true), Some("ipv4"), "{interfaces}");
            assert_eq!(of("all", interfaces, false), None, "no route");
            assert_eq!(of("ipv6", interfaces, true), None, "IPv4 is switched off");
        }
        for interfaces in ["all", "2001:db8::1", "mail.example.com"] {
            assert_eq!(of("all", interfaces, true), None, "{interfaces}");
            assert_eq!(of("ipv4", interfaces, true), Some("ipv4"), "it is set already: {interfaces}");
        }
    }

    #[test]
    fn what_the_answers_decide_is_managed_and_nothing_else_is() {
        let answers = "version = 1\n[relay]\nhost = \"relay.example.com\"\nip = \"ipv4\"\n\
                       [auth]\nmechanism = \"plain\"\nusername = \"u\"\n[sender]\nrewrite = { a = \"b@example.com\" }\n";
        let answers = Answers::parse("answers.toml", answers.as_bytes()).unwrap();
        let desired = complete(&answers, Some(Secret::new("p"))).unwrap();
        let set = parameters(&desired, &Postfix::with(&[]), &MapKind::new("hash").unwrap()).unwrap();
        let set: BTreeSet<&str> = set.into_iter().map(|(name, _)| name).collect();
        assert_eq!(set, settings::managed().into_iter().collect());
    }
}
