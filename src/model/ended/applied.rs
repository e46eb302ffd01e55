//! How a run ended that changes the host: `apply`, `repair`, `pending`.

use crate::error::Exit;
use crate::model::causes::failure::Failure;
use crate::model::inspection::backlog::Retried;
use crate::model::leaving::Leaving;
use crate::model::message::delivery::Delivery;
use crate::model::plan::Finding;
use crate::model::plan::action::Actions;
use crate::model::probe::{Ending, Probe};
use crate::model::state::order::PutBack;

/// The end of a run that changes the host.
#[derive(Debug, Default)]
pub struct Applied {
    /// The relay and the login by the answers, in one line.
    pub summary: String,
    /// Whether the run worked on a tree that is not running.
    pub in_tree: bool,
    /// The words for the remains of a stopped run that were cleared up first.
    pub recovered: Option<String>,
    /// The actions, in the order in which they were done.
    pub actions: Actions,
    /// The generation with the files from before, if a file was changed.
    pub generation: Option<u32>,
    /// The probe before anything was changed, if the relay was asked. If it is a veto, nothing was changed.
    pub probe: Option<Probe>,
    /// The fate of the test message, if one was sent.
    pub delivery: Option<Delivery>,
    /// Whether the configuration before has worked; known where a file was to be changed and a message to be sent.
    pub has_worked: bool,
    /// Why the files were put back, if they were.
    pub put_back: Option<PutBack>,
    /// A line that says what could not be recorded, if the relay has confirmed the configuration and that was so.
    pub unrecorded: Option<String>,
    /// Whether the answers were written as those of the host; `None` if that was not asked for, or the previous configuration
    /// stays.
    pub saved: Option<bool>,
    /// The messages that waited for the relay, if it takes mail now and some did.
    pub retried: Option<Retried>,
    /// What is known of mail that leaves, where nothing was to be done and no message was sent.
    pub leaving: Option<Box<Leaving>>,
    /// Findings that are left to a person; `None` if nobody looked for them.
    pub findings: Option<Vec<Finding>>,
}

impl Applied {
    /// Has the remedies name the command line that was typed, flags and all, where they say to run `relayhost apply`.
    pub fn name_command(&mut self, typed: &str) {
        if !typed.starts_with("relayhost apply") {
            return;
        }
        if let Some(Probe { ending: Ending::Failed(failure), .. }) = &mut self.probe {
            failure.remedy = failure.remedy.applied_by(typed);
        }
        if let Some(failure) = self.delivery.as_mut().and_then(Delivery::failure_mut) {
            failure.remedy = failure.remedy.applied_by(typed);
        }
    }

    /// Whether the relay would refuse, or is not there while another one has worked, so that nothing was done.
    pub fn is_vetoed(&self) -> bool {
        self.probe.as_ref().is_some_and(|probe| probe.is_veto(self.has_worked))
    }

    /// Why the run had no success, if the relay or the mailbox is why.
    pub fn failure(&self) -> Option<&Failure> {
        match (&self.delivery, self.probe.as_ref().map(|probe| &probe.ending)) {
            (Some(delivery), _) => delivery.failure(),
            (None, Some(Ending::Failed(failure))) => Some(failure),
            (None, _) => None,
        }
    }

    /// Whether nothing is left to be tried again: the run ended well, or its message says of the configuration what it has to,
    /// and only did not arrive.
    pub fn is_settled(&self) -> bool {
        let verdict = self.delivery.as_ref().filter(|_| self.put_back.is_none()).map(Delivery::verdict);
        verdict.unwrap_or_else(|| self.exit()) == Exit::Done
    }

    /// What is in force after a run that did not end with success, in words.
    pub fn result(&self) -> Option<&'static str> {
        let changed = self.generation.is_some();
        Some(match (&self.delivery, self.put_back) {
            (None, _) if self.is_vetoed() => {
                if self.exit() == Exit::NoWord {
                    "nothing was changed: the configuration in force has worked, and stays; nobody answers at the new relay \
                     (--no-probe: let the test message decide)"
                } else {
                    "nothing was done: nothing was installed, no file was touched (--no-probe: let the test message decide)"
                }
            }
            (None, _) if self.in_tree && changed => {
                "the new configuration is in the tree, and no message has been seen to leave by it: the first boot sends one"
            }
            (Some(_), Some(PutBack::Refused)) => "the previous configuration is in force again",
            (Some(_), Some(PutBack::NoWord)) => {
                "the previous configuration is in force again: it has worked, and the new one was not seen to \
                 (`relayhost apply` tries it again, --on-failure keep leaves it in force)"
            }
            (Some(_), Some(PutBack::NotArrived)) => {
                "the previous configuration is in force again: by the new one the message was not seen to arrive, which \
                 verify.arrival.required demands (--on-failure keep leaves it in force)"
            }
            (Some(delivery), None) if changed && delivery.outcome.exit() != Exit::Done => {
                "the new configuration is in force, and the relay was not seen to take a message"
            }
            (Some(delivery), None) if changed && delivery.exit() != Exit::Done => {
                "the new configuration is in force: the relay took the message, and it was not seen to arrive"
            }
            _ => return None,
        })
    }

    /// The exit status of the run.
    pub fn exit(&self) -> Exit {
        match &self.delivery {
            Some(_) if self.put_back.is_some() => Exit::PutBack,
            Some(delivery) => delivery.exit(),
            None if self.is_vetoed() => self.probe.as_ref().map_or(Exit::Done, Probe::exit),
            None => Exit::Done,
        }
    }
}
