//! The facts about the host that a probe needs (Postfix's settings, plugins, authorities), and the route from them.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::engine::observe::{ca_files, other_ways_for, plugins, postfix_of};
use crate::engine::{Place, route as way};
use crate::error::Result;
use crate::model::desired::Desired;
use crate::model::observed::{Postfix, parse_settings};
use crate::model::packages::need::{Need, needs};
use crate::model::postfix::settings::{Settings, probed, value};
use crate::model::probe::route::Route;
use crate::model::route::Fault;
use crate::model::route::host::Host as RouteHost;
use crate::model::route::judge::deviations;
use crate::sys::{host, network, postfix};

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

/// Postfix's settings in force, and Postfix; nothing where it is not installed. Of a Postfix whose tables relayhost does not
/// read the settings alone: a run says why.
pub fn observed(desired: &Desired) -> Result<(Settings, Option<Postfix>)> {
    if !postfix::is_installed() {
        return Ok((Settings::new(), None));
    }
    // In a tree nobody asks whether Postfix runs, which does not matter here.
    let Ok(mut found) = postfix_of(Place::Tree) else {
        return Ok((parse_settings(&postfix::settings(&probed())?), None));
    };
    found.other_ways = other_ways_for(desired, &found);
    Ok((found.settings.clone(), Some(found)))
}

/// Collects the facts about the host; `settings`: Postfix's in force, none where it is not installed.
pub fn host(settings: Settings) -> Host {
    let setting = |name: &str| settings.get(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let bundle = ca_files(value(&settings, "smtp_tls_CAfile")).into_iter().next();
    let directory = setting("smtp_tls_CApath");
    Host { name: host::hostname(), plugins: plugins(), bundle, directory, settings }
}

/// The route of the answers, and its plugins that are still to be installed.
pub fn route_of_answers(desired: &Desired, postfix: Option<&Postfix>, host: &Host) -> (Route, Vec<String>) {
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
    let mut route =
        Route::of_answers(desired, &host.settings, &host.name, Some(all), network::has_ipv4_route());
    if let Some(postfix) = postfix
        // Where the way cannot be found, a run says why.
        && let Ok(Some(answered)) = way::Answered::new(desired, postfix)
    {
        let deviations = deviations(&answered.alert, desired, &postfix.version);
        route.follow(&answered.alert, deviations);
    }
    (route, waits)
}

/// The route that Postfix takes now; `None` if it has no relay. `known`: its configuration.
pub fn route_of_host(answers: Option<&Desired>, known: RouteHost, host: &Host) -> Option<Route> {
    if value(&host.settings, "relayhost").is_empty() {
        return None;
    }
    let (from, to) = way::addresses(answers, &known.settings);
    let mut found = way::way(&known, &from, &to, None);
    let faults: Vec<_> = found.hops.iter().flat_map(|hop| hop.faults.clone()).collect();
    if found.relay.is_none() {
        // The message would stay here. The relay can be spoken to all the same, and what stops the message is said with it.
        let mut settings = known.settings.clone();
        for (name, other) in [("transport_maps", ""), ("default_transport", "smtp"), ("mydestination", "")] {
            settings.insert(name.to_owned(), other.to_owned());
        }
        found = way::way(&RouteHost { settings, ..known }, &from, &to, None);
    }
    let to = answers.is_some_and(|desired| desired.verify.to.is_some());
    let route = Route::of_host(&found, to, &host.settings, &host.name);
    route.map(|mut route| {
        route.plugins = Some(host.plugins.clone());
        let is_new = |fault: &Fault| !route.warnings.iter().any(|warning| warning.text == fault.text);
        let left: Vec<Fault> = faults.into_iter().filter(is_new).collect();
        route.stopped(left);
        route
    })
}
