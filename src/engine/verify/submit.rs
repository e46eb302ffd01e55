//! The test message itself: its words, its way into Postfix, and what becomes of it there.

use super::{Goal, Message, Request};
use crate::engine::pursuit::Pursuit;
use crate::engine::{Progress, explained};
use crate::error::Result;
use crate::model::arrival::letter::Sent;
use crate::model::desired::Desired;
use crate::model::message::delivery::{Delivery, Outcome};
use crate::model::message::fate;
use crate::model::observed::{Postfix, QueueDirectories};
use crate::sys::postfix::Instance;
use crate::sys::{clock, daemons, host, log_tail, mail, signals};

impl<'a> Message<'a> {
    /// The message that is to reach this goal, before it is sent. `postfix`: what was observed of the Postfix that gets it.
    pub(super) fn new(
        desired: &'a Desired,
        postfix: &'a Postfix,
        request: &'a Request,
        goal: Goal,
        instance: Instance,
    ) -> Self {
        let (from, begin) = (desired.alert_sender(postfix.setting("myorigin")), clock::now());
        Self {
            desired,
            goal,
            postfix,
            instance,
            request,
            from,
            begin,
            sent: None,
            queue_id: None,
            put_off: 0,
        }
    }

    /// The same message, from another sender.
    pub(super) fn sent_by(self, from: String) -> Self {
        Self { from, ..self }
    }

    /// Sends it, and follows it to its end. `queued` gets the queue id, once it is known.
    pub(super) fn send(
        &mut self,
        queued: &mut dyn FnMut(&str),
        progress: &mut dyn Progress,
    ) -> Result<Delivery> {
        if !daemons::master_runs(&QueueDirectories::new(&self.postfix.settings)) {
            let (cause, remedy) = (
                "Postfix is not running, so nothing leaves this host",
                "relayhost repair (starts it, and has it start at boot)",
            );
            return Ok(self.delivery(None, Outcome::unheard("postfix-not-running", cause, remedy, &[])));
        }
        let log = log_tail::follow_of(self.postfix.setting("maillog_file"), &self.instance)?;
        if let Some(gap) = log.gap_without_journal() {
            // Nothing could be learned of a message that is sent now.
            return Ok(self.delivery(None, fate::incomplete(gap, &log.file(), log.by_hand(), None)));
        }
        let message_id = self.submit()?;
        let queue_directory = self.postfix.setting("queue_directory");
        let mut pursuit =
            Pursuit::new(log, self.instance.clone(), queue_directory, &message_id, &self.request.to);
        let followed = self.follow(&mut pursuit, queued, progress);
        let mut delivery = followed.map_err(|error| pursuit.interrupted(signals::blame(error)))?;
        if let Outcome::Failed(failure) = delivery.outcome {
            delivery.outcome = self.explained(failure);
        }
        Ok(delivery)
    }

    /// Hands it to the mail command, and returns its Message-ID.
    fn submit(&mut self) -> Result<String> {
        let (subject, body) = test_text(&self.goal.text);
        let at = i64::try_from(clock::unix()).unwrap_or_default();
        let message_id = mail::submit(&self.from, &self.request.to, &subject, &body, &self.instance)
            .map_err(|error| explained(error, || self.circumstances().unwrap_or_default()))?;
        self.sent = Some(Sent { message_id: message_id.clone(), body, at });
        Ok(message_id)
    }
}

/// Subject and body of the test message.
fn test_text(relayhost: &str) -> (String, String) {
    let name = host::hostname();
    let body = format!(
        "This message tests the way out of {name}. It was sent at {} by `relayhost`,\nand left through {relayhost}.\n",
        clock::wall(),
    );
    (format!("relayhost test from {name}"), body)
}
