//! The table `[recipients]` of the answers on this host: whether local(8) reads the aliases of the system, and what becomes of
//! root's mail.

use crate::error::{Complaint, typed};
use crate::model::desired::Desired;
use crate::model::plan::parameters::words;
use crate::model::postfix::aliases;
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::settings::{Settings, value};
use crate::model::postfix::tables::{items, kind as kind_of, path_of};
use crate::model::postfix::types::Lacking;
use crate::model::route::host::Host;
use crate::model::route::{Fault, Way};
use crate::model::state::generation::LastRun;
use crate::model::text::domain_of;

/// The recipient that programs of the system write to.
pub const ROOT: &str = "root";

/// Who gets root's mail, in words; or why it is nobody of the answers.
pub type Judged = Result<String, Complaint>;

/// Whether the aliases of the system are looked at: the answers ask for an entry there, or the last run wrote one.
pub fn is_asked(desired: &Desired, last: &LastRun) -> bool {
    !desired.root.is_empty() || last.entries(Managed::Aliases).next().is_some()
}

/// The type of the database that local(8) reads of /etc/aliases.
pub fn kind(settings: &Settings, lacking: &[Lacking]) -> Result<MapKind, Complaint> {
    let maps = value(settings, "alias_maps");
    let default = value(settings, "default_database_type");
    let own = format!("{default}:{}", aliases::PATH);
    // As a path: `//` and `/./` lead to the same file.
    let is_ours = |table: &&str| {
        path_of(table).is_some_and(|path| std::path::Path::new(path) == std::path::Path::new(aliases::PATH))
    };
    let Some(table) = items(maps).into_iter().find(is_ours) else {
        let what = if maps.is_empty() { "is empty".to_owned() } else { format!("is `{maps}`") };
        let all = if maps.is_empty() { own } else { format!("{own}, {maps}") };
        return Err(Complaint::new(
            format!(
                "recipients.root is an entry of {}, and Postfix does not read that file: alias_maps {what}",
                aliases::PATH
            ),
            format!(
                "`postconf -e {}`, then `postfix reload`; or take recipients.root out of the answers, and write who \
                 is to have root's mail where alias_maps says",
                typed(format!("alias_maps={all}"))
            ),
        ));
    };
    if let Some(one) = lacking.iter().find(|one| one.table == table) {
        return Err(Complaint::new(one.text(), one.remedy(default, true)));
    }
    MapKind::new(kind_of(table)).filter(|kind| kind.database(aliases::PATH.as_ref()).is_some()).ok_or_else(|| {
        Complaint::new(
            format!("recipients.root cannot be built: alias_maps names {table}, a type that relayhost cannot build"),
            format!(
                "name the file there by another type (`{own}`, then `newaliases`); or take recipients.root out of the \
                 answers, and write the entry yourself"
            ),
        )
    })
}

/// Judges the way of a message to root with the answers in force, by the ways to those who are to have it.
pub fn judge(root: &Way, ways: &[Way], host: &Host) -> Judged {
    for way in ways {
        if let Some(fault) = stays(way) {
            return Err(Complaint::new(
                format!("recipients.root: mail to {} does not leave this host: {}", way.to, fault.text),
                "name an address there whose mailbox is elsewhere, such as ops@example.com",
            ));
        }
    }
    let all: Vec<&str> = ways.iter().map(|way| way.to.as_str()).collect();
    let goal = &root.seen.recipient;
    let is_reached = ways.iter().any(|way| way.seen.recipient.eq_ignore_ascii_case(goal));
    if is_reached {
        return Ok(format!("root's mail goes to {}", all.join(", ")));
    }
    if let Some(fault) = stays(root) {
        return Err(Complaint::new(
            format!("root's mail does not reach {}: {}", all.join(", "), fault.text),
            fault.remedy.clone(),
        ));
    }
    if root.relay.is_none() {
        // Another program gets it first, and nobody knows what that does with it.
        return Ok(format!("root's mail is to go to {}; another program gets it first", all.join(", ")));
    }
    Err(past(root, &all, host))
}

/// What keeps a message on this host, if something does.
fn stays(way: &Way) -> Option<&Fault> {
    let hops = || way.hops.iter().filter(|hop| ["alias", "transport"].contains(&hop.name));
    hops().flat_map(|hop| &hop.faults).find(|fault| fault.stops && way.relay.is_none())
}

/// The complaint about root's mail that leaves this host without having come past the aliases of the system.
fn past(root: &Way, all: &[&str], host: &Host) -> Complaint {
    let turned = ["alias", "rewrite"].into_iter().filter_map(|name| root.hop(name));
    let mut turned = turned.filter(|hop| hop.name == "alias" || hop.value.contains("recipient "));
    if let Some(at) = turned.find_map(|hop| hop.at.last()) {
        let goal = &root.seen.recipient;
        return Complaint::new(
            format!("root's mail does not reach {}: it goes to {goal} ({at})", all.join(", ")),
            at.undo(&host.version),
        );
    }
    // As it is queued: smtp_generic_maps may turn it once more.
    let goal = &format!("{ROOT}@{}", host.main("myorigin").text);
    let domain = domain_of(goal);
    let own = host.main("myhostname").text;
    let remedy = if domain.eq_ignore_ascii_case(&own) {
        let mut destinations = words(value(&host.settings, "mydestination"));
        destinations.push("$myhostname".into());
        format!(
            "`postconf -e {}`, then `postfix reload`, which has this host deliver mail to its own name, by its aliases; \
             where it is to deliver nothing, {}",
            typed(format!("mydestination={}", destinations.join(", "))),
            virtually(goal, all)
        )
    } else {
        virtually(goal, all)
    };
    Complaint::new(
        format!(
            "root's mail does not reach {}: it leaves this host as mail to {goal}, and {} is never asked, since \
             {domain} is not in mydestination",
            all.join(", "),
            aliases::PATH
        ),
        remedy,
    )
}

/// The remedy for a host that delivers nothing itself.
fn virtually(goal: &str, all: &[&str]) -> String {
    format!(
        "write `{goal} {}` into a table that virtual_alias_maps names (`postmap` builds it), which Postfix asks about all mail",
        all.join(", ")
    )
}
