//! All errors, in one enum with fields: the sentence, the exit status and the remedy come from here, so that every
//! caller says the same. No I/O, no formatting for terminals.

mod advice;
mod complaint;
mod edit;
mod exit;
mod explained;
mod hint;
mod interrupted;
mod no_token;
mod odd;
mod text;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use advice::Advice;
pub use complaint::Complaint;
pub use edit::Edit;
pub use exit::Exit;
pub use explained::Explained;
pub use hint::{BY_HAND, LOG_IN, RUN_AGAIN, away, command_line, typed};
pub use interrupted::{Files, Interruption, Signal, TestMessage};
pub use no_token::NoToken;
pub use odd::{Encoding, Odd, without_byte_order_mark};
pub use text::{Position, human, is_unsafe, shown};
use text::{lines, no_generation, tail};

/// Result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// All errors. Messages are lower-case, without a full stop, names in back quotes.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The answers cannot be used as they are.
    #[error("{file}{}: {problem}", .place.map(|p| format!(", {p}")).unwrap_or_default())]
    Answers {
        /// The file, or what stands for it (`standard input`).
        file: String,
        /// The position in it, if the problem has one.
        place: Option<Position>,
        /// The mistake.
        problem: String,
        /// The text to write instead.
        remedy: Advice,
    },
    /// A file that holds a secret can be read by others, or belongs to somebody else.
    #[error("`{}` holds a secret and {problem}", shown(.path))]
    Exposed {
        /// The file.
        path: PathBuf,
        /// The exposure: its mode or its owner.
        problem: String,
        /// The command that mends it.
        remedy: Advice,
    },
    /// A file that decides what root does could have been changed by somebody else.
    #[error("`{}` {problem}", shown(.path))]
    Untrusted {
        /// The file, or a directory on the way to it.
        path: PathBuf,
        /// The owner or the mode that lets others change it.
        problem: String,
        /// The next step for a person.
        remedy: Advice,
    },
    /// The caller is not root.
    #[error("relayhost must run as root: it reads and writes files that only root may see")]
    NotRoot,
    /// Reading, writing or looking at a file failed.
    #[error("cannot {action} `{}`: {source}", shown(.path))]
    Io {
        /// The attempt, as a verb: `read`, `write`, `rename`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Something that is no file lies in the place of a file.
    #[error("`{}` is {kind}, not a file", shown(.path))]
    NoFile {
        /// The path.
        path: PathBuf,
        /// The kind of thing.
        kind: Odd,
    },
    /// A file is larger than any file of its kind is.
    #[error("`{}` is larger than {limit} bytes", shown(.path))]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// A path is a symbolic link that is not to be followed.
    #[error("`{}` is a symbolic link that relayhost does not follow", shown(.path))]
    Symlink {
        /// The link.
        path: PathBuf,
    },
    /// A file of Postfix's is a symbolic link through which root may not write, or which leads to no file.
    #[error("`{}` is a symbolic link{}, and {problem}", shown(.path), .target.as_ref().map(|target| format!(" to `{}`", shown(target))).unwrap_or_default())]
    Linked {
        /// The link.
        path: PathBuf,
        /// The file that it leads to, if there is one.
        target: Option<PathBuf>,
        /// The reason, as a part of a sentence.
        problem: String,
    },
    /// A program that is needed is not on this host.
    #[error("`{program}` is not on this host")]
    ProgramMissing {
        /// Its name.
        program: String,
        /// The next step for a person.
        remedy: Advice,
    },
    /// A program ended with a status that means failure.
    #[error("`{command}` failed ({status}){}", tail(.stderr))]
    Program {
        /// Program and arguments.
        command: String,
        /// `exit status N`, `signal N`, or why it could not start.
        status: String,
        /// The last lines that it wrote to its standard error.
        stderr: String,
    },
    /// A program did not end in time and was killed.
    #[error("`{command}` did not end within {}, and was stopped{}", human(*.after), tail(.stderr))]
    Timeout {
        /// Program and arguments.
        command: String,
        /// Its time limit.
        after: Duration,
        /// The last lines that it wrote to its standard error.
        stderr: String,
    },
    /// A lock of the package manager is held.
    #[error("the package manager is locked by {holder}; gave up after {}", human(*.waited))]
    Locked {
        /// Process id, user and command of the holder, as far as known.
        holder: String,
        /// The time that relayhost waited.
        waited: Duration,
        /// The next step about the holder.
        remedy: Advice,
    },
    /// An RPM transaction is under way, and may be waiting for relayhost to end.
    #[error("an RPM transaction is under way: {holder} holds its lock{}", if .waited.is_zero() { String::new() } else { format!("; gave up after {}", human(*.waited)) })]
    InTransaction {
        /// Process id and command of the holder, as far as known.
        holder: String,
        /// The time that relayhost waited.
        waited: Duration,
    },
    /// /usr comes from an image, so nothing is installed here.
    #[error("this system comes from an image (rpm-ostree, bootc), and that has no {}", .missing.join(", "))]
    Image {
        /// Packages or commands that are missing.
        missing: Vec<String>,
    },
    /// The package manager ran, and yet something is missing.
    #[error("not installed: {}; `{command}` ended with {status}{}", .missing.join(", "), tail(.output))]
    NotInstalled {
        /// Packages or commands that are still missing.
        missing: Vec<String>,
        /// A capability that would meet the first of them, as a package manager knows it.
        asked: Option<String>,
        /// The package manager's command line.
        command: String,
        /// Its exit status, in words.
        status: String,
        /// Its last lines.
        output: String,
    },
    /// A directory of packages, or a file in it, cannot be used.
    #[error("`{}` {problem}", shown(.path))]
    Package {
        /// The directory or the file.
        path: PathBuf,
        /// The fault, to stand after its name.
        problem: String,
        /// The next step for a person.
        remedy: Advice,
    },
    /// The answers ask for TLS from the first byte, which this Postfix does not have.
    #[error(
        "TLS from the first byte (implicit_tls, port 465) needs Postfix 3.0 or later; this host has {version}"
    )]
    PostfixTooOld {
        /// The version here.
        version: String,
    },
    /// A type of lookup table that relayhost cannot build.
    #[error("this Postfix builds {kind} tables, and relayhost can build hash, btree, lmdb and texthash")]
    MapType {
        /// `default_database_type`.
        kind: String,
    },
    /// Postfix did not accept the configuration that relayhost was about to install.
    #[error("Postfix does not accept the new configuration: {reason}")]
    Staged {
        /// Postfix's message, or the value that Postfix reads differently.
        reason: String,
    },
    /// A lookup table does not contain what its source says.
    #[error("`{}` does not contain what its source says", shown(.database))]
    MapDiffers {
        /// The database.
        database: PathBuf,
    },
    /// Postfix is not running after the command that starts it.
    #[error("Postfix does not run after `{command}`{}", tail(.output))]
    NotRunning {
        /// The command that should have started it.
        command: String,
        /// Its message.
        output: String,
    },
    /// The test message could not be handed to Postfix.
    #[error("the mail command could not hand over the test message: {reason}")]
    Submission {
        /// Its message.
        reason: String,
    },
    /// There is no log in which the message could be followed.
    #[error("no mail log on this host: neither /var/log/maillog nor a journal")]
    NoLog,
    /// A log that was named cannot be read.
    #[error("`{name}` {problem}")]
    Log {
        /// The file, or what stands for it.
        name: String,
        /// The fault.
        problem: String,
        /// The next step for a person.
        remedy: Advice,
    },
    /// The directory of `--root` is not a tree that relayhost can work on.
    #[error("`{}` is not the root of an RPM system: {problem}", shown(.path))]
    Tree {
        /// The directory.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// Without /proc a host that runs looks like a tree that does not, and yet Postfix runs here.
    #[error(
        "there is no /proc, so relayhost cannot see whether this system is running; Postfix is running here, and would not be reloaded"
    )]
    NoProc,
    /// systemd would refuse to start Postfix.
    #[error("the unit postfix.service is masked: systemd is told never to start Postfix")]
    Masked,
    /// Cyrus SASL would take the plugin of this name instead of relayhost's.
    #[error("lib{0}.so in /usr/lib64/sasl2 would get the token instead of relayhost's plugin")]
    Rival(String),
    /// Postfix cannot read its own configuration.
    #[error("Postfix cannot read its configuration: {reason}{encoding}")]
    Unreadable {
        /// Its message.
        reason: String,
        /// The encoding of the file that Postfix cannot read.
        encoding: Encoding,
    },
    /// Postfix is there, and its main.cf is not.
    #[error("Postfix has no /etc/postfix/main.cf: no mail leaves")]
    NoMainCf,
    /// The host's Postfix sends to no relay.
    #[error("this host has no relay: `relayhost` in main.cf is empty or unreadable, or there is no Postfix")]
    NoRelay,
    /// Another run of relayhost is at work.
    #[error("{holder} is at work; gave up after {}", human(*.waited))]
    Busy {
        /// Its process, as far as known.
        holder: String,
        /// The time that relayhost waited.
        waited: Duration,
    },
    /// A record in the state directory cannot be used.
    #[error("`{}` cannot be used: {problem}", shown(.path))]
    Record {
        /// The record.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// There is no generation of that number that could be put back.
    #[error("{}", no_generation(*.number, *.is_damaged, .known))]
    NoGeneration {
        /// The number asked for; `None`: the last change that stayed.
        number: Option<u32>,
        /// The generations that are there.
        known: Vec<u32>,
        /// Whether its record was set aside, since it is damaged.
        is_damaged: bool,
        /// Whether the host has answers, by which the files can be made anew.
        is_answered: bool,
    },
    /// Somebody changed values by hand that relayhost had set, to others than the answers say.
    #[error("somebody changed what relayhost had set, and the answers say otherwise:\n    {}", .what.join("\n    "))]
    Foreign {
        /// Each such value: relayhost's, the present one, and the one of the answers.
        what: Vec<String>,
    },
    /// A change failed, and the previous files are in force again.
    #[error("{cause}\nthe previous configuration was restored{}{}", Edit::except(.edits), lines(.edits))]
    Undone {
        /// The error that stopped the change.
        cause: Box<Error>,
        /// Edits that somebody else made meanwhile.
        edits: Vec<Edit>,
    },
    /// A change failed, and so did putting the previous files back.
    #[error("{cause}\nand putting the previous configuration back failed as well: {undo}\nnow on disk: {}", .files.join(", "))]
    Stuck {
        /// The error that stopped the change.
        cause: String,
        /// The error that stopped putting back.
        undo: Box<Error>,
        /// Each managed file and whether it is old or new.
        files: Vec<String>,
        /// The generation that holds the previous files.
        generation: u32,
    },
    /// A signal has ended the run.
    #[error("{0}")]
    Interrupted(Box<Interruption>),
    /// A run was stopped while it changed files, and the record of the previous files is lost.
    #[error(
        "a run was stopped while it changed files, and they cannot be put back ({problem}); some of them are the old ones now, and some the new ones"
    )]
    Unrecovered {
        /// The fault of the record.
        problem: String,
    },
    /// An answers file was asked for, and there is none.
    #[error("nothing was written: {why}")]
    NotWritten {
        /// The reason.
        why: String,
        /// The next step for a person.
        remedy: Advice,
    },
    /// An identity provider gave no access token.
    #[error("{0}")]
    NoToken(Box<NoToken>),
    /// An error whose reason is known.
    #[error("{0}")]
    Explained(Box<Explained>),
    /// A file changed between being read and being replaced.
    #[error("`{}` was changed by somebody else while relayhost was at work ({found})", shown(.path))]
    ChangedMeanwhile {
        /// The file.
        path: PathBuf,
        /// The present file: its owner, and when it was written.
        found: String,
    },
}

impl Error {
    /// Makes the error that `action`, a verb, has failed at `path`; for `map_err`.
    pub fn io<'a, P: AsRef<Path> + ?Sized>(
        action: &'static str,
        path: &'a P,
    ) -> impl Fn(std::io::Error) -> Self + Copy + 'a {
        move |source| Self::Io { action, path: path.as_ref().to_owned(), source }
    }

    /// Whether a record of earlier runs is lost.
    pub fn is_lost_record(&self) -> bool {
        match self {
            Self::Record { .. } | Self::NoGeneration { .. } => true,
            Self::Stuck { undo, .. } => undo.is_lost_record(),
            _ => false,
        }
    }

    /// Whether the same call may succeed later with nothing changed.
    pub fn can_retry(&self) -> bool {
        match self {
            Self::Undone { cause, .. } => cause.can_retry(),
            Self::NoToken(why) => why.passes,
            Self::Explained(why) => why.error.can_retry(),
            _ => matches!(
                self,
                Self::Timeout { .. }
                    | Self::Locked { .. }
                    | Self::InTransaction { .. }
                    | Self::Busy { .. }
                    | Self::Interrupted(_)
                    | Self::ChangedMeanwhile { .. }
            ),
        }
    }
}
