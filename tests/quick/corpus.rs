//! Logs, and what is to be read from them: each `tests/corpus/CASE.log` is diagnosed as a file from elsewhere, and what
//! comes out is compared with `CASE.toml`, nothing more and nothing less. tests/corpus/README.md has the format.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use relayhost::model::causes::catalogue::{Entry, catalogue, fitting, fitting_at};
use relayhost::model::causes::words::Words;
use relayhost::model::causes::{Basis, Circumstances};
use relayhost::model::log::follow::{Follower, Question};
use relayhost::model::log::hosts::Hosts;
use relayhost::model::log::paste::Paste;
use relayhost::model::log::report::{Failure, Owner, Report};
use relayhost::model::log::stamp::Calendar;
use relayhost::model::log::witness::Witness;
use relayhost::model::log::wrap::unwrap;
use relayhost::model::log::{Event, Gone, Line, Reader, Status, parse_event, parse_line};
use serde::Deserialize;

use crate::project::project;

/// 2026-12-31: no line of the corpus is younger.
const LATEST: i64 = 1_798_675_200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What the log shows, for people.
    about: Option<String>,
    /// Where it is from.
    captured: String,
    /// The name of the host whose failures count, if it is one of several.
    host: Option<String>,
    causes: Vec<Expected>,
    /// Groups of words that the catalogue does not have.
    #[serde(default)]
    unknown: usize,
    /// Failures of other hosts.
    #[serde(default)]
    others: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    id: String,
    messages: u64,
    /// What the verdict rests on.
    basis: Basis,
    /// Names of the other causes that fit.
    #[serde(default)]
    alternatives: Vec<String>,
}

/// Name, number of messages, basis, and the names of the other causes that fit.
type Told = (String, u64, String, Vec<String>);

fn told(failure: &Failure) -> Told {
    let cause = &failure.cause;
    let others = cause.alternatives.iter().map(|other| other.id.clone()).collect();
    (cause.id.clone(), failure.tally.messages, format!("{:?}", cause.basis), others)
}

impl Expected {
    fn told(&self) -> Told {
        (self.id.clone(), self.messages, format!("{:?}", self.basis), self.alternatives.clone())
    }
}

fn cases() -> Vec<(PathBuf, String, Case)> {
    let directory = project().join("tests/corpus");
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let logs = files.iter().filter(|path| path.extension().is_some_and(|end| end == "log"));
    let cases: Vec<_> = logs
        .map(|path| {
            let about = path.with_extension("toml");
            let text =
                fs::read_to_string(&about).unwrap_or_else(|error| panic!("{}: {error}", about.display()));
            let case = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", about.display()));
            let log = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
            (path.clone(), log, case)
        })
        .collect();
    let described = files.iter().filter(|path| path.extension().is_some_and(|end| end == "toml")).count();
    assert!(!cases.is_empty() && described == cases.len(), "each .toml needs a .log");
    cases
}

/// Cause, basis, other causes and text of each line of lines.tsv.
fn lines() -> Vec<[String; 4]> {
    let text = fs::read_to_string(project().join("tests/corpus/lines.tsv")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<String> = line.splitn(4, '\t').map(str::to_owned).collect();
            parts.try_into().unwrap()
        })
        .collect()
}

/// Each log of the corpus and each line of lines.tsv, with its name.
fn logs() -> impl Iterator<Item = (String, String)> {
    let of_cases = cases().into_iter().map(|(path, log, _)| (path.display().to_string(), log));
    of_cases.chain(lines().into_iter().map(|[id, _, _, log]| (format!("lines.tsv, {id}"), log)))
}

fn diagnose(log: &str, case: &Case) -> Report {
    read(log, &case.host.iter().cloned().collect::<Vec<_>>())
}

/// The report on a log from elsewhere; `names`: the host whose failures count.
fn read(log: &str, names: &[String]) -> Report {
    let circumstances = Circumstances::unknown;
    let question = Question { circumstances: &circumstances, ..Question::default() };
    let mut follower = Follower::new(question);
    let mut paste = Paste::new(&mut follower);
    paste.source(Calendar::utc(LATEST));
    paste.feed(log.as_bytes());
    paste.end();
    Report::new(&follower, &Owner { names: names.to_vec(), strict: false })
}

#[test]
fn each_log_reads_as_it_is_to() {
    let mut wrong = Vec::new();
    for (path, log, case) in cases() {
        let report = diagnose(&log, &case);
        let ours: Vec<_> = report.failures.iter().filter(|failure| failure.ours).collect();
        let known = ours.iter().filter(|failure| failure.cause.id != "unknown");
        let mut named: Vec<Told> = known.map(|failure| told(failure)).collect();
        let mut expected: Vec<Told> = case.causes.iter().map(Expected::told).collect();
        named.sort();
        expected.sort();
        let unknown: Vec<&str> = ours
            .iter()
            .filter(|failure| failure.cause.id == "unknown")
            .map(|failure| failure.words.as_str())
            .collect();
        let others = report.failures.len() - ours.len();
        if named != expected || unknown.len() != case.unknown || others != case.others {
            wrong.push(format!(
                "{}: {named:?}, unknown {unknown:?}, others {others}\n  not {expected:?}, {} and {}",
                path.display(),
                case.unknown,
                case.others
            ));
        }
        assert!(!case.captured.is_empty() && case.about.as_ref().is_none_or(|about| !about.is_empty()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Name, basis, and the other causes that fit, as lines.tsv has them.
fn shown(failure: &Failure) -> String {
    let (id, _, basis, others) = told(failure);
    format!("{id} {} {}", basis.to_lowercase(), others.join(","))
}

/// Each line of lines.tsv names its cause with its basis, the other causes that fit, and no more.
#[test]
fn each_line_names_its_cause() {
    let mut wrong = Vec::new();
    for [id, basis, others, log] in lines() {
        let named: Vec<String> = read(&log, &[]).failures.iter().map(shown).collect();
        let others = if others == "-" { String::new() } else { others };
        let expected = format!("{id} {basis} {others}");
        if named != [expected.as_str()] {
            wrong.push(format!("{named:?}, not {expected}: {log}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Healthy logs, and prose, configuration and code with the words of failures, name no cause.
#[test]
fn what_is_no_failure_names_none() {
    let (mut wrong, mut number) = (Vec::new(), 0);
    for name in ["logs.txt", "pages.txt"] {
        let text = fs::read_to_string(project().join("tests/corpus/quiet").join(name)).unwrap();
        for section in text.split("\n=== ").skip(1) {
            let (title, body) = section.split_once('\n').unwrap();
            let failures = read(&format!("{body}\n"), &[]).failures;
            let found = failures.iter().map(|one| format!("{title}: {}: {}", one.cause.id, one.words));
            wrong.extend(found);
            number += 1;
        }
    }
    assert_eq!(number, 29 + 68);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every text is complete and harmless, whatever was filled into it.
#[test]
fn what_is_said_of_them_can_be_shown() {
    for (path, log, case) in cases() {
        for failure in diagnose(&log, &case).failures {
            for text in [&failure.cause.cause, &failure.cause.remedy.text()] {
                assert!(!text.contains('{') && !text.contains("  "), "{}: {text}", path.display());
            }
            assert!(!failure.words.is_empty() && !failure.cause.remedy.is_empty(), "{}", path.display());
        }
    }
}

/// Hands each piece of evidence in a log to `check`: of a message that failed, or (`true`) a line that stands alone.
fn evidence_of(log: &str, mut check: impl FnMut(&[Words], bool)) {
    let (mut witness, mut hosts) = (Witness::default(), Hosts::default());
    for line in log.lines() {
        let line = unwrap(line);
        let Some(line) = parse_line(&line).or_else(|| Line::of_system(&line)) else { continue };
        let host = hosts.number(line.when_and_where(&Calendar::utc(LATEST)).1);
        match parse_event(&line) {
            Event::Attempt(attempt) if attempt.status == Status::Sent => witness.forget(host, line.pid),
            Event::Attempt(attempt) => {
                let question = Question::default();
                let legs = witness.legs(host, &attempt, attempt.words(), &question);
                let evidence = legs.into_iter().flat_map(|leg| leg.evidence);
                check(&evidence.map(Words::of_daemon).collect::<Vec<_>>(), false);
            }
            Event::Gone { gone: Gone::Expired, .. } => check(&[Words::of_line(&line, line.text)], true),
            Event::Other | Event::Gone { gone: Gone::Refused | Gone::GivenBack, .. } => {
                witness.hear(host, &line);
                check(&[Words::of_line(&line, line.text)], true);
            }
            _ => {}
        }
    }
}

/// Each entry of the catalogue fits at least one log of the corpus, or is named for one that Postfix did not write.
#[test]
fn each_cause_has_a_sample() {
    let mut without: BTreeSet<&str> = catalogue().iter().map(|entry| entry.id.as_str()).collect();
    for (_, _, case) in cases() {
        case.causes.iter().for_each(|cause| _ = without.remove(cause.id.as_str()));
    }
    for (_, log) in logs() {
        evidence_of(&log, |evidence, alone| {
            for entry in fitting_at(evidence, None).filter(|entry| !alone || entry.alone) {
                without.remove(entry.id.as_str());
            }
        });
    }
    assert!(without.is_empty(), "without a sample: {without:?}");
}

/// Whether words alone decide that an entry fits.
fn is_of_words(entry: &Entry) -> bool {
    entry.facts.is_empty() && entry.agent.is_none() && !entry.of_recipient
}

/// Where two entries fit the same lines of the corpus, the first one says so in `over`.
#[test]
fn overlaps_are_declared() {
    let mut undeclared = BTreeSet::new();
    for (path, log) in logs() {
        let check = |evidence: &[Words], alone: bool| {
            let fits: Vec<&Entry> =
                fitting(evidence).filter(|entry| is_of_words(entry) && (!alone || entry.alone)).collect();
            for (at, entry) in fits.iter().enumerate() {
                for other in fits[at + 1..].iter().filter(|other| !entry.over.contains(&other.id)) {
                    undeclared.insert(format!("{} over {} ({path})", entry.id, other.id));
                }
            }
        };
        evidence_of(&log, check);
    }
    assert!(undeclared.is_empty(), "{undeclared:#?}");
}

/// What the corpus expects is in the catalogue.
#[test]
fn ids_are_known() {
    // The form of the words tells this one.
    let others = ["connect-unexplained"];
    let ids = catalogue().iter().map(|entry| entry.id.as_str());
    let ids: BTreeSet<&str> = ids.chain(others).collect();
    for (path, _, case) in cases() {
        for cause in &case.causes {
            assert!(ids.contains(cause.id.as_str()), "{}: {}", path.display(), cause.id);
        }
    }
}
