//! How a command ended: one value, of which the screen (`cli/show`), the JSON document (`json`) and the journal's record
//! (`journald`) are three views. The engine makes it.

mod applied;
mod described;
mod history;
mod login;
mod sent;
mod status;
mod token;
mod watched;

use std::path::PathBuf;

use crate::error::{Error, Exit, Result};
use crate::model::leaving::Leaving;
use crate::model::log::report::Report;
use crate::model::log::stamp::Calendar;
use crate::model::log::story::Story;
use crate::model::message::delivery::Delivery;
use crate::model::message::trail::Author;
use crate::model::plan::{Finding, Plan, State};
use crate::model::probe::{Probe, Probes};
use crate::model::providers::{self, Preset, providers};
use crate::model::route::Way;
pub use applied::Applied;
pub use described::Described;
pub use history::{Change, Edited, Listed, Replaced, Restored};
pub use login::{Certified, LoggedIn};
pub use sent::{ByAccount, Drill, Drilled, Others, Verified, unlike_answers};
pub use status::Status;
pub use token::{Renewed, RenewedLogin};
pub use watched::{Alarmed, Told, Watched};

/// The end of a command, by the kind of command.
#[derive(Debug)]
pub enum Ended {
    /// `check`: the host was compared with the answers.
    Checked(Compared),
    /// `watch`: the same, and what has changed was told.
    Watched(Watched),
    /// `alarm`: the ways were tried.
    Alarmed(Alarmed),
    /// `status`: where the host stands.
    Stood(Status),
    /// `plan`: the same, shown as steps.
    Planned(Compared),
    /// `apply`, `repair`, and `pending` if something was due: the host was changed, or needed no change.
    Applied(Applied),
    /// `apply` and `repair` inside an RPM transaction: the order was recorded.
    Deferred(Deferred),
    /// `pending`: nothing was done.
    Idle(Idle),
    /// `verify`: a test message was sent.
    Verified(Verified),
    /// `drill`: a test message was sent by each fallback relay.
    Drilled(Drilled),
    /// `probe`: the relay was spoken to.
    Probed(Probes),
    /// `route`: the way of a message was looked up.
    Routed(Way),
    /// `recover`: the remains of a stopped run were cleared up. `None`: there were none.
    Recovered(Option<String>),
    /// `history`: the generations.
    Listed(Listed),
    /// `restore`: a generation was put back.
    Restored(Restored),
    /// `diagnose`: a log was read.
    Diagnosed(Diagnosed),
    /// `token`: access tokens were fetched, or need not be.
    Renewed(Renewed),
    /// `login`: a person has logged in.
    LoggedIn(LoggedIn),
    /// `login --new-certificate`: a certificate was made.
    Certified(Certified),
    /// `init`: answers were gathered.
    Written(Written),
    /// `init --describe`: the questions were shown.
    Described(Box<Described>),
    /// `providers`: the presets.
    Shown(Shown),
    /// Every command: an error ended it.
    Failed {
        /// The error.
        error: Error,
        /// The command line, as a shell reads it: a remedy may be to run it again.
        command: String,
    },
}

impl Ended {
    /// The exit status of the command.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Checked(compared) | Self::Planned(compared) if compared.is_in_order() => Exit::Done,
            Self::Checked(_) | Self::Planned(_) => Exit::Differs,
            Self::Applied(applied) => applied.exit(),
            Self::Renewed(renewed) => renewed.exit(),
            Self::Watched(watched) => watched.exit(),
            Self::Alarmed(alarmed) => alarmed.exit(),
            Self::Deferred(_) => Exit::Deferred,
            Self::Idle(idle) => idle.exit(),
            Self::Verified(verified) => verified.exit(),
            Self::Drilled(drilled) => drilled.worst().map_or(Exit::Done, Delivery::exit),
            Self::Probed(probes) => probes.worst().exit(),
            Self::Routed(way) => {
                if way.is_blocked() {
                    Exit::Differs
                } else {
                    Exit::Done
                }
            }
            Self::Stood(_)
            | Self::Recovered(_)
            | Self::Listed(_)
            | Self::Restored(_)
            | Self::LoggedIn(_)
            | Self::Certified(_)
            | Self::Described(_)
            | Self::Shown(_) => Exit::Done,
            Self::Diagnosed(diagnosed) => diagnosed.exit(),
            Self::Written(written) => written.exit(),
            Self::Failed { error, .. } => error.exit(),
        }
    }
}

/// The words for a recovery that had nothing to do.
pub const NOTHING_LEFT: &str = "nothing to clear up";

/// The host compared with the answers.
#[derive(Debug)]
pub struct Compared {
    /// The relay and the login by the answers, in one line.
    pub summary: String,
    /// The findings, and the actions that follow from them.
    pub plan: Plan,
    /// The words for the remains of a stopped run that were cleared up first.
    pub recovered: Option<String>,
    /// What is known of mail that leaves; `None` for `plan`, and while Postfix is not installed.
    pub leaving: Option<Box<Leaving>>,
    /// The findings that follow from that.
    pub mail: Vec<Finding>,
}

impl Compared {
    /// Whether the host is as the answers say, and nothing is amiss with mail that leaves.
    pub fn is_in_order(&self) -> bool {
        self.plan.is_in_order() && self.amiss().is_empty()
    }

    /// The names of what is amiss with mail that leaves.
    pub fn amiss(&self) -> Vec<&'static str> {
        self.leaving.as_ref().map(|leaving| leaving.amiss()).unwrap_or_default()
    }

    /// The numbers of findings, for each view of them.
    pub fn tally(&self) -> Tally {
        let count = |state| self.findings().filter(|finding| finding.state == state).count();
        let (differs, warnings) = (count(State::Differs), count(State::Warning));
        Tally { all: count(State::Fine) + differs + warnings, differs, warnings }
    }

    /// All findings.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.plan.findings.iter().chain(&self.mail)
    }
}

/// Numbers of findings. Notes do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// All.
    pub all: usize,
    /// Those that are not as they should be.
    pub differs: usize,
    /// Those that may keep mail from arriving.
    pub warnings: usize,
}

/// An order that was recorded inside an RPM transaction.
#[derive(Debug)]
pub struct Deferred {
    /// Process id and command of the transaction's holder.
    pub holder: String,
    /// The unit or the person that will carry the order out, and when.
    pub next: &'static str,
}

/// The reason why `pending` did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idle {
    /// Nothing waits.
    Nothing,
    /// It is too early to try again; the last attempt ended with this status.
    NotDue(Exit),
    /// There are no answers to apply yet.
    NoAnswers,
    /// This is a tree that is not running: its first boot does what waits.
    FirstBoot,
    /// The answers have no login by an access token that relayhost fetches.
    NoToken,
    /// The application of the answers needs no person.
    NoPerson,
}

impl Idle {
    /// The reason, in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Nothing => "nothing waits",
            Self::NotDue(_) => {
                "what waits is not to be tried yet; `relayhost check` says why, `relayhost pending` tries it now"
            }
            Self::NoAnswers => {
                "there are no answers yet: write /etc/relayhost/answers.toml, and run `relayhost apply`"
            }
            Self::NoToken => "the answers have no [auth.oauth], so there is no access token to fetch",
            Self::NoPerson => {
                "the application of the answers proves itself, so nobody has to log in (auth.oauth.flow)"
            }
            Self::FirstBoot => "nothing is started or sent here: what waits is done at the first boot",
        }
    }

    fn exit(self) -> Exit {
        match self {
            Self::Nothing | Self::NoAnswers | Self::NoToken | Self::NoPerson => Exit::Done,
            Self::NotDue(last) => last,
            Self::FirstBoot => Exit::Deferred,
        }
    }
}

/// The failures in a log, and the faults of the host.
#[derive(Debug)]
pub struct Diagnosed {
    /// The messages in the log.
    pub log: FromLog,
    /// Names of the sources that were read.
    pub sources: Vec<String>,
    /// A line for each source that could not be read, with the reason.
    pub trouble: Vec<String>,
    /// What else was seen: lines that were not read, messages that wait without a reason.
    pub notes: Vec<String>,
    /// Faults of the host; empty for a log from elsewhere.
    pub findings: Vec<Finding>,
    /// Whether it is the host's own log.
    pub own: bool,
    /// The possible writers of the log.
    pub author: Author,
    /// The zone and the year by which times are shown.
    pub calendar: Calendar,
}

/// The messages in a log.
#[derive(Debug)]
pub enum FromLog {
    /// All messages.
    All(Report),
    /// One message.
    One(Story),
}

impl Diagnosed {
    /// Whether no log of this host could be read: then the absence of failures says nothing.
    pub fn is_blind(&self) -> bool {
        self.own && self.sources.is_empty()
    }

    fn exit(&self) -> Exit {
        let in_log = match &self.log {
            FromLog::All(report) => report.has_failed(),
            FromLog::One(story) => story.has_failed(),
        };
        let has_failed = in_log || self.findings.iter().any(|finding| finding.state == State::Differs);
        match (has_failed, self.trouble.is_empty()) {
            (true, _) => Exit::Refused,
            // A source that could not be read may be full of failures.
            (false, false) if !self.own || self.is_blind() => Exit::Failed,
            (false, _) => Exit::Done,
        }
    }
}

/// The answers that `init` gathered.
#[derive(Debug)]
pub struct Written {
    /// The files that were written, the answers first; none if the relay refused.
    pub paths: Vec<PathBuf>,
    /// A line for each edit of somebody else's that was kept under another name, and for what could not be finished.
    pub notes: Vec<String>,
    /// The relay and the login by the answers, in one line.
    pub summary: String,
    /// The commands to call next.
    pub next: Vec<String>,
    /// The probe, if the relay was tried.
    pub probe: Option<Probe>,
}

impl Written {
    fn exit(&self) -> Exit {
        match &self.probe {
            Some(probe) if self.paths.is_empty() => probe.exit(),
            _ => Exit::Done,
        }
    }
}

/// The presets to show.
#[derive(Debug)]
pub enum Shown {
    /// All of them.
    All,
    /// One, explained.
    One {
        /// The name as it was typed, perhaps with a part.
        typed: String,
        /// The provider.
        preset: Preset,
    },
}

impl Shown {
    /// The preset of this name, or all without one. A name without its part is accepted too: the explanation names the
    /// parts.
    pub fn of(name: Option<&str>) -> Result<Self> {
        let Some(typed) = name else { return Ok(Self::All) };
        let preset = match (providers::find(typed), providers().get_key_value(typed)) {
            (Ok(preset), _) => preset,
            (Err(_), Some((name, provider))) => Preset { name, provider, host: None },
            (Err(complaint), None) => return Err(complaint.of("providers", None)),
        };
        Ok(Self::One { typed: typed.to_owned(), preset })
    }
}
