//! What differs between the generations of hosts (scripts/lab.d/generations.sh): what a test expects of a version, a type of
//! table or a package manager's words it asks here. `RELAYHOST_LAB_GENERATION` says which one all hosts of a run are of.

use std::path::PathBuf;
use std::sync::LazyLock;

use crate::host::{host, project};
use crate::project::program;

pub struct Generation {
    pub name: &'static str,
    pub postfix: &'static str,
    pub rpm: &'static str,
    /// The program behind `yum` and `dnf`, and its version.
    pub manager: (&'static str, &'static str),
    /// The type of table that this Postfix makes unasked, and how the name of its database ends.
    pub table: &'static str,
    pub database: &'static str,
    /// Postfix's lmdb is a package of its own; where it is what tables are made of, each of the two needs the other.
    pub beside_postfix: &'static [&'static str],
    /// The package with relayhost's hook for the package manager, and the one with the plugin that runs it.
    pub hook: &'static str,
    pub plugin: &'static str,
    /// The package manager's line for a transaction that installs three packages.
    pub three_packages: &'static str,
    /// What its list of transactions says of one that marked packages: dnf 4 what was done, dnf 5 the command line.
    pub marked: &'static str,
    /// Its words where no repository is set up.
    pub no_repository: &'static str,
    /// The generations, by name, from which a host becomes one of this, and loses hash: over it.
    pub before: &'static [&'static str],
    /// What Cargo links on the machine does not run there: the program is the one that `scripts/rpm` links for glibc 2.17.
    packed: bool,
}

const DNF4: Generation = Generation {
    name: "el9-next",
    postfix: "3.7.",
    rpm: "4.18.",
    manager: ("dnf-3", "4.14."),
    table: "hash",
    database: "db",
    beside_postfix: &[],
    hook: "relayhost-hook-dnf",
    plugin: "python3-dnf-plugin-post-transaction-actions",
    three_packages: "Install  3 Packages",
    marked: "Reason Change",
    no_repository: "no enabled repositories",
    before: &[],
    packed: false,
};

/// The generation that is meant where none is named.
pub const DEFAULT: &Generation = &DNF4;

/// The oldest first.
pub const ALL: [Generation; 4] = [
    Generation {
        name: "el9",
        postfix: "3.5.",
        rpm: "4.16.",
        manager: ("dnf-3", "4.5."),
        packed: true,
        ..DNF4
    },
    DNF4,
    Generation {
        name: "el10",
        postfix: "3.10.",
        rpm: "4.20.",
        manager: ("dnf-3", "4.23."),
        table: "lmdb",
        database: "lmdb",
        beside_postfix: &["--without", "postfix-lmdb"],
        before: &["el9", "el9-next"],
        ..DNF4
    },
    Generation {
        name: "fedora",
        postfix: "3.11.",
        rpm: "6.1.",
        manager: ("dnf5", "5.4."),
        table: "lmdb",
        database: "lmdb",
        beside_postfix: &["--without", "postfix-lmdb"],
        before: &["el9", "el9-next"],
        hook: "relayhost-hook-dnf5",
        plugin: "libdnf5-plugin-actions",
        three_packages: "Installing:         3 packages",
        marked: " mark user ",
        no_repository: "No match for argument: cyrus-sasl-plain",
        ..DNF4
    },
];

/// The generation of this run.
pub fn generation() -> &'static Generation {
    static MEANT: LazyLock<&Generation> = LazyLock::new(|| {
        let name = std::env::var("RELAYHOST_LAB_GENERATION").unwrap_or_default();
        if name.is_empty() { DEFAULT } else { named(&name) }
    });
    &MEANT
}

/// The generation of this name.
pub fn named(name: &str) -> &'static Generation {
    let found = ALL.iter().find(|one| one.name == name);
    found.unwrap_or_else(|| panic!("there is no generation {name}: `scripts/lab list` has the names"))
}

impl Generation {
    /// The program that its hosts get.
    pub fn binary(&self) -> PathBuf {
        if !self.packed {
            return program();
        }
        let packed = project().join("target/rpm/build/relayhost");
        assert!(packed.is_file(), "no {}: run scripts/rpm first", packed.display());
        packed
    }

    /// The root of a host of this generation, as `scripts/lab build` leaves it: it is built if need be.
    pub fn root(&self) -> PathBuf {
        let mut build = std::process::Command::new(project().join("scripts/lab"));
        let built = build.args(["build", "--generation", self.name]).output().unwrap();
        assert!(built.status.success(), "{built:?}");
        let cache =
            std::env::var_os("RELAYHOST_LAB_CACHE").map_or(project().join("target/lab"), PathBuf::from);
        cache.join(self.name).join("host")
    }

    /// What the scripts of tests know of it: `$TYPE:FILE` is a table, `FILE.$DB` its database; `$HOOK` and `$PLUGIN` are packages,
    /// `$MARKED` is what the list of transactions says of marks.
    pub fn variables(&self) -> String {
        let Self { table, database, hook, plugin, marked, .. } = self;
        format!("export TYPE={table} DB={database} HOOK={hook} PLUGIN={plugin} MARKED='{marked}'")
    }
}

#[test]
fn a_host_has_what_its_generation_says() {
    let wanted = generation();
    let run = host().sh(
        "postconf -h mail_version; rpm --version 2>/dev/null; for name in yum dnf; do readlink -f \"$(command -v $name)\"; done; dnf --version; echo \"table $(postconf -h default_database_type)\"; ls /etc/aliases.*",
    );
    run.exits(0)
        .says(wanted.postfix)
        .says(&format!("RPM version {}", wanted.rpm))
        .says(&format!("/usr/bin/{0}\n/usr/bin/{0}\n", wanted.manager.0))
        .says(wanted.manager.1)
        .says(&format!("table {}\n", wanted.table))
        .says(&format!("/etc/aliases.{}\n", wanted.database));
}

#[test]
fn the_lab_lists_the_same_versions() {
    let list = std::process::Command::new(project().join("scripts/lab")).arg("list").output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    for one in &ALL {
        let line = list.lines().find(|line| line.split(' ').next() == Some(one.name)).unwrap();
        let name = one.manager.0.trim_end_matches("-3");
        for (what, version) in [("Postfix", one.postfix), ("rpm", one.rpm), (name, one.manager.1)] {
            let wanted = format!("{what} {}", version.trim_end_matches('.'));
            assert!(line.contains(&wanted), "no `{wanted}` in: {line}");
        }
    }
}
