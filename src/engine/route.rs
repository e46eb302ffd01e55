//! The way of a message on this host as it is set up now: asks Postfix's own programs, bounded in time, for what
//! `model::route` wants to know.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Progress;
use super::load;
use super::sources::{Sources, source_of};
use super::tables::ask_all;
use super::transaction::{last_run, require_main_cf};
use crate::error::{Error, Result};
use crate::model::causes::hop::Suspect;
use crate::model::desired::{Desired, WayOut};
use crate::model::observed::{Postfix, QueueDirectories, parse_settings};
use crate::model::plan::former::settings_put_back;
use crate::model::plan::parameters::{parameters, words};
use crate::model::plan::route::OfSenders;
use crate::model::postfix::header_from::{Rule, found};
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::mastercf::MasterCf;
use crate::model::postfix::postmap::{Entries, MapSource};
use crate::model::postfix::settings::{self, Settings, value};
use crate::model::postfix::tables::{named, path_of};
use crate::model::probe::mechanism::Filter;
use crate::model::recipients;
use crate::model::route::host::Host;
use crate::model::route::nexthop::{Socket, is_loopback};
use crate::model::route::tables::{Answer, Ask, Unasked, why_unasked};
use crate::model::route::{Way, judge, route};
use crate::sys::{clock, daemons, files, listeners, postfix, secrets, trust};

/// Time for all look-ups of one way, and for each of them. A table of patterns can take for ever, and `check` is called by a
/// monitoring system that waits ten seconds.
const ALL: Duration = Duration::from_secs(3);
const ONE: Duration = Duration::from_millis(1500);

/// The most that is read of a file of accounts or of addresses, in bytes.
const TEXT: u64 = 1024 * 1024;

/// The recipient where nobody names one: an address that no host has as its own (RFC 2606).
const SOMEBODY: &str = "somebody@example.com";

/// The way of a message from `from` to `to`. Whatever is not given comes from the answers, if there are some that can be
/// read.
pub fn route_alone(
    answers: &Path,
    from: Option<&str>,
    to: Option<&str>,
    progress: &mut dyn Progress,
) -> Result<Way> {
    let is_wanted = from.is_none() || to.is_none();
    let is_there = answers != Path::new(load::DEFAULT) || load::is_answered();
    let answers = match (is_wanted && is_there).then(|| load::load(answers)) {
        Some(Err(error)) if error.interruption().is_some() => return Err(error),
        Some(Err(error)) => {
            progress.note(&format!("warning: {error}; so the addresses are not those of the answers"));
            None
        }
        read => read.and_then(Result::ok),
    };
    let host = host()?;
    let (sender, recipient) = addresses(answers.as_ref(), &host.settings);
    let mut way = way(&host, from.unwrap_or(&sender), to.unwrap_or(&recipient), None);
    if !daemons::master_runs(&QueueDirectories::new(&host.settings)) {
        way.stopped();
    }
    if let Some(answers) = &answers {
        judge::by_answers(&mut way, answers, &host.settings);
    }
    let mechanism = value(&host.settings, "smtp_sasl_mechanism_filter");
    if let Some(login) = way.login.as_ref().filter(|_| Filter::new(mechanism).is_for_tokens()) {
        let is_of = |way: &&WayOut| way.username() == login.user;
        let app = answers.as_ref().and_then(|answers| answers.ways().find(is_of)).and_then(WayOut::app);
        way.hops.iter_mut().filter(|hop| hop.name == "login").for_each(|hop| hop.note_token(mechanism, app));
    }
    Ok(way)
}

/// The sender of alerts and the recipient of the test message, as far as the answers name them.
pub fn addresses(answers: Option<&Desired>, settings: &Settings) -> (String, String) {
    let origin = value(settings, "myorigin");
    let sender = answers.map_or_else(|| format!("root@{origin}"), |answers| answers.alert_sender(origin));
    let recipient = answers.and_then(|answers| answers.verify.to.clone());
    (sender, recipient.unwrap_or_else(|| SOMEBODY.to_owned()))
}

/// The host's configuration, as it is on the disk.
pub fn host() -> Result<Host> {
    require_main_cf()?;
    // The file first: it is refused if nobody could have written that much, and postconf reads anything.
    let main_cf = MainCf::new(files::read_whole(&Managed::MainCf.path())?.unwrap_or_default());
    let settings = parse_settings(&postfix::settings(&settings::observed())?);
    host_of(settings, &main_cf)
}

/// The host's configuration, of which main.cf is known.
pub fn host_of(settings: Settings, main_cf: &MainCf) -> Result<Host> {
    let master_cf = files::read_whole(Path::new(postfix::MASTER_CF))?.unwrap_or_default();
    let mut host = Host::new(settings, main_cf, &master_cf);
    let jail = Path::new(value(&host.settings, "queue_directory")).join("etc/resolv.conf");
    host.jail_resolves = Some(files::exists(&jail));
    Ok(host)
}

/// This host with the answers in force: as it is, but for what `apply` would set.
pub struct Answered {
    /// Its configuration.
    pub host: Host,
    /// The entries that relayhost's tables then have.
    pub known: KnownTables,
    /// The way of an alert.
    pub alert: Way,
}

impl Answered {
    /// Reads the host, and adds what `apply` would set; `None` if relayhost can build no table here.
    pub fn new(desired: &Desired, postfix: &Postfix) -> Result<Option<Self>> {
        let Some((host, known)) = answered(desired, postfix)? else { return Ok(None) };
        let (from, to) = addresses(Some(desired), &host.settings);
        let alert = way(&host, &from, &to, Some(&known));
        Ok(Some(Self { host, known, alert }))
    }

    /// Hands the way of a message to `work`; the way of an alert is known already.
    fn with<T>(&self, from: &str, to: &str, work: impl FnOnce(&Way) -> T) -> T {
        if self.alert.from == from && self.alert.to == to {
            work(&self.alert)
        } else {
            work(&way(&self.host, from, to, Some(&self.known)))
        }
    }
}

/// The way of an alert as the host is now.
pub fn as_it_is(desired: &Desired, postfix: &Postfix) -> Result<Way> {
    let host = host_of(postfix.settings.clone(), &postfix.main_cf)?;
    let (from, to) = addresses(Some(desired), &host.settings);
    Ok(way(&host, &from, &to, None))
}

/// What a message of these addresses meets on this host.
#[derive(Debug, Clone, Default)]
pub struct Met {
    /// The faults.
    pub suspects: Vec<Suspect>,
    /// The user of the entry by which smtp(8) logs in, if it does.
    pub user: Option<String>,
}

/// The faults that a message of these addresses meets on this host, by which its failure is explained; none if its way
/// cannot be found: the log says enough then. Those that stay with the answers in force are mended by hand, all others by
/// `repair`.
pub fn met(desired: Option<(&Desired, Option<&Answered>)>, postfix: &Postfix, from: &str, to: &str) -> Met {
    let host = host_of(postfix.settings.clone(), &postfix.main_cf).ok();
    let now = host.map(|host| way(&host, from, to, None));
    let user = now.as_ref().and_then(|way| way.login.as_ref()).map(|login| login.user.clone());
    let judged = |way: &Way, is_mended| -> Vec<Suspect> {
        let suspect = |is_own| move |(hop, fault)| Suspect { hop, fault, is_own, is_mended };
        let other = desired.map(|(desired, _)| judge::deviations(way, desired, &postfix.version));
        let decisions = judge::decisions(way, &postfix.version).into_iter().map(suspect(true));
        let own: Vec<_> = match desired {
            Some((desired, _)) => judge::own_beside(way, desired).collect(),
            None => judge::own(way).collect(),
        };
        let own = own.into_iter().map(suspect(true));
        own.chain(other.into_iter().flatten().map(suspect(false))).chain(decisions).collect()
    };
    let Some((_, answered)) = desired else {
        return Met { suspects: now.map(|way| judged(&way, false)).unwrap_or_default(), user };
    };
    let left = answered.map(|answered| answered.with(from, to, |way| judged(way, false)));
    let left = left.unwrap_or_default();
    let mut mended = now.map(|way| judged(&way, true)).unwrap_or_default();
    mended.retain(|one| !left.iter().any(|other| other.hop == one.hop));
    Met { suspects: [left, mended].concat(), user }
}

/// The faults that a message by these answers meets on this host, with what stays of them once the answers are in force.
pub fn suspects(desired: &Desired, postfix: &Postfix, from: &str, to: &str) -> Vec<Suspect> {
    let answered = Answered::new(desired, postfix).ok().flatten();
    met(Some((desired, answered.as_ref())), postfix, from, to).suspects
}

/// The configuration of this host with the answers in force, and the entries that relayhost's tables then have.
fn answered(desired: &Desired, postfix: &Postfix) -> Result<Option<(Host, KnownTables)>> {
    let Some(kind) = &postfix.map_kind else { return Ok(None) };
    let (mut settings, wanted) = (postfix.settings.clone(), parameters(desired, postfix, kind)?);
    let to_come = wanted.iter().filter(|(name, value)| postfix.setting(name) != value).map(|(name, _)| *name);
    let to_come = to_come.collect();
    let put_back = settings_put_back(&wanted, postfix, kind, || last_run().ok());
    settings.extend(wanted.into_iter().map(|(name, value)| (name.to_owned(), value)));
    settings.extend(put_back);
    let host = Host { to_come, ..host_of(settings, &postfix.main_cf)? };
    let mut known = KnownTables::new();
    for file in Managed::own_maps() {
        if file.is_whole() {
            let one = desired.one_sender.as_ref().filter(|_| file == Managed::From);
            let rules = one.map(|one| Known::Rules(one.rules(&desired.others(), &postfix.settings)));
            known.extend(rules.map(|rules| (file.table(kind), rules)));
            continue;
        }
        let source = postfix.maps.get(&file).and_then(|map| map.source.as_ref());
        let mut entries = source.map(MapSource::entries).unwrap_or_default();
        let strays = desired.strays().filter(|_| file.is_secret());
        for stray in strays.filter(|stray| !postfix.other_ways.contains_key(stray.host)) {
            if entries.contains_key(&stray.key) {
                Arc::make_mut(&mut entries).remove(&stray.key);
            }
        }
        with(&mut entries, desired.entries(file, &postfix.settings));
        known.insert(file.table(kind), Known::Entries(entries));
    }
    known.extend(aliases(desired, postfix));
    Ok(Some((host, known)))
}

/// Adds what is not there yet: a table that is in order is not copied, and it may have thousands of entries.
fn with(entries: &mut Arc<Entries>, wanted: impl IntoIterator<Item = (String, String)>) {
    for (key, value) in wanted {
        let key = key.to_lowercase();
        if entries.get(&key) != Some(&value) {
            Arc::make_mut(entries).insert(key, value);
        }
    }
}

/// The aliases of the system as they are with the answers in force, if those have an entry there.
fn aliases(desired: &Desired, postfix: &Postfix) -> Option<(String, Known)> {
    let (file, kind) = (Managed::Aliases, recipients::kind(&postfix.settings, &postfix.lacking).ok()?);
    let source = postfix.maps.get(&file)?.source.as_ref();
    let mut entries = source.map(MapSource::entries).unwrap_or_default();
    let ours = desired.entries(file, &postfix.settings);
    let is_ours = !ours.is_empty();
    with(&mut entries, ours);
    is_ours.then(|| (kind.table(&file.path()), Known::Entries(entries)))
}

/// What becomes of root's mail with the answers in force; `None`: they do not say who is to have it.
pub fn of_root(desired: &Desired, postfix: &Postfix) -> Result<Option<recipients::Judged>> {
    if desired.root.is_empty() {
        return Ok(None);
    }
    if let Err(complaint) = recipients::kind(&postfix.settings, &postfix.lacking) {
        return Ok(Some(Err(complaint)));
    }
    let Some((host, known)) = answered(desired, postfix)? else { return Ok(None) };
    let (from, _) = addresses(Some(desired), &host.settings);
    let way = |to: &String| way(&host, &from, to, Some(&known));
    let ways: Vec<Way> = desired.root.iter().map(way).collect();
    Ok(Some(recipients::judge(&way(&recipients::ROOT.to_owned()), &ways, &host)))
}

/// A place, other than `relayhost`, that leads mail to the server of this name, or that may and cannot be read.
pub fn other_way(name: &str, settings: &Settings, main_cf: &MainCf) -> Option<String> {
    let has_name = |text: &str| text.to_lowercase().contains(name);
    let own = [
        "relayhost",
        "smtp_fallback_relay",
        "smtp_sasl_password_maps",
        "smtp_tls_policy_maps",
        "smtp_tls_per_site",
    ];
    let set = main_cf.all().into_iter().find(|one| !own.contains(&one.name.as_str()) && has_name(&one.value));
    if let Some(set) = set {
        return Some(set.name);
    }
    let master_cf = files::read_whole(Path::new(postfix::MASTER_CF)).ok().flatten().unwrap_or_default();
    if MasterCf::new(&master_cf).texts().any(has_name) {
        return Some("master.cf".into());
    }
    let leading =
        ["transport_maps", "sender_dependent_relayhost_maps", "sender_dependent_default_transport_maps"];
    let mut tables = leading.iter().flat_map(|parameter| named(value(settings, parameter)));
    let found = tables.find(|table| match path_of(table) {
        Some(path) => {
            let source = files::read_whole(Path::new(path)).ok().flatten();
            source.is_none_or(|bytes| has_name(&String::from_utf8_lossy(&bytes)))
        }
        // In the setting itself it would have been seen above; a server's table may have anything.
        None => why_unasked(table).is_some(),
    });
    found.map(str::to_owned)
}

/// The tables that give senders other addresses, as far as their sources can be read.
pub fn tables_of_senders(settings: &Settings) -> Vec<OfSenders> {
    let mut all = Vec::new();
    for parameter in ["sender_canonical_maps", "smtp_generic_maps"] {
        for table in named(value(settings, parameter)) {
            all.extend(source_of(table).map(|source| OfSenders { parameter, table: table.into(), source }));
        }
    }
    all
}

/// What is known of a table without asking it.
#[derive(Debug)]
pub enum Known {
    /// The entries, by key in lower case.
    Entries(Arc<Entries>),
    /// The rules for headers.
    Rules(Vec<Rule>),
}

/// Tables of which everything is known without asking, by `type:path`.
pub type KnownTables = BTreeMap<String, Known>;

impl Known {
    fn value(&self, key: &str) -> Option<String> {
        match self {
            Self::Entries(entries) => entries.get(&key.to_lowercase()).cloned(),
            Self::Rules(rules) => found(rules, key),
        }
    }
}

/// The way of a message on this host.
pub fn way(host: &Host, from: &str, to: &str, known: Option<&KnownTables>) -> Way {
    asking(host, known, clock::now() + ALL, |ask| route(host, from, to, ask))
}

/// Does work that asks the tables of this host, until a moment.
pub fn asking<T>(
    host: &Host,
    known: Option<&KnownTables>,
    until: Instant,
    work: impl FnOnce(&mut Ask) -> T,
) -> T {
    let passwords = words(value(&host.settings, "smtp_sasl_password_maps"));
    let mut table = |table: &str, keys: &[String]| -> Answer {
        if let Some(known) = known.and_then(|known| known.get(table)) {
            let of = |key: &String| Some((key.clone(), known.value(key)?));
            return Ok(keys.iter().filter_map(of).collect());
        }
        let answer = ask_table(table, keys, until);
        if let (Ok(entries), true) = (&answer, passwords.iter().any(|password| password == table)) {
            for entry in entries.values() {
                secrets::know_entry(entry);
            }
        }
        answer
    };
    let mut listens = |socket: &Socket| match socket {
        Socket::Unix(path) => listeners::on_path(Path::new(path)),
        Socket::Inet { host, port } if is_loopback(host) => listeners::on_port(*port),
        Socket::Inet { .. } => None,
    };
    let aliases = named(value(&host.settings, "alias_maps")).into_iter().map(str::to_owned).collect();
    let mut sources = Sources::new(aliases, until);
    let mut source = |table: &str, key: &str, found: Option<&str>| {
        let entry = sources.entry(table, key, found)?;
        if known.is_none_or(|known| !known.contains_key(table)) {
            return Ok(entry);
        }
        // The source that `apply` would write has the same.
        entry.zip(found).map(|((line, _), value)| Some((line, value.to_owned()))).ok_or(())
    };
    let mut text = |path: &str, user: Option<u32>| {
        let path = Path::new(path);
        // Whoever may change a name on the way could have root read a file of root's, and print it.
        let is_good = |owner: u32| user.map_or(owner != 0, |user| owner == user);
        let roots =
            if user.is_none() { trust::read(path, TEXT, trust::Guarded::File).ok().flatten() } else { None };
        let bytes = match roots {
            Some(roots) => roots.bytes,
            None => files::read_of(path, &is_good, TEXT).ok()??,
        };
        Some(String::from_utf8_lossy(&bytes).into_owned())
    };
    let (table, listens, source) = (&mut table, &mut listens, &mut source);
    work(&mut Ask { table, listens, source, text: &mut text, unbuilt: Vec::new() })
}

/// Asks a table within the time that is left.
fn ask_table(table: &str, keys: &[String], until: Instant) -> Answer {
    if let Some(reason) = why_unasked(table) {
        return Err(Unasked::Unknown(reason));
    }
    let now = clock::now();
    let left = until.saturating_duration_since(now);
    if left.is_zero() {
        return Err(Unasked::Unknown("the time was up".into()));
    }
    ask_all(table, keys, until.min(now + ONE)).map_err(|error| match error {
        Error::Program { stderr, .. } => {
            let last = stderr.lines().last().unwrap_or_default();
            let reason = last.rsplit_once("fatal: ").or_else(|| last.rsplit_once("warning: "));
            Unasked::Broken(reason.map_or(last, |(_, reason)| reason).to_owned())
        }
        Error::Timeout { after, .. } => {
            let reason = format!("it gave no answer within {:.1} s", after.as_secs_f64());
            if left < ONE { Unasked::Unknown(reason) } else { Unasked::Broken(reason) }
        }
        other => Unasked::Broken(other.to_string()),
    })
}
