//! The watch on a disk that takes nothing more: no event is told under a number that is not on the disk, so none is told twice
//! under two numbers, and no number stands for two events.

use serde_json::Value;

use crate::host::{Run, host};
use crate::watch::{documents, events, on};

/// The state directory on a file system of its own, and how it is filled to the last byte and emptied again.
const DISK: &str = "state=/var/lib/relayhost
     disk() { cp -a $state /root/state; mount -t tmpfs -o size=2m,mode=700 t $state; cp -a /root/state/. $state/; }
     fill() { dd if=/dev/zero of=$state/filler bs=4k 2>/dev/null; dd if=/dev/zero of=$state/rest bs=1 2>/dev/null; }
     room() { rm -f $state/filler $state/rest; }";

/// What the webhook was told: event, id and number.
fn told(run: &Run) -> Vec<(String, String, String)> {
    let bodies = documents(run, "hooks").into_iter();
    let bodies = bodies.map(|hook| serde_json::from_str::<Value>(hook["body"].as_str().unwrap()).unwrap());
    let text = |body: &Value, name: &str| body[name].as_str().unwrap().to_owned();
    bodies.map(|body| (text(&body, "event"), text(&body, "id"), text(&body, "sequence"))).collect()
}

#[test]
fn a_full_disk_takes_the_record_and_each_event_is_told_once() {
    let run = on(
        host(),
        &format!(
            "{DISK}
             ways; relayhost apply >/dev/null || exit 99; disk; look before; fill; df --output=avail $state | tail -n 1
             dies; alerts 3; look dead; look still; look more; comes_back; look back; look after; told; echo '== stderr'; cat /root/stderr"
        ),
    );
    assert!(run.part("before").trim_end().ends_with(" 0"), "it is full: {}", run.part("before"));
    assert_eq!(events(&run, "dead"), ["opened mail"], "{}", run.part("stderr"));
    for part in ["still", "more", "after"] {
        assert_eq!(events(&run, part), [""; 0], "{part}");
    }
    assert_eq!(events(&run, "back"), ["closed mail"]);
    let told = told(&run);
    let told: Vec<(&str, &str)> =
        told.iter().map(|(event, _, number)| (event.as_str(), number.as_str())).collect();
    assert_eq!(told, [("opened", "1"), ("closed", "2")]);
    assert_eq!(run.part("commands").lines().count(), 2);
    assert_eq!(run.part("results").lines().count(), 2);
}

/// The first look ever, and a file system that has become read-only: one alarm for the boot, with what was seen in its words.
#[test]
fn a_record_that_cannot_be_written_is_one_alarm_and_no_number_is_told() {
    for (breaks, mends) in [("fill", "room"), ("mount -o remount,ro $state", "mount -o remount,rw $state")] {
        let run = on(
            host(),
            &format!(
                "{DISK}
                 ways; relayhost apply >/dev/null || exit 99; disk; {breaks}; dies; alerts 1; look first; look second; look third
                 echo '== exit'; relayhost watch >/dev/null 2>>/root/stderr; echo $?; {mends}; look writable; look after; told
                 echo '== stderr'; cat /root/stderr"
            ),
        );
        for part in ["first", "second", "third"] {
            assert!(run.json(part)["error"].is_object(), "{breaks} {part}: {}", run.stdout);
        }
        assert_eq!(run.part("exit"), "1\n", "{breaks}");
        assert!(run.part("stderr").contains("watch."), "{}", run.part("stderr"));
        assert_eq!(
            events(&run, "writable"),
            ["closed look", "opened mail"],
            "{breaks}: {}",
            run.part("stderr")
        );
        assert_eq!(events(&run, "after"), [""; 0]);
        let told = told(&run);
        let told: Vec<(&str, &str)> =
            told.iter().map(|(event, _, number)| (event.as_str(), number.as_str())).collect();
        assert_eq!(told, [("opened", "0"), ("closed", "1"), ("opened", "2")], "{breaks}");
        let hooks = documents(&run, "hooks");
        let body: Value = serde_json::from_str(hooks[0]["body"].as_str().unwrap()).unwrap();
        let cause = body["cause"].as_str().unwrap();
        assert!(
            cause.contains("cannot write its record") && cause.contains("mail does not leave"),
            "{cause}"
        );
        // The state of the service is told all the same, and stays bad until nothing is open.
        let states: Vec<&str> =
            run.part("results").lines().map(|line| line.split(';').nth(3).unwrap()).collect();
        assert_eq!(states, ["2", "2", "2"], "{breaks}");
    }
}

/// A power cut in the middle of a write, and the form of the record that relayhost wrote before it had slots.
#[test]
fn a_torn_slot_and_the_former_record_are_taken_over() {
    let run = on(
        host(),
        "slots=/var/lib/relayhost/watch.slots; ways; relayhost apply >/dev/null || exit 99; dies; alerts 1; look dead
         tear() { python3 -c \"
import re
data = bytearray(open('$slots', 'rb').read())
heads = {int(found[1]): found.start() for found in re.finditer(rb'relayhost-watch-1 (\\d+) ', data)}
at = heads[max(heads)]
data[at + 200:at + 300] = bytes(100)
open('$slots', 'wb').write(data)\"; }
         tear; look torn; look still; comes_back; look back
         echo '== former'; python3 -c \"
import json
data = open('$slots', 'rb').read().decode()
newest = max(data.split('relayhost-watch-1 ')[1:], key=lambda slot: int(slot.split()[0]))
record = json.JSONDecoder().raw_decode(newest.split('\\n', 1)[1].lstrip())[0]
record.pop('young')
open('/var/lib/relayhost/watch.json', 'w').write(json.dumps(record))\"; chmod 600 /var/lib/relayhost/watch.json; rm $slots
         dies; alerts 1; look again; echo '== files'; ls /var/lib/relayhost | grep watch; told",
    );
    assert_eq!(events(&run, "dead"), ["opened mail"], "{}", run.stderr);
    // The slot that is left may have the incident or not, by what was written last; its name may be told again, never its number
    // for another event.
    assert_eq!(events(&run, "still"), [""; 0]);
    assert_eq!(events(&run, "back"), ["closed mail"]);
    assert_eq!(events(&run, "again"), ["opened mail"]);
    assert_eq!(run.part("files"), "watch.lock\nwatch.slots\n");
    let mut numbers = std::collections::BTreeMap::new();
    for (event, id, number) in told(&run) {
        let known = numbers.entry(number.clone()).or_insert((event.clone(), id.clone()));
        assert_eq!(*known, (event, id), "{number}");
    }
    assert!(numbers.len() >= 3, "{numbers:?}");
}
