//! Words of Postfix or of a relay without the line of a log around them: in a bounce, in a listing of the queue, or alone in
//! what a person has pasted.

use super::event::Attempt;
use super::stamp::Seconds;
use crate::model::causes::Cause;

/// A failure of which no line of a log tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Aside {
    /// The attempt, as far as it is known: its reason, and perhaps the relay. The queue id is empty. A relay's reply has
    /// ` said: ` before it, so that it counts as a stranger's words.
    pub attempt: Attempt,
    /// The cause, if the form of the words already tells it.
    pub cause: Option<Cause>,
    /// The text that says so, if it has other words than the reason.
    pub text: Option<String>,
    /// Its time.
    pub time: Option<Seconds>,
}
