//! `[sender] default`: for each way in which programs submit mail, what the relay saw as its envelope and in its headers.
//! docs/senders.md has the table; `RELAYHOST_WRITE_DOCS=1` writes it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::generation::{DEFAULT, generation};
use crate::host::{Host, Run, host, project, read};

const DOCUMENT: &str = "docs/senders.md";

/// Where the table begins in the document, and where it ends.
const MARKS: [&str; 2] = ["<!-- written by tests/lab/senders.rs -->\n", "<!-- end -->\n"];

/// A way: what it is, and its commands, with `$s` for the subject.
struct Way {
    name: &'static str,
    commands: &'static str,
}

const fn way(name: &'static str, commands: &'static str) -> Way {
    Way { name, commands }
}

const WAYS: &[Way] = &[
    way("`mail` of root", "echo x | mail -s $s ops@example.com"),
    way("`mail` of a user", "echo x | as anna mail -s $s ops@example.com"),
    way(
        "`mail` of a user without a full name (Nagios: `printf … \\| mail -s`)",
        "printf x | as nagios mail -s $s ops@example.com",
    ),
    way(
        "`mail -r` of a sender with a line in `rewrite`",
        "echo x | mail -s $s -r monitor@op5-system.localdomain ops@example.com",
    ),
    way(
        "`mail -r root@localhost` (dnf-automatic, `command_email`)",
        "echo x | mail -s $s -r root@localhost ops@example.com",
    ),
    way("`mail -r` of another domain's sender", "echo x | mail -s $s -r anna@example.org ops@example.com"),
    way("`mail -s` of a script (smartd's)", "mail -s $s ops@example.com <<<x"),
    way(
        "`sendmail -t` without From (PHP's `mail()`)",
        "message 'To: ops@example.com' | as www-data sendmail -t -i",
    ),
    way(
        "the same with From and `-f` (PHP)",
        "message 'To: ops@example.com' 'From: Shop <shop@op5-system.localdomain>' | as www-data sendmail -t -i -f shop@op5-system.localdomain",
    ),
    way("`sendmail -t`, From: root", "message 'To: ops@example.com' 'From: root' | sendmail -t"),
    way(
        "`sendmail -F`, full name with letters beyond ASCII, no From",
        "message 'To: ops@example.com' | sendmail -F 'Jörg' -t",
    ),
    way(
        "cron (cronie)",
        "message 'From: \"(Cron Daemon)\" <root>' 'To: ops@example.com' | sendmail -FCronDaemon -i -odi -oem -oi -t -f root",
    ),
    way(
        "cron (older)",
        "message 'From: root (Cron Daemon)' 'To: ops@example.com' | sendmail -FCronDaemon -i -odi -oem -oi -t",
    ),
    way(
        "SMTP to localhost:25 (dnf-automatic, `email`)",
        "smtp root@localhost 'From: root@localhost' 'To: ops@example.com'",
    ),
    way("SMTP to localhost:25, bare names", "smtp anna 'From: anna' 'To: ops@example.com'"),
    way("SMTP to localhost:25, no From", "smtp root@op5-system 'To: ops@example.com'"),
    way(
        "SMTP of another domain's sender",
        "smtp anna@example.org 'From: \"root@localhost by way of\" <anna@example.org> (for root@localhost)' 'To: ops@example.com'",
    ),
    way(
        "several From addresses",
        "message 'From: Anna <anna@example.org>, root@op5-system.localdomain' 'Sender: root' 'To: ops@example.com' | sendmail -t",
    ),
    way(
        "From in two lines, a quoted name with a comma",
        "message 'From: \"Admin, Anna\"' '  <anna@op5-system.localdomain>' 'To: ops@example.com' | sendmail -t",
    ),
    way(
        "a name of RFC 2047",
        "message 'From: =?utf-8?Q?J=C3=B6rg?= <joerg@localhost>' 'To: ops@example.com' | sendmail -t",
    ),
    way("a name in UTF-8", "message 'From: Jörg <joerg@localhost>' 'To: ops@example.com' | sendmail -t"),
    way("a quoted local part", "message 'From: \"john doe\"@localhost' 'To: ops@example.com' | sendmail -t"),
    way(
        "comments around the address",
        "message 'From: (night (late)) root@localhost (backup)' 'To: ops@example.com' | sendmail -t",
    ),
    way(
        "an extension (`root+backup`)",
        "message 'From: root+backup@localhost' 'To: ops@example.com' | sendmail -t -f root+backup@localhost",
    ),
    way(
        "a resent message",
        "message 'Resent-From: root' 'Resent-To: ops@example.com' 'From: anna@example.org' 'To: list@example.org' | sendmail -t",
    ),
    way(
        "Reply-To, Cc and Message-ID of this host",
        "message 'From: root' 'Reply-To: root@op5-system.localdomain' 'Message-ID: <1@op5-system.localdomain>' 'To: ops@example.com' 'Cc: root@op5-system.localdomain' | sendmail ops@example.com",
    ),
    way(
        "a bounce of this host",
        "message 'From: ops@example.com' 'To: nobody-here' | sendmail -f ops@example.com nobody-here",
    ),
];

const ANSWERS: &str = "version = 1\n[relay]\nhost = \"mailhub.example.com\"\nport = 25\n[sender]\n\
    default = \"alerts@example.com\"\n{NAME}rewrite = { \"monitor@op5-system.localdomain\" = \"monitor@example.com\" }\n\
    [verify]\nto = \"ops@example.com\"\n";

fn answered(name: &str) -> Host {
    host().relay("plain").answers_text(&ANSWERS.replace("{NAME}", name))
}

/// Each message as it came to the relay's mailbox: the lines of its header, by the way.
fn sent(name: &str) -> BTreeMap<&'static str, Vec<(String, String)>> {
    let mut script =
        ". /lab/tests/lab/scripts/senders.sh\nrelayhost apply --no-verify >/dev/null || exit 90\n".to_owned();
    for (number, way) in WAYS.iter().enumerate() {
        let _ = writeln!(script, "s=way-{number}-; export s; {} || exit 91", way.commands);
    }
    let _ = writeln!(
        script,
        "await has_mails {} || {{ ls /lab/mailbox/new; tail -30 /var/log/maillog; exit 92; }}",
        WAYS.len()
    );
    for number in 0..WAYS.len() {
        let _ = writeln!(script, "echo '== {number}'; seen way-{number}- || exit 93");
    }
    let run = answered(name).sh(&script).exits(0);
    let lines = |number: usize| {
        let lines = run.part(&number.to_string()).lines().filter_map(|line| line.split_once(": "));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    WAYS.iter().enumerate().map(|(number, way)| (way.name, lines(number))).collect()
}

fn of<'a>(message: &'a [(String, String)], name: &str) -> Option<&'a str> {
    message.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// The headers that name the sender.
fn senders(message: &[(String, String)]) -> Vec<String> {
    let names = ["From", "Sender", "Resent-From"];
    let shown = |name: &&str| {
        let value = of(message, name)?.replace('|', "\\|");
        Some(if *name == "From" { format!("`{value}`") } else { format!("{name}: `{value}`") })
    };
    names.iter().filter_map(shown).collect()
}

#[test]
fn the_page_is_what_the_relay_saw() {
    let (plain, named) = (sent(""), sent("name = \"{user} on {host}\"\n"));
    let mut table =
        "| way | envelope | From | From with `name = \"{user} on {host}\"` |\n|---|---|---|---|\n".to_owned();
    for Way { name, .. } in WAYS {
        let (message, other) = (&plain[name], &named[name]);
        assert_eq!(of(message, "Return-Path"), of(other, "Return-Path"), "{name}");
        for (header, value) in message.iter().chain(other) {
            let is_of_sender = ["Return-Path", "From", "Sender", "Resent-From"].contains(&header.as_str());
            let address = value.rsplit_once('<').map_or(value.as_str(), |(_, address)| address);
            assert!(
                !is_of_sender || !address.starts_with("root") && !address.contains("@op5"),
                "{name}: {header}: {value}"
            );
        }
        let envelope = of(message, "Return-Path").unwrap();
        let _ = writeln!(
            table,
            "| {name} | `{envelope}` | {} | {} |",
            senders(message).join(", "),
            senders(other).join(", ")
        );
    }
    let kept = &plain["Reply-To, Cc and Message-ID of this host"];
    assert_eq!(of(kept, "Reply-To"), Some("root@op5-system.localdomain"));
    assert_eq!(of(kept, "Cc"), Some("root@op5-system.localdomain"));
    assert_eq!(of(kept, "Message-ID"), Some("<1@op5-system.localdomain>"));
    assert_eq!(of(&plain["a bounce of this host"], "Return-Path"), Some("<>"));
    // An older Postfix writes the names in its bounces behind the address.
    if generation().name != DEFAULT.name {
        return;
    }
    let page = read(DOCUMENT);
    let (before, rest) = page.split_once(MARKS[0]).unwrap();
    let (_, after) = rest.split_once(MARKS[1]).unwrap();
    let wanted = format!("{before}{}{table}{}{after}", MARKS[0], MARKS[1]);
    if std::env::var_os("RELAYHOST_WRITE_DOCS").is_some() {
        std::fs::write(project().join(DOCUMENT), &wanted).unwrap();
    }
    assert_eq!(read(DOCUMENT), wanted, "{DOCUMENT}: RELAYHOST_WRITE_DOCS=1 writes it anew");
}

/// Has relayhost apply the answers, after `setup`, and look at the result.
fn applied(setup: &str, after: &str) -> Run {
    let script = format!("{setup}\nrelayhost apply --no-verify || exit 90\n{after}");
    answered("name = \"{user} on {host}\"\n").sh(&script).exits(0)
}

#[test]
fn a_relay_that_takes_one_sender_takes_all_mail_and_check_and_route_say_so() {
    let answers = "version = 1\n[relay]\nhost = \"smtp.example.com\"\ntls = \"secure\"\n[auth]\nusername = \"alerts@example.com\"\n\
        password = \"correct horse battery staple\"\n[sender]\ndefault = \"alerts@example.com\"\nname = \"{user} on {host}\"\n\
        [verify]\nto = \"ops@example.com\"\n";
    let script = r#"
        relayhost apply || exit 90
        echo '== check'; relayhost check --json
        echo '== route'; relayhost route --json
        echo '== again'; relayhost plan; echo $?
        printf 'From: "(Cron Daemon)" <root>\nTo: ops@example.com\nSubject: cron\n\nx\n' | sendmail -FCronDaemon -i -odi -oem -oi -t -f root
        await has_mails 2
        echo '== mails'; cat /lab/mailbox/new/*
    "#;
    let run = host().answers_text(answers).sh(script).exits(0);
    let (check, route) = (run.json("check"), run.json("route"));
    assert_eq!(check["exit"], 0, "{check:#}");
    assert_eq!(route["route"]["seen"]["sender"], "alerts@example.com", "{route:#}");
    assert_eq!(route["route"]["seen"]["from"], "alerts@example.com", "{route:#}");
    assert!(run.part("again").ends_with("0\n"), "{}", run.part("again"));
    let mails = run.part("mails");
    assert_eq!(
        mails.matches("From: \"root on op5-system.localdomain\" <alerts@example.com>").count(),
        2,
        "{mails}"
    );
}

#[test]
fn tables_that_were_there_before_stay_and_count_more() {
    let run = applied(
        "printf 'anna anna@example.org\\n' >/etc/postfix/others; postmap /etc/postfix/others
         printf '/^From: .*anna@/ REPLACE From: theirs@example.org\\n/^X-Old:/ IGNORE\\n' >/etc/postfix/rules
         postconf -e sender_canonical_classes=envelope_sender sender_canonical_maps=$TYPE:/etc/postfix/others \\
             smtp_header_checks=regexp:/etc/postfix/rules",
        "echo '== maps'; postconf -h sender_canonical_maps smtp_header_checks
         for user in anna root; do
             printf 'From: %s\\nX-Old: x\\nSubject: of %s\\nTo: ops@example.com\\n\\nx\\n' $user $user | sendmail -t -f $user
         done
         await has_mails 2; echo '== mails'; cat /lab/mailbox/new/*
         relayhost restore 0 >/dev/null; echo '== after'; postconf -h sender_canonical_maps; ls /etc/postfix",
    );
    let maps = run.part("maps");
    assert!(
        maps.contains(":/etc/postfix/others, ") && maps.contains("regexp:/etc/postfix/rules, "),
        "{maps}"
    );
    let mails = run.part("mails");
    for line in
        ["Return-Path: <anna@example.org>", "From: theirs@example.org", "Return-Path: <alerts@example.com>"]
    {
        assert!(mails.contains(line), "{line} in {mails}");
    }
    assert!(!mails.contains("X-Old") && mails.contains("\"root on op5-system.localdomain\""), "{mails}");
    assert!(!run.part("after").contains("relayhost_"), "{}", run.part("after"));
}

#[test]
fn a_table_that_rewrites_headers_by_the_same_parameter_is_named_before_anything_changes() {
    let script = "printf 'anna anna@example.org\\n' >/etc/postfix/others; postmap /etc/postfix/others
        postconf -e sender_canonical_maps=$TYPE:/etc/postfix/others; cp /etc/postfix/main.cf /root/
        relayhost apply --no-verify; echo \"exit $?\"; cmp /etc/postfix/main.cf /root/main.cf && ls /etc/postfix";
    let run = answered("").sh(script).exits(0).says("exit 2").complains("/etc/postfix/others");
    assert!(!run.stdout.contains("relayhost_"), "{}", run.stdout);
}

#[test]
fn an_edit_of_the_rules_is_drift_and_other_answers_take_the_rules_away() {
    let run = applied(
        "true",
        "echo x >>/etc/postfix/relayhost_from
         echo '== drift'; relayhost check; echo \"exit $?\"
         relayhost apply --no-verify; echo \"exit $?\"
         relayhost apply --no-verify --force >/dev/null; echo \"forced $?\"
         sed -i '/^default/d; /^name/d' /etc/relayhost/answers.toml
         echo '== gone'; relayhost apply --no-verify --force >/dev/null; echo $?; ls /etc/postfix | grep -c relayhost_ || true
         postconf -n | grep -c -e sender_canonical -e smtp_header_checks || true",
    );
    let drift = run.part("drift");
    assert!(
        drift.contains("exit 3") && drift.contains("relayhost_from") && drift.contains("forced 0"),
        "{drift}"
    );
    assert_eq!(run.part("gone").split_whitespace().collect::<Vec<_>>(), ["0", "0", "0"]);
}
