//! Exit statuses of the commands.

use super::Error;

/// The exit status, one table for all commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// The command failed; the message says why.
    Failed = 1,
    /// Wrong usage, or answers that are not valid.
    Usage = 2,
    /// `check` and `plan`: the host differs from the answers; `check`: mail does not leave.
    Differs = 3,
    /// The relay refused the message, or the identity provider a token.
    Refused = 4,
    /// No final word from the relay before the deadline, or none from the identity provider.
    NoWord = 5,
    /// Inside an RPM transaction: recorded, to be done when it is over; in a tree that is not running, at its first boot.
    Deferred = 6,
    /// The relay refused, and the previous configuration was put back.
    PutBack = 7,
    /// Putting the previous configuration back failed.
    Stuck = 8,
    /// Ended by SIGHUP: 128 and the signal's number, as in a shell.
    Hup = 129,
    /// Ended by SIGINT.
    Int = 130,
    /// Ended by SIGTERM.
    Term = 143,
}

impl Exit {
    const ALL: [Self; 12] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Differs,
        Self::Refused,
        Self::NoWord,
        Self::Deferred,
        Self::PutBack,
        Self::Stuck,
        Self::Hup,
        Self::Int,
        Self::Term,
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The status of a recorded number; a number that no version of relayhost has given counts as a failure.
    pub fn from_code(code: u8) -> Self {
        Self::ALL.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::Failed)
    }
}

impl Error {
    /// Whether it says for certain that no mail leaves: Postfix has no main.cf, which may be a link to nothing, or cannot
    /// read it.
    pub fn stops_mail(&self) -> bool {
        match self {
            Self::NoMainCf | Self::Unreadable { .. } => true,
            Self::Linked { path, target: None, .. } => path.ends_with("main.cf"),
            _ => false,
        }
    }

    /// The exit status that this error ends a command with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Answers { .. }
            | Self::Exposed { .. }
            | Self::Untrusted { .. }
            | Self::NoGeneration { .. }
            | Self::Tree { .. } => Exit::Usage,
            Self::InTransaction { .. } => Exit::Deferred,
            Self::NoProc => Exit::NoWord,
            Self::Foreign { .. } => Exit::Differs,
            Self::Stuck { .. } | Self::Unrecovered { .. } => Exit::Stuck,
            Self::Undone { cause, .. } => cause.exit(),
            Self::NoToken(why) => why.exit(),
            Self::Explained(why) => why.error.exit(),
            Self::Interrupted(interruption) => interruption.exit(),
            _ => Exit::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_main_cf_that_is_gone_a_link_to_nothing_or_unreadable_stops_mail_and_others_do_not() {
        let link = |name: &str, target: Option<&str>| Error::Linked {
            path: name.into(),
            target: target.map(Into::into),
            problem: "leads to nothing".into(),
        };
        let unreadable = Error::Unreadable { reason: "x".into(), encoding: crate::error::Encoding::Plain };
        for error in [Error::NoMainCf, unreadable, link("/etc/postfix/main.cf", None)] {
            assert!(error.stops_mail(), "{error}");
        }
        for error in
            [link("/etc/postfix/main.cf", Some("/x")), link("/etc/postfix/generic", None), Error::NoLog]
        {
            assert!(!error.stops_mail(), "{error}");
        }
    }

    /// Place in `ALL`. Does not compile without an arm for a new status, which is the moment to add it to `ALL`.
    fn place(exit: Exit) -> usize {
        match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Differs => 3,
            Exit::Refused => 4,
            Exit::NoWord => 5,
            Exit::Deferred => 6,
            Exit::PutBack => 7,
            Exit::Stuck => 8,
            Exit::Hup => 9,
            Exit::Int => 10,
            Exit::Term => 11,
        }
    }

    #[test]
    fn the_table_has_every_status() {
        let places: Vec<usize> = Exit::ALL.into_iter().map(place).collect();
        assert_eq!(places, (0..Exit::ALL.len()).collect::<Vec<usize>>());
    }

    #[test]
    fn a_number_is_its_exit_again() {
        for code in (0..=8).chain([129, 130, 143]) {
            assert_eq!(Exit::from_code(code).code(), code);
        }
        assert_eq!(Exit::from_code(99), Exit::Failed);
    }
}
