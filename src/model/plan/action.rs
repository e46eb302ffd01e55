//! What `apply` may do, one value each, with the words and the diff that a person sees.

use similar::{ChangeTag, TextDiff};

use crate::model::packages::need::Need;
use crate::model::packages::supply::Supply;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::shown;
use crate::model::text;

/// One step.
#[derive(Debug)]
pub enum Action {
    /// Install what is missing, in one call of the package manager, or from a directory of package files.
    Install(Vec<Need>, Option<Supply>),
    /// Write a map source and build its database.
    WriteMap {
        /// Which.
        file: Managed,
        /// Kind of the database.
        kind: MapKind,
        /// The source as it is; `None` if there is none.
        before: Option<MapSource>,
        /// The source as it shall be.
        after: MapSource,
        /// What is wrong with it now.
        why: String,
        /// The keys of ours.
        keys: Vec<String>,
    },
    /// Write main.cf.
    WriteMainCf {
        /// The file as it is.
        before: MainCf,
        /// The file as it shall be.
        after: MainCf,
        /// Names of the parameters that change, with their values.
        changes: Vec<(String, String)>,
    },
    /// Tell Postfix.
    Service(ServiceAction),
    /// Have Postfix start at boot.
    Enable,
}

/// What Postfix is told.
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

impl Action {
    /// One line for a person.
    pub fn describe(&self) -> String {
        match self {
            Self::Install(needs, supply) => {
                let names = needs.iter().map(Need::label).collect::<Vec<_>>().join(", ");
                match supply {
                    None => format!("install {names}"),
                    Some(supply) => {
                        format!("install {names}, from {}: {}", supply.directory, supply.files.join(", "))
                    }
                }
            }
            Self::WriteMap { file, kind, why, .. } => {
                format!("write {} and build its {} table ({why})", file.path().display(), kind.name())
            }
            Self::WriteMainCf { changes, .. } => {
                let names = changes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
                format!("set in {}: {names}", Managed::MainCf.path().display())
            }
            Self::Service(action) => format!("{} Postfix", action.verb()),
            Self::Enable => "have Postfix start at boot".into(),
        }
    }

    /// Whether it writes a file.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::WriteMap { .. } | Self::WriteMainCf { .. })
    }

    /// Name of the file that it writes; empty for the others.
    pub fn file_name(&self) -> &'static str {
        match self {
            Self::WriteMap { file, .. } => file.name(),
            Self::WriteMainCf { .. } => Managed::MainCf.name(),
            _ => "",
        }
    }

    /// A short name for JSON: `install`, `write_map`, `write_main_cf`, `service`, `enable`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Install(..) => "install",
            Self::WriteMap { .. } => "write_map",
            Self::WriteMainCf { .. } => "write_main_cf",
            Self::Service(_) => "service",
            Self::Enable => "enable",
        }
    }

    /// The change of a file as a unified diff, without secrets; empty where no text changes.
    pub fn diff(&self) -> String {
        let (file, before, after) = match self {
            Self::WriteMainCf { before, after, .. } => (
                Managed::MainCf,
                shown::main_cf(before.bytes(), after.bytes()),
                shown::main_cf(after.bytes(), before.bytes()),
            ),
            Self::WriteMap { file, before, after, keys, .. } if file.is_secret() => {
                let old = before.clone().unwrap_or_else(|| MapSource::new(Vec::new()));
                (*file, old.masked(&old, keys), after.masked(&old, keys))
            }
            Self::WriteMap { file, before, after, .. } => (
                *file,
                before
                    .as_ref()
                    .map(|map| String::from_utf8_lossy(map.bytes()).into_owned())
                    .unwrap_or_default(),
                String::from_utf8_lossy(after.bytes()).into_owned(),
            ),
            _ => return String::new(),
        };
        let path = file.path();
        let diff = TextDiff::from_lines(before.as_str(), after.as_str());
        let shown = diff
            .unified_diff()
            .context_radius(2)
            .header(&path.to_string_lossy(), "as it will be")
            .to_string();
        let shown = text::harmless(&shown);
        shown.lines().map(|line| text::without_inline_tables(line) + "\n").collect()
    }
}

/// The lines that two versions of a file differ in, the first few of them, without secrets: `-old +new`.
pub fn changed_lines(file: Managed, before: &[u8], after: &[u8], keys: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = |bytes: &[u8], other: &[u8]| {
        if file.is_secret() {
            MapSource::new(bytes.to_vec()).masked(&MapSource::new(before.to_vec()), keys)
        } else if file == Managed::MainCf {
            shown::main_cf(bytes, other)
        } else {
            String::from_utf8_lossy(bytes).into_owned()
        }
    };
    let (before, after) = (shown(before, after), shown(after, before));
    let diff = TextDiff::from_lines(before.as_str(), after.as_str());
    let changes: Vec<String> = diff
        .iter_all_changes()
        .filter(|change| change.tag() != ChangeTag::Equal)
        .map(|change| format!("{}{}", change.tag(), text::without_inline_tables(change.value().trim_end())))
        .collect();
    let more = changes.len().saturating_sub(SHOWN);
    let mut text = changes.into_iter().take(SHOWN).collect::<Vec<_>>().join(" | ");
    if more > 0 {
        text += &format!(" | and {more} more");
    }
    if text.is_empty() { "comments, white space, or what may be a password".into() } else { text }
}
