//! The command file of Nagios, Naemon and Icinga: a FIFO that the monitoring system reads.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::clock;
use crate::error::typed;
use crate::model::alarm::refusal::Refusal;

/// Pause between two attempts, while the FIFO is full.
const TICK: Duration = Duration::from_millis(50);
/// What to do about what may pass.
const AGAIN: &str = "the next look tries again; see whether the monitoring system works";
/// What `file` has to be. Nagios and Naemon name it in their main file; Icinga 2 in the object of its feature `command`, where it
/// is /run/icinga2/cmd/icinga2.cmd if nothing else is said.
const RIGHT: &str = "what command_file in nagios.cfg or naemon.cfg names (Icinga 2: command_path of its ExternalCommandListener, by \
     default /run/icinga2/cmd/icinga2.cmd)";

/// Writes a line of at most PIPE_BUF bytes, which the kernel takes whole or not at all (pipe(7)). Waits for no reader, and for
/// room until `until`. The error is in words for a person.
pub fn write(path: &Path, line: &str, until: Instant) -> Result<(), Refusal> {
    let mut file = open(path)?;
    loop {
        match file.write(line.as_bytes()) {
            Ok(count) if count == line.len() => return Ok(()),
            Ok(_) => return Err(Refusal::new("a part of the line was taken only", AGAIN)),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                return Err(Refusal::new("its reader has gone", AGAIN));
            }
            Err(error) => return Err(Refusal::new(super::wire::words(&error), AGAIN)),
        }
        if clock::left(until).is_err() {
            return Err(Refusal::new(
                "it is full: the monitoring system does not read it",
                "see whether the monitoring system works, and restart it",
            ));
        }
        clock::sleep(TICK).map_err(|error| Refusal::new(error.to_string(), AGAIN))?;
    }
}

/// Something else than a FIFO: nobody reads what is written there. The first suspicion is a wrong `file`, which may be any file
/// of the host, so nothing is to be removed. A plain file at the right path is what somebody wrote there while the monitoring
/// system was down.
fn no_fifo(path: &Path, is_plain: bool) -> Refusal {
    let mut remedy = format!("correct `file`: it has to be {RIGHT}");
    if is_plain {
        let name = typed(path);
        let aside = typed(with_ending(path));
        remedy += &format!(
            ". Only if it is that path already, `mv -n {name} {aside}`, and restart the monitoring system, which makes the FIFO"
        );
    }
    Refusal::new("it is no FIFO, so nobody reads what is written there", remedy)
}

fn with_ending(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".aside");
    name.into()
}

/// Opens the FIFO, which somebody has to have open for reading.
fn open(path: &Path) -> Result<fs::File, Refusal> {
    let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY | nix::libc::O_NOFOLLOW;
    let file = match fs::OpenOptions::new().write(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        // fifo(7): nobody has it open for reading.
        Err(error) if error.raw_os_error() == Some(nix::libc::ENXIO) => {
            return Err(Refusal::new(
                "nobody reads it: the monitoring system does not run, or takes no commands",
                "start the monitoring system, with check_external_commands=1",
            ));
        }
        Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => {
            let remedy = format!("name the FIFO itself in `file`, which has to be {RIGHT}");
            return Err(Refusal::new("it is a symbolic link", remedy));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(Refusal::new(
                "there is no such file: the monitoring system makes it when it starts",
                format!("start the monitoring system, or correct `file`: it has to be {RIGHT}"),
            ));
        }
        Err(error) if error.kind() == ErrorKind::IsADirectory => return Err(no_fifo(path, false)),
        Err(error) => return Err(Refusal::new(super::wire::words(&error), AGAIN)),
    };
    let found = file.metadata().map_err(|error| Refusal::new(super::wire::words(&error), AGAIN))?;
    if !found.file_type().is_fifo() {
        return Err(no_fifo(path, found.is_file()));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use nix::sys::stat::Mode;

    use super::super::scratch;
    use super::*;

    fn soon() -> Instant {
        clock::now() + Duration::from_millis(300)
    }

    #[test]
    fn a_line_is_taken_by_a_reader_and_nobody_is_waited_for() {
        let scratch = scratch::directory().unwrap();
        let path = scratch.path().join("nagios.cmd");
        assert!(write(&path, "x\n", soon()).unwrap_err().why.contains("no such file"));
        fs::write(&path, "").unwrap();
        assert!(write(&path, "x\n", soon()).unwrap_err().why.contains("no FIFO"));
        assert!(write(scratch.path(), "x\n", soon()).unwrap_err().why.contains("no FIFO"));
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
        assert!(write(&path, "x\n", soon()).unwrap_err().why.contains("nobody reads it"));
        let mut reader =
            fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(&path).unwrap();
        write(&path, "[1] COMMAND\n", soon()).unwrap();
        let mut read = [0; 64];
        let count = reader.read(&mut read).unwrap();
        assert_eq!(&read[..count], b"[1] COMMAND\n");
        // A reader that does not read.
        let begin = clock::now();
        let line = "y".repeat(4000) + "\n";
        let full = std::iter::repeat_with(|| write(&path, &line, soon())).find_map(Result::err).unwrap();
        assert!(full.why.contains("it is full"), "{full:?}");
        assert!(begin.elapsed() < Duration::from_secs(5));
        std::os::unix::fs::symlink(&path, scratch.path().join("link")).unwrap();
        assert!(
            write(&scratch.path().join("link"), "x\n", soon()).unwrap_err().why.contains("symbolic link")
        );
    }

    #[test]
    fn a_file_that_is_no_fifo_is_first_of_all_the_wrong_one() {
        let scratch = scratch::directory().unwrap();
        let path = scratch.path().join("hosts");
        fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        let remedy = write(&path, "x\n", soon()).unwrap_err().remedy;
        assert!(
            remedy.starts_with("correct `file`: it has to be what command_file in nagios.cfg"),
            "{remedy}"
        );
        let aside = format!("Only if it is that path already, `mv -n {0} {0}.aside`", path.display());
        assert!(remedy.contains(&aside) && !remedy.contains("`rm"), "{remedy}");
        // A directory or a device is nobody's leftover.
        for other in [scratch.path(), Path::new("/dev/null")] {
            let remedy = write(other, "x\n", soon()).unwrap_err().remedy;
            assert!(remedy.contains("command_file") && !remedy.contains("mv"), "{remedy}");
        }
        assert_eq!(fs::read(&path).unwrap(), b"127.0.0.1 localhost\n");
    }
}
