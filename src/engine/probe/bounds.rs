//! How many ways of one kind are tried, and for how long: there may be hundreds, all of them at one server that is silent.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::error::human;
use crate::model::probe::Probe;
use crate::model::text::few;
use crate::sys::clock;

/// Most ways that a run tries which goes on afterwards, and for how long all of them.
const MOST: usize = 20;
const LONGEST: Duration = Duration::from_secs(30);
/// Longest time for one of them, and the least that one is begun with.
const SHARE: Duration = Duration::from_secs(10);
const LEAST: Duration = Duration::from_secs(5);
/// How many times the time for one all may take where somebody asks for all.
const ALL: u32 = 10;

/// How many ways are tried, and for how long.
pub struct Bounds {
    begin: Instant,
    most: usize,
    longest: Duration,
    share: Duration,
    least: Duration,
    tried: usize,
    /// The servers that could not be reached, and whose mail was not tried for that.
    unreached: BTreeMap<String, Vec<String>>,
    /// Those for which there was no time, or which are too many.
    late: Vec<String>,
}

impl Bounds {
    /// Those of a run that goes on afterwards.
    pub fn of_run() -> Self {
        Self::new(MOST, LONGEST, SHARE, LEAST)
    }

    /// Where somebody asks for all ways, with this time for each of them.
    pub fn of_all(each: Duration) -> Self {
        Self::new(usize::MAX, each.saturating_mul(ALL), each, each)
    }

    fn new(most: usize, longest: Duration, share: Duration, least: Duration) -> Self {
        let (unreached, late) = (BTreeMap::new(), Vec::new());
        Self { begin: clock::now(), most, longest, share, least, tried: 0, unreached, late }
    }

    /// The time for the way of this mail by this server; `None`, which is noted: it is not tried.
    pub fn time_for(&mut self, whose: &str, server: &str) -> Option<Duration> {
        let left = self.longest.saturating_sub(self.begin.elapsed());
        if let Some(others) = self.unreached.get_mut(server) {
            others.push(whose.to_owned());
        } else if self.tried < self.most && left >= self.least {
            self.tried += 1;
            return Some(left.min(self.share));
        } else {
            self.late.push(whose.to_owned());
        }
        None
    }

    /// Notes a server that could not be reached: with another login it is as silent.
    pub fn heed(&mut self, server: &str, found: &Probe) {
        if found.is_unreached() {
            self.unreached.entry(server.to_owned()).or_default();
        }
    }

    /// What was not tried, and why.
    pub fn untried(&self) -> Vec<String> {
        let line = |all: &[String], why: &str| {
            (!all.is_empty()).then(|| format!("not tried, since {why}: {}", few(all)))
        };
        let silent =
            |(server, all): (&String, &Vec<String>)| line(all, &format!("{server} could not be reached"));
        let late = if self.tried == self.most {
            format!("{} were before", self.tried)
        } else {
            format!("all may take {}", human(self.longest))
        };
        self.unreached.iter().filter_map(silent).chain(line(&self.late, &late)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::causes::failure::Failure;
    use crate::model::probe::{Ending, ProbeStage};

    const EACH: Duration = Duration::from_secs(7);

    fn names(bounds: &mut Bounds, count: usize, server: &str) -> usize {
        (0..count)
            .filter(|number| bounds.time_for(&format!("{number}@example.com"), server).is_some())
            .count()
    }

    fn failed_at(name: &'static str, refused: bool) -> Probe {
        let (text, offered, said) = (String::new(), Vec::new(), None);
        let stage = ProbeStage { name, good: false, text, offered, said, took: Duration::ZERO };
        let failure = Failure::unknown(refused, "", "", Vec::new());
        Probe { stages: vec![stage], ending: Ending::Failed(failure), ..Probe::default() }
    }

    #[test]
    fn a_run_tries_a_number_of_ways_and_names_the_others() {
        let mut bounds = Bounds::of_run();
        assert_eq!(bounds.time_for("a@example.com", "[a]:25"), Some(SHARE));
        assert_eq!(names(&mut bounds, 23, "[b]:25"), MOST - 1);
        let names = "19@example.com, 20@example.com, 21@example.com, 1 more";
        assert_eq!(bounds.untried(), [format!("not tried, since 20 were before: {names}")]);
    }

    #[test]
    fn all_take_ten_times_the_time_of_one_at_most() {
        let mut bounds = Bounds::of_all(EACH);
        assert_eq!(names(&mut bounds, 300, "[b]:25"), 300);
        assert!(bounds.untried().is_empty());
        bounds.begin -= EACH * 9 + Duration::from_millis(1);
        assert_eq!(bounds.time_for("late@example.com", "[b]:25"), None);
        assert_eq!(bounds.untried(), ["not tried, since all may take 1m 10s: late@example.com"]);
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_tried_once() {
        let mut bounds = Bounds::of_all(EACH);
        assert!(bounds.time_for("a@example.com", "[b]:25").is_some());
        bounds.heed("[b]:25", &failed_at("login", false));
        bounds.heed("[c]:25", &failed_at("greeting", true));
        bounds.heed("[d]:25", &Probe::default());
        for server in ["[b]:25", "[c]:25", "[d]:25"] {
            assert!(bounds.time_for("b@example.com", server).is_some(), "{server}");
        }
        bounds.heed("[b]:25", &failed_at("connect", false));
        assert_eq!(bounds.time_for("c@example.com", "[b]:25"), None);
        assert!(bounds.time_for("d@example.com", "[c]:25").is_some());
        assert_eq!(bounds.untried(), ["not tried, since [b]:25 could not be reached: c@example.com"]);
    }
}
