//! The requests that wait until an RPM transaction is over: one entry for each package that asked. Later versions of
//! relayhost read them too, so a test freezes the form.
//!
//! The wall clock of a host may be set back or forward at any time. So within one boot, ages are measured by the
//! clock that counts from the boot. Across boots only the wall clock is left, and a time of it that lies in the
//! future is not believed.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::generation::VERSION;
use super::order::{Order, PutBack, is_default};
use crate::error::Exit;
use crate::model::plan::{Finding, Remedy, State};

/// Pause before the next attempt after a failure, in seconds: first this, then twice as long each time, up to an
/// hour.
const FIRST_PAUSE: u64 = 60;
const LONGEST_PAUSE: u64 = 60 * 60;
/// Seconds that a run has to end before systemd is to start the next: systemd does not start a unit that still runs.
const SOON: u64 = 2;
/// Age of an untried entry, in seconds, from which on its unit evidently does not run on this host.
pub const OLD: u64 = 15 * 60;

/// Name of the entry for packages that came, went or changed.
pub const CHANGED: &str = "@changed";
/// Name of the entry for a command that was typed inside a transaction.
pub const TYPED: &str = "@typed";
/// Name of the entry for a tree that was configured while it was not running.
pub const TREE: &str = "@tree";

/// A moment, by both clocks of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// The wall clock: seconds since 1970.
    pub wall: u64,
    /// The boot (boot_id of random(4)); empty if unknown.
    pub boot: String,
    /// Seconds since that boot, by a clock that nobody can set; `None` if unknown.
    pub up: Option<u64>,
}

impl Moment {
    /// Seconds from `earlier` to this moment; `None` if unknown, because the clock was set back in between.
    fn since(&self, earlier: &Self) -> Option<u64> {
        let shares_boot = !self.boot.is_empty() && self.boot == earlier.boot;
        match (self.up, earlier.up) {
            (Some(now), Some(then)) if shares_boot => now.checked_sub(then),
            _ => self.wall.checked_sub(earlier.wall),
        }
    }
}

/// A request that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingEntry {
    /// Version of this form.
    pub version: u32,
    /// The event that led to the request, for people.
    pub why: String,
    /// Time of the request, in seconds since 1970.
    pub since: u64,
    /// The boot in which the request was recorded (boot_id of random(4)).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub boot: String,
    /// Seconds from that boot to the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<u64>,
    /// Tells this request from a later one of the same name, which a run that is at work now does not serve.
    pub id: String,
    /// Number of attempts.
    pub attempts: u32,
    /// The last attempt.
    pub last: Option<Attempt>,
    /// The options that were typed; a package has none.
    #[serde(default, rename = "wish", skip_serializing_if = "is_default")]
    pub order: Order,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Time of its end, in seconds since 1970.
    pub at: u64,
    /// Its exit status.
    pub exit: u8,
    /// The reason, in words.
    pub text: String,
    /// The remedy, in words.
    pub remedy: String,
    /// The boot in which it was made (boot_id of random(4)).
    pub boot: String,
    /// Seconds since that boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up: Option<u64>,
    /// Fingerprint of the answers that were tried, which changes whenever they change. Empty if unknown.
    #[serde(default)]
    pub answers: String,
    /// Why the previous configuration was put back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_back: Option<PutBack>,
}

impl PendingEntry {
    /// A new request.
    pub fn new(why: String, now: Moment, id: String) -> Self {
        let Moment { wall, boot, up } = now;
        let order = Order::default();
        Self { version: VERSION, why, since: wall, boot, up, id, attempts: 0, last: None, order }
    }

    /// The entry after an attempt that failed.
    #[must_use]
    pub fn tried(mut self, attempt: Attempt) -> Self {
        self.attempts = self.attempts.saturating_add(1);
        self.last = Some(attempt);
        self
    }

    /// Whether it is time to try. It always is after a boot, and when the answers are not those that were tried. A
    /// failure that only people can mend waits for that: a password that is tried again and again locks the account.
    pub fn is_due(&self, now: &Moment, answers: &str) -> bool {
        let Some(last) = &self.last else { return true };
        last.boot != now.boot || last.answers != answers || self.due_in(now) == Some(0)
    }

    /// Seconds until the next attempt, an hour at most; `None` if time alone does not help, or before the first
    /// attempt.
    fn due_in(&self, now: &Moment) -> Option<u64> {
        let last = self.last.as_ref().filter(|last| !last.waits_for_people())?;
        let doublings = self.attempts.saturating_sub(1).min(6);
        let pause = (FIRST_PAUSE << doublings).min(LONGEST_PAUSE);
        Some(now.since(&last.moment()).map_or(0, |elapsed| pause.saturating_sub(elapsed)))
    }

    /// Exit status of the last attempt.
    pub fn last_exit(&self) -> Option<Exit> {
        self.last.as_ref().map(|last| Exit::from_code(last.exit))
    }

    /// The entry with this name, for people: the reason for the request, and the condition for the next attempt. It is a
    /// fault if an administrator should look after it.
    pub fn finding(&self, name: &str, now: &Moment) -> Finding {
        let (found, is_amiss) = self.state(now);
        let remedy = match &self.last {
            Some(last) => format!("{} (relayhost pending tries it again now)", last.remedy),
            None => "relayhost pending".into(),
        };
        Finding {
            id: format!("pending.{name}"),
            state: if is_amiss { State::Differs } else { State::Note },
            found,
            remedy: is_amiss.then(|| Remedy::say(remedy)),
        }
    }

    fn state(&self, now: &Moment) -> (String, bool) {
        let recorded = Moment { wall: self.since, boot: self.boot.clone(), up: self.up };
        let age = now.since(&recorded);
        let head = format!("{}, {}", self.why, ago(age));
        let Some(last) = &self.last else {
            return if age.is_some_and(|age| age < OLD) {
                (format!("{head}; it runs when the RPM transaction is over, or at the first boot"), false)
            } else {
                (format!("{head}; nothing has tried it since"), true)
            };
        };
        let times = if self.attempts == 1 { "once".into() } else { format!("{} times", self.attempts) };
        let next = match self.due_in(now) {
            None => "it is tried again when the answers change, or at the next boot".to_owned(),
            Some(0) => "the next attempt is due".to_owned(),
            Some(seconds) => format!("the next attempt is in {}", show(seconds)),
        };
        let when = ago(now.since(&last.moment()));
        (format!("{head}; tried {times}, last {when}: {}; {next}", last.text), true)
    }
}

impl Attempt {
    /// Whether a further attempt, with nothing changed, would end in the same way.
    fn waits_for_people(&self) -> bool {
        let is_of = |known: &Exit| known.code() == self.exit;
        let ends = [Exit::Usage, Exit::Differs, Exit::Refused, Exit::PutBack];
        ends.iter().any(is_of) && self.put_back != Some(PutBack::NoWord)
    }

    fn moment(&self) -> Moment {
        Moment { wall: self.at, boot: self.boot.clone(), up: self.up }
    }
}

fn ago(age: Option<u64>) -> String {
    age.map_or_else(|| "before the clock was set back".into(), |seconds| format!("{} ago", show(seconds)))
}

fn show(seconds: u64) -> String {
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

/// Seconds until the next run of the queue: few if requests came too late for the run that ends now; `None` if time
/// alone does not help. Without answers (`None`) there is nothing to try; writing them starts a run.
pub fn next_run(entries: &[(String, PendingEntry)], now: &Moment, answers: Option<&str>) -> Option<u64> {
    let answers = answers?;
    let pause =
        |entry: &PendingEntry| if entry.is_due(now, answers) { Some(SOON) } else { entry.due_in(now) };
    entries.iter().filter_map(|(_, entry)| pause(entry)).min()
}

/// Whether a name can be that of a package and of a file: the characters that RPM allows (rpmCharCheck), and no path.
pub fn is_package_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    !name.is_empty() && name.len() <= 128 && !name.starts_with(['.', '-']) && name.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::state::order::{Message, Refusal};

    /// A moment in boot `b1`, whose wall clock said 900 when it was up for 100 seconds.
    fn at(wall: u64) -> Moment {
        Moment { wall, boot: "b1".into(), up: Some(wall - 800) }
    }

    fn failed(attempts: u32, exit: Exit) -> PendingEntry {
        let last = Attempt {
            at: 1000,
            exit: exit.code(),
            text: "no network".into(),
            remedy: "wait".into(),
            boot: "b1".into(),
            up: Some(200),
            answers: "a1".into(),
            put_back: None,
        };
        let entry = PendingEntry::new("relayhost was installed".into(), at(900), "1".into());
        PendingEntry { attempts, last: Some(last), ..entry }
    }

    /// The entry in the form of an earlier relayhost, which knew the wall clock alone.
    fn by_the_wall_clock(mut entry: PendingEntry) -> PendingEntry {
        (entry.boot, entry.up) = (String::new(), None);
        entry.last.iter_mut().for_each(|last| last.up = None);
        entry
    }

    #[test]
    fn the_form_on_disk_is_frozen() {
        let text = r#"{"version":1,"why":"op5 was installed","since":900,"boot":"b1","up":100,"id":"x","attempts":1,"last":{"at":1000,"exit":5,"text":"no word","remedy":"wait","boot":"b1","up":200,"answers":"a1"}}"#;
        let parsed: PendingEntry = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        // Forms of earlier versions are written again as they were read.
        let without_up = text.replace(r#""boot":"b1","up":100,"id""#, r#""id""#).replace(r#","up":200"#, "");
        let earlier: PendingEntry = serde_json::from_str(&without_up).unwrap();
        assert_eq!(serde_json::to_string(&earlier).unwrap(), without_up);
        assert!(!earlier.is_due(&at(1059), "a1") && earlier.is_due(&at(1060), "a1"));
        let put_back = text.replace(r#""answers":"a1""#, r#""answers":"a1","put_back":"no_word""#);
        let parsed: PendingEntry = serde_json::from_str(&put_back).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), put_back);
        let earlier: PendingEntry =
            serde_json::from_str(&without_up.replace(r#","answers":"a1""#, "")).unwrap();
        assert!(earlier.is_due(&at(1001), "a1"), "which answers were tried is not known");
    }

    #[test]
    fn options_that_were_typed_are_kept_and_an_entry_without_has_none() {
        let text = r#"{"version":1,"why":"x","since":900,"id":"x","attempts":0,"last":null,"wish":{"force":true,"message":"never","refusal":"keep"}}"#;
        let parsed: PendingEntry = serde_json::from_str(text).unwrap();
        assert_eq!(parsed.order, Order { force: true, message: Message::Never, refusal: Refusal::Keep });
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        let short =
            text.replace(r#""force":true,"message":"never","refusal":"keep""#, r#""refusal":"put-back""#);
        let parsed: PendingEntry = serde_json::from_str(&short).unwrap();
        assert_eq!(parsed.order, Order { refusal: Refusal::PutBack, ..Order::default() });
        assert_eq!(serde_json::to_string(&parsed).unwrap(), short);
    }

    #[test]
    fn a_request_that_came_while_a_run_ended_is_tried_soon_and_nothing_turns_in_a_circle() {
        let next = |entries: &[&PendingEntry], answers| {
            let queue: Vec<_> = entries.iter().map(|&one| ("x".to_owned(), one.clone())).collect();
            next_run(&queue, &at(1030), answers)
        };
        let late = PendingEntry::new("op5 was installed".into(), at(1029), "2".into());
        let (time, people) = (failed(1, Exit::NoWord), failed(1, Exit::Refused));
        assert_eq!(next(&[], Some("a1")), None);
        assert_eq!(next(&[&people, &late], Some("a1")), Some(2));
        assert_eq!(next(&[&people], Some("a2")), Some(2), "the answers changed since it was tried");
        assert_eq!(next(&[&people], Some("a1")), None, "the same answers would give the same");
        assert_eq!(next(&[&people, &time], Some("a1")), Some(30));
        assert_eq!(next(&[&people, &time, &late], None), None, "no answers: each run would end at once");
    }

    #[test]
    fn a_failure_is_tried_again_later_and_later_up_to_an_hour() {
        for (attempts, pause) in [(1, 60), (2, 120), (3, 240), (7, 3600), (1000, 3600)] {
            for entry in [failed(attempts, Exit::NoWord), by_the_wall_clock(failed(attempts, Exit::NoWord))] {
                assert!(!entry.is_due(&at(1000 + pause - 1), "a1"), "{attempts}");
                assert!(entry.is_due(&at(1000 + pause), "a1"), "{attempts}");
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_stops_nothing_and_hastens_nothing() {
        const YEAR: u64 = 365 * 86_400;
        for attempts in [1, 2, 7, 1000] {
            let entry = failed(attempts, Exit::NoWord);
            let pause = entry.due_in(&at(1000)).unwrap();
            for wall in [0, 1, 999, 1000, 1059, 1060, 1000 + YEAR, u64::MAX] {
                for elapsed in [0, 59, 60, 3599, 3600, YEAR] {
                    // The same boot: the wall clock says nothing.
                    let now = Moment { wall, up: Some(200 + elapsed), ..at(1000) };
                    assert_eq!(entry.is_due(&now, "a1"), elapsed >= pause, "{attempts} {wall} {elapsed}");
                    let text = entry.state(&now).0;
                    assert!(text.contains(&format!("last {} ago", show(elapsed))), "{text}");
                    // By the wall clock alone: due in an hour at most, and at once if the attempt lies in the future.
                    for boot in ["b1", ""] {
                        let mut old = by_the_wall_clock(entry.clone());
                        old.last.iter_mut().for_each(|last| last.boot = boot.into());
                        let now = Moment { wall, boot: boot.into(), up: None };
                        assert_eq!(old.is_due(&now, "a1"), wall < 1000 || wall - 1000 >= pause);
                        let next = next_run(&[("x".into(), old.clone())], &now, Some("a1"));
                        assert!(next.is_some_and(|seconds| seconds <= LONGEST_PAUSE), "{next:?}");
                        let text = old.state(&now).0;
                        assert_eq!(text.contains("before the clock was set back"), wall < 1000, "{text}");
                    }
                }
            }
        }
        // A clock that was set back does not hide a request that nothing has tried.
        let fresh = PendingEntry::new("op5 was installed".into(), at(900), "1".into());
        assert!(!fresh.state(&Moment { wall: 0, ..at(1000) }).1);
        assert!(fresh.state(&Moment { wall: 0, ..at(900 + OLD) }).1);
        assert!(by_the_wall_clock(fresh).state(&Moment { wall: 0, ..at(1000) }).1);
    }

    #[test]
    fn a_refused_password_is_not_tried_again_until_something_changes() {
        let entry = failed(1, Exit::PutBack);
        assert!(!entry.is_due(&at(1_000_000), "a1") && !entry.is_due(&Moment { wall: 1, ..at(1001) }, "a1"));
        assert!(entry.is_due(&at(1000), "a2"), "the answers changed, in the same second even");
        assert!(entry.is_due(&Moment { boot: "b2".into(), ..at(1001) }, "a1"), "another boot");
        assert!(PendingEntry::new(String::new(), at(1000), String::new()).is_due(&at(1000), "a1"));
        let mut no_word = entry;
        no_word.last.iter_mut().for_each(|last| last.put_back = Some(PutBack::NoWord));
        assert_eq!(no_word.due_in(&at(1000)), failed(1, Exit::NoWord).due_in(&at(1000)));
    }

    #[test]
    fn what_is_old_or_failed_needs_a_person() {
        let fresh = PendingEntry::new("op5 was installed".into(), at(900), "1".into());
        assert_eq!(
            fresh.state(&at(960)),
            (
                "op5 was installed, 1m ago; it runs when the RPM transaction is over, or at the first boot"
                    .into(),
                false
            )
        );
        assert!(fresh.state(&at(900 + OLD)).1);
        let (text, attention) = failed(2, Exit::NoWord).state(&at(1060));
        assert!(
            attention && text.ends_with("tried 2 times, last 1m ago: no network; the next attempt is in 1m"),
            "{text}"
        );
    }

    #[test]
    fn a_name_is_no_path() {
        for good in ["op5-monitor", "libstdc++", "python3.11", "postfix_x"] {
            assert!(is_package_name(good), "{good}");
        }
        for bad in ["", ".", "..", "a/b", ".hidden", "-x", "a b", "a\n", "@changed", "ä"] {
            assert!(!is_package_name(bad), "{bad}");
        }
    }
}
