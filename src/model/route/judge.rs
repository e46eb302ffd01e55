//! The way of a message compared with the answers: the hops at which it is not what they say.

use super::nexthop::NextHop;
use super::tls::is_match;
use super::written::Written;
use super::{Fault, FaultKind, Hop, Way};
use crate::model::desired::{Auth, Desired, Tls, WayOut};
use crate::model::observed::Version;
use crate::model::plan::parameters::words;
use crate::model::postfix::settings::Settings;
use crate::model::routes::{Route, Via};
use crate::model::text::domain_of;

/// All faults of a way, each with its hop: those that it has whatever the answers say, then those by the answers.
pub fn faults(way: &Way, desired: &Desired, version: &Version) -> Vec<(&'static str, Fault)> {
    let mut all: Vec<_> = own_beside(way, desired).chain(deviations(way, desired, version)).collect();
    // The name that is asked for may be in the certificate too, so that nothing fails; it is another one than the answers
    // say.
    let is_named =
        way.relay.as_ref().is_some_and(|relay| relay.host == desired.way_of(&way.queued).relay.host);
    if is_named
        && desired.way_of(&way.queued).relay.tls >= Tls::Verify
        && matches!(way.tls.word.as_str(), "verify" | "secure")
        && let Some((limit, at)) = way.tls.other_names(&desired.way_of(&way.queued).relay.host)
    {
        let text = format!(
            "the certificate must have the name of `{limit}` ({at}), and the answers say that of {}",
            desired.way_of(&way.queued).relay.host
        );
        all.push(("tls", Fault { stops: true, text, remedy: at.undo(version), kind: FaultKind::Other }));
    }
    all
}

/// The faults that a way has whatever the answers say, each with its hop.
pub fn own(way: &Way) -> impl Iterator<Item = (&'static str, Fault)> {
    way.hops.iter().flat_map(|hop| hop.faults.iter().map(|fault| (hop.name, fault.clone())))
}

/// Whether nobody logs in at the server of a route, as the answers say.
fn is_routed_without_login(way: &Way, desired: &Desired) -> bool {
    let Some(route) = desired.route_of(&way.seen.recipient) else { return false };
    let to = domain_of(&way.seen.recipient);
    way.login.is_none() && way.relay.as_ref().is_some_and(|relay| leads(route, relay, to))
}

/// The same beside answers: that nobody logs in is no fault where these have no login.
pub fn own_beside<'a>(way: &'a Way, desired: &Desired) -> impl Iterator<Item = (&'static str, Fault)> + 'a {
    let has_none = is_routed_without_login(way, desired);
    own(way).filter(move |(hop, fault)| !(has_none && *hop == "login" && !fault.stops))
}

/// The hops that are not as the answers need them, each with its fault. A message that stays here has none: its own faults
/// say why.
pub fn deviations(way: &Way, desired: &Desired, version: &Version) -> Vec<(&'static str, Fault)> {
    let mut all = Vec::new();
    let Some(relay) = &way.relay else {
        if !way.is_blocked() {
            all.push((
                "transport",
                elsewhere(way, way.hop("transport").map_or("", |hop| &hop.value), desired, version),
            ));
        }
        return all;
    };
    let to_relay = relay.host == desired.way_of(&way.queued).relay.host
        && relay.port == desired.way_of(&way.queued).relay.port
        && !relay.mx;
    let route = desired.route_of(&way.seen.recipient);
    let is_same = route.map_or(to_relay, |route| leads(route, relay, domain_of(&way.seen.recipient)));
    if !is_same {
        all.push(("transport", elsewhere(way, &relay.text, desired, version)));
        // What follows is another relay's.
        return all;
    }
    tls(way, desired, version, &mut all);
    // A server that a route leads to has a login only if somebody else wrote one.
    if to_relay {
        login(way, desired, version, &mut all);
    }
    sender(way, desired, version, &mut all);
    all
}

/// Whether a next hop for mail to this domain is the one of a route.
pub fn leads(route: &Route, next: &NextHop, domain: &str) -> bool {
    match &route.via {
        Via::Host { host, port } => next.host == *host && next.port == *port && !next.mx,
        Via::Direct => next.host.eq_ignore_ascii_case(domain) && next.mx,
    }
}

/// Notes what the answers say of a way beside its relay.
pub fn by_answers(way: &mut Way, desired: &Desired, settings: &Settings) {
    by_route(way, desired);
    by_login(way, desired, settings);
}

/// Notes that nobody logs in at the server of a route, in the place of a warning: the answers have no login there.
fn by_route(way: &mut Way, desired: &Desired) {
    if !is_routed_without_login(way, desired) {
        return;
    }
    let to = domain_of(&way.seen.recipient).to_owned();
    for hop in way.hops.iter_mut().filter(|hop| hop.name == "login") {
        hop.faults.retain(|fault| fault.stops);
        hop.notes.push(format!("mail to {to} goes by a route of the answers, which have no login for it"));
    }
}

/// Notes who may hand in mail of this sender, if not everybody.
fn by_login(way: &mut Way, desired: &Desired, settings: &Settings) {
    let Some(who) = desired.limits(settings).and_then(|limits| limits.who_may(&way.from)) else { return };
    let text = format!("by sendmail(1) {who} alone may send as this sender (local_users of [[senders]])");
    way.hops.iter_mut().take(1).for_each(|hop| hop.notes.push(text.clone()));
}

/// What keeps mail of this way from the relay of the answers: a hop that stops it, or another goal. `None`: the way is open,
/// and leads there.
pub fn obstacle(way: &Way, desired: &Desired, version: &Version) -> Option<String> {
    let closed = own(way).find(|(_, fault)| fault.stops);
    let elsewhere = || deviations(way, desired, version).into_iter().find(|(hop, _)| *hop == "transport");
    closed.or_else(elsewhere).map(|(_, fault)| fault.text)
}

/// The fault of a way that does not lead to the relay of the answers.
fn elsewhere(way: &Way, goes_to: &str, desired: &Desired, version: &Version) -> Fault {
    let (from, to) = (&way.from, &way.to);
    let relay = desired
        .route_of(&way.seen.recipient)
        .map_or_else(|| desired.way_of(&way.queued).next_hop(), Route::goal);
    let text = format!("mail from {from} to {to} goes to {goes_to}, and not to {relay}");
    let hop = way.hop("transport");
    let fault = of_hop(hop, text, version);
    // A transport of its own decides before the next hop.
    let last = hop.filter(|_| way.relay.is_none()).and_then(|hop| hop.at.last());
    let remedy = last.map_or(fault.remedy, |at| at.undo(version));
    Fault { remedy, ..fault }
}

/// What is amiss with the relays that are tried after the first one; `None`: they are those of the answers. `elsewhere`: the
/// way does not lead to the first relay.
pub fn fallback(way: &Way, desired: &Desired, version: &Version) -> Option<Fault> {
    let wanted: Vec<String> = desired.fallbacks.iter().map(WayOut::next_hop).collect();
    let is = way.fallback.as_ref();
    if way.relay.is_none() || is.map_or_else(Vec::new, |is| words(&is.text)) == wanted {
        return None;
    }
    let (text, remedy) = match is {
        Some(is) if wanted.is_empty() => (
            format!(
                "Postfix tries {} where the relay does not take a message ({}), and the answers do not name it",
                is.text, is.at
            ),
            format!("name it under [[relay.fallback]] in the answers; or {}", is.at.undo(version)),
        ),
        Some(is) => (
            format!("Postfix tries {} after the relay ({}), and the answers say {}", is.text, is.at, wanted.join(", ")),
            is.at.undo(version),
        ),
        None => (
            format!("Postfix tries no other relay after the first, and the answers say {}", wanted.join(", ")),
            "take `-o smtp_fallback_relay=` out of the service in /etc/postfix/master.cf, then `postfix reload`".to_owned(),
        ),
    };
    Some(Fault { stops: false, text, remedy, kind: FaultKind::Other })
}

/// Decisions that are no faults, and by which a failure of TLS or of a login may be explained: each by the name of what it
/// is about.
pub fn decisions(way: &Way, version: &Version) -> Vec<(&'static str, Fault)> {
    let decision = |(text, at): &(String, Written)| {
        let about = if is_match(text) { "tls.match" } else { "tls.protocols" };
        let fault = Fault {
            stops: false,
            text: format!("TLS is decided by `{text}` ({at})"),
            remedy: at.undo(version),
            kind: FaultKind::Other,
        };
        (about, fault)
    };
    let offers = way.offers.iter().map(|maps| {
        let text =
            format!("the relay's address decides what smtp(8) passes over of its offers ({})", maps.at);
        ("login.offer", Fault { stops: false, text, remedy: maps.at.undo(version), kind: FaultKind::Other })
    });
    let login = way.login_limits.iter().map(|(text, at)| {
        let text = format!("the login is limited by `{text}` ({at})");
        ("login.limits", Fault { stops: false, text, remedy: at.undo(version), kind: FaultKind::Other })
    });
    way.tls.limits.iter().map(decision).chain(offers).chain(login).collect()
}

/// A fault of which the places of a hop are the evidence, and the first of them the remedy.
fn of_hop(hop: Option<&Hop>, text: String, version: &Version) -> Fault {
    let places = hop.map(Hop::places).unwrap_or_default();
    let remedy = hop.and_then(|hop| hop.at.first()).map(|at| at.undo(version)).unwrap_or_default();
    let text = if places.is_empty() { text } else { format!("{text} ({places})") };
    Fault { stops: true, text, remedy, kind: FaultKind::Other }
}

fn tls(way: &Way, desired: &Desired, version: &Version, all: &mut Vec<(&'static str, Fault)>) {
    let route = desired.route_of(&way.seen.recipient);
    let (is, wanted) = (&way.tls, route.map_or(desired.way_of(&way.queued).relay.tls, |route| route.tls));
    let known = [Tls::None, Tls::May, Tls::Encrypt, Tls::Verify, Tls::Secure];
    let level = known.into_iter().find(|level| level.word() == is.word);
    if level != Some(wanted) {
        let text =
            format!("the level of TLS is `{}` ({}), and the answers say `{}`", is.word, is.at, wanted.word());
        // More than is asked for may fail, and is no secret told.
        let stops = level.is_none_or(|level| level < wanted);
        all.push(("tls", Fault { stops, text, remedy: is.at.undo(version), kind: FaultKind::Other }));
    }
    if is.wrapper != desired.way_of(&way.queued).relay.implicit_tls {
        let word = if is.wrapper { "from the first byte" } else { "after STARTTLS" };
        let text = format!("TLS begins {word} ({}), and the answers say otherwise", is.at_wrapper);
        all.push((
            "tls",
            Fault { stops: true, text, remedy: is.at_wrapper.undo(version), kind: FaultKind::Other },
        ));
    }
}

fn login(way: &Way, desired: &Desired, version: &Version, all: &mut Vec<(&'static str, Fault)>) {
    let hop = way.hop("login");
    // A table that cannot be read has its own fault.
    if hop.is_some_and(|hop| hop.faults.iter().any(|fault| fault.stops)) {
        return;
    }
    let text = match (&desired.way_of(&way.queued).auth, &way.login) {
        (Auth::None, None) => return,
        (Auth::None, Some(login)) => {
            format!("smtp(8) logs in as {}, and the answers have no login", login.user)
        }
        (Auth::Login { username, .. }, None) => format!("nobody logs in, and the answers say {username}"),
        (Auth::Login { username, password, .. }, Some(login)) => {
            if login.user == *username && login.password.expose() == password.expose() {
                return;
            }
            let other = if login.user == *username {
                " with another password than the answers say".to_owned()
            } else {
                format!(", and the answers say {username}")
            };
            let wanted = desired.way_of(&way.queued).next_hop();
            if is_entry_of(&login.at, &wanted) {
                let text =
                    format!("smtp(8) logs in as {}{other}: the entry of {wanted} was edited", login.user);
                let remedy = "`relayhost repair` writes it as the answers say; if the table is right, correct the answers";
                let remedy = remedy.to_owned();
                all.push(("login", Fault { remedy, ..of_hop(hop, text, version) }));
                return;
            }
            format!("smtp(8) logs in as {}{other}: this entry counts before that of {wanted}", login.user)
        }
    };
    all.push(("login", of_hop(hop, text, version)));
}

/// Whether an entry of a password table is the one of this relay.
fn is_entry_of(at: &Written, relay: &str) -> bool {
    matches!(at, Written::Table { key, .. } if key.eq_ignore_ascii_case(relay))
}

fn sender(way: &Way, desired: &Desired, version: &Version, all: &mut Vec<(&'static str, Fault)>) {
    let Some(wanted) = desired.public_of(&way.from, domain_of(&way.from), &way.own) else {
        return foreign(way, desired, version, all);
    };
    let places: Vec<&Hop> = ["rewrite", "sender"]
        .iter()
        .filter_map(|name| way.hop(name))
        .filter(|hop| !hop.at.is_empty())
        .collect();
    for (what, is, stops) in [("sender", &way.seen.sender, true), ("header From", &way.seen.header, false)] {
        if !is.eq_ignore_ascii_case(wanted) && (stops || *is != way.seen.sender) {
            let text =
                format!("the relay sees the {what} {is}, and the answers make {} to {wanted}", way.from);
            let fault = of_hop(places.first().copied(), text, version);
            all.push(("sender", Fault { stops, ..fault }));
        }
    }
}

/// The fault of a sender for which the answers have no rule, and of which this host makes one that the answers do not use:
/// who logs in as they say may not be allowed to send as that.
fn foreign(way: &Way, desired: &Desired, version: &Version, all: &mut Vec<(&'static str, Fault)>) {
    let is = &way.seen.sender;
    let decides_none = desired.rewrites.is_empty() && desired.one_sender.is_none();
    if is.eq_ignore_ascii_case(&way.from) || decides_none || desired.sends_as(is) {
        return;
    }
    let made = ["sender", "rewrite"].iter().filter_map(|name| way.hop(name)).find(|hop| !hop.at.is_empty());
    let text =
        format!("the relay sees {is} as the sender of mail from {}, and the answers do not use it", way.from);
    all.push(("sender", Fault { stops: false, ..of_hop(made, text, version) }));
}
