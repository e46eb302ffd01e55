//! The host compared with the answers: the screens of `check` and `plan`, and the line of `check --nagios`.

use super::screen::Screen;
use super::terminal::Mark;
use crate::error::Result;
use crate::model::ended::Compared;
use crate::model::plan::unmanaged::ANNOUNCED;
use crate::model::plan::{Finding, Plan, Remedy, State, remedy};
use crate::model::text;

/// Shows the findings of `check`, and the number of those that differ.
pub fn findings(screen: &Screen, compared: &Compared) {
    let plan = &compared.plan;
    let differing = count(&plan.findings, State::Differs);
    // Without these words the line would claim that mail leaves so from a host that differs.
    let said = if differing > 0 || !plan.complete { "the answers say: " } else { "" };
    screen.line("", &format!("{said}{}", compared.summary));
    screen.write("\n");
    let width = compared.findings().map(|finding| finding.id.len()).max().unwrap_or_default();
    let width = if screen.terminal.width < 70 { 0 } else { width };
    for finding in compared.findings() {
        screen.marked(mark(finding.state), &format!("{:<width$}  {}", finding.id, finding.found), width + 2);
        // The line below says it once for all.
        if let Some(remedy) = finding.remedy.as_ref().filter(|remedy| **remedy != Remedy::Apply) {
            screen.below(&format!("-> {}", remedy.text()));
        }
    }
    let total = plan.compared();
    let mut verdict = match (differing, plan.complete) {
        (0, true) => format!("{total} of {total} as the answers say"),
        (_, false) => {
            "Postfix is not installed, or not whole; the rest can be compared when it is: relayhost apply"
                .to_owned()
        }
        (n, true) => format!(
            "{n} of {total} not as the answers say: {}",
            remedy(&plan.findings, "relayhost apply (relayhost plan shows what it would do)")
        ),
    };
    let amiss = compared.amiss();
    if !amiss.is_empty() {
        verdict.push_str(&format!("; amiss: {}", amiss.join(", ")));
    }
    screen.section(&verdict);
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
        screen.line("", "then configure Postfix; its files can be planned when it is there and whole");
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
        Ok(compared) => {
            let Compared { summary, plan, leaving, .. } = compared;
            let (differs, warnings) =
                (count(compared.findings(), State::Differs), count(compared.findings(), State::Warning));
            let all = compared.findings().filter(|finding| finding.state != State::Note).count();
            let data = format!(" | differs={differs};;0;0;{all} warnings={warnings};0;;0;{all}");
            let more = leaving.as_ref().map(|leaving| format!(" {}", leaving.performance()));
            let data = data + &more.unwrap_or_default();
            let data = plan.measures.iter().fold(data, |data, one| format!("{data} {one}"));
            let list = |state| {
                let of_state = compared.findings().filter(|finding| finding.state == state);
                of_state.map(short).collect::<Vec<_>>().join("; ")
            };
            match (differs, warnings) {
                (0, 0) => {
                    let seen = leaving.as_ref().map_or_else(|| summary.clone(), |leaving| leaving.sentence());
                    let notes = plan.findings.iter().filter(|finding| finding.id == ANNOUNCED);
                    let notes = notes.map(|finding| format!("note: {}", finding.found));
                    let text = std::iter::once(seen).chain(notes).collect::<Vec<_>>().join("; ");
                    (0, "OK", text, data)
                }
                (0, _) => (1, "WARNING", list(State::Warning), data),
                _ => (
                    2,
                    "CRITICAL",
                    format!("{} -> {}", list(State::Differs), remedy(compared.findings(), "relayhost plan")),
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

fn count<'a>(findings: impl IntoIterator<Item = &'a Finding>, state: State) -> usize {
    findings.into_iter().filter(|finding| finding.state == state).count()
}
