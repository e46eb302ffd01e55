use super::*;
use crate::model::answers::choices::Choices;
use crate::model::answers::complete::{Secrets, complete};

const HEAD: &str = "version = 1\n[relay]\nhost = \"a.example.com\"\n[verify]\nto = \"ops@example.com\"\n";

fn read(lines: &str) -> Result<Vec<Way>> {
    let answers = Answers::parse("answers.toml", format!("{HEAD}{lines}").as_bytes())?;
    let inline = |(source, _)| match source {
        SecretSource::Inline(secret) => Some(secret),
        _ => None,
    };
    let alarms = answers.alarm_sources()?.into_iter().map(inline).collect();
    complete(&answers, Secrets { alarms, ..Secrets::default() }).map(|desired| desired.alarms)
}

#[track_caller]
fn refused(lines: &str, place: &str, words: &str) {
    let error = read(&format!("[[alarm]]\n{lines}")).unwrap_err();
    let text = format!("{error} | {}", error.hint("relayhost check"));
    assert!(text.contains(place) && text.contains(words), "{text}");
    assert!(!text.contains("hush"), "{text}");
}

#[test]
fn each_kind_is_read_and_what_is_left_out_is_completed() {
    let all = read(
        "[network]\nproxy = \"http://proxy:3128\"\n\
         [[alarm]]\nkind = \"webhook\"\nurl = \"https://hooks.example.com/hush\"\nheaders = { X-Key = \"hush\" }\n\
         [[alarm]]\nkind = \"command\"\nargv = [\"/usr/bin/page\", \"a b\", \"\"]\nlimit = \"20s\"\n\
         [[alarm]]\nkind = \"nagios\"\nfile = \"/x/nagios.cmd\"\nhost = \"web 1\"\nservice = \"mail\"\n",
    )
    .unwrap();
    let [Way::Webhook(webhook), Way::Command(command), Way::Nagios(nagios)] = &all[..] else {
        panic!("{all:?}")
    };
    assert_eq!((webhook.limit, webhook.proxy.as_deref()), (USUAL, Some("http://proxy:3128")));
    assert_eq!((webhook.template.clone(), webhook.headers.len()), (Template::whole(), 1));
    assert_eq!(command.program, PathBuf::from("/usr/bin/page"));
    assert_eq!(
        (command.arguments.clone(), command.limit),
        (vec!["a b".into(), String::new()], Duration::from_secs(20))
    );
    assert_eq!((nagios.host.as_str(), nagios.service.as_str()), ("web 1", "mail"));
    assert!(!format!("{all:?}").contains("hush"));
    assert!(read("").unwrap().is_empty());
}

#[test]
fn what_cannot_be_is_refused_at_its_place_and_no_secret_is_quoted() {
    const WEBHOOK: &str = "kind = \"webhook\"\n";
    refused("", "line 6", "no `kind`");
    refused("kind = \"mail\"\n", "line 7", "webhook");
    refused(WEBHOOK, "line 6", "no address");
    refused(&format!("{WEBHOOK}url = \"http://h/hush\"\n"), "line 8", "without TLS");
    refused(&format!("{WEBHOOK}url = \"https://me:hush@h/\"\n"), "line 8", "user name in it");
    refused(&format!("{WEBHOOK}url = \"hush\"\n"), "line 8", "https://HOST");
    refused(&format!("{WEBHOOK}url = \"https://h/hush\"\nurl_file = \"/x\"\n"), "line 9", "given twice");
    let whole = format!("{WEBHOOK}url = \"https://h/hush\"\n");
    refused(&format!("{whole}argv = [\"/x\"]\n"), "line 9", "belongs to kind = \"command\"");
    refused(&format!("{whole}template = \"{{what}}\"\n"), "line 9", "no such field");
    refused(&format!("{whole}headers = {{ Host = \"hush\" }}\n"), "line 9", "itself");
    refused(&format!("{whole}headers = {{ X = \"hu\\nsh\" }}\n"), "line 9", "no header can have");
    refused(&format!("{whole}limit = \"5m\"\n"), "line 9", "60 s at most");
    refused("kind = \"command\"\n", "line 6", "no `argv`");
    refused("kind = \"command\"\nargv = []\n", "line 8", "empty");
    refused("kind = \"command\"\nargv = [\"page\"]\n", "line 8", "whole path");
    refused("kind = \"nagios\"\nfile = \"/x\"\nhost = \"h\"\n", "line 6", "no `service`");
    refused("kind = \"nagios\"\nfile = \"/x\"\nhost = \"h;1\"\nservice = \"s\"\n", "line 9", "not a name");
    refused(
        "kind = \"nagios\"\nfile = \"/x\"\nhost = \"h\"\nservice = \"s\"\nlimit = \"1s\"\n",
        "line 11",
        "remove",
    );
    let many = "kind = \"command\"\nargv = [\"/x\"]\n[[alarm]]\n".repeat(MOST)
        + "kind = \"command\"\nargv = [\"/x\"]\n";
    refused(&many, "line 54", "more than 16");
}

#[test]
fn answers_with_a_secret_in_them_are_known_to_have_one() {
    let has = |lines: &str| {
        Answers::parse("a", format!("{HEAD}[[alarm]]\n{lines}").as_bytes()).unwrap().has_inline_secret()
    };
    assert!(has("kind = \"webhook\"\nurl = \"https://h/x\"\n").unwrap());
    assert!(has("kind = \"webhook\"\nurl_file = \"/x\"\nheaders = { A = \"b\" }\n").unwrap());
    assert!(!has("kind = \"webhook\"\nurl_file = \"/x\"\n").unwrap());
}

/// `init` edits answers that are there, and asks for no alarm.
#[test]
fn init_keeps_every_alarm() {
    let lines = "[[alarm]]\nkind = \"webhook\"\nurl = \"https://h/hush\"\nheaders = { X-Key = \"hush\" }\n\
                 [[alarm]]\nkind = \"command\"\nargv = [\"/usr/bin/page\", \"ops\"]\n";
    let answers = Answers::parse("a", format!("{HEAD}{lines}").as_bytes()).unwrap();
    let choices: Choices = answers.choices().unwrap();
    assert_eq!(choices.desired().unwrap().alarms.len(), 2);
    let again = Answers::parse("a", choices.text("", false).as_bytes()).unwrap();
    assert_eq!(again.tables.alarm.len(), 2);
    assert_eq!(again.tables.alarm[0].get_ref().headers.as_ref().unwrap().get_ref().len(), 1);
    assert!(!choices.text("", true).contains("hush"));
}

#[test]
fn a_table_in_one_bracket_is_told_that_it_wants_two() {
    let error = read("[alarm]\nkind = \"command\"\nargv = [\"/x\"]\n").unwrap_err();
    assert!(error.hint("relayhost check").contains("[[alarm]]"), "{error}");
}
