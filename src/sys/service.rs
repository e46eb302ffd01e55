//! Postfix as a service: systemd where it runs, else an init script where there is one, else Postfix's own command.

use std::path::Path;
use std::time::Duration;

use super::clock;
use super::files;
use super::run::{self, Cmd, Output};
use crate::error::{Error, Result};
use crate::model::action::ServiceAction;
use crate::model::observed::Service;

/// How long Postfix may take to come up or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whether systemd manages this host; as sd_booted(3) tells it.
fn systemd() -> Option<std::path::PathBuf> {
    files::exists(Path::new("/run/systemd/system")).then(|| run::find("systemctl")).flatten()
}

/// State of the service. `queue` is Postfix's `queue_directory`, `pids` its `process_id_directory`.
pub fn state(queue: &str, pids: &str) -> Result<Service> {
    let enabled = match systemd() {
        None => None,
        Some(program) => {
            let output = Cmd::new(&program).args(["is-enabled", "postfix.service"]).run()?;
            Some(output.text().trim().starts_with("enabled"))
        }
    };
    Ok(Service { running: master_runs(queue, pids), enabled })
}

/// Whether master(8) of this queue runs: its pid file names a live process of that name. `postfix status` says the
/// same in fifty times the time.
pub fn master_runs(queue: &str, pids: &str) -> bool {
    let path = Path::new(queue).join(pids).join("master.pid");
    let Ok(Some(text)) = files::read(&path, 64) else { return false };
    let Ok(pid) = String::from_utf8_lossy(&text).trim().parse::<u32>() else { return false };
    files::read(Path::new(&format!("/proc/{pid}/comm")), 64)
        .ok()
        .flatten()
        .is_some_and(|name| name.trim_ascii() == b"master")
}

/// Tells Postfix to start, restart or read its configuration again, and waits until it runs.
pub fn tell(action: ServiceAction, queue: &str, pids: &str) -> Result<()> {
    let (command, output) = if let Some(program) = systemd() {
        run_one(Cmd::new(&program).args([action.verb(), "postfix.service"]))?
    } else if let (true, Some(program)) =
        (files::exists(Path::new("/etc/init.d/postfix")), run::find("service"))
    {
        run_one(Cmd::new(&program).args(["postfix", action.verb()]))?
    } else {
        let program = run::require("postfix", "relayhost apply")?;
        if action == ServiceAction::Restart {
            let (_, output) = run_one(Cmd::new(&program).arg("stop"))?;
            wait_until(|| !master_runs(queue, pids), "postfix stop", &output)?;
        }
        let verb = if action == ServiceAction::Reload { "reload" } else { "start" };
        run_one(Cmd::new(&program).arg(verb))?
    };
    if !output.success() {
        return Err(Error::NotRunning { command, output: output.tail() });
    }
    wait_until(|| master_runs(queue, pids), &command, &output)
}

/// Has Postfix start at boot.
pub fn enable() -> Result<()> {
    match systemd() {
        None => Ok(()),
        Some(program) => Cmd::new(&program).args(["enable", "postfix.service"]).ok().map(|_| ()),
    }
}

fn run_one(cmd: Cmd) -> Result<(String, Output)> {
    let cmd = cmd.within(Duration::from_secs(120));
    Ok((cmd.line(), cmd.run()?))
}

fn wait_until(done: impl Fn() -> bool, command: &str, output: &Output) -> Result<()> {
    let begin = clock::now();
    while !done() {
        if begin.elapsed() > PATIENCE {
            return Err(Error::NotRunning { command: command.to_owned(), output: output.tail() });
        }
        clock::sleep(Duration::from_millis(10));
    }
    Ok(())
}
