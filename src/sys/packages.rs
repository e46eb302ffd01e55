//! rpm and yum or dnf.

use std::path::PathBuf;
use std::time::Duration;

use super::run::{self, Cmd, OnLine, Output};
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
    let program =
        run::require("rpm", "relayhost is for hosts that have rpm: CentOS, RHEL and their heirs, Fedora")?;
    // Without these two, rpm 6.0 asks for the transaction lock even for a query.
    let cmd = Cmd::new(&program)
        .args(["-q", "--nosignature", "--nodigest", "--whatprovides", "--qf", format])
        .args(names.iter().cloned());
    let output = cmd.run()?;
    if output.stdout.is_empty() && !names.is_empty() {
        return Err(Error::Program { command: cmd.line(), status: output.status(), stderr: output.tail() });
    }
    Ok(output.text())
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
    pub fn install(&self, names: &[String], on_line: OnLine) -> Result<Installation> {
        self.run("install", names, on_line)
    }

    /// Installs these once more: they are there, and some of their files are not.
    pub fn reinstall(&self, names: &[String], on_line: OnLine) -> Result<Installation> {
        self.run("reinstall", names, on_line)
    }

    fn run(&self, verb: &str, names: &[String], on_line: OnLine) -> Result<Installation> {
        let mut cmd = Cmd::new(&self.program).arg("-y").within(INSTALL_LIMIT).gently();
        if matches!(self.kind, Kind::Dnf | Kind::Yum) {
            cmd = cmd.arg("--setopt=exit_on_lock=1");
        }
        let cmd = cmd.arg(verb).args(names.iter().cloned());
        let output = cmd.stream(on_line)?;
        Ok(Installation {
            command: cmd.line(),
            locked: self.is_lock_result(&output),
            status: output.status(),
            tail: output.tail(),
        })
    }

    fn is_lock_result(&self, output: &Output) -> bool {
        const WORDS: [&str; 4] = [
            "holding the yum lock",
            "already locked by",
            "can't create transaction lock",
            "Failed to obtain rpm transaction lock",
        ];
        let tail = output.tail();
        // 200: dnf 4's own status for locks (dnf: doc/command_ref.rst)
        (self.kind == Kind::Dnf && output.code == Some(200))
            || (!output.success() && WORDS.iter().any(|word| tail.contains(word)))
    }
}
