//! Places in which Postfix's decisions are written, and the commands that take one back.

use std::fmt;
use std::path::Path;

use crate::error::typed;
use crate::model::observed::Version;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::shown::without_inline_tables;
use crate::model::postfix::tables::{is_built, path_of};

/// The place in which a decision is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// A parameter of main.cf.
    Main {
        /// Its name.
        parameter: &'static str,
        /// Number of the line that counts, from 1.
        line: usize,
    },
    /// A parameter that no file sets.
    Default {
        /// Its name.
        parameter: &'static str,
    },
    /// A parameter that is not in force yet: `apply` is to set it.
    Answers {
        /// Its name.
        parameter: &'static str,
    },
    /// A service of master.cf, or an option of one.
    Master {
        /// The service, `smtp/unix`.
        service: String,
        /// Number of the line, from 1.
        line: usize,
        /// The parameter that the option sets; `None`: the service itself.
        option: Option<&'static str>,
    },
    /// An entry of a lookup table.
    Table {
        /// The parameter that names the table.
        parameter: &'static str,
        /// `type:path`.
        table: String,
        /// The key under which the entry was found.
        key: String,
        /// Number of the line, from 1, where it is known.
        line: Option<usize>,
    },
}

impl Written {
    /// The parameter that decides, or names the table that decides.
    pub fn parameter(&self) -> &'static str {
        match self {
            Self::Main { parameter, .. }
            | Self::Default { parameter }
            | Self::Answers { parameter }
            | Self::Table { parameter, .. } => parameter,
            Self::Master { option, .. } => option.unwrap_or_default(),
        }
    }

    /// The file, as far as there is one.
    pub fn file(&self) -> Option<String> {
        match self {
            Self::Main { .. } => Some("/etc/postfix/main.cf".into()),
            Self::Master { .. } => Some("/etc/postfix/master.cf".into()),
            Self::Table { table, .. } => path_of(table).map(str::to_owned),
            Self::Default { .. } | Self::Answers { .. } => None,
        }
    }

    /// The number of the line, where it is known.
    pub fn line(&self) -> Option<usize> {
        match self {
            Self::Main { line, .. } | Self::Master { line, .. } => Some(*line),
            Self::Table { line, .. } => *line,
            Self::Default { .. } | Self::Answers { .. } => None,
        }
    }

    /// The place as the line of a hop has it: without the parameter's name where the hop has only one.
    pub fn short(&self) -> String {
        const OBVIOUS: [&str; 3] =
            ["smtp_sasl_password_maps", "smtp_generic_maps", "smtp_tls_security_level"];
        let all = self.to_string();
        let own = (!matches!(self, Self::Master { .. }) && OBVIOUS.contains(&self.parameter()))
            .then(|| format!("{}, ", self.parameter()));
        own.and_then(|own| Some(all.strip_prefix(&own)?.to_owned())).unwrap_or(all)
    }

    /// The commands that take the decision back, so that what would hold without it holds again.
    pub fn undo(&self, version: &Version) -> String {
        match self {
            Self::Main { parameter, .. } => format!("`postconf -X {parameter}`, then `postfix reload`"),
            Self::Default { parameter } => {
                format!("set {parameter} in main.cf (`postconf -e {parameter}=VALUE`), then `postfix reload`")
            }
            Self::Answers { .. } => "correct the answers, then `relayhost apply`".into(),
            Self::Master { service, line, option: Some(name) } => {
                if version.at_least(2, 11) {
                    format!("`postconf -PX {}`, then `postfix reload`", typed(format!("{service}/{name}")))
                } else {
                    format!(
                        "take `-o {name}=…` out of line {line} of /etc/postfix/master.cf, then `postfix reload`"
                    )
                }
            }
            Self::Master { service, line, option: None } => {
                format!("see line {line} of /etc/postfix/master.cf ({service})")
            }
            Self::Table { table, .. } if is_relayhosts(table) => "`relayhost repair`".into(),
            Self::Table { table, key, parameter, .. } => match (path_of(table), is_built(table)) {
                (Some(path), true) => {
                    let program = if *parameter == "alias_maps" { "postalias" } else { "postmap" };
                    format!(
                        "take the entry `{key}` out of {path}, then `{program} {}`",
                        typed(table.trim_start_matches("proxy:"))
                    )
                }
                (Some(path), false) => {
                    format!("take the line that fits `{key}` out of {path}, then `postfix reload`")
                }
                (None, _) => format!("take the entry `{key}` out of the table in {parameter}"),
            },
        }
    }
}

/// Whether a table is relayhost's as a whole, so that no entry is to be taken out of it.
fn is_relayhosts(table: &str) -> bool {
    let file = path_of(table).and_then(|path| Managed::map_at(Path::new(path)));
    matches!(file, Some(Managed::Senders | Managed::From | Managed::Logins))
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main { parameter, line } => write!(f, "{parameter}, main.cf line {line}"),
            Self::Default { parameter } => write!(f, "{parameter}, Postfix's default"),
            Self::Answers { parameter } => write!(f, "{parameter}, by the answers; not in force yet"),
            Self::Master { line, option: None, .. } => write!(f, "master.cf line {line}"),
            Self::Master { line, option: Some(name), .. } => write!(f, "-o {name}, master.cf line {line}"),
            Self::Table { parameter, table, key, line } => {
                write!(f, "{parameter}, {}", without_inline_tables(table))?;
                line.iter().try_for_each(|line| write!(f, " line {line}"))?;
                write!(f, ", key {key}")
            }
        }
    }
}
