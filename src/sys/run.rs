//! The one way to run a program: absolute path, arguments without a shell, a clean environment in the C locale,
//! standard input closed or given, a time limit, bounded output, and the last lines of standard error in the error.

mod output;

use std::fs::File;
use std::io::{PipeWriter, Write, pipe};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::error::{Error, Result};
use crate::sys::limit::NoCore;
use crate::sys::run::output::last_lines;
use crate::sys::signals;
use crate::sys::stream::{OUTPUT_LIMIT, Stream, wait_for_output};
use crate::sys::{clock, environment};

/// The directories in which programs are looked for: root's path, whatever the caller's is.
pub const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin";

/// The time to clear up for a program that is ended because of a signal, before it is killed: rpm releases its locks.
const CLEAR_UP: Duration = Duration::from_secs(2);

/// A command to run.
#[derive(Debug)]
#[must_use]
pub struct Cmd {
    program: PathBuf,
    args: Vec<String>,
    input: Input,
    limit: Duration,
    /// Bytes of its standard output that are kept.
    most: usize,
    variables: Vec<(&'static str, String)>,
    gentle: bool,
    /// The time that it may go on for when a signal is to end the run.
    settle: Duration,
    core: bool,
}

/// The standard input of a program.
#[derive(Debug)]
enum Input {
    None,
    Bytes(Vec<u8>),
    File(File),
}

pub use super::stream::{Heard, OnHeard};
pub use output::Output;

/// Finds a program on root's path.
pub fn find(name: &str) -> Option<PathBuf> {
    which::which_in(name, Some(PATH), "/").ok()
}

/// Finds a program, or says what to do about its absence.
pub fn require(name: &str, remedy: &str) -> Result<PathBuf> {
    find(name).ok_or_else(|| Error::ProgramMissing { program: name.into(), remedy: remedy.into() })
}

impl Cmd {
    /// A command with a minute's time.
    pub fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            args: Vec::new(),
            input: Input::None,
            limit: Duration::from_secs(60),
            most: OUTPUT_LIMIT,
            variables: Vec::new(),
            gentle: false,
            settle: Duration::ZERO,
            core: true,
        }
    }

    /// A command on root's path, if it is there.
    pub fn find(name: &str) -> Option<Self> {
        find(name).map(|program| Self::new(&program))
    }

    /// A command on root's path. The error says what to do about its absence.
    pub fn require(name: &str, remedy: &str) -> Result<Self> {
        require(name, remedy).map(|program| Self::new(&program))
    }

    /// Adds an argument. Never a secret: every user can read arguments.
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds several arguments.
    pub fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets its standard input: an open file, from where that is read next. By a path below /proc a program without the
    /// right to trace processes (CAP_SYS_PTRACE) could not open it, since relayhost hides its memory.
    pub fn input_file(mut self, file: File) -> Self {
        self.input = Input::File(file);
        self
    }

    /// Sets its standard input, a few kilobytes at most: all is written before any output is read.
    pub fn input(mut self, bytes: Vec<u8>) -> Self {
        self.input = Input::Bytes(bytes);
        self
    }

    /// Gives it this much time.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Keeps so many bytes of its standard output, where the output is the contents of a file that may be large.
    pub fn keeping(mut self, most: usize) -> Self {
        self.most = most;
        self
    }

    /// Sets a variable of its environment. Never a secret.
    pub fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Never kills it: when its time is over, it gets SIGTERM and is left to itself. For a package manager, whose sudden
    /// death in a transaction would leave the database broken. A signal to relayhost waits for its end, and a note says so
    /// ([`Heard::Note`]). The program gets the caller's proxy variables.
    pub fn gently(mut self) -> Self {
        self.gentle = true;
        self
    }

    /// Lets it go on for this long when a signal is to end the run, so that relayhost knows the result.
    pub fn settling(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// Has it leave no core file: for a program that has a password in its memory.
    pub fn without_core(mut self) -> Self {
        self.core = false;
        self
    }

    /// The command line for messages.
    pub fn line(&self) -> String {
        let program = self.program.display().to_string();
        std::iter::once(program).chain(self.args.iter().cloned()).collect::<Vec<_>>().join(" ")
    }

    /// Starts it. duct's expression holds the write ends of the pipes, and ends here: reads see the end of the output only
    /// when no process has a write end any more.
    fn start(&self, out: PipeWriter, err: PipeWriter) -> std::io::Result<duct::Handle> {
        let command = duct::cmd(&self.program, &self.args).full_env(self.environment()).dir("/").unchecked();
        // In a process group of its own: Ctrl-C at the terminal goes to relayhost, which decides what becomes of the
        // program.
        let command = command.stdout_file(out).stderr_file(err).before_spawn(|command| {
            command.process_group(0);
            Ok(())
        });
        let (command, input) = match &self.input {
            Input::None => (command.stdin_null(), None),
            Input::File(file) => (command.stdin_file(file.try_clone()?), None),
            Input::Bytes(bytes) => {
                let (read_end, write_end) = pipe()?;
                (command.stdin_file(read_end), Some((write_end, bytes)))
            }
        };
        let limit = (!self.core).then(NoCore::begin);
        let handle = command.start()?;
        drop((limit, command));
        if let Some((mut pipe, bytes)) = input {
            // Whether a program reads its input is its own matter; its status tells.
            let _ = pipe.write_all(bytes);
        }
        Ok(handle)
    }

    fn stop(&self, handle: &duct::Handle) {
        for pid in pids(handle) {
            let _ = if self.gentle { kill(pid, Signal::SIGTERM) } else { killpg(pid, Signal::SIGKILL) };
        }
        if !self.gentle {
            let _ = handle.kill();
        }
    }

    /// Ends it, and the processes that it has started, because a signal is to end the run.
    fn end(&self, handle: &duct::Handle) {
        for pid in pids(handle) {
            let _ = killpg(pid, Signal::SIGTERM);
        }
        let begin = clock::now();
        while begin.elapsed() < CLEAR_UP && matches!(handle.try_wait(), Ok(None)) {
            clock::pause();
        }
        self.stop(handle);
    }

    /// Whether a signal is to end it now. For each signal that waits for it, hands over a note.
    fn is_interrupted(&self, since: &mut Option<Instant>, on_heard: OnHeard) -> bool {
        let Some(first) = signals::pending() else { return false };
        if self.gentle {
            let again = signals::arrived();
            let name = self.program.file_name().unwrap_or_default().to_string_lossy();
            let end = "is at work and is left to finish; relayhost stops after it";
            if since.is_none() {
                on_heard(Heard::Note(&format!("{} noted: {name} {end} and changes no file", first.key())));
            } else if let Some(again) = again {
                on_heard(Heard::Note(&format!("{} noted again: {name} {end}", again.key())));
            }
        }
        let since = since.get_or_insert_with(clock::now);
        !self.gentle && since.elapsed() >= self.settle
    }

    /// Its environment: no secret of the caller's, and no locale but C.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![("PATH", PATH.into()), ("LC_ALL", "C".into()), ("HOME", "/root".into())];
        all.extend(self.variables.iter().cloned());
        if self.gentle {
            let proxies = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy"];
            all.extend(proxies.into_iter().filter_map(|name| Some((name, environment::variable(name)?))));
        }
        all
    }

    /// Runs it; any exit status is fine. Errors: it cannot start, it did not end in time, a signal is to end the run.
    pub fn run(&self) -> Result<Output> {
        self.listen(&mut |_| {})
    }

    /// Runs it; another status than 0 is `Error::Program`.
    pub fn ok(&self) -> Result<Output> {
        self.run()?.checked()
    }

    /// Runs it and hands over each line of its two outputs as it comes, and, of a program that is run gently, each note
    /// about a signal.
    pub fn listen(&self, on_heard: OnHeard) -> Result<Output> {
        signals::check()?;
        let fault = |source: std::io::Error| Error::Program {
            command: self.line(),
            status: format!("could not run: {source}"),
            stderr: String::new(),
        };
        let (out, out_end) = pipe().map_err(fault)?;
        let (err, err_end) = pipe().map_err(fault)?;
        let handle = self.start(out_end, err_end).map_err(fault)?;
        let (out, err) = (Stream::new(out, self.most), Stream::new(err, OUTPUT_LIMIT));
        let mut streams = [out.map_err(fault)?, err.map_err(fault)?];
        let (begin, mut interrupted) = (clock::now(), None);
        let status = loop {
            wait_for_output(&streams);
            let ended = handle.try_wait().map_err(fault)?.map(|output| output.status);
            for stream in &mut streams {
                stream.drain(on_heard);
            }
            if let Some(status) = ended {
                break status;
            }
            on_heard(Heard::Tick);
            if self.is_interrupted(&mut interrupted, on_heard) {
                self.end(&handle);
                signals::check()?;
            }
            if begin.elapsed() > self.limit {
                self.stop(&handle);
                let [_, err] = streams;
                return Err(Error::Timeout {
                    command: self.line(),
                    after: self.limit,
                    stderr: last_lines(err.kept()),
                });
            }
        };
        let [out, err] = streams.map(|stream| stream.finish(on_heard));
        Ok(Output {
            code: status.code(),
            signal: status.signal(),
            stdout: out,
            stderr: err,
            command: self.line(),
        })
    }
}

fn pids(handle: &duct::Handle) -> impl Iterator<Item = Pid> {
    handle.pids().into_iter().filter_map(|pid| i32::try_from(pid).ok()).map(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::stream::OUTPUT_LIMIT;

    fn sh(script: &str) -> Cmd {
        Cmd::new(Path::new("/bin/sh")).arg("-c").arg(script)
    }

    #[test]
    fn output_status_and_environment() {
        let output = sh("echo $LC_ALL; echo oops >&2; cat; exit 3").run().unwrap();
        assert_eq!((output.code, output.text().as_str()), (Some(3), "C\n"));
        let error = output.checked().unwrap_err().to_string();
        assert!(error.contains("exit status 3") && error.contains("oops"), "{error}");
    }

    #[test]
    fn input_reaches_the_program() {
        assert_eq!(Cmd::new(Path::new("/bin/cat")).input(b"hello".to_vec()).ok().unwrap().text(), "hello");
    }

    #[test]
    fn a_daemon_that_keeps_the_output_open_does_not_hold_us() {
        let begin = clock::now();
        assert_eq!(sh("sleep 20 & echo started").ok().unwrap().text(), "started\n");
        assert!(begin.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn time_is_limited() {
        let error = sh("echo here >&2; exec sleep 20").within(Duration::from_millis(200)).run().unwrap_err();
        assert!(matches!(&error, Error::Timeout { stderr, .. } if stderr == "here"), "{error}");
    }

    #[test]
    fn output_is_bounded_and_the_program_is_not_blocked() {
        let output = sh("head -c 20000000 /dev/zero; echo end >&2").ok().unwrap();
        assert_eq!((output.stdout.len(), output.stderr.as_slice()), (OUTPUT_LIMIT, &b"end\n"[..]));
    }

    #[test]
    fn lines_come_as_they_are_written() {
        let mut lines = Vec::new();
        let mut keep = |heard: Heard| match heard {
            Heard::Line(line) => lines.push(line.to_owned()),
            Heard::Note(note) => panic!("{note}"),
            Heard::Tick => {}
        };
        sh("echo one; printf 'two\\rthree'").listen(&mut keep).unwrap();
        assert_eq!(lines, ["one", "two", "three"]);
    }
}
