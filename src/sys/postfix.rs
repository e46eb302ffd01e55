//! Runs Postfix's own programs: postconf, postmap, postqueue, postcat, postlog, postsuper.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use memchr::memmem;
use tempfile::TempDir;

use super::run::{self, Cmd, Heard, Output};
use super::{digest, files, inode, input, scratch};
use crate::error::{Encoding, Error, Result};
use crate::model::inspection::queue::{Listing, Recipient, Waiting, parse_json};
use crate::model::log::stamp::Calendar;
use crate::model::observed::{Database, PostfixPart};
use crate::model::postfix::managed::{MAP_MODE, Managed, MapKind};
use crate::model::postfix::postmap::{Entries, is_harmless, parse_dump};
use crate::model::postfix::tables::{as_file, kind, path_of};

/// Postfix's services and their options.
pub const MASTER_CF: &str = "/etc/postfix/master.cf";

/// Which Postfix of this host is asked.
#[derive(Debug, Clone, Default)]
pub struct Instance {
    /// Its configuration directory; `None`: the host's own Postfix.
    config: Option<PathBuf>,
}

/// A command that is one of Postfix's programs, which all read these two files.
pub(super) fn program(name: &str) -> Result<Cmd> {
    demand_file(&Managed::MainCf.path())?;
    demand_file(Path::new(MASTER_CF))?;
    Cmd::require(name, "relayhost apply")
}

/// Refuses something else in the place of a file: a program of Postfix waits for ever for somebody to write to a FIFO.
fn demand_file(path: &Path) -> Result<()> {
    input::odd_kind(path).map_or(Ok(()), |kind| Err(Error::NoFile { path: path.into(), kind }))
}

/// Whether Postfix is installed: its programs and its main.cf.
pub fn is_installed() -> bool {
    lacks().is_none()
}

/// The first part of Postfix that is not there.
pub fn lacks() -> Option<PostfixPart> {
    let is_there = |part: &PostfixPart| match part {
        PostfixPart::Postconf => run::find("postconf").is_some(),
        PostfixPart::Postmap => run::find("postmap").is_some(),
        PostfixPart::MainCf => files::exists(&Managed::MainCf.path()),
    };
    PostfixPart::ALL.into_iter().find(|part| !is_there(part))
}

/// Parameters in force, `$name` expanded, as `name = value` lines. Names that this Postfix does not know are left
/// out, with a warning of its own that does not matter.
pub fn settings(names: &[&str]) -> Result<String> {
    let output = program("postconf")?.arg("-x").args(names.iter().copied()).run()?;
    // The first name is one that every Postfix knows. A fatal error prints nothing.
    if !output.stdout.is_empty() {
        return Ok(output.text());
    }
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    match text.lines().find_map(|line| line.split_once("fatal: ")) {
        Some((_, reason)) => {
            let file = Path::new("/etc/postfix").join(Error::unreadable_file(reason));
            let encoding = Encoding::of(&files::read_whole(&file)?.unwrap_or_default());
            Err(Error::Unreadable { reason: reason.to_owned(), encoding })
        }
        None => Err(output.failure()),
    }
}

/// The services of master.cf, with `$name` expanded in their options.
pub fn services() -> Result<Vec<u8>> {
    Ok(program("postconf")?.arg("-Mx").ok()?.stdout)
}

/// Lets Postfix itself read a main.cf before it is put in place. Returns the output of `postconf -n` for it, and the
/// warnings.
pub fn try_out(main_cf: &[u8]) -> Result<(String, String)> {
    let staged = files::staging(&Managed::MainCf.path())?;
    files::stage(&staged.path().join("main.cf"), main_cf)?;
    // Without master.cf, postconf does not know which parameters are in use.
    let master_cf = files::read_whole(Path::new(MASTER_CF))?.unwrap_or_default();
    files::stage(&staged.path().join("master.cf"), &master_cf)?;
    let output = program("postconf")?.args(["-c", &staged.path().display().to_string(), "-n"]).run()?;
    if !output.success() {
        return Err(Error::Staged { reason: output.tail() });
    }
    Ok((output.text(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// The contents of a database, with the identity of the file that they were read from; `None` while they are not known.
type Contained = Arc<Mutex<Option<(String, Arc<Entries>)>>>;

/// The databases that were read, by table: several steps of a run ask for the same one, and some at the same time.
static READ: Mutex<BTreeMap<String, Contained>> = Mutex::new(BTreeMap::new());

/// Most that is read of a table, in bytes: a million entries or so.
const DUMP_LIMIT: usize = 64 * 1024 * 1024;

/// Reads a database with Postfix's own program, once as long as its file stays the same. `built`: the digest and the
/// contents of a database that need not be read, since its contents are known.
pub fn read_database(source: &Path, kind: &MapKind, built: Option<(&str, Arc<Entries>)>) -> Result<Database> {
    let Some(path) = kind.database(source) else { return Ok(Database::NotNeeded) };
    if !files::exists(&path) {
        return Ok(Database::Missing);
    }
    demand_file(&path)?;
    let (table, identity) = (kind.table(source), files::identity(&path));
    let known = READ.lock().unwrap_or_else(PoisonError::into_inner).entry(table.clone()).or_default().clone();
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let before = known.as_ref().filter(|(found, _)| *found == identity);
    let is_built = |digest: &str| digest::of_file(&path).ok().flatten().is_some_and(|found| found == digest);
    let entries = if let Some((_, entries)) = before {
        Arc::clone(entries)
    } else if let Some((_, entries)) = built.filter(|(digest, _)| is_built(digest)) {
        entries
    } else {
        if let Some(reason) = kind.refuses(&files::head(&path)?) {
            return Ok(Database::Broken(reason));
        }
        let ((), output) = postmap(|cmd| Ok(((), cmd.args(["-s", &table]).keeping(DUMP_LIMIT))))?;
        if !output.success() {
            return Ok(Database::Broken(output.tail().replace('\n', "; ")));
        }
        if output.stdout.len() >= DUMP_LIMIT {
            return Ok(Database::Broken(format!("it has more than {} MiB", DUMP_LIMIT / 1024 / 1024)));
        }
        Arc::new(parse_dump(&output.stdout))
    };
    *known = Some((identity, Arc::clone(&entries)));
    Ok(Database::Read {
        entries,
        exposed: Managed::map_at(source).and_then(|map| files::deviation(&path, map)),
    })
}

/// Runs postmap through `work`, which gets the options; once more with an empty configuration if postmap fails with the
/// host's. Each program of Postfix ends at once if main.cf has, say, this host's name as the relayhost (mail_params.c),
/// and relayhost has to mend that.
fn postmap<T>(work: impl Fn(Cmd) -> Result<(T, Cmd)>) -> Result<(T, Output)> {
    of_tables("postmap", work)
}

/// The same for a program of this name, which takes postmap's options.
fn of_tables<T>(name: &str, work: impl Fn(Cmd) -> Result<(T, Cmd)>) -> Result<(T, Output)> {
    let run = |cmd: Cmd| work(cmd.without_core()).and_then(|(product, cmd)| Ok((product, cmd.run()?)));
    let (product, output) = run(program(name)?)?;
    if !output.success() && String::from_utf8_lossy(&output.stderr).contains("fatal: ") {
        let bare = files::staging(&Managed::MainCf.path())?;
        files::stage(&bare.path().join("main.cf"), b"")?;
        let again = run(program(name)?.args(["-c", &bare.path().display().to_string()]))?;
        if again.1.success() {
            return Ok(again);
        }
    }
    Ok((product, output))
}

/// Asks one table for some keys as a daemon of Postfix would, in at most this time: the values of those that it has, by key.
/// Contents that stand in the table's name are put into a file: every user can read the arguments of a program.
pub fn look_up(table: &str, keys: &[String], limit: Duration) -> Result<BTreeMap<String, String>> {
    if let Some((kind, text)) = as_file(table) {
        let scratch = scratch::directory()?;
        let file = scratch.path().join("table");
        files::create(&file, text.as_bytes(), 0o600)?;
        return look_up(&format!("{kind}:{}", file.display()), keys, limit);
    }
    let path = path_of(table).map(Path::new);
    let database = path.and_then(|path| MapKind::new(kind(table))?.database(path));
    path.into_iter().chain(database.as_deref()).try_for_each(demand_file)?;
    let (one_line, input) = (|key: &&String| !key.contains(['\n', '\0']), |key: &String| format!("{key}\n"));
    let input: String = keys.iter().filter(one_line).map(input).collect();
    let ((), output) = postmap(|cmd| {
        Ok(((), cmd.args(["-q", "-", table]).input(input.clone().into_bytes()).within(limit)))
    })?;
    if !String::from_utf8_lossy(&output.stderr).lines().all(is_harmless) {
        return Err(output.failure());
    }
    let text = output.text();
    let pair = |line: &str| line.split_once('\t').map(|(key, value)| (key.to_owned(), value.to_owned()));
    Ok(text.lines().filter_map(pair).collect())
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
pub fn build_map(map: Managed, kind: &MapKind, bytes: &[u8]) -> Result<BuiltMap> {
    let path = &map.path();
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
        let builder = if map == Managed::Aliases { "postalias" } else { "postmap" };
        let (built, output) = of_tables(builder, |cmd| {
            let (staging, source) = begin()?;
            let table = kind.table(&source);
            Ok(((staging, source), cmd.arg(table)))
        })?;
        if !output.success() {
            return Err(output.failure());
        }
        built
    };
    let database = kind.database(&source);
    for (built, place) in
        std::iter::once((&source, path.as_path())).chain(database.iter().zip(kind.database(path).as_deref()))
    {
        inode::copy_label(place, built)?;
        // postmap asks for 0644 less umask, and a default list of the directory above switches the umask off.
        inode::close(built, map.mode(files::mode(place)))?;
    }
    Ok(BuiltMap { staging, source, database })
}

/// The types of lookup tables that this Postfix has.
pub fn table_types() -> Result<Vec<String>> {
    let output = program("postconf")?.arg("-m").run()?;
    Ok(output.text().lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect())
}

/// Whether postqueue lists the queue as JSON: before Postfix 3.1 it has no -j, and writes into the mail log how it is used.
/// The program's own words for its use (`postqueue -j`, src/postqueue/postqueue.c) say so, and nothing has to be started: to
/// ask postconf for the version takes longer than all else that `check` does beside rpm.
pub fn lists_json() -> bool {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    let is_old = || {
        let program = files::read_whole(&run::require("postqueue", "").ok()?).ok()??;
        Some(program.starts_with(b"\x7fELF") && memmem::find(&program, b"postqueue -j").is_none())
    };
    *KNOWN.get_or_init(|| !is_old().unwrap_or_default())
}

/// Hands on each message in the queue, by `postqueue -j` or `postqueue -p`, for this long at the most; false if not all
/// could be read: the line of a message for hundreds of recipients is longer than what is read of one.
pub fn queue(
    as_json: bool,
    limit: Duration,
    calendar: &Calendar,
    on_message: &mut dyn FnMut(Waiting),
) -> Result<bool> {
    let cmd = Instance::default().program("postqueue")?;
    let (output, is_whole) = list(cmd, as_json, limit, calendar, "", on_message)?;
    if as_json { Ok(output.success() && is_whole) } else { output.checked().map(|_| true) }
}

/// Lists the queue by postqueue(1) as [`queue`] does; of the first form, only lines with the text `of` are read. Returns the
/// end of postqueue, and whether each of those lines was a message.
fn list(
    postqueue: Cmd,
    as_json: bool,
    limit: Duration,
    calendar: &Calendar,
    of: &str,
    on_message: &mut dyn FnMut(Waiting),
) -> Result<(Output, bool)> {
    let (mut listing, mut is_whole) = (Listing::default(), true);
    let cmd = postqueue.arg(if as_json { "-j" } else { "-p" }).within(limit);
    let output = cmd.listen(&mut |heard| {
        let Heard::Line(line) = heard else { return };
        if !as_json {
            listing.line(line, calendar).into_iter().for_each(&mut *on_message);
        } else if line.contains(of) {
            let message = parse_json(line);
            is_whole &= message.is_some();
            message.into_iter().for_each(&mut *on_message);
        }
    })?;
    listing.end().into_iter().for_each(on_message);
    Ok((output, is_whole))
}

/// How long postqueue may take to list the queue for one message.
const READING: Duration = Duration::from_secs(2);

impl Instance {
    /// The one of this configuration directory.
    pub fn of(config: &Path) -> Self {
        Self { config: Some(config.to_owned()) }
    }

    /// Whether it is another than the host's own.
    pub fn is_beside(&self) -> bool {
        self.config.is_some()
    }

    /// The variable that tells it to sendmail(1), whoever calls that.
    pub fn variable(&self) -> Option<(&'static str, String)> {
        self.config.as_ref().map(|config| ("MAIL_CONFIG", config.display().to_string()))
    }

    /// A command that is one of its programs.
    fn program(&self, name: &str) -> Result<Cmd> {
        let of = |cmd: Cmd| match &self.config {
            None => cmd,
            Some(config) => cmd.args(["-c".to_owned(), config.display().to_string()]),
        };
        program(name).map(of)
    }

    /// The recipients of one message that are not done yet, with the reasons that the queue shows. Only the listing of the
    /// whole queue has these reasons; none are known if it takes longer than `READING`.
    pub fn waiting(&self, queue_id: &str, calendar: &Calendar) -> Result<Vec<Recipient>> {
        let mut found = None;
        // A line with many recipients may be longer than the limit of a line.
        for as_json in [true, false].into_iter().skip(usize::from(!lists_json())) {
            let mut take = |message: Waiting| {
                found = found.take().or_else(|| Some(message).filter(|message| message.queue_id == queue_id));
            };
            match list(self.program("postqueue")?, as_json, READING, calendar, queue_id, &mut take) {
                Err(Error::Timeout { .. }) => break,
                other => other?,
            };
            if found.is_some() {
                break;
            }
        }
        Ok(found.map(|message| message.recipients).unwrap_or_default())
    }

    /// Writes a line to the log that Postfix keeps itself (`maillog_file`), as its own programs do.
    pub fn log(&self, text: &str) -> Result<()> {
        self.program("postlog")?.args(["-p", "info", "-t", super::syslog::TAG, text]).ok().map(|_| ())
    }

    /// Tells Postfix to try one message again now.
    pub fn retry(&self, queue_id: &str) -> Result<()> {
        self.program("postqueue")?.args(["-i", queue_id]).run().map(|_| ())
    }

    /// Puts messages through Postfix's address rewriting again: moves them to the maildrop.
    pub fn requeue(&self, queue_ids: &[String]) -> Result<()> {
        let ids = queue_ids.join("\n") + "\n";
        let postsuper = self.program("postsuper")?.args(["-r", "-", "incoming", "active", "deferred"]);
        postsuper.input(ids.into_bytes()).ok().map(|_| ())
    }

    /// Has pickup(8) look into the maildrop now: by itself it looks once a minute.
    pub fn pick_up(&self) -> Result<()> {
        self.program("postkick")?.args(["public", "pickup", "W"]).ok().map(|_| ())
    }

    /// Takes one message out of the queue; true if it was there.
    pub fn delete(&self, queue_id: &str) -> Result<bool> {
        self.take_out(&["-d", queue_id])
    }

    /// Takes one file out of the maildrop; true if it was there.
    pub fn delete_dropped(&self, name: &str) -> Result<bool> {
        self.take_out(&["-d", name, "maildrop"])
    }

    fn take_out(&self, args: &[&str]) -> Result<bool> {
        let output = self.program("postsuper")?.args(args.iter().copied()).run()?;
        Ok(String::from_utf8_lossy(&output.stderr).contains("Deleted: 1"))
    }
}
