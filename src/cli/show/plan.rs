//! The host compared with the answers: the screens of `check` and `plan`, and the line of `check --nagios`.

use super::screen::Screen;
use super::terminal::Mark;
use crate::error::Result;
use crate::model::ended::Compared;
use crate::model::plan::{Finding, Plan, Remedy, State};
use crate::model::text;

/// Shows the findings of `check`, and the number of those that differ.
pub fn findings(screen: &Screen, compared: &Compared) {
    let plan = &compared.plan;
    screen.line("", &compared.summary);
    screen.write("\n");
    let width = plan.findings.iter().map(|finding| finding.id.len()).max().unwrap_or_default();
    let width = if screen.terminal.width < 70 { 0 } else { width };
    for finding in &plan.findings {
        screen.marked(mark(finding.state), &format!("{:<width$}  {}", finding.id, finding.found), width + 2);
        // The line below says it once for all.
        if let Some(remedy) = finding.remedy.as_ref().filter(|remedy| **remedy != Remedy::Apply) {
            screen.below(&format!("-> {}", remedy.text()));
        }
    }
    let differing = count(plan, State::Differs);
    let total = plan.compared();
    let verdict = match (differing, plan.complete) {
        (0, true) if compared.is_in_order() => format!("{total} of {total} as the answers say"),
        (0, true) => format!("{total} of {total} as the answers say; mail.leaves is amiss"),
        (_, false) => {
            "Postfix is not installed; the rest can be compared when it is: relayhost apply".to_owned()
        }
        (n, true) => format!(
            "{n} of {total} not as the answers say: {}",
            plan.remedy("relayhost apply (relayhost plan shows what it would do)")
        ),
    };
    screen.write("\n");
    screen.line("", &verdict);
}

/// Shows the steps of `plan`, and what they leave to a person.
pub fn steps(screen: &Screen, plan: &Plan) {
    if plan.actions.is_empty() {
        screen.line("", "nothing to do: packages, files and service are as the answers say");
    }
    for (number, action) in plan.actions.iter().enumerate() {
        screen.line(&format!("{}. ", number + 1), &action.describe());
        diff(screen, &action.diff());
    }
    for what in &plan.foreign {
        screen.marked(
            Mark::Warning,
            &format!("somebody changed {what}; apply stops at that, and --force overwrites it"),
            2,
        );
    }
    if !plan.complete {
        screen.line("", "then configure Postfix; its files can be planned when it is installed");
    }
    let shown = |finding: &&Finding| finding.state != State::Fine && finding.remedy != Some(Remedy::Apply);
    plan.findings.iter().filter(shown).for_each(|finding| with_remedy(screen, finding));
}

/// Shows a finding, and below it what to do.
pub fn with_remedy(screen: &Screen, finding: &Finding) {
    screen.marked(mark(finding.state), &format!("{}: {}", finding.id, finding.found), 2);
    if let Some(remedy) = &finding.remedy {
        screen.below(&format!("-> {}", remedy.text()));
    }
}

fn diff(screen: &Screen, diff: &str) {
    for line in diff.lines() {
        screen.write(&format!("   {line}\n"));
    }
    if !diff.is_empty() {
        screen.write("\n");
    }
}

/// Shows one line for a monitoring system, and returns the exit status of a plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3
/// UNKNOWN.
pub fn nagios(screen: &Screen, compared: &Result<Compared>, command: &str) -> u8 {
    let (code, word, text, data) = match compared {
        Err(error) => (3, "UNKNOWN", format!("{error} -> {}", error.hint(command)), String::new()),
        Ok(Compared { summary, plan, leaving, .. }) => {
            let (differs, warnings) = (count(plan, State::Differs), count(plan, State::Warning));
            let data = format!(" | differs={differs};;0;0;{0} warnings={warnings};0;;0;{0}", plan.compared());
            let more = leaving.as_ref().map(|leaving| format!(" {}", leaving.performance()));
            let data = data + &more.unwrap_or_default();
            let list = |state| {
                let of_state = plan.findings.iter().filter(|finding| finding.state == state);
                of_state.map(short).collect::<Vec<_>>().join("; ")
            };
            match (differs, warnings) {
                (0, 0) => {
                    let seen = leaving.as_ref().map_or_else(|| summary.clone(), |leaving| leaving.sentence());
                    (0, "OK", seen, data)
                }
                (0, _) => (1, "WARNING", list(State::Warning), data),
                _ => (
                    2,
                    "CRITICAL",
                    format!("{} -> {}", list(State::Differs), plan.remedy("relayhost plan")),
                    data,
                ),
            }
        }
    };
    // A bar would begin the performance data.
    let text = text::one_line(&text.replace('\n', " ")).replace('|', "/");
    screen.write(&format!("RELAYHOST {word} - {text}{data}\n"));
    code
}

fn mark(state: State) -> Mark {
    match state {
        State::Fine => Mark::Good,
        State::Differs => Mark::Bad,
        State::Warning => Mark::Warning,
        State::Note => Mark::Note,
    }
}

fn short(finding: &Finding) -> String {
    format!("{}: {}", finding.id, finding.found)
}

fn count(plan: &Plan, state: State) -> usize {
    plan.findings.iter().filter(|finding| finding.state == state).count()
}
