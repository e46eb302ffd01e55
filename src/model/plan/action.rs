//! The steps of an `apply`, typed and in their order, with the words and the diff that a person sees.

use super::diff::{Lines, shortened};
use super::former::goes;
use crate::model::labels::WrongLabel;
use crate::model::packages::need::Need;
use crate::model::packages::supply::Supply;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::shown;
use crate::model::state::generation::Inode;
use crate::model::text;

/// The steps to do, or the steps that were done.
#[derive(Debug, Default)]
pub struct Actions {
    /// The installation, if something is missing.
    pub install: Option<Install>,
    /// Maps first, since main.cf names them; those that go after it; links last, since main.cf says which plugin is used.
    pub files: Vec<FileChange>,
    /// The files that get the SELinux labels of their places.
    pub labels: Vec<WrongLabel>,
    /// The command for Postfix, if it needs one.
    pub service: Option<ServiceAction>,
    /// Whether Postfix is made to start at boot.
    pub enable: bool,
    /// Whether the timer of the watch is turned on, or off; `None` if it stays as it is.
    pub watch: Option<bool>,
}

/// An installation: in one call of the package manager, or from a directory of package files.
#[derive(Debug)]
pub struct Install {
    /// The packages and programs that are missing.
    pub needs: Vec<Need>,
    /// The package files of the directory; `None` if the packages come from a repository, or that is not known yet.
    pub from: Option<Supply>,
    /// The generation whose run left the main.cf that is put back, where Postfix has lost its own.
    pub main_cf: Option<u32>,
}

/// A change of a managed file.
#[derive(Debug)]
pub enum FileChange {
    /// A change of a map.
    Map(MapChange),
    /// A change of main.cf.
    MainCf(MainCfChange),
    /// A change of a symbolic link.
    Link(LinkChange),
}

/// A map source to write, whose database is built from it.
#[derive(Debug)]
pub struct MapChange {
    /// The map.
    pub file: Managed,
    /// Kind of the database.
    pub kind: MapKind,
    /// The source on the host; `None` if there is none.
    pub before: Option<MapSource>,
    /// The source after the change.
    pub after: MapSource,
    /// The fault of the map on the host.
    pub why: String,
    /// The keys of relayhost's entries.
    pub keys: Vec<String>,
    /// The entries of others that it takes out, each for a person: the key, and the user.
    pub removed: Vec<String>,
    /// Whether the table and its databases go: nothing is in it, and nobody but relayhost has made it.
    pub gone: bool,
}

impl MapChange {
    /// A change of a map, for this reason. What is nobody's any more goes.
    pub fn new(
        file: Managed,
        kind: &MapKind,
        before: Option<&MapSource>,
        after: MapSource,
        why: String,
    ) -> Self {
        let (gone, kind, before) = (goes(file, before, &after), kind.clone(), before.cloned());
        Self { file, kind, before, after, why, keys: Vec::new(), removed: Vec::new(), gone }
    }
}

/// A main.cf to write.
#[derive(Debug)]
pub struct MainCfChange {
    /// The file on the host.
    pub before: MainCf,
    /// The file after the change.
    pub after: MainCf,
    /// Names of the parameters that change, with their values.
    pub changes: Vec<(String, String)>,
    /// Names of those that are what they were before relayhost set them.
    pub taken_back: Vec<String>,
}

/// A symbolic link to make, or to take away.
#[derive(Debug)]
pub struct LinkChange {
    /// The link.
    pub file: Managed,
    /// The file in its place on the host; `None` if there is none.
    pub before: Option<Inode>,
    /// The path that it is to lead to; `None` if it is to go.
    pub target: Option<&'static str>,
}

impl MainCfChange {
    /// The change in one line for a person.
    fn describe(&self) -> String {
        let path = Managed::MainCf.path();
        let names = self.changes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        let set = (!names.is_empty()).then(|| format!("set in {}: {names}", path.display()));
        let back = self.taken_back.join(", ");
        let back = (!back.is_empty()).then(|| format!("put back in {} as before: {back}", path.display()));
        set.into_iter().chain(back).collect::<Vec<_>>().join("; ")
    }
}

impl LinkChange {
    /// The change in one line for a person.
    pub fn describe(&self) -> String {
        let path = self.file.path();
        match self.target {
            Some(target) => format!("link {} to {target}", path.display()),
            None => format!("remove the link {}", path.display()),
        }
    }
}

/// A command for Postfix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceAction {
    /// Read the configuration again.
    Reload,
    /// Stop and start: `inet_protocols` is read at start only (postconf(5)).
    Restart,
    /// Start; it was not running.
    Start,
}

impl ServiceAction {
    /// The word that systemctl, service and postfix take.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Reload => "reload",
            Self::Restart => "restart",
            Self::Start => "start",
        }
    }
}

/// One step, to be shown.
#[derive(Debug, Clone, Copy)]
pub enum Action<'a> {
    /// Install what is missing.
    Install(&'a Install),
    /// Write a file.
    Write(&'a FileChange),
    /// Give files the SELinux labels of their places.
    Label(&'a [WrongLabel]),
    /// Run a command for Postfix.
    Service(ServiceAction),
    /// Have Postfix start at boot.
    Enable,
    /// Turn the timer of the watch on, or off.
    Watch(bool),
}

impl Actions {
    /// Each step, in the order in which they are done.
    pub fn iter(&self) -> impl Iterator<Item = Action<'_>> {
        let Self { install, files, labels, service, enable, watch } = self;
        let install = install.iter().map(Action::Install);
        let files = files.iter().map(Action::Write);
        let service = service.iter().copied().map(Action::Service);
        let labels = (!labels.is_empty()).then_some(Action::Label(labels));
        let watch = watch.iter().copied().map(Action::Watch);
        let all = install.chain(files).chain(labels).chain(service);
        all.chain(enable.then_some(Action::Enable)).chain(watch)
    }

    /// Whether a step changes how mail leaves, so that a message is to prove it.
    pub fn concern_mail(&self) -> bool {
        self.iter().any(|action| !matches!(action, Action::Watch(_)))
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

impl Install {
    /// The installation in one line for a person.
    pub fn describe(&self) -> String {
        let names = self.needs.iter().map(Need::label).collect::<Vec<_>>().join(", ");
        let main_cf = self.main_cf.map(|number| {
            format!("put back {} as the run of generation {number} left it", Managed::MainCf.path().display())
        });
        let install = (!self.needs.is_empty()).then(|| match &self.from {
            None => format!("install {names}"),
            Some(Supply { directory, files }) => {
                format!("install {names}, from {directory}: {}", files.join(", "))
            }
        });
        main_cf.into_iter().chain(install).collect::<Vec<_>>().join("; ")
    }
}

impl Action<'_> {
    /// The command in one line for a person.
    pub fn describe(self) -> String {
        match self {
            Self::Install(install) => install.describe(),
            Self::Write(FileChange::Map(MapChange { file, why, gone: true, .. })) => {
                format!("remove {} ({why})", file.path().display())
            }
            Self::Write(FileChange::Map(MapChange { file, kind, why, .. })) => {
                format!("write {} and build its {} table ({why})", file.path().display(), kind.name())
            }
            Self::Write(FileChange::MainCf(change)) => change.describe(),
            Self::Write(FileChange::Link(change)) => change.describe(),
            Self::Label(wrong) => {
                let files = wrong.iter().map(|file| format!("{} ({})", file.path.display(), file.wanted));
                format!("restore the SELinux labels of {}", files.collect::<Vec<_>>().join(", "))
            }
            Self::Service(action) => format!("{} Postfix", action.verb()),
            Self::Enable => "have Postfix start at boot".into(),
            Self::Watch(true) => "turn relayhost-watch.timer on, which looks every 5 minutes".into(),
            Self::Watch(false) => "turn relayhost-watch.timer off".into(),
        }
    }

    /// A short name for JSON: `install`, `write_map`, `remove_map`, `write_main_cf`, `write_link`, `label`, `service`,
    /// `enable`, `watch`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Install(_) => "install",
            Self::Write(FileChange::Map(MapChange { gone: true, .. })) => "remove_map",
            Self::Write(FileChange::Map(_)) => "write_map",
            Self::Write(FileChange::MainCf(_)) => "write_main_cf",
            Self::Write(FileChange::Link(_)) => "write_link",
            Self::Label(_) => "label",
            Self::Service(_) => "service",
            Self::Enable => "enable",
            Self::Watch(_) => "watch",
        }
    }

    /// The change of a file as a unified diff, without secrets; empty where no text changes.
    pub fn diff(self) -> String {
        if let Self::Write(change) = self { change.diff() } else { String::new() }
    }
}

impl FileChange {
    /// The file that changes.
    pub fn file(&self) -> Managed {
        match self {
            Self::Map(change) => change.file,
            Self::MainCf(_) => Managed::MainCf,
            Self::Link(change) => change.file,
        }
    }

    /// Whether a table goes.
    pub fn is_removal(&self) -> bool {
        matches!(self, Self::Map(change) if change.gone)
    }

    /// Whether Postfix reads this change at its start only.
    pub fn needs_restart(&self) -> bool {
        let is_read_at_start = |(name, _): &(String, String)| name == "inet_protocols";
        matches!(self, Self::MainCf(change) if change.changes.iter().any(is_read_at_start))
    }

    fn diff(&self) -> String {
        const AFTER: &str = "as it will be";
        match self {
            Self::MainCf(MainCfChange { before, after, .. }) => {
                difference(Managed::MainCf, [before.bytes(), after.bytes()], &[], ["", AFTER])
            }
            Self::Link(_) => String::new(),
            Self::Map(MapChange { file, before, after, keys, .. }) => {
                let before = before.as_ref().map(MapSource::bytes).unwrap_or_default();
                difference(*file, [before, after.bytes()], keys, ["", AFTER])
            }
        }
    }
}

/// Two versions of a file as a unified diff, without secrets. `keys`: those of relayhost's entries; `then`: which version each is,
/// after the path of the first one.
pub fn difference(file: Managed, [before, after]: [&[u8]; 2], keys: &[String], then: [&str; 2]) -> String {
    let (before, after) = without_secrets(file, before, after, keys);
    // What somebody else wrote is shown where it changes, and nowhere else.
    let is_shared = [Managed::Generic, Managed::Aliases].contains(&file);
    let is_ours = |line: &str| keys.iter().any(|key| shown::is_of(line, key));
    let around = |line| if is_shared && !is_ours(line) { "(another line)\n" } else { line };
    let former = format!("{}{}", file.path().display(), then[0]);
    let shown = Lines::of(&before, &after).unified(&former, then[1], around);
    let shown = text::harmless(&shown);
    shown.lines().map(|line| shown::without_inline_tables(line) + "\n").collect()
}

/// The first few lines in which two versions of a file differ, without secrets: `-old +new`.
pub fn changed_lines(file: Managed, before: &[u8], after: &[u8], keys: &[String]) -> String {
    const SHOWN: usize = 6;
    let (before, after) = without_secrets(file, before, after, keys);
    let mut changes: Vec<String> = Lines::of(&before, &after)
        .changed()
        .map(|(tag, line)| format!("{tag}{}", shown::without_inline_tables(line.trim_end())))
        .collect();
    // The rules of a table of expressions are long, and alike but for a few letters.
    if file.is_whole() {
        changes = shortened(&changes);
    }
    if changes.is_empty() {
        return "comments, white space, or what may be a password".into();
    }
    if changes.len() > SHOWN {
        let more = changes.split_off(SHOWN).len();
        changes.push(format!("and {more} more"));
    }
    changes.join(" | ")
}

/// Two versions of a file, without secrets.
fn without_secrets(file: Managed, before: &[u8], after: &[u8], keys: &[String]) -> (String, String) {
    let show = |bytes: &[u8], other: &[u8]| {
        if file.is_secret() {
            MapSource::new(bytes.to_vec()).masked(&MapSource::new(before.to_vec()), keys)
        } else if file == Managed::MainCf {
            shown::main_cf(bytes, other)
        } else if file == Managed::Aliases {
            shown::aliases(bytes)
        } else {
            String::from_utf8_lossy(bytes).into_owned()
        }
    };
    (show(before, after), show(after, before))
}
