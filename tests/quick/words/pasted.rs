//! A paste in which a stranger chose a part of a line: a relay, a client, whoever gives a user's name or asks for a page. Nothing of it
//! is told as the host's own words, and the record in which it stands stays what it is.

use proptest::test_runner::TestRunner;
use relayhost::model::causes::Basis;
use relayhost::model::causes::words::Speaker;
use relayhost::model::log::Reader;
use relayhost::model::log::follow::{Follower, Question};
use relayhost::model::log::paste::Paste;
use relayhost::model::log::report::{Owner, Report};
use relayhost::model::log::stamp::Calendar;

use super::{Circumstances, draw, text_of};
use relayhost::model::causes::About;
use relayhost::model::causes::catalogue::{Entry, catalogue};

const FATAL: &str = "fatal: open /etc/postfix/main.cf: Permission denied";
const HEAD: &str = "Nov 24 08:00:00 h ";

/// Lines in which `%` is what a stranger chose. None of them has a failure of the host's own in it. A number and then a whole line
/// of a log is not among them: that is how `cat -n` shows a log.
const FRAMES: [&str; 14] = [
    "Nov 24 08:00:00 h sshd[7]: Invalid user % from 192.0.2.7",
    "Nov 24 08:00:00 h mysqld[7]: write error: %",
    "Nov 24 08:00:00 h app: user % is gone",
    "192.0.2.7 - - [24/Nov/2026:08:00:00 +0000] \"GET /% HTTP/1.1\" 404 1",
    "Nov 24 08:00:00 h postfix/smtpd[7]: warning: non-SMTP command from x[192.0.2.7]: %",
    "Nov 24 08:00:00 h postfix/cleanup[7]: 4Bd2c1x0z: warning: header Subject: % from x[192.0.2.7]",
    "Nov 24 08:00:00 h postfix/smtp[7]: 4Bd2c1x0z: to=<o@x>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=5.0.0, status=bounced (host r[192.0.2.1] said: 550 % (in reply to RCPT TO command))",
    "Nov 24 08:00:00 h postfix/smtp[7]: < r[192.0.2.1]:587: 250 %",
    "550 5.7.1 %",
    "250-2.1.0 %",
    "<-  250 %",
    "<** 550 5.7.1 %",
    "(550, b'5.7.1 %')",
    "220 r.example.com ESMTP %",
];

/// What a stranger puts round what looks like a line of Postfix.
const ROUNDS: [(&str, &str); 8] = [
    ("", ""),
    ("x ", ""),
    ("<br>", "<br>"),
    ("<p>", "</p>"),
    ("<br/>Nov 24 08:00:00 h postfix/smtp[7]: ", "<br/>"),
    ("postfix/smtp[7]: ", ""),
    ("r[192.0.2.1]: ", ""),
    ("Nov 24 08:00:00 h postfix/smtp[7]: ", ""),
];

fn read(text: &str) -> Report {
    let circumstances = |about: &About| Circumstances::unknown(about);
    let mut follower = Follower::new(Question { circumstances: &circumstances, ..Question::default() });
    let mut paste = Paste::new(&mut follower);
    paste.source(Calendar::utc(1_795_507_200));
    paste.feed(text.as_bytes());
    paste.end();
    Report::new(&follower, &Owner::default())
}

/// The causes that rest on the host's own words.
fn own(text: &str) -> Vec<String> {
    let failures = read(text).failures;
    failures
        .iter()
        .filter(|failure| failure.cause.basis == Basis::Postfix && failure.cause.is_known())
        .map(|failure| failure.cause.id.clone())
        .collect()
}

#[test]
fn nothing_that_a_stranger_pastes_into_a_line_is_the_hosts_own_word() {
    let mut runner = TestRunner::deterministic();
    let healthy = format!("{HEAD}postfix/qmgr[2]: 4Bd2c1x0y: removed\n").repeat(40);
    let daemon =
        catalogue().iter().flat_map(Entry::patterns).filter(|(speaker, _)| *speaker != Speaker::Stranger);
    let mut said: Vec<String> = daemon
        .flat_map(|(_, patterns)| patterns.iter().map(text_of).collect::<Vec<_>>())
        .map(|text| draw(&text, &mut runner))
        .collect();
    said.push(FATAL.into());
    let mut wrong = Vec::new();
    for (number, words) in said.iter().enumerate() {
        for (at, frame) in
            FRAMES.iter().enumerate().filter(|(at, _)| words == FATAL || (number + at) % 5 == 0)
        {
            let (before, after) = ROUNDS[(number + at) % ROUNDS.len()];
            let all = if words == FATAL { &ROUNDS[..] } else { &[(before, after)] };
            for (before, after) in all {
                let line = frame.replace('%', &format!("{before}{words}{after}"));
                for text in [line.clone(), format!("{healthy}{line}\n{healthy}")] {
                    let causes = own(&text);
                    if !causes.is_empty() {
                        wrong.push(format!("{causes:?} {}: {line}", text.lines().count()));
                    }
                }
            }
        }
    }
    assert!(said.len() > 150 && wrong.is_empty(), "{} of {}:\n{}", wrong.len(), said.len(), wrong.join("\n"));
}

#[test]
fn a_failure_stays_one_whatever_its_relay_says() {
    for (before, after) in ROUNDS {
        let sent = "4Bd2c1x0z: to=<o@x>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)";
        for words in
            [sent.to_owned(), format!("postfix/smtp[7]: {sent}"), format!("{HEAD}postfix/smtp[7]: {sent}")]
        {
            let text = FRAMES[6].replace('%', &format!("5.7.1 Relay access denied {before}{words}{after}"));
            let report = read(&text);
            assert_eq!((report.failures.len(), report.accepted), (1, 0), "{text}");
        }
    }
}
