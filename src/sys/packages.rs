//! rpm and yum or dnf. What rpm is told here reads; only `install`, `reinstall` and `upgrade_from_files` change something.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files;
use super::run::{self, Cmd, OnHeard, Output};
use crate::error::{Error, Result};

const NO_RPM: &str = "relayhost is for hosts that have rpm: CentOS, RHEL and their heirs, Fedora";

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

/// How an installation ended.
#[derive(Debug)]
pub struct Installation {
    /// Command line.
    pub command: String,
    /// Exit status in words.
    pub status: String,
    /// Last lines of output.
    pub tail: String,
    /// Whether it gave up because another one holds a lock.
    pub locked: bool,
}

/// Asks rpm, in one call, which of these capabilities are provided, and by what; prints as `format` says. rpm exits
/// with the number of missing ones, so its status says nothing.
pub fn query(names: &[String], format: &str) -> Result<String> {
    // Without these two, rpm 6.0 asks for the transaction lock even for a query.
    let cmd = rpm()?
        .args(["-q", "--nosignature", "--nodigest", "--whatprovides", "--qf", format])
        .args(names.iter().cloned());
    let output = cmd.run()?;
    if output.stdout.is_empty() && !names.is_empty() {
        return Err(Error::Program { command: cmd.line(), status: output.status(), stderr: output.tail() });
    }
    Ok(output.text())
}

/// All packages of this host, each as `format` says.
pub fn all(format: &str) -> Result<String> {
    let cmd = rpm()?.args(["-qa", "--nosignature", "--nodigest", "--qf", format]);
    Ok(cmd.ok()?.text())
}

/// What rpm says of the digests and signatures of these files; prints as `model::checksig` reads it. Its status is that of
/// the worst, and says less.
pub fn checksig(files: &[PathBuf]) -> Result<String> {
    Ok(rpm()?.arg("-Kv").args(words(files)).within(INSTALL_LIMIT).run()?.text())
}

/// Asks rpm whether these could be installed together; `None` if so, else what it says. Takes no lock and changes nothing
/// (rpmtsRun in rpm's lib/transaction.c).
pub fn refusal(files: &[PathBuf]) -> Result<Option<String>> {
    let output = rpm()?.args(UPGRADE).arg("--test").args(words(files)).within(INSTALL_LIMIT).run()?;
    let said = || {
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).join("\n")
    };
    Ok((!output.success()).then(said))
}

/// Installs or upgrades these files, and what is installed in the same version once more, in one transaction. By rpm, not
/// by yum or dnf: it is there on every release, is the same on all, and knows no repository, plugin, cache or exclusion
/// that could be asked first.
pub fn upgrade_from_files(files: &[PathBuf], on_heard: OnHeard) -> Result<Installation> {
    let cmd = rpm()?.args(UPGRADE).arg("-v").args(words(files)).within(INSTALL_LIMIT).gently();
    Ok(ended(&cmd, &cmd.listen(on_heard)?, false))
}

const UPGRADE: [&str; 2] = ["-U", "--replacepkgs"];

fn rpm() -> Result<Cmd> {
    Ok(Cmd::new(&run::require("rpm", NO_RPM)?))
}

fn words(files: &[PathBuf]) -> impl Iterator<Item = String> {
    files.iter().map(|path| path.display().to_string())
}

/// Who on this host demands that package files are signed, in words; `None` if nobody does. rpm itself since 4.14.2
/// (`%_pkgverify_level`), yum and dnf for files that come from no repository (`localpkg_gpgcheck`, yum.conf(5) and
/// dnf.conf(5)). rpm before that never does, and what yum and dnf demand it does not know.
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
    for (name, kind) in
        [("dnf5", Kind::Dnf5), ("dnf", Kind::Dnf), ("microdnf", Kind::Microdnf), ("yum", Kind::Yum)]
    {
        if let Some(program) = run::find(name) {
            return Ok(Manager { program, kind });
        }
    }
    Err(Error::ProgramMissing {
        program: "yum or dnf".into(),
        remedy: "install the missing packages by hand (`rpm -i`), and run the same command again".into(),
    })
}

impl Manager {
    /// Installs these in one call, without questions, each line of its output handed over as it comes. Does not wait
    /// for locks where it can be told not to. Whether the packages are there afterwards is for the caller to look:
    /// yum 3 ends with 0 if it knew but one of several names.
    pub fn install(&self, names: &[String], on_heard: OnHeard) -> Result<Installation> {
        self.run("install", names, on_heard)
    }

    /// Installs these once more: they are there, and some of their files are not.
    pub fn reinstall(&self, names: &[String], on_heard: OnHeard) -> Result<Installation> {
        self.run("reinstall", names, on_heard)
    }

    /// Notes that these installed packages are wanted for themselves. dnf remembers which came along for another, and
    /// takes them away with that (clean_requirements_on_remove in dnf.conf(5), on unless told otherwise). yum 3 does so
    /// only when told, and microdnf cannot: there nothing is noted.
    pub fn keep(&self, names: &[String]) -> Result<()> {
        let reason = match self.kind {
            Kind::Dnf => "install",
            Kind::Dnf5 => "user",
            Kind::Microdnf | Kind::Yum => return Ok(()),
        };
        // No repository has a word in this, and none is to be fetched for it.
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
        let cmd = self.command().arg(verb).args(names.iter().cloned());
        let output = cmd.listen(on_heard)?;
        Ok(ended(&cmd, &output, self.kind == Kind::Dnf))
    }
}

fn ended(cmd: &Cmd, output: &Output, is_dnf: bool) -> Installation {
    let tail = output.tail();
    // 200: dnf 4's own status for locks (dnf: doc/command_ref.rst)
    let locked = (is_dnf && output.code == Some(200))
        || (!output.success() && LOCK_WORDS.iter().any(|word| tail.contains(word)));
    Installation { command: cmd.line(), locked, status: output.status(), tail }
}

const LOCK_WORDS: [&str; 4] = [
    "holding the yum lock",
    "already locked by",
    "can't create transaction lock",
    "Failed to obtain rpm transaction lock",
];

#[cfg(test)]
mod tests {
    use super::demands_signatures;

    #[test]
    fn the_last_setting_counts() {
        assert!(demands_signatures("[main]\nlocalpkg_gpgcheck = True\n"));
        assert!(!demands_signatures("[main]\nlocalpkg_gpgcheck=1\nlocalpkg_gpgcheck=0\n"));
        assert!(!demands_signatures("[main]\n#localpkg_gpgcheck=1\ngpgcheck=1\n"));
    }
}
