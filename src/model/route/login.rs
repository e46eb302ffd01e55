//! The login at a relay, as smtp(8) chooses it (smtp_sasl_passwd_lookup in smtp/smtp_sasl_glue.c): by the sender where
//! smtp_sender_dependent_authentication is on, then by the server's bare name, and only then by the next hop as it stands in
//! `relayhost`.

use super::address::keys;
use super::host::{Host, Value};
use super::nexthop::NextHop;
use super::tables::{Ask, Keys, TableEntry, find};
use super::written::Written;
use super::{Hop, Login, build, offer};
use crate::model::postfix::shown::without_inline_tables;
use crate::model::postfix::tables::{is_built, path_of};
use crate::model::probe::mechanism::Filter;
use crate::model::secret::Secret;

/// Parameters that leave of the login's mechanisms only some.
const LIMITS: [&str; 4] = [
    "smtp_sasl_type",
    "smtp_sasl_mechanism_filter",
    "smtp_sasl_security_options",
    "smtp_sasl_tls_security_options",
];

/// The options of a service that limit the login, each as `name=value` with its place: main.cf's own values do not count for
/// it.
pub fn limits(host: &Host, channel: &str) -> Vec<(String, Written)> {
    let values = LIMITS.iter().map(|name| host.of(channel, name));
    let own = values.filter(|value| matches!(value.at, Written::Master { .. }));
    own.map(|value| (format!("{}={}", value.at.parameter(), value.text), value.at)).collect()
}

/// The remedy for a table without an entry for the relay; `filter`: the mechanisms that Postfix may use; `or_apply`: what to
/// add where an entry by hand is possible.
pub fn no_entry(relay: &str, filter: &str, or_apply: &str) -> String {
    if Filter::new(filter).is_for_tokens() {
        "relayhost apply (fetches an access token by [auth.oauth] of the answers, and writes the entry)"
            .into()
    } else {
        format!("put `{relay} USER:PASSWORD` into that table and build it (postmap){or_apply}")
    }
}

/// The entry that smtp(8) finds in the password tables (`list`).
fn entry_of(
    host: &Host,
    channel: &str,
    relay: &NextHop,
    sender: &str,
    list: &Value,
    hop: &mut Hop,
    ask: &mut Ask,
) -> Option<TableEntry> {
    let mut found = None;
    if host.of(channel, "smtp_sender_dependent_authentication").text == "yes" && !sender.is_empty() {
        let keys = keys(host, sender, hop, ask);
        let by_sender = find(list, &keys, ask);
        found = hop.found(by_sender);
    }
    if found.is_none() && hop.faults.is_empty() {
        let by_relay = find(list, &Keys::whole(relay.login_keys()), ask);
        found = hop.found(by_relay);
    }
    if relay.mx {
        hop.notes.push(
            "where the relay has MX records, the first key is the name of the server they lead to".into(),
        );
    }
    found
}

/// The hop, and the login.
pub fn login(
    host: &Host,
    channel: &str,
    relay: &NextHop,
    sender: &str,
    ask: &mut Ask,
) -> (Hop, Option<Login>) {
    let mut hop = Hop::new("login");
    let enable = host.of(channel, "smtp_sasl_auth_enable");
    if enable.text != "yes" {
        off(host, channel, relay, &enable.at, &mut hop, ask);
        hop.at.push(enable.at);
        return (hop, None);
    }
    let list = host.of(channel, "smtp_sasl_password_maps");
    if list.text.is_empty() {
        let text = "smtp_sasl_auth_enable is yes, and no password table is named: smtp(8) ends at once";
        hop.fault(true, text, enable.at.undo(&host.version));
        return (hop, None);
    }
    let Some(entry) = entry_of(host, channel, relay, sender, &list, &mut hop, ask) else {
        if hop.faults.is_empty() && hop.notes.is_empty() {
            let tables = without_inline_tables(&list.text);
            let text = format!(
                "no password table ({tables}) has an entry whose key is {} or {}, letter by letter: nobody logs in, \
                 and Postfix logs no word about that",
                relay.text, relay.host
            );
            let filter = host.of(channel, "smtp_sasl_mechanism_filter");
            hop.fault(false, text, no_entry(&relay.text, &filter.text, ""));
        }
        hop.at.push(list.at);
        return (hop, None);
    };
    let (user, password) = entry.value.split_once(':').unwrap_or((&entry.value, ""));
    user.clone_into(&mut hop.value);
    if password.is_empty() {
        let (text, remedy) = without_password(host, channel, &entry);
        hop.fault(true, text, remedy);
    }
    if let Some((text, at)) = offer::passed_over(host, channel, "AUTH") {
        hop.fault(false, format!("nobody logs in: {text}"), at.undo(&host.version));
    }
    hop.at.push(entry.at.clone());
    let login = Login { user: user.to_owned(), password: Secret::new(password), at: entry.at };
    (hop, Some(login))
}

/// The fault of an option that switches the login off for one service, where the relay has an entry all the same.
fn off(host: &Host, channel: &str, relay: &NextHop, at: &Written, hop: &mut Hop, ask: &mut Ask) {
    let list = host.of(channel, "smtp_sasl_password_maps");
    if !matches!(at, Written::Master { .. }) || list.text.is_empty() {
        return;
    }
    // A table that cannot be read does no harm here: this service does not log in.
    if let Ok(Some(entry)) = find(&list, &Keys::whole(relay.login_keys()), ask) {
        let text = format!("nobody logs in ({at}), although {} has an entry ({})", relay.text, entry.at);
        hop.fault(false, text, at.undo(&host.version));
    }
}

/// What is wrong with an entry without a password, and the remedy. relayhost writes one until the first access token of the login
/// has come.
fn without_password(host: &Host, channel: &str, entry: &TableEntry) -> (String, String) {
    let filter = host.of(channel, "smtp_sasl_mechanism_filter").text;
    let takes_token = filter.split([',', ' ']).any(|word| ["xoauth2", "oauthbearer"].contains(&word));
    if takes_token && entry.value.ends_with(':') {
        let text = format!("the entry has no access token yet ({}): mail with this login waits", entry.at);
        return (text, TOKEN.to_owned());
    }
    let text = format!(
        "the entry has no password ({}): what smtp(8) sends as the user name is all of it, with an empty password",
        entry.at
    );
    let user = entry.value.split_once(':').map_or(entry.value.as_str(), |(user, _)| user);
    (text, completed(&entry.at, user))
}

/// The remedy for an entry without an access token.
const TOKEN: &str = "`relayhost token`, which fetches it, or says what keeps it";

/// The remedy that gives an entry its password.
fn completed(at: &Written, user: &str) -> String {
    let Written::Table { table, key, parameter, .. } = at else { return String::new() };
    match path_of(table) {
        Some(path) => {
            let build = if is_built(table) {
                format!("build it ({})", build(parameter, table))
            } else {
                "`postfix reload`".into()
            };
            format!("write `{key} {user}:PASSWORD` in {path}, and {build}")
        }
        None => format!("write `{user}:PASSWORD` for {key} in {parameter}"),
    }
}
