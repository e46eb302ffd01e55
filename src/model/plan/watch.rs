//! The timer of the watch: on while the answers have an alarm, and off again when they have none any more, if `apply` has turned
//! it on.

use super::{Plan, fine_if};
use crate::model::desired::Desired;
use crate::model::observed::Observed;
use crate::model::plan::{Remedy, State};

/// The name of the finding.
const ID: &str = "service.watch";

impl Plan {
    /// Compares the timer. Nothing is compared where no systemd runs, or where relayhost has no units.
    pub(super) fn watch(&mut self, desired: &Desired, observed: &Observed) {
        let Some(timer) = observed.timer else { return };
        match (desired.alarms.is_empty(), timer.enabled) {
            (false, _) if timer.masked => {
                let found = "systemd is told never to start relayhost-watch.timer, so no alarm is told";
                self.add(ID, State::Warning, found, Remedy::say("`systemctl unmask relayhost-watch.timer`"));
            }
            (false, enabled) => {
                let found = if enabled {
                    "relayhost-watch.timer looks every 5 minutes"
                } else {
                    "relayhost-watch.timer is off, so no alarm is told"
                };
                self.add(ID, fine_if(enabled), found, Remedy::Apply);
                self.actions.watch = (!enabled).then_some(true);
            }
            (true, true) if timer.ours => {
                let found = "relayhost-watch.timer is on, and the answers have no alarm any more";
                self.add(ID, State::Differs, found, Remedy::Apply);
                self.actions.watch = Some(false);
            }
            // Somebody else's, for the journal.
            (true, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::model::answers::Answers;
    use crate::model::answers::complete::complete;
    use crate::model::labels::Labels;
    use crate::model::observed::WatchTimer;
    use crate::model::state::generation::LastRun;

    fn switch(alarm: &str, enabled: bool, masked: bool, ours: bool) -> (Option<bool>, Vec<State>) {
        let text = format!("version = 1\n[relay]\nhost = \"r.example.com\"\n{alarm}");
        let desired = complete(&Answers::parse("a", text.as_bytes()).unwrap(), None).unwrap();
        let observed = Observed {
            packages: BTreeMap::new(),
            plugins: BTreeSet::new(),
            link: None,
            labels: Labels::NotUsed,
            mail_command: None,
            last: LastRun::default(),
            postfix: None,
            lacks: None,
            timer: Some(WatchTimer { enabled, masked, ours }),
        };
        let plan = Plan::new(&desired, &observed).unwrap();
        let states = plan.findings.iter().filter(|one| one.id == ID).map(|one| one.state).collect();
        (plan.actions.watch, states)
    }

    #[test]
    fn the_timer_follows_the_alarms_and_what_a_person_turned_on_stays() {
        const ALARM: &str = "[[alarm]]\nkind = \"command\"\nargv = [\"/x\"]\n";
        assert_eq!(switch(ALARM, false, false, false), (Some(true), vec![State::Differs]));
        assert_eq!(switch(ALARM, true, false, true), (None, vec![State::Fine]));
        assert_eq!(switch(ALARM, false, true, false), (None, vec![State::Warning]));
        assert_eq!(switch("", true, false, true), (Some(false), vec![State::Differs]));
        assert_eq!(switch("", true, false, false), (None, vec![]));
        assert_eq!(switch("", false, false, true), (None, vec![]));
    }
}
