//! Compares a trail with the queue: which of its lines the queue confirms, and which contradict the queue or each other.

use super::word::{Standing, Whereabouts, Word, agree, deferred, end, whereabouts};
use super::{ATTEMPTS, Author, Trail};
use crate::model::log::event::plain;
use crate::model::log::{Attempt, Gone, Status};
use crate::model::message::gap::Gap;

impl Trail {
    /// The word on the message from log and queue together. `is_relay` tells whether a host is the relay of the answers.
    /// If the recipient is an alias for several, the relay has to accept all of them, and the first that it does not
    /// accept decides.
    pub fn word(&self, standing: &Standing, is_relay: impl Fn(&str, &str, u16) -> bool) -> Word {
        if let Some(word) = self.word_of_file(standing) {
            return word;
        }
        if let Some(gap) = self.gap() {
            return Word::Incomplete(gap);
        }
        if let Some(doubt) = self.doubt() {
            return Word::Doubt(doubt);
        }
        if let Some(word) = self.end_of_all().and_then(|gone| self.word_of_all(gone, standing)) {
            return word;
        }
        let found = match self.author {
            Author::Postfix => Ok(self.found(standing)),
            Author::Anybody => self.confirmed(standing),
        };
        let (found, open) = match found {
            Ok((found, open)) => (found, open),
            Err(doubt) => return Word::Doubt(doubt),
        };
        let found: Vec<(Whereabouts, bool)> =
            found.into_iter().map(|(attempt, listed)| (whereabouts(&attempt, &is_relay), listed)).collect();
        // Somebody other than Postfix may have written attempts for addresses that the queue file did not list.
        if let Some((first, _)) = found.first()
            && found.iter().any(|(_, listed)| !listed)
            && let Some((other, _)) = found.iter().find(|(other, _)| !agree(first, other))
        {
            let (one, other) = (first.attempt(), other.attempt());
            return Word::Doubt(format!("the log has two ends of it: {}, and {}", end(one), end(other)));
        }
        let (good, bad): (Vec<_>, Vec<_>) =
            found.into_iter().map(|(it, _)| it).partition(|it| matches!(it, Whereabouts::Accepted(_)));
        let word = bad.into_iter().next().or_else(|| good.into_iter().next().filter(|_| !open));
        word.map_or(Word::Open, Word::Said)
    }

    /// The word from the queue file itself, if it is not finished, or disappeared before the message was delivered.
    fn word_of_file(&self, standing: &Standing) -> Option<Word> {
        let is_open_to_all = self.author == Author::Anybody;
        if standing.there {
            return (is_open_to_all && standing.ours.is_none()).then_some(Word::Open);
        }
        let mut ends = self.attempts.iter().filter(|attempt| attempt.status != Status::Deferred);
        let doubt = |one: &Attempt, what: &str| {
            is_open_to_all.then(|| Word::Doubt(format!("the log says of {}: {}; {what}", one.to, end(one))))
        };
        if standing.given_back().is_some() {
            return match (ends.next(), self.end_of_all()) {
                (Some(one), _) => doubt(one, "the message is in the maildrop still"),
                (None, Some(known @ (Gone::Refused | Gone::Requeued))) => Some(Word::Gone(known)),
                (None, _) => Some(Word::Gone(Gone::GivenBack)),
            };
        }
        if standing.unfinished {
            // cleanup(8) itself bounces a message that a rule refuses.
            return ends
                .find(|attempt| attempt.agent != "cleanup")
                .and_then(|one| doubt(one, "its queue file was never finished"));
        }
        let dropped: Vec<String> = standing.dropped().collect();
        if !dropped.is_empty()
            && let Some(one) = ends.find(|attempt| {
                let to = plain(&attempt.to);
                dropped.contains(&to) || !standing.lists(&to)
            })
        {
            return doubt(one, "its queue file went before that was noted in it");
        }
        match self.end_of_all() {
            Some(Gone::Requeued) if !dropped.is_empty() => Some(Word::Gone(Gone::Requeued)),
            Some(_) => None,
            None => (!dropped.is_empty()).then_some(Word::Gone(Gone::Removed)),
        }
    }

    /// The attempt that counts for each address of the recipient, if Postfix alone wrote the log; and whether one is
    /// open.
    fn found(&self, standing: &Standing) -> (Vec<(Attempt, bool)>, bool) {
        let (mut found, mut open) = (Vec::new(), false);
        for address in self.addresses(standing) {
            let last = self.attempts.iter().rfind(|attempt| plain(&attempt.to) == address);
            open |= last.is_none();
            found.extend(last.map(|attempt| (attempt.clone(), true)));
        }
        (found, open)
    }

    /// The same if anybody can write to the log: attempts that the queue confirms, each with whether its file lists the
    /// address.
    fn confirmed(&self, standing: &Standing) -> Result<(Vec<(Attempt, bool)>, bool), String> {
        let (mut found, mut open) = (Vec::new(), !standing.waiting.is_empty());
        let (listed, mut others): (Vec<_>, Vec<_>) =
            self.addresses(standing).into_iter().partition(|address| standing.lists(address));
        let has_end = |address: &String| {
            let ended = |one: &Attempt| one.status != Status::Deferred && plain(&one.to) == *address;
            self.attempts.iter().any(ended)
        };
        // An address that the file does not list ends nothing while a listed one is still to do. After that it may be
        // one that local(8) found in an alias.
        if standing.ours.is_some() {
            others.retain(|address| !open && has_end(address));
        }
        let by_alias = !others.is_empty() && !open && !listed.iter().any(has_end);
        for address in listed.into_iter().filter(|_| !by_alias) {
            match self.word_of(&address, standing)? {
                Some(attempt) => found.push((attempt, true)),
                None => open = true,
            }
        }
        let alone = others.len() == 1 && found.is_empty();
        // Of the addresses that no file lists, the one that was asked for is the likeliest.
        others.sort_by_key(|address| *address != plain(&self.to));
        for address in others {
            match self.word_of(&address, standing)? {
                Some(attempt) => found.push((attempt, alone)),
                None => open = true,
            }
        }
        Ok((found, open))
    }

    /// Addresses of the recipient, written as by `plain`: those in the queue file, and those in the log.
    fn addresses(&self, standing: &Standing) -> Vec<String> {
        let listed = standing.ours.iter().flatten().filter(|one| match self.author {
            Author::Postfix => standing.there && !one.done,
            Author::Anybody => true,
        });
        let mut all: Vec<String> = Vec::new();
        let logged = self.attempts.iter().map(|attempt| &attempt.to);
        for address in listed.map(|one| &one.address).chain(logged).map(|to| plain(to)) {
            if !all.contains(&address) {
                all.push(address);
            }
        }
        all
    }

    /// The end of the message as a whole, if the log has one, or may have one.
    pub(super) fn end_of_all(&self) -> Option<Gone> {
        let is_of_us = self.queue_id.is_some() && self.author == Author::Anybody;
        self.gone.or(self.cleared.filter(|_| is_of_us))
    }

    /// The word from an end of the message as a whole; `None` if the attempts decide.
    fn word_of_all(&self, gone: Gone, standing: &Standing) -> Option<Word> {
        let ends = || self.attempts.iter().filter(|attempt| attempt.status != Status::Deferred);
        let bounced = || ends().any(|attempt| attempt.status == Status::Bounced);
        match (self.author, ends().next()) {
            (_, None) if standing.is_done() => Some(Word::Gone(gone)),
            // Postfix alone wrote the log: it has both if the recipients ended differently, or if other messages were
            // deleted.
            (Author::Postfix, _) => None,
            (_, None) if self.gone.is_none() => None,
            (_, Some(_)) if matches!(gone, Gone::Returned | Gone::Refused) && bounced() => None,
            (_, Some(one)) => {
                Some(Word::Doubt(format!("the log has two ends of it: {}, and {}", end(one), gone.words())))
            }
            (_, None) => Some(Word::Doubt(format!(
                "the log says of the message: {}, and the queue still has it to do",
                gone.words()
            ))),
        }
    }

    /// The reason why the log may lack lines of Postfix. One that Postfix alone writes may lack some too, and has no line of
    /// anybody else's in their place.
    pub fn gap(&self) -> Option<Gap> {
        let told = || self.lost.clone().filter(|line| line.contains("postfix")).map(Gap::Told);
        let is_open_to_all = self.author == Author::Anybody;
        self.gap.clone().or_else(told).filter(|_| is_open_to_all)
    }

    /// The reason why a log that anybody can write to proves nothing, whatever the queue says.
    fn doubt(&self) -> Option<String> {
        if self.author == Author::Postfix {
            return None;
        }
        if self.attempts.len() > ATTEMPTS {
            return Some(format!("the log has more than {ATTEMPTS} attempts for one recipient"));
        }
        if let (Some(one), Some(other)) = (self.gone, self.gone_otherwise) {
            return Some(format!(
                "the log has two ends of the message: {}, and {}",
                one.words(),
                other.words()
            ));
        }
        let foreign = self.others.iter().find(|id| !self.onward.contains(id));
        foreign.map(|id| {
            let ours = self.queue_id.as_deref().unwrap_or_default();
            format!("the log has the message under two queue ids, {ours} and {id}")
        })
    }

    /// The attempt that counts for one recipient, if one does; or the reason why the log cannot be believed.
    fn word_of(&self, address: &str, standing: &Standing) -> Result<Option<Attempt>, String> {
        let of_it: Vec<&Attempt> =
            self.attempts.iter().filter(|attempt| plain(&attempt.to) == address).collect();
        let waits = standing.waiting.iter().find(|one| plain(&one.address) == address);
        let mut ends = of_it.iter().enumerate().filter(|(_, attempt)| attempt.status != Status::Deferred);
        match (ends.next(), ends.next(), waits) {
            (Some((_, one)), Some((_, other)), _) => {
                Err(format!("the log has two ends of {address}: {}, and {}", end(one), end(other)))
            }
            (Some((at, one)), None, _) if at + 1 < of_it.len() => {
                Err(format!("the log has attempts for {address} after its end: {}", end(one)))
            }
            (Some((_, one)), None, Some(_)) => {
                Err(format!("the log says of {address}: {}; the queue says: still waiting", end(one)))
            }
            (Some((_, one)), None, None) => Ok(Some((*one).clone())),
            // An attempt is under way, the first or another one.
            (None, _, Some(waits)) if waits.reason.is_empty() => Ok(None),
            (None, _, Some(waits)) => deferred(&of_it, address, &waits.reason),
            (None, _, None) => Err(format!("the queue is done with {address}, and the log does not say how")),
        }
    }
}
