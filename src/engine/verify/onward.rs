//! A test message to root: local(8) hands it on by an alias, as a message of its own with another queue id, and the relay's
//! word is about that one.

use super::Message;
use crate::engine::pursuit::Pursuit;
use crate::error::Result;
use crate::model::causes::failure::Failure;
use crate::model::message::delivery::Outcome;
use crate::model::message::trail::{Whereabouts, Word};
use crate::model::recipients::ROOT;

impl Message<'_> {
    /// Follows the message that local(8) has made of this one for another recipient, if the word is that it did so, and if log
    /// and queue still say so when all is read.
    pub(super) fn goes_on(&self, word: &Word, pursuit: &mut Pursuit) -> Result<bool> {
        let Word::Said(Whereabouts::StayedHere(attempt)) = word else { return Ok(false) };
        let Some(queue_id) = attempt.forwarded_as().filter(|_| self.request.to == ROOT).map(str::to_owned)
        else {
            return Ok(false);
        };
        if !pursuit.confirm()? || self.word(pursuit) != *word {
            return Ok(false);
        }
        pursuit.go_on(&queue_id);
        Ok(true)
    }

    /// Root's mail that leaves for somebody whom the answers do not name has not come where it was to go.
    pub(super) fn to_whom(&self, outcome: Outcome) -> Outcome {
        let (wanted, to) = (&self.desired.root, &self.request.to);
        let Outcome::Accepted { redirected: Some(who), .. } = &outcome else { return outcome };
        if to != ROOT || wanted.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(who)) {
            return outcome;
        }
        let cause = format!(
            "root's mail goes to {who}, and recipients.root of the answers names {}",
            wanted.join(", ")
        );
        let remedy = "`relayhost check` shows why (an entry of root that was changed, a host that never reads the aliases for \
                      root); `relayhost repair` sets the entry of root in /etc/aliases again";
        Outcome::unheard("root-elsewhere", cause, remedy, &[])
    }

    /// The failure of a message that did not leave: of one to root, the remedy is about root's mail.
    pub(super) fn of_root(&self, failure: Failure) -> Failure {
        if self.request.to != ROOT || failure.id != "delivered-locally" {
            return failure;
        }
        let remedy = if self.desired.root.is_empty() {
            "write who is to have root's mail into the answers (`root = \"ops@example.com\"` under [recipients]), then \
             `relayhost apply`; `relayhost route --to root` shows where it goes now"
        } else {
            "`relayhost repair` sets the entry of root in /etc/aliases again; `relayhost route --to root` shows where the \
             mail goes now"
        };
        Failure { remedy: remedy.into(), ..failure }
    }
}
