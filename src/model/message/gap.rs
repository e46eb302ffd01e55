//! Reasons why a log that anybody can write to may lack lines of Postfix. Then it proves nothing: a forger's line may be the
//! only end of the message in it.

use std::path::Path;

use crate::error::typed;
use crate::model::text::quoted;

/// A reason why the log may lack lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// The log's file system is full, so no room could be reserved for the lines.
    Full,
    /// Room could not be reserved for another reason, in the system's words.
    NotReserved(String),
    /// The log grew so fast that the reserved room was used up before there was more.
    Flooded,
    /// The log was turned over, or cut, while the message was under way.
    TurnedOver,
    /// A line of the log itself says that lines were dropped.
    Told(String),
    /// A line that relayhost logged has not come within seconds.
    Late,
}

impl Gap {
    /// The reason, in words for the person who reads what came of the message.
    pub fn cause(&self, log: &str) -> String {
        let why = match self {
            Self::Full => {
                "its file system was full, and lines that are logged meanwhile are lost for ever".to_owned()
            }
            Self::NotReserved(why) => format!("no room could be reserved for them ({why})"),
            Self::Flooded => "it grew so fast that the room reserved for them was used up".into(),
            Self::TurnedOver => "it was turned over or cut while the message was under way".into(),
            Self::Told(line) => format!("it says itself: {}", quoted(line)),
            Self::Late => {
                return format!(
                    "lines are missing in {log}: one that relayhost itself logged has not come there within seconds, so \
                     it is not known what became of the message"
                );
            }
        };
        format!(
            "lines of Postfix may be missing in {log}: {why}; so it is not known what became of the message"
        )
    }

    /// What a person does about it. `by_hand` is the command that writes a line to that log.
    pub fn remedy(&self, log: &str, by_hand: &str) -> String {
        let directory = typed(Path::new(log).parent().unwrap_or(Path::new("/")));
        match self {
            Self::Full => format!("make room on the log's file system (`df {directory}` shows it)"),
            Self::NotReserved(_) => format!(
                "put {directory} on a file system that can reserve room (ext4, XFS, Btrfs, tmpfs: `df -T {directory}` shows \
                 which it is), or have journald take the mail log"
            ),
            Self::Flooded => {
                format!("`tail {}` shows who writes so much there; have that stopped", typed(log))
            }
            Self::TurnedOver => "nothing has to be mended".into(),
            Self::Told(_) => "raise the limit that this line names, in rsyslog.conf".into(),
            Self::Late => format!(
                "see why `{by_hand}` leaves no line at the end of {log} (rsyslog stopped, its rules, a full disk), and mend \
                 that"
            ),
        }
    }
}
