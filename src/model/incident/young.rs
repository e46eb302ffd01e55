//! What is amiss and has not lasted long enough to open an incident: a look that sees it does not end well, and tells nobody yet.

use super::Topic;
use super::record::Incidents;
use super::sight::Seen;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::text::plain;

/// What is amiss and no incident yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Young {
    /// The topic.
    pub topic: Topic,
    /// The cause, in words.
    pub cause: String,
    /// The remedy, in words; empty if none is known.
    pub remedy: String,
    /// The time from which on it is known.
    pub since: Seconds,
    /// The time from which on a look that sees it opens an incident.
    pub opens: Seconds,
}

impl Young {
    /// It in one line.
    pub fn sentence(&self, calendar: &Calendar) -> String {
        let (since, opens) = (calendar.show(self.since), calendar.show(self.opens));
        let cause = plain(&self.cause);
        format!(
            "no incident yet: {cause} (known since {since}; the first look from {opens} on opens one, if it lasts)"
        )
    }
}

impl Incidents {
    /// What this look saw that is no incident yet. `open_after`: how long something has to last, in seconds.
    pub fn not_yet(&self, seen: &Seen, open_after: Seconds) -> Vec<Young> {
        let all = seen.sightings.iter().filter_map(|one| {
            let since = *self.young.get(&one.topic)?;
            let (cause, remedy) = (one.cause.clone(), one.remedy.clone());
            Some(Young { topic: one.topic, cause, remedy, since, opens: since.saturating_add(open_after) })
        });
        all.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::record::Rules;

    #[test]
    fn what_is_young_says_since_when_and_when_it_opens() {
        let mut record = Incidents::new("0a".into());
        let seen = Seen::failed("no disk".into(), "mount it".into(), true, 1000);
        let rules = |now| Rules { ways: &[], open_after: 180, now };
        assert_eq!(record.fold(&seen, rules(1000)), []);
        let all = record.not_yet(&seen, 180);
        assert_eq!(all.len(), 1, "{all:?}");
        assert_eq!((all[0].since, all[0].opens, all[0].remedy.as_str()), (1000, 1180, "mount it"));
        assert_eq!(
            all[0].sentence(&Calendar::utc(1000)),
            "no incident yet: no disk (known since 1970-01-01 00:16:40; the first look from 1970-01-01 00:19:40 on opens one, if it lasts)"
        );
        // At that time it is an incident, and young no more.
        assert_eq!(record.fold(&seen, rules(1180)).len(), 1);
        assert_eq!(record.not_yet(&seen, 180), []);
    }
}
