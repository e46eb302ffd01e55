//! True histories, with lines of others between theirs: a log that anybody can write to never gives another word than
//! the true one. It may give none.

use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::{
    CLEARED, DEFERRED, DELETED, DISCARDED, EXPIRED, OPS, QUEUED, RETURNED, SENT, WHY, gone, short, trail,
    waiting, went,
};
use super::*;
use crate::model::inspection::queue::{Addressee, Contents, QueueFile};

const REQUEUED: &str = "x postfix/postsuper[9]: ABCDE1: requeued";
const ALL_REQUEUED: &str = "x postfix/postsuper[9]: Requeued: 1 message";
const REFUSED: &str = "x postfix/cleanup[2]: ABCDE1: milter-reject: END-OF-MESSAGE from localhost[127.0.0.1]: 4.7.1 Service unavailable - try again later; from=<a@b> to=<ops@example.com>";
const GIVEN_BACK: &str =
    "x postfix/pickup[4]: warning: maildrop/839E542: error writing ABCDE1: queue file write error";
const BY_RULE: &str = "x postfix/cleanup[2]: ABCDE1: to=<ops@example.com>, relay=none, delay=0.1, delays=0.1/0/0/0, dsn=5.7.1, status=bounced (no tests)";

/// A file that was last seen before cleanup(8) had finished it; the maildrop has the message, or not.
fn unfinished(there: bool, given_back: bool) -> Standing {
    let given_back = given_back.then(|| "839E542".to_owned());
    Standing::new(OPS, &QueueFile { there, contents: Some(Contents::Unfinished), given_back }, &[])
}

/// A file that disappeared before anybody saw it; the maildrop has the message.
fn back_unseen() -> Standing {
    Standing::new(OPS, &QueueFile { there: false, contents: None, given_back: Some("839E542".into()) }, &[])
}

/// A file with two recipients, of which one is done.
fn half_done() -> Standing {
    let one = |to: &str, done| Addressee { address: to.into(), original: OPS.into(), done };
    let contents = Some(Contents::Of(vec![one("a@x", false), one("b@x", true)]));
    Standing::new(OPS, &QueueFile { there: true, contents, given_back: None }, &[])
}

/// Lines that Postfix wrote up to a moment, and the state of the queue at that moment.
fn histories() -> Vec<(Vec<String>, Standing)> {
    let to =
        |line: &str, to: &str| line.replace("to=<ops@example.com>", &format!("to=<{to}>, orig_to=<{OPS}>"));
    let bounced = SENT.replace("status=sent (250 ok)", "status=bounced (550 no)");
    let local = to(SENT, "b@x").replace("smtp[3]", "local[5]").replace("r[192.0.2.1]:587", "local");
    let (a, b) = (to(SENT, "a@x"), to(&bounced, "b@x"));
    let done = || went(&[(OPS, true)]);
    let two = || went(&[("a@x", true), ("b@x", true)]);
    let mut all: Vec<(Vec<&str>, Vec<Standing>)> = vec![
        (vec![], vec![unfinished(true, false), waiting(&[(OPS, "")])]),
        (vec![SENT], vec![done(), gone()]),
        (vec![&bounced], vec![done(), gone()]),
        (vec![DEFERRED], vec![waiting(&[(OPS, WHY)]), waiting(&[(OPS, "")])]),
        (vec![DEFERRED, SENT], vec![done(), gone()]),
        (vec![&a, &b], vec![two()]),
        (vec![&b, &a], vec![two()]),
        (vec![&a, &local], vec![two()]),
        (vec![&b], vec![half_done()]),
        (vec![DEFERRED, EXPIRED, RETURNED], vec![went(&[(OPS, false)]), gone()]),
        (vec![DEFERRED, DELETED], vec![went(&[(OPS, false)]), gone()]),
        (vec![DEFERRED, CLEARED], vec![went(&[(OPS, false)])]),
        (vec![DEFERRED, REQUEUED], vec![went(&[(OPS, false)])]),
        (vec![DISCARDED], vec![unfinished(false, false), gone()]),
        (vec![REFUSED], vec![unfinished(false, true), back_unseen()]),
        (vec![REFUSED, BY_RULE, RETURNED], vec![unfinished(false, false)]),
        (vec![GIVEN_BACK], vec![unfinished(false, true), back_unseen()]),
        // Root removed the file, or cleanup(8) died and logged nothing with a queue id.
        (vec![], vec![went(&[(OPS, false)]), unfinished(false, true), back_unseen()]),
        (vec![DEFERRED], vec![went(&[(OPS, false)])]),
    ];
    for (lines, _) in &mut all {
        lines.insert(0, QUEUED);
    }
    let owned = |lines: &[&str]| lines.iter().map(ToString::to_string).collect::<Vec<_>>();
    all.iter()
        .flat_map(|(lines, moments)| moments.iter().map(move |moment| (owned(lines), moment.clone())))
        .collect()
}

fn forged() -> impl Strategy<Value = String> {
    let agent = prop_oneof![Just("smtp"), Just("local"), Just("cleanup"), Just("error"), Just("virtual")];
    let to = prop_oneof![Just(OPS), Just("a@x"), Just("b@x"), Just("zz@x"), Just("OPS@Example.com")];
    let relay = prop_oneof![Just("r[192.0.2.1]:587"), Just("local"), Just("none"), Just("s[192.0.2.9]:25")];
    let end = prop_oneof![
        Just("sent (250 FORGED)".to_owned()),
        Just("sent (250 ok)".to_owned()),
        Just("sent (delivered to mailbox)".to_owned()),
        Just("bounced (550 FORGED)".to_owned()),
        Just("bounced (550 no)".to_owned()),
        Just("deferred (451 FORGED)".to_owned()),
        Just(format!("deferred ({WHY})")),
    ];
    let attempt = (agent, to, any::<bool>(), relay, end, 3u8..6).prop_map(|(agent, to, alias, relay, end, pid)| {
        let orig = if alias { format!("orig_to=<{OPS}>, ") } else { String::new() };
        format!(
            "x postfix/{agent}[{pid}]: ABCDE1: to=<{to}>, {orig}relay={relay}, delay=1, delays=0/0/1/0, dsn=2.0.0, status={end}"
        )
    });
    let other = prop_oneof![
        Just(EXPIRED),
        Just(DELETED),
        Just(CLEARED),
        Just(DISCARDED),
        Just(RETURNED),
        Just(REQUEUED),
        Just(ALL_REQUEUED),
        Just(REFUSED),
        Just(GIVEN_BACK),
        Just("x postfix/cleanup[2]: ABCDE2: message-id=<unique@h>"),
        Just("x postfix/qmgr[2]: ABCDE1: removed"),
    ];
    prop_oneof![3 => attempt, 1 => other.prop_map(str::to_owned)]
}

/// The word in short, without the way in which the message left the queue: any line may explain that.
fn said(lines: &[String], standing: &Standing, gap: Option<&Gap>) -> String {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let mut trail = trail(Author::Anybody, &lines);
    if let Some(gap) = gap {
        trail.miss(gap);
    }
    let word = short(&trail, standing);
    if word.starts_with("gone ") { "gone".into() } else { word }
}

/// The lines with others between them.
fn mix(mut lines: Vec<String>, forged: &[(usize, String)]) -> Vec<String> {
    for (place, line) in forged {
        // Nobody knows the Message-ID before cleanup(8) has logged it.
        let queued = lines.iter().position(|line| line == QUEUED);
        let first = match (line.contains("message-id="), queued) {
            (true, None) => continue,
            (true, Some(at)) => at + 1,
            (false, _) => 0,
        };
        lines.insert(first + place % (lines.len() + 1 - first), line.clone());
    }
    lines
}

#[test]
fn each_history_has_its_word() {
    let words: Vec<_> = histories().iter().map(|(lines, standing)| said(lines, standing, None)).collect();
    let expected = [
        "open",
        "open",
        "accepted 250 ok",
        "accepted 250 ok",
        "bounced 550 no",
        "bounced 550 no",
        &format!("deferred {WHY}"),
        "open",
        "accepted 250 ok",
        "accepted 250 ok",
        "bounced 550 no",
        "bounced 550 no",
        "here b@x",
        "bounced 550 no",
        "gone",
        "gone",
        "gone",
        "gone",
        "gone",
        "gone",
        "gone",
        "gone",
        "gone",
        "gone",
        "bounced no tests",
        "gone",
        "gone",
        "gone",
        "gone",
        "gone",
        "gone",
    ];
    for (number, (word, expected)) in words.iter().zip(expected).enumerate() {
        assert_eq!(word, expected, "{number}: {:?}", histories()[number]);
    }
    assert_eq!(words.len(), expected.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn whatever_is_forged_no_other_word_comes_of_it(
        at in any::<prop::sample::Index>(),
        forged in vec((any::<usize>(), forged()), 1..6),
    ) {
        let all = histories();
        let (lines, standing) = at.get(&all);
        let truth = said(lines, standing, None);
        let mixed = mix(lines.clone(), &forged);
        let word = said(&mixed, standing, None);
        prop_assert!(
            word == truth || word == "open" || word.starts_with("doubt: "),
            "{} became {} by {:#?}", truth, word, mixed
        );
    }

    #[test]
    fn of_a_log_that_lost_lines_no_other_word_comes_either(
        at in any::<prop::sample::Index>(),
        lost in vec(any::<bool>(), 4),
        told in any::<bool>(),
        forged in vec((any::<usize>(), forged()), 1..6),
    ) {
        let all = histories();
        let (lines, standing) = at.get(&all);
        let truth = said(lines, standing, None);
        let left = lines.iter().zip(lost.iter().chain(std::iter::repeat(&false)));
        let left = left.filter(|(_, lost)| !**lost).map(|(line, _)| line.clone());
        let mut mixed = mix(left.collect(), &forged);
        if told {
            let line = "x rsyslogd[7]: imuxsock[pid 9]: begin to drop messages due to rate-limiting postfix";
            mixed.push(line.to_owned());
        }
        let word = said(&mixed, standing, (!told).then_some(&Gap::Full));
        prop_assert!(
            word == truth || word == "open" || word.starts_with("doubt: ") || word.starts_with("incomplete "),
            "{} became {} by {:#?}", truth, word, mixed
        );
        prop_assert!(
            !["accepted ", "bounced ", "deferred ", "here ", "elsewhere "].iter().any(|it| word.starts_with(it)),
            "{} of a log that lost lines: {:#?}", word, mixed
        );
    }
}
