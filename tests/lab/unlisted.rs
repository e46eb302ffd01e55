//! A queue that cannot be listed: what waits there is not known, and that is what each place says which has a count of it.

use serde_json::Value;

use crate::host::host;
use crate::watch::{documents, events, on};

/// Stops Postfix's showq(8), and its master, which then starts no other: a listing is never answered. So that there is something
/// to list, a message is given to a pickup(8) that has stopped as well.
const MASTER: &str = "
    master() {
        kill -$1 $(cat /var/spool/postfix/pid/master.pid) $(pgrep -x showq) $(pgrep -x pickup)
        [ $1 = CONT ] || printf 'Subject: x\\n\\nx\\n' | sendmail ops@example.com
    }
";

#[test]
fn a_count_of_a_queue_that_was_not_listed_is_told_nowhere() {
    let run = on(
        host(),
        &format!(
            "{MASTER} receiver; webhook ok/hush-hush-hush; relayhost apply >/dev/null || exit 99
             echo '== listed'; relayhost check --json 2>/dev/null; master STOP
             echo '== json'; relayhost check --json 2>/dev/null; echo '== nagios'; relayhost check --nagios; echo $?
             echo '== prometheus'; relayhost check --prometheus; echo '== check'; relayhost check | tr -s ' \\n' ' '
             echo; echo '== status'; relayhost status | tr -s ' \\n' ' '
             rm /etc/postfix/generic; echo; look opened; echo '== hooks'; cat $HOOKS; master CONT"
        ),
    );
    let waiting = |part: &str| run.json(part)["mail"]["waiting"].clone();
    let listed = waiting("listed");
    assert_eq!((&listed["messages"], &listed["held"]), (&0.into(), &0.into()), "{listed:#}");
    let unlisted = waiting("json");
    assert_eq!(
        (&unlisted["messages"], &unlisted["held"], &unlisted["complete"], &unlisted["age"]),
        (&Value::Null, &Value::Null, &false.into(), &Value::Null),
        "{unlisted:#}"
    );
    let nagios = run.part("nagios");
    assert!(nagios.starts_with("RELAYHOST WARNING - queue.waiting: it is not known"), "{nagios}");
    assert!(nagios.contains(" waiting=U;") && nagios.contains(" queue_age=U;"), "{nagios}");
    let figures = run.part("prometheus");
    assert!(figures.contains("\nrelayhost_queue_listed 0\n"), "{figures}");
    assert!(!figures.contains("relayhost_queue_messages") && !figures.contains("_oldest_"), "{figures}");
    let words = "it is not known what waits in the queue: listing it takes longer than 2 s";
    for part in ["check", "status"] {
        assert!(run.part(part).contains(words), "{part}: {}", run.part(part));
    }
    assert_eq!(events(&run, "opened"), ["opened host"], "{}", run.stderr);
    let event = &run.json("opened")["watch"]["events"][0];
    assert_eq!((&event["waiting"], &event["oldest"]), (&Value::Null, &Value::Null), "{event:#}");
    let summary = event["summary"].as_str().unwrap();
    assert!(summary.contains("; it is not known what waits in the queue"), "{summary}");
    let body: Value = serde_json::from_str(documents(&run, "hooks")[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!((&body["waiting"], &body["oldest"]), (&"unknown".into(), &"unknown".into()), "{body:#}");
}

/// The relay has taken a message since, in a later second, and nobody else can have said so: that is enough.
#[test]
fn a_relay_that_came_back_is_told_though_the_queue_cannot_be_listed() {
    let run = on(
        host(),
        &format!(
            "{MASTER} relayhost apply >/dev/null || exit 99
             dies; alerts 2; look dead; comes_back; sleep 1.1; relayhost verify >/dev/null; master STOP; look back; master CONT"
        ),
    );
    assert_eq!(events(&run, "dead"), ["opened mail"], "{}", run.stderr);
    let back = run.json("back");
    assert_eq!(back["mail"]["waiting"]["complete"], false, "{back:#}");
    assert_eq!(events(&run, "back"), ["closed mail"], "{back:#}");
    assert_eq!(back["watch"]["events"][0]["waiting"], Value::Null, "{back:#}");
}

/// What is known by the queue alone lasts until a look has seen all of it.
#[test]
fn no_incident_closes_by_a_look_that_could_not_list_the_queue() {
    let run = on(
        host(),
        &format!(
            "{MASTER} relayhost apply >/dev/null || exit 99
             postconf -e transport_maps=inline:{{nowhere.test=missing:}}; cool 2>/dev/null; sleep 0.5
             printf 'Subject: x\\n\\nx\\n' | sendmail x@nowhere.test; await sh -c 'mailq | grep -q unavailable'
             look listed; master STOP; look unlisted; master CONT; look again; postsuper -d ALL 2>/dev/null; look gone"
        ),
    );
    assert!(events(&run, "listed").contains(&"opened log".to_owned()), "{}", run.stdout);
    assert_eq!(run.json("unlisted")["mail"]["waiting"]["complete"], false, "{}", run.stdout);
    let of_log = |part: &str| -> Vec<String> {
        let mut all = events(&run, part);
        all.retain(|event| event.ends_with(" log"));
        all
    };
    assert_eq!((of_log("unlisted"), of_log("again")), (vec![], vec![]), "{}", run.stdout);
    assert_eq!(of_log("gone"), ["closed log"], "{}", run.stdout);
}
