use std::time::Duration;

use super::*;
use crate::error::{Error, Interruption, Signal};
use crate::model::ended::{Applied, Idle};
use crate::model::message::delivery::InQueue;
use crate::model::plan::Remedy;
use crate::model::secret::Secret;
use crate::model::secret::mask::Mask;
use crate::model::state::order::PutBack;

/// A relay can repeat a password that is also the name of a cause or of a command, which programs evaluate.
#[test]
fn a_password_is_hidden_in_texts_and_not_in_the_words_of_a_program() {
    let mask = Mask::new("alerts", &Secret::new("password-wrong"));
    let said = || "refused: password-wrong".to_owned();
    let notice = Notice {
        priority: Priority::Error,
        message: said(),
        fields: vec![
            ("RELAYHOST_COMMAND", "apply".into()),
            ("RELAYHOST_CAUSE", said()),
            ("RELAYHOST_CAUSE_ID", "password-wrong".into()),
            ("RELAYHOST_REMEDY", said()),
        ],
    };
    let hidden = notice.hidden(|text| mask.hide(text));
    let datagram = String::from_utf8(hidden.datagram()).unwrap();
    assert_eq!(datagram.matches("password-wrong").count(), 1, "{datagram}");
    assert!(datagram.contains("\nRELAYHOST_CAUSE_ID=password-wrong\n"), "{datagram}");
}

#[test]
fn a_value_of_several_lines_has_its_length_in_front() {
    let notice = Notice {
        priority: Priority::Warning,
        message: "not yet".into(),
        fields: vec![("RELAYHOST_CAUSE", "a\nb".into()), ("RELAYHOST_REMEDY", String::new())],
    };
    let mut expected = Vec::from(format!(
        "MESSAGE=not yet\nMESSAGE_ID={MESSAGE_ID}\nPRIORITY=4\nSYSLOG_IDENTIFIER=relayhost\nRELAYHOST_CAUSE\n"
    ));
    expected.extend([3, 0, 0, 0, 0, 0, 0, 0]);
    expected.extend(b"a\nb\n");
    assert_eq!(notice.datagram(), expected);
}

#[test]
fn no_value_can_bring_a_field_of_its_own() {
    let notice = Notice { priority: Priority::Info, message: "x\nPRIORITY=0".into(), fields: vec![] };
    assert!(notice.datagram().starts_with(b"MESSAGE\n\x0c\0\0\0\0\0\0\0x\nPRIORITY=0\nMESSAGE_ID="));
    let escape =
        Notice { priority: Priority::Info, message: "\u{1b}[2J\0".into(), fields: vec![] }.datagram();
    assert!(escape.starts_with(b"MESSAGE=?[2J?\n"));
}

fn field(notice: &Notice, name: &str) -> String {
    notice.fields.iter().find(|(known, _)| *known == name).unwrap().1.clone()
}

fn delivery(outcome: Outcome) -> Delivery {
    Delivery {
        from: "monitor@h".into(),
        to: "ops@example.com".into(),
        queue_id: Some("A1".into()),
        waited: Duration::ZERO,
        delays: None,
        put_off: 0,
        queue: InQueue::Nothing,
        outcome,
        sent: None,
        arrival: None,
    }
}

fn finding(id: &str, state: State, found: &str, remedy: Option<&str>) -> Finding {
    Finding { id: id.into(), state, found: found.into(), remedy: remedy.map(Remedy::say) }
}

#[test]
fn a_run_tells_cause_remedy_and_exit_status() {
    let failure = Failure {
        exit: Exit::Refused,
        id: "wrong-password".into(),
        cause: "refused".into(),
        remedy: "correct it".into(),
        evidence: Vec::new(),
        doubts: Vec::new(),
    };
    let refusal = delivery(Outcome::Failed(failure.clone()));
    let undone = Applied { put_back: Some(PutBack::Refused), delivery: Some(refusal), ..Applied::default() };
    let notice = Notice::of("pending", &Ended::Applied(undone));
    assert_eq!(notice.priority, Priority::Error);
    assert_eq!(notice.message, "refused; the previous configuration is in force again");
    for (name, value) in [
        ("RELAYHOST_COMMAND", "pending"),
        ("RELAYHOST_EXIT", "7"),
        ("RELAYHOST_CAUSE", "refused"),
        ("RELAYHOST_CAUSE_ID", "wrong-password"),
        ("RELAYHOST_REMEDY", "correct it"),
        ("RELAYHOST_QUEUE_ID", "A1"),
    ] {
        assert_eq!(field(&notice, name), value);
    }
    let probe = Some(Probe { ending: Ending::Failed(failure), ..Probe::default() });
    let vetoed = Ended::Applied(Applied { probe, ..Applied::default() });
    let vetoed = Notice::of("apply", &vetoed);
    assert_eq!(vetoed.priority, Priority::Error);
    assert!(vetoed.message.starts_with("refused; nothing was done: "), "{vetoed:?}");
    assert_eq!(field(&vetoed, "RELAYHOST_CAUSE_ID"), "wrong-password");
    assert_eq!(field(&vetoed, "RELAYHOST_REMEDY"), "correct it");
}

#[test]
fn an_error_is_the_cause_and_a_signal_no_fault() {
    let failed = |error| Ended::Failed { error, command: "relayhost init".into() };
    let (why, remedy) = ("a\nb".into(), "do".into());
    let error = Notice::of("init", &failed(Error::NotWritten { why, remedy }));
    assert_eq!(error.message, "nothing was written: a b");
    assert_eq!(field(&error, "RELAYHOST_CAUSE"), "nothing was written: a\nb");
    assert_eq!((error.priority, field(&error, "RELAYHOST_REMEDY")), (Priority::Error, "do".into()));
    let ended = Error::Interrupted(Box::new(Interruption::new(Signal::Term)));
    assert_eq!(Notice::of("apply", &failed(ended)).priority, Priority::Warning);
}

#[test]
fn what_differs_is_named_where_nothing_else_failed() {
    let left = vec![
        finding("a", State::Fine, "x", None),
        finding("b", State::Differs, "y", Some("relayhost apply")),
    ];
    let reply = Outcome::Accepted {
        relay: "[r]:587".into(),
        reply: "250 ok".into(),
        redirected: None,
        instead: None,
    };
    let applied =
        |findings| Applied { delivery: Some(delivery(reply.clone())), findings, ..Applied::default() };
    let drifted = Notice::of("apply", &Ended::Applied(applied(Some(left))));
    assert_eq!(
        (drifted.priority, drifted.message.as_str()),
        (Priority::Warning, "not as the answers say: b")
    );
    assert_eq!(field(&drifted, "RELAYHOST_CAUSE"), "b: y");
    assert_eq!(field(&drifted, "RELAYHOST_REMEDY"), "relayhost apply");
    let checked = Account::default().or_findings(&[finding("b", State::Differs, "y", None)]);
    assert_eq!((checked.priority(Exit::Differs), checked.cause.as_str()), (Priority::Warning, "b: y"));
    let good = Notice::of("apply", &Ended::Applied(applied(None)));
    assert_eq!((good.priority, good.message.as_str()), (Priority::Info, "mail leaves: [r]:587 said: 250 ok"));
    let idle = Notice::of("pending", &Ended::Idle(Idle::FirstBoot));
    assert_eq!((idle.priority, idle.message.as_str()), (Priority::Warning, Idle::FirstBoot.text()));
}
