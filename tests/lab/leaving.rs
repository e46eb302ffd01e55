//! Whether mail leaves: what `check` says of it, from the queue, the log and earlier looks.

use crate::host::{AUTHENTICATED, Run, host, project};
use crate::journald;

/// Alerts in the queue, whose first attempts are over.
const ALERTS: &str = r"alerts() {
    local before; before=$(grep -c 'status=' /var/log/maillog)
    for _ in 1 2 3; do printf 'Subject: x\n\nx\n' | sendmail ops@example.com; done
    for _ in $(seq 100); do [ $(($(grep -c 'status=' /var/log/maillog) - before)) -ge 3 ] && break; sleep 0.1; done
}
nagios() { relayhost check --nagios --max-queue-age 15m; echo $?; }
json() { relayhost check --json 2>/dev/null; }
forge() { setpriv --reuid 65534 --regid 65534 --clear-groups logger -p mail.info -t 'postfix/smtp[9]' -- $1: 'to=<ops@example.com>, relay=smtp.example.com[192.0.2.1]:587, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 2.0.0 Ok)'; sleep 0.3; }
";

/// The performance data of the first line of a part: the value of a name.
fn datum<'a>(run: &'a Run, part: &str, name: &str) -> &'a str {
    let (_, data) = run.part(part).lines().next().unwrap().rsplit_once(" | ").unwrap();
    let datum = data.split(' ').find_map(|datum| datum.strip_prefix(name)?.strip_prefix('='));
    datum.unwrap_or_else(|| panic!("no {name}: {data}")).split(';').next().unwrap()
}

#[test]
fn a_host_that_sends_and_loses_its_link_and_gets_it_back() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} relayhost apply --no-verify >/dev/null; echo '== unseen'; nagios
         alerts; echo '== sent'; nagios
         ip link set eth0 down; alerts; echo '== down'; nagios; echo '== json'; json; echo '== text'; relayhost check; echo \"exit $?\"
         echo '== nothing to do'; relayhost apply | tr -s '\\n ' ' '; echo; echo \"exit ${{PIPESTATUS[0]}}\"; echo '== applied'; relayhost apply --json 2>/dev/null
         echo '== probe'; relayhost probe; echo \"exit $?\"
         echo '== late'; sleep 2; relayhost check --nagios --max-queue-age 1s; echo $?
         ip link set eth0 up; postqueue -f; arrived 6 >/dev/null; await sh -c 'postqueue -p | grep -q empty'; echo '== up'; nagios; relayhost check >/dev/null; echo \"exit $?\""
    ));
    assert!(run.part("unseen").starts_with("RELAYHOST OK - it is not known whether mail leaves"), "{run:?}");
    assert_eq!(datum(&run, "unseen", "proof_age"), "U");
    assert!(
        run.part("sent").starts_with("RELAYHOST OK - mail leaves through [smtp.example.com]:587"),
        "{run:?}"
    );
    assert_ne!(datum(&run, "sent", "proof_age"), "U");
    let down = run.part("down");
    // On a machine with much to do the queue may not be listed to its end in time.
    assert!(down.starts_with("RELAYHOST CRITICAL - "), "{run:?}");
    assert!(down.contains("mail.leaves: mail does not leave through"), "{run:?}");
    assert!(down.ends_with("\n2\n") && datum(&run, "down", "waiting") == "3", "{run:?}");
    let json = run.json("json");
    assert_eq!((&json["exit"], &json["mail"]["leaves"]), (&3.into(), &false.into()), "{json:#}");
    assert_eq!(json["mail"]["waiting"]["messages"], 3, "{json:#}");
    // No name server is to blame where there is no network.
    assert_eq!(json["mail"]["refused"]["cause"], "no-network", "{json:#}");
    let nothing = run.part("nothing to do");
    assert!(
        nothing.contains("nothing to do: packages, files and service are as the answers say; but"),
        "{run:?}"
    );
    assert!(nothing.contains("mail.leaves: mail does not leave") && nothing.ends_with("exit 0\n"), "{run:?}");
    let applied = run.json("applied");
    assert_eq!((&applied["exit"], &applied["mail"]["leaves"]), (&0.into(), &false.into()), "{applied:#}");
    assert!(run.part("probe").contains("[no-network]") && run.part("probe").ends_with("exit 5\n"), "{run:?}");
    assert!(
        run.part("text").contains("mail does not leave") && run.part("text").ends_with("exit 3\n"),
        "{run:?}"
    );
    let late = run.part("late");
    assert!(
        late.starts_with("RELAYHOST CRITICAL - queue.waiting: ") && late.contains("3 messages wait"),
        "{run:?}"
    );
    assert!(late.contains(" -> ") && late.ends_with("\n2\n"), "{run:?}");
    assert!(
        run.part("up").starts_with("RELAYHOST OK - mail leaves through")
            && run.part("up").ends_with("exit 0\n"),
        "{run:?}"
    );
}

#[test]
fn a_relay_that_refuses_is_named_with_the_cause_until_a_message_gets_through() {
    let wrong = crate::host::read(AUTHENTICATED).replace("battery staple", "battery stable");
    let run = host().answers_text(&wrong).sh(&format!(
        "{ALERTS} relayhost apply --no-verify --no-probe >/dev/null; alerts; echo '== wrong'; json
         sed -i 's/battery stable/battery staple/' /etc/relayhost/answers.toml; relayhost apply --no-verify >/dev/null; postqueue -f; arrived 3 >/dev/null
         await sh -c 'postqueue -p | grep -q empty'; echo '== right'; json"
    ));
    let wrong = run.json("wrong");
    assert_eq!(
        (&wrong["mail"]["leaves"], &wrong["mail"]["refused"]["cause"]),
        (&false.into(), &"wrong-password".into())
    );
    let right = run.json("right");
    assert_eq!((&right["mail"]["leaves"], &right["exit"]), (&true.into(), &0.into()), "{right:#}");
    run.never_says("battery");
}

/// A message that the relay took is no sign that the next one gets there: the way in force counts.
#[test]
fn no_way_that_is_shut_or_leads_elsewhere_has_mail_that_leaves() {
    let ways = [
        (
            "elsewhere",
            "postconf -e 'relayhost = [other.example.com]:587'; postfix reload",
            "goes to [other.example.com]:587",
        ),
        ("level", "postconf -e smtp_tls_security_level=sekure; postfix reload", "sekure"),
        ("service", "postconf -M# smtp/unix; postfix reload", "smtp"),
        ("stopped", "postfix stop; sleep 1", "Postfix is not running"),
        ("restored", "relayhost restore 0", "goes to "),
    ];
    let each = |(name, edit, _): &(&str, &str, &str)| {
        format!(
            "cp /etc/postfix/main.cf /root/main.cf; cp /etc/postfix/master.cf /root/master.cf
             {{ {edit}; }} >/dev/null 2>&1; echo '== {name}'; nagios; echo '== {name} json'; json
             cat /root/main.cf >/etc/postfix/main.cf; cat /root/master.cf >/etc/postfix/master.cf; {{ postfix start; postfix reload; }} 2>/dev/null; sleep 0.3\n"
        )
    };
    let shut = "postconf -e transport_maps=inline:{example.com=missing:}; postfix reload 2>/dev/null";
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} relayhost apply >/dev/null; echo '== before'; nagios
         {shut}; echo '== nothing to do'; relayhost apply; echo \"exit $?\"; postconf -X transport_maps; postfix reload 2>/dev/null
         {}",
        ways.iter().map(each).collect::<String>()
    ));
    assert!(run.part("before").starts_with("RELAYHOST OK - mail leaves through"), "{run:?}");
    for (name, _, says) in ways {
        let line = run.part(name);
        let start = "RELAYHOST CRITICAL - mail.leaves: mail does not leave through [smtp.example.com]:587: ";
        assert!(line.starts_with(start) && line.ends_with("\n2\n"), "{name}: {run:?}");
        assert!(
            line.contains(says) && line.contains("; the relay took the last message "),
            "{name}: {run:?}"
        );
        assert_eq!(run.json(&format!("{name} json"))["mail"]["leaves"], false, "{name}: {run:?}");
    }
    let nothing = run.part("nothing to do");
    assert!(nothing.contains("but mail does not leave") && nothing.ends_with("exit 0\n"), "{run:?}");
}

/// What keeps mail, or the news of it, and is not in the log.
#[test]
fn held_messages_a_full_log_and_a_main_cf_that_is_gone_or_not_read_are_named() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} relayhost apply >/dev/null; ip link set eth0 down; alerts; postsuper -h ALL 2>/dev/null; ip link set eth0 up
         echo '== held'; relayhost check; echo '== json'; json; postsuper -d ALL 2>/dev/null
         cp -a /var/log/maillog /root/; mount -t tmpfs -o size=64k none /var/log; cp -a /root/maillog /var/log/; dd if=/dev/zero of=/var/log/filler bs=4k 2>/dev/null
         echo '== full'; relayhost check; umount /var/log
         postconf -e service_throttle_time=1s; postfix reload 2>/dev/null; sleep 2
         echo '== read'; relayhost check; sleep 4; touch /etc/postfix/master.cf; echo '== unread'; relayhost check
         kill $(pgrep -x qmgr); await pgrep -x qmgr >/dev/null; sleep 1; echo '== died'; relayhost check
         postfix reload 2>/dev/null; sleep 2; echo '== reloaded'; relayhost check
         cp /etc/postfix/main.cf /root/main.cf; rm /etc/postfix/main.cf; echo '== gone'; nagios
         ln -s /nowhere/main.cf /etc/postfix/main.cf; echo '== dangling'; nagios
         rm /etc/postfix/main.cf; echo 'relayhost' >/etc/postfix/main.cf; echo '== broken'; nagios"
    ));
    let held = run.part("held");
    assert!(
        held.contains("warn queue.held ") && held.contains(" 3 messages in the queue are held"),
        "{run:?}"
    );
    assert_eq!(run.json("json")["mail"]["waiting"]["held"], 3, "{run:?}");
    let full = run.part("full");
    assert!(full.contains("warn log.full ") && full.contains("(`df -h /var/log/maillog`)"), "{run:?}");
    for unread in [run.part("unread"), run.part("died")] {
        assert!(unread.contains("note service.reload ") && unread.contains("-> `postfix reload`"), "{run:?}");
    }
    for part in ["read", "reloaded"] {
        assert!(!run.part(part).contains("service.reload"), "{part}: {run:?}");
    }
    for part in ["gone", "dangling", "broken"] {
        let line = run.part(part);
        assert!(line.starts_with("RELAYHOST CRITICAL - ") && line.ends_with("\n2\n"), "{part}: {run:?}");
    }
}

/// A refused sender of his own, a domain that the relay does not serve, a recipient that is put off for ever, a service that
/// is not there: none is a word about the alerts.
#[test]
fn no_user_raises_an_alarm_by_a_message_of_his_own() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} relayhost apply >/dev/null; sleep 1
         send() {{ local before; before=$(grep -c 'status=' /var/log/maillog); printf 'Subject: x\n\nx\n' | setpriv --reuid 65534 --regid 65534 --clear-groups sendmail \"$@\"; for _ in $(seq 50); do [ $(grep -c 'status=' /var/log/maillog) -gt $before ] && break; sleep 0.1; done; sleep 0.3; }}
         send -f evil@elsewhere.test ops@example.com; echo '== sender'; relayhost check; echo \"exit $?\"; nagios
         echo '[smtp.example.com]:587 x' >/dev/null; postconf -e transport_maps=inline:{{nowhere.test=missing:}}; postfix reload 2>/dev/null; sleep 0.5
         send x@nowhere.test; echo '== service'; sleep 2; relayhost check --nagios --max-queue-age 1s; echo $?; relayhost check --max-queue-age 1s >/dev/null; echo \"exit $?\"
         echo '== own'; postsuper -d ALL 2>/dev/null; postconf -X transport_maps; sed -i 's/@op5-system.localdomain/@other.localdomain/' /etc/postfix/generic; postmap /etc/postfix/generic; postfix reload 2>/dev/null; sleep 0.5
         send -f monitor@op5-system.localdomain ops@example.com; json"
    ));
    let sender = run.part("sender");
    assert!(
        sender.contains("sender-refused") && sender.contains("exit 0\nRELAYHOST OK - mail leaves through"),
        "{run:?}"
    );
    let service = run.part("service");
    assert!(service.starts_with("RELAYHOST WARNING - queue.unserved: 1 message waits"), "{run:?}");
    assert!(service.ends_with("\n1\nexit 0\n"), "{run:?}");
    // The alerts' own sender, refused, is one.
    assert_eq!(run.json("own")["mail"]["leaves"], false, "{run:?}");
}

/// Whatever is wrong with the call: one line, and 3.
#[test]
fn every_wrong_call_of_the_plugin_is_unknown() {
    let wrong = [
        "--max-queue-age 15",
        "--max-queue-age 15M",
        "--max-proof-age=soon",
        "--bogus",
        "--json",
        "too much",
        "--answers /nope",
        "--answers /root/broken.toml",
    ];
    let call = |args: &&str| format!("relayhost check --nagios {args} 2>/root/err; echo $?; cat /root/err\n");
    let script = wrong.iter().map(call).collect::<Vec<_>>().concat();
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "echo x >/root/broken.toml; chmod 600 /root/broken.toml
         {script}setpriv --reuid 65534 --regid 65534 --clear-groups relayhost check --nagios; echo $?; relayhost chck --nagios; echo $?
         relayhost check --nagios >/dev/full; echo closed $?"
    ));
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 2 * (wrong.len() + 2) + 1, "{run:?}");
    for (pair, call) in lines.chunks(2).zip(wrong.into_iter().chain(["not root", "chck"])) {
        assert!(pair[0].starts_with("RELAYHOST UNKNOWN - ") && pair[1] == "3", "{call}: {pair:?}");
    }
    assert_eq!(lines.last(), Some(&"closed 3"));
}

#[test]
fn what_anybody_writes_into_the_log_turns_no_bad_host_good() {
    let bounced = "printf '%s\\n' 'postfix/smtp[9]: AAAAA1: to=<ops@example.com>, relay=smtp.example.com[192.0.2.1]:587, delay=1, delays=0/0/0/1, dsn=5.7.8, status=bounced (host smtp.example.com[192.0.2.1] said: 550 5.7.1 Client not authenticated (in reply to MAIL FROM command))' | sed \"s/^/$(date '+%b %e %T') $(hostname) /\" >> /var/log/maillog";
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} relayhost apply --no-verify >/dev/null; ip link set eth0 down; alerts; relayhost check >/dev/null
         id=$(postqueue -j | sed 's/.*queue_id\": \"//; s/\".*//' | head -n 1); forge FFFFF1; forge $id; echo '== forged'; nagios
         postsuper -d ALL 2>/dev/null; forge FFFFF2; forge $id; echo '== emptied'; nagios
         {bounced}; forge FFFFF3; echo '== bounced'; nagios; echo '== text'; relayhost check >/dev/null; echo \"exit $?\"
         ip link set eth0 up; sleep 1; relayhost verify >/dev/null; relayhost apply --verify >/dev/null; echo '== proved'; nagios"
    ));
    assert!(
        run.part("forged").starts_with("RELAYHOST CRITICAL - mail.leaves: mail does not leave"),
        "{run:?}"
    );
    for part in ["emptied", "bounced"] {
        let unknown = "RELAYHOST WARNING - mail.leaves: it is not known whether mail leaves";
        assert!(run.part(part).starts_with(unknown), "{part}: {run:?}");
        assert!(run.part(part).contains("can be anybody's"), "{part}: {run:?}");
    }
    assert!(run.part("text").ends_with("exit 3\n"), "{run:?}");
    assert!(run.part("proved").starts_with("RELAYHOST OK - mail leaves through"), "{run:?}");
}

#[test]
fn many_looks_at_once_lose_nothing_and_a_turned_over_log_neither() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} relayhost apply --no-verify >/dev/null; relayhost check >/dev/null; alerts
         for n in $(seq 8); do relayhost check --json > /root/$n 2>/dev/null & done; wait; grep -l '\"leaves\":true\\|\"leaves\": true' /root/[1-8] | wc -l
         ip link set eth0 down; alerts; mv /var/log/maillog /var/log/maillog-20261122; restart_rsyslog; : >> /var/log/maillog; postsuper -d ALL 2>/dev/null
         echo '== turned over'; json; echo '== again'; json"
    ));
    run.stdout.lines().next().filter(|count| *count == "8").unwrap_or_else(|| panic!("{run:?}"));
    for part in ["turned over", "again"] {
        let json = run.json(part);
        assert_eq!(
            (&json["mail"]["leaves"], &json["mail"]["unknown"]),
            (&false.into(), &serde_json::json!([])),
            "{json:#}"
        );
    }
}

#[test]
fn a_record_that_is_damaged_or_gone_stops_no_look() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} relayhost apply >/dev/null; relayhost check >/dev/null; state=/var/lib/relayhost/leaving.json
         for text in '' '{{' '[]' '{{\"version\":1}}' '{{\"version\":2}}'; do printf %s \"$text\" > $state; json > /root/out; echo \"$? $(grep -c state.damaged /root/out) $(grep -c '\"leaves\": *true' /root/out)\"; printf %s \"$text\" | cmp - $state; done
         rm $state; json >/root/out; echo \"gone $?\"; ls $state
         rm $state; mkdir $state; json >/root/out; echo \"directory $?\"; rmdir $state; ln -s /root/theirs $state; json >/root/out; echo \"link $?\"; ls /root/theirs
         printf x > /root/x; rm $state; cp /root/x $state; relayhost repair >/dev/null 2>&1; echo \"repair $?\"; json >/root/out; echo \"check $? $(grep -c state.damaged /root/out)\""
    ));
    assert_eq!(run.stdout.matches("0 1 1\n").count(), 5, "{run:?}");
    run.says("gone 0\n/var/lib/relayhost/leaving.json\n")
        .says("directory 0")
        .says("link 0")
        .says("repair 0\ncheck 0 0");
}

#[test]
fn the_journal_knows_who_wrote_a_line_and_is_read_on_from_its_cursor() {
    let Some(start) = journald::start() else { return };
    let sent = "to=<ops@example.com>, relay=smtp.example.com[192.0.2.1]:587, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 FORGED)";
    let forge = format!(
        "setpriv --reuid 65534 --regid 65534 --clear-groups logger -p mail.info -t 'postfix/smtp[9]' -- \"FFFFF1: {sent}\"; sleep 0.3"
    );
    let run = journald::on(host().answers(AUTHENTICATED)).sh(&format!(
        "{ALERTS} lines() {{ journalctl -q -o cat SYSLOG_FACILITY=2 | grep -c 'status='; }}
         send() {{ local before; before=$(lines); printf 'Subject: x\\n\\nx\\n' | sendmail ops@example.com; for _ in $(seq 100); do [ $(lines) -gt $before ] && break; sleep 0.1; done; }}
         {{ relayhost apply --no-verify; {start} }} >/root/start 2>&1
         {forge}; echo '== forged'; json
         send; echo '== sent'; json
         ip link set eth0 down; send; {forge}; echo '== down'; json; echo '== again'; json
         sed -i 's/\"cursor\":\"[^\"]*/\"cursor\":\"nonsense/' /var/lib/relayhost/leaving.json; echo '== cursor'; json; echo '== anew'; json
         ip link set eth0 up; postqueue -f; await sh -c 'postqueue -p | grep -q empty'; sleep 0.5; echo '== up'; json"
    ));
    let mail = |part: &str| run.json(part)["mail"].clone();
    assert_eq!((&mail("forged")["leaves"], &mail("forged")["taken"]), (&().into(), &().into()), "{run:?}");
    assert_eq!(
        (&mail("sent")["leaves"], &mail("sent")["taken"]["certain"]),
        (&true.into(), &true.into()),
        "{run:?}"
    );
    for part in ["down", "again", "anew"] {
        assert_eq!(
            (&mail(part)["leaves"], &mail(part)["unknown"]),
            (&false.into(), &[(); 0].into()),
            "{run:?}"
        );
    }
    let unknown = mail("cursor")["unknown"].to_string();
    assert!(mail("cursor")["leaves"] == false && unknown.contains("the journal cannot be read"), "{run:?}");
    assert_eq!(mail("up")["leaves"], true, "{run:?}");
    run.never_says("FORGED");
}

#[test]
fn a_crowded_queue_a_log_of_1_gb_and_a_queue_that_is_held_up_are_looked_at_for_a_bounded_time() {
    // More listings that nobody reads than showq(8) may have processes, of a queue that is longer than their pipes.
    let holder = "import subprocess,time; all=[subprocess.Popen(['postqueue','-p'],stdout=subprocess.PIPE) for _ in range(20)]; time.sleep(100)";
    let run = host().answers(AUTHENTICATED).bind(&project().join("scripts/bench.d/crowd.py"), "/lab/crowd.py").sh(&format!(
        "{ALERTS} relayhost apply --no-verify >/dev/null; alerts; relayhost check >/dev/null
         ip link set eth0 down; printf 'Subject: x\\n\\nx\\n' | sendmail ops@example.com; python3 /lab/crowd.py 19999
         truncate -s 1000000000 /var/log/maillog; postqueue -i NONE 2>/dev/null; logger -p mail.info hello; sleep 0.5
         for n in 1 2; do begin=$(date +%s%N); json >/root/$n; echo $((($(date +%s%N) - begin) / 1000000)) >>/root/ms; done
         echo '== large'; cat /root/1; echo '== after'; cat /root/2
         postconf -e default_process_limit=5; cool 2>/dev/null
         setpriv --reuid 65534 --regid 65534 --clear-groups python3 -c \"{holder}\" & sleep 3
         begin=$(date +%s%N); json >/root/3; echo $((($(date +%s%N) - begin) / 1000000)) >>/root/ms
         echo '== held'; cat /root/3; kill $(ps -C postqueue -o pid=); echo '== ms'; cat /root/ms"
    ));
    for part in ["large", "after"] {
        let mail = &run.json(part)["mail"];
        let (waiting, complete) =
            (mail["waiting"]["messages"].as_u64().unwrap(), &mail["waiting"]["complete"]);
        assert!(waiting == 20_000 && *complete == true || waiting > 0 && *complete == false, "{run:?}");
        assert_eq!(mail["leaves"], false, "{run:?}");
    }
    assert!(!run.json("large")["mail"]["unknown"].as_array().unwrap().is_empty(), "{run:?}");
    assert_eq!(run.json("after")["mail"]["unknown"], serde_json::json!([]), "{run:?}");
    let held = &run.json("held")["mail"];
    assert_eq!((&held["waiting"]["complete"], &held["leaves"]), (&false.into(), &false.into()), "{run:?}");
    // 2 s for the queue, and a loaded machine.
    let times: Vec<u64> = run.part("ms").lines().map(|line| line.parse().unwrap()).collect();
    assert!(times.len() == 3 && times.iter().all(|ms| *ms < 8000), "{times:?}");
}

#[test]
fn what_cannot_be_written_down_is_said_and_nothing_else_is_lost() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} relayhost apply --no-verify >/dev/null; alerts; state=/var/lib/relayhost
         cp -a $state /root/state; mount -t tmpfs -o size=200k,mode=700 t $state; cp -a /root/state/. $state/; json >/dev/null
         sha256sum $state/leaving.json >/root/sum; cat /dev/zero >$state/full 2>/dev/null
         ip link set eth0 down; alerts; echo '== full'; json; sha256sum --quiet -c /root/sum && echo kept >/root/kept
         find $state -name '.*' >>/root/kept; rm $state/full; echo '== room'; json; echo '== kept'; cat /root/kept"
    ));
    let full = &run.json("full")["mail"];
    assert_eq!((&full["leaves"], &full["waiting"]["messages"]), (&false.into(), &3.into()), "{run:?}");
    assert!(full["unknown"].to_string().contains("No space left on device"), "{run:?}");
    assert_eq!(run.part("kept").trim(), "kept", "{run:?}");
    let room = &run.json("room")["mail"];
    assert_eq!((&room["leaves"], &room["unknown"]), (&false.into(), &serde_json::json!([])), "{run:?}");
}

/// Right after a rotation the log has no file until its next line. A look at that moment knows less, and the next one misses
/// nothing of what the messages that waited have come to.
#[test]
fn a_look_while_the_log_has_no_file_loses_nothing() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} relayhost apply >/dev/null; ip link set eth0 down; alerts; echo '== down'; json
         ip link set eth0 up; postqueue -f; await sh -c 'postqueue -p | grep -q empty'
         mv /var/log/maillog /var/log/maillog-20261123; kill -HUP $(cat /run/rsyslogd.pid); sleep 0.5
         echo '== without'; json; : >/var/log/maillog; echo '== with'; json"
    ));
    assert_eq!(run.json("down")["mail"]["leaves"], false);
    assert_ne!(run.json("without")["mail"]["unknown"], serde_json::json!([]), "{run:?}");
    assert_eq!(run.json("with")["mail"]["leaves"], true, "{run:?}");
}

/// Any local user can have the log grow by more than a look reads, and so hide a failure among what is not read.
#[test]
fn where_too_much_was_logged_to_be_read_nobody_says_that_mail_leaves() {
    let run = host().answers(AUTHENTICATED).sh(
        r#"flood() { sleep 1.1; yes "Nov 29 12:00:00 op5-system nobody: nothing" | head -c 40000000 >>/var/log/maillog; }
         run() { relayhost check >/root/out; echo "$1 $?"; }
         relayhost apply >/dev/null; flood; run first; tr -s '\n ' ' ' </root/out; echo; relayhost verify >/dev/null; run proved
         flood; run again; relayhost check --nagios; relayhost verify >/dev/null; run proved"#,
    );
    run.says("first 3\n")
        .says("nothing since says whether mail leaves")
        .says("proved 0\nagain 3\nRELAYHOST WARNING")
        .says("proved 0\n");
}
