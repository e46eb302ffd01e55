//! The command line: the commands, and the options of each. Their doc comments are the help texts.

mod apply;
mod init;
mod output;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::engine::defer::Slot;
use crate::engine::load;
use crate::model::leaving::Limits;
use crate::model::log::stamp::Since;
use crate::model::text;
pub use apply::{Apply, Change, OnFailure, Repair};
pub use init::Init;
pub use output::{Json, Output};

/// Gives an RPM-based host working outgoing mail through an SMTP relay, and proves it.
#[derive(Debug, Parser)]
#[command(name = "relayhost", version)]
pub struct Arguments {
    /// Without one, `status` is shown, and the commands to begin with.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The exit statuses, and what each says.
pub const EXIT_STATUS: [(&str, &str); 11] = [
    ("0", "done, or nothing to do"),
    ("1", "could not; the message says what"),
    ("2", "wrong usage, or answers that are not valid"),
    (
        "3",
        "check, plan, watch: the host differs from the answers; check, watch: mail does not leave, or a limit of age is passed; route: a \
         hop keeps the message from leaving; apply: somebody changed by hand what is to be set",
    ),
    (
        "4",
        "the relay refused the message, or would (probe, and apply before it changes anything), or the identity provider \
         gives no token (token, login, apply); diagnose: something failed",
    ),
    (
        "5",
        "no final word from the relay before the deadline, or none from the identity provider, or one that only a message \
         can bring (probe); apply: nothing was changed, or the new configuration is in force because none before it had worked",
    ),
    (
        "6",
        "inside an RPM transaction: recorded, and done when it is over; pending in a tree: at its first boot",
    ),
    (
        "7",
        "the relay refused, or took no message before the deadline, and the previous configuration was put back",
    ),
    ("8", "putting it back failed; the message names what is on disk"),
    (
        "129, 130, 143",
        "ended by SIGHUP, Ctrl-C (SIGINT), SIGTERM, and undone; the message names what is in force",
    ),
    ("check --nagios:", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN, also for wrong usage"),
];

#[expect(clippy::large_enum_variant, reason = "there is one value for each run")]
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write an answers file: asks on a terminal, takes flags without one; knows the providers, and tries the relay first
    Init(Init),
    /// Show where this host stands: relay, mail, queue, what waits, and the next step; changes nothing
    Status(Output),
    /// Compare the host with the answers; changes nothing
    Check(Check),
    /// Look as check does, and tell what has begun and what is over by the alarms of the answers; relayhost-watch.timer runs this
    Watch(Watch),
    /// Try the ways by which watch tells what is wrong
    Alarm(Alarm),
    /// Show what apply would do, as steps and a diff; passwords are never shown
    Plan(Common),
    /// Install what is missing, configure Postfix, and send a test message through the relay
    Apply(Apply),
    /// Clear up after a run that was stopped, mend what is not as the answers say, and send the test message
    Repair(Repair),
    /// Send the test message and follow it to the relay's reply; changes nothing
    Verify(Verify),
    /// Send a test message by each fallback relay, as if those before it could not be reached; changes nothing
    Drill(Drill),
    /// Speak to the relay as Postfix would, without sending mail: name, TLS, login, sender, recipient; changes nothing
    Probe(Probe),
    /// Say how a message submitted on this host would leave, hop by hop, and where each hop is decided; changes nothing
    Route(Route),
    /// Read the mail log and name each failure, its cause and its remedy; changes nothing
    Diagnose(Diagnose),
    /// For RPM scriptlets, triggers and hooks: record what is wanted; prints nothing, and always ends with 0
    #[command(after_help = "%post:   relayhost scriptlet post \"$1\" --for NAME")]
    Scriptlet(Scriptlet),
    /// Do what was recorded inside RPM transactions, when they are over; relayhost-pending.service runs this
    Pending(Pending),
    /// Clear up after a run that was stopped, and nothing else; relayhost-recover.service runs this at boot
    Recover(Output),
    /// Log in once as a person, for the access tokens of [auth.oauth]; or make the certificate of an application
    Login(Login),
    /// Fetch the access tokens of logins by [auth.oauth] when they are due, and give them to Postfix
    Token(Token),
    /// List the relay providers that are known, or explain one: what to have ready, what will bite, what its replies mean
    Providers(Providers),
    /// List the recorded generations: what was there before each change; with a number, what that change did, as a diff
    History(History),
    /// Put a generation back, byte for byte; without a number the newest, which undoes the last change
    Restore(Restore),
}

#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    pub common: Common,
    /// One line and performance data, and the exit status of a monitoring plugin
    #[arg(long, conflicts_with = "json")]
    pub nagios: bool,
    /// Figures for Prometheus, as the textfile collector of its node_exporter reads them
    #[arg(long, conflicts_with_all = ["json", "nagios"])]
    pub prometheus: bool,
    #[command(flatten)]
    pub ages: Ages,
}

#[derive(Debug, Args)]
pub struct Watch {
    #[command(flatten)]
    pub common: Common,
    /// How long something has to be amiss before an incident opens; 0s: from the first look on
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = text::parse_wait)]
    pub open_after: Duration,
    #[command(flatten)]
    pub ages: Ages,
}

#[derive(Debug, Args)]
pub struct Alarm {
    #[command(flatten)]
    pub common: Common,
    /// Tell each way a test, and say what it answered
    #[arg(long, required = true)]
    pub test: bool,
}

#[derive(Debug, Args)]
pub struct Ages {
    /// How long a message may wait for the relay
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = text::parse_age)]
    pub max_queue_age: Duration,
    /// How long ago the relay may have taken the last message
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = text::parse_age)]
    pub max_proof_age: Duration,
}

impl Ages {
    pub fn limits(&self) -> Limits {
        Limits { queue: self.max_queue_age, proof: self.max_proof_age }
    }
}

#[derive(Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    pub common: Common,
    /// Send it there, instead of to verify.to of the answers
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,
    /// Send it to root of this host, and follow it to whoever gets root's mail
    #[arg(long, conflicts_with = "to")]
    pub root: bool,
    /// Send one by each account of the answers too, from its own sender, and probe each server of a route
    #[arg(long, conflicts_with_all = ["to", "root"])]
    pub all: bool,
    /// How long to wait for the relay's reply [default: verify.deadline of the answers, or 90s]
    #[arg(long, value_name = "TIME", value_parser = text::parse_duration)]
    pub deadline: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct Drill {
    #[command(flatten)]
    pub common: Common,
    /// Send it there, instead of to verify.to of the answers
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,
    /// How long to wait for each relay's reply [default: verify.deadline of the answers, or 90s]
    #[arg(long, value_name = "TIME", value_parser = text::parse_duration)]
    pub deadline: Option<Duration>,
}

#[derive(Debug, Args)]
pub struct Probe {
    #[command(flatten)]
    pub common: Common,
    /// Try what this host's Postfix is set to now, instead of the answers
    #[arg(long)]
    pub current: bool,
    /// Try each relay and account of the answers once, and each server of a route
    #[arg(long, conflicts_with = "current")]
    pub all: bool,
    /// How long all of it may take, or with `--all` each of them
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = text::parse_duration)]
    pub timeout: Duration,
}

#[derive(Debug, Args)]
pub struct Route {
    #[command(flatten)]
    pub common: Common,
    /// The sender; `<>` is the null sender [default: the one of the alerts by the answers, or root]
    #[arg(long, value_name = "ADDRESS", value_parser = text::parse_sender)]
    pub from: Option<String>,
    /// The recipient [default: verify.to of the answers]
    #[arg(long, value_name = "ADDRESS", value_parser = text::parse_recipient)]
    pub to: Option<String>,
}

#[derive(Debug, Args)]
pub struct Diagnose {
    /// Log files, compressed or not, in any order, and mails, listings, or pieces of them; `-` reads standard input, which
    /// may be a paste [default: this host's own log]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// From when on: how long ago (24h, 7d) or a date [default: 24h of this host's log, all of a file]
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    pub since: Option<Since>,
    /// Tell the story of one message
    #[arg(long, value_name = "ID", value_parser = queue_id)]
    pub queue_id: Option<String>,
    /// Stay with this host's own log, and say when something fails; Ctrl-C ends it
    #[arg(long, conflicts_with_all = ["files", "since", "queue_id"])]
    pub follow: bool,
    /// The answers, if there are any; for this host's own log only
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    pub answers: Option<PathBuf>,
    /// Replace names of hosts, addresses, users and tokens, the same by the same, to show the result to others
    #[arg(long, conflicts_with = "follow")]
    pub redact: bool,
    #[command(flatten)]
    pub output: Output,
}

fn queue_id(text: &str) -> Result<String, String> {
    let is_id = (5..=28).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric());
    if is_id { Ok(text.to_owned()) } else { Err("a queue id has 5 to 28 letters and digits".into()) }
}

#[derive(Debug, Args)]
pub struct Scriptlet {
    /// The slot
    #[arg(value_enum)]
    pub slot: Slot,
    /// The scriptlet's $1: how many of the package there are when the transaction is over
    #[arg(default_value = "1")]
    pub instances: u32,
    /// The package whose scriptlet it is, and which asks for a relay
    #[arg(long = "for", value_name = "NAME", conflicts_with = "changed")]
    pub asker: Option<String>,
    /// For triggers and hooks: the package that came, went or changed
    #[arg(long, value_name = "NAME")]
    pub changed: Option<String>,
}

#[derive(Debug, Args)]
pub struct Pending {
    /// Only if it is time to try again
    #[arg(long)]
    pub due: bool,
    #[command(flatten)]
    pub output: Output,
    /// How long to wait for package managers to end
    #[arg(long, value_name = "TIME", default_value = "30m", value_parser = text::parse_duration)]
    pub lock_timeout: Duration,
}

#[derive(Debug, Args)]
pub struct Login {
    #[command(flatten)]
    pub common: Common,
    /// Which login, where the answers have several: its username
    #[arg(long = "as", value_name = "USER")]
    pub user: Option<String>,
    /// Make a certificate and its key where auth.oauth.certificate of the answers has its place, instead of logging in
    #[arg(long)]
    pub new_certificate: bool,
    /// Make another certificate beside the one that is there
    #[arg(long, requires = "new_certificate")]
    pub force: bool,
    /// How long to wait for another relayhost to end
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = text::parse_duration)]
    pub lock_timeout: Duration,
}

#[derive(Debug, Args)]
pub struct Token {
    #[command(flatten)]
    pub common: Common,
    /// Fetch others in any case
    #[arg(long)]
    pub force: bool,
    /// Show what each says of itself: audience, application, roles or scopes, tenant; never the token
    #[arg(long)]
    pub show: bool,
    /// How long to wait for another relayhost to end
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = text::parse_duration)]
    pub lock_timeout: Duration,
}

#[derive(Debug, Args)]
pub struct Providers {
    /// The provider, alone or with its part: ses, ses/eu-west-1
    pub name: Option<String>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct History {
    /// Number of the generation whose change is shown; passwords are never shown
    #[arg(value_parser = text::parse_number)]
    pub number: Option<u32>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
pub struct Restore {
    /// Number, as history lists it; 0 is the host as relayhost found it
    #[arg(value_parser = text::parse_number)]
    pub number: Option<u32>,
    #[command(flatten)]
    pub output: Output,
    /// How long to wait for another relayhost to end
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = text::parse_duration)]
    pub lock_timeout: Duration,
}

// Options of several commands.

#[derive(Debug, Args)]
pub struct Common {
    /// The answers file; `-` reads standard input
    #[arg(long, value_name = "FILE", default_value = load::DEFAULT)]
    pub answers: PathBuf,
    #[command(flatten)]
    pub output: Output,
}
