//! The test message itself: its words, and its way into Postfix.

use super::Message;
use crate::engine::explained;
use crate::error::Result;
use crate::model::arrival::letter::Sent;
use crate::sys::{clock, host, mail};

impl Message<'_> {
    /// Hands it to the mail command, and returns its Message-ID.
    pub(super) fn submit(&mut self) -> Result<String> {
        let (subject, body) = test_text(&self.goal.text);
        let at = i64::try_from(clock::unix()).unwrap_or_default();
        let message_id = mail::submit(&self.from, &self.request.to, &subject, &body)
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
