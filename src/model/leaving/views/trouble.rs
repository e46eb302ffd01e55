//! What the words of a finding come to without ages and numbers: whose mail it is, whether it waits or leaves by another relay, and
//! why. Two looks that have the same saw the same trouble.

use super::super::Leaving;
use super::super::Standing;
use super::super::by_way::Told;
use super::{DRILL, ELSEWHERE, FALLBACK, LEAVES};
use crate::model::causes::Cause;
use crate::model::log::fold::hard;

impl Leaving {
    /// The trouble of the first finding with this name.
    pub(in crate::model) fn trouble(&self, id: &str) -> String {
        let parts = match id {
            LEAVES => self.stopped_by(),
            FALLBACK => {
                let told = self.fallen.iter();
                told.flat_map(|(fallen, cause)| [fallen.relay.clone(), why(&fallen.why, cause.as_ref())])
                    .chain([self.relay.clone()])
                    .collect()
            }
            DRILL => {
                self.drilled.iter().flat_map(|(_, drill)| [drill.relay.clone(), hard(&drill.text)]).collect()
            }
            ELSEWHERE => vec![hard(&self.queue.elsewhere_reason)],
            _ => self.failing().find(|told| told.id() == id).map(Told::trouble).unwrap_or_default(),
        };
        parts.join("\n")
    }

    /// What keeps mail from the relay of everybody, and what each relay did.
    fn stopped_by(&self) -> Vec<String> {
        let is = |standing| self.standing == standing;
        let obstacle = self.obstacle.clone().filter(|_| is(Standing::Barred));
        let tested = self.tested.as_ref().filter(|_| is(Standing::Tested));
        let tested = tested
            .map(|test| if test.cause_id.is_empty() { hard(&test.cause) } else { test.cause_id.clone() });
        let last = self.refused.as_ref().filter(|_| self.is_contradicted);
        let first = self.refused_first.as_ref().filter(|_| self.is_contradicted);
        let leaves = self.mail_leaves().map_or("unknown", |leaves| if leaves { "leaves" } else { "stopped" });
        let parts = [
            Some(self.relay.clone()),
            Some(leaves.to_owned()),
            obstacle,
            tested,
            first.map(|(words, cause)| why(words, cause.as_ref())),
            self.other_relay(),
            last.map(|(word, cause)| why(&word.text, cause.as_ref())),
        ];
        parts.into_iter().map(Option::unwrap_or_default).collect()
    }
}

impl Told {
    fn trouble(&self) -> Vec<String> {
        let Some((refused, cause)) = &self.refused else { return Vec::new() };
        let returned = refused.returned.as_ref().map_or_else(String::new, |at| format!("returned {at}"));
        let met = match (self.is_former, self.is_probe) {
            (true, _) => "before",
            (_, true) => "probe",
            _ => "message",
        };
        vec![
            self.way.whose.clone(),
            self.senders.join(" "),
            self.way.by.clone(),
            met.to_owned(),
            refused.by.clone(),
            returned,
            why(&refused.text, cause.as_ref()),
            self.then.as_ref().map(|then| why(&then.text, then.cause.as_ref())).unwrap_or_default(),
        ]
    }
}

/// What a relay did: the cause, or its words if the catalogue knows none.
fn why(words: &str, cause: Option<&Cause>) -> String {
    cause.filter(|cause| cause.is_known()).map_or_else(|| hard(words), |cause| cause.id.clone())
}
