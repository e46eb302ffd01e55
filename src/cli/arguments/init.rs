//! The options of `init`, which stand for the answers to its questions.

use std::path::PathBuf;

use clap::Args;

use super::Output;
use crate::engine::load;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Init {
    /// A provider of `relayhost providers`, with its part: gmail, ses/eu-west-1
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// The relay's host name or address
    #[arg(long, value_name = "NAME")]
    pub host: Option<String>,
    /// The relay's port
    #[arg(long, value_name = "NUMBER")]
    pub port: Option<i64>,
    /// How much TLS is asked for
    #[arg(long, value_name = "LEVEL", value_parser = ["none", "may", "encrypt", "verify", "secure"])]
    pub tls: Option<String>,
    /// The login's name
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// The answers name this file for the password: root's, mode 0600, one line
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Log in by an access token: certificate, secret, device, code; service-account with Google. The password's options are
    /// then those of the certificate, the client secret or the key
    #[arg(long, value_name = "WORD")]
    pub flow: Option<String>,
    /// Microsoft: the tenant, as an id or a domain
    #[arg(long, value_name = "NAME", requires = "flow")]
    pub tenant: Option<String>,
    /// The application's id
    #[arg(long, value_name = "ID", requires = "flow")]
    pub client_id: Option<String>,
    /// The day on which the client secret ends: check warns 30, 7 and 1 days before
    #[arg(long, value_name = "DAY", requires = "flow")]
    pub client_secret_ends: Option<String>,
    /// Read the password from standard input: its first line. It is never an argument, since anybody can see those
    #[arg(long, conflicts_with = "password_file")]
    pub password_stdin: bool,
    /// Change the password of the answers that are there, or the client secret, and nothing else
    #[arg(long, conflicts_with_all = ["provider", "host", "port", "tls", "username", "flow", "inline_password", "rewrite", "sender", "sender_name", "to", "root_to"])]
    pub new_password: bool,
    /// Write the password into the answers file, not into a file of its own
    #[arg(long, conflicts_with = "password_file")]
    pub inline_password: bool,
    /// A local sender and the address that the relay sees instead; may be repeated. `none`: nothing is rewritten
    #[arg(long, value_name = "LOCAL=PUBLIC")]
    pub rewrite: Vec<String>,
    /// The address as which everybody on this host sends who has no --rewrite
    #[arg(long, value_name = "ADDRESS")]
    pub sender: Option<String>,
    /// The name beside it, such as "{user} on {host}"
    #[arg(long, value_name = "TEXT")]
    pub sender_name: Option<String>,
    /// Where the test message goes
    #[arg(long, value_name = "ADDRESS")]
    pub to: Option<String>,
    /// Whoever is to have root's mail, by /etc/aliases; may be repeated
    #[arg(long, value_name = "ADDRESS")]
    pub root_to: Vec<String>,
    /// The answers to the questions as JSON, from a file of root's or `-`, standard input: {"relay": "gmail", "user": …}; what it leaves
    /// out is as it was, or as a person would be offered it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["provider", "host", "port", "tls", "username", "password_file", "password_stdin", "new_password", "flow", "rewrite", "sender", "sender_name", "to", "root_to"])]
    pub from: Option<PathBuf>,
    /// Write nothing: show the questions, how they are answered by --from, and which one is open
    #[arg(long, conflicts_with_all = ["provider", "host", "port", "tls", "username", "password_file", "password_stdin", "new_password", "inline_password", "flow", "rewrite", "sender", "sender_name", "to", "root_to", "force", "no_probe"])]
    pub describe: bool,
    /// The answers file to write
    #[arg(long, value_name = "FILE", default_value = load::DEFAULT)]
    pub output: PathBuf,
    /// Change answers that are there, and leave what no option is about; at a terminal the person is asked
    #[arg(long)]
    pub force: bool,
    /// Write without trying the relay
    #[arg(long)]
    pub no_probe: bool,
    #[command(flatten)]
    pub shown: Output,
}
