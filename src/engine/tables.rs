//! Looks into the tables that Postfix reads now: the login for a relay, and the value of any key.

use std::path::Path;

use crate::error::Result;
use crate::model::plan::parameters::words;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::settings::{Settings, value};
use crate::model::route::nexthop::NextHop;
use crate::sys::{postfix, secrets};

/// The entry of the password tables in force for a relay, `user:password`: first by the name, then by the value of
/// `relayhost` (smtp_sasl_passwd_lookup in smtp/smtp_sasl_glue.c).
pub fn login_entry(relay: &NextHop, settings: &Settings) -> Result<Option<String>> {
    let keys = [relay.host.clone(), relay.text.clone()];
    let entry = first_entry("smtp_sasl_password_maps", &keys, settings)?;
    if let Some(entry) = &entry {
        secrets::know_entry(entry);
    }
    Ok(entry)
}

/// Registers the password that smtp(8) sends now, so that it is hidden. relayhost's own table is read anyway.
pub fn know_login_in_force(settings: &Settings) {
    let path = Managed::SaslPasswd.path();
    let is_ours = |table: &String| table.split_once(':').is_some_and(|(_, name)| Path::new(name) == path);
    let tables = words(value(settings, "smtp_sasl_password_maps"));
    let Some(relay) = NextHop::parse(value(settings, "relayhost")).filter(|_| !tables.iter().all(is_ours))
    else {
        return;
    };
    for table in &tables {
        // Not by proxymap(8): it reports a table that it cannot read once only, and smtp(8) needs that line as the reason.
        let table = table.strip_prefix("proxy:").unwrap_or(table);
        for key in [&relay.host, &relay.text] {
            // A table that cannot be read gives smtp(8) no password either.
            if let Ok(Some(entry)) = postfix::look_up(table, key) {
                secrets::know_entry(&entry);
            }
        }
    }
}

/// The value of the first of these keys that a parameter's tables have, by Postfix's own program.
pub fn first_entry(parameter: &str, keys: &[String], settings: &Settings) -> Result<Option<String>> {
    let tables = words(value(settings, parameter));
    for key in keys {
        for table in &tables {
            if let Some(found) = postfix::look_up(table, key)? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}
