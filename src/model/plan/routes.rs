//! The part of a plan about routes: whether mail to each of their domains goes where the answers say.

use super::parameters::words;
use super::{Plan, Remedy, State};
use crate::error::Complaint;
use crate::model::desired::Desired;
use crate::model::postfix::settings::value;
use crate::model::route::host::Host;
use crate::model::route::judge::leads;
use crate::model::route::local::kept_by;
use crate::model::route::{Hop, Way};
use crate::model::routes::{Route, Via};
use crate::model::text::domain_of;

/// Routes that are named one by one; of more only the number is.
const NAMED: usize = 5;

impl Plan {
    /// Adds the complaints about routes; without one, what they say. `has_unlisted`: whether a route may take mail of domains that
    /// stand in a table.
    pub fn routes(&mut self, desired: &Desired, complaints: Vec<Complaint>, has_unlisted: bool) {
        let routes = &desired.routes.0;
        if complaints.is_empty() {
            let named =
                routes.iter().take(NAMED).map(|route| format!("{} by {}", route.domain, route.goal()));
            let mut named: Vec<String> = named.collect();
            if routes.len() > NAMED {
                named.push(format!("{} more", routes.len() - NAMED));
            }
            self.add(
                "routes.way",
                State::Fine,
                format!("mail to {}; all else by the relay", named.join(", ")),
                None,
            );
        }
        for Complaint { problem, remedy } in complaints {
            self.add("routes.way", State::Differs, problem, Remedy::Say(remedy));
        }
        if has_unlisted {
            let text = "mydestination or virtual_mailbox_domains names a table or a file: this host's own names in it were asked \
                        for, and other domains in it that are below one of [[routes]] leave by the route";
            self.add("routes.unlisted", State::Note, text, None);
        }
        let direct: Vec<&str> = routes
            .iter()
            .filter(|route| route.via == Via::Direct)
            .map(|route| route.domain.as_str())
            .take(NAMED)
            .collect();
        if !direct.is_empty() {
            let text = format!(
                "mail to {} goes to the mail servers of those domains themselves: that needs TCP port 25 outwards, and they may ask \
                 for reverse DNS of this host's address, and for that address in the SPF record of the sender's domain",
                direct.join(", ")
            );
            self.add("routes.direct", State::Note, text, None);
        }
    }
}

/// The complaint about a name of this host's own that stands in a table: the route would take its mail. What stands in main.cf
/// itself has an entry beside the routes that keeps it.
pub fn takes_own(route: &Route, name: &str) -> Complaint {
    let problem = format!(
        "[[routes]] has {}, which takes mail to {name} too, and this host itself delivers that, by a table or a file in \
         mydestination or virtual_mailbox_domains: root's mail would leave by the route",
        route.domain
    );
    let remedy = format!(
        "write {name} into mydestination in main.cf itself, or take {} out of [[routes]]",
        route.domain
    );
    Complaint::new(problem, remedy)
}

/// The complaint about a route by the way of a message for it; `None`: it goes where the answers say.
pub fn judge(route: &Route, way: &Way, host: &Host) -> Option<Complaint> {
    let domain = &route.domain;
    if let Some(parameter) = kept_by(&route.somebody(), &host.settings) {
        let problem = format!(
            "[[routes]] has {domain}, and this host itself delivers mail to that domain ({parameter}): a route would take away \
             what it delivers here, root's mail too"
        );
        let remedy = format!("take {domain} out of {parameter} in main.cf, or out of [[routes]]");
        return Some(Complaint::new(problem, remedy));
    }
    let parents = "parent_domain_matches_subdomains";
    let has_parents = words(value(&host.settings, parents)).iter().any(|name| name == "transport_maps");
    if let (true, Some(parent)) = (has_parents, domain.strip_prefix('.')) {
        let problem = format!(
            "[[routes]] has {domain}, which stands for nothing on this host: {parents} has transport_maps, so there {parent} \
             stands for all domains below it, too"
        );
        let remedy =
            format!("write `{parent}` in [[routes]], or take transport_maps out of {parents} in main.cf");
        return Some(Complaint::new(problem, remedy));
    }
    let to = domain_of(&way.seen.recipient);
    if way.relay.as_ref().is_some_and(|relay| leads(route, relay, to)) {
        return None;
    }
    let hop = way.hop("transport");
    // A look-up that took too long, or a table that cannot be read, has words of its own.
    if hop.is_none_or(|hop| !hop.notes.is_empty() && hop.faults.is_empty()) {
        return None;
    }
    let goes = way.relay.as_ref().map_or_else(|| hop.map_or("", |hop| &hop.value), |relay| &relay.text);
    let places = hop.map(Hop::places).unwrap_or_default();
    let problem = format!(
        "[[routes]] sends mail to {domain} to {}, and on this host it goes to {goes} ({places})",
        route.goal()
    );
    let turned = way.hop("rewrite").filter(|_| !to.eq_ignore_ascii_case(domain_of(&way.to)));
    let at = turned.or(hop).and_then(|hop| hop.at.first());
    let remedy = at.map(|at| at.undo(&host.version)).unwrap_or_default();
    Some(Complaint::new(problem, format!("{remedy}; or take {domain} out of [[routes]]")))
}
