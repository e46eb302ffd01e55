//! The comparison of the answers with the host. `check` shows the findings, `plan` the actions, and a run carries them
//! out: all three read one value, so they cannot disagree.

pub mod accounts;
pub mod action;
mod aliases;
mod diff;
pub mod ending;
mod files;
mod finding;
pub mod former;
pub mod itself;
mod labels;
pub mod main_cf;
mod packages;
pub mod parameters;
mod plugin;
pub mod route;
pub mod routes;
mod senders;
pub mod token;
mod types;
pub mod unmanaged;
mod watch;

use std::collections::BTreeMap;

pub use finding::{Finding, Remedy, State};

use crate::error::{Advice, BY_HAND, Error, Result};
use crate::model::desired::Desired;
use crate::model::exits::{Exit, exits};
use crate::model::observed::{Observed, QueueDirectories, ServiceState};
use crate::model::plan::action::{Actions, FileChange, ServiceAction};
use crate::model::state::order::Order;
use ending::Ending;

/// The findings, and the actions that follow from them.
#[derive(Debug)]
pub struct Plan {
    /// The outcome of every comparison.
    pub findings: Vec<Finding>,
    /// The steps that `apply` would take.
    pub actions: Actions,
    /// Managed values that the actions write: parameters, and digests of map entries.
    pub wrote: BTreeMap<String, String>,
    /// Managed values that somebody changed since the last run, and that are not as the answers say.
    pub foreign: Vec<String>,
    /// The directories whose files show whether Postfix runs.
    pub queue: QueueDirectories,
    /// The file that Postfix itself logs to; empty if it does not.
    pub maillog_file: String,
    /// Whether systemd would refuse to start Postfix.
    pub masked: bool,
    /// Another plugin for access tokens, which Cyrus SASL would take instead of relayhost's: nothing is done while it is
    /// there.
    pub rival: Option<String>,
    /// The generation of the last run that is in force, if a test message should have proved it and never did.
    pub unproven: Option<u32>,
    /// Who leaves by which relay as whom, by the answers.
    pub exits: Vec<Exit>,
    /// When the access token ends, and what it is fetched with.
    pub endings: Vec<Ending>,
    /// Whether the actions are complete. While Postfix is not installed, its files cannot be planned.
    pub complete: bool,
}

impl Plan {
    /// Compares a host with the answers. An error only if the answers cannot be fulfilled on this host at all.
    pub fn new(desired: &Desired, observed: &Observed) -> Result<Self> {
        Self::compare(desired, observed, Self::service)
    }

    /// Compares a tree that is not running, where no Postfix needs a command. Errors as `new`.
    pub fn for_tree(desired: &Desired, observed: &Observed) -> Result<Self> {
        Self::compare(desired, observed, |_, _| {})
    }

    fn compare(desired: &Desired, observed: &Observed, service: fn(&mut Self, ServiceState)) -> Result<Self> {
        let Observed { postfix, last, .. } = observed;
        let nothing = BTreeMap::new();
        let settings = postfix.as_ref().map_or(&nothing, |postfix| &postfix.settings);
        let mut plan = Self {
            findings: Vec::new(),
            actions: Actions::default(),
            wrote: BTreeMap::new(),
            foreign: Vec::new(),
            queue: QueueDirectories::new(settings),
            maillog_file: settings.get("maillog_file").cloned().unwrap_or_default(),
            masked: false,
            rival: None,
            unproven: last.unproven.then_some(last.number),
            exits: exits(desired),
            endings: Vec::new(),
            complete: postfix.is_some(),
        };
        plan.packages(desired, observed);
        plan.rivals(desired, observed);
        if last.unproven {
            let text = format!("the change of {} was never confirmed by the relay", last.time);
            plan.add("message.unproven", State::Warning, text, Remedy::Prove);
        }
        if let Some(postfix) = postfix {
            plan.findings.extend(main_cf::findings(postfix));
            plan.files(desired, postfix, last)?;
            plan.types(postfix);
            plan.one_sender(desired, postfix);
            plan.link(desired, observed);
            plan.labels(&observed.labels);
            service(&mut plan, postfix.service);
            plan.drift(postfix, last);
            plan.routing(desired, postfix);
            plan.address_family(desired, postfix);
        }
        plan.watch(desired, observed);
        // The findings from before an edit by hand was found did not know of it.
        let all = std::mem::take(&mut plan.findings);
        plan.findings = all.into_iter().map(|finding| plan.permitted(finding)).collect();
        Ok(plan)
    }

    /// The finding with the remedy that `permit` allows: without `--force`, `apply` does nothing at all while one value
    /// is another person's.
    fn permitted(&self, finding: Finding) -> Finding {
        if finding.is_for_apply() && !self.is_permitted(Order::default()) {
            Finding { remedy: Some(Remedy::Force), ..finding }
        } else {
            finding
        }
    }

    /// Whether the host is as the answers say.
    pub fn is_in_order(&self) -> bool {
        self.complete
            && self.actions.is_empty()
            && !self.findings.iter().any(|finding| finding.state == State::Differs)
    }

    /// Faults and warnings that `apply` does not mend.
    pub fn by_hand(&self) -> Vec<Finding> {
        let all = self.findings.iter().filter(|finding| finding.is_amiss() && !finding.is_for_apply());
        all.cloned().collect()
    }

    pub(super) fn add(
        &mut self,
        id: impl Into<String>,
        state: State,
        found: impl Into<String>,
        remedy: impl Into<Option<Remedy>>,
    ) {
        let remedy = remedy.into().filter(|_| state != State::Fine);
        let finding = Finding { id: id.into(), state, found: found.into(), remedy };
        self.findings.push(self.permitted(finding));
    }

    /// Adds a comparison with what was seen, in words: an error is a difference, which `apply` mends. Returns whether
    /// there is none.
    fn judge(&mut self, id: impl Into<String>, found: std::result::Result<String, String>) -> bool {
        let is_fine = found.is_ok();
        let (Ok(text) | Err(text)) = found;
        self.add(id, fine_if(is_fine), text, Remedy::Apply);
        is_fine
    }

    /// Compares the service, and adds the command that makes Postfix use the other changes.
    fn service(&mut self, service: ServiceState) {
        if service.masked {
            let found = "systemd is told never to start Postfix";
            self.add("service.masked", State::Differs, found, Remedy::say("`systemctl unmask postfix`"));
        }
        self.masked = service.masked;
        if service.unlogged {
            let (found, remedy) = ServiceState::UNLOGGED;
            self.add("service.postlog", State::Differs, found, Remedy::say(remedy));
        }
        let running = if service.running { "running" } else { "not running" };
        self.add("service.running", fine_if(service.running), running, Remedy::Apply);
        let Actions { install, files, labels, .. } = &self.actions;
        let is_changed = !files.is_empty() || !labels.is_empty() || install.is_some();
        self.actions.service = match (service.running, files.iter().any(FileChange::needs_restart)) {
            (false, _) => Some(ServiceAction::Start),
            (true, true) => Some(ServiceAction::Restart),
            // Only new smtp(8) processes load an installed plugin, hence the reload.
            (true, false) => is_changed.then_some(ServiceAction::Reload),
        };
        if let Some(enabled) = service.enabled {
            let found = if enabled { "starts at boot" } else { "does not start at boot" };
            self.add("service.enabled", fine_if(enabled), found, Remedy::Apply);
            self.actions.enable = !enabled;
        }
    }

    /// Makes Postfix read its configuration again, even if nothing else is to do.
    pub fn ensure_reload(&mut self) {
        self.actions.service.get_or_insert(ServiceAction::Reload);
    }

    /// Whether to ask the relay before anything is changed: if its refusal would make the run put everything back, and
    /// there is something to put back. `is_image`: no package can be installed here.
    pub fn is_worth_a_probe(&self, order: Order, is_image: bool) -> bool {
        let writes = !self.complete || !self.actions.files.is_empty();
        let can_install = !is_image || self.actions.install.is_none();
        order.asks_first() && writes && can_install && self.permit(order).is_ok()
    }

    /// Whether the plan overwrites nothing that somebody changed by hand, or may.
    fn is_permitted(&self, order: Order) -> bool {
        order.force || self.foreign.is_empty()
    }

    /// Changes the remedy of a finding that is not the plan's own to what `permit` allows.
    pub fn allow(&self, finding: &mut Finding) {
        if let Some(Remedy::Say(advice)) = &mut finding.remedy {
            *advice = self.allowed(advice);
        }
    }

    /// A remedy in words, which names `--force` where a value is another person's. Every remedy that is shown beside a plan
    /// passes here.
    pub fn allowed(&self, remedy: &Advice) -> Advice {
        if self.is_permitted(Order::default()) { remedy.clone() } else { remedy.forced() }
    }

    /// Refuses a plan that must not be carried out: one that overwrites, without `force`, values that somebody changed
    /// by hand, or that configures a Postfix that systemd would not start.
    pub fn permit(&self, order: Order) -> Result<()> {
        if !self.is_permitted(order) {
            return Err(Error::Foreign { what: self.foreign.clone() });
        }
        if self.masked { Err(Error::Masked) } else { Ok(()) }
    }
}

fn fine_if(good: bool) -> State {
    if good { State::Fine } else { State::Differs }
}

/// The remedies for all that differs, in one line. First those of findings that `apply` does not mend. Then, if `apply`
/// mends any, `apply` in the caller's words; where somebody changed a value by hand, the choice between that value and
/// `apply --force`.
pub fn remedy<'a>(findings: impl IntoIterator<Item = &'a Finding>, apply: &str) -> String {
    let differing = findings.into_iter().filter(|finding| finding.state == State::Differs);
    let (ours, by_hand): (Vec<_>, Vec<_>) = differing.partition(|finding| finding.is_for_apply());
    let mut steps: Vec<String> =
        by_hand.iter().filter_map(|finding| finding.remedy.as_ref().map(Remedy::text)).collect();
    steps.dedup();
    let is_forced = ours.iter().any(|finding| finding.remedy == Some(Remedy::Force));
    let apply = if is_forced { BY_HAND } else { apply };
    let last = if steps.is_empty() { apply.to_owned() } else { format!("then {apply}") };
    if !ours.is_empty() {
        steps.push(last);
    }
    steps.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::action::Install;
    use crate::model::state::order::{Message, Refusal};

    impl Plan {
        /// The plan for a host that is as the answers say.
        pub fn empty() -> Self {
            Self {
                findings: Vec::new(),
                actions: Actions::default(),
                wrote: BTreeMap::new(),
                foreign: Vec::new(),
                queue: QueueDirectories::new(&BTreeMap::new()),
                maillog_file: String::new(),
                masked: false,
                rival: None,
                exits: Vec::new(),
                endings: Vec::new(),
                unproven: None,
                complete: true,
            }
        }
    }

    #[test]
    fn the_relay_is_asked_first_where_its_no_would_undo_something() {
        let order = Order::default();
        let fresh = || Plan { complete: false, ..Plan::empty() };
        let lacking = || {
            let install = Some(Install { needs: Vec::new(), from: None, main_cf: None });
            Plan { actions: Actions { install, ..Actions::default() }, ..fresh() }
        };
        assert!(!Plan::empty().is_worth_a_probe(order, false), "nothing is written");
        assert!(fresh().is_worth_a_probe(order, false) && lacking().is_worth_a_probe(order, false));
        assert!(fresh().is_worth_a_probe(order, true) && !lacking().is_worth_a_probe(order, true));
        for order in [
            Order { message: Message::Never, ..order },
            Order { refusal: Refusal::PutBack, ..order },
            Order { refusal: Refusal::Keep, ..order },
        ] {
            assert!(!fresh().is_worth_a_probe(order, false), "{order:?}");
        }
    }

    /// `apply` refuses all while one value is another person's, so every remedy of its says what it asks for.
    #[test]
    fn the_remedy_is_the_one_that_apply_accepts() {
        let mut plan = Plan { foreign: vec!["relayhost".into()], ..Plan::empty() };
        assert!(!plan.judge("setting.relayhost", Err("another".into())));
        plan.add("message.unproven", State::Warning, "x", Remedy::Prove);
        plan.add("sendmail", State::Differs, "x", Remedy::say("alternatives"));
        plan.add("fine", State::Fine, "x", Remedy::Apply);
        let remedies: Vec<_> = plan.findings.iter().map(|finding| finding.remedy.as_ref()).collect();
        let said = Remedy::say("alternatives");
        assert_eq!(remedies, [Some(&Remedy::Force), Some(&Remedy::Force), Some(&said), None]);
        let refusal = plan.permit(Order::default()).unwrap_err();
        let advice = Advice::new("`relayhost repair` (sets it); or `x`");
        assert_eq!(plan.allowed(&advice), advice.forced());
        assert_eq!(Plan::empty().allowed(&advice), advice);
        assert_eq!(remedy(&plan.findings, "x"), format!("alternatives; then {}", refusal.step()));
    }

    #[test]
    fn what_was_changed_by_hand_stops_a_run_unless_it_is_forced_and_a_masked_postfix_always() {
        let edited = Plan { foreign: vec!["relayhost".into()], complete: false, ..Plan::empty() };
        let force = Order { force: true, ..Order::default() };
        assert!(matches!(edited.permit(Order::default()), Err(Error::Foreign { .. })));
        assert!(!edited.is_worth_a_probe(Order::default(), false));
        assert!(edited.permit(force).is_ok() && edited.is_worth_a_probe(force, false));
        let masked = Plan { masked: true, complete: false, ..Plan::empty() };
        assert!(matches!(masked.permit(force), Err(Error::Masked)));
        assert!(!masked.is_worth_a_probe(force, false));
    }
}
