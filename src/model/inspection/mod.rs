//! Finds faults that keep mail from leaving and leave nothing in the log, from observations of the host. With answers
//! the plan reports most of them; this module reports the rest, and those that need no answers.

pub mod backlog;
pub mod mailrc;
pub mod queue;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::typed;
use crate::model::inspection::queue::Waiting;
use crate::model::log::hosts::is_same;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::observed::{Database, Postfix, Sendmail, ServiceState};
use crate::model::plan::{Finding, Plan, Remedy, State, main_cf};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::shown::without_inline_tables;
use crate::model::route::login::no_entry;
use crate::model::route::nexthop::NextHop;

/// Seconds after which a waiting message counts as stuck: it does not leave by itself. Postfix tries again after 5
/// minutes, then ever less often, up to 67 minutes apart (minimal_backoff_time, maximal_backoff_time).
const STUCK: Seconds = 3600;
/// Seconds that a file may be ahead of the clock before the clock counts as wrong.
const AHEAD: Seconds = 3600;

/// The finding about messages that wait.
pub const WAITING: &str = "queue.waiting";

/// A lookup table, `type:path`, as main.cf names it.
#[derive(Debug)]
pub struct Table {
    /// The parameter that names it.
    pub parameter: &'static str,
    /// `type:path`.
    pub name: String,
    /// The source; `None` if there is no file.
    pub source: Option<MapSource>,
    /// Why the source could not be read, if it is there.
    pub unread: Option<String>,
    /// The database.
    pub database: Database,
}

/// Summary of the queue.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    /// Number of messages.
    pub messages: u64,
    /// Of those, the ones that an admin holds.
    pub held: u64,
    /// Of those, the ones that are stuck: their first attempt was long ago.
    pub stuck: u64,
    /// Of those, the ones whose arrival is in the clock's future: the clock was set back since.
    pub ahead: u64,
    /// Arrival of the oldest message.
    pub oldest: Option<Seconds>,
    /// Of those, the ones of which nothing is known: no attempt to deliver them has ended yet.
    pub untold: u64,
    /// Names of the causes, with the number of messages; `unknown` for reasons that the catalogue does not know.
    pub causes: BTreeMap<String, u64>,
    /// One of the unknown reasons, in Postfix's words.
    pub reason: String,
    /// The ways of the answers on which they wait, by their numbers; `None`: a message of which that is not known.
    pub ways: BTreeSet<Option<usize>>,
}

/// Why the queue could not be listed.
#[derive(Debug, Clone)]
pub struct NotListed {
    /// What happened, in words.
    pub why: String,
    /// What a person does about it.
    pub remedy: String,
}

/// The clock, as far as this host can judge it.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// Now.
    pub now: Seconds,
    /// The youngest of some files that every system writes, and its time.
    pub youngest: Option<(String, Seconds)>,
    /// Seconds that the clock is ahead of chrony's source, or the reason why chrony cannot say.
    pub chrony: Option<Result<f64, String>>,
}

/// Observations of the host beyond those that a plan needs.
#[derive(Debug)]
pub struct Sight<'a> {
    /// Postfix.
    pub postfix: &'a Postfix,
    /// The lookup tables that main.cf names.
    pub tables: Vec<Table>,
    /// Whether one of the password tables has an entry for the relay; `None` if none is looked up.
    pub has_key: Option<bool>,
    /// The queue.
    pub queue: Result<Queue, NotListed>,
    /// The clock.
    pub clock: Clock,
}

impl Queue {
    /// Counts a message, whose reason has this cause.
    pub fn add(&mut self, message: &Waiting, cause: &str, now: Seconds) {
        self.messages += 1;
        self.held += u64::from(message.held);
        self.stuck += u64::from(!message.held && message.arrived.is_some_and(|time| time + STUCK < now));
        self.ahead += u64::from(!message.held && message.arrived.is_some_and(|time| time > now + AHEAD));
        self.oldest = self.oldest.into_iter().chain(message.arrived).min();
        self.untold += u64::from(!message.held && message.reason().is_empty());
        if !message.reason().is_empty() {
            *self.causes.entry(cause.to_owned()).or_default() += 1;
            if cause == "unknown" {
                message.reason().clone_into(&mut self.reason);
            }
        }
    }
}

/// Findings of what is wrong. With a plan, its findings of that kind come first, and are not repeated.
pub fn findings(sight: &Sight, plan: Option<&Plan>, calendar: &Calendar) -> Vec<Finding> {
    let mut list = List(Vec::new());
    if let Some(plan) = plan {
        let amiss = |finding: &&Finding| matches!(finding.state, State::Differs | State::Warning);
        list.0.extend(plan.findings.iter().filter(amiss).cloned());
    } else {
        list.0.extend(main_cf::findings(sight.postfix));
        service(sight.postfix, &mut list);
        types(sight.postfix, &mut list);
        route(sight, &mut list);
    }
    for table in &sight.tables {
        if let Some(why) = &table.unread {
            let shown = without_inline_tables(&table.name);
            let text = format!("{} names {shown}, which was not looked at: {why}", table.parameter);
            let remedy = "see whether that file is meant; Postfix reads it whole";
            list.warning(&format!("table.{}", table.parameter), text, remedy);
        } else if let Some((text, remedy)) = table_fault(table, sight, plan.is_some()) {
            list.fault(&format!("table.{}", table.parameter), text, &remedy);
        }
    }
    match &sight.queue {
        Ok(queue) => waiting(queue, calendar, &mut list),
        Err(NotListed { why, remedy }) => {
            let text = format!("the queue could not be listed, so what waits there is not known: {why}");
            list.add("queue.unlisted", State::Warning, text, Some(remedy));
        }
    }
    clock(&sight.clock, calendar, &mut list);
    list.0
}

struct List(Vec<Finding>);

impl List {
    fn add(&mut self, id: &str, state: State, found: impl Into<String>, remedy: Option<&str>) {
        let remedy = remedy.map(Remedy::say);
        self.0.push(Finding { id: id.into(), state, found: found.into(), remedy });
    }

    fn fault(&mut self, id: &str, found: impl Into<String>, remedy: &str) {
        self.add(id, State::Differs, found, Some(remedy));
    }

    fn warning(&mut self, id: &str, found: impl Into<String>, remedy: &str) {
        self.add(id, State::Warning, found, Some(remedy));
    }
}

fn service(postfix: &Postfix, list: &mut List) {
    if postfix.service.masked {
        let text = "systemd is told never to start Postfix (the unit is masked)";
        list.fault(
            "service.masked",
            text,
            "`systemctl unmask postfix`, then `systemctl enable --now postfix`",
        );
    } else if !postfix.service.running {
        let text = "Postfix is not running, so nothing leaves this host";
        let remedy = "`systemctl enable --now postfix` (the mail log says why if it does not start)";
        list.fault("service.running", text, remedy);
    }
    if postfix.service.unlogged {
        let (text, remedy) = ServiceState::UNLOGGED;
        list.fault("service.postlog", text, remedy);
    }
    if postfix.service.enabled == Some(false) && !postfix.service.masked {
        list.warning("service.enabled", "Postfix does not start at boot", "`systemctl enable postfix`");
    }
    if let Some(fault) = postfix.sendmail.fault() {
        list.fault("sendmail", fault, Sendmail::SET);
    }
}

fn types(postfix: &Postfix, list: &mut List) {
    let to = postfix.map_kind.as_ref().map_or("lmdb", |kind| kind.name());
    for one in &postfix.lacking {
        list.fault(
            &format!("table.{}", one.parameter),
            one.text(),
            &one.remedy(to, postfix.version.at_least(2, 11)),
        );
    }
}

fn route(sight: &Sight, list: &mut List) {
    let relayhost = sight.postfix.setting("relayhost");
    if relayhost.is_empty() {
        let text = "relayhost is not set: this host delivers to each recipient's own server, which many networks and most servers refuse";
        let remedy = "`relayhost init`, then `relayhost apply`; or `postconf -e relayhost=[HOST]:587`";
        list.warning("relay.none", text, remedy);
        return;
    }
    let Some(relay) = NextHop::parse(relayhost) else {
        let text = format!("relayhost is {relayhost}, which names no host");
        list.fault("relay.unreadable", text, "`postconf -e relayhost=[HOST]:587`");
        return;
    };
    let host = relay.host.as_str();
    let own = sight.postfix.setting("myhostname");
    if !own.is_empty() && own.contains('.') && is_same(own, host) {
        let text = format!("relayhost is {relayhost}, which is this host's own name: mail would come back");
        list.fault("relay.itself", text, "set relayhost to the relay's name, or `postconf -X relayhost`");
    }
    if sight.has_key == Some(false) {
        let tables = without_inline_tables(sight.postfix.setting("smtp_sasl_password_maps"));
        let text = format!(
            "no password table ({tables}) has an entry whose key is {relayhost} or {host}, letter by letter; so nobody logs in, and Postfix logs no word about that"
        );
        let filter = sight.postfix.setting("smtp_sasl_mechanism_filter");
        let remedy = no_entry(relayhost, filter, "; or relayhost apply");
        list.fault("table.key", text, &remedy);
    }
}

/// The fault of a table, and its remedy. With a plan, that reports relayhost's own tables.
fn table_fault(table: &Table, sight: &Sight, has_plan: bool) -> Option<(String, String)> {
    let (_, path) = table.name.split_once(':')?;
    let (parameter, shown) = (table.parameter, without_inline_tables(&table.name));
    // That is said of the type.
    if sight.postfix.lacking.iter().any(|one| one.table.trim_start_matches("proxy:") == table.name) {
        return None;
    }
    // Aliases have a syntax of their own.
    if has_plan && Managed::is_map(path) || parameter == "alias_maps" || !path.starts_with('/') {
        return None;
    }
    let build = format!("postmap {}", typed(&table.name));
    match (&table.database, &table.source) {
        (Database::Missing, Some(_)) => {
            Some((format!("{shown} has not been built: Postfix finds nothing in it"), build))
        }
        (Database::Missing | Database::NotNeeded, None) => Some((
            format!("{parameter} names {shown}, and there is no such file"),
            format!("write {path} and build it ({build}), or take it out of {parameter}"),
        )),
        (Database::Broken(reason), _) => Some((format!("{shown} cannot be read: {reason}"), build)),
        (Database::Read { entries, .. }, Some(source)) if !source.agrees_with(entries) => {
            Some((format!("{shown} is not what its source {path} says: it was edited and not built"), build))
        }
        (Database::NotNeeded | Database::Read { .. }, _) => None,
    }
}

fn waiting(queue: &Queue, calendar: &Calendar, list: &mut List) {
    if queue.messages == 0 {
        return;
    }
    let since =
        queue.oldest.map_or_else(String::new, |time| format!(", the oldest since {}", calendar.show(time)));
    let mut causes: Vec<String> = queue.causes.iter().map(|(id, count)| format!("{id} ({count})")).collect();
    if queue.untold > 0 {
        causes.push(format!("no attempt has ended yet ({})", queue.untold));
    }
    let why = match (causes.as_slice(), queue.causes.contains_key("unknown")) {
        ([], _) => String::new(),
        (some, false) => format!(": {}", some.join(", ")),
        (some, true) => format!(": {}; in Postfix's words: {}", some.join(", "), queue.reason),
    };
    let count = queue.messages;
    let noun = if count == 1 { "message waits" } else { "messages wait" };
    let text = format!("{count} {noun} in the queue{since}{why}");
    // A message that failed is a failure, also where the log has lost its line.
    if queue.stuck > 0 || !queue.causes.is_empty() {
        let remedy = "mend the cause, then `postqueue -f` tries them all again; what is of no use any more: `postsuper -d QUEUE_ID`";
        list.fault(WAITING, text, remedy);
    } else {
        let probe = "`relayhost probe` shows how far the relay answers";
        list.add(WAITING, State::Note, text, (queue.untold > 0).then_some(probe));
    }
    if queue.ahead > 0 {
        // qmgr_move in Postfix's src/qmgr/qmgr_move.c
        let text = format!(
            "{} of them came at a time that the clock says is still to come: Postfix tries them again after that time only",
            queue.ahead
        );
        list.fault("queue.ahead", text, "set the clock right, then `postqueue -f` tries them all again");
    }
    if queue.held > 0 {
        let text = format!("{} of them are held by an admin, and are not tried", queue.held);
        list.warning("queue.held", text, "postsuper -H ALL (releases them)");
    }
}

fn clock(clock: &Clock, calendar: &Calendar, list: &mut List) {
    if let Some((file, time)) = clock.youngest.as_ref().filter(|(_, time)| *time > clock.now + AHEAD) {
        let text = format!(
            "the clock says {}, and {file} was written at {}: it is behind, and certificates look as if they were not valid yet",
            calendar.show(clock.now),
            calendar.show(*time)
        );
        list.fault("clock.behind", text, "systemctl enable --now chronyd, then chronyc makestep");
    }
    match &clock.chrony {
        Some(Ok(ahead)) if ahead.abs() > 60.0 => {
            let word = if *ahead > 0.0 { "ahead of" } else { "behind" };
            let text = format!("the clock is {:.0} s {word} chrony's source", ahead.abs());
            list.fault("clock.off", text, "chronyc makestep");
        }
        Some(Err(reason)) => {
            let text = format!("whether the clock is right, nobody here can tell: {reason}");
            list.add("clock.unknown", State::Note, text, None);
        }
        Some(Ok(_)) | None => {}
    }
}

/// Reads `chronyc -c tracking`: the 5th field is how far the source is ahead of the clock, the last one the leap status
/// (client.c of chrony).
pub fn parse_tracking(output: &str) -> Option<Result<f64, String>> {
    let fields: Vec<&str> = output.trim().split(',').collect();
    let ahead: f64 = fields.get(4)?.parse().ok()?;
    Some(if fields.last() == Some(&"Not synchronised") {
        Err("chrony has no source that answers".into())
    } else {
        // The result is how far the clock is ahead.
        Ok(-ahead)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inspection::queue::Recipient;

    /// Where the log has lost the line, the queue is the only one that tells of the failure.
    #[test]
    fn a_message_that_failed_is_a_fault_and_one_that_is_new_is_none() {
        let (calendar, now) = (Calendar::utc(0), 1000);
        for (reason, state) in
            [("", State::Note), ("connect to r[192.0.2.1]:587: Connection refused", State::Differs)]
        {
            let recipients = vec![Recipient { address: "o@x".into(), reason: reason.into() }];
            let (queue_id, sender, arrived) = ("AAAA1".into(), String::new(), Some(now));
            let mut queue = Queue::default();
            queue.add(
                &Waiting { queue_id, sender, arrived, held: false, recipients },
                "connection-refused",
                now,
            );
            let mut list = List(Vec::new());
            waiting(&queue, &calendar, &mut list);
            assert_eq!(list.0[0].state, state, "{reason}");
        }
    }
}
