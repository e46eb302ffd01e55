//! Observes the host: asks rpm, Postfix and the disk, at the same time, and returns facts.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use super::route::other_way;
use super::transaction::{last_run, main_cf_before, trust_links, trust_links_of};
use super::{Place, labels};
use crate::error::Result;
use crate::model::desired::{Desired, WayOut};
use crate::model::observed::{
    Database, MapFile, Observed, Postfix, QUERY_FORMAT, QueueDirectories, Sendmail, ServiceState, Version,
    capabilities, parse_packages, parse_settings,
};
use crate::model::packages::need::needs;
use crate::model::packages::plugin::OURS;
use crate::model::plan::former::former;
use crate::model::plan::parameters::{ca_candidates, parameters};
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::mastercf::MasterCf;
use crate::model::postfix::settings::{observed, value};
use crate::model::postfix::tables::path_of;
use crate::model::postfix::types::{self, Lacking};
use crate::model::recipients;
use crate::model::state::generation::LastRun;
use crate::sys::{files, incidents, inode, mail, network, packages, postfix, service, state};

/// Directories of Cyrus SASL's plugins: 64-bit, 32-bit.
const PLUGIN_DIRECTORIES: [&str; 2] = ["/usr/lib64/sasl2", "/usr/lib/sasl2"];

/// Observes everything that a plan for `desired` asks for. rpm and Postfix are asked at the same time: each takes as
/// long as all the rest.
pub fn observe(desired: &Desired, place: Place) -> Result<Observed> {
    trust_links()?;
    let capabilities = capabilities(&needs(desired));
    thread::scope(|scope| {
        let rpm = scope.spawn(|| packages_of(&capabilities));
        let labels = scope.spawn(|| labels::look(place, !desired.root.is_empty()));
        let (lacks, last) = (postfix::lacks(), last_run()?);
        let demanded = demanded(desired, &last);
        trust_links_of(&demanded)?;
        let mut postfix = if lacks.is_none() { Some(postfix_since(&last, place)?) } else { None };
        if let Some(postfix) = &mut postfix {
            postfix.other_ways = other_ways_for(desired, postfix);
            postfix.earlier = earlier(desired, postfix, &last)?;
            if !demanded.is_empty()
                && let Ok(kind) = recipients::kind(&postfix.settings, &postfix.lacking)
            {
                postfix.maps.insert(Managed::Aliases, map_of(Managed::Aliases, Some(&kind), &last)?);
            }
        }
        Ok(Observed {
            packages: rpm.join().unwrap_or_else(|panic| resume_unwind(panic))?,
            plugins: plugins_on_disk(),
            link: inode::look(&Managed::Plugin.path())?,
            labels: labels.join().unwrap_or_else(|panic| resume_unwind(panic))?,
            mail_command: mail::command(),
            last,
            postfix,
            lacks,
            timer: if place == Place::Host { service::watch_timer(incidents::has_timer()) } else { None },
        })
    })
}

/// Names of the files that are looked at since the answers ask for something in them, or the last run wrote something there.
fn demanded(desired: &Desired, last: &LastRun) -> Vec<String> {
    if recipients::is_asked(desired, last) { Managed::Aliases.recorded() } else { Vec::new() }
}

/// For each relay with an entry for its bare name: the place that keeps this entry, if there is one.
pub fn other_ways_for(desired: &Desired, postfix: &Postfix) -> BTreeMap<String, String> {
    let source = postfix.maps.get(&Managed::SaslPasswd).and_then(|map| map.source.as_ref());
    let place = |way: &WayOut| {
        let host = &way.relay.host;
        source.and_then(|source| source.get(host))?;
        Some((host.clone(), other_way(host, &postfix.settings, &postfix.main_cf)?))
    };
    desired.ways().filter_map(place).collect()
}

/// The packages that provide these capabilities.
pub fn packages_of(names: &[String]) -> Result<BTreeMap<String, String>> {
    Ok(parse_packages(names, &packages::query(names, QUERY_FORMAT)?))
}

/// Names of the Cyrus SASL plugins that programs load.
pub fn plugins() -> BTreeSet<String> {
    let names = PLUGIN_DIRECTORIES.iter().map(Path::new).flat_map(|directory| {
        // A link may lead to nothing.
        files::names(directory).into_iter().filter(move |name| files::exists(&directory.join(name)))
    });
    names.filter_map(|name| Some(name.strip_prefix("lib")?.split_once(".so")?.0.to_owned())).collect()
}

/// Names of the Cyrus SASL plugins on the disk: those that programs load, and relayhost's own, which may not be in force
/// yet.
pub fn plugins_on_disk() -> BTreeSet<String> {
    let has_ours = Managed::Plugin.target().is_some_and(|target| files::has_content(Path::new(target)));
    plugins().into_iter().chain(has_ours.then(|| OURS.to_owned())).collect()
}

/// main.cf as it was before relayhost set each parameter that the answers ask for no more.
fn earlier(desired: &Desired, postfix: &Postfix, last: &LastRun) -> Result<BTreeMap<String, MainCf>> {
    let wanted = postfix.map_kind.as_ref().and_then(|kind| parameters(desired, postfix, kind).ok());
    wanted.map_or_else(|| Ok(BTreeMap::new()), |wanted| main_cf_before(former(last, &wanted)))
}

/// Observes Postfix alone, which needs no answers.
pub fn postfix_of(place: Place) -> Result<Postfix> {
    postfix_since(&LastRun::default(), place)
}

/// The same, with the last run known, which has recorded what it built.
fn postfix_since(last: &LastRun, place: Place) -> Result<Postfix> {
    let settings = parse_settings(&postfix::settings(&observed())?);
    let setting = |name: &str| value(&settings, name);
    let path = Managed::MainCf.path();
    // A run may begin or end while the file is read.
    let was_changing = state::has_intent();
    let main_cf = MainCf::new(files::read_whole(&path)?.unwrap_or_default());
    let is_changing = was_changing || state::has_intent();
    let master_cf = MasterCf::new(&files::read_whole(Path::new(postfix::MASTER_CF))?.unwrap_or_default());
    let (map_kind, lacking) = kinds(&main_cf, &master_cf, setting("default_database_type"))?;
    let maps = maps(map_kind.as_ref(), last)?;
    Ok(Postfix {
        version: Version(setting("mail_version").to_owned()),
        main_cf,
        is_changing,
        returning: master_cf.returning(),
        main_cf_for_all: files::is_for_all(&path),
        lacking,
        maps,
        other_ways: BTreeMap::new(),
        earlier: BTreeMap::new(),
        ca_files: ca_files(setting("smtp_tls_CAfile")),
        service: match place {
            Place::Host => {
                let unlogged = lacks_postlog(setting("maillog_file"), &master_cf);
                ServiceState { unlogged, ..service::state(&QueueDirectories::new(&settings))? }
            }
            // Nothing runs in a tree, and nothing is to run.
            Place::Tree => ServiceState { running: true, enabled: None, masked: false, unlogged: false },
        },
        sendmail: sendmail(setting("sendmail_path")),
        has_route: place == Place::Tree || network::has_any_route(),
        has_ipv4_route: place == Place::Host && network::has_ipv4_route(),
        map_kind,
        settings,
    })
}

/// Whether Postfix is to write its log itself, to this file, and master.cf has no service that does: then it does not start
/// (`check-fatal` in Postfix's conf/postfix-script).
fn lacks_postlog(maillog_file: &str, master_cf: &MasterCf) -> bool {
    !maillog_file.is_empty() && master_cf.find("postlog", "unix-dgram").is_none()
}

/// The kind of table that relayhost builds, and the tables of kinds that are not there.
fn kinds(main_cf: &MainCf, master_cf: &MasterCf, default: &str) -> Result<(Option<MapKind>, Vec<Lacking>)> {
    if !types::is_in_doubt(main_cf, master_cf, default) {
        return Ok((MapKind::new(default), Vec::new()));
    }
    let all = postfix::table_types()?;
    let is_there = all.is_empty() || all.iter().any(|known| known == default);
    let lacking = if all.is_empty() { Vec::new() } else { types::lacking(main_cf, master_cf, &all) };
    let owned = |mut one: Lacking| {
        let owner = path_of(&one.table).and_then(|path| files::owner(Path::new(path)));
        one.owner = owner.filter(|owner| owner != "root");
        one
    };
    let kind = if is_there { default } else { types::instead(&all) };
    Ok((MapKind::new(kind), lacking.into_iter().map(owned).collect()))
}

/// All managed maps. Those that are there side by side: each may call postmap.
fn maps(kind: Option<&MapKind>, last: &LastRun) -> Result<BTreeMap<Managed, MapFile>> {
    let (there, absent): (Vec<_>, Vec<_>) = Managed::own_maps().partition(|file| files::exists(&file.path()));
    thread::scope(|scope| {
        let threads: Vec<_> =
            there.into_iter().map(|file| (file, scope.spawn(move || map_of(file, kind, last)))).collect();
        let absent = absent.into_iter().map(|file| Ok((file, map_of(file, kind, last)?)));
        let absent: Vec<_> = absent.collect::<Result<_>>()?;
        let join = |(file, thread): (_, thread::ScopedJoinHandle<_>)| {
            Ok((file, thread.join().unwrap_or_else(|panic| resume_unwind(panic))?))
        };
        threads.into_iter().map(join).chain(absent.into_iter().map(Ok)).collect()
    })
}

fn map_of(file: Managed, kind: Option<&MapKind>, last: &LastRun) -> Result<MapFile> {
    let path = file.path();
    let source = files::read_whole(&path)?.map(|bytes| file.source(bytes));
    let database = match kind.map(|kind| file.kind(kind)) {
        Some(kind) => {
            let kind = &kind;
            let built = source.as_ref().and_then(|source| last.built(file, source, kind));
            postfix::read_database(&path, kind, built)?
        }
        None => Database::Missing,
    };
    Ok(MapFile { source_exposed: files::deviation(&path, file), source, database })
}

/// The CA bundles on the disk, the one that main.cf names first: an administrator's own choice stays.
pub fn ca_files(configured: &str) -> Vec<PathBuf> {
    let configured = (!configured.is_empty()).then(|| PathBuf::from(configured));
    configured.into_iter().chain(ca_candidates()).filter(|path| files::has_content(path)).collect()
}

/// The program behind /usr/sbin/sendmail. `own` is `sendmail_path`, which on EL is /usr/sbin/sendmail.postfix; where
/// it is /usr/sbin/sendmail itself, alternatives may have put another program there.
fn sendmail(own: &str) -> Sendmail {
    let Some(found) = files::resolve(Path::new("/usr/sbin/sendmail")) else { return Sendmail::Missing };
    let name = found.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let is_own = files::resolve(Path::new(own)).as_ref() == Some(&found);
    if name == "sendmail.postfix" || (is_own && name == "sendmail") {
        Sendmail::Postfix
    } else {
        Sendmail::Other(found)
    }
}
