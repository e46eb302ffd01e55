//! The managed parameters of main.cf, and the values that the answers ask for.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::model::desired::{Desired, IpPolicy, Tls, WayOut};
use crate::model::former_senders::is_former;
use crate::model::observed::Postfix;
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::settings::{Settings, default, value};
use crate::model::postfix::tables::{items, path_of};
use crate::model::text::plain;

/// The parameter with the relays that smtp(8) tries after those of the next hop, in the same attempt. Its items are next hops
/// as in `relayhost` (postconf(5)).
pub const FALLBACK: &str = "smtp_fallback_relay";

/// The parameter with the tables of the senders that each local login may hand mail in as (postconf(5), from Postfix 3.6 on).
pub const LOGINS: &str = "local_login_sender_maps";

/// The managed parameters and the values that the answers ask for.
pub fn parameters(
    desired: &Desired,
    postfix: &Postfix,
    kind: &MapKind,
) -> Result<Vec<(&'static str, String)>> {
    let relay = &desired.first.relay;
    let mut wanted = vec![("relayhost", desired.relayhost())];
    let fallbacks: Vec<String> = desired.fallbacks.iter().map(WayOut::next_hop).collect();
    if !fallbacks.is_empty() {
        wanted.push((FALLBACK, fallbacks.join(", ")));
    }
    match desired.filter() {
        // Leaving SASL on would make smtp(8) look for a password table that may not exist.
        None => wanted.push(("smtp_sasl_auth_enable", "no".into())),
        Some(filter) => {
            wanted.push(("smtp_sasl_auth_enable", "yes".into()));
            wanted.push(("smtp_sasl_type", "cyrus".into()));
            wanted.push(("smtp_sasl_password_maps", kind.table(&Managed::SaslPasswd.path())));
            wanted.push(("smtp_sasl_mechanism_filter", filter.into()));
            // Postfix's own default contains `noplaintext`, which excludes PLAIN and LOGIN.
            wanted.push(("smtp_sasl_security_options", "noanonymous".into()));
            wanted.push(("smtp_sasl_tls_security_options", "noanonymous".into()));
            // With it smtp(8) looks for the sender first, and a sender's local part may be the key of another server's login.
            let by_sender = "smtp_sender_dependent_authentication";
            let is_set =
                value(&postfix.settings, by_sender) != "no" || postfix.main_cf.get(by_sender).is_some();
            if desired.has_several_ways() && is_set {
                wanted.push((by_sender, "no".into()));
            }
        }
    }
    if !desired.rewrites.is_empty() {
        wanted.push(tables(postfix, "smtp_generic_maps", (Managed::Generic, Place::First), kind));
    }
    wanted.extend(one_sender(desired, postfix, kind)?);
    wanted.extend(logins(desired, postfix, kind)?);
    if !desired.accounts.is_empty() {
        let by_sender = "sender_dependent_relayhost_maps";
        wanted.push(tables(postfix, by_sender, (Managed::Accounts, Place::Last), kind));
    }
    if !desired.routes.is_empty() {
        wanted.push(tables(postfix, "transport_maps", (Managed::Routes, Place::Last), kind));
    }
    wanted.extend(tls(desired, postfix, kind)?);
    if let Some(value) = protocols(relay.ip, &postfix.settings, postfix.has_ipv4_route) {
        wanted.push(("inet_protocols", value.into()));
    }
    Ok(wanted)
}

/// The parameter by which accounts are for some local logins alone. A value that names tables of somebody else's keeps them:
/// they are asked first.
fn logins(desired: &Desired, postfix: &Postfix, kind: &MapKind) -> Result<Option<(&'static str, String)>> {
    let Some(users) = desired.accounts.iter().find_map(|account| account.users.as_ref()) else {
        return Ok(None);
    };
    if !postfix.version.at_least(3, 6) {
        let (file, place) = users.said.clone();
        return Err(Error::Answers {
            file,
            place,
            problem: format!(
                "local_users needs local_login_sender_maps, which Postfix has from 3.6 on, and this one is {}",
                postfix.version.0
            ),
            remedy: "take local_users out: then any user of this host can send as these senders".into(),
        });
    }
    // By Postfix's default everybody may send as anybody.
    let is_default = postfix.setting(LOGINS) == default(LOGINS);
    let ours = (LOGINS, Managed::Logins.table(kind));
    Ok(Some(if is_default { ours } else { tables(postfix, LOGINS, (Managed::Logins, Place::Last), kind) }))
}

/// The parameters of TLS.
fn tls(desired: &Desired, postfix: &Postfix, kind: &MapKind) -> Result<Vec<(&'static str, String)>> {
    let relay = &desired.first.relay;
    let mut wanted = vec![("smtp_tls_security_level", relay.tls.word().to_owned())];
    if postfix.version.at_least(3, 0) {
        wanted.push(("smtp_tls_wrappermode", if relay.implicit_tls { "yes" } else { "no" }.into()));
    } else if relay.implicit_tls {
        return Err(Error::PostfixTooOld { version: postfix.version.0.clone() });
    }
    if desired.has_several_ways() {
        wanted.push(tables(postfix, "smtp_tls_policy_maps", (Managed::Policies, Place::Foremost), kind));
    }
    let levels =
        desired.ways().map(|way| way.relay.tls).chain(desired.routes.0.iter().map(|route| route.tls));
    if levels.into_iter().any(|level| level != Tls::None)
        && let Some(bundle) = postfix.ca_files.first()
    {
        wanted.push(("smtp_tls_CAfile", bundle.display().to_string()));
    }
    Ok(wanted)
}

/// The place of a table of relayhost's among those that a parameter names already. Of several tables the first that has a key
/// decides (maps_find), and keys of one address are asked for before those of a domain (mail_addr_find).
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// Before the others, if it is not among them.
    First,
    /// Before the others, also if it is among them: a level of TLS that another table lowers would show a password.
    Foremost,
    /// After the others, if it is not among them: so those count more.
    Last,
}

/// A parameter and its tables, with this one of relayhost's.
fn tables(
    postfix: &Postfix,
    name: &'static str,
    (map, place): (Managed, Place),
    kind: &MapKind,
) -> (&'static str, String) {
    let ours = map.table(kind);
    let mut tables = as_ours(postfix.setting(name), kind);
    if place == Place::Foremost {
        tables.retain(|table| *table != ours);
    }
    if !tables.contains(&ours) {
        tables.insert(if place == Place::Last { tables.len() } else { 0 }, ours);
    }
    (name, tables.join(", "))
}

/// The parameters by which everybody sends as the one sender.
fn one_sender(desired: &Desired, postfix: &Postfix, kind: &MapKind) -> Result<Vec<(&'static str, String)>> {
    if desired.one_sender.is_none() {
        return Ok(Vec::new());
    }
    let (maps, classes) = ("sender_canonical_maps", "sender_canonical_classes");
    let others: Vec<String> = as_ours(postfix.setting(maps), kind)
        .into_iter()
        .filter(|table| *table != Managed::Senders.table(kind))
        .collect();
    let covers = |class: &str| words(postfix.setting(classes)).iter().any(|word| word == class);
    if !others.is_empty() && covers("header_sender") {
        let others = plain(&others.join(", "));
        return Err(Error::Answers {
            file: "the answers".into(),
            place: None,
            problem: format!(
                "sender.default needs {classes} = envelope_sender, and on this host {maps} has {others} for headers, too"
            ),
            remedy: format!(
                "`postconf -e sender_canonical_classes=envelope_sender` if the envelope is enough for {others}; else write its senders under sender.rewrite, and `postconf -e sender_canonical_maps=`"
            )
            .into(),
        });
    }
    Ok(vec![
        tables(postfix, maps, (Managed::Senders, Place::Last), kind),
        // As a class, header_sender is Reply-To and Mail-Followup-To, too (cleanup_message.c).
        (classes, "envelope_sender".into()),
        tables(postfix, "smtp_header_checks", (Managed::From, Place::Last), kind),
    ])
}

/// The items of a value, in which whatever names a table of relayhost's is its table of this type, once: another type may be
/// there no more after an upgrade. A table of former senders that a killed run has left is none of them.
pub fn as_ours(value: &str, kind: &MapKind) -> Vec<String> {
    let mut all = Vec::new();
    for item in words(value).into_iter().filter(|item| !is_former(item)) {
        // As a path: `//` and `/./` lead to the same file.
        let own = path_of(&item)
            .and_then(|path| Managed::map_at(Path::new(path)).filter(|map| !map.is_on_demand()))
            .map(|map| map.table(kind));
        let item = own.unwrap_or(item);
        if !Managed::is_map(path_of(&item).unwrap_or_default()) || !all.contains(&item) {
            all.push(item);
        }
    }
    all
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
    use crate::model::answers::complete::{Secrets, complete};
    use crate::model::observed::Version;
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
    fn every_entry_of_our_own_path_is_ours_whatever_its_type_and_all_others_stay() {
        const OURS: &str = "lmdb:/etc/postfix/generic";
        let kind = MapKind::new("lmdb").unwrap();
        for (list, wanted) in [
            ("", ""),
            ("OWN", "OURS"),
            ("OURS, OWN", "OURS"),
            ("OWN OURS,OWN", "OURS"),
            ("pcre:/a, OWN, hash:/b", "pcre:/a, OURS, hash:/b"),
            ("hash:/etc/postfix/generic.old", "hash:/etc/postfix/generic.old"),
            ("a, a", "a, a"),
        ] {
            for other in ["hash:", "btree:", "lmdb:", "texthash:", "proxy:hash:"] {
                let list = list.replace("OURS", OURS).replace("OWN", &format!("{other}/etc/postfix/generic"));
                let once = as_ours(&list, &kind).join(", ");
                assert_eq!(once, wanted.replace("OURS", OURS), "{list}");
                assert_eq!(as_ours(&once, &kind).join(", "), once);
            }
        }
    }

    #[test]
    fn what_the_answers_decide_is_managed_and_nothing_else_is() {
        let answers = "version = 1\n[relay]\nhost = \"relay.example.com\"\nip = \"ipv4\"\n\
                       [auth]\nmechanism = \"plain\"\nusername = \"u\"\n[sender]\nrewrite = { a = \"b@example.com\" }\ndefault = \"c@example.com\"\n[[senders]]\nfrom = [\"x@example.com\"]\nlocal_users = [\"x\"]\nauth = { username = \"x\", password = \"y\" }\n[[routes]]\nto = [\"corp.example.com\"]\nvia = \"hub\"\n";
        let answers = Answers::parse("answers.toml", answers.as_bytes()).unwrap();
        let some = || Some(Secret::new("p"));
        let secrets = Secrets { login: some(), fallbacks: vec![some().into()], ..Secrets::default() };
        let mut desired = complete(&answers, secrets).unwrap();
        desired.fallbacks.push(desired.first.clone());
        // What is set only where somebody has set something else.
        let settings = [("smtp_sender_dependent_authentication", "yes")];
        let kind = MapKind::new("hash").unwrap();
        let old = parameters(&desired, &Postfix::with(&settings), &kind).unwrap_err().to_string();
        assert!(old.contains("line 13, column 15") && old.contains("3.6"), "{old}");
        let postfix = Postfix { version: Version("3.7.11".into()), ..Postfix::with(&settings) };
        let set = parameters(&desired, &postfix, &kind).unwrap();
        let set: BTreeSet<&str> = set.into_iter().map(|(name, _)| name).collect();
        assert_eq!(set, settings::managed().into_iter().collect());
    }
}
