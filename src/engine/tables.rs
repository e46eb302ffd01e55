//! The password that smtp(8) sends now, so that it is hidden wherever text leaves.

use std::path::Path;

use crate::model::plan::parameters::words;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::settings::{Settings, value};
use crate::model::route::nexthop::NextHop;
use crate::sys::{postfix, secrets};

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
