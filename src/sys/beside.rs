//! A Postfix beside the host's own, for one message: a configuration, a queue and a log of its own, in one directory. It has no
//! port, and ends by itself after a while (`master -e`), also where relayhost was killed; [`sweep`] removes what that left.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use super::postfix::{self, Instance};
use super::run::Cmd;
use super::{clock, daemons, files, inode};
use crate::error::{Error, Result};
use crate::model::observed::{QueueDirectories, parse_settings};
use crate::model::postfix::beside::{Beside, master_cf};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::settings::Settings;

/// The directory of such directories: root's alone to write, and for files that daemons keep.
const PARENT: &str = "/var/spool";
/// Beginning of their names.
const NAME: &str = "relayhost-drill-";
/// A file in them, made before anything else: a directory without it is somebody else's.
const MARK: &str = "made-by-relayhost";
/// The directories of a queue (conf/postfix-files of Postfix); their owners and modes are those of the host's queue.
const QUEUE: [&str; 14] = [
    "active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "maildrop", "pid",
    "private", "public", "saved", "trace",
];
/// Time that master(8) may take to end.
const ENDING: Duration = Duration::from_secs(5);
/// Time that it lives on beyond that of its message, where nobody ends it.
const LONGER: Duration = Duration::from_secs(60);

/// A Postfix that runs. Dropped, it ends, and nothing of it stays.
#[derive(Debug)]
pub struct Running {
    directory: TempDir,
    /// The place at which nobody answers, in the first relay's place.
    nobody: SocketAddr,
    /// A lock for as long as this process lives, which tells other runs that the directory is in use.
    _lock: Flock<File>,
}

impl Running {
    /// Starts a Postfix whose relay nobody reaches, and whose fallback relay this next hop is. `lasts`: how long its message may
    /// take.
    pub fn start(fallback: &str, lasts: Duration) -> Result<Self> {
        let names = ["queue_directory", "data_directory", "daemon_directory", "inet_protocols"];
        let host = parse_settings(&postfix::settings(&names)?);
        let new = Self::new(nobody(host.get("inet_protocols").is_some_and(|protocols| protocols == "ipv6")))?;
        let made = new
            .make_directories(&host)
            .and_then(|()| new.write(fallback, &host))
            .and_then(|()| new.run(&host, lasts));
        made.map_err(|error| new.above(error)).map(|()| new)
    }

    /// The configuration directory, for Postfix's programs.
    pub fn instance(&self) -> Instance {
        Instance::of(&self.path().join("config"))
    }

    /// How smtp(8) names the place at which nobody answers.
    pub fn nobody(&self) -> String {
        let (address, port) = (self.nobody.ip(), self.nobody.port());
        format!("connect to {address}[{address}]:{port}:")
    }

    /// The parameters by which relayhost follows a message, with their values.
    pub fn settings(&self) -> [(String, String); 3] {
        let at = |name: &str| self.path().join(name).display().to_string();
        [
            ("queue_directory", at("queue")),
            ("process_id_directory", "pid".into()),
            ("maillog_file", at("log/maillog")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    /// An error about a file in this directory, which is gone then, as one about the directory that it is in.
    fn above(&self, error: Error) -> Error {
        match error {
            Error::Io { action, path, source } if path.starts_with(self.path()) => {
                Error::Io { action, path: PARENT.into(), source }
            }
            other => other,
        }
    }

    /// An empty directory that no other run removes.
    fn new(nobody: SocketAddr) -> Result<Self> {
        for _ in 0..10 {
            let directory = files::private_directory(Path::new(PARENT), NAME)?;
            // Another run may have swept it before it was locked; then a new one is made.
            if let Some(lock) = lock(directory.path())
                && files::exists(directory.path())
            {
                files::stage(&directory.path().join(MARK), b"")?;
                // Daemons that are the user postfix pass through it.
                let open = fs::Permissions::from_mode(0o711);
                fs::set_permissions(directory.path(), open)
                    .map_err(Error::io("set the mode of", directory.path()))?;
                return Ok(Self { directory, nobody, _lock: lock });
            }
        }
        let parent = Path::new(PARENT);
        Err(Error::io("lock a directory in", parent)(Errno::EWOULDBLOCK.into()))
    }

    /// Makes its directories like those of the host, with owner, mode and SELinux label.
    fn make_directories(&self, host: &Settings) -> Result<()> {
        let of_host = |name: &str| PathBuf::from(host.get(name).map(String::as_str).unwrap_or_default());
        let queue = of_host("queue_directory");
        let like = |model: &Path, name: &str| make_like(model, &self.path().join(name));
        like(Path::new("/etc/postfix"), "config")?;
        like(&of_host("data_directory"), "data")?;
        like(&queue, "queue")?;
        for name in QUEUE {
            like(&queue.join(name), &format!("queue/{name}"))?;
        }
        like(&queue, "log")
    }

    /// Writes its configuration.
    fn write(&self, fallback: &str, host: &Settings) -> Result<()> {
        let nobody = format!("[{}]:{}", self.nobody.ip(), self.nobody.port());
        let of_host = files::read_whole(&Managed::MainCf.path())?.unwrap_or_default();
        let queue = host.get("queue_directory").map(String::as_str).unwrap_or_default();
        let beside = Beside { directory: self.path(), nobody: &nobody, fallback, queue };
        let config = self.path().join("config");
        files::stage(&config.join("main.cf"), &beside.main_cf(&of_host))?;
        let services = postfix::program("postconf")?.arg("-M").ok()?.text();
        files::stage(&config.join("master.cf"), master_cf(&services).as_bytes())
    }

    /// Starts master(8), which returns when its daemons can be asked (`-w`).
    fn run(&self, host: &Settings, lasts: Duration) -> Result<()> {
        let program = host.get("daemon_directory").map(|directory| Path::new(directory).join("master"));
        let config = self.path().join("config").display().to_string();
        let until = (lasts + LONGER).as_secs().to_string();
        let cmd = Cmd::new(&program.unwrap_or_default()).args(["-c", &config, "-w", "-e", &until]);
        let output = cmd.run()?;
        if output.success() {
            return Ok(());
        }
        let log = files::text(self.path().join("log/maillog")).unwrap_or_default();
        let stderr = format!("{}\n{log}", output.tail());
        Err(Error::Program { command: cmd.line(), status: output.status(), stderr: stderr.trim().to_owned() })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        remove(self.directory.path());
    }
}

/// Ends and removes what killed runs have left, and returns whether there was any. What cannot be removed is left for the next
/// run.
pub fn sweep() -> bool {
    let mut has_swept = false;
    for path in files::beginning_with(Path::new(PARENT), NAME) {
        let Some(_lock) = lock(&path) else { continue };
        if files::exists(&path.join(MARK)) {
            remove(&path);
            has_swept |= !files::exists(&path);
        } else {
            // A run that was killed before it made its first file. A directory that is not empty stays.
            let _ = fs::remove_dir(&path);
        }
    }
    has_swept
}

/// Ends what runs in such a directory, and removes it. A daemon that is about to end may write once more meanwhile.
fn remove(directory: &Path) {
    end(directory);
    end_daemons(directory);
    for _ in 0..100 {
        if fs::remove_dir_all(directory).is_ok() || !files::exists(directory) {
            return;
        }
        clock::pause();
    }
}

/// Locks such a directory; `None` if a living process has locked it, if it is not root's, or if the path is a link.
fn lock(path: &Path) -> Option<Flock<File>> {
    let directory = files::open_directory(path).ok()?;
    if directory.metadata().ok()?.uid() != nix::unistd::geteuid().as_raw() {
        return None;
    }
    Flock::lock(directory, FlockArg::LockExclusiveNonblock).ok()
}

/// Ends the master(8) of such a directory, if it runs: then the number in its pid file is its own. It hands SIGTERM on to its
/// daemons (master_sigdeath in master/master_sig.c), and leads a process group.
fn end(directory: &Path) {
    let queue =
        QueueDirectories { directory: directory.join("queue").display().to_string(), pids: "pid".into() };
    let number = || files::text(directory.join("queue/pid/master.pid"))?.trim().parse().ok();
    let Some(pid) = daemons::master_runs(&queue).then(number).flatten().map(Pid::from_raw) else { return };
    let _ = kill(pid, Signal::SIGTERM);
    let begin = clock::now();
    while daemons::master_runs(&queue) && begin.elapsed() < ENDING {
        clock::pause();
    }
    if daemons::master_runs(&queue) {
        let _ = killpg(pid, Signal::SIGKILL);
    }
}

/// Ends the daemons of such a directory whose master(8) was killed: one that is at a message goes on with it. By what /proc says
/// each works in this directory, with this configuration (master(8) hands it on in the environment).
fn end_daemons(directory: &Path) {
    let config = format!("MAIL_CONFIG={}", directory.join("config").display());
    let is_of_it = |number: &i32| {
        let proc = PathBuf::from(format!("/proc/{number}"));
        let works_there = fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd.starts_with(directory));
        let environment = || fs::read(proc.join("environ")).unwrap_or_default();
        works_there && environment().split(|byte| *byte == 0).any(|one| one == config.as_bytes())
    };
    let all =
        || files::names(Path::new("/proc")).into_iter().filter_map(|name| name.parse().ok()).filter(is_of_it);
    let begin = clock::now();
    while begin.elapsed() < ENDING {
        let left: Vec<i32> = all().collect();
        if left.is_empty() {
            return;
        }
        for number in left {
            let _ = kill(Pid::from_raw(number), Signal::SIGKILL);
        }
        clock::pause();
    }
}

/// Makes a directory with owner, mode and SELinux label of another.
fn make_like(model: &Path, path: &Path) -> Result<()> {
    let found = fs::metadata(model).map_err(Error::io("look at", model))?;
    let fault = |source| Error::Io { action: "make", path: path.to_owned(), source };
    fs::create_dir(path).map_err(fault)?;
    chown(path, Some(found.uid()), Some(found.gid())).map_err(fault)?;
    fs::set_permissions(path, fs::Permissions::from_mode(found.mode() & 0o7777)).map_err(fault)?;
    inode::copy_label(model, path)
}

/// A place of this host at which nobody answers. Only root could begin to listen at one of these ports.
fn nobody(only_ipv6: bool) -> SocketAddr {
    let address = if only_ipv6 { IpAddr::V6(Ipv6Addr::LOCALHOST) } else { IpAddr::V4(Ipv4Addr::LOCALHOST) };
    let at = |port| SocketAddr::new(address, port);
    let is_free = |place: &SocketAddr| TcpStream::connect_timeout(place, Duration::from_secs(1)).is_err();
    (1..1024).map(at).find(is_free).unwrap_or(at(1))
}
