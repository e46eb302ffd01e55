//! The verdict on a test message: turns facts of log, queue and host into an outcome, or into another try.

use super::delivery::Outcome;
use super::fate;
use super::trail::{Author, Whereabouts};
use crate::error::Result;
use crate::model::causes::catalogue::Verdict;
use crate::model::causes::failure::Failure;
use crate::model::causes::{Cause, Circumstances, diagnose};
use crate::model::log::{Attempt, Status};
use crate::model::observed::Postfix;

/// The meaning of an attempt's end.
#[derive(Debug)]
pub enum Judgement {
    /// The outcome of the message.
    Final(Outcome),
    /// The same attempt may succeed later.
    Again(Cause),
}

/// Facts about a message whose attempt has ended, or whose deadline has passed.
#[derive(Debug)]
pub struct Facts<'a> {
    /// Value that the answers give to `relayhost`.
    pub relayhost: &'a str,
    /// Postfix as it was observed.
    pub postfix: &'a Postfix,
    /// Who can have written the lines of the log.
    pub author: Author,
    /// Lines that explain the attempt, its reason first.
    pub evidence: &'a [&'a str],
}

impl Facts<'_> {
    /// Judges an attempt that ended. `at_other` returns whether it was made at another host than the relay, by the log.
    /// It may ask DNS, and `circumstances` inspects the host, so each is called only where the verdict depends on it.
    pub fn judge(
        &self,
        found: &Whereabouts,
        at_other: impl Fn() -> bool,
        circumstances: impl FnOnce() -> Result<Circumstances>,
    ) -> Result<Judgement> {
        let attempt = found.attempt();
        Ok(Judgement::Final(match found {
            Whereabouts::Accepted(_) => {
                let (relay, reply) = (self.relayhost.to_owned(), attempt.reason.clone());
                Outcome::Accepted {
                    relay,
                    reply,
                    redirected: attempt.redirected().map(str::to_owned),
                    instead: None,
                }
            }
            Whereabouts::StayedHere(_) => fate::stayed_here(attempt, self.postfix, self.evidence),
            Whereabouts::WentElsewhere(_) => fate::went_elsewhere(attempt, self.relayhost, self.evidence),
            // local(8) gave up: the mailbox is not there, and Postfix never meant to ask the relay.
            Whereabouts::Deferred(_) | Whereabouts::Bounced(_) if attempt.is_local() => {
                fate::stayed_here(attempt, self.postfix, self.evidence)
            }
            // The attempt says nothing about the relay.
            Whereabouts::Deferred(_) | Whereabouts::Bounced(_) if at_other() => {
                fate::went_elsewhere(attempt, self.relayhost, self.evidence)
            }
            Whereabouts::Deferred(_) | Whereabouts::Bounced(_) => {
                match self.cause(attempt, &circumstances()?) {
                    Some(cause) if cause.again && attempt.status == Status::Deferred => {
                        return Ok(Judgement::Again(cause));
                    }
                    cause => self.failed(attempt, cause),
                }
            }
        }))
    }

    /// The outcome of a message whose deadline has passed after an attempt that might have succeeded later.
    pub fn put_off(&self, attempt: &Attempt, circumstances: &Circumstances) -> Outcome {
        self.failed(attempt, self.cause(attempt, circumstances))
    }

    /// The cause of a message's silence, that is, of no attempt having ended. Dead daemons are a cause if Postfix alone
    /// wrote the log, or if `misses_daemon`: a daemon is not running.
    pub fn cause_of_silence(&self, misses_daemon: bool, circumstances: &Circumstances) -> Option<Failure> {
        let is_known = self.author == Author::Postfix || misses_daemon;
        let cause = diagnose(self.evidence, circumstances)?;
        (is_known && cause.verdict == Verdict::Unreached).then(|| Failure::of(cause, self.lines()))
    }

    fn failed(&self, attempt: &Attempt, cause: Option<Cause>) -> Outcome {
        Outcome::Failed(match cause {
            Some(cause) => Failure::of(cause, self.lines()),
            None => fate::unknown(attempt, self.lines()),
        })
    }

    fn lines(&self) -> Vec<String> {
        self.evidence.iter().map(ToString::to_string).collect()
    }

    /// The cause of an attempt's failure. The queue confirms its reason. Where anybody can write to the log, nothing
    /// confirms the other lines: they may explain more, but change neither the verdict nor whether the same attempt may
    /// succeed later.
    fn cause(&self, attempt: &Attempt, circumstances: &Circumstances) -> Option<Cause> {
        let full = diagnose(self.evidence, circumstances);
        if self.author == Author::Postfix {
            return full;
        }
        let alone = diagnose(self.evidence.get(..1).unwrap_or_default(), circumstances);
        let unknown = if attempt.is_refusal() { Verdict::Refused } else { Verdict::Unreached };
        let (verdict, again) = alone.as_ref().map_or((unknown, false), |cause| (cause.verdict, cause.again));
        match full {
            // A cause that says less than the reason does no harm: any user can prevent a verdict anyway.
            Some(full) if full.again == again && full.verdict == Verdict::Unreached => Some(full),
            Some(full) => Some(Cause { verdict, again, ..full }),
            None => alone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;
    use crate::model::log::Hop;

    const REFUSED: &str =
        "SASL authentication failed; server relay.example.com[192.0.2.1] said: 535 5.7.8 no";
    const GREYLISTED: &str = "host relay.example.com[192.0.2.1] said: 450 4.2.0 <a@b.example>: Recipient address \
                              rejected: Greylisted (in reply to RCPT TO command)";
    const STRANGE: &str =
        "host relay.example.com[192.0.2.1] said: 550 5.9.9 frobnicated (in reply to RCPT TO command)";

    fn attempt(status: Status, reason: &str) -> Attempt {
        let (name, address) = ("relay.example.com".into(), "192.0.2.1".into());
        Attempt {
            queue_id: "4ABC".into(),
            agent: "smtp".into(),
            pid: 7,
            to: "a@b.example".into(),
            orig_to: None,
            relay: Hop::Host { name, address, port: 587 },
            delays: [0.0; 4],
            status,
            reason: reason.into(),
        }
    }

    fn judge(found: &Whereabouts, author: Author, at_other: bool, beside: &[&str]) -> Judgement {
        let evidence = [&[found.attempt().reason.as_str()], beside].concat();
        let postfix = Postfix::with(&[("myhostname", "host.example"), ("mydestination", "b.example")]);
        let facts =
            Facts { relayhost: "[relay.example.com]:587", postfix: &postfix, author, evidence: &evidence };
        facts.judge(found, || at_other, || Ok(Circumstances::default())).unwrap()
    }

    fn failure(judgement: Judgement) -> Failure {
        match judgement {
            Judgement::Final(Outcome::Failed(failure)) => failure,
            other => panic!("{other:?}"),
        }
    }

    fn deferred(reason: &str) -> Whereabouts {
        Whereabouts::Deferred(attempt(Status::Deferred, reason))
    }

    fn bounced(reason: &str) -> Whereabouts {
        Whereabouts::Bounced(attempt(Status::Bounced, reason))
    }

    #[test]
    fn only_the_relays_word_is_success() {
        let accepted = Whereabouts::Accepted(attempt(Status::Sent, "250 ok"));
        let Judgement::Final(outcome) = judge(&accepted, Author::Postfix, false, &[]) else { panic!() };
        assert_eq!(outcome.exit(), Exit::Done);
        let here = Whereabouts::StayedHere(attempt(Status::Sent, "delivered to mailbox"));
        assert_eq!(failure(judge(&here, Author::Postfix, false, &[])).id, "delivered-locally");
        let elsewhere = Whereabouts::WentElsewhere(attempt(Status::Sent, "250 ok"));
        let failure = failure(judge(&elsewhere, Author::Postfix, true, &[]));
        assert_eq!((failure.id.as_str(), failure.exit), ("another-relay", Exit::NoWord));
    }

    #[test]
    fn another_hosts_refusal_is_not_the_relays() {
        let failure = failure(judge(&bounced(STRANGE), Author::Postfix, true, &[]));
        assert_eq!((failure.id.as_str(), failure.exit), ("another-relay", Exit::NoWord));
    }

    #[test]
    fn a_mailbox_that_is_not_here_is_no_word_of_the_relay() {
        let mut local = attempt(Status::Bounced, "unknown user: \"a\"");
        local.relay = Hop::Here("local".into());
        let failure = failure(judge(&Whereabouts::Bounced(local), Author::Postfix, false, &[]));
        assert_eq!((failure.id.as_str(), failure.exit), ("delivered-locally", Exit::NoWord));
    }

    #[test]
    fn unknown_words_are_a_refusal_only_if_the_relay_refused() {
        let refused = failure(judge(&bounced(STRANGE), Author::Postfix, false, &[]));
        assert_eq!((refused.id.as_str(), refused.exit), ("unknown", Exit::Refused));
        let odd = failure(judge(&deferred("frobnicated"), Author::Postfix, false, &[]));
        assert_eq!((odd.id.as_str(), odd.exit), ("unknown", Exit::NoWord));
    }

    #[test]
    fn what_may_pass_is_tried_again_unless_postfix_gave_up() {
        assert!(matches!(judge(&deferred(GREYLISTED), Author::Postfix, false, &[]), Judgement::Again(_)));
        assert!(matches!(judge(&bounced(GREYLISTED), Author::Postfix, false, &[]), Judgement::Final(_)));
    }

    #[test]
    fn lines_that_anybody_can_have_written_change_no_verdict() {
        for beside in [REFUSED, GREYLISTED] {
            let told = failure(judge(&deferred("frobnicated"), Author::Anybody, false, &[beside]));
            assert_eq!(told.exit, Exit::NoWord, "{told:?}");
        }
        let told = failure(judge(&bounced(REFUSED), Author::Anybody, false, &[GREYLISTED]));
        assert_eq!(told.exit, Exit::Refused, "{told:?}");
    }

    #[test]
    fn dead_daemons_are_a_cause_of_silence_if_postfix_says_so_or_one_is_missing() {
        let postfix = Postfix::with(&[]);
        let evidence = ["warning: /usr/libexec/postfix/smtp: bad command startup -- throttling"];
        let silence = |author, misses_daemon| {
            let facts = Facts { relayhost: "[r]:25", postfix: &postfix, author, evidence: &evidence };
            facts.cause_of_silence(misses_daemon, &Circumstances::default()).is_some()
        };
        assert!(silence(Author::Postfix, false) && silence(Author::Anybody, true));
        assert!(!silence(Author::Anybody, false));
    }
}
