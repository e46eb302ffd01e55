//! `diagnose` on a host that has a log of its own: real failures, read from the log that rsyslog wrote, and what logs
//! nothing.

use serde_json::Value;

use crate::host::{AUTHENTICATED, Host, OFFICE365, Run, host, read};

const APPLY: &str = "relayhost apply --no-verify >/dev/null";

/// `postconf -e`, with the file dated back: Postfix waits for a file younger than two seconds.
fn set(parameters: &str) -> String {
    format!(
        "{APPLY}; postconf -e {parameters}; touch -d '-5 seconds' /etc/postfix/main.cf; postfix reload 2>/dev/null"
    )
}

/// A message from the host, and the wait until it has left or failed.
const MAIL: &str = "echo x | mail -s x ops@example.com; for i in {1..80}; do grep -q status= /var/log/maillog && break; sleep 0.1; done; sleep 0.3";

/// Breaks a host, mails, diagnoses.
fn diagnosed(host: Host, script: &str) -> Run {
    host.sh(&format!("{{ {script}; {MAIL}; }} >/dev/null 2>&1; echo '== diagnose'; relayhost diagnose --json; echo \"== code\"; echo $?"))
}

/// The failures of the log by id, with the number of messages.
fn failures(document: &Value) -> Vec<(&str, u64)> {
    let list = document["diagnosis"]["failures"].as_array().unwrap();
    list.iter().map(|one| (one["id"].as_str().unwrap(), one["messages"].as_u64().unwrap())).collect()
}

/// The ids of what is amiss on the host.
fn amiss(document: &Value) -> Vec<&str> {
    let list = document["findings"].as_array().unwrap();
    list.iter().filter(|one| one["state"] == "differs").map(|one| one["id"].as_str().unwrap()).collect()
}

#[test]
fn a_host_that_is_well() {
    let run = diagnosed(host().answers(AUTHENTICATED), APPLY);
    let document = run.json("diagnose");
    assert_eq!((failures(&document), amiss(&document)), (vec![], vec![]), "{document:#}");
    assert_eq!(
        (&document["exit"], &document["diagnosis"]["accepted"]),
        (&0.into(), &1.into()),
        "{document:#}"
    );
}

#[test]
fn facts_of_the_host_make_a_cause_exact() {
    let break_it = format!(
        "{APPLY}; sed -i 's/:587//' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd"
    );
    let run = diagnosed(host().relay("office365").answers(OFFICE365), &break_it);
    let document = run.json("diagnose");
    assert_eq!(failures(&document), [("not-authenticated-no-key", 1)], "{document:#}");
    assert!(amiss(&document).contains(&"map.sasl_passwd.entry"), "{document:#}");
    assert_eq!(
        (&document["exit"], &document["diagnosis"]["failures"][0]["fix"]),
        (&4.into(), &"repair".into())
    );
}

#[test]
fn a_password_that_is_wrong_and_a_queue_that_waits() {
    let wrong = read(AUTHENTICATED).replace("battery staple", "battery stable");
    let script = format!(
        "{APPLY}; {MAIL}; relayhost diagnose; echo \"exit $?\"; echo '== story'; relayhost diagnose --json --queue-id \"$(postqueue -j | sed 's/.*queue_id\": \"//; s/\".*//' | head -n 1)\""
    );
    let run = host().answers_text(&wrong).sh(&script);
    let run = run
        .exits(4)
        .says("wrong-password: 1 message, still in the queue")
        .says("1 message waits in the queue");
    let run = run.says("wrong-password (1)").says("exit 4").never_says("battery");
    let story = run.json("story");
    let steps = story["diagnosis"]["steps"].as_array().unwrap();
    assert_eq!(steps.last().unwrap()["cause"]["id"], "wrong-password", "{story:#}");
}

#[test]
fn mail_that_stayed_here_although_it_was_meant_for_elsewhere() {
    let run = diagnosed(
        host().answers(AUTHENTICATED),
        &format!("useradd -m ops; {}", set("mydestination=localhost,example.com")),
    );
    let document = run.json("diagnose");
    assert_eq!(failures(&document), [("delivered-locally", 1)], "{document:#}");
    // Root's own mail is nobody's failure.
    let script = format!("{APPLY}; {}; relayhost diagnose --json", MAIL.replace("ops@example.com", "root"));
    let document = crate::host::document(&host().answers(AUTHENTICATED).sh(&script).stdout);
    assert_eq!(failures(&document), [], "{document:#}");
}

#[test]
fn without_answers_it_says_what_it_can() {
    let hand = "postconf -e relayhost=[smtp.example.com]:587 smtp_sasl_auth_enable=yes smtp_sasl_password_maps=$TYPE:/etc/postfix/pw transport_maps=$TYPE:/etc/postfix/transport; \
                echo '[smtp.example.com] alerts@example.com:secret' > /etc/postfix/pw; postmap /etc/postfix/pw; \
                echo 'x.test smtp:[y.test]' > /etc/postfix/transport; postmap /etc/postfix/transport; echo 'z.test smtp:[y.test]' >> /etc/postfix/transport; \
                postconf -e virtual_alias_maps=$TYPE:/etc/postfix/gone canonical_maps=nosuch:/etc/postfix/x; ln -sf /bin/true /usr/sbin/sendmail; postfix stop";
    let run = host().sh(&format!("{{ {hand}; }} >/dev/null 2>&1; relayhost diagnose --json"));
    let document = crate::host::document(&run.stdout);
    let found = amiss(&document);
    for id in [
        "table.key",
        "table.transport_maps",
        "table.virtual_alias_maps",
        "table.canonical_maps",
        "sendmail",
        "service.running",
    ] {
        assert!(found.contains(&id), "{id}: {document:#}");
    }
    run.exits(4).never_says("secret");
}

#[test]
fn a_main_cf_that_cannot_be_read_does_not_make_it_silent() {
    let script = format!(
        "{APPLY}; {MAIL}; echo 'inet_interfaces = $nowhere$(' >> /etc/postfix/main.cf; echo 'myhostname = 10' >> /etc/postfix/main.cf; relayhost diagnose --json"
    );
    for host in [host().answers(AUTHENTICATED), host().relay("plain")] {
        let run = host.sh(&script);
        let document = crate::host::document(&run.stdout);
        assert_eq!((run.code, amiss(&document)), (4, vec!["setting.unreadable"]), "{document:#}");
    }
}

#[test]
fn the_password_of_a_verbose_log_is_not_shown() {
    let wrong = read(AUTHENTICATED).replace("battery staple", "battery stable");
    let verbose = format!(
        "{APPLY}; postconf -e debug_peer_list=smtp.example.com; touch -d '-5 seconds' /etc/postfix/main.cf; postfix reload 2>/dev/null; {MAIL}; grep -c stable /var/log/maillog; relayhost diagnose; relayhost diagnose --json; relayhost diagnose --queue-id \"$(postqueue -j | sed 's/.*queue_id\": \"//; s/\".*//' | head -n 1)\""
    );
    let run = host().answers_text(&wrong).sh(&verbose).says("wrong-password");
    assert_ne!(run.stdout.lines().next(), Some("0"), "the log was to have the password in it");
    run.never_says("stable").never_says("YmF0dGVyeSBzdGFibGU");
}

#[test]
fn a_queue_that_another_user_holds_up_is_said_to_be_unknown() {
    // More listings that nobody reads than showq(8) may have processes, of a queue that is longer than their pipes.
    let holder = "import subprocess,time; all=[subprocess.Popen(['postqueue','-p'],stdout=subprocess.PIPE) for _ in range(20)]; time.sleep(100)";
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{{ {}; to=$(printf 'someone-with-a-long-name-%s@example.com ' {{1..300}}); for i in {{1..40}}; do echo x | sendmail $to; done; \
         setpriv --reuid 65534 --regid 65534 --clear-groups python3 -c \"{holder}\" & sleep 3; }} >/dev/null 2>&1; \
         echo '== held'; relayhost diagnose --json; echo '== text'; relayhost diagnose; \
         kill $(ps -C postqueue -o pid=); echo '== again'; relayhost diagnose --json",
        set("default_process_limit=5 defer_transports=smtp")
    ));
    let of_queue = |part: &str| -> Vec<String> {
        let document = run.json(part);
        let findings = document["findings"].as_array().unwrap();
        let ids = findings.iter().filter_map(|one| one["id"].as_str());
        ids.filter(|id| id.starts_with("queue.")).map(str::to_owned).collect()
    };
    assert_eq!(of_queue("held"), ["queue.unlisted"], "{}", run.stdout);
    let text = run.part("text");
    assert!(text.contains("could not be listed") && text.contains("`ps -C postqueue"), "{text}");
    assert_eq!(of_queue("again"), ["queue.waiting"], "{}", run.stdout);
}

/// Nothing bad was read, and that is not the same as nothing bad. smtp(8) opens a table again whose second has changed.
#[test]
fn what_cannot_be_known_is_said() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null; relayhost diagnose | grep -c 'no failure found; 1 delivery'
         cp -a /var/log/maillog /root/; mount -t tmpfs -o size=64k none /var/log; cp -a /root/maillog /var/log/; dd if=/dev/zero of=/var/log/filler bs=4k 2>/dev/null
         echo '== full'; relayhost diagnose | tr -s '\n ' ' '; echo '== json'; relayhost diagnose --json
         echo '== failed'; sleep 1.1; echo '[smtp.example.com]:587 alerts@example.com:wrong' >/etc/postfix/sasl_passwd; postmap /etc/postfix/sasl_passwd; echo x | mail -s x ops@example.com
         await sh -c 'postqueue -j | grep -q said:'; relayhost diagnose | tr -s '\n ' ' '; echo \"exit ${PIPESTATUS[0]}\"
         echo '== small'; rm /var/log/filler; dd if=/dev/zero of=/var/log/filler bs=4k 2>/dev/null; mount -o remount,size=700k /var/log; restart_rsyslog; relayhost repair >/dev/null; echo \"repair $?\"",
    );
    let failed = run.part("failed");
    assert!(failed.contains("password-not-ours (1)") && failed.contains("exit 4\n"), "{run:?}");
    // Room for the lines of a run is all that is needed.
    assert_eq!(run.part("small"), "repair 0\n", "{run:?}");
    let full = run.part("full");
    assert!(
        run.stdout.starts_with("1\n") && full.contains("no failure found in what could be read"),
        "{run:?}"
    );
    assert!(
        full.contains("the disk of /var/log/maillog is full") && full.contains("(`df -h /var/log/maillog`)"),
        "{full}"
    );
    assert_eq!(run.json("json")["diagnosis"]["unreadable"].as_array().unwrap().len(), 1, "{run:?}");
    let run = host().relay("silent").answers(AUTHENTICATED).sh(
        "relayhost apply --no-verify >/dev/null; echo x | mail -s x ops@example.com; await grep -q 'queue active' /var/log/maillog; relayhost diagnose | tr -s '\n ' ' '",
    );
    run.says("1 message waits in the queue, the oldest since ")
        .says(": no attempt has ended yet (1) -> `relayhost probe` shows how far the relay answers")
        .says("no failure found; what becomes of the messages that wait is not known");
}

/// A refused run leaves no trace in the log, and the host as it was: what it ended with is the answer, not the differences.
#[test]
fn how_the_last_run_ended_stands_first_until_something_comes_later() {
    let run = host().answers_text(&read(AUTHENTICATED).replace("battery staple", "battery stable")).sh(
        "relayhost apply >/dev/null; echo \"apply $?\"; relayhost diagnose >/root/out; echo \"exit $?\"; grep -n 'run.last' /root/out; grep -c FAIL /root/out; tr -s '\n ' ' ' </root/out; echo; echo '== json'; relayhost diagnose --json
         echo '== mended'; sed -i s/stable/staple/ /etc/relayhost/answers.toml; relayhost apply >/dev/null; echo \"apply $?\"; relayhost diagnose; ls /var/lib/relayhost/last.json",
    );
    assert_eq!(run.json("json")["findings"][0]["id"], "run.last");
    let run = run.says("apply 4\nexit 4\n3:warn run.last: `relayhost apply` of ")
        .says(" ended with 4: the relay refused the user name or the password of alerts@example.com; nothing was done")
        .says("-> `relayhost init --new-password` (asks for another password, tries it and applies it); or correct")
        .says("FAIL 12 differences from the answers: relayhost plan shows them")
        .says("apply 0\n");
    let (_, mended) = run.stdout.split_once("== mended").unwrap();
    assert!(!mended.contains("run.last") && !mended.contains("last.json"), "{mended}");
}

/// It speaks when something fails, when that goes on, and when it is over.
#[test]
fn the_log_is_followed() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null
         relayhost diagnose --follow --json >/root/json 2>/dev/null & of_json=$!
         relayhost diagnose --follow >/root/out 2>&1 & pid=$!
         await grep -q '^following' /root/out
         set_relay() { postconf -e \"relayhost = $1\"; touch -d '-5 seconds' /etc/postfix/main.cf; postfix reload 2>/dev/null; }
         good=$(postconf -h relayhost); set_relay '[127.0.0.1]:9'
         echo x | mail -s x ops@example.com; await grep -q FAIL /root/out
         echo x | mail -s x ops@example.com; await grep -q again: /root/out
         set_relay \"$good\"; sleep 1; postqueue -f; await grep -q 'got through' /root/out
         kill $pid; wait $pid; echo \"exit $?\"; cat /root/out
         await grep -q through /root/json; kill $of_json; wait $of_json; echo '== json'; cat /root/json",
    );
    let run = run
        .says("exit 143\nfollowing ")
        .says("FAIL local-service-down: 1 message, still in the queue, ")
        .says("local-service-down again: 2 messages, still in the queue, ")
        .says("ok   local-service-down: all messages got through");
    let (_, json) = run.stdout.split_once("== json\n").unwrap();
    let documents: Vec<Value> = json.lines().map(crate::host::document).collect();
    let events: Vec<&str> = documents.iter().filter_map(|one| one["news"]["event"].as_str()).collect();
    assert_eq!(events, ["begun", "failed", "again", "through"], "{json}");
    assert_eq!(documents.iter().rev().find_map(|one| one["news"]["id"].as_str()), Some("local-service-down"));
    assert_eq!(documents.last().unwrap()["exit"], 143, "each line is a document, that of the end too");
}
