//! The host compared with the answers: the screens of `check` and `plan`, and the line of `check --nagios`.

use super::screen::Screen;
use super::terminal::Mark;
use crate::error::Result;
use crate::model::ended::{Compared, Tally};
use crate::model::exits::Exit;
use crate::model::leaving::views::LEAVES;
use crate::model::plan::ending::Ending;
use crate::model::plan::itself::ITSELF;
use crate::model::plan::unmanaged::ANNOUNCED;
use crate::model::plan::{Finding, Plan, Remedy, State, remedy};
use crate::model::text::{self, counted};
use crate::sys::output::Output;

/// Shows the findings of `check`, and the number of those that differ.
pub fn findings(screen: &Screen, compared: &Compared) {
    let plan = &compared.plan;
    let Tally { all, differs, warnings } = compared.tally();
    // Without these words the line would claim that mail leaves so from a host that differs.
    let said = if differs > 0 || !plan.complete { "the answers say: " } else { "" };
    screen.line("", &format!("{said}{}", compared.summary));
    screen.write("\n");
    let width = compared.findings().map(|finding| finding.id.len()).max().unwrap_or_default();
    let width = if screen.terminal.width < 70 { 0 } else { width };
    for finding in compared.findings() {
        screen.marked(mark(finding.state), &format!("{:<width$}  {}", finding.id, finding.found), width + 2);
        // The line below says it once for all.
        if let Some(remedy) = finding.remedy.as_ref().filter(|_| !finding.is_one_of_all()) {
            screen.remedy(&remedy.text());
        }
    }
    let mut verdict = match (differs, plan.complete) {
        (0, true) if warnings == 0 => format!("{all} of {all} in order"),
        (0, true) => {
            format!("{} of {all} in order, {warnings} to look at", all - warnings)
        }
        (_, false) => {
            "Postfix is not installed, or not whole; the rest can be compared when it is: relayhost apply"
                .to_owned()
        }
        (n, true) => format!(
            "{n} of {all} not in order: {}",
            remedy(compared.findings(), "relayhost apply (relayhost plan shows what it would do)")
        ),
    };
    let amiss = compared.amiss();
    if !amiss.is_empty() {
        verdict.push_str(&format!("; exit status 3 because of {}", amiss.join(" and ")));
    }
    screen.section(&verdict);
}

/// Shows who leaves by which relay as whom, if not all mail leaves alike: in columns, or where those do not fit, as a list with
/// whose mail it is in front.
fn exits(screen: &Screen, exits: &[Exit]) {
    if exits.len() < 2 {
        return;
    }
    let cells = exits.iter().map(|exit| {
        let login =
            if exit.login.is_empty() { "no login".to_owned() } else { format!("login {}", exit.login) };
        let sender = if exit.sender.is_empty() { String::new() } else { format!("as {}", exit.sender) };
        [exit.whose.clone(), exit.by.clone(), login, sender]
    });
    let rows: Vec<[String; 4]> = cells.collect();
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..4).map(width).collect();
    let fits = widths.iter().sum::<usize>() + 6 <= screen.terminal.width;
    for row in &rows {
        if fits {
            let shown = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            screen.line("", shown.collect::<Vec<_>>().join("  ").trim_end());
        } else {
            let [whose, rest @ ..] = row;
            let rest: Vec<&str> = rest.iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
            screen.write(&format!("{}\n", screen.wrapped("", whose, 4)));
            screen.write(&format!("{}\n", screen.wrapped("  ", &rest.join(", "), 4)));
        }
    }
    screen.write("\n");
}

/// Shows the steps of `plan`, and what they leave to a person.
pub fn steps(screen: &Screen, plan: &Plan) {
    exits(screen, &plan.exits);
    let refused = || plan.findings.iter().filter(|finding| finding.id == ITSELF);
    if refused().next().is_some() {
        // There are no steps that anybody could take.
        screen.line("", "nothing would be done: `relayhost apply` refuses these answers");
        return refused().for_each(|finding| with_remedy(screen, finding));
    }
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
    let shown = |finding: &&Finding| finding.state != State::Fine && !finding.is_one_of_all();
    plan.findings.iter().filter(shown).for_each(|finding| with_remedy(screen, finding));
}

/// Shows a finding, and below it what to do.
pub fn with_remedy(screen: &Screen, finding: &Finding) {
    screen.marked(mark(finding.state), &format!("{}: {}", finding.id, finding.found), 2);
    if let Some(remedy) = &finding.remedy {
        screen.remedy(&remedy.text());
    }
}

/// Most lines of a difference that are shown: a table may have thousands of entries.
const DIFF: usize = 200;

/// Shows a unified diff.
pub fn diff(screen: &Screen, diff: &str) {
    for line in diff.lines().take(DIFF) {
        screen.write(&format!("   {line}\n"));
    }
    if let Some(rest @ 1..) = diff.lines().count().checked_sub(DIFF) {
        screen.write(&format!("   … {}: --json has all\n", counted(rest as u64, "more line")));
    }
    if !diff.is_empty() {
        screen.write("\n");
    }
}

/// The exit status of a plugin that knows nothing.
const UNKNOWN: u8 = 3;

/// Shows one line for a monitoring system, and returns the exit status of a plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3
/// UNKNOWN.
pub fn nagios(compared: &Result<Compared>, command: &str) -> u8 {
    let (code, word, text, data) = match compared {
        Err(error) if error.stops_mail() => {
            (2, "CRITICAL", format!("{error} -> {}", error.hint(command)), String::new())
        }
        Err(error) => return unknown(&format!("{error} -> {}", error.hint(command))),
        Ok(compared) => {
            let Compared { summary, plan, leaving, .. } = compared;
            let Tally { all, differs, warnings } = compared.tally();
            let data = format!(" | differs={differs};;0;0;{all} warnings={warnings};0;;0;{all}");
            let more = leaving.as_ref().map(|leaving| format!(" {}", leaving.performance()));
            let data = data + &more.unwrap_or_default();
            let ends = Ending::first(&plan.endings).into_iter().map(Ending::performance);
            let data = ends.fold(data, |data, one| format!("{data} {one}"));
            let list = |state| {
                // Mail that does not leave comes first, since it matters most.
                let all = compared.mail.iter().chain(&plan.findings);
                all.filter(|finding| finding.state == state).map(short).collect::<Vec<_>>().join("; ")
            };
            // The same as the watch tells, so both notify of the same thing by the same word.
            let is_stopped = leaving.as_ref().is_some_and(|leaving| leaving.is_stopped());
            match (differs, warnings) {
                (0, _) if is_stopped => {
                    (2, "CRITICAL", format!("{} -> {}", list(State::Warning), of_mail(compared)), data)
                }
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
                    format!(
                        "{}{} -> {}",
                        stopped(compared),
                        list(State::Differs),
                        remedy(compared.findings(), "relayhost apply")
                    ),
                    data,
                ),
            }
        }
    };
    plugin(code, word, &text, &data)
}

/// What to do about mail that does not leave.
fn of_mail(compared: &Compared) -> String {
    let leaves = compared.mail.iter().find(|finding| finding.id == LEAVES);
    let remedy = leaves.and_then(|finding| finding.remedy.as_ref());
    remedy.map_or_else(|| "relayhost diagnose".into(), Remedy::text)
}

/// That mail does not leave, where that is not among what differs: whoever is woken by the line reads it first.
fn stopped(compared: &Compared) -> String {
    let leaving = compared.leaving.as_ref().filter(|leaving| leaving.is_stopped());
    let is_listed =
        compared.mail.iter().any(|finding| finding.id == LEAVES && finding.state == State::Differs);
    leaving.filter(|_| !is_listed).map_or(String::new(), |leaving| format!("{}; ", leaving.sentence()))
}

/// Shows the line of a plugin that can say nothing of the host, and returns the exit status.
pub fn unknown(why: &str) -> u8 {
    plugin(UNKNOWN, "UNKNOWN", why, "")
}

fn plugin(code: u8, word: &str, text: &str, data: &str) -> u8 {
    // A bar would begin the performance data.
    let text = text::one_line(&text.replace('\n', " ")).replace('|', "/");
    // If the line cannot be written, nobody has read "OK", so the status must not say it.
    match Output::Text.write(&format!("RELAYHOST {word} - {text}{data}\n")) {
        Ok(()) => code,
        Err(_) => code.max(UNKNOWN),
    }
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
