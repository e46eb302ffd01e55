//! A run that a signal ended: the signal, and the state in which the run leaves the host.

use std::fmt;

use super::{Advice, Error, Exit};

/// A signal that ends a run: relayhost undoes what it began, and reports the state in which it leaves the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// The terminal went away.
    Hup = 1,
    /// Ctrl-C.
    Int = 2,
    /// `kill`, `systemctl stop`, a shutdown.
    Term = 15,
}

impl Signal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hup, Self::Int, Self::Term];

    /// Its number (signal(7)), the same on all of Linux.
    pub fn number(self) -> i32 {
        self as i32
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hup => "SIGHUP",
            Self::Int => "SIGINT",
            Self::Term => "SIGTERM",
        }
    }

    /// The name by which the sender knows it: the key, or the signal.
    pub fn key(self) -> &'static str {
        if self == Self::Int { "Ctrl-C" } else { self.name() }
    }

    /// The exit status, as a shell has it for the signal.
    fn exit(self) -> Exit {
        Exit::from_code(128 + self as u8)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        if *self == Self::Int { f.write_str(" (Ctrl-C)") } else { Ok(()) }
    }
}

/// The version of Postfix's files that is in force after a run that a signal ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// The previous files: the run had changed none.
    Unchanged,
    /// The previous files: the run had changed them, and has put them back.
    PutBack,
    /// The files that the run has written. The generation of this number holds the previous ones.
    New(u32),
}

/// The whereabouts of the test message after a run that a signal ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestMessage {
    /// The run took the message of this queue id out of the queue.
    TakenOut(String),
    /// The relay took the message of this queue id; nobody has seen it arrive.
    Taken(Option<String>),
    /// The message of this queue id had left the queue: it was delivered, or bounced.
    Left(String),
    /// Not known: the log had not shown the message and its queue id yet, or Postfix could not take it out of the queue.
    Unknown(Option<String>),
}

/// A signal, and the state in which the run that it ended leaves the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interruption {
    /// The signal.
    pub signal: Signal,
    /// The files that are in force.
    pub files: Files,
    /// Work that was done before the signal and is not undone, such as installed packages.
    pub stays: Vec<String>,
    /// The test message, if one was handed to Postfix.
    pub message: Option<TestMessage>,
}

impl Interruption {
    /// The end of a run that had changed nothing.
    pub fn new(signal: Signal) -> Self {
        Self { signal, files: Files::Unchanged, stays: Vec::new(), message: None }
    }

    /// The exit status.
    pub fn exit(&self) -> Exit {
        self.signal.exit()
    }

    /// The next step for a person.
    pub(super) fn step(&self) -> Advice {
        let message = match &self.message {
            Some(TestMessage::Unknown(Some(id))) => {
                format!("see by `postqueue -p` whether {id} is there, and take it out by `postsuper -d {id}`; then ")
            }
            Some(TestMessage::Unknown(None)) => {
                "see by `postqueue -p` whether the test message is there, and take it out by `postsuper -d` with its queue id; then ".into()
            }
            _ => String::new(),
        };
        let verify = match &self.message {
            Some(TestMessage::Taken(_)) => "sends another, and looks for its arrival",
            _ => "proves what is in force",
        };
        let step = match self.files {
            Files::New(generation) => format!(
                "{message}relayhost verify ({verify}), or `relayhost restore {generation}` (puts back what was there before)"
            ),
            _ => format!("{message}run `this command` again"),
        };
        step.into()
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ended by {}", self.signal)?;
        for text in &self.stays {
            write!(f, "\nnot undone: {text}")?;
        }
        match &self.message {
            None => {}
            Some(TestMessage::TakenOut(id)) => {
                write!(f, "\nthe test message {id} was taken out of the queue again")?;
            }
            Some(TestMessage::Taken(id)) => {
                let id = id.as_ref().map_or_else(String::new, |id| format!(" {id}"));
                write!(f, "\nthe relay took the test message{id}; whether it arrives was not seen")?;
            }
            Some(TestMessage::Left(id)) => write!(f, "\nthe test message {id} had left the queue already")?,
            Some(TestMessage::Unknown(Some(id))) => {
                write!(f, "\nthe test message {id} could not be taken out of the queue")?;
            }
            Some(TestMessage::Unknown(None)) => {
                f.write_str("\nthe test message may be in the queue: its queue id was not in the log yet")?;
            }
        }
        match self.files {
            Files::Unchanged if self.stays.is_empty() => f.write_str("\nnothing was changed"),
            Files::Unchanged => f.write_str("\nbeyond that, Postfix's configuration is untouched"),
            // `Error::Undone` says it.
            Files::PutBack => Ok(()),
            Files::New(_) if matches!(self.message, Some(TestMessage::Taken(_))) => {
                f.write_str("\nthe new configuration is in force")
            }
            Files::New(_) => f.write_str("\nthe new configuration is in force, and no message has proved it"),
        }
    }
}

impl Error {
    /// The signal that ended the run, if one did.
    pub fn interruption(&self) -> Option<&Interruption> {
        match self {
            Self::Interrupted(interruption) => Some(interruption),
            Self::Undone { cause, .. } => cause.interruption(),
            _ => None,
        }
    }

    /// Adds to the report of a run that a signal ended; leaves every other error as it is.
    #[must_use]
    pub fn interrupted_with(mut self, add: impl FnOnce(&mut Interruption)) -> Self {
        let mut error = &mut self;
        loop {
            match error {
                Self::Interrupted(interruption) => {
                    add(interruption);
                    break;
                }
                Self::Undone { cause, .. } => error = cause,
                _ => break,
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_in_force_what_was_undone_and_what_is_queued() {
        let early = Error::Interrupted(Box::new(Interruption::new(Signal::Int)));
        assert_eq!(early.to_string(), "ended by SIGINT (Ctrl-C)\nnothing was changed");
        assert_eq!(
            (early.exit(), early.hint("relayhost check").as_str()),
            (Exit::Int, "run `relayhost check` again")
        );
        let late = early.interrupted_with(|left| {
            left.stays.push("installed postfix".into());
            left.message = Some(TestMessage::TakenOut("4A".into()));
            left.files = Files::PutBack;
        });
        let undone = Error::Undone { cause: Box::new(late), edits: Vec::new() };
        assert_eq!(
            undone.to_string(),
            "ended by SIGINT (Ctrl-C)\nnot undone: installed postfix\nthe test message 4A was taken out of the queue again\nthe previous configuration was restored"
        );
        assert_eq!(undone.exit(), Exit::Int);
        let kept = undone.interrupted_with(|left| {
            left.files = Files::New(3);
            left.message = Some(TestMessage::Unknown(None));
        });
        assert!(kept.to_string().contains("in force, and no message has proved it"), "{kept}");
        let hint = kept.hint("relayhost apply");
        assert!(hint.contains("`postqueue -p`") && hint.contains("`relayhost restore 3`"));
        let taken = kept.interrupted_with(|left| left.message = Some(TestMessage::Taken(Some("4B".into()))));
        let words =
            "took the test message 4B; whether it arrives was not seen\nthe new configuration is in force";
        assert!(taken.to_string().contains(words), "{taken}");
    }

    #[test]
    fn an_undo_that_failed_is_8_whatever_began_it() {
        let stuck = Error::Stuck {
            cause: "ended by SIGTERM".into(),
            undo: Box::new(Error::NoLog),
            files: Vec::new(),
            generation: 1,
        };
        assert_eq!(stuck.exit(), Exit::Stuck);
        assert!(stuck.interruption().is_none());
    }

    #[test]
    fn the_exit_status_is_what_a_shell_has_for_the_signal() {
        for signal in Signal::ALL {
            assert_eq!(i32::from(signal.exit().code()), 128 + signal.number());
        }
    }
}
