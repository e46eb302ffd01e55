//! docs/failures.md: what the tests of the matrix prove, as a table.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use relayhost::model::causes::catalogue::{Fix, catalogue};

use super::{Case, Elsewhere, cases};
use crate::generation::{ALL, DEFAULT, Generation};
use crate::host::{project, read};

const DOCUMENT: &str = "docs/failures.md";

/// `scripts/failures` has it written after all cases have passed.
#[test]
fn the_page_says_what_the_cases_prove() {
    let page = page(&cases());
    if std::env::var_os("RELAYHOST_WRITE_DOCS").is_some() {
        std::fs::write(project().join(DOCUMENT), &page).unwrap();
    }
    assert_eq!(
        read(DOCUMENT),
        page,
        "{DOCUMENT} is not what matrix.toml has: scripts/failures writes it anew"
    );
}

fn mended_by(case: &Case) -> &str {
    match &case.mend {
        None => "at the relay or the network",
        Some(mend) if mend.contains("relayhost repair") => "`relayhost repair`",
        Some(mend) if mend.contains("relayhost apply") => "other answers, `relayhost apply`",
        Some(_) => "by hand, as the remedy says",
    }
}

fn row(case: &Case) -> String {
    let verdict = match case.exit {
        Some(4) => "the relay refused (4)",
        Some(_) => "no word of the relay (5)",
        None => "found in the log",
    };
    let mut row =
        format!("| `{}` | {} | {verdict} | {} |", case.id, case.what.replace('|', "\\|"), mended_by(case));
    for generation in &ALL {
        let _ = write!(row, " {} |", on(case, generation.name));
    }
    row + "\n"
}

/// The way in which the cause is named on a generation.
fn on(case: &Case, generation: &str) -> &'static str {
    match case.on.get(generation) {
        Some(Elsewhere::Never(_)) => "never",
        _ if case.finding_on(generation).is_some() => "look",
        _ => "log",
    }
}

/// The reasons for which causes cannot be produced on a generation.
fn reasons(cases: &[Case]) -> String {
    let mut text = String::new();
    for Generation { name, .. } in &ALL {
        for case in cases {
            if let Some(Elsewhere::Never(reason)) = case.on.get(*name) {
                let _ = writeln!(text, "- `{}` on {name}: {reason}.", case.id);
            }
        }
    }
    text
}

/// `N causes produced, N named, N mended`, and of what.
fn counts(cases: &[Case]) -> String {
    let ids = |keep: &dyn Fn(&Case) -> bool| {
        cases.iter().filter(|case| keep(case)).map(|case| case.id.as_str()).collect::<BTreeSet<_>>().len()
    };
    let by_us = |case: &Case| case.mend.as_ref().is_some_and(|mend| mend.contains("relayhost "));
    let produced = ids(&|_| true);
    format!(
        "{produced} causes produced, {produced} named, {} mended ({} of them by relayhost), in {} cases",
        ids(&|case| case.mend.is_some()),
        ids(&by_us),
        cases.len()
    )
}

/// docs/failures.md.
fn page(cases: &[Case]) -> String {
    let generations = ALL.map(|generation| generation.name);
    let mut page = format!(
        "<!-- Written by scripts/failures from a run of tests/lab/matrix.toml; a test compares it. -->\n\
         # What keeps mail from leaving, produced and named\n\n\
         Each line is a host of the lab with real Postfix and Cyrus SASL, configured by `relayhost apply`, then broken as it\n\
         says; replies of providers come from a scripted relay that has their words. `relayhost verify` (with its exit\n\
         status) and `relayhost diagnose` named the cause, or only `diagnose` where it is a matter of the log. Then the host\n\
         was mended as relayhost says, and a message had to arrive.\n\n\
         {}. The catalogue has {} causes.\n\n\
         The last columns are the lab's [generations](lab.md#generations): `log` where a line of the log told, `look` where it was\n\
         a look at the host, `never` where that Postfix cannot be brought to it. All were run; {} by the gate, the others\n\
         with `scripts/failures --all-generations`.\n\n\
         | cause | what was broken | verdict | mended by | {} |\n|---|---|---|---|{}\n",
        counts(cases),
        catalogue().len(),
        DEFAULT.name,
        generations.join(" | "),
        "---|".repeat(generations.len()),
    );
    page.extend(cases.iter().map(row));
    page += "\n";
    page += &reasons(cases);
    page += "\n## Not produced here\n\n\
             These the lab cannot make: they need another release of Postfix, SELinux, systemd, a token of a real provider, or\n\
             days. Their words are from the sources below, and `tests/corpus/` has a log of each.\n\n\
             | cause | words from | relayhost can mend it |\n|---|---|---|\n";
    let produced: BTreeSet<&str> = cases.iter().map(|case| case.id.as_str()).collect();
    for entry in catalogue().iter().filter(|entry| !produced.contains(entry.id.as_str())) {
        let fix = match entry.fix {
            Some(Fix::Apply) => "`relayhost apply`",
            Some(Fix::Repair) => "`relayhost repair`",
            None => "",
        };
        let _ = writeln!(page, "| `{}` | {} | {fix} |", entry.id, entry.source);
    }
    page
}
