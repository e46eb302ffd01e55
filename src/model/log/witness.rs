//! Lines that the processes of Postfix logged before a message failed: the reason in the record of an attempt is often
//! only the consequence (`handshake failure`, `generic failure`), and the cause is in an earlier line of the same
//! process. Memory is bounded: a fixed number of processes, and of lines of each.

use std::collections::{HashMap, VecDeque};

use super::event::{Attempt, split_queue_id};
use super::legs::Leg;
use super::line::Line;
use super::question::Question;
use super::reached::{Address, addresses, furthest};
use super::sentences::is_trouble;
use crate::model::text::{clipped, masked};

/// Lines kept for each process and for daemons that died. A failing TLS handshake takes about five.
const LINES: usize = 20;
/// Processes whose lines are kept. When the table is full, the half that logged least recently is dropped.
const PROCESSES: usize = 200;
/// Bytes kept of a line: no cause stands after them.
const LENGTH: usize = 2048;

/// Daemons that an outgoing message needs; the death of any other daemon does not stop it.
pub const ON_THE_WAY: [&str; 9] =
    ["cleanup", "error", "lmtp", "local", "pickup", "proxymap", "qmgr", "smtp", "trivial-rewrite"];

/// The lines of each process, and the last words of daemons that died.
#[derive(Debug, Default)]
pub struct Witness {
    young: HashMap<Speaker, Process>,
    old: HashMap<Speaker, Process>,
    present: Present,
    deaths: VecDeque<(u16, String)>,
}

/// Rules out most processes of which no line is kept, without a search: a delivery that went well asks for its own.
#[derive(Debug, Default)]
struct Present([u64; 16]);

impl Present {
    /// Word and bit of a process id.
    fn place(pid: u32) -> (usize, u64) {
        ((pid >> 6) as usize % 16, 1 << (pid & 63))
    }

    fn set(&mut self, pid: u32) {
        let (word, bit) = Self::place(pid);
        self.0.get_mut(word).into_iter().for_each(|word| *word |= bit);
    }

    fn may_have(&self, pid: u32) -> bool {
        let (word, bit) = Self::place(pid);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

/// Those of them that take a message in, before it has a queue id.
const INTAKE: [&str; 2] = ["cleanup", "pickup"];

/// A process: the number of its host in the log, and its process id.
type Speaker = (u16, u32);

/// The lines of one process.
#[derive(Debug, Default)]
struct Process {
    lines: VecDeque<String>,
    /// The message whose attempt ended after these lines, so they are about it; it may have more recipients.
    ended: Option<String>,
    /// Whether it takes messages in.
    takes: bool,
    /// Whether it sends to other hosts: only such a process ends each attempt with a record.
    sends: bool,
}

impl Witness {
    /// Takes a line that is not an attempt. Only lines of a message or of trouble are kept: a verbose smtp(8) logs even
    /// the password (smtp_sasl_glue.c).
    pub fn hear(&mut self, host: u16, line: &Line) {
        let of_message = split_queue_id(line.text).is_some();
        if !of_message && !is_trouble(line.text) {
            return;
        }
        let speaker = (host, line.pid);
        if is_death(line) {
            // The earlier complaints of the process give the reason: a table that cannot be opened, an unknown setting.
            let killed = killed(line);
            let dead = (host, killed.unwrap_or(line.pid));
            let process = self.young.get(&dead).or_else(|| self.old.get(&dead));
            // What it had complained of before the end of another delivery is about that one.
            let process = process.filter(|process| killed.is_none() || process.ended.is_none());
            let lines = process.into_iter().flat_map(|process| &process.lines);
            let before = lines.filter(|text| split_queue_id(text).is_none()).map(String::as_str);
            for text in before.chain([line.text]) {
                push(&mut self.deaths, (host, kept(text)));
            }
        }
        if ON_THE_WAY.contains(&line.daemon) {
            let process = self.of(speaker);
            if process.ended.take().is_some() {
                process.lines.clear();
            }
            process.takes = INTAKE.contains(&line.daemon);
            process.sends = ["smtp", "lmtp"].contains(&line.daemon);
            push(&mut process.lines, kept(line.text));
        }
    }

    fn of(&mut self, speaker: Speaker) -> &mut Process {
        if self.young.len() >= PROCESSES / 2 && !self.young.contains_key(&speaker) {
            self.old = std::mem::take(&mut self.young);
        }
        self.present.set(speaker.1);
        let before = &mut self.old;
        self.young.entry(speaker).or_insert_with(|| before.remove(&speaker).unwrap_or_default())
    }

    /// Records that the process has tried this message for one of its recipients: its lines belong to that message.
    pub fn ended(&mut self, host: u16, pid: u32, queue_id: &str) {
        let speaker = (host, pid);
        let Some(process) = self.young.get_mut(&speaker).or_else(|| self.old.get_mut(&speaker)) else {
            return;
        };
        if process.ended.as_deref().is_some_and(|ended| ended != queue_id) {
            process.lines.clear();
        }
        process.ended = Some(queue_id.to_owned());
    }

    /// Drops the lines of a process that has finished a delivery: they belong to that delivery.
    pub fn forget(&mut self, host: u16, pid: u32) {
        if !self.present.may_have(pid) {
            return;
        }
        self.young.remove(&(host, pid));
        self.old.remove(&(host, pid));
        self.present = Present::default();
        self.young.keys().chain(self.old.keys()).for_each(|(_, pid)| self.present.set(*pid));
    }

    /// Whether no line of any process is kept.
    pub fn is_empty(&self) -> bool {
        self.young.is_empty() && self.old.is_empty()
    }

    /// The lines of this process, without those about other messages, oldest first.
    pub fn said<'a>(&'a self, host: u16, pid: u32, queue_id: &'a str) -> impl Iterator<Item = &'a str> {
        let process = self.young.get(&(host, pid)).or_else(|| self.old.get(&(host, pid)));
        let process =
            process.filter(|process| process.ended.as_deref().is_none_or(|ended| ended == queue_id));
        let lines = process.map(|process| &process.lines);
        let is_of_another = move |line: &str| split_queue_id(line).is_some_and(|(id, _)| id != queue_id);
        lines.into_iter().flatten().map(String::as_str).filter(move |line| !is_of_another(line))
    }

    /// Lines that explain an attempt whose reason is `words`, by relay: the reason of the address at which it got furthest, the
    /// earlier lines of its process about that, and if a daemon died, its last words: qmgr(8) only knows that the
    /// transport is not there.
    pub fn legs<'a>(
        &'a self,
        host: u16,
        attempt: &'a Attempt,
        words: &'a str,
        question: &Question,
    ) -> Vec<Leg<'a>> {
        let mut legs = question.legs(attempt, words, self.said(host, attempt.pid, &attempt.queue_id));
        if is_of_transport(words) || words.contains("local data error") {
            legs.last_mut().into_iter().for_each(|leg| leg.evidence.extend(self.deaths(host)));
        }
        legs
    }

    /// What is left where the log ends without the record of an attempt: for each process that was sending, its host and
    /// the lines that explain it.
    pub fn open(&self) -> impl Iterator<Item = (u16, Vec<&str>)> {
        let all = self
            .young
            .iter()
            .chain(&self.old)
            .filter(|(_, process)| process.sends && process.ended.is_none());
        all.filter_map(|((host, _), process)| {
            let mut lines = process.lines.iter().map(String::as_str);
            let last = lines.next_back()?;
            let last = split_queue_id(last).map_or(last, |(_, reason)| reason);
            let (mut all, before) = addresses(lines);
            all.push(Address::last(last, before));
            Some((*host, furthest(all)))
        })
    }

    /// The lines of the processes that take messages in.
    pub fn intake(&self, host: u16) -> impl Iterator<Item = &str> {
        let all = self.young.iter().chain(&self.old);
        let taking = all.filter(move |((of, _), process)| *of == host && process.takes);
        taking.flat_map(|(_, process)| process.lines.iter().map(String::as_str))
    }

    /// The last words of daemons on the way that died on this host, and the lines of master(8) about it, oldest first.
    pub fn deaths(&self, host: u16) -> impl Iterator<Item = &str> {
        self.deaths.iter().filter(move |(of, _)| *of == host).map(|(_, text)| text.as_str())
    }
}

/// Whether qmgr(8) says that a daemon is not there (qmgr_deliver.c).
pub fn is_of_transport(words: &str) -> bool {
    words.contains("mail transport")
}

/// Whether a daemon on the way reports that it dies or cannot work, or master(8) reports it.
fn is_death(line: &Line) -> bool {
    if line.daemon == "master" {
        let is_of = |name: &&str| {
            let after = |found: (&str, &str)| found.1.starts_with([':', ' ']);
            line.text.split_once(&format!("/{name}")).is_some_and(after)
        };
        return ON_THE_WAY.iter().any(is_of);
    }
    // qmgr(8) finds no process to hand a message to, and proxymap(8) finds no table for a process that asks it.
    let in_vain = match line.daemon {
        "qmgr" => line.text.starts_with("warning: connect to transport "),
        "proxymap" => line.text.starts_with("error: "),
        _ => false,
    };
    in_vain || ON_THE_WAY.contains(&line.daemon) && line.is_last_word()
}

/// The process of which master(8) says that a signal killed it, so that it has left no last word (master_reap_child in
/// master/master_spawn.c).
pub fn killed(line: &Line) -> Option<u32> {
    let (_, rest) = line.text.split_once(" pid ").filter(|_| line.daemon == "master")?;
    let (pid, end) = rest.split_once(' ')?;
    pid.parse().ok().filter(|_| end.starts_with("killed by signal"))
}

/// The part of a line that is kept, without what may be a password.
fn kept(text: &str) -> String {
    masked(clipped(text, LENGTH)).into_owned()
}

fn push<T: PartialEq>(lines: &mut VecDeque<T>, line: T) {
    if lines.back() == Some(&line) {
        return;
    }
    if lines.len() == LINES {
        lines.pop_front();
    }
    lines.push_back(line);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::log::parse_line;

    fn hear(lines: &[&str]) -> Witness {
        let mut witness = Witness::default();
        for line in lines {
            witness.hear(0, &parse_line(line).unwrap());
        }
        witness
    }

    #[test]
    fn lines_of_the_same_process_and_the_dead() {
        let witness = hear(&[
            "x postfix/smtp[3]: warning: SASL authentication failure: No worthy mechs found",
            "x postfix/smtp[4]: warning: of somebody else",
            "x postfix/smtp[9]: fatal: bad boolean configuration",
            "x postfix/smtp[3]: ABCDE2: host r[192.0.2.1] said: 450 4.7.1 Greylisted",
            "x postfix/smtp[3]: Untrusted TLS connection established",
        ]);
        let said: Vec<_> = witness.said(0, 3, "ABCDE1").collect();
        assert_eq!(said, ["warning: SASL authentication failure: No worthy mechs found"]);
        assert_eq!(witness.deaths(0).collect::<Vec<_>>(), ["fatal: bad boolean configuration"]);
    }

    #[test]
    fn no_password_is_remembered() {
        let witness = hear(&[
            "x postfix/smtp[3]: smtp_sasl_passwd_lookup: host `r' user `u' pass `hunter2'",
            "x postfix/smtp[3]: warning: smtp_sasl_passwd_lookup: pass `hunter2'",
            "x postfix/smtp[3]: error: TokenStore::Read: failed to open file hunter2: No such file or directory",
        ]);
        let all = format!("{witness:?}");
        assert!(!all.contains("hunter2") && all.contains("failed to open file"), "{all}");
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let mut witness = Witness::default();
        let long = "é".repeat(100_000);
        for pid in 0..10_000 {
            let raw = format!("x postfix/smtp[{pid}]: warning: {long}{pid}");
            witness.hear(0, &parse_line(&raw).unwrap());
        }
        assert!(witness.young.len() + witness.old.len() <= PROCESSES);
        assert_eq!(witness.said(0, 9_999, "").count(), 1);
        assert!(witness.said(0, 9_999, "").all(|line| line.len() <= LENGTH));
        witness.forget(0, 9_999);
        assert_eq!(witness.said(0, 9_999, "").count(), 0);
    }
}
