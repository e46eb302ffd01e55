//! The failure matrix: every case of matrix.toml on a host of its own, broken for real, asked what is wrong, mended as
//! relayhost says, and asked to deliver. docs/failures.md is written from a run (`scripts/failures`), and a run checks it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use relayhost::model::causes::catalogue::{Fix, catalogue};
use serde::Deserialize;
use serde_json::Value;

use crate::host::{Host, Run, host, project, read};

/// Hosts at the same time: most of a case is waiting.
const AT_ONCE: usize = 3;
const DOCUMENT: &str = "docs/failures.md";

/// What the scripts of matrix.toml may call. A main.cf that is younger than two seconds would be waited for.
const WORDS: &str = r#"
cool() { touch -d '-5 seconds' /etc/postfix/main.cf && postfix reload; }
set() { postconf -e "$@" && cool; }
unset() { postconf -# "$@" && cool; }
answers() { sed -i "$1" /etc/relayhost/answers.toml; }
log() { for i in {1..100}; do grep -q -e "$1" /var/log/maillog && return; sleep 0.1; done; }
send() { printf 'Subject: test\n\ntest\n' | sendmail "$@"; }
restart() { postfix stop; postfix start; }
"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    what: String,
    relay: Option<String>,
    replies: Option<String>,
    answers: Option<String>,
    #[serde(default)]
    edit: BTreeMap<String, String>,
    #[serde(default, rename = "break")]
    damage: String,
    #[serde(default)]
    command: Asked,
    exit: Option<i64>,
    deadline: Option<String>,
    /// What `diagnose` names as well, and rightly.
    #[serde(default)]
    also: BTreeSet<String>,
    /// Where it is no line of the log that tells, but a look at the host.
    finding: Option<String>,
    mend: Option<String>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Asked {
    #[default]
    Verify,
    Diagnose,
}

/// How a case ended.
struct Outcome {
    wrong: Vec<String>,
    named: bool,
    mended: Option<bool>,
    log: String,
}

impl Outcome {
    fn broken(why: &str) -> Self {
        Self { wrong: vec![why.to_owned()], named: false, mended: None, log: String::new() }
    }
}

impl Case {
    fn answers(&self) -> String {
        let name = self.answers.as_deref().unwrap_or("authenticated");
        let mut text = match name {
            "authenticated" | "office365" | "open" => read(&format!("examples/{name}.toml")),
            _ => preset(name),
        };
        for (from, to) in &self.edit {
            assert!(text.contains(from), "{}: {from} is not in the answers", self.what);
            text = text.replace(from, to);
        }
        text
    }

    fn host(&self) -> Host {
        let host = host().answers_text(&self.answers());
        match (&self.relay, &self.replies) {
            (None, Some(replies)) => host.replies(&format!("{}\n", replies.trim())),
            (Some(relay), None) => host.relay(relay),
            (None, None) => host,
            (Some(_), Some(_)) => panic!("{}: either a relay or replies", self.what),
        }
    }

    fn script(&self) -> String {
        let deadline = self.deadline.as_deref().unwrap_or("20s");
        let mut script = format!(
            "{WORDS}exec 3>&1 >/root/out 2>&1\nrelayhost apply --no-verify\n{}\necho '== verify' >&3\n",
            self.damage
        );
        if self.command == Asked::Verify {
            let _ = writeln!(script, "relayhost verify --json --deadline {deadline} >&3");
        }
        script += "echo '== diagnose' >&3; relayhost diagnose --json >&3; echo '== log' >&3; cat /var/log/maillog >&3\n";
        script += "echo '== mend' >&3; box() { ls /lab/mailbox/new | wc -l; }; before=$(box)\n";
        if let Some(mend) = &self.mend {
            let _ = writeln!(script, "{mend}");
            // What mends by sending has sent; what was mended by hand is tried now.
            if !["repair", "apply", "verify"].iter().any(|word| mend.contains(&format!("relayhost {word}"))) {
                script += "relayhost verify\n";
            }
            script += "for i in {1..30}; do [ $(box) -gt $before ] && { echo arrived >&3; break; }; sleep 0.1; done\n";
        }
        script + "echo '== out' >&3; cat /root/out >&3"
    }

    fn run(&self) -> Outcome {
        let run = self.host().sh(&self.script());
        let mut wrong = Vec::new();
        if self.command == Asked::Verify {
            let report = run.json("verify");
            let (exit, id) = (&report["exit"], &report["delivery"]["cause"]["id"]);
            if (exit.as_i64(), id.as_str()) != (self.exit, Some(&self.id)) {
                wrong.push(format!("verify: exit {exit}, {id}"));
            }
        }
        let report = run.json("diagnose");
        let told = told(&report);
        let mut expected: BTreeSet<&str> = self.also.iter().map(String::as_str).collect();
        match &self.finding {
            None => drop(expected.insert(&self.id)),
            Some(finding) if has_finding(&report, finding) => {}
            Some(finding) => wrong.push(format!("diagnose: no finding {finding}")),
        }
        if told != expected {
            wrong.push(format!("diagnose: {told:?}, not {expected:?}"));
        }
        let named = wrong.is_empty();
        let mended = self.mend.as_ref().map(|_| run.part("mend").contains("arrived"));
        if mended == Some(false) {
            wrong.push("the message did not arrive after it was mended".into());
        }
        Outcome { wrong, named, mended, log: log(&run) }
    }

    fn mended_by(&self) -> &str {
        match &self.mend {
            None => "",
            Some(mend) if mend.contains("relayhost repair") => "`relayhost repair`",
            Some(mend) if mend.contains("relayhost apply") => "other answers, `relayhost apply`",
            Some(_) => "by hand, as the remedy says",
        }
    }
}

/// Answers for a preset.
fn preset(name: &str) -> String {
    let user = if name == "sendgrid" { "apikey" } else { "alerts@example.com" };
    format!(
        "version = 1\n[relay]\nprovider = \"{name}\"\n[auth]\nusername = \"{user}\"\npassword = \"correct horse battery staple\"\n\
         [sender]\nrewrite = {{ \"monitor@op5-system.localdomain\" = \"alerts@example.com\" }}\n[verify]\nto = \"ops@example.com\"\n"
    )
}

/// The causes that `diagnose` names for this host.
fn told(report: &Value) -> BTreeSet<&str> {
    let failures = report["diagnosis"]["failures"].as_array();
    failures
        .into_iter()
        .flatten()
        .filter(|one| one["ours"] == true)
        .map(|one| one["id"].as_str().unwrap())
        .collect()
}

fn has_finding(report: &Value, id: &str) -> bool {
    report["findings"].as_array().is_some_and(|findings| findings.iter().any(|one| one["id"] == id))
}

fn log(run: &Run) -> String {
    format!("{}--\n{}", run.part("log"), run.part("out"))
}

/// Runs all cases, some at a time, in the order of the file.
fn run_all(cases: &[Case]) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, Outcome>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((at, case)) = {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    cases.get(at).map(|case| (at, case))
                } {
                    let start = std::time::Instant::now();
                    let outcome = std::panic::catch_unwind(|| case.run());
                    let outcome = outcome.unwrap_or_else(|_| Outcome::broken("it panicked: see above"));
                    println!("{:5.1} s {} ({})", start.elapsed().as_secs_f32(), case.id, case.what);
                    done.lock().unwrap().insert(at, outcome);
                }
            });
        }
    });
    done.into_inner().unwrap().into_values().collect()
}

#[test]
fn each_cause_is_produced_named_and_mended() {
    let mut cases = toml::from_str::<Matrix>(&read("tests/lab/matrix.toml")).unwrap().case;
    let only = std::env::var("RELAYHOST_CASES").unwrap_or_default();
    let only: Vec<&str> = only.split_whitespace().collect();
    cases.retain(|case| only.is_empty() || only.contains(&case.id.as_str()));
    let known: BTreeSet<&str> = catalogue().iter().map(|entry| entry.id.as_str()).collect();
    for case in &cases {
        assert!(known.contains(case.id.as_str()), "{} is not in the catalogue", case.id);
        assert_eq!(case.exit.is_some(), case.command == Asked::Verify, "{}", case.what);
    }
    let outcomes = run_all(&cases);
    let page = page(&cases, &outcomes);
    for ((case, outcome), line) in cases.iter().zip(&outcomes).zip(rows(&cases, &outcomes)) {
        println!("{} {line}", if outcome.wrong.is_empty() { "ok  " } else { "FAIL" });
        if !outcome.wrong.is_empty() {
            println!("     {} ({}): {}\n{}", case.id, case.what, outcome.wrong.join("; "), outcome.log);
        }
    }
    println!("{}", counts(&cases, &outcomes));
    if let Some(directory) = std::env::var_os("RELAYHOST_CAPTURE") {
        for (number, (case, outcome)) in cases.iter().zip(&outcomes).enumerate() {
            let path = Path::new(&directory).join(format!("{number:03}-{}.log", case.id));
            std::fs::write(path, &outcome.log).unwrap();
        }
    }
    let wrong: Vec<&str> = cases
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| !outcome.wrong.is_empty())
        .map(|(case, _)| case.id.as_str())
        .collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:?}", wrong.len(), cases.len());
    if !only.is_empty() {
        return;
    }
    if std::env::var_os("RELAYHOST_WRITE_DOCS").is_some() {
        std::fs::write(project().join(DOCUMENT), &page).unwrap();
    }
    assert_eq!(
        read(DOCUMENT),
        page,
        "{DOCUMENT} is not what came of this run: scripts/failures writes it anew"
    );
}

/// One line for the terminal and the document each.
fn rows(cases: &[Case], outcomes: &[Outcome]) -> Vec<String> {
    let row = |(case, outcome): (&Case, &Outcome)| {
        let verdict = match case.exit {
            Some(4) => "the relay refused (4)",
            Some(_) => "no word of the relay (5)",
            None => "found in the log",
        };
        let mended = match outcome.mended {
            Some(true) => case.mended_by(),
            Some(false) => "FAILED",
            None => "at the relay or the network",
        };
        let named = if outcome.named { "" } else { " NOT NAMED" };
        format!("| `{}`{named} | {} | {verdict} | {mended} |", case.id, case.what.replace('|', "\\|"))
    };
    cases.iter().zip(outcomes).map(row).collect()
}

/// `N causes produced, N named, N mended`, and of what.
fn counts(cases: &[Case], outcomes: &[Outcome]) -> String {
    let ids = |keep: &dyn Fn(&Case, &Outcome) -> bool| {
        let kept = cases.iter().zip(outcomes).filter(|(case, outcome)| keep(case, outcome));
        kept.map(|(case, _)| case.id.as_str()).collect::<BTreeSet<_>>().len()
    };
    let by_us = |case: &Case| case.mend.as_ref().is_some_and(|mend| mend.contains("relayhost "));
    format!(
        "{} causes produced, {} named, {} mended ({} of them by relayhost), in {} cases",
        ids(&|_, _| true),
        ids(&|_, outcome| outcome.named),
        ids(&|_, outcome| outcome.mended == Some(true)),
        ids(&|case, outcome| outcome.mended == Some(true) && by_us(case)),
        cases.len()
    )
}

/// docs/failures.md.
fn page(cases: &[Case], outcomes: &[Outcome]) -> String {
    let mut page = format!(
        "<!-- Written by scripts/failures from a run of tests/lab/matrix.toml; a test compares it. -->\n\
         # What keeps mail from leaving, produced and named\n\n\
         Each line is a host of the lab with real Postfix and Cyrus SASL, configured by `relayhost apply`, then broken as it\n\
         says; replies of providers come from a scripted relay that has their words. `relayhost verify` (with its exit\n\
         status) and `relayhost diagnose` named the cause, or only `diagnose` where it is a matter of the log. Then the host\n\
         was mended as relayhost says, and a message had to arrive.\n\n\
         {}. The catalogue has {} causes.\n\n\
         | cause | what was broken | verdict | mended by |\n|---|---|---|---|\n",
        counts(cases, outcomes),
        catalogue().len()
    );
    for row in rows(cases, outcomes) {
        page += &row;
        page.push('\n');
    }
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
