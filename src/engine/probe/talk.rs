//! The frame of a probe: its clock, its stages, and the meaning of a stage that fails.

use std::time::{Duration, Instant};

use super::facts::Host;
use crate::engine::{End, Progress};
use crate::error::{Exit, human};
use crate::model::causes::failure::Failure;
use crate::model::causes::hop::explained_failure;
use crate::model::causes::{Circumstances, diagnose};
use crate::model::probe::doubt::Matter;
use crate::model::probe::reply::Reply;
use crate::model::probe::route::Route;
use crate::model::probe::token;
use crate::model::probe::{Ending, Probe, ProbeStage, Warning};
use crate::model::state::last_probes::Verdicts;
use crate::model::text;
use crate::sys::wire::Broken;
use crate::sys::{clock, network, signals};

/// A probe under way.
pub struct Talk<'a> {
    pub route: Route,
    pub host: &'a Host,
    /// Plugins that are still to be installed.
    pub waits: Vec<String>,
    /// Whether a login was tried: there is no second one.
    pub tried_login: bool,
    /// Whether nobody can be reached at the relay for certain.
    pub is_nobody_there: bool,
    pub progress: &'a mut dyn Progress,
    begin: Instant,
    end: Instant,
    /// Time for one stage, and the moment at which the present one must be over.
    patience: Duration,
    stage_end: Instant,
    stages: Vec<ProbeStage>,
    warnings: Vec<Warning>,
}

/// The result of a stage that went well.
#[derive(Debug, Default)]
pub struct Good {
    pub text: String,
    pub offered: Vec<String>,
    pub said: Option<String>,
}

/// The result of a stage that failed.
#[derive(Debug, Default)]
pub struct Bad {
    /// The failure in Postfix's words.
    pub evidence: Vec<String>,
    /// The subject of the failure: doubts that concern it count.
    pub matter: Matter,
    /// The relay's own words.
    pub said: Option<String>,
    /// The relay's offer at that stage.
    pub offered: Vec<String>,
    /// The reason why Postfix may succeed all the same.
    pub doubt: Option<String>,
    /// Whether the relay was silent, though the words are those of a refusal.
    pub silence: bool,
    /// The next step of the probe.
    pub next: Next,
    /// Whether the relay sends text that is no reply, without end.
    pub endless: bool,
    /// Whether the relay refused for good (5xx).
    pub refused: bool,
    /// A part that cannot be tried, in words. Then this is no failure.
    pub untried: Option<String>,
}

/// The next step after a stage that failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    #[default]
    End,
    /// Postfix would try the next address.
    Address,
    /// Postfix would try this address again without TLS.
    Plain,
}

/// The end of a conversation.
#[derive(Debug)]
pub struct Stop {
    pub ending: Box<Ending>,
    pub next: Next,
}

impl Bad {
    pub fn new(evidence: Vec<String>, matter: Matter) -> Self {
        Self { evidence, matter, ..Self::default() }
    }

    /// A reply that refuses, in the words that Postfix logs.
    pub fn reply(words: String, reply: &Reply, matter: Matter) -> Self {
        let refused = reply.class() == 5;
        Self { said: Some(reply.shown()), refused, ..Self::new(vec![words], matter) }
    }

    /// A part that cannot be tried here.
    pub fn untried(what: String) -> Self {
        Self { untried: Some(what), ..Self::default() }
    }

    /// A connection that broke while something was done (smtp_stream_except in smtp/smtp_trouble.c).
    pub fn broken(broken: &Broken, peer: &str, doing: &str, heard: Option<String>) -> Self {
        let evidence = match broken {
            Broken::Lost => format!("lost connection with {peer} while {doing}"),
            Broken::TimedOut => format!("conversation with {peer} timed out while {doing}"),
            Broken::Endless => format!("{peer} sends without end while {doing}"),
            Broken::Tls(error) => format!("lost connection with {peer} while {doing}: {error}"),
        };
        Self {
            said: heard,
            endless: matches!(broken, Broken::Endless),
            next: Next::Address,
            ..Self::new(vec![text::one_line(&evidence)], Matter::All)
        }
    }

    pub fn with(self, next: Next) -> Self {
        Self { next, ..self }
    }
}

impl<'a> Talk<'a> {
    pub fn new(
        route: &Route,
        host: &'a Host,
        waits: Vec<String>,
        timeout: Duration,
        progress: &'a mut dyn Progress,
    ) -> Self {
        let begin = clock::now();
        Self {
            route: route.clone(),
            host,
            waits,
            tried_login: false,
            is_nobody_there: false,
            progress,
            begin,
            end: begin + timeout,
            patience: timeout * 2 / 3,
            stage_end: begin + timeout * 2 / 3,
            stages: Vec::new(),
            warnings: route.warnings.clone(),
        }
    }

    /// The moment at which the present stage must be over.
    pub fn deadline(&self) -> Instant {
        self.end.min(self.stage_end)
    }

    /// The time that one address of several may take to answer.
    pub fn share(&self, others: bool) -> Duration {
        let left = self.deadline().saturating_duration_since(clock::now());
        if others { left / 2 } else { left }
    }

    /// Whether an address of the relay took a connection.
    pub fn has_connected(&self) -> bool {
        self.stages.iter().any(|stage| stage.name == "connect" && stage.good)
    }

    pub fn warn(&mut self, warnings: impl IntoIterator<Item = Warning>) {
        for warning in warnings {
            if !self.warnings.iter().any(|known| known.id == warning.id) {
                self.warnings.push(warning);
            }
        }
    }

    /// Runs one stage, and reports how it ended.
    pub fn stage<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce(&mut Self) -> Result<(T, Good), Box<Bad>>,
    ) -> Result<T, Stop> {
        let begin = clock::now();
        self.stage_end = begin + self.patience;
        self.progress.begin(name);
        self.progress.wait("the relay", Duration::ZERO, self.patience);
        let result = work(self);
        let took = begin.elapsed();
        let (stage, end, result) = match result {
            Ok((value, Good { text, offered, said })) => {
                (ProbeStage { name, good: true, text, offered, said, took }, End::Good, Ok(value))
            }
            Err(mut bad) => {
                let (said, offered, next) = (bad.said.take(), std::mem::take(&mut bad.offered), bad.next);
                let (end, text, ending) = if let Some(what) = bad.untried.take() {
                    (End::Open, what.clone(), Ending::Untried { what })
                } else {
                    let failure = self.failure(*bad);
                    (End::Bad, failure.cause.clone(), Ending::Failed(failure))
                };
                let is_cut_off = signals::pending().is_some();
                let (text, next) = if is_cut_off { ("cut off".to_owned(), Next::End) } else { (text, next) };
                let stop = Stop { ending: Box::new(ending), next };
                (ProbeStage { name, good: false, text, offered, said, took }, end, Err(stop))
            }
        };
        self.progress.end(end, &stage.text, took);
        self.stages.push(stage);
        result
    }

    /// The failure of a stage: the cause by the catalogue that `verify` uses, and the doubts about it.
    fn failure(&self, bad: Bad) -> Failure {
        let of_route = self.route.doubts.iter().filter(|doubt| doubt.from <= bad.matter);
        let doubts = bad.doubt.into_iter().chain(of_route.map(|doubt| doubt.text.clone())).collect();
        if bad.endless {
            return Failure {
                exit: Exit::NoWord,
                id: "endless-reply".into(),
                cause: "what answers there sends without end, and no reply of a mail server".into(),
                remedy: "check host and port in the answers; relays usually listen on 587, 465 or 25".into(),
                evidence: bad.evidence,
                doubts,
            };
        }
        let lines: Vec<&str> = bad.evidence.iter().map(String::as_str).collect();
        let circumstances = Circumstances::of_route(&self.route).routed(network::has_any_route());
        let mut failure = if let Some(cause) = diagnose(&lines, &circumstances) {
            Failure::of(cause, bad.evidence)
        } else {
            let last = bad.evidence.last().cloned().unwrap_or_default();
            let failure = Failure::unknown(bad.refused, "the relay did not go on", &last, bad.evidence);
            explained_failure(failure, &self.route.suspects)
        };
        failure.tried_here();
        failure = token::judged(failure, &self.route, i64::try_from(clock::unix()).unwrap_or(i64::MAX));
        failure.doubts = doubts;
        if bad.silence {
            failure.exit = Exit::NoWord;
        }
        if clock::now() >= self.end {
            failure.doubts.push(format!(
                "the probe had {} for all; a slow relay needs a longer --timeout",
                human(self.end.saturating_duration_since(self.begin))
            ));
        }
        failure
    }

    /// The result of the probe.
    pub fn probe(self, ending: Ending) -> Probe {
        Probe {
            relayhost: self.route.relayhost,
            from: self.route.sender[1].clone(),
            to: self.route.recipient,
            stages: self.stages,
            warnings: self.warnings,
            took: self.begin.elapsed(),
            ending,
            is_nobody_there: self.is_nobody_there,
            has_fallback: false,
            ways: Verdicts::new(),
        }
    }
}
