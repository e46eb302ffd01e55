//! The things that must be installed: capabilities and files, not package names, since the names differ from release to
//! release (`mailx` on EL7 and EL8 is `s-nail` on EL9).

use super::plugin::known;
use crate::model::desired::Desired;

/// One thing that the host must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// A package that provides this name.
    Package {
        /// The capability that `rpm -q --whatprovides` is asked for.
        name: String,
        /// Cyrus SASL plugin for which the package is needed (`plain`: libplain.so), if it is needed for one.
        plugin: Option<&'static str>,
    },
    /// A `mail` command.
    MailCommand,
}

/// Names under which a `mail` command can be installed, in the order to try: the path works on EL7 to EL9, `mailx`
/// where s-nail provides the name (Fedora since 14.9.24-8), `s-nail` is the package itself.
pub const MAIL_PACKAGES: [&str; 3] = ["/bin/mailx", "mailx", "s-nail"];

/// File names of a `mail` command.
pub const MAIL_PROGRAMS: [&str; 3] = ["mail", "mailx", "s-nail"];

impl Need {
    /// The capabilities of which any one meets it, in the order to try.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Package { name, .. } => vec![name],
            Self::MailCommand => MAIL_PACKAGES.to_vec(),
        }
    }

    /// The capability by which a package manager finds it.
    pub fn asked(&self) -> String {
        self.names().first().map(|name| (*name).to_owned()).unwrap_or_default()
    }

    /// Its name in output and in JSON.
    pub fn label(&self) -> &str {
        match self {
            Self::Package { name, .. } => name,
            Self::MailCommand => "mail command",
        }
    }
}

/// The package of PLAIN and LOGIN. It is installed for every other mechanism, too.
const PLAIN: &str = "cyrus-sasl-plain";

/// Everything that `desired` needs on the host, in the order in which it is shown.
pub fn needs(desired: &Desired) -> Vec<Need> {
    let package = |name: &str, plugin| Need::Package { name: name.to_owned(), plugin };
    let (plain, other) = match known(desired.any_mechanism().name()) {
        Some(kind) if kind.package == PLAIN => (Some(kind.plugin), None),
        other => (None, other),
    };
    let mut needs = vec![package("postfix", None), package("cyrus-sasl", None), package(PLAIN, plain)];
    needs.extend(other.map(|kind| package(kind.package, Some(kind.plugin))));
    needs.push(Need::MailCommand);
    needs.extend(desired.extra_packages.iter().map(|name| package(name, None)));
    needs
}
