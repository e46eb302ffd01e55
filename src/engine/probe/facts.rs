//! The facts about the host that a probe needs (Postfix's settings, plugins, authorities), and the route from them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::engine::observe::plugins;
use crate::engine::tables::{first_entry, login_entry};
use crate::error::Result;
use crate::model::desired::Desired;
use crate::model::observed::parse_settings;
use crate::model::packages::need::{Need, needs};
use crate::model::plan::parameters::ca_candidates;
use crate::model::postfix::postmap::rewrite_keys;
use crate::model::postfix::settings::{Settings, probed, value};
use crate::model::probe::current::Current;
use crate::model::probe::route::Route;
use crate::model::route::nexthop::NextHop;
use crate::model::secret::Secret;
use crate::sys::{files, host, postfix};

/// The facts about the host that a probe needs.
#[derive(Debug)]
pub struct Host {
    /// Postfix's settings in force; none where it is not installed.
    pub settings: Settings,
    /// The host's own name.
    pub name: String,
    /// Names of the Cyrus SASL plugins on the disk.
    pub plugins: BTreeSet<String>,
    /// The bundle of authorities that Postfix uses, or would.
    pub bundle: Option<PathBuf>,
    /// Postfix's directory of authorities.
    pub directory: Option<PathBuf>,
}

/// Collects the facts about the host.
pub fn host() -> Result<Host> {
    let settings = if postfix::is_installed() {
        parse_settings(&postfix::settings(&probed())?)
    } else {
        Settings::new()
    };
    let setting = |name: &str| settings.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let bundles = setting("smtp_tls_CAfile").into_iter().chain(ca_candidates());
    let bundle = bundles.into_iter().find(|path| files::has_content(path));
    let directory = setting("smtp_tls_CApath");
    Ok(Host { name: host::hostname(), plugins: plugins(), bundle, directory, settings })
}

/// The route of the answers, and its plugins that are still to be installed.
pub fn route_of_answers(desired: &Desired, host: &Host) -> (Route, Vec<String>) {
    let brought = needs(desired).into_iter().filter_map(|need| match need {
        Need::Package { plugin: Some(plugin), .. } => Some(plugin.to_owned()),
        _ => None,
    });
    // The package that has one of these two has the other.
    let pair = |plugin: String| {
        let both = plugin == "plain" || plugin == "login";
        if both { vec!["plain".to_owned(), "login".to_owned()] } else { vec![plugin] }
    };
    let mut all = host.plugins.clone();
    all.extend(brought.flat_map(pair));
    let waits = all.difference(&host.plugins).cloned().collect();
    (Route::of_answers(desired, &host.settings, &host.name, Some(all)), waits)
}

/// The route that Postfix takes now; `None` if it has no relay.
pub fn route_of_host(answers: Option<&Desired>, host: &Host) -> Result<Option<Route>> {
    let setting = |name: &str| value(&host.settings, name);
    let Some(relay) = NextHop::parse(setting("relayhost")) else { return Ok(None) };
    let login = if setting("smtp_sasl_auth_enable") == "yes" {
        login_entry(&relay, &host.settings)?.map(|entry| {
            let (user, password) = entry.split_once(':').unwrap_or((&entry, ""));
            (user.to_owned(), Secret::new(password))
        })
    } else {
        None
    };
    let origin = setting("myorigin");
    let sender = answers.map_or_else(|| format!("root@{origin}"), |desired| desired.alert_sender(origin));
    let rewritten = |address: &str| -> Result<String> {
        let found = first_entry("smtp_generic_maps", &rewrite_keys(address, origin), &host.settings)?;
        let user = address.rsplit_once('@').map_or(address, |(user, _)| user);
        Ok(match found {
            None => address.to_owned(),
            // `@domain` keeps the user (generic(5)).
            Some(domain) if domain.starts_with('@') => format!("{user}{domain}"),
            Some(other) => other,
        })
    };
    let to = answers.and_then(|desired| desired.verify.to.clone());
    let recipient = to.as_deref().map(rewritten).transpose()?;
    let current = Current {
        relay,
        login,
        sender: [sender.clone(), rewritten(&sender)?],
        recipient,
        plugins: host.plugins.clone(),
    };
    Ok(Some(Route::of_host(current, &host.settings, &host.name)))
}
