//! Runs Postfix's own programs: postconf, postmap, postqueue, postcat, postlog, postsuper.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;

use super::run::{self, Cmd, Output};
use super::{clock, files, inode, input};
use crate::error::{Error, Result};
use crate::model::inspection::queue::{Contents, Listing, Recipient, Waiting, parse_envelope, parse_json};
use crate::model::log::stamp::Calendar;
use crate::model::observed::Database;
use crate::model::postfix::managed::{MAP_MODE, Managed, MapKind};
use crate::model::postfix::postmap::{Entries, parse_dump};

const INSTALL_POSTFIX: &str = "relayhost apply";

/// Whether Postfix is installed: its programs and its main.cf.
pub fn is_installed() -> bool {
    run::find("postconf").is_some()
        && run::find("postmap").is_some()
        && files::exists(&Managed::MainCf.path())
}

/// Parameters in force, `$name` expanded, as `name = value` lines. Names that this Postfix does not know are left
/// out, with a warning of its own that does not matter.
pub fn settings(names: &[&str]) -> Result<String> {
    let cmd = Cmd::new(&run::require("postconf", INSTALL_POSTFIX)?).arg("-x").args(names.iter().copied());
    let output = cmd.run()?;
    // The first name is one that every Postfix knows. A fatal error prints nothing.
    if !output.stdout.is_empty() {
        return Ok(output.text());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match text.lines().find_map(|line| line.split_once("fatal: ")) {
        Some((_, reason)) => Err(Error::Unreadable { reason: reason.to_owned() }),
        None => Err(Error::Program { command: cmd.line(), status: output.status(), stderr: output.tail() }),
    }
}

/// The services of master.cf, with `$name` expanded in their options.
pub fn services() -> Result<Vec<u8>> {
    let cmd = Cmd::new(&run::require("postconf", INSTALL_POSTFIX)?).arg("-Mx");
    Ok(cmd.ok()?.stdout)
}

/// Lets Postfix itself read a main.cf before it is put in place. Returns the output of `postconf -n` for it, and the
/// warnings.
pub fn try_out(main_cf: &[u8]) -> Result<(String, String)> {
    let staged = files::staging(&Managed::MainCf.path())?;
    files::stage(&staged.path().join("main.cf"), main_cf)?;
    // Without master.cf, postconf does not know which parameters are in use.
    let master_cf = files::read_whole(Path::new("/etc/postfix/master.cf"))?.unwrap_or_default();
    files::stage(&staged.path().join("master.cf"), &master_cf)?;
    let program = run::require("postconf", INSTALL_POSTFIX)?;
    let output = Cmd::new(&program).args(["-c", &staged.path().display().to_string(), "-n"]).run()?;
    if !output.success() {
        return Err(Error::Staged { reason: output.tail() });
    }
    Ok((output.text(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// The databases that were read, by table, each with the identity of its file: several steps of a run ask for the same one.
static READ: Mutex<BTreeMap<String, (String, Entries)>> = Mutex::new(BTreeMap::new());

/// Reads a database with Postfix's own program, once as long as its file stays the same.
pub fn read_database(source: &Path, kind: &MapKind) -> Result<Database> {
    let Some(path) = kind.database(source) else { return Ok(Database::NotNeeded) };
    if !files::exists(&path) {
        return Ok(Database::Missing);
    }
    let (table, identity) = (kind.table(source), files::identity(&path));
    let known = || READ.lock().unwrap_or_else(PoisonError::into_inner);
    let before =
        known().get(&table).filter(|(found, _)| *found == identity).map(|(_, entries)| entries.clone());
    let entries = if let Some(entries) = before {
        entries
    } else {
        let ((), _, output) = postmap(|cmd| Ok(((), cmd.args(["-s", &table]))))?;
        if !output.success() {
            return Ok(Database::Broken(output.tail()));
        }
        let entries = parse_dump(&output.stdout);
        known().insert(table, (identity, entries.clone()));
        entries
    };
    Ok(Database::Read { entries, exposed: files::deviation(&path, MAP_MODE) })
}

/// Runs postmap through `work`, which gets the options; once more with an empty configuration if postmap fails with the
/// host's. Each program of Postfix ends at once if main.cf has, say, this host's name as the relayhost (mail_params.c),
/// and relayhost has to mend that.
fn postmap<T>(work: impl Fn(Cmd) -> Result<(T, Cmd)>) -> Result<(T, Cmd, Output)> {
    let program = run::require("postmap", INSTALL_POSTFIX)?;
    let (product, cmd) = work(Cmd::new(&program).without_core())?;
    let output = cmd.run()?;
    if !output.success() && String::from_utf8_lossy(&output.stderr).contains("fatal: ") {
        let bare = files::staging(&Managed::MainCf.path())?;
        files::stage(&bare.path().join("main.cf"), b"")?;
        let bare = bare.path().display().to_string();
        let (product, cmd) = work(Cmd::new(&program).args(["-c", &bare]).without_core())?;
        let output = cmd.run()?;
        if output.success() {
            return Ok((product, cmd, output));
        }
    }
    Ok((product, cmd, output))
}

/// Time for one question to a table: its server may be down.
const ASKING: Duration = Duration::from_secs(10);

/// Asks one table for one key, as a daemon of Postfix would. Never a table whose contents stand in its name: every user can
/// read the arguments of a program.
pub fn look_up(table: &str, key: &str) -> Result<Option<String>> {
    let program = run::require("postmap", INSTALL_POSTFIX)?;
    let cmd = Cmd::new(&program).args(["-q", key, table]).within(ASKING).without_core();
    let output = cmd.run()?;
    if output.success() {
        return Ok(Some(output.text().trim_end_matches('\n').to_owned()));
    }
    // Without a message: there is no such key.
    if output.stderr.is_empty() {
        return Ok(None);
    }
    Err(Error::Program { command: cmd.line(), status: output.status(), stderr: output.tail() })
}

/// A map source and its database, finished beside their places and not yet in them. Gone when `staging` is dropped.
#[derive(Debug)]
pub struct BuiltMap {
    /// The staging directory that they lie in.
    pub staging: TempDir,
    /// The source.
    pub source: PathBuf,
    /// The database; `None` if this kind of table has none.
    pub database: Option<PathBuf>,
}

/// Builds a map beside its place, in a directory that is root's alone. The files can be renamed from there, so that
/// no delivery reads half a table.
pub fn build_map(path: &Path, kind: &MapKind, bytes: &[u8]) -> Result<BuiltMap> {
    let begin = || -> Result<(TempDir, PathBuf)> {
        let staging = files::staging(path)?;
        let source = staging.path().join(path.file_name().unwrap_or_default());
        files::create(&source, bytes, MAP_MODE)?;
        Ok((staging, source))
    };
    let (staging, source) = if kind.database(path).is_none() {
        begin()?
    } else {
        // Each attempt has a directory of its own: Berkeley DB waits for ever beside what a failed one leaves,
        // `__db.NAME`.
        let (built, cmd, output) = postmap(|cmd| {
            let (staging, source) = begin()?;
            let table = kind.table(&source);
            Ok(((staging, source), cmd.arg(table)))
        })?;
        if !output.success() {
            return Err(Error::Program {
                command: cmd.line(),
                status: output.status(),
                stderr: output.tail(),
            });
        }
        built
    };
    let database = kind.database(&source);
    for (built, place) in
        std::iter::once((&source, path)).chain(database.iter().zip(kind.database(path).as_deref()))
    {
        inode::copy_label(place, built)?;
        // postmap asks for 0644 less umask, and a default list of the directory above switches the umask off.
        inode::close(built, MAP_MODE)?;
    }
    Ok(BuiltMap { staging, source, database })
}

impl BuiltMap {
    /// Reads the built database back.
    pub fn read(&self, kind: &MapKind) -> Result<Database> {
        read_database(&self.source, kind)
    }
}

/// The types of lookup tables that this Postfix has.
pub fn table_types() -> Result<Vec<String>> {
    let program = run::require("postconf", INSTALL_POSTFIX)?;
    let output = Cmd::new(&program).arg("-m").run()?;
    Ok(output.text().lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
}

/// Time for one listing of the queue. Any user can hold up all showq(8) processes by listings that nobody reads.
const LISTING: Duration = Duration::from_secs(10);

/// Hands on the output of `postqueue -j` or `postqueue -p`, line by line. Postfix before 3.1 has no -j, and fails.
pub fn queue(as_json: bool, on_line: run::OnLine) -> Result<Output> {
    queue_within(as_json, LISTING, on_line)
}

/// The same, for this long at the most: then `Error::Timeout`.
pub fn queue_within(as_json: bool, limit: Duration, on_line: run::OnLine) -> Result<Output> {
    let program = run::require("postqueue", INSTALL_POSTFIX)?;
    Cmd::new(&program).arg(if as_json { "-j" } else { "-p" }).within(limit).stream(on_line)
}

/// The recipients of one message that are not done yet, with the reasons that the queue shows. Only the listing of the
/// whole queue has these reasons; none are known if it takes longer than `READING`.
pub fn waiting(queue_id: &str, calendar: &Calendar) -> Result<Vec<Recipient>> {
    let mut found = None;
    let listed = queue_within(true, READING, &mut |line| {
        if line.contains(queue_id) {
            found = found.take().or_else(|| parse_json(line).filter(|message| message.queue_id == queue_id));
        }
    });
    if let Err(Error::Timeout { .. }) = listed {
        return Ok(Vec::new());
    }
    listed?;
    // Postfix before 3.1 has no -j, and a line with many recipients may be longer than the limit of a line.
    if found.is_none() {
        let mut listing = Listing::default();
        let mut take = |message: Option<Waiting>| {
            found = found.take().or_else(|| message.filter(|message| message.queue_id == queue_id));
        };
        match queue_within(false, READING, &mut |line| take(listing.line(line, calendar))) {
            Err(Error::Timeout { .. }) => {}
            other => {
                other?;
                take(listing.end());
            }
        }
    }
    Ok(found.map(|message| message.recipients).unwrap_or_default())
}

/// How long postcat may take for one queue file. That of Postfix 3.7 reads some that are not finished for ever.
const READING: Duration = Duration::from_secs(2);
/// Files of the maildrop that are looked at, how much of each, and how long in all. Any user can put files there, and
/// pickup(8) takes them out as fast as it can.
const DROPPED: usize = 2000;
const HEAD: u64 = 32 * 1024;
const LOOKING: Duration = Duration::from_secs(2);

/// Opens the queue file of one message, if it is there. It can be read when it is gone.
pub fn open_queued(queue_directory: &str, queue_id: &str) -> Option<File> {
    let path = queued(Path::new(queue_directory), queue_id)?;
    input::open_regular(&path).ok()
}

/// Whether the queue file of one message is there.
pub fn is_queued(queue_directory: &str, queue_id: &str) -> bool {
    queued(Path::new(queue_directory), queue_id).is_some()
}

/// What a queue file says; also when it has lost its name. cleanup(8) gives the owner the right to execute it as the last
/// thing (mail_stream.c).
pub fn contents(file: &File) -> Result<Contents> {
    let is_finished = file.metadata().is_ok_and(|data| data.permissions().mode() & 0o100 != 0);
    if !is_finished {
        return Ok(Contents::Unfinished);
    }
    let program = run::require("postcat", INSTALL_POSTFIX)?;
    let fault = |source| Error::Io { action: "read", path: "the queue file".into(), source };
    let mut file = file.try_clone().map_err(fault)?;
    file.rewind().map_err(fault)?;
    let output = Cmd::new(&program).arg("-e").input_file(file).within(READING).ok()?;
    Ok(Contents::Of(parse_envelope(&output.text())))
}

/// Where a queue file is: in one of the queues, or in one of their directories of one letter each (hash_queue_names,
/// mail_queue_dir.c). Looked for twice, since it is moved from queue to queue.
fn queued(queue_directory: &Path, queue_id: &str) -> Option<PathBuf> {
    const QUEUES: [&str; 6] = ["incoming", "active", "deferred", "hold", "corrupt", "saved"];
    fn find(directory: &Path, queue_id: &str, depth: usize) -> Option<PathBuf> {
        let path = directory.join(queue_id);
        if files::exists(&path) {
            return Some(path);
        }
        let names = if depth > 0 { files::names(directory) } else { Vec::new() };
        let mut letters = names.iter().filter(|name| name.len() == 1);
        letters.find_map(|name| find(&directory.join(name), queue_id, depth - 1))
    }
    // hash_queue_depth is 1 unless somebody has set it, and never needs to be more than 2.
    let look = || QUEUES.iter().find_map(|queue| find(&queue_directory.join(queue), queue_id, 2));
    look().or_else(look)
}

/// The file in the maildrop that has this Message-ID, if one does: Postfix has not taken the message over, and tries it
/// again each minute. An error if there are more files than can be looked at.
pub fn in_maildrop(queue_directory: &str, message_id: &str) -> Result<Option<String>> {
    let directory = Path::new(queue_directory).join("maildrop");
    let names = files::names(&directory);
    let begin = clock::now();
    for (count, name) in names.iter().enumerate() {
        if count >= DROPPED || begin.elapsed() >= LOOKING {
            return Err(Error::Log {
                name: directory.display().to_string(),
                problem: format!("has {} files, too many to look for the message among them", names.len()),
                remedy: "see why pickup(8) does not take them: `postfix status`, and the end of the mail log"
                    .into(),
            });
        }
        let mut head = Vec::new();
        if let Ok(file) = input::open_regular(&directory.join(name))
            && file.take(HEAD).read_to_end(&mut head).is_ok()
            && head.windows(message_id.len()).any(|part| part == message_id.as_bytes())
        {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// Writes a line to the log that Postfix keeps itself (`maillog_file`), as its own programs do.
pub fn log(text: &str) -> Result<()> {
    let program = run::require("postlog", INSTALL_POSTFIX)?;
    Cmd::new(&program).args(["-p", "info", "-t", super::syslog::TAG, text]).ok().map(|_| ())
}

/// Tells Postfix to try one message again now.
pub fn retry(queue_id: &str) -> Result<()> {
    let program = run::require("postqueue", INSTALL_POSTFIX)?;
    Cmd::new(&program).args(["-i", queue_id]).run().map(|_| ())
}

/// Takes one message out of the queue; true if it was there.
pub fn delete(queue_id: &str) -> Result<bool> {
    take_out(&["-d", queue_id])
}

/// Takes one file out of the maildrop; true if it was there.
pub fn delete_dropped(name: &str) -> Result<bool> {
    take_out(&["-d", name, "maildrop"])
}

fn take_out(args: &[&str]) -> Result<bool> {
    let program = run::require("postsuper", INSTALL_POSTFIX)?;
    let output = Cmd::new(&program).args(args.iter().copied()).run()?;
    Ok(String::from_utf8_lossy(&output.stderr).contains("Deleted: 1"))
}
