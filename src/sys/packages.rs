//! Runs rpm, and yum or dnf. Only `install`, `reinstall` and `upgrade_from_files` change packages; all else reads.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files;
use super::run::{self, Cmd, OnHeard, Output};
use crate::error::{Error, Result};

/// Time for one installation, downloads included.
const INSTALL_LIMIT: Duration = Duration::from_secs(30 * 60);

/// A package manager of this host.
#[derive(Debug)]
pub struct Manager {
    program: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dnf5,
    Dnf,
    Microdnf,
    Yum,
}

/// The end of an installation.
#[derive(Debug)]
pub struct Installation {
    /// Exit status and output.
    pub output: Output,
    /// The line in which it says that another process holds a lock, if it gave up because of that.
    pub locked: Option<String>,
}

/// Asks rpm, in one call, which packages provide these capabilities; returns a line for each as `format` says. rpm exits
/// with the number of missing ones, so its status says nothing.
pub fn query(names: &[String], format: &str) -> Result<String> {
    // Without these two, rpm 6.0 asks for the transaction lock even for a query.
    if names.is_empty() {
        return Ok(String::new());
    }
    let cmd = rpm()?.args(["-q", "--nosignature", "--nodigest", "--whatprovides", "--qf", format]);
    let output = cmd.args(names.iter().cloned()).run()?;
    if output.stdout.is_empty() {
        return Err(output.failure());
    }
    Ok(output.text())
}

/// All installed packages, each as `format` says.
pub fn all(format: &str) -> Result<String> {
    let cmd = rpm()?.args(["-qa", "--nosignature", "--nodigest", "--qf", format]);
    Ok(cmd.ok()?.text())
}

/// rpm's report on the digests and signatures of these files, for `model::packages::checksig`. The exit status is that
/// of the worst file, and says less.
pub fn checksig(files: &[PathBuf]) -> Result<String> {
    Ok(rpm()?.arg("-Kv").args(words(files)).within(INSTALL_LIMIT).run()?.text())
}

/// Asks rpm whether these files could be installed together; `None` if so, else its message. Takes no lock and changes
/// nothing (rpmtsRun in rpm's lib/transaction.c).
pub fn refusal(files: &[PathBuf]) -> Result<Option<String>> {
    let output = rpm()?.args(UPGRADE).arg("--test").args(words(files)).within(INSTALL_LIMIT).run()?;
    let said = || {
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).join("\n")
    };
    Ok((!output.success()).then(said))
}

/// Installs or upgrades these files in one transaction; a package of the same version is installed once more. By rpm,
/// not by yum or dnf: rpm is the same on every release, and asks no repository, plugin, cache or exclusion first.
pub fn upgrade_from_files(files: &[PathBuf], on_heard: OnHeard) -> Result<Installation> {
    let cmd = rpm()?.args(UPGRADE).arg("-v").args(words(files)).within(INSTALL_LIMIT).gently();
    Ok(ended(cmd.listen(on_heard)?, false))
}

const UPGRADE: [&str; 2] = ["-U", "--replacepkgs"];

fn rpm() -> Result<Cmd> {
    Cmd::require("rpm", "relayhost is for hosts that have rpm: CentOS, RHEL and their heirs, Fedora")
}

fn words(files: &[PathBuf]) -> impl Iterator<Item = String> {
    files.iter().map(|path| path.display().to_string())
}

/// The setting of this host that demands signed package files, in words; `None` if there is none. rpm has one since 4.14.2
/// (`%_pkgverify_level`), yum and dnf for files that come from no repository (`localpkg_gpgcheck`, yum.conf(5) and
/// dnf.conf(5)). An older rpm demands none, and rpm does not know the setting of yum and dnf.
pub fn who_demands_signatures() -> Result<Option<String>> {
    let level = rpm()?.args(["--eval", "%{?_pkgverify_level}"]).ok()?.text();
    if matches!(level.trim(), "signature" | "all") {
        return Ok(Some(format!("rpm's %_pkgverify_level is {}", level.trim())));
    }
    let drop_ins = Path::new(DROP_INS);
    let mut paths: Vec<PathBuf> = files::names(drop_ins).iter().map(|name| drop_ins.join(name)).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "conf"));
    paths.extend(CONFIGURATIONS.map(PathBuf::from));
    for path in paths {
        let text = files::read_whole(&path)?.unwrap_or_default();
        if demands_signatures(&String::from_utf8_lossy(&text)) {
            return Ok(Some(format!("{} says localpkg_gpgcheck", path.display())));
        }
    }
    Ok(None)
}

const CONFIGURATIONS: [&str; 2] = ["/etc/dnf/dnf.conf", "/etc/yum.conf"];
const DROP_INS: &str = "/etc/dnf/libdnf5.conf.d";

fn demands_signatures(configuration: &str) -> bool {
    let settings = configuration.lines().filter_map(|line| line.split_once('='));
    let mut values = settings.filter(|(name, _)| name.trim() == "localpkg_gpgcheck");
    values.next_back().is_some_and(|(_, value)| {
        matches!(value.trim().to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on")
    })
}

/// The package manager of this host: the newest that it has.
pub fn manager() -> Result<Manager> {
    let known = [("dnf5", Kind::Dnf5), ("dnf", Kind::Dnf), ("microdnf", Kind::Microdnf), ("yum", Kind::Yum)];
    let found = known.into_iter().find_map(|(name, kind)| Some(Manager { program: run::find(name)?, kind }));
    found.ok_or_else(|| Error::ProgramMissing {
        program: "yum or dnf".into(),
        remedy: "install the missing packages by hand (`rpm -i`), and run `this command` again".into(),
    })
}

impl Manager {
    /// Installs these packages in one call, without questions, and hands over each line of output as it comes. Does not
    /// wait for locks where the package manager has an option for that. The caller has to look whether the packages are
    /// there afterwards: yum 3 ends with 0 if it knew only one of several names.
    pub fn install(&self, names: &[String], on_heard: OnHeard) -> Result<Installation> {
        self.run("install", names, on_heard)
    }

    /// Installs these packages once more, since some of their files are missing.
    pub fn reinstall(&self, names: &[String], on_heard: OnHeard) -> Result<Installation> {
        self.run("reinstall", names, on_heard)
    }

    /// Marks these installed packages as wanted for themselves. dnf remembers which came as a requirement of another,
    /// and removes them with that one (clean_requirements_on_remove in dnf.conf(5), on by default). yum 3 does so only
    /// if it is configured to, and microdnf cannot: there nothing is marked.
    pub fn keep(&self, names: &[String]) -> Result<()> {
        let reason = match self.kind {
            Kind::Dnf => "install",
            Kind::Dnf5 => "user",
            Kind::Microdnf | Kind::Yum => return Ok(()),
        };
        // This needs no repository, and must not download the metadata of one.
        let offline = || self.command().arg("--disablerepo=*");
        // Each mark is an entry in dnf's history, also one that changes nothing.
        let known = offline().args(["-q", "repoquery", "--userinstalled", "--qf", "%{name}\\n"]).ok()?.text();
        let known: Vec<&str> = known.split_whitespace().collect();
        let mut unknown = names.iter().filter(|name| !known.contains(&name.as_str())).peekable();
        if unknown.peek().is_none() {
            return Ok(());
        }
        offline().args(["mark", reason]).args(unknown.cloned()).ok().map(|_| ())
    }

    fn command(&self) -> Cmd {
        let cmd = Cmd::new(&self.program).arg("-y").within(INSTALL_LIMIT).gently();
        if matches!(self.kind, Kind::Dnf | Kind::Yum) { cmd.arg("--setopt=exit_on_lock=1") } else { cmd }
    }

    fn run(&self, verb: &str, names: &[String], on_heard: OnHeard) -> Result<Installation> {
        let output = self.command().arg(verb).args(names.iter().cloned()).listen(on_heard)?;
        Ok(ended(output, self.kind == Kind::Dnf))
    }
}

fn ended(output: Output, is_dnf: bool) -> Installation {
    let said = output.line_with(&is_about_a_lock);
    // 200: dnf 4's own status for locks (dnf: doc/command_ref.rst)
    let locked = if is_dnf && output.code == Some(200) {
        Some(said.unwrap_or_else(|| output.tail()))
    } else {
        said.filter(|_| !output.success())
    };
    Installation { output, locked }
}

/// Whether a line of a package manager says that another process holds a lock: yum 3 and dnf 4, dnf 5, and rpm, which says so
/// of its transaction lock and, since 6.1, of that of its keys (rpmlockAcquire in rpm's lib/rpmlock.cc).
fn is_about_a_lock(line: &str) -> bool {
    ["holding the yum lock", "already locked by", "Failed to obtain rpm transaction lock"]
        .iter()
        .any(|words| line.contains(words))
        || line.split_once("can't create ").is_some_and(|(_, rest)| rest.contains(" lock on "))
}

#[cfg(test)]
mod tests {
    use super::{demands_signatures, is_about_a_lock};

    #[test]
    fn each_package_manager_s_words_for_a_lock_are_known() {
        for line in [
            "Another app is currently holding the yum lock; waiting for it to exit...",
            "Waiting for process with pid 7 to finish. The application is already locked by PackageKit",
            "error: can't create transaction lock on /var/lib/rpm/.rpm.lock (Resource temporarily unavailable)",
            "error: can't create keyring lock on /usr/lib/sysimage/rpm/.keyring.lock (Resource temporarily unavailable)",
            "Failed to obtain rpm transaction lock. Another transaction is in progress.",
        ] {
            assert!(is_about_a_lock(line), "{line}");
        }
        for line in
            ["Loaded plugins: fastestmirror", "error: can't create directory /x", "No package x available."]
        {
            assert!(!is_about_a_lock(line), "{line}");
        }
    }

    #[test]
    fn the_last_setting_counts() {
        assert!(demands_signatures("[main]\nlocalpkg_gpgcheck = True\n"));
        assert!(!demands_signatures("[main]\nlocalpkg_gpgcheck=1\nlocalpkg_gpgcheck=0\n"));
        assert!(!demands_signatures("[main]\n#localpkg_gpgcheck=1\ngpgcheck=1\n"));
    }
}
