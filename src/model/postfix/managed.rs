//! THE table of the files that relayhost owns or edits. Planning, observing, writing, showing, recording and the refusal
//! of links iterate over it, so a new row is enough for all of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::aliases;
use super::postmap::MapSource;

/// A managed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Managed {
    /// Postfix's parameters. relayhost edits only those that it manages; the file's mode and owner stay as they are.
    MainCf,
    /// Relay → login and password (`smtp_sasl_password_maps`).
    SaslPasswd,
    /// Relay → level of TLS (`smtp_tls_policy_maps`), where mail may leave by several relays.
    Policies,
    /// Local sender → public sender (`smtp_generic_maps`).
    Generic,
    /// Local names → whoever gets their mail (aliases(5)). It is a file of the system, in which relayhost has the entry of
    /// root, and that only if the answers name somebody: all else about it is left alone, and recorded only by a change of it.
    Aliases,
    /// Domains of this host → the one sender (`sender_canonical_maps`).
    Senders,
    /// The rules by which headers get the one sender (`smtp_header_checks`). Its order counts, so all of it is relayhost's.
    From,
    /// Domains → the way of their mail, where it is not the relay (`transport_maps`).
    Routes,
    /// Local logins → the senders that each may hand mail in as (`local_login_sender_maps`). Its order counts, so all of it is
    /// relayhost's; postdrop(1) reads it as whoever calls sendmail(1).
    Logins,
    /// Senders → the relay that their mail leaves by (`sender_dependent_relayhost_maps`).
    Accounts,
    /// The link that puts the plugin for access tokens into Cyrus SASL's directory. A plugin there is in force for every
    /// program of the host, and some would send it a password, so it is there only while the answers ask for it.
    Plugin,
}

/// A row of the table.
struct Row {
    /// Its directory.
    directory: &'static str,
    /// Name in the directory.
    name: &'static str,
    /// Whether it is a map source: postmap builds a database beside it. Of the other file, main.cf, relayhost owns some
    /// lines.
    map: bool,
    /// The type of table that it is whatever Postfix builds; `None`: Postfix's default.
    kind: Option<&'static str>,
    /// Whether it holds passwords.
    secret: bool,
    /// What it leads to, if it is a symbolic link.
    target: Option<&'static str>,
}

const POSTFIX: Row =
    Row { directory: "/etc/postfix", name: "main.cf", map: false, kind: None, secret: false, target: None };

/// The plugin for access tokens, in the place where the package relayhost-sasl-xoauth2 puts it. Nobody loads it there.
const PLUGIN: &str = "/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so";

/// Mode of what holds passwords, and of every map source and database that relayhost makes: only root may read and write
/// them.
pub const MAP_MODE: u32 = 0o600;

/// Mode of the table of logins: without it nobody but root can hand mail in.
const LOGINS_MODE: u32 = 0o644;

impl Managed {
    /// Every managed file, in the order in which they are planned.
    pub const ALL: [Self; 11] = [
        Self::MainCf,
        Self::SaslPasswd,
        Self::Policies,
        Self::Generic,
        Self::Senders,
        Self::From,
        Self::Logins,
        Self::Accounts,
        Self::Routes,
        Self::Aliases,
        Self::Plugin,
    ];

    const fn row(self) -> Row {
        match self {
            Self::MainCf => POSTFIX,
            Self::SaslPasswd => Row { name: "sasl_passwd", map: true, secret: true, ..POSTFIX },
            Self::Policies => Row { name: "relayhost_tls", map: true, ..POSTFIX },
            Self::Generic => Row { name: "generic", map: true, ..POSTFIX },
            Self::Aliases => Row { directory: "/etc", name: "aliases", map: true, ..POSTFIX },
            Self::Senders => Row { name: "relayhost_senders", map: true, ..POSTFIX },
            Self::From => Row { name: "relayhost_from", map: true, kind: Some("regexp"), ..POSTFIX },
            Self::Logins => Row { name: "relayhost_logins", map: true, kind: Some("regexp"), ..POSTFIX },
            Self::Accounts => Row { name: "relayhost_accounts", map: true, ..POSTFIX },
            Self::Routes => Row { name: "relayhost_routes", map: true, ..POSTFIX },
            Self::Plugin => Row {
                directory: "/usr/lib64/sasl2",
                name: "librelayhost-xoauth2.so",
                target: Some(PLUGIN),
                ..POSTFIX
            },
        }
    }

    /// The map sources among them.
    pub fn maps() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|file| file.row().map)
    }

    /// Whether it is looked at and recorded only where the answers ask for something in it.
    pub fn is_on_demand(self) -> bool {
        self == Self::Aliases
    }

    /// The map sources among those that are looked at on every host.
    pub fn own_maps() -> impl Iterator<Item = Self> {
        Self::maps().filter(|file| !file.is_on_demand())
    }

    /// Names of the files of those that are looked at on demand.
    pub fn demanded() -> impl Iterator<Item = String> {
        Self::ALL.into_iter().filter(|file| file.is_on_demand()).flat_map(Self::recorded)
    }

    /// Whether nothing in it is anybody else's: the answers make its whole text.
    pub fn is_whole(self) -> bool {
        self.row().kind.is_some()
    }

    /// Whether it is a table that nobody but relayhost makes.
    pub fn is_own(self) -> bool {
        self.name().starts_with("relayhost_")
    }

    /// Its source, by the syntax of the file.
    pub fn source(self, bytes: Vec<u8>) -> MapSource {
        if self == Self::Aliases { MapSource::aliases(bytes) } else { MapSource::new(bytes) }
    }

    /// The managed files that are no links.
    pub fn files() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|file| file.target().is_none())
    }

    /// Name in its directory; no two have the same.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Path of the file.
    pub fn path(self) -> PathBuf {
        Path::new(self.row().directory).join(self.name())
    }

    /// What it leads to, if it is a symbolic link.
    pub fn target(self) -> Option<&'static str> {
        self.row().target
    }

    /// The path of a recorded file: of a managed one, or of a map's database.
    pub fn path_of(name: &str) -> PathBuf {
        let bare = SUFFIXES.iter().rev().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        let of =
            Self::ALL.into_iter().find(|file| file.name() == name || file.row().map && file.name() == bare);
        Path::new(of.map_or(POSTFIX, Self::row).directory).join(name)
    }

    /// Whether a symbolic link of this file name is a managed one, wherever it lies.
    pub fn is_link(path: &Path) -> bool {
        path.file_name().is_some_and(|name| {
            Self::ALL.into_iter().any(|file| file.target().is_some() && name == file.name())
        })
    }

    /// The directories of the managed files; not that of one that is looked at on demand, where others have files too.
    pub fn directories() -> BTreeSet<&'static Path> {
        Self::ALL
            .into_iter()
            .filter(|file| !file.is_on_demand())
            .map(|file| Path::new(file.row().directory))
            .collect()
    }

    /// Whether this is the path of a map that relayhost manages.
    pub fn is_map(path: &str) -> bool {
        Self::map_at(Path::new(path)).is_some()
    }

    /// The mode that a map or its database is to have, which has this one now; `None`: it is not there. What holds no
    /// password keeps its own, as Postfix's package or an administrator gave it; but only root may write to it.
    pub fn mode(self, found: Option<u32>) -> u32 {
        match found {
            _ if self == Self::Logins => LOGINS_MODE,
            Some(found) if !self.is_secret() => (found & 0o755) | MAP_MODE,
            None if self == Self::Aliases => aliases::MODE,
            _ => MAP_MODE,
        }
    }

    /// The kind of table that this map is where Postfix builds tables of kind `usual`.
    pub fn kind(self, usual: &MapKind) -> MapKind {
        self.row().kind.map_or_else(|| usual.clone(), |name| MapKind(name.to_owned()))
    }

    /// `type:path` of this map where Postfix builds tables of kind `usual`.
    pub fn table(self, usual: &MapKind) -> String {
        self.kind(usual).table(&self.path())
    }

    /// The map whose source this is.
    pub fn map_at(path: &Path) -> Option<Self> {
        Self::maps().find(|map| map.path() == path)
    }

    /// Whether it holds passwords, and must not be shown unmasked.
    pub fn is_secret(self) -> bool {
        self.row().secret
    }

    /// Names of the files that a generation records for it: the file, and for a map its databases of every kind.
    pub fn recorded(self) -> Vec<String> {
        let suffixes = if self.row().map { &SUFFIXES[..] } else { &[""] };
        suffixes.iter().map(|suffix| format!("{}{suffix}", self.name())).collect()
    }

    /// The same in the order in which they are written: the databases first, since they are what Postfix reads.
    pub fn written(self) -> Vec<String> {
        self.recorded().into_iter().rev().collect()
    }
}

/// File name endings of a source and of its databases, of all kinds.
const SUFFIXES: [&str; 3] = ["", ".db", ".lmdb"];

/// A lookup table type that postmap can build into one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapKind(String);

impl MapKind {
    /// The kind of this name, if `postmap -s` can read its database (not that of cdb) and relayhost knows the
    /// database's path.
    pub fn new(name: &str) -> Option<Self> {
        matches!(name, "hash" | "btree" | "lmdb" | "texthash").then(|| Self(name.to_owned()))
    }

    /// The name in `type:path`.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The path of the database for a source; `None` where Postfix reads the source itself.
    pub fn database(&self, source: &Path) -> Option<PathBuf> {
        let suffix = match self.0.as_str() {
            "hash" | "btree" => ".db",
            "lmdb" => ".lmdb",
            _ => return None,
        };
        let mut path = source.as_os_str().to_owned();
        path.push(suffix);
        Some(path.into())
    }

    /// Why this cannot be a database of this kind, by the number that each kind has in its first bytes; `None` if it may be
    /// one. (Berkeley DB: `DB_HASHMAGIC`, `DB_BTREEMAGIC`, in the byte order of the machine that made it; LMDB: `MDB_MAGIC`.)
    /// postmap would write into the mail log that it cannot read it, and each `check` would add to that.
    pub fn refuses(&self, database: &[u8]) -> Option<String> {
        let number = |at: usize| -> Option<[u8; 4]> { database.get(at..at + 4)?.try_into().ok() };
        let is = |at, magic: u32| {
            number(at)
                .is_some_and(|bytes| [u32::from_le_bytes(bytes), u32::from_be_bytes(bytes)].contains(&magic))
        };
        let found = match (is(12, 0x0006_1561), is(12, 0x0005_3162), is(16, 0xBEEF_C0DE)) {
            (true, ..) => Some("hash"),
            (_, true, _) => Some("btree"),
            (.., true) => Some("lmdb"),
            _ => None,
        };
        match (self.name(), found) {
            ("texthash", _) => None,
            (name, Some(found)) if found == name => None,
            (name, Some(found)) => Some(format!("it is of type {found}, and not {name}")),
            (name, None) => Some(format!("it is no database of type {name}")),
        }
    }

    /// `type:path`, as main.cf and postmap take it.
    pub fn table(&self, source: &Path) -> String {
        format!("{}:{}", self.0, source.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Place in `ALL`. A new file does not compile without an arm here, and must be added to `ALL` as well.
    fn place(file: Managed) -> usize {
        match file {
            Managed::MainCf => 0,
            Managed::SaslPasswd => 1,
            Managed::Policies => 2,
            Managed::Generic => 3,
            Managed::Senders => 4,
            Managed::From => 5,
            Managed::Logins => 6,
            Managed::Accounts => 7,
            Managed::Routes => 8,
            Managed::Aliases => 9,
            Managed::Plugin => 10,
        }
    }

    #[test]
    fn passwords_are_for_root_alone_and_of_other_maps_nobody_else_may_write() {
        for found in 0..0o10000 {
            assert_eq!(Managed::SaslPasswd.mode(Some(found)), MAP_MODE);
            let kept = Managed::Generic.mode(Some(found));
            assert_eq!((kept & 0o044, kept & !0o755, kept & 0o600), (found & 0o044, 0, 0o600), "{found:o}");
            assert_eq!(Managed::Generic.mode(Some(kept)), kept, "what is good stays");
        }
        assert!(Managed::own_maps().all(|map| map == Managed::Logins || map.mode(None) == MAP_MODE));
        assert_eq!([None, Some(0o600), Some(0o666)].map(|found| Managed::Logins.mode(found)), [0o644; 3]);
        assert_eq!((Managed::Aliases.mode(None), Managed::Aliases.mode(Some(0o666))), (0o644, 0o644));
    }

    #[test]
    fn the_table_has_every_file_once() {
        let places: Vec<usize> = Managed::ALL.into_iter().map(place).collect();
        assert_eq!(places, (0..Managed::ALL.len()).collect::<Vec<usize>>());
    }
}
