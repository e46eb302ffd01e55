//! Facts of this host and its answers that tell causes with the same words apart.

use std::collections::BTreeSet;

use crate::model::accounts::account_of;
use crate::model::causes::catalogue::Fact;
use crate::model::desired::{Auth, Desired};
use crate::model::observed::{Database, MapFile, Observed, Postfix};
use crate::model::packages::need::{Need, needs};
use crate::model::plan::parameters::words;
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::own_names::OwnNames;
use crate::model::routes::Via;
use crate::model::text::domain_of;

/// The facts that the answers decide for a message to `to`, and the package of the login's plugin.
pub fn of_answers(desired: &Desired, observed: &Observed, to: &str) -> (BTreeSet<Fact>, String) {
    let (mut facts, mut package) = (BTreeSet::new(), String::new());
    for need in needs(desired) {
        if let Need::Package { name, plugin: Some(plugin) } = need {
            let missing = !observed.packages.contains_key(&name);
            if missing || !observed.plugins.contains(plugin) {
                facts.insert(Fact::PluginMissing);
            }
            package = name;
        }
    }
    facts.insert(match &desired.first.auth {
        Auth::None => Fact::AnswersHaveNoLogin,
        Auth::Login { .. } => Fact::AnswersHaveLogin,
    });
    if desired.mechanism().takes_token() {
        facts.insert(Fact::LoginByToken);
    }
    if desired.app().is_some_and(|app| app.person().is_some()) {
        facts.insert(Fact::PersonLogsIn);
    }
    if desired.route_of(to).is_some_and(|route| route.via == Via::Direct) {
        facts.insert(Fact::Direct);
    }
    (facts, package)
}

/// The facts about the settings and tables that Postfix uses, for a message from `sender`.
pub fn in_force(desired: &Desired, postfix: &Postfix, sender: &str) -> impl Iterator<Item = Fact> {
    let setting = |name| postfix.setting(name);
    let options = ["smtp_sasl_security_options", "smtp_sasl_tls_security_options"];
    let forbids_plaintext = |name| words(setting(name)).iter().any(|word| word == "noplaintext");
    let login = match (&desired.first.auth, postfix.maps.get(&Managed::SaslPasswd)) {
        (Auth::Login { username, password, .. }, Some(map)) => {
            match entry_in_force(map, setting("relayhost")) {
                None => Some(Fact::EntryMissing),
                Some(entry) => {
                    // An entry that waits for its first token has none that could differ.
                    let is_ours = !password.expose().is_empty() || desired.app().is_none();
                    let differs = is_ours && entry != format!("{username}:{}", password.expose());
                    differs.then_some(Fact::EntryDiffers)
                }
            }
        }
        _ => None,
    };
    let rewrite = match desired.rewrite_of(sender, setting("myorigin")) {
        // The answers have it leave as it is, with a login of its own.
        None if account_of(&desired.accounts, sender).is_some() => None,
        None => not_as_one(desired, postfix, sender),
        Some(rule) => {
            let generic = (Managed::Generic, "smtp_generic_maps");
            (!is_entered(postfix, generic, &rule.local, &rule.public)).then_some(Fact::RewriteNotInForce)
        }
    };
    let facts = [
        (setting("smtp_sasl_auth_enable") != "yes").then_some(Fact::SaslOff),
        options.into_iter().any(forbids_plaintext).then_some(Fact::Noplaintext),
        matches!(setting("smtp_tls_security_level"), "" | "none").then_some(Fact::TlsOff),
        (!postfix.has_route).then_some(Fact::NoNetwork),
        login,
        rewrite,
    ];
    facts.into_iter().flatten()
}

/// What is amiss with a sender that has no line of its own: the answers name no address for it, or Postfix does not use that.
/// A message in the queue has the one sender already.
fn not_as_one(desired: &Desired, postfix: &Postfix, sender: &str) -> Option<Fact> {
    let Some(one) = &desired.one_sender else { return Some(Fact::SenderNotRewritten) };
    if !OwnNames::new(&postfix.settings).has_address(sender) {
        return (!one.address.eq_ignore_ascii_case(sender)).then_some(Fact::SenderNotRewritten);
    }
    let (table, key) = ((Managed::Senders, "sender_canonical_maps"), format!("@{}", domain_of(sender)));
    (!is_entered(postfix, table, &key, &one.address)).then_some(Fact::RewriteNotInForce)
}

/// Whether a table that this parameter names has this entry in force.
fn is_entered(postfix: &Postfix, (file, parameter): (Managed, &str), key: &str, value: &str) -> bool {
    let Some(map) = postfix.maps.get(&file) else { return false };
    let is_named = |kind: &MapKind| words(postfix.setting(parameter)).contains(&kind.table(&file.path()));
    postfix.map_kind.as_ref().is_some_and(is_named) && entry_in_force(map, key).as_deref() == Some(value)
}

/// The value that Postfix finds for a key in a table.
fn entry_in_force(map: &MapFile, key: &str) -> Option<String> {
    match &map.database {
        Database::Read { entries, .. } => entries.get(&key.to_lowercase()).cloned(),
        Database::NotNeeded => map.source.as_ref()?.get(key),
        Database::Missing | Database::Broken(_) => None,
    }
}
