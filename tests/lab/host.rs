//! A throwaway host: what `scripts/lab run` takes, and what came out.

use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

pub use crate::generation::{Generation, generation};
pub use crate::project::{document, project, read};

pub const AUTHENTICATED: &str = "examples/authenticated.toml";
pub const OFFICE365: &str = "examples/office365.toml";
pub const CERTIFICATE: &str = "examples/office365-certificate.toml";
pub const OPEN: &str = "examples/open.toml";

/// Options of one host.
#[derive(Default)]
pub struct Host {
    options: Vec<String>,
    answers: Option<Answers>,
    replies: Option<String>,
    generation: Option<&'static Generation>,
}

enum Answers {
    File(PathBuf),
    Text(String),
}

/// How its command ended.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A host of the generation of this run.
pub fn host() -> Host {
    host_of(generation())
}

pub fn host_of(meant: &'static Generation) -> Host {
    let binary = meant.binary();
    let host = Host { generation: Some(meant), ..Host::default() };
    host.option(&["--generation", meant.name, "--binary", &binary.display().to_string()])
}

impl Host {
    fn option(mut self, words: &[&str]) -> Self {
        self.options.extend(words.iter().map(ToString::to_string));
        self
    }

    pub fn relay(self, name: &str) -> Self {
        self.option(&["--relay", name])
    }

    /// Without that package, and what cannot be without it.
    pub fn without(self, package: &str) -> Self {
        let lmdb: &[_] = if package == "postfix" { generation().beside_postfix } else { &[] };
        self.option(&["--without", package]).option(lmdb)
    }

    pub fn mail_client(self, name: &str) -> Self {
        self.option(&["--mail-client", name])
    }

    /// Without relayhost.
    pub fn bare(self) -> Self {
        self.option(&["--bare"])
    }

    pub fn stopped(self) -> Self {
        self.option(&["--stopped"])
    }

    /// With Nagios, NRPE, Icinga 2, promtool and node_exporter in /lab/monitors.
    pub fn monitors(self) -> Self {
        self.option(&["--monitors"])
    }

    /// Shows a file of the machine in the host, read-only.
    pub fn bind(self, source: &Path, place: &str) -> Self {
        self.option(&["--bind", &format!("{}:{place}", source.display())])
    }

    /// Answers that are a file of the project.
    pub fn answers(mut self, path: &str) -> Self {
        self.answers = Some(Answers::File(project().join(path)));
        self
    }

    /// Answers as text.
    pub fn answers_text(mut self, text: &str) -> Self {
        self.answers = Some(Answers::Text(text.to_owned()));
        self
    }

    /// What the relay `scripted` answers (scripts/lab.d/relays/README.md).
    pub fn replies(mut self, text: &str) -> Self {
        self.replies = Some(text.to_owned());
        self.relay("scripted")
    }

    /// Runs a script in the host. It may call the functions of tests/lab/lib.sh, and has the variables of its generation.
    pub fn sh(self, script: &str) -> Run {
        self.sh_with_input(script, "")
    }

    pub fn sh_with_input(self, script: &str, input: &str) -> Run {
        let variables = self.generation.unwrap_or_else(generation).variables();
        let script = format!("{variables}\n. /lab/tests/lab/lib.sh || exit 125\n{script}");
        // A test that is interrupted or killed takes its host with it, and whatever is in it.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .arg(project().join("scripts/lab"))
            .arg("run")
            .args(&self.options);
        // Kept until the host has ended.
        let mut files = Vec::new();
        let mut inherited = |text: &str| {
            // Without a name: nothing stays of it, however this ends. The lab inherits the copy.
            let mut temporary = tempfile::tempfile().unwrap();
            temporary.write_all(text.as_bytes()).unwrap();
            let copy = nix::unistd::dup(&temporary).unwrap();
            let path = format!("/dev/fd/{}", copy.as_raw_fd());
            files.push(copy);
            path
        };
        match &self.answers {
            None => {}
            Some(Answers::File(path)) => drop(command.arg("--answers").arg(path)),
            Some(Answers::Text(text)) => drop(command.arg("--answers").arg(inherited(text))),
        }
        if let Some(text) = &self.replies {
            command.arg("--replies").arg(inherited(text));
        }
        command.args(["--", "bash", "-c", &script]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(files);
        let run = Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert_ne!(run.code, 125, "the lab could not make the host: {run:?}\nrun `scripts/lab build` first");
        run
    }
}

impl Run {
    /// Asserts the exit status.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that standard output has this text.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stdout.contains(text),
            "no `{text}` in stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// Asserts that neither output has it.
    #[track_caller]
    pub fn never_says(self, text: &str) -> Self {
        let all = format!("{}\n{}", self.stdout, self.stderr);
        assert!(!all.contains(text), "`{text}` in:\n{all}");
        self
    }

    /// Asserts that standard error has this text.
    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "no `{text}` in stderr:\n{}\nstdout:\n{}",
            self.stderr,
            self.stdout
        );
        self
    }

    /// The part of standard output after the line `== name`, up to the next such line.
    #[track_caller]
    pub fn part(&self, name: &str) -> &str {
        let head = format!("== {name}\n");
        let Some((_, rest)) = self.stdout.split_once(&head) else {
            panic!("no part `{name}` in stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr)
        };
        rest.find("== ").map_or(rest, |end| &rest[..end])
    }

    /// A part that is a JSON document of ours: checked against the published schema.
    #[track_caller]
    pub fn json(&self, name: &str) -> Value {
        document(self.part(name))
    }
}
