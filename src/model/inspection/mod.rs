//! Finds faults that keep mail from leaving and leave nothing in the log, from observations of the host. With answers
//! the plan reports most of them; this module reports the rest, and those that need no answers.

pub mod mailrc;
pub mod queue;

use std::collections::BTreeMap;

use crate::error::{shown, typed};
use crate::model::inspection::queue::Waiting;
use crate::model::log::hosts::is_same;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::observed::{Database, Postfix, Sendmail};
use crate::model::plan::{Finding, Plan, Remedy, State, main_cf};
use crate::model::postfix::postmap::MapSource;
use crate::model::text::without_inline_tables;

/// Seconds after which a waiting message counts as stuck: it does not leave by itself. Postfix tries again after 5
/// minutes, then ever less often, up to 67 minutes apart (minimal_backoff_time, maximal_backoff_time).
const STUCK: Seconds = 3600;
/// Seconds that a file may be ahead of the clock before the clock counts as wrong.
const AHEAD: Seconds = 3600;

/// A lookup table, `type:path`, as main.cf names it.
#[derive(Debug)]
pub struct Table {
    /// The parameter that names it.
    pub parameter: &'static str,
    /// `type:path`.
    pub name: String,
    /// The source; `None` if there is no file.
    pub source: Option<MapSource>,
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
    /// Names of the causes, with the number of messages; `unknown` for reasons that the catalogue does not know.
    pub causes: BTreeMap<String, u64>,
    /// One of the unknown reasons, in Postfix's words.
    pub reason: String,
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
    /// Types of tables that this Postfix has; empty if Postfix did not list them.
    pub types: Vec<String>,
    /// Whether one of the password tables has an entry for the relay; `None` if none is looked up.
    pub has_key: Option<bool>,
    /// The queue; `None` if it could not be read.
    pub queue: Option<Queue>,
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
        if !message.reason.is_empty() {
            *self.causes.entry(cause.to_owned()).or_default() += 1;
            if cause == "unknown" {
                self.reason.clone_from(&message.reason);
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
        route(sight, &mut list);
    }
    tables(sight, plan.is_some(), &mut list);
    if let Some(queue) = &sight.queue {
        waiting(queue, calendar, &mut list);
    }
    clock(&sight.clock, calendar, &mut list);
    list.0
}

struct List(Vec<Finding>);

impl List {
    fn add(&mut self, id: &str, state: State, found: impl Into<String>, remedy: &str) {
        let remedy = (!remedy.is_empty()).then(|| Remedy::say(remedy));
        self.0.push(Finding { id: id.into(), state, found: found.into(), remedy });
    }
}

fn service(postfix: &Postfix, list: &mut List) {
    if postfix.service.masked {
        let text = "systemd is told never to start Postfix (the unit is masked)";
        list.add(
            "service.masked",
            State::Differs,
            text,
            "systemctl unmask postfix, then systemctl enable --now postfix",
        );
    } else if !postfix.service.running {
        let text = "Postfix is not running, so nothing leaves this host";
        list.add(
            "service.running",
            State::Differs,
            text,
            "systemctl enable --now postfix (the mail log says why if it does not start)",
        );
    }
    if postfix.service.enabled == Some(false) && !postfix.service.masked {
        let text = "Postfix does not start at boot";
        list.add("service.enabled", State::Warning, text, "systemctl enable postfix");
    }
    match &postfix.sendmail {
        Sendmail::Postfix => {}
        Sendmail::Missing => {
            list.add("sendmail", State::Differs, "there is no /usr/sbin/sendmail", "alternatives --auto mta");
        }
        Sendmail::Other(path) => {
            let text = format!("/usr/sbin/sendmail is {}, so mail goes around Postfix", shown(path));
            list.add("sendmail", State::Differs, text, "alternatives --set mta /usr/sbin/sendmail.postfix");
        }
    }
}

fn route(sight: &Sight, list: &mut List) {
    let relayhost = sight.postfix.setting("relayhost");
    if relayhost.is_empty() {
        let text = "relayhost is not set: this host delivers to each recipient's own server, which many networks and most servers refuse";
        list.add(
            "relay.none",
            State::Warning,
            text,
            "relayhost init, then relayhost apply; or `postconf -e relayhost=[HOST]:587`",
        );
        return;
    }
    let host = relayhost.trim_start_matches('[').split([']', ':']).next().unwrap_or_default();
    let own = sight.postfix.setting("myhostname");
    if !own.is_empty() && own.contains('.') && is_same(own, host) {
        let text = format!("relayhost is {relayhost}, which is this host's own name: mail would come back");
        list.add(
            "relay.itself",
            State::Differs,
            text,
            "set relayhost to the relay's name, or `postconf -X relayhost`",
        );
    }
    if sight.has_key == Some(false) {
        let tables = without_inline_tables(sight.postfix.setting("smtp_sasl_password_maps"));
        let text = format!(
            "no password table ({tables}) has an entry whose key is {relayhost} or {host}, letter by letter; so nobody logs in, and Postfix logs nothing of it"
        );
        let remedy = format!(
            "put `{relayhost} USER:PASSWORD` into that table and build it (postmap); or relayhost apply"
        );
        list.add("table.key", State::Differs, text, &remedy);
    }
}

fn tables(sight: &Sight, has_plan: bool, list: &mut List) {
    for table in &sight.tables {
        let Some((kind, path)) = table.name.split_once(':') else { continue };
        let id = format!("table.{}", table.parameter);
        let shown = without_inline_tables(&table.name);
        if !sight.types.is_empty() && !sight.types.iter().any(|known| known == kind) {
            let text =
                format!("{} names {shown}, and this Postfix has no tables of type {kind}", table.parameter);
            let own = sight.postfix.setting("default_database_type");
            let other = typed(format!("{own}:{path}"));
            let set = typed(format!("{}={own}:{path}", table.parameter));
            let remedy =
                format!("`postconf -e {set}` and `postmap {other}`, or install the package postfix-{kind}");
            list.add(&id, State::Differs, text, &remedy);
            continue;
        }
        // The plan reports relayhost's own tables; aliases have a syntax of their own.
        let told = has_plan && crate::model::postfix::managed::Managed::is_map(path);
        if told || table.parameter == "alias_maps" || !path.starts_with('/') {
            continue;
        }
        let build = format!("postmap {}", typed(&table.name));
        match (&table.database, &table.source) {
            (Database::Missing, Some(_)) => {
                list.add(
                    &id,
                    State::Differs,
                    format!("{shown} has not been built: Postfix finds nothing in it"),
                    &build,
                );
            }
            (Database::Missing | Database::NotNeeded, None) => {
                let text = format!("{} names {shown}, and there is no such file", table.parameter);
                list.add(
                    &id,
                    State::Differs,
                    text,
                    &format!("write {path} and build it ({build}), or take it out of {}", table.parameter),
                );
            }
            (Database::Broken(reason), _) => {
                list.add(&id, State::Differs, format!("{shown} cannot be read: {reason}"), &build);
            }
            (Database::Read { entries, .. }, Some(source)) if !source.agrees_with(entries) => {
                let text = format!("{shown} is not what its source {path} says: it was edited and not built");
                list.add(&id, State::Differs, text, &build);
            }
            (Database::NotNeeded | Database::Read { .. }, _) => {}
        }
    }
}

fn waiting(queue: &Queue, calendar: &Calendar, list: &mut List) {
    if queue.messages == 0 {
        return;
    }
    let since =
        queue.oldest.map_or_else(String::new, |time| format!(", the oldest since {}", calendar.show(time)));
    let causes: Vec<String> = queue.causes.iter().map(|(id, count)| format!("{id} ({count})")).collect();
    let why = match (causes.as_slice(), queue.causes.contains_key("unknown")) {
        ([], _) => String::new(),
        (some, false) => format!(": {}", some.join(", ")),
        (some, true) => format!(": {}; in Postfix's words: {}", some.join(", "), queue.reason),
    };
    let (state, remedy) = if queue.stuck > 0 {
        (
            State::Differs,
            "mend the cause, then `postqueue -f` tries them all again; what is of no use any more: `postsuper -d QUEUE_ID`",
        )
    } else {
        (State::Note, "")
    };
    let count = queue.messages;
    let noun = if count == 1 { "message waits" } else { "messages wait" };
    list.add("queue.waiting", state, format!("{count} {noun} in the queue{since}{why}"), remedy);
    if queue.ahead > 0 {
        // qmgr_move in Postfix's src/qmgr/qmgr_move.c
        let text = format!(
            "{} of them came at a time that the clock says is still to come: Postfix tries them again after that time only",
            queue.ahead
        );
        list.add(
            "queue.ahead",
            State::Differs,
            text,
            "set the clock right, then `postqueue -f` tries them all again",
        );
    }
    if queue.held > 0 {
        let text = format!("{} of them are held by an admin, and are not tried", queue.held);
        list.add("queue.held", State::Warning, text, "postsuper -H ALL (releases them)");
    }
}

fn clock(clock: &Clock, calendar: &Calendar, list: &mut List) {
    const SET: &str = "systemctl enable --now chronyd, then chronyc makestep";
    if let Some((file, time)) = clock.youngest.as_ref().filter(|(_, time)| *time > clock.now + AHEAD) {
        let text = format!(
            "the clock says {}, and {file} was written at {}: it is behind, and certificates look as if they were not valid yet",
            calendar.show(clock.now),
            calendar.show(*time)
        );
        list.add("clock.behind", State::Differs, text, SET);
    }
    match &clock.chrony {
        Some(Ok(ahead)) if ahead.abs() > 60.0 => {
            let word = if *ahead > 0.0 { "ahead of" } else { "behind" };
            let text = format!("the clock is {:.0} s {word} chrony's source", ahead.abs());
            list.add("clock.off", State::Differs, text, "chronyc makestep");
        }
        Some(Err(reason)) => {
            list.add(
                "clock.unknown",
                State::Note,
                format!("whether the clock is right, nobody here can tell: {reason}"),
                "",
            );
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
