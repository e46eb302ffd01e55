//! The next step after each error: the second line that a person reads. It is also kept and shown in other places (by
//! `check`, in the journal, by a monitoring system), so it names the command that is to be run again.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::errno::Errno;

use super::odd::after_an_unreadable;
use super::{Advice, Edit, Error, Odd};

/// The next step where somebody has changed by hand what is to be set.
pub const BY_HAND: &str = "keep what was set by hand: write it into the answers; or overwrite it: `relayhost apply --force` (`relayhost plan` shows the diff)";

/// A name, quoted for a shell: somebody else may have chosen it, so every name in a command of a remedy is written by this
/// function. Bash reads back its exact bytes. A backquote, which would end the command within its sentence, and characters
/// that no terminal shows are written as numbers.
pub fn typed(name: impl AsRef<Path>) -> String {
    let bytes = name.as_ref().as_os_str().as_bytes();
    word(&[if bytes.starts_with(b"-") { &b"./"[..] } else { b"" }, bytes].concat())
}

/// A command line of relayhost's with these arguments, for a shell.
pub fn command_line(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
    let words = arguments.into_iter().map(|argument| format!(" {}", word(argument.as_ref().as_bytes())));
    words.fold("relayhost".to_owned(), |line, word| line + &word)
}

/// A word, quoted for a shell.
fn word(bytes: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._+=:@%,-".contains(byte);
    let is_shown = |c: char| c.is_alphanumeric() || c == ' ' || (c.is_ascii_graphic() && c != '`');
    match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.is_empty() && bytes.iter().all(is_plain) => text.to_owned(),
        Ok(text) if text.chars().all(is_shown) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => format!("$'{}'", bytes.iter().copied().map(numbered).collect::<String>()),
    }
}

/// The command that moves a thing away, to a name beside its own.
pub fn away(path: &Path) -> String {
    let mut other = path.as_os_str().to_owned();
    other.push(".away");
    format!("`mv {} {}`", typed(path), typed(other))
}

/// Directories in which relayhost and Postfix name files by themselves. What lies elsewhere was named by a person, and may
/// be anything: `/etc`, `/dev/null`.
const OWN: [&str; 4] = ["/etc/postfix/", "/etc/relayhost/", "/var/lib/relayhost/", "/var/log/"];

/// The next step where something else lies in the place of a file.
fn no_file(path: &Path, kind: Odd) -> String {
    let is_own =
        OWN.iter().any(|directory| path.as_os_str().as_encoded_bytes().starts_with(directory.as_bytes()));
    let (name, away) = (typed(path), away(path));
    match kind {
        Odd::Directory if !is_own => "name a file in it, and run `this command` again".into(),
        Odd::Device if !is_own => "name a file on the disk, and run `this command` again".into(),
        Odd::Directory => format!(
            "if you have named it, name a file in it; if not, move the directory away ({away}), put the file back that was there, if any was, and run `this command` again"
        ),
        Odd::Device => format!(
            "if you have named it, name a file on the disk; if not, move it away ({away}), put the file back that was there, if any was, and run `this command` again"
        ),
        Odd::Fifo | Odd::Socket => format!(
            "see who uses it (`fuser -v {name}`); if nobody does, move it away ({away}), put the file back that was there, if any was, and run `this command` again"
        ),
    }
}

/// The next step after an error that the system reports for a path.
fn after_io(source: &std::io::Error, path: &Path) -> String {
    match source.kind() {
        ErrorKind::NotFound => format!("check that {} is the right path", typed(path)),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FULL.into(),
        ErrorKind::ReadOnlyFilesystem => {
            "remount that file system read-write, and run `this command` again".into()
        }
        // It cannot be moved away.
        ErrorKind::ResourceBusy if path.is_absolute() => format!(
            "something is mounted there: unmount it, or make it root's alone by `chown root: {0} && chmod 700 {0}`; \
             then run `this command` again",
            typed(path)
        ),
        _ => step_after(source, path),
    }
}

/// The next step after a package manager that did not install what is needed, by what it said.
fn after_an_installation(asked: Option<&str>, output: &str) -> String {
    // yum 3, of a list of mirrors and of one repository; dnf 4 and dnf 5; without any repository.
    const UNREADABLE: [&str; 7] = [
        "Cannot find a valid baseurl for repo",
        "Cannot retrieve metalink for repository",
        "Cannot retrieve repository metadata",
        "Failed to download metadata",
        "Failed to synchronize cache for repo",
        "There are no enabled repo",
        "No enabled repositories",
    ];
    if UNREADABLE.iter().any(|words| output.contains(words)) {
        return "no repository could be read: see `yum repolist`, and mend the network, the proxy or the address in /etc/yum.repos.d that its words name; \
                the mirrors of CentOS 7 and 8 are gone, and what they had is at vault.centos.org: \
                `sed -i -e 's/^mirrorlist=/#&/' -e 's|^#* *baseurl=http://mirror.centos.org/|baseurl=http://vault.centos.org/|' /etc/yum.repos.d/CentOS-*.repo`; \
                then run `this command` again"
            .into();
    }
    if asked.is_some_and(|name| name.starts_with("relayhost-")) {
        return "it is in the repository that relayhost came from: name that in /etc/yum.repos.d as the README does, or install it by hand (`yum install ./relayhost-sasl-xoauth2-*.rpm`); then run `this command` again".into();
    }
    format!(
        "see which repository has it (`yum provides {}`), enable it, and run `this command` again",
        typed(asked.unwrap_or("PACKAGE"))
    )
}

/// What is amiss at a path by the number of the system's error, what shows it, and what ends it.
fn step_after(source: &std::io::Error, path: &Path) -> String {
    let (name, away) = (typed(path), away(path));
    let step = match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOTDIR) => format!("a part of that path is a file where a directory must be (`namei -l {name}` shows each part): correct the path, or move that file away"),
        Some(Errno::EISDIR) => format!("a directory lies where a file must be: name the file, or {away}"),
        Some(Errno::ELOOP) => format!("its symbolic links lead in a circle, or to another link (`namei -l {name}` shows each part): have them lead to the file"),
        Some(Errno::EEXIST | Errno::ENOTEMPTY) => format!("something is in its place: move it away ({away})"),
        Some(Errno::EACCES | Errno::EPERM) => format!("a user who is not root may not: run it as root; root itself is refused by an attribute (`lsattr -d {name}` shows an i or a, `chattr -ia {name}` takes it off), by SELinux (`ausearch -m avc -ts recent`), or by the server of a network file system; end that"),
        Some(Errno::EIO | Errno::EUCLEAN | Errno::EBADMSG) => "the disk or its file system is damaged: `dmesg` has the kernel's words; mend it".into(),
        Some(Errno::ESTALE | Errno::ENOTCONN | Errno::EHOSTDOWN) => "the server of that file system does not answer, or has lost the file: mount it again".into(),
        Some(Errno::EMFILE | Errno::ENFILE) => "too many files are open: see by `cat /proc/sys/fs/file-nr`, and end what opens them".into(),
        Some(Errno::EOPNOTSUPP) => "that file system cannot do this: have the directory on one of the disk's own, such as ext4 or xfs".into(),
        Some(Errno::ETXTBSY | Errno::EBUSY) => format!("something uses it (`fuser -v {name}`): end that"),
        _ => format!("the last words are the system's own reason for {name}: end that"),
    };
    format!("{step}, and run `this command` again")
}

/// A byte between `$'` and `'` of bash.
fn numbered(byte: u8) -> String {
    match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' if byte != b'`' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}

/// The next step where a file system is full.
const FULL: &str = "free some space on that file system, and run `this command` again";

/// The remedy for a command that stopped before its end.
pub const RUN_AGAIN: &str = "run `this command` again";

/// The command by which a person logs in, by the host's own answers.
pub const LOG_IN: &str = "relayhost login";

/// The next step where a symbolic link of Postfix's cannot be followed.
fn after_a_link(path: &Path, target: Option<&Path>) -> String {
    let name = typed(path);
    match target {
        Some(target) => format!(
            "when you have seen what is in it, `cp --remove-destination {1} {0}` makes it a file of its own (the other one stays, and counts no more); then run `this command` again",
            name,
            typed(target)
        ),
        None => format!(
            "put back the file that it leads to (`readlink {name}`), and run `this command` again; or remove the link (`rm {name}`), and `relayhost apply` makes the file anew"
        ),
    }
}

/// The next step where another plugin would get the token.
fn after_a_rival(plugin: &str) -> String {
    if plugin == "sasl-xoauth2" {
        return "`yum remove sasl-xoauth2`, and run `this command` again".into();
    }
    format!(
        "remove the package that has it (`rpm -qf {}` names it), or the file, and run `this command` again",
        typed(format!("/usr/lib64/sasl2/lib{plugin}.so"))
    )
}

/// The next step where a generation is not there; `last`: the newest that is.
fn without_generation(last: Option<&u32>, is_answered: bool) -> String {
    match last {
        None if !is_answered => {
            "relayhost init (nothing can be restored, and there are no answers yet: it writes them)".into()
        }
        None => "relayhost check (says how this host differs from the answers; no change of relayhost's is recorded that could be taken back)".into(),
        Some(number) => format!(
            "relayhost history (lists them); `relayhost restore {number}` puts back what was there before that change"
        ),
    }
}

/// The next step after a change that was undone. An edit that is out of force stays so if nobody is told, whatever the
/// cause of the undoing.
fn after_an_undo(cause: &Error, edits: &[Edit]) -> Advice {
    let hints: Vec<String> = edits.iter().filter_map(Edit::hint).collect();
    if hints.is_empty() { cause.step() } else { Advice::new(hints.join("; ") + "; then ").and(cause.step()) }
}

/// The next step where the files could not be put back.
fn after_a_failed_undo(undo: &Error, generation: u32) -> String {
    if undo.is_lost_record() {
        return "relayhost repair (it makes the files what the answers say)".into();
    }
    format!(
        "mend what the message names (disk full? read-only?), then `relayhost restore {generation}`; the previous bytes are in /var/lib/relayhost/generations/{generation:04}/before"
    )
}

impl Error {
    /// The next step for a person. `command` is the command line that is to be run again, as a shell reads it.
    pub fn hint(&self, command: &str) -> String {
        self.step().for_command(command)
    }

    /// The next step for a person: one line for each error.
    pub fn step(&self) -> Advice {
        match self {
            Self::Answers { remedy, .. }
            | Self::NotWritten { remedy, .. }
            | Self::Exposed { remedy, .. }
            | Self::Untrusted { remedy, .. }
            | Self::ProgramMissing { remedy, .. }
            | Self::Locked { remedy, .. }
            | Self::Log { remedy, .. }
            | Self::Package { remedy, .. } => remedy.clone(),
            Self::NoToken(why) => why.remedy.clone(),
            Self::Explained(why) => why.step(),
            Self::PostfixTooOld { .. } => "use the relay's port 587 with implicit_tls = false".into(),
            Self::NotRoot => "run `this command` with sudo".into(),
            Self::NoFile { path, kind } => no_file(path, *kind).into(),
            Self::Io { source, path, .. } => after_io(source, path).into(),
            Self::TooLarge { path, .. } => format!("check that {} is the file you mean", typed(path)).into(),
            Self::Symlink { path } => format!("see who made it and why (`ls -l {0}`); if nobody needs it, `rm {0}`, and run `this command` again", typed(path)).into(),
            Self::Linked { path, target, .. } => after_a_link(path, target.as_deref()).into(),
            Self::Program { stderr, .. } if stderr.contains("No space left on device") => FULL.into(),
            Self::Program { .. } => "run that command by hand to see all that it says".into(),
            Self::Timeout { .. } => "run that command by hand to see where it hangs".into(),
            Self::InTransaction { .. } => "a request that was recorded is tried again; otherwise run `this command` when the transaction has ended".into(),
            Self::Image { missing } => format!("put it into the image (`RUN dnf -y install {0}` in the Containerfile), or `rpm-ostree install {0}` and reboot", missing.iter().map(typed).collect::<Vec<_>>().join(" ")).into(),
            Self::NotInstalled { asked, output, .. } => after_an_installation(asked.as_deref(), output).into(),
            Self::MapType { .. } => "set `default_database_type = hash` (EL10: `lmdb`) in main.cf, and run `this command` again".into(),
            Self::Staged { .. } => "nothing was changed; mend main.cf (`postconf -n` says where it is wrong), and run `this command` again".into(),
            Self::MapDiffers { database } => format!("look for another program that writes {}, and run `this command` again", typed(database)).into(),
            Self::NotRunning { .. } => "see why by `postfix check` and `ss -ltnp 'sport = :25'` (who has port 25, if it is not Postfix), mend that, and run `this command` again".into(),
            Self::Submission { .. } => "try `echo test | mail -s test root` by hand; it shows the same trouble".into(),
            Self::NoLog => "have a syslog daemon, such as rsyslog, or systemd-journald run (`systemctl restart rsyslog`), see that `logger -p mail.info hello` leaves a line in /var/log/maillog, and run `this command` again".into(),
            Self::ChangedMeanwhile { .. } => RUN_AGAIN.into(),
            Self::NoMainCf => "`relayhost apply` puts back the one that the last run left, or that of the package; then run `this command` again".into(),
            Self::NoRelay => "relayhost probe (without --current: tries the answers)".into(),
            Self::Rival(plugin) => after_a_rival(plugin).into(),
            Self::Masked => "`systemctl unmask postfix`, and run `this command` again".into(),
            Self::Unreadable { reason, encoding } => after_an_unreadable(reason, *encoding).into(),
            Self::Busy { .. } => "wait for it to end, and run `this command` again".into(),
            Self::Record { .. } => "relayhost repair (it sets that aside, and goes on without it)".into(),
            Self::Unrecovered { .. } => "relayhost repair (it makes the files what the answers say)".into(),
            Self::NoGeneration { known, is_answered, .. } => without_generation(known.last(), *is_answered).into(),
            Self::Tree { .. } => "name the directory that the system's / is mounted on, such as /mnt/sysimage".into(),
            Self::NoProc => "nothing was touched; `mount -t proc proc /proc`, and run `this command` again".into(),
            Self::Foreign { .. } => BY_HAND.into(),
            Self::Undone { cause, edits } => after_an_undo(cause, edits),
            Self::Interrupted(interruption) => interruption.step(),
            Self::Stuck { undo, generation, .. } => after_a_failed_undo(undo, *generation).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the system's reason is, the remedy says what is amiss and what to do about it, and names the command.
    #[test]
    fn a_remedy_says_what_is_amiss_and_names_the_command_that_is_to_be_run_again() {
        let io = |number| Error::Io {
            action: "read",
            path: "/a b".into(),
            source: std::io::Error::from_raw_os_error(number),
        };
        let no_file = |kind| Error::NoFile { path: "/a b".into(), kind };
        let errors =
            (1..134).map(io).chain([Odd::Fifo, Odd::Directory, Odd::Device, Odd::Socket].map(no_file));
        let command = command_line(["apply", "--root", "/mnt/a b"]);
        assert_eq!(command, "relayhost apply --root '/mnt/a b'");
        for error in errors.chain([
            Error::NoLog,
            Error::Rival("sasl-xoauth2".into()),
            Error::Masked,
            Error::NotRoot,
            Error::NoProc,
        ]) {
            let hint = error.hint(&command);
            let is_path = hint.starts_with("check that '/a b' is the right path");
            assert!(is_path || hint.contains("`relayhost apply --root '/mnt/a b'`"), "{error:?}: {hint}");
            assert!(!hint.contains("same command") && !hint.contains("ls -ld"), "{error:?}: {hint}");
        }
    }

    #[test]
    fn what_no_repository_gave_is_looked_for_by_a_name_that_a_package_manager_knows_if_one_can_be_read() {
        let hint = |asked: Option<&str>, output: &str| {
            let (missing, asked) = (vec!["mail command".into()], asked.map(str::to_owned));
            let (command, status) = ("/usr/bin/yum -y install /bin/mailx".into(), "exit status 1".into());
            Error::NotInstalled { missing, asked, command, status, output: output.into() }
                .hint("relayhost apply")
        };
        let known = hint(Some("/bin/mailx"), "No package /bin/mailx available.");
        assert!(known.contains("`yum provides /bin/mailx`"), "{known}");
        for output in [
            "Cannot find a valid baseurl for repo: base/7/x86_64",
            "Error: Failed to download metadata for repo 'appstream': Cannot prepare internal mirrorlist",
            "Error: There are no enabled repositories in \"/etc/yum.repos.d\".",
        ] {
            let hint = hint(Some("/bin/mailx"), output);
            assert!(hint.contains("vault.centos.org") && !hint.contains("provides"), "{hint}");
            assert!(hint.ends_with("then run `relayhost apply` again"), "{hint}");
        }
    }

    #[test]
    fn nobody_is_told_to_move_away_what_a_person_named() {
        let hint = |path: &str, kind| Error::NoFile { path: path.into(), kind }.hint("relayhost check");
        for (path, kind) in
            [("/etc", Odd::Directory), ("/dev/null", Odd::Device), ("/etc/relayhost", Odd::Directory)]
        {
            assert!(!hint(path, kind).contains("mv "), "{path}");
        }
        assert!(
            hint("/etc/postfix/main.cf", Odd::Directory)
                .contains("`mv /etc/postfix/main.cf /etc/postfix/main.cf.away`")
        );
    }

    #[test]
    fn a_path_is_one_word_of_a_shell_whatever_its_name() {
        for (path, word) in [
            ("/etc/postfix/main.cf", "/etc/postfix/main.cf"),
            ("/srv/a b;reboot", "'/srv/a b;reboot'"),
            ("/srv/$(x)'y", "'/srv/$(x)'\\''y'"),
            ("-rf", "./-rf"),
            ("/a`b`\n'\\", "$'/a\\x60b\\x60\\x0a\\'\\\\'"),
            ("/ä", "'/ä'"),
            ("/\u{202e}", "$'/\\xe2\\x80\\xae'"),
            ("", "''"),
        ] {
            assert_eq!(typed(Path::new(path)), word);
        }
    }
}
