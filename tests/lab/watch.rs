//! The watch: incidents that open once and close once, told by webhooks, programs and Nagios' command file, whatever these do,
//! and wherever the watch is killed.

use serde_json::Value;

use crate::host::{AUTHENTICATED, Host, Run, host, project};
use crate::journald;

pub fn on(host: Host, script: &str) -> Run {
    let host = host.answers(AUTHENTICATED).bind(&project().join("target/lab/ca"), "/lab/ca");
    host.sh(&format!(". /lab/tests/lab/scripts/watch.sh\n{script}"))
}

/// The lines of a part that are JSON documents.
pub fn documents(run: &Run, part: &str) -> Vec<Value> {
    let lines = run.part(part).lines().filter(|line| line.starts_with('{'));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Kind and topic of each event of a look.
pub fn events(run: &Run, part: &str) -> Vec<String> {
    let report = run.json(part);
    let all =
        report["watch"]["events"].as_array().unwrap_or_else(|| panic!("{report:#}\n{}", run.stderr)).clone();
    all.iter()
        .map(|event| format!("{} {}", event["event"].as_str().unwrap(), event["topic"].as_str().unwrap()))
        .collect()
}

#[test]
fn a_relay_that_dies_is_one_incident_that_each_way_is_told_once_and_its_end_once() {
    let run = on(
        host(),
        "ways; relayhost apply >/dev/null || exit 99
         look before; dies; alerts 40; look dead; look still; echo '== check'; relayhost check; echo \"exit $?\"; alerts 3; look more
         comes_back; look back; look after; told; echo '== ps'; cat /root/stderr",
    );
    assert_eq!(events(&run, "before"), [""; 0], "{}", run.stderr);
    assert_eq!(events(&run, "dead"), ["opened mail"]);
    let dead = run.json("dead");
    let event = &dead["watch"]["events"][0];
    assert_eq!(
        (&dead["exit"], &event["severity"], &event["cause_id"]),
        (&3.into(), &"critical".into(), &"no-network".into()),
        "{dead:#}"
    );
    assert_eq!((&event["waiting"], &event["sequence"]), (&40.into(), &1.into()), "{dead:#}");
    for part in ["still", "more", "after"] {
        assert_eq!(events(&run, part), [""; 0], "{part}");
    }
    assert_eq!(run.json("still")["watch"]["open"][0]["id"], event["id"]);
    let check = run.part("check").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(check.contains(&format!("incident {} is open since", event["id"].as_str().unwrap())), "{check}");
    assert!(check.ends_with("exit 3") && !check.contains("alarm.untold"), "{check}");
    assert_eq!(events(&run, "back"), ["closed mail"], "{}", run.stdout);
    assert_eq!(run.json("back")["exit"], 0);
    let id = event["id"].as_str().unwrap();
    let hooks = documents(&run, "hooks");
    let bodies: Vec<Value> =
        hooks.iter().map(|hook| serde_json::from_str(hook["body"].as_str().unwrap()).unwrap()).collect();
    assert_eq!(bodies.len(), 2, "{hooks:#?}");
    for (body, (kind, number)) in bodies.iter().zip([("opened", "1"), ("closed", "2")]) {
        assert_eq!(
            (&body["event"], &body["sequence"], &body["id"]),
            (&kind.into(), &number.into(), &id.into())
        );
        assert_eq!(body["text"], body["summary"]);
    }
    assert_eq!(
        (&hooks[0]["type"], &hooks[0]["key"]),
        (&"application/json".into(), &"hush-in-a-header".into())
    );
    assert_eq!(
        run.part("commands"),
        format!("opened {id} 1 critical 40 a b\nclosed {id} 2 critical 0 a b\n")
    );
    let results: Vec<&str> = run.part("results").lines().collect();
    assert_eq!(results.len(), 2, "{results:?}");
    for (line, state) in results.iter().zip(["2", "0"]) {
        let (_, fields) = line.split_once("] ").unwrap();
        let fields: Vec<&str> = fields.split(';').collect();
        assert_eq!(fields[..4], ["PROCESS_SERVICE_CHECK_RESULT", "web1", "outgoing mail", state], "{line}");
    }
}

#[test]
fn ways_that_fail_hold_nobody_up_and_are_tried_again_until_they_take_it() {
    let run = on(
        host(),
        r#"receiver; relayhost apply >/dev/null || exit 99
         for path in ok fail slow huge drip elsewhere; do webhook $path/hush-hush-hush 'limit = "3s"' 'headers = { X-Key = "hush-in-a-header" }'; done
         printf '\n[[alarm]]\nkind = "webhook"\nurl = "https://127.0.0.2:9/hush-hush-hush"\n' >>$ANSWERS
         command_way told "echo \$RELAYHOST_EVENT >>$COMMANDS"; command_way fails 'echo "no paper" >&2; exit 3'
         command_way hangs 'sleep 100' 'limit = "2s"'; command_way others 'touch /root/ran'; chown nobody: /usr/local/sbin/others
         command_way run-by 'touch /root/ran'; cp /bin/sh /usr/local/sbin/sh-of-others; chown nobody: /usr/local/sbin/sh-of-others
         sed -i '1s,.*,#!/usr/local/sbin/sh-of-others,' /usr/local/sbin/run-by
         mkdir -p ${FIFO%/*}; mkfifo ${FIFO%/*}/unread; nagios ${FIFO%/*}/unread; nagios ${FIFO%/*}/none
         dies; alerts 1; begin=$SECONDS; look dead; echo "== took"; echo $((SECONDS - begin)); look still; echo '== check'; relayhost check
         echo '== test'; relayhost alarm --test --json 2>>/root/stderr; echo '== words'; relayhost alarm --test
         sed -i 's,/fail/,/ok/,' /etc/relayhost/hook-fail-hush-hush-hush
         printf '#!/bin/sh\necho late >>%s\n' $COMMANDS >/usr/local/sbin/fails; look mended; look again
         echo '== hooks'; cat $HOOKS; echo '== commands'; cat $COMMANDS; echo '== end'; [ ! -e /root/ran ] && echo not run; cat /root/stderr"#,
    );
    assert_eq!(events(&run, "dead"), ["opened mail"], "{}", run.stderr);
    let took: u64 = run.part("took").trim().parse().unwrap();
    assert!(took < 20, "{took}");
    let said = |part: &str, way: &str| -> Vec<(bool, String)> {
        let report = run.json(part);
        let all = report["watch"]["told"].as_array().or(report["alarms"].as_array()).unwrap().clone();
        let of_way = all.iter().filter(|told| told["way"].as_str().unwrap().starts_with(way));
        of_way
            .map(|told| (told["taken"].as_bool().unwrap(), told["said"].as_str().unwrap().to_owned()))
            .collect()
    };
    let hooks = said("dead", "webhook smtp-relay");
    let taken: Vec<bool> = hooks.iter().map(|(taken, _)| *taken).collect();
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 3, "ok, huge, drip: {hooks:?}");
    for words in ["it answered 500", "no answer in time", "leads elsewhere (302)"] {
        assert!(hooks.iter().any(|(_, said)| said.contains(words)), "{words}: {hooks:?}");
    }
    assert!(!said("dead", "webhook 127.0.0.2:9")[0].0);
    assert_eq!(
        said("dead", "command /usr/local/sbin/fails"),
        [(false, "exit status 3: no paper".to_owned())]
    );
    assert!(said("dead", "command /usr/local/sbin/hangs")[0].1.contains("was ended"));
    assert!(said("dead", "command /usr/local/sbin/others")[0].1.contains("belongs to nobody"));
    let by = &said("dead", "command /usr/local/sbin/run-by")[0].1;
    assert!(by.contains("sh-of-others` belongs to nobody"), "{by}");
    let nagios = said("dead", "nagios");
    assert!(nagios.iter().all(|(taken, _)| !taken), "{nagios:?}");
    assert!(nagios.iter().any(|(_, said)| said.contains("nobody reads it")), "{nagios:?}");
    // What was taken is not told again, and the rest is.
    assert_eq!(events(&run, "still"), [""; 0]);
    assert!(said("still", "command /usr/local/sbin/told").is_empty());
    assert_eq!(said("still", "command /usr/local/sbin/fails").len(), 1);
    let check = run.part("check").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        check.contains("1 event could not be told by command /usr/local/sbin/fails: exit status 3: no paper"),
        "{check}"
    );
    assert_eq!(run.json("test")["exit"], 1);
    assert_eq!(run.json("test")["alarms"].as_array().unwrap().len(), 14);
    let words = run.part("words").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("took the test"), "{words}");
    for remedy in [
        "-> it is the receiver that fails",
        "-> write the address that it leads to into",
        "-> see whether host and port",
        "-> see what it does by hand: /usr/local/sbin/fails",
        "chown root: /usr/local/sbin/others",
        "-> start the monitoring system",
    ] {
        assert!(words.contains(remedy), "{remedy}: {words}");
    }
    assert_eq!(said("mended", "command /usr/local/sbin/fails"), [(true, "exit status 0".to_owned())]);
    assert!(said("again", "command /usr/local/sbin/fails").is_empty());
    let paths: Vec<String> =
        documents(&run, "hooks").iter().map(|hook| hook["path"].as_str().unwrap().to_owned()).collect();
    assert!(paths.iter().all(|path| !path.contains("stolen")), "{paths:?}");
    let opened = run.part("commands").matches("opened").count();
    assert_eq!(opened, 1, "{}", run.part("commands"));
    assert!(run.stdout.contains("not run"), "{}", run.stdout);
}

#[test]
fn a_secret_of_a_webhook_is_shown_nowhere() {
    let run = on(
        host(),
        r#"receiver; relayhost apply >/dev/null || exit 99; webhook fail/hush-hush-hush 'headers = { X-Key = "hush-in-a-header" }'
         chmod 600 $ANSWERS; relayhost alarm --test; relayhost alarm --test --json; dies; alerts 1; relayhost watch --open-after 0s; relayhost watch --json; relayhost check; relayhost check --json; relayhost status
         printf '\n[[alarm]]\nkind = "webhook"\nurl = "http://h/hush-hush-hush"\n' >>$ANSWERS; relayhost check; relayhost watch --json
         echo '== record'; grep -ac hush /var/lib/relayhost/watch.slots; grep -rl hush-hush /var/lib/relayhost | wc -l"#,
    );
    assert_eq!(run.part("record"), "0\n0\n");
    run.says("it answered 500").never_says("hush");
}

#[test]
fn a_log_that_is_turned_over_or_cut_between_looks_is_no_news() {
    let run = on(
        host(),
        "ways; relayhost apply >/dev/null || exit 99; look before
         dies; alerts 2; rotate 1; look dead; : >/var/log/maillog; look cut; rotate 2; look turned
         comes_back; rotate 3; look back; : >/var/log/maillog; look after; told",
    );
    assert_eq!(events(&run, "dead"), ["opened mail"], "{}", run.stderr);
    // When it looks for the end, the log has no file yet: nothing is known then, and nothing is lost for the next look.
    for part in ["before", "cut", "turned", "back"] {
        assert_eq!(events(&run, part), [""; 0], "{part}: {}", run.stdout);
    }
    assert_eq!(events(&run, "after"), ["closed mail"], "{}", run.stdout);
    assert_eq!(run.part("commands").lines().count(), 2);
}

#[test]
fn a_host_and_a_record_that_are_damaged() {
    let run = on(
        host(),
        "ways; relayhost apply >/dev/null || exit 99; postfix stop >/dev/null 2>&1; sleep 1; look stopped; look still
         echo nonsense >/var/lib/relayhost/watch.slots; echo '== check'; relayhost check | tr -s '\\n ' ' '; echo; relayhost alarm --test | tr -s '\\n ' ' '; echo; tail -n 1 $RESULTS; look damaged; echo '== aside'; ls /var/lib/relayhost/damaged
         chmod 666 $ANSWERS; look untrusted; chmod 600 $ANSWERS; relayhost apply --no-verify >/dev/null; look mended; told",
    );
    // Postfix that does not run is one incident, though the host differs too.
    assert_eq!(events(&run, "stopped"), ["opened mail"], "{}", run.stderr);
    assert_eq!(events(&run, "still"), [""; 0]);
    assert!(run.stdout.contains("it is not known which incidents are open"), "{}", run.stdout);
    // No test makes the service good whose state nobody knows.
    assert!(run.part("check").contains("its state is not known"), "{}", run.part("check"));
    assert!(run.part("check").trim_end().lines().last().unwrap().contains("outgoing mail;2;"), "{run:?}");
    // What is open is told again rather than not at all, and receivers hear that the rest is over.
    assert_eq!(events(&run, "damaged"), ["closed look", "opened mail"]);
    assert_eq!(run.part("aside"), "1-watch.slots\n");
    assert_ne!(run.json("damaged")["watch"]["open"][0]["id"], run.json("stopped")["watch"]["open"][0]["id"]);
    assert!(run.json("untrusted")["error"].is_object());
    let closed = events(&run, "mended");
    assert!(closed.contains(&"closed mail".to_owned()), "{closed:?}");
}

#[test]
fn a_watch_that_is_killed_anywhere_tells_each_event_at_least_once_and_by_one_name() {
    let run = on(host(), "python3 /lab/tests/lab/scripts/watch_deaths.py").exits(0).never_says("BAD");
    println!("{}", run.stdout.trim_end());
    let (_, last) = run.stdout.rsplit_once("deaths: ").unwrap();
    let count: u32 = last.split(' ').next().unwrap().parse().unwrap();
    assert!(count >= 40, "{last}");
}

#[test]
fn the_journal_has_a_record_of_priority_2() {
    let Some(start) = journald::start() else { return };
    let run = on(
        journald::on(host()),
        &format!("{start} relayhost apply --no-verify >/dev/null || exit 99; postfix stop; sleep 1; relayhost watch --open-after 0s >/dev/null
            journalctl --sync; echo '== journal'; journalctl -q -o json RELAYHOST_EVENT=opened"),
    );
    let records = documents(&run, "journal");
    assert_eq!(records.len(), 1, "{run:?}");
    let record = &records[0];
    assert_eq!(
        (&record["PRIORITY"], &record["RELAYHOST_TOPIC"]),
        (&"2".into(), &"mail".into()),
        "{record:#}"
    );
    assert_eq!((&record["RELAYHOST_SEQUENCE"], &record["RELAYHOST_COMMAND"]), (&"1".into(), &"watch".into()));
}

#[test]
fn what_is_no_incident_yet_is_not_called_good_and_status_names_what_is_open_and_untold() {
    let run = on(
        host(),
        r#"relayhost apply >/dev/null || exit 99
         echo '== none'; relayhost alarm --test; echo "exit $?"
         nagios /etc/hosts; before=$(sum /etc/hosts)
         echo '== test'; relayhost alarm --test; echo "exit $?"; [ "$before" = "$(sum /etc/hosts)" ] || echo BAD
         dies; alerts 1; echo '== young'; relayhost watch; echo "exit $?"; echo '== json'; relayhost watch --json
         relayhost watch --open-after 0s >/dev/null 2>&1; echo '== status'; relayhost status"#,
    )
    .never_says("BAD");
    let words = |part: &str| run.part(part).split_whitespace().collect::<Vec<_>>().join(" ");
    let none = words("none");
    assert!(none.contains("nobody would be told") && none.ends_with("exit 1"), "{none}");
    let test = words("test");
    assert!(test.contains("-> correct `file`: it has to be what command_file in nagios.cfg"), "{test}");
    assert!(test.contains("mv -n /etc/hosts /etc/hosts.aside") && !test.contains("rm /etc"), "{test}");
    assert!(test.contains("this host has no journal") && test.ends_with("exit 1"), "{test}");
    let young = words("young");
    assert!(young.contains("no incident yet: mail does not leave"), "{young}");
    assert!(young.contains("opens one, if it lasts") && young.ends_with("exit 3"), "{young}");
    assert!(!young.contains("no incident is open"), "{young}");
    let json = run.json("json");
    assert_eq!(json["watch"]["young"][0]["topic"], "mail", "{json:#}");
    let status = words("status");
    assert!(
        status.contains("watch incident mail-") && status.contains("alarm 1 event could not be told"),
        "{status}"
    );
}

/// Without systemd nobody else ends it: one that the program has put into a session of its own, below another such, and one that a
/// program which is killed leaves behind.
#[test]
fn what_a_program_leaves_behind_ends_with_the_look() {
    let run = on(
        host(),
        "relayhost apply >/dev/null || exit 99
         left() { pgrep -fx 'sleep 4[0-9][0-9]' | wc -l; }
         command_way ends \"setsid sh -c 'setsid sleep 411 & exec sleep 412' & sleep 413 & sleep 0.5; echo \\$(pgrep -fxc 'sleep 41.') >>$COMMANDS\"
         command_way hangs 'setsid sleep 421 & sleep 422' 'limit = \"2s\"'
         setsid sleep 499 & sleep 0.2; dies; alerts 1; look dead; echo '== left'; left; echo '== commands'; cat $COMMANDS
         echo '== test'; relayhost alarm --test >/dev/null; left; cat $COMMANDS",
    );
    assert_eq!(events(&run, "dead"), ["opened mail"], "{}", run.stderr);
    // That of the shell alone is left, and all were there.
    assert_eq!(run.part("left"), "1\n", "{run:?}");
    let commands: u32 = run.part("commands").trim().parse().unwrap();
    assert!(commands >= 3, "{run:?}");
    assert!(run.part("test").starts_with("1\n"), "{run:?}");
}

/// Who was told that the network is gone has heard of no password.
#[test]
fn an_incident_whose_cause_changes_ends_with_the_one_that_it_was_told_with() {
    let run = on(
        host(),
        "ways; relayhost apply >/dev/null || exit 99; cp -p /etc/postfix/sasl_passwd /root/kept
         dies; alerts 1; look dead; sed -i 's/:[^:]*$/:nonsense/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd; cool 2>/dev/null
         ip link set eth0 up; alerts 1; look other; echo '== check'; relayhost check
         cp -p /root/kept /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd; cool 2>/dev/null; comes_back; look back; told",
    );
    assert_eq!(events(&run, "dead"), ["opened mail"], "{}", run.stderr);
    assert_eq!(events(&run, "other"), [""; 0], "{}", run.stdout);
    assert_eq!(events(&run, "back"), ["closed mail"], "{}", run.stdout);
    let (dead, back) = (run.json("dead"), run.json("back"));
    let first = dead["watch"]["events"][0]["cause"].as_str().unwrap();
    let closed = &back["watch"]["events"][0];
    let told = closed["cause"].as_str().unwrap();
    assert!(told.starts_with(&format!("opened as: {first}; later: ")), "{told}");
    assert!(told.contains("password") && !first.contains("password"), "{told}");
    assert_eq!(run.json("other")["watch"]["open"][0]["cause"], told);
    let check = run.part("check").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(check.contains(&format!(": opened as: {first}; later: ")), "{check}");
    let hooks = documents(&run, "hooks");
    assert!(hooks[1]["body"].as_str().unwrap().contains("opened as: "), "{hooks:#?}");
    assert!(run.part("results").lines().nth(1).unwrap().contains("opened as: "), "{}", run.part("results"));
}

/// Any user can write such lines in smtp(8)'s name.
#[test]
fn a_line_of_a_megabyte_and_control_characters_are_one_bounded_line_in_every_alarm() {
    let run = on(
        host(),
        r#"ways; command_way shown 'printf "%s\n" "$RELAYHOST_SUMMARY" "$RELAYHOST_CAUSE" >>/root/shown'; relayhost apply >/dev/null || exit 99
         python3 -c "
import sys, time
hostile = b'\x1b[2J\x07\r\x08\0\xc2\x9b31m\xe2\x80\xae|;\x60reboot\x60 \\\\n[1] DISABLE_NOTIFICATIONS\x0b'
line = time.strftime('%b %e %H:%M:%S').encode() + b' op5-system postfix/smtp[4242]: ABCDEF12: to=<ops@example.com>, relay=none, delay=1, delays=0/0/0/1, dsn=4.4.1, status=deferred (connect to smtp.example.com[192.0.2.1]:587: ' + hostile
sys.stdout.buffer.write(line + b'y' * 1000000 + b')\n' + b'z' * 1000000 + b'\n' + line + b')\n')" >>/var/log/maillog
         look hostile; echo '== check'; relayhost check; relayhost check --nagios; relayhost status; relayhost diagnose; echo '== shown'; cat /root/shown; told"#,
    );
    assert_eq!(events(&run, "hostile"), ["opened mail"], "{}", run.stderr);
    let is_harmless = |text: &str| !text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}');
    for part in ["hostile", "check", "shown", "hooks", "commands", "results"] {
        let text = run.part(part);
        assert!(is_harmless(text), "{part}: {text:?}");
        assert!(text.lines().all(|line| line.len() < 5000), "{part}: {}", text.len());
    }
    assert!(run.part("shown").contains("[2J") && !run.part("shown").contains('`'), "{}", run.part("shown"));
    assert_eq!(run.part("shown").lines().count(), 2);
    let results: Vec<&str> = run.part("results").lines().collect();
    assert_eq!(results.len(), 1, "{results:?}");
    assert_eq!(results[0].split(';').count(), 5, "{results:?}");
    assert!(!results[0].contains(['|', '\\']), "{results:?}");
}
