//! A remedy in words, in which relayhost's own commands and keys of the answers are values: which command line a command
//! is depends on what was typed, and on whether `apply` would refuse; and a person at a terminal is asked again instead.

use std::fmt;

use super::BY_HAND;

/// The next step for a person. It is written in one notation, which is read once, when the value is made: between
/// backquotes stand commands. Those that `OwnCommand` lists, and the keys that `AnswerKey` lists, become values, and all else
/// is words. So nobody has to search a finished sentence for a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advice(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Words(String),
    Command(OwnCommand, Manner),
    Key(AnswerKey),
}

/// A command of relayhost's.
#[derive(Debug, Clone, PartialEq, Eq)]
enum OwnCommand {
    /// The command that has stopped, whichever it was.
    This,
    /// `relayhost apply`.
    Apply,
    /// `relayhost apply --force`.
    Force,
    /// `relayhost repair`.
    Repair,
    /// `relayhost probe`.
    Probe,
    /// `relayhost init`.
    Init,
    /// `relayhost init --new-password`.
    NewPassword,
    /// A command line, as it was typed.
    Line(String),
}

/// The way in which a command stands in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Manner {
    /// It is a whole step, and the text in parentheses says what it does: "`relayhost repair` (sets it)".
    Alone(String),
    /// It is to be run after another step, and these words are around it: "correct it, and run `relayhost apply`".
    Run(&'static str, &'static str),
    /// It is named: "`relayhost apply` puts the file back".
    Named,
}

/// A key of the answers file that `init` takes as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AnswerKey {
    /// `relay.host`.
    Host,
    /// `port` under `[relay]`.
    Port,
}

impl OwnCommand {
    const NOTATION: [(&'static str, Self); 7] = [
        ("this command", Self::This),
        ("relayhost apply", Self::Apply),
        ("relayhost apply --force", Self::Force),
        ("relayhost repair", Self::Repair),
        ("relayhost probe", Self::Probe),
        ("relayhost init", Self::Init),
        ("relayhost init --new-password", Self::NewPassword),
    ];
}

impl AnswerKey {
    const NOTATION: [(&'static str, Self); 2] = [("relay.host", Self::Host), ("port", Self::Port)];

    fn flag(self) -> &'static str {
        match self {
            Self::Host => "--host",
            Self::Port => "--port",
        }
    }
}

/// The value of this notation.
fn named<T: Clone, const N: usize>(notation: &[(&str, T); N], text: &str) -> Option<T> {
    notation.iter().find(|(name, _)| *name == text).map(|(_, value)| value.clone())
}

/// The notation of this value.
fn name<T: PartialEq, const N: usize>(notation: &[(&'static str, T); N], value: &T) -> &'static str {
    notation.iter().find(|(_, one)| one == value).map_or("", |(name, _)| name)
}

/// The text before the next command between backquotes, the command, and the text after it.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once('`')?;
    let (command, after) = rest.split_once('`')?;
    Some((before, command, after))
}

impl Manner {
    /// The manner in which a command stands between these words. What belongs to the command is taken from them.
    fn between<'a>(own: &OwnCommand, before: &mut String, is_first: bool, after: &'a str) -> (Self, &'a str) {
        let is_step = if before.is_empty() { is_first } else { before.ends_with("; ") };
        let (aside, rest) = aside(after);
        if is_step && (rest.is_empty() || rest.starts_with(';')) {
            return (Self::Alone(aside.to_owned()), rest);
        }
        let behind = if *own == OwnCommand::This { " again" } else { "" };
        let is_run = before.ends_with("run ");
        match after.strip_prefix(behind) {
            Some(rest) if is_run => {
                before.truncate(before.len() - "run ".len());
                (Self::Run("run ", behind), rest)
            }
            Some(rest) if before.ends_with("then ") => (Self::Run("", behind), rest),
            _ => (Self::Named, after),
        }
    }
}

/// The text in parentheses at the beginning of a text, with the blank before it, and the rest.
fn aside(text: &str) -> (&str, &str) {
    let end = text.strip_prefix(" (").and_then(|rest| rest.find(')')).map(|at| at + " ()".len());
    end.and_then(|end| text.split_at_checked(end)).unwrap_or(("", text))
}

impl Advice {
    /// Reads the notation.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let (mut read, mut words, mut rest) = (Self::default(), String::new(), text.as_str());
        while let Some((before, command, after)) = next(rest) {
            words.push_str(before);
            rest = after;
            if let Some(key) = named(&AnswerKey::NOTATION, command) {
                read.push(Piece::Words(std::mem::take(&mut words)));
                read.push(Piece::Key(key));
            } else if let Some(own) = named(&OwnCommand::NOTATION, command) {
                let (manner, after) = Manner::between(&own, &mut words, read.is_empty(), after);
                rest = after;
                read.push(Piece::Words(std::mem::take(&mut words)));
                read.push(Piece::Command(own, manner));
            } else {
                words.extend(["`", command, "`"]);
            }
        }
        words.push_str(rest);
        read.push(Piece::Words(words));
        read
    }

    fn push(&mut self, part: Piece) {
        if part != Piece::Words(String::new()) {
            self.0.push(part);
        }
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The sentence. The command that has stopped is `the same command` in it.
    pub fn text(&self) -> String {
        self.to_string()
    }

    /// The sentence for somebody who has typed this command line, as a shell reads it.
    pub fn for_command(&self, typed: &str) -> String {
        let apply = if typed.starts_with("relayhost apply") { typed } else { "relayhost apply" };
        self.with(|own, _| match own {
            OwnCommand::This => Some(line(typed)),
            OwnCommand::Force => Some(line(&format!("{apply} --force"))),
            _ => None,
        })
        .text()
    }

    /// The same steps, with this command line in place of `relayhost apply`.
    #[must_use]
    pub fn applied_by(&self, typed: &str) -> Self {
        self.with(|own, _| (*own == OwnCommand::Apply).then(|| line(typed)))
    }

    /// The same steps where a value is another person's: `apply` refuses then, and `repair` would overwrite the value
    /// without a word.
    #[must_use]
    pub fn forced(&self) -> Self {
        self.with(|own, manner| match (own, manner) {
            (OwnCommand::Repair, Manner::Alone(_)) => Some(Instead::Steps(Self::new(BY_HAND))),
            (OwnCommand::Apply | OwnCommand::Repair, _) => Some(Instead::Command(OwnCommand::Force)),
            _ => None,
        })
    }

    /// The same steps for a person whose question is put again.
    #[must_use]
    pub fn asked_again(&self) -> Self {
        self.with(|own, manner| match (own, manner) {
            (OwnCommand::This, Manner::Run(..)) => Some(Instead::Steps(Self::new("answer once more"))),
            _ => None,
        })
    }

    /// The same steps for a person who is asked next which answer to correct, and has no answers file yet to apply.
    #[must_use]
    pub fn asked_next(&self) -> Self {
        self.unwritten().with(|own, manner| match (own, manner) {
            (OwnCommand::Apply, Manner::Run(..)) => {
                Some(Instead::Steps(Self::new("answer the next question")))
            }
            _ => None,
        })
    }

    /// The same steps on a host without answers, where nothing can be applied before there are some. Steps that begin with
    /// `init` stay.
    #[must_use]
    pub fn unanswered(&self) -> Self {
        if self.0.iter().any(|part| matches!(part, Piece::Command(OwnCommand::Init, _))) {
            return self.clone();
        }
        self.unwritten().with(|own, manner| match (own, manner) {
            // What is said of a command holds without answers too.
            (_, Manner::Named) => None,
            (OwnCommand::Probe, _) => Some(line("relayhost probe --current")),
            (OwnCommand::Apply | OwnCommand::Force | OwnCommand::Repair, _) => {
                Some(Instead::Command(OwnCommand::Init))
            }
            _ => None,
        })
    }

    /// The same steps after a probe was made: without the first one, if that is to make it.
    #[must_use]
    pub fn probed(&self) -> Self {
        self.without_first(&OwnCommand::Probe)
    }

    /// The same steps where no answers are written: without the first one, if that is to change their password.
    #[must_use]
    pub fn unwritten(&self) -> Self {
        self.without_first(&OwnCommand::NewPassword)
    }

    /// The steps after the first one, if that is this command.
    fn without_first(&self, command: &OwnCommand) -> Self {
        let [Piece::Command(first, Manner::Alone(_)), rest @ ..] = self.0.as_slice() else {
            return self.clone();
        };
        if first != command {
            return self.clone();
        }
        let mut rest = rest.to_vec();
        if let Some(Piece::Words(words)) = rest.first_mut() {
            let next = words.trim_start_matches("; ");
            *words = next.strip_prefix("or ").unwrap_or(next).to_owned();
        }
        Self(rest)
    }

    /// The same steps for whoever gives answers as flags of `init`.
    #[must_use]
    pub fn by_flags(&self) -> Self {
        let flag = |part: &Piece| match part {
            Piece::Key(key) => Piece::Words(key.flag().to_owned()),
            other => other.clone(),
        };
        Self(self.0.iter().map(flag).collect())
    }

    /// These steps, and those after them.
    #[must_use]
    pub fn and(mut self, other: impl Into<Self>) -> Self {
        self.0.extend(other.into().0);
        self
    }

    fn with(&self, change: impl Fn(&OwnCommand, &Manner) -> Option<Instead>) -> Self {
        let one = |part: &Piece| match part {
            Piece::Command(own, manner) => match change(own, manner) {
                Some(Instead::Command(other)) => vec![Piece::Command(other, manner.clone())],
                Some(Instead::Steps(other)) => other.0,
                None => vec![part.clone()],
            },
            _ => vec![part.clone()],
        };
        Self(self.0.iter().flat_map(one).collect())
    }
}

/// What takes the place of a command.
enum Instead {
    Command(OwnCommand),
    Steps(Advice),
}

fn line(typed: &str) -> Instead {
    Instead::Command(OwnCommand::Line(typed.to_owned()))
}

impl fmt::Display for OwnCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::This => f.write_str("the same command"),
            Self::Line(typed) => write!(f, "`{typed}`"),
            _ => write!(f, "`{}`", name(&Self::NOTATION, self)),
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Piece::Words(words) => f.write_str(words),
            Piece::Command(own, Manner::Alone(aside)) => write!(f, "{own}{aside}"),
            Piece::Command(own, Manner::Run(before, behind)) => write!(f, "{before}{own}{behind}"),
            Piece::Command(own, Manner::Named) => write!(f, "{own}"),
            Piece::Key(key) => write!(f, "`{}`", name(&AnswerKey::NOTATION, key)),
        })
    }
}

impl From<String> for Advice {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Advice {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<&String> for Advice {
    fn from(text: &String) -> Self {
        Self::new(text.as_str())
    }
}

#[cfg(test)]
#[path = "advice_tests.rs"]
mod tests;
