//! `relayhost init --describe` and `--from`: the questions for a program that puts them to a person itself.

use serde_json::Value;

use crate::host::{Run, host};

/// The word and the answer of each question that is answered.
fn asked(form: &Value) -> Vec<(&str, Option<&str>)> {
    let all = form["asked"].as_array().unwrap();
    all.iter().map(|one| (one["question"].as_str().unwrap(), one["answer"].as_str())).collect()
}

fn form(run: &Run, part: &str) -> Value {
    run.json(part)["form"].clone()
}

/// A page fills the sheet question by question; what it sends last is written, delivers, and is what it begins with the next time.
#[test]
fn a_sheet_becomes_answers_that_deliver() {
    let run = host().sh(
        r#"sheet() { printf '%s' "$2" | relayhost init --from - "${@:3}" --json 2>/root/err; echo "exit $?" >/root/exit; [ "$1" = quiet ] || cat /root/exit >&2; }
        echo '== empty'; relayhost init --describe --json
        echo '== relay'; sheet x '{"relay":"smtp.example.com","port":587}' --describe
        login='"relay":"smtp.example.com","port":587,"user":"alerts@example.com"'
        echo '== login'; sheet x "{$login}" --describe
        whole="$login,\"password\":\"correct horse battery staple\",\"sender\":\"all\",\"public\":\"alerts@example.com\",\"recipient\":\"ops@example.com\""
        echo '== whole'; sheet x "{$whole}" --describe
        echo '== wrong'; sheet x "{$login,\"password\":\"wrong horse\",\"sender\":\"none\",\"recipient\":\"ops@example.com\"}"; ls /etc/relayhost
        echo '== written'; sheet x "{$whole}"
        echo '== files'; stat -c '%n %a %U' /etc/relayhost/*
        echo '== apply'; relayhost apply --json 2>/dev/null
        echo '== again'; relayhost init --describe --json
        echo '== taken'; sheet x '{"recipient":"it@example.com"}'
        echo '== edited'; sheet x '{"recipient":"it@example.com"}' --force; grep 'to = ' /etc/relayhost/answers.toml; relayhost verify >/dev/null; echo "verify $?"
        echo '== end'"#,
    );
    let empty = form(&run, "empty");
    assert_eq!((&empty["open"]["question"], &empty["edits"]), (&"relay".into(), &false.into()));
    let options = empty["open"]["options"].as_array().unwrap();
    assert!(options.iter().any(|one| one["answer"] == "office365") && empty["open"]["free"] == true);
    let relay = form(&run, "relay");
    assert_eq!(relay["open"]["question"], "user", "{relay:#}");
    assert_eq!(asked(&relay)[..2], [("relay", Some("smtp.example.com")), ("login", Some("yes"))]);
    let login = form(&run, "login");
    assert_eq!((&login["open"]["question"], &login["open"]["secret"]), (&"password".into(), &true.into()));
    let whole = form(&run, "whole");
    assert!(whole["open"].is_null() && whole["refused"].is_null(), "{whole:#}");
    assert!(asked(&whole).contains(&("password", None)));
    assert!(whole["preview"].as_str().unwrap().contains("host = \"smtp.example.com\""), "{whole:#}");
    // The relay has refused the password: nothing is written.
    let wrong = run.part("wrong");
    assert!(wrong.contains("\"wrong-password\"") && !wrong.contains("answers.toml\n"), "{wrong}");
    assert_eq!(run.json("written")["written"][0], "/etc/relayhost/answers.toml");
    assert_eq!(run.part("files"), "/etc/relayhost/answers.toml 600 root\n/etc/relayhost/password 600 root\n");
    assert_eq!(run.json("apply")["delivery"]["accepted"], true);
    let again = form(&run, "again");
    assert_eq!((&again["edits"], &again["open"]), (&true.into(), &Value::Null), "{again:#}");
    assert!(asked(&again).contains(&("user", Some("alerts@example.com"))), "{again:#}");
    assert!(run.json("taken")["error"]["remedy"].as_str().unwrap().contains("--force"));
    assert!(run.part("edited").contains("to = \"it@example.com\"\nverify 0\n"), "{}", run.part("edited"));
    assert!(!run.stderr.contains("horse"), "{}", run.stderr);
    run.never_says("horse");
}

/// What a program has sent by mistake has an error that names it, and nothing is written.
#[test]
fn a_sheet_that_cannot_be_taken_is_named() {
    let run = host().sh(
        r#"try() { echo "== $1"; printf '%s' "$2" | relayhost init --from - 2>&1; echo "exit $?"; ls -A /etc/relayhost 2>/dev/null; }
        try json '{'; try list '[1]'; try word '{"relais":"x"}'; try open '{"relay":"smtp.example.com"}'
        try port '{"relay":"smtp.example.com","port":99999}'; try big "{\"relay\":\"$(head -c 200000 /dev/zero | tr '\0' x)\"}"
        try escape '{"relay":"\u001b[31m\u202ex"}'; try extra '{"relay":"smtp.example.com","login":false,"sender":"none","recipient":"o@example.com","tenant":"t"}'
        echo '== file'; echo '{"password":"x"}' >/root/sheet; chmod 644 /root/sheet; relayhost init --from /root/sheet 2>&1; echo "exit $?"
        echo '== gone'; relayhost init --from /root/none 2>&1; echo "exit $?"
        echo '== flags'; relayhost init --from - --to a@example.com </dev/null 2>&1 | head -n 1
        echo '== end'"#,
    );
    for (part, words) in [
        ("json", "no JSON"),
        ("list", "no object"),
        ("word", "`relais` is no question"),
        ("open", "has no answer to `user`"),
        ("port", "`port`: "),
        ("big", "longer than 65536 bytes"),
        ("escape", "`relay`: "),
        ("extra", "there is no question `tenant`"),
        ("gone", "there is no such file"),
    ] {
        let text = run.part(part);
        assert!(text.replace("\n     ", " ").contains(words) && text.contains("exit 2\n"), "{part}: {text}");
        assert!(text.contains("\n  -> ") && !text.contains("answers.toml\n"), "{part}: {text}");
    }
    assert!(run.part("file").contains("0644") && run.part("file").contains("exit "), "{}", run.part("file"));
    assert!(run.part("flags").contains("cannot be used with"), "{}", run.part("flags"));
    assert!(!run.stdout.contains('\u{1b}') && !run.stdout.contains('\u{202e}'));
}
