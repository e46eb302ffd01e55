//! `--json=stream`: what a program sees that shows the progress of a run.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::host::{AUTHENTICATED, Run, document, host};

/// The documents of a part, each of which follows the schema and stands on a line of its own.
fn documents(run: &Run, part: &str) -> Vec<Value> {
    run.part(part).lines().map(document).collect()
}

fn events(all: &[Value]) -> Vec<(&str, &str)> {
    all.iter()
        .filter_map(|one| one.get("progress"))
        .map(|step| (step["event"].as_str().unwrap(), step["stage"].as_str().unwrap_or_default()))
        .collect()
}

/// Every stage that begins ends, one at a time, and the last line is the document that `--json` gives.
#[test]
fn each_step_is_a_document_as_it_happens() {
    let run = host().answers(AUTHENTICATED).sh(
        "echo '== apply'; relayhost apply --json=stream 2>/root/words; echo '== words'; cat /root/words
         echo '== again'; relayhost apply --json=stream 2>/dev/null; echo '== check'; relayhost check --json=stream 2>/dev/null
         echo '== broken'; relayhost check --json=stream --answers /nowhere 2>/dev/null
         echo '== wrong'; relayhost check --json=pages; echo \"exit $?\"
         echo '== refused'; sed -i 's/correct horse/wrong horse/' /etc/relayhost/answers.toml; relayhost apply --no-probe --json=stream 2>/dev/null",
    );
    let all = documents(&run, "apply");
    let (last, steps) = all.split_last().unwrap();
    assert_eq!((&last["exit"], &last["delivery"]["accepted"]), (&0.into(), &true.into()));
    assert!(
        steps.iter().all(|step| step.get("progress").is_some() && step.get("exit").is_none()),
        "{steps:?}"
    );
    let (mut open, mut ended) = (None, BTreeSet::new());
    for (event, stage) in events(steps) {
        match event {
            "begin" => assert_eq!(open.replace(stage), None, "stages do not nest"),
            "end" => {
                assert_eq!(open.take(), Some(stage));
                ended.insert(stage);
            }
            _ => {}
        }
    }
    assert_eq!(open, None);
    assert!(["probe", "main.cf", "sasl_passwd"].iter().all(|stage| ended.contains(stage)), "{ended:?}");
    assert!(run.part("words").contains("main.cf: "), "a person at standard error still reads words");
    assert_eq!(documents(&run, "again").last().unwrap()["exit"], 0);
    assert_eq!(documents(&run, "check").len(), 1, "a look has no stages");
    assert_eq!(documents(&run, "broken").last().unwrap()["exit"], 2);
    assert!(run.part("wrong").contains("exit 2\n"));
    let refused = documents(&run, "refused");
    assert_eq!(refused.last().unwrap()["exit"], 7);
    assert!(refused.iter().any(|one| one["progress"]["ended"] == "bad"), "{refused:?}");
    run.never_says("horse");
}

/// What the page shows comes while the run is at work, and not at its end; a page that is gone does not stop it.
#[test]
fn the_documents_come_while_the_run_is_at_work() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply --json=stream 2>/dev/null | while read -r line; do
             case $line in *'\"event\":\"begin\"'*'\"stage\":\"main.cf\"'*|*'\"stage\":\"main.cf\"'*'\"event\":\"begin\"'*) pgrep -x relayhost >/dev/null && echo 'at work';; esac
         done
         relayhost restore 0 >/dev/null; relayhost apply --json=stream 2>/dev/null | head -n 1 >/dev/null
         relayhost check | grep 'mail leaves'",
    );
    run.says("at work\n").says("mail leaves");
}

/// Somebody who does not read holds a run up before it changes anything, or once Postfix has the change, and never between: tables
/// would be in force of which some are old and some new.
#[test]
fn a_reader_that_does_not_read_holds_up_no_exchange() {
    let run = host().answers(AUTHENTICATED).sh(
        r#"cat > /root/full.py <<'P'
import fcntl, os, subprocess, sys, time
F_SETPIPE_SZ = 1031
reading, writing = os.pipe()
fcntl.fcntl(writing, F_SETPIPE_SZ, 4096)
os.write(writing, b"x" * int(sys.argv[1]))
before = open("/var/log/maillog").read().count("refreshing the Postfix mail system")
run = subprocess.Popen(["relayhost", "apply", "--json=stream", "--no-verify"], stdout=writing, stderr=subprocess.DEVNULL)
os.close(writing)
time.sleep(2)
new = [name for name in ("main.cf", "sasl_passwd", "generic") if "smtp.example.com" in open("/etc/postfix/" + name).read() or name == "generic" and "monitor@" in open("/etc/postfix/generic").read()]
told = open("/var/log/maillog").read().count("refreshing the Postfix mail system") > before
print("new" if len(new) == 3 else "old" if not new else "mixed", "told" if told else "untold", end=" ")
text = b""
while part := os.read(reading, 65536):
    text += part
print(run.wait(), text.decode().rstrip().splitlines()[-1].count('"exit":0'))
P
        for filled in 2600 2900 3100 3300 3500 3700 3900 4096; do python3 /root/full.py $filled; relayhost restore 0 >/dev/null; done"#,
    );
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 8, "{run:?}");
    for line in &lines {
        assert!(["old untold 0 1", "new told 0 1"].contains(line), "{line}: {}", run.stdout);
    }
    assert!(lines.contains(&"new told 0 1"), "{}", run.stdout);
}
