//! Runs Postfix as a service: by systemd where it runs, else by an init script if there is one, else by Postfix's own
//! command.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};

use super::clock;
use super::daemons;
use super::files;
use super::run::{self, Cmd, Output};
use super::signals;
use crate::error::{Error, Result};
use crate::model::host_kind::HostKind;
use crate::model::observed::{QueueDirectories, ServiceState, WatchTimer};
use crate::model::plan::action::ServiceAction;
use crate::model::postfix::mastercf::MasterCf;
use crate::model::text;

/// Time that Postfix may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(30);

/// systemctl, where systemd manages this host.
fn systemd() -> Option<PathBuf> {
    (super::host::kind() == HostKind::Systemd).then(|| run::find("systemctl")).flatten()
}

/// Asks systemd to start or stop a unit of relayhost, and does not wait for the end of that: the unit may be waiting for
/// the RPM transaction in which this process runs. False where systemd does not run.
pub fn order(verb: &str, unit: &str) -> bool {
    let Some(program) = systemd() else { return false };
    // PID 1 answers in milliseconds; if it does not, a scriptlet must not wait for it.
    let cmd = Cmd::new(&program).args([verb, "--no-block", "--quiet", unit]).within(Duration::from_secs(2));
    cmd.run().is_ok_and(|output| output.success())
}

/// Tells systemd to read changed units.
pub fn reread_units() {
    if let Some(program) = systemd() {
        // Without it the old ones stay in force until the next boot.
        let _ = Cmd::new(&program).arg("daemon-reload").within(Duration::from_secs(10)).run();
    }
}

/// Has systemd start a unit of relayhost later, by a timer that is made for it and has its name. No timer of that name
/// may be there.
pub fn order_later(unit: &str, pause: Duration) -> bool {
    let (Some(_), Some(program)) = (systemd(), run::find("systemd-run")) else { return false };
    let cmd = Cmd::new(&program)
        .args(["--quiet", "--unit", unit, "--timer-property=AccuracySec=1s"])
        .arg(format!("--on-active={}s", pause.as_secs()));
    cmd.run().is_ok_and(|output| output.success())
}

/// State of the service.
pub fn state(queue: &QueueDirectories) -> Result<ServiceState> {
    let word = match systemd() {
        None => String::new(),
        Some(program) => {
            Cmd::new(&program).args(["is-enabled", "postfix.service"]).run()?.text().trim().to_owned()
        }
    };
    let enabled = match word.as_str() {
        "enabled" => Some(true),
        "disabled" | "enabled-runtime" => Some(false),
        // static, indirect, alias, generated: not ours to enable.
        _ => None,
    };
    Ok(ServiceState {
        running: daemons::master_runs(queue),
        enabled,
        masked: word.starts_with("masked"),
        unlogged: false,
    })
}

/// Takes a note of relayhost while Postfix is told.
pub type OnNote<'a> = &'a mut dyn FnMut(&str);

/// Tells Postfix to start, restart or reload, waits until it runs, and returns the action that was taken: a restart
/// where a reload would leave mail waiting. A signal that comes meanwhile waits for the end, and a note says so.
pub fn tell(action: ServiceAction, queue: &QueueDirectories, on_note: OnNote) -> Result<ServiceAction> {
    // A signal in the middle of a restart would leave Postfix stopped.
    let _held = signals::hold();
    let mut telling = Telling { on_note, noted: false };
    let action = if action == ServiceAction::Reload && has_given_up(queue, &mut telling)? {
        ServiceAction::Restart
    } else {
        action
    };
    // systemd does not know a master that was started by hand, and would refuse to reload it.
    let unit = systemd().filter(|program| action == ServiceAction::Start || is_active(program));
    let (command, output) = if let Some(program) = unit {
        telling.run(Cmd::new(&program).args([action.verb(), "postfix.service"]))?
    } else if let (true, Some(program)) =
        (files::exists(Path::new("/etc/init.d/postfix")), run::find("service"))
    {
        telling.run(Cmd::new(&program).args(["postfix", action.verb()]))?
    } else {
        let program = run::require("postfix", "relayhost apply")?;
        if action == ServiceAction::Restart {
            let (_, output) = telling.run(Cmd::new(&program).arg("stop"))?;
            telling.wait_until(|| !daemons::master_runs(queue), "postfix stop", &output)?;
        }
        let verb = if action == ServiceAction::Reload { "reload" } else { "start" };
        telling.run(Cmd::new(&program).arg(verb))?
    };
    if !output.success() {
        return Err(Error::NotRunning { command, output: with_log(&output) });
    }
    telling.wait_until(|| daemons::master_runs(queue), &command, &output)?;
    Ok(action)
}

/// The steps by which Postfix is told. Signals wait for their end.
struct Telling<'a> {
    on_note: OnNote<'a>,
    /// Whether a signal was noted.
    noted: bool,
}

impl Telling<'_> {
    /// Notes a signal that has come, and each further one.
    fn look(&mut self, awaited: &str) {
        let (first, again) = (signals::came(), signals::arrived());
        let (signal, word) = if self.noted { (again, "noted again") } else { (first, "noted") };
        if let Some(signal) = signal {
            self.noted = true;
            let key = signal.key();
            (self.on_note)(&format!(
                "{key} {word}: relayhost waits for the end of `{awaited}`, and stops then"
            ));
        }
    }

    fn run(&mut self, cmd: Cmd) -> Result<(String, Output)> {
        let cmd = cmd.within(Duration::from_secs(120));
        let line = cmd.line();
        let output = cmd.listen(&mut |_| self.look(&line))?;
        Ok((line, output))
    }

    fn wait_until(&mut self, done: impl Fn() -> bool, command: &str, output: &Output) -> Result<()> {
        if self.comes(done, PATIENCE, command)? {
            return Ok(());
        }
        Err(Error::NotRunning { command: command.to_owned(), output: with_log(output) })
    }

    /// Whether that comes within this time.
    fn comes(&mut self, done: impl Fn() -> bool, limit: Duration, awaited: &str) -> Result<bool> {
        let begin = clock::now();
        while !done() {
            if begin.elapsed() > limit {
                return Ok(false);
            }
            self.look(awaited);
            clock::sleep(Duration::from_millis(10))?;
        }
        Ok(true)
    }
}

/// Whether master(8) waits with starting a daemon for service_throttle_time, a minute, since it failed; no reload ends
/// that (master_spawn.c). The log line that says so may be any user's, so it only names the program to try, and master.cf,
/// which is root's, says at which sockets its daemons are: master starts one as soon as somebody connects there, and does
/// not listen while it waits (master_avail.c). False without a mail log that is a file.
fn has_given_up(queue: &QueueDirectories, telling: &mut Telling) -> Result<bool> {
    const GIVEN_UP: &str = ": bad command startup -- throttling";
    /// On a host under load; every healthy daemon ends the wait.
    const TO_START: Duration = Duration::from_secs(3);
    let line = super::log_tail::last_line_with(&[GIVEN_UP, ": daemon started -- "]).unwrap_or_default();
    let Some((path, _)) = line.split_once(GIVEN_UP) else { return Ok(false) };
    let name = path.rsplit('/').next().unwrap_or_default();
    let (_, services) = telling.run(Cmd::new(&run::require("postconf", "relayhost apply")?).arg("-M"))?;
    // Another service of the same program may be well: smtp(8) serves `smtp` and `relay`.
    let services = MasterCf::new(&services.stdout);
    let asked: Vec<(&str, OwnedFd)> = services
        .of_program(name)
        .filter_map(|service| {
            let socket = Path::new(&queue.directory).join(service.socket());
            Some((service.name.as_str(), ask_for_daemon(&socket).ok()?))
        })
        .collect();
    let all_run = || asked.iter().all(|(service, _)| daemons::serves(queue, name, service));
    Ok(!telling.comes(all_run, TO_START, &format!("the start of {name}"))?)
}

/// Connects to a socket, so that master(8) starts a daemon, and does not wait there: every user can fill the backlog of
/// showq's socket, by postqueue(1). Where it is full, a daemon has been asked for already.
fn ask_for_daemon(path: &Path) -> nix::Result<OwnedFd> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let asking = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    match connect(asking.as_raw_fd(), &UnixAddr::new(path)?) {
        Ok(()) | Err(Errno::EAGAIN) => Ok(asking),
        Err(error) => Err(error),
    }
}

fn is_active(systemctl: &Path) -> bool {
    Cmd::new(systemctl)
        .args(["is-active", "--quiet", "postfix.service"])
        .run()
        .is_ok_and(|output| output.success())
}

/// Makes Postfix start at boot.
pub fn enable() -> Result<()> {
    match systemd() {
        None => Ok(()),
        Some(program) => Cmd::new(&program).args(["enable", "postfix.service"]).ok().map(|_| ()),
    }
}

/// The timer of the watch.
const WATCH: &str = "relayhost-watch.timer";

/// The state of the watch's timer, by the links that systemctl(1) makes; `None` where no systemd runs, or no package has
/// brought the timer. `ours`: whether relayhost has turned it on.
pub fn watch_timer(ours: bool) -> Option<WatchTimer> {
    systemd()?;
    let own = Path::new("/etc/systemd/system");
    let masked = fs::read_link(own.join(WATCH)).is_ok_and(|target| target == Path::new("/dev/null"));
    let is_there = files::exists(&Path::new("/usr/lib/systemd/system").join(WATCH));
    let enabled = fs::symlink_metadata(own.join("timers.target.wants").join(WATCH)).is_ok();
    (is_there || masked).then_some(WatchTimer { enabled, masked, ours })
}

/// Turns the timer of the watch on or off, now and at boot.
pub fn turn_watch(is_on: bool) -> Result<()> {
    let Some(program) = systemd() else { return Ok(()) };
    let verb = if is_on { "enable" } else { "disable" };
    Cmd::new(&program).args([verb, "--now", "--quiet", WATCH]).ok().map(|_| ())
}

/// The command's output, and the last fatal error in the log, in which Postfix says why it does not start, and anybody else
/// can say anything.
fn with_log(output: &Output) -> String {
    let fatal = super::log_tail::last_line_with(&[": fatal: "]).map(|line| {
        format!("the mail log, to which every user of this host can write, has last: {}", text::quoted(&line))
    });
    let all = [output.tail(), complaint().unwrap_or_default(), fatal.unwrap_or_default()];
    all.iter().filter(|text| !text.is_empty()).cloned().collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// The words of postqueue(1) where it ends as all programs of Postfix do that read this configuration: it has them for whoever
/// calls it, and postfix(1) for a terminal and the log alone.
fn complaint() -> Option<String> {
    let program = run::find("postqueue")?;
    let output = Cmd::new(&program).arg("-p").within(Duration::from_secs(5)).run().ok()?;
    let said = (!output.success()).then(|| output.tail())?;
    // This is what is known already.
    (!said.contains("mail system is down")).then_some(said)
}
