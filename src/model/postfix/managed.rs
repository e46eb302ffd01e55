//! THE table of the files that relayhost owns or edits. Writing, checking, showing and recording all go
//! by it.

use std::path::{Path, PathBuf};

/// A file under Postfix's configuration directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Managed {
    /// Postfix's parameters. Only ours are edited; its mode and owner stay as they are.
    MainCf,
    /// Relay → login and password (`smtp_sasl_password_maps`).
    SaslPasswd,
    /// Local sender → public sender (`smtp_generic_maps`).
    Generic,
}

/// Mode of the map sources and of their databases: root's alone.
pub const MAP_MODE: u32 = 0o600;

impl Managed {
    /// Name in the configuration directory.
    pub fn name(self) -> &'static str {
        match self {
            Self::MainCf => "main.cf",
            Self::SaslPasswd => "sasl_passwd",
            Self::Generic => "generic",
        }
    }

    /// Where it lies.
    pub fn path(self) -> PathBuf {
        Path::new("/etc/postfix").join(self.name())
    }

    /// Whether this path is that of a map of ours.
    pub fn is_map(path: &str) -> bool {
        [Self::SaslPasswd, Self::Generic].iter().any(|map| map.path() == Path::new(path))
    }

    /// Whether it holds passwords, and is never shown as it is.
    pub fn is_secret(self) -> bool {
        self == Self::SaslPasswd
    }
}

/// A lookup table type that postmap can build into one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapKind(String);

impl MapKind {
    /// The kind of this name, if it can be read back (`postmap -s` cannot walk cdb) and if relayhost knows where its database lies.
    pub fn new(name: &str) -> Option<Self> {
        matches!(name, "hash" | "btree" | "lmdb" | "texthash").then(|| Self(name.to_owned()))
    }

    /// What the names of databases end with, of all kinds.
    pub fn suffixes() -> [&'static str; 2] {
        [".db", ".lmdb"]
    }

    /// The name in `type:path`.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// The database's file for a source; `None` where Postfix reads the source itself.
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

    /// `type:path`, as main.cf and postmap take it.
    pub fn table(&self, source: &Path) -> String {
        format!("{}:{}", self.0, source.display())
    }
}
