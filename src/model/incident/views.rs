//! What `check` says of the watch.

use std::collections::BTreeMap;

use super::record::Incidents;
use crate::model::leaving::views::span;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::plan::{Finding, Remedy, State};
use crate::model::text::plain;

/// A look that is older says nothing of now: the watch looks every five minutes.
const STALE: Seconds = 30 * 60;

/// The watch, as far as it is known.
#[derive(Debug)]
pub struct Watch<'a> {
    /// The record.
    pub record: Option<&'a Incidents>,
    /// Keys and names of the ways, the journal's too where the host has one.
    pub ways: &'a [(String, String)],
    /// Whether the answers name a way: the journal alone tells nobody who does not read it.
    pub has_alarms: bool,
    /// The time of its last look.
    pub looked: Option<Seconds>,
    /// Now.
    pub now: Seconds,
}

/// The findings: the incidents that are open, what a way has not taken, and whether anybody looks.
pub fn findings(watch: &Watch, calendar: &Calendar) -> Vec<Finding> {
    // A look that is still to come was before the clock was set back, or somebody has changed the time of the file.
    let is_recent = watch.looked.is_some_and(|looked| watch.now.saturating_sub(looked).abs() < STALE);
    let mut all = Vec::new();
    if let (false, true, Some(looked)) = (is_recent, watch.has_alarms, watch.looked) {
        let age = watch.now.saturating_sub(looked);
        let when = span(std::time::Duration::from_secs(age.unsigned_abs()));
        let when = if age < 0 { format!("at a time that is {when} ahead") } else { format!("{when} ago") };
        let found = format!("`relayhost watch` has last looked {when}, so no alarm would be told");
        let remedy = "systemctl status relayhost-watch.timer (without systemd cron runs relayhost watch)";
        all.push(finding("watch.silent", State::Warning, found, Some(remedy)));
    }
    if watch.looked.is_none() && watch.has_alarms {
        let found = "`relayhost watch` has not looked yet, so no alarm would be told (relayhost-watch.timer has it look; without systemd cron does)";
        all.push(finding("watch.silent", State::Note, found.to_owned(), None));
    }
    let Some(record) = watch.record else { return all };
    if is_recent {
        all.extend(record.open.iter().map(|incident| {
            let since = calendar.show(incident.opened);
            let found =
                format!("incident {} is open since {since}: {}", incident.id, plain(&incident.story()));
            finding("incident.open", State::Note, found, None)
        }));
    }
    let mut untold: BTreeMap<&str, (usize, &str)> = BTreeMap::new();
    for (key, why) in record.untold.iter().flat_map(|untold| &untold.ways) {
        // The first that a way has not taken says why; the others wait for it.
        untold.entry(key).or_insert((0, why)).0 += 1;
    }
    for (key, (count, why)) in untold {
        let Some((_, name)) = watch.ways.iter().find(|(known, _)| known == key) else { continue };
        let (noun, why) =
            (if count == 1 { "event" } else { "events" }, if why.is_empty() { "not tried yet" } else { why });
        let found = format!("{count} {noun} could not be told by {}: {}", plain(name), plain(why));
        all.push(finding("alarm.untold", State::Warning, found, Some("relayhost alarm --test")));
    }
    all
}

fn finding(id: &str, state: State, found: String, remedy: Option<&str>) -> Finding {
    Finding { id: id.into(), state, found, remedy: remedy.map(Remedy::say) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::incident::record::Rules;
    use crate::model::incident::sight::Seen;

    fn said(looked: Option<Seconds>, names: &[&str], told: bool) -> Vec<String> {
        let ways: Vec<(String, String)> =
            names.iter().map(|name| ((*name).into(), format!("the {name}"))).collect();
        let keys: Vec<String> = ways.iter().map(|(key, _)| key.clone()).collect();
        let mut record = Incidents::new("0a".into());
        let rules = Rules { ways: &keys, open_after: 0, now: 1000 };
        record.fold(&Seen::failed("no `disk`".into(), String::new(), true, 1000), rules);
        for key in &keys {
            record.note(key, 1, Some("no answer").filter(|_| !told));
        }
        let watch =
            Watch { record: Some(&record), ways: &ways, has_alarms: names.len() > 1, looked, now: 2000 };
        let all = findings(&watch, &Calendar::utc(2000));
        all.into_iter().map(|finding| format!("{}: {}", finding.id, finding.found)).collect()
    }

    #[test]
    fn what_is_open_and_what_was_not_told() {
        assert_eq!(
            said(Some(1900), &["journal"], true),
            ["incident.open: incident look-0a-1 is open since 1970-01-01 00:16:40: no 'disk'"]
        );
        let both = said(Some(1900), &["journal", "webhook"], false);
        assert_eq!(both.len(), 3, "{both:?}");
        assert_eq!(both[2], "alarm.untold: 1 event could not be told by the webhook: no answer");
    }

    #[test]
    fn a_watch_that_has_not_looked_knows_nothing_of_now() {
        assert_eq!(said(Some(0), &["journal"], true), [""; 0]);
        let silent = said(Some(0), &["journal", "webhook"], true);
        assert_eq!(
            silent,
            ["watch.silent: `relayhost watch` has last looked 33 min ago, so no alarm would be told"]
        );
        let ahead = said(Some(2000 + 3600), &["journal", "webhook"], true);
        assert_eq!(ahead.len(), 1, "{ahead:?}");
        assert!(ahead[0].contains("has last looked at a time that is 60 min ahead"), "{ahead:?}");
        assert!(said(None, &["journal", "webhook"], true)[0].contains("has not looked yet"));
        assert_eq!(said(None, &["journal"], true), [""; 0]);
    }
}
