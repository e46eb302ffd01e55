//! The mail log: one way to read a line (`line`, `event`), for `verify`, which follows one message as it goes, and for
//! `diagnose`, which follows all messages of any log. These modules turn text into facts; the catalogue says what the
//! facts mean.

pub mod aside;
mod before;
pub mod event;
mod fallen;
pub mod fold;
pub mod follow;
pub mod groups;
mod head;
pub mod hosts;
mod known;
pub mod legs;
pub mod line;
pub mod messages;
pub mod paste;
mod question;
pub mod reached;
pub mod report;
pub mod scan;
pub mod sentences;
pub mod stamp;
pub mod story;
pub mod strangers;
pub mod taken;
pub mod witness;
pub mod wrap;

#[cfg(test)]
mod tests;

use self::aside::Aside;
use self::stamp::Calendar;

pub use event::{Attempt, Event, Gone, Hop, Status, parse_event};
pub use line::{Line, parse_line};

/// A reader of a log.
pub trait Reader {
    /// Begins another file, whose times are read by this calendar. Files come in the order of their lines' times.
    fn source(&mut self, calendar: Calendar);

    /// Takes a block of whole lines.
    fn feed(&mut self, block: &[u8]);

    /// Takes words that stand without the line of a log. A reader that tells of one message has no use for them.
    fn aside(&mut self, _: Aside) {}
}
