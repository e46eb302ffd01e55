//! Facts about the host, and the parsers that turn a program's output into them. `plan` judges them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::shown;
use crate::model::labels::Labels;
use crate::model::packages::need::Need;
use crate::model::postfix::lines::trim;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::postmap::{Entries, MapSource};
use crate::model::postfix::settings::{self, Settings};
use crate::model::postfix::types::Lacking;
use crate::model::state::generation::{Inode, LastRun};

/// Everything that a plan needs to know about a host.
#[derive(Debug)]
pub struct Observed {
    /// Each capability that was looked up and is there: the package that provides it (NEVRA:
    /// name-epoch:version-release.arch).
    pub packages: BTreeMap<String, String>,
    /// Names of the Cyrus SASL plugins on the disk: `plain` for libplain.so. relayhost's own is one, in force or not.
    pub plugins: BTreeSet<String>,
    /// The file in the place of the link to relayhost's own plugin, whatever it is.
    pub link: Option<Inode>,
    /// The SELinux labels of Postfix's files.
    pub labels: Labels,
    /// The `mail` command.
    pub mail_command: Option<PathBuf>,
    /// The record of the last run.
    pub last: LastRun,
    /// Postfix, if its programs and its main.cf are there.
    pub postfix: Option<Postfix>,
    /// The part without which nothing can be known of Postfix, if one is not there.
    pub lacks: Option<PostfixPart>,
    /// The timer of the watch, where systemd runs on the host and the timer is installed.
    pub timer: Option<WatchTimer>,
}

/// State of relayhost-watch.timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchTimer {
    /// Whether it is on, now and at boot.
    pub enabled: bool,
    /// Whether systemd is told never to start it.
    pub masked: bool,
    /// Whether `apply` has turned it on.
    pub ours: bool,
}

/// A part of Postfix that every look at it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostfixPart {
    /// postconf(1).
    Postconf,
    /// postmap(1).
    Postmap,
    /// main.cf.
    MainCf,
}

impl PostfixPart {
    /// Those without which nothing can be known of it.
    pub const ALL: [Self; 3] = [Self::Postconf, Self::Postmap, Self::MainCf];

    /// Its name, for a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postconf => "the program postconf",
            Self::Postmap => "the program postmap",
            Self::MainCf => "/etc/postfix/main.cf",
        }
    }
}

/// Postfix as it is on the host.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Postfix {
    /// `mail_version`.
    pub version: Version,
    /// Parameters in force, `$name` expanded (`postconf -x`).
    pub settings: Settings,
    /// The file.
    pub main_cf: MainCf,
    /// Whether a run is changing Postfix's files now: main.cf may have its guard.
    pub is_changing: bool,
    /// The services of smtp(8) that return what a relay refuses whatever main.cf says: each with its line in master.cf.
    pub returning: Vec<(String, usize)>,
    /// Whether every user can read the file, and enter the directories above it.
    pub main_cf_for_all: bool,
    /// The kind of table that relayhost builds here: Postfix's default, or another one where the default is not there;
    /// `None`: relayhost cannot build the default.
    pub map_kind: Option<MapKind>,
    /// The tables of a type that this Postfix does not have.
    pub lacking: Vec<Lacking>,
    /// The map sources of the managed table, with their databases.
    pub maps: BTreeMap<Managed, MapFile>,
    /// By a relay's host: a place, other than those that relayhost sets, that leads mail to this server too, if it matters:
    /// where the password table has an entry for the server's bare name.
    pub other_ways: BTreeMap<String, String>,
    /// By the name of a parameter that the answers ask for no more: main.cf as it was before relayhost set it first.
    pub earlier: BTreeMap<String, MainCf>,
    /// CA bundles that exist: the one that main.cf names first, then the usual places.
    pub ca_files: Vec<PathBuf>,
    /// The service.
    pub service: ServiceState,
    /// The program behind /usr/sbin/sendmail.
    pub sendmail: Sendmail,
    /// Whether the host has any route that leads out of it; true in a tree, where nobody knows.
    pub has_route: bool,
    /// Whether the host has a route for IPv4; false in a tree, where nobody knows.
    pub has_ipv4_route: bool,
}

/// The directories whose files show whether Postfix runs: `queue_directory`, and in it `process_id_directory`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDirectories {
    /// Absolute path of `queue_directory`.
    pub directory: String,
    /// Name of `process_id_directory` in it.
    pub pids: String,
}

impl QueueDirectories {
    /// Takes them from parameters in force, with Postfix's own defaults.
    pub fn new(settings: &Settings) -> Self {
        let setting = |name| match settings::value(settings, name) {
            "" => settings::default(name).to_owned(),
            value => value.to_owned(),
        };
        Self { directory: setting("queue_directory"), pids: setting("process_id_directory") }
    }
}

impl Postfix {
    /// A parameter in force; Postfix's default if postconf did not name it.
    pub fn setting(&self, name: &str) -> &str {
        settings::value(&self.settings, name)
    }
}

/// A map source and its database.
#[derive(Debug, Default)]
pub struct MapFile {
    /// The source; `None` if there is no file.
    pub source: Option<MapSource>,
    /// How the source's owner and mode differ from root's and the mode that it is to have, in words.
    pub source_exposed: Option<String>,
    /// The database.
    pub database: Database,
}

/// State of a database.
#[derive(Default, PartialEq, Eq)]
pub enum Database {
    /// There is none.
    #[default]
    Missing,
    /// This kind of table has none.
    NotNeeded,
    /// It could be read.
    Read {
        /// Its contents.
        entries: Arc<Entries>,
        /// How its owner and mode differ from root's and the mode that it is to have, in words.
        exposed: Option<String>,
    },
    /// postmap could not read it.
    Broken(String),
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("Missing"),
            Self::NotNeeded => f.write_str("NotNeeded"),
            Self::Read { entries, exposed } => write!(f, "Read({} entries, {exposed:?})", entries.len()),
            Self::Broken(reason) => write!(f, "Broken({reason})"),
        }
    }
}

/// State of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceState {
    /// Whether Postfix's master runs.
    pub running: bool,
    /// Whether it starts at boot; `None` if that is unknown, or not for relayhost to decide.
    pub enabled: Option<bool>,
    /// Whether systemd is told never to start it.
    pub masked: bool,
    /// Whether it does not start because master.cf lacks the service that writes its log.
    pub unlogged: bool,
}

impl ServiceState {
    /// What is amiss where it is `unlogged`, and the remedy: from 3.10 on Postfix's own line about it comes into no log, only to
    /// the terminal of whoever starts it (postlog(1)).
    pub const UNLOGGED: (&str, &str) = (
        "maillog_file is set, and master.cf lacks the service postlog, which writes that file: Postfix does not start",
        "`postfix upgrade-configuration` adds it, then `systemctl restart postfix`",
    );
}

/// The program behind /usr/sbin/sendmail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sendmail {
    /// Postfix's own.
    Postfix,
    /// Another program.
    Other(PathBuf),
    /// Nothing.
    Missing,
}

impl Sendmail {
    /// The command that makes it Postfix's.
    pub const SET: &str = "`alternatives --set mta /usr/sbin/sendmail.postfix`";

    /// The fault, if it is not Postfix's.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::Postfix => None,
            Self::Missing => Some("there is no /usr/sbin/sendmail".into()),
            Self::Other(path) => {
                Some(format!("/usr/sbin/sendmail is {}, so mail goes around Postfix", shown(path)))
            }
        }
    }
}

/// A Postfix version: 2.10.1 and 3.12-20260821 both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(pub String);

impl Version {
    /// Whether this is at least `major.minor`. A version that cannot be read counts as new.
    pub fn at_least(&self, major: u32, minor: u32) -> bool {
        let mut numbers = self.0.split(['.', '-']).map(str::parse::<u32>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(a)), Some(Ok(b))) => (a, b) >= (major, minor),
            _ => true,
        }
    }
}

/// The names to ask `rpm -q --whatprovides` for. The mail command is asked for under all its names.
pub fn capabilities(needs: &[Need]) -> Vec<String> {
    // `rpm -q` reports an absent path as an error, but not an absent name.
    let names = needs.iter().flat_map(Need::names).filter(|name| !name.starts_with('/'));
    let mut names: Vec<String> = names.map(str::to_owned).collect();
    names.dedup();
    names
}

/// The query format whose output `parse_packages` reads: one line a package.
pub const QUERY_FORMAT: &str = "relayhost %{NEVRA}\\n";

/// Parses the output of `rpm -q --whatprovides` for `asked`, in the C locale. Answers come in the order of the
/// questions; a capability that several packages provide takes several lines, so lines are matched by name first.
pub fn parse_packages(asked: &[String], output: &str) -> BTreeMap<String, String> {
    let missing: BTreeSet<&str> =
        output.lines().filter_map(|line| line.strip_prefix("no package provides ")).map(str::trim).collect();
    let installed: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix("relayhost ")).collect();
    let nevra_of = |name: &str| {
        let named =
            installed.iter().find(|nevra| nevra.strip_prefix(name).is_some_and(|rest| rest.starts_with('-')));
        named.or_else(|| installed.first()).map_or_else(|| name.to_owned(), ToString::to_string)
    };
    let found = asked.iter().filter(|name| !missing.contains(name.as_str()));
    found.map(|name| (name.clone(), nevra_of(name))).collect()
}

/// Parses the output of `postconf NAME…`.
pub fn parse_settings(output: &str) -> Settings {
    output
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (trim(name).to_owned(), trim(value).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Postfix {
        /// A running Postfix with these settings and no files, for unit tests.
        pub(crate) fn with(settings: &[(&str, &str)]) -> Self {
            Self {
                version: Version("3.5.25".into()),
                settings: settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
                main_cf: MainCf::new(Vec::new()),
                is_changing: false,
                returning: Vec::new(),
                main_cf_for_all: true,
                map_kind: MapKind::new("hash"),
                lacking: Vec::new(),
                maps: BTreeMap::new(),
                other_ways: BTreeMap::new(),
                earlier: BTreeMap::new(),
                ca_files: vec!["/etc/pki/tls/certs/ca-bundle.crt".into()],
                service: ServiceState { running: true, enabled: Some(true), masked: false, unlogged: false },
                sendmail: Sendmail::Postfix,
                has_route: true,
                has_ipv4_route: true,
            }
        }
    }

    #[test]
    fn packages_by_capability() {
        let asked: Vec<String> =
            ["postfix", "cyrus-sasl-plain", "mailx", "s-nail"].map(String::from).to_vec();
        let output = "relayhost postfix-2:3.5.25-1.el9.x86_64\nno package provides cyrus-sasl-plain\n\
                      no package provides mailx\nrelayhost s-nail-14.9.22-6.el9.x86_64\n";
        let found = parse_packages(&asked, output);
        assert_eq!(found["postfix"], "postfix-2:3.5.25-1.el9.x86_64");
        assert_eq!(found.get("cyrus-sasl-plain"), None);
        assert_eq!(found["s-nail"], "s-nail-14.9.22-6.el9.x86_64");
    }

    #[test]
    fn versions_compare_by_number() {
        let version = |text: &str| Version(text.into());
        assert!(!version("2.10.1").at_least(3, 0));
        assert!(version("3.5.25").at_least(3, 0));
        assert!(version("3.12-20260821").at_least(3, 6));
        assert!(!version("3.5.8").at_least(3, 6));
    }

    #[test]
    fn settings_with_and_without_values() {
        let settings = parse_settings("relayhost =\nmydestination = a, b=c\n");
        assert_eq!(settings["relayhost"], "");
        assert_eq!(settings["mydestination"], "a, b=c");
    }

    #[test]
    fn the_mail_command_is_asked_for_by_names_only() {
        assert_eq!(capabilities(&[Need::MailCommand]), ["mailx", "s-nail"]);
    }
}
