//! What waits until an RPM transaction is over: one entry for each package that asked. Read by later versions of
//! relayhost too, so the form is frozen by a test. Times are seconds since 1970, so that they compare.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::generation::VERSION;
use super::wish::{Wish, is_default};
use crate::error::Exit;

/// How long after a failure it is tried again: this, then twice as long each time, up to an hour.
const FIRST_PAUSE: u64 = 60;
const LONGEST_PAUSE: u64 = 60 * 60;
/// How long a run that ends has to be gone, in seconds, before systemd is to start the next: a unit that still runs is not
/// started.
const SOON: u64 = 2;
/// An entry that nobody has tried for so long, in seconds: what should have done it does not run here.
pub const OLD: u64 = 15 * 60;

/// Name of the entry for packages that came, went or changed.
pub const CHANGED: &str = "@changed";
/// Name of the entry for a command that was typed inside a transaction.
pub const TYPED: &str = "@typed";
/// Name of the entry for a tree that was configured while it was not running.
pub const TREE: &str = "@tree";

/// Something that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Version of this form.
    pub version: u32,
    /// What happened, for people.
    pub why: String,
    /// When it was recorded.
    pub since: u64,
    /// Tells this request from a later one by the same asker, which a run that is at work now does not serve.
    pub id: String,
    /// How often it was tried.
    pub attempts: u32,
    /// How the last attempt ended.
    pub last: Option<Attempt>,
    /// The options that were typed; a package has none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub wish: Wish,
}

/// An attempt that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// When it ended.
    pub at: u64,
    /// Its exit status.
    pub exit: u8,
    /// Why.
    pub text: String,
    /// What to do about it.
    pub remedy: String,
    /// The boot in which it was made (boot_id of random(4)).
    pub boot: String,
    /// Which edition of the answers was tried: another text after each change of them. Empty if that is not known.
    #[serde(default)]
    pub answers: String,
}

/// An entry, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Who asked.
    pub name: String,
    /// Why, and what it waits for.
    pub text: String,
    /// What to do.
    pub remedy: String,
    /// Whether somebody should look after it.
    pub attention: bool,
}

impl Entry {
    /// A new request.
    pub fn new(why: String, since: u64, id: String) -> Self {
        Self { version: VERSION, why, since, id, attempts: 0, last: None, wish: Wish::default() }
    }

    /// The entry after an attempt that failed.
    #[must_use]
    pub fn tried(mut self, attempt: Attempt) -> Self {
        self.attempts = self.attempts.saturating_add(1);
        self.last = Some(attempt);
        self
    }

    /// Whether it is time to try. After a boot it always is, and when the answers are not those that were tried. What
    /// cannot get better by itself waits for that: a password that is tried again and again locks the account.
    pub fn is_due(&self, now: u64, boot: &str, answers: &str) -> bool {
        let Some(last) = &self.last else { return true };
        if last.boot != boot || last.answers != answers {
            return true;
        }
        !waits_for_people(last.exit) && now >= self.next()
    }

    /// When it is to be tried again; `None` if that is not a matter of time, or nobody has tried it yet.
    pub fn due_at(&self) -> Option<u64> {
        self.last.as_ref().filter(|last| !waits_for_people(last.exit)).map(|_| self.next())
    }

    /// How the last attempt ended.
    pub fn last_exit(&self) -> Option<Exit> {
        self.last.as_ref().map(|last| Exit::from_code(last.exit))
    }

    /// When it is tried again at the earliest.
    fn next(&self) -> u64 {
        let doublings = self.attempts.saturating_sub(1).min(6);
        let pause = (FIRST_PAUSE << doublings).min(LONGEST_PAUSE);
        self.last.as_ref().map_or(self.since, |last| last.at.saturating_add(pause))
    }

    /// The entry of this name, for people.
    pub fn waiting(&self, name: String, now: u64) -> Waiting {
        let (text, attention) = self.state(now);
        let remedy = match &self.last {
            Some(last) => format!("{} (relayhost pending tries it again now)", last.remedy),
            None => "relayhost pending".into(),
        };
        Waiting { name, text, remedy, attention }
    }

    fn state(&self, now: u64) -> (String, bool) {
        let age = |since: u64| {
            let age = Duration::from_secs(now.saturating_sub(since));
            humantime::format_duration(age).to_string()
        };
        let head = format!("{}, {} ago", self.why, age(self.since));
        match &self.last {
            None if now.saturating_sub(self.since) < OLD => {
                (format!("{head}; it runs when the RPM transaction is over, or at the first boot"), false)
            }
            None => (format!("{head}; nothing has tried it since"), true),
            Some(last) => {
                let times =
                    if self.attempts == 1 { "once".into() } else { format!("{} times", self.attempts) };
                let next = if waits_for_people(last.exit) {
                    "it is tried again when the answers change, or at the next boot".to_owned()
                } else {
                    format!(
                        "the next attempt is in {}",
                        humantime::format_duration(Duration::from_secs(self.next().saturating_sub(now)))
                    )
                };
                (format!("{head}; tried {times}, last {} ago: {}; {next}", age(last.at), last.text), true)
            }
        }
    }
}

/// When a run is to look after the queue again, if that is a matter of time: soon for what came too late for the run that
/// ends now. Without answers (`None`) there is nothing to try, and whoever writes them has it tried.
pub fn next_run(entries: &[(String, Entry)], now: u64, boot: &str, answers: Option<&str>) -> Option<u64> {
    let answers = answers?;
    let when = |entry: &Entry| {
        if entry.is_due(now, boot, answers) { Some(now.saturating_add(SOON)) } else { entry.due_at() }
    };
    entries.iter().filter_map(|(_, entry)| when(entry)).min()
}

/// Whether an exit status means that trying again, with nothing changed, gives the same.
fn waits_for_people(exit: u8) -> bool {
    [Exit::Usage, Exit::Differs, Exit::Refused, Exit::PutBack].iter().any(|known| known.code() == exit)
}

/// Whether a name can be a package's, and the name of a file: what RPM allows (rpmCharCheck), and no path.
pub fn is_package_name(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-._+".contains(c);
    !name.is_empty() && name.len() <= 128 && !name.starts_with(['.', '-']) && name.chars().all(good)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::wish::{Message, Refusal};

    fn failed(attempts: u32, exit: Exit) -> Entry {
        let last = Attempt {
            at: 1000,
            exit: exit.code(),
            text: "no network".into(),
            remedy: "wait".into(),
            boot: "b1".into(),
            answers: "a1".into(),
        };
        Entry { attempts, last: Some(last), ..Entry::new("relayhost was installed".into(), 900, "1".into()) }
    }

    #[test]
    fn the_form_on_disk_is_frozen() {
        let text = r#"{"version":1,"why":"op5 was installed","since":900,"id":"x","attempts":1,"last":{"at":1000,"exit":5,"text":"no word","remedy":"wait","boot":"b1","answers":"a1"}}"#;
        let parsed: Entry = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        let earlier: Entry = serde_json::from_str(&text.replace(r#","answers":"a1""#, "")).unwrap();
        assert!(earlier.is_due(1001, "b1", "a1"), "which answers were tried is not known");
    }

    #[test]
    fn options_that_were_typed_are_kept_and_an_entry_without_has_none() {
        let text = r#"{"version":1,"why":"x","since":900,"id":"x","attempts":0,"last":null,"wish":{"force":true,"message":"never","refusal":"keep"}}"#;
        let parsed: Entry = serde_json::from_str(text).unwrap();
        assert_eq!(parsed.wish, Wish { force: true, message: Message::Never, refusal: Refusal::Keep });
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        let short =
            text.replace(r#""force":true,"message":"never","refusal":"keep""#, r#""refusal":"put-back""#);
        let parsed: Entry = serde_json::from_str(&short).unwrap();
        assert_eq!(parsed.wish, Wish { refusal: Refusal::PutBack, ..Wish::default() });
        assert_eq!(serde_json::to_string(&parsed).unwrap(), short);
    }

    #[test]
    fn a_request_that_came_while_a_run_ended_is_tried_soon_and_nothing_turns_in_a_circle() {
        let next = |entries: &[&Entry], answers| {
            let queue: Vec<_> = entries.iter().map(|&one| ("x".to_owned(), one.clone())).collect();
            next_run(&queue, 1030, "b1", answers)
        };
        let late = Entry::new("op5 was installed".into(), 1029, "2".into());
        let (time, people) = (failed(1, Exit::NoWord), failed(1, Exit::Refused));
        assert_eq!(next(&[], Some("a1")), None);
        assert_eq!(next(&[&people, &late], Some("a1")), Some(1032));
        assert_eq!(next(&[&people], Some("a2")), Some(1032), "the answers changed since it was tried");
        assert_eq!(next(&[&people], Some("a1")), None, "the same answers would give the same");
        assert_eq!(next(&[&people, &time], Some("a1")), Some(1060));
        assert_eq!(next(&[&people, &time, &late], None), None, "no answers: each run would end at once");
    }

    #[test]
    fn a_failure_is_tried_again_later_and_later_up_to_an_hour() {
        for (attempts, pause) in [(1, 60), (2, 120), (3, 240), (7, 3600), (1000, 3600)] {
            let entry = failed(attempts, Exit::NoWord);
            assert!(!entry.is_due(1000 + pause - 1, "b1", "a1"), "{attempts}");
            assert!(entry.is_due(1000 + pause, "b1", "a1"), "{attempts}");
        }
    }

    #[test]
    fn a_refused_password_is_not_tried_again_until_something_changes() {
        let entry = failed(1, Exit::PutBack);
        assert!(!entry.is_due(1_000_000, "b1", "a1"));
        assert!(entry.is_due(1000, "b1", "a2"), "the answers changed, in the same second even");
        assert!(entry.is_due(1001, "b2", "a1"), "another boot");
        assert!(Entry::new(String::new(), 0, String::new()).is_due(0, "b1", "a1"));
    }

    #[test]
    fn what_is_old_or_failed_needs_a_person() {
        let fresh = Entry::new("op5 was installed".into(), 900, "1".into());
        assert_eq!(
            fresh.state(960),
            (
                "op5 was installed, 1m ago; it runs when the RPM transaction is over, or at the first boot"
                    .into(),
                false
            )
        );
        assert!(fresh.state(900 + OLD).1);
        let (text, attention) = failed(2, Exit::NoWord).state(1060);
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
