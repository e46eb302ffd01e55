//! What the next command says of a run that was killed: where its test message is, and where somebody's edit.

use crate::host::{AUTHENTICATED, host};

/// The queue id that the stopped run has noted.
const ID: &str = r#"id() { grep -o '"message":"[^"]*' /var/lib/relayhost/journal.json | cut -d'"' -f4; }
"#;

#[test]
fn a_test_message_that_waits_is_named_with_the_command_that_takes_it_out() {
    let run = host().relay("silent").answers(AUTHENTICATED).sh(&format!(
        r#"{ID} relayhost apply --no-probe >/dev/null 2>&1 & run=$!
        for n in $(seq 500); do [ "$(id 2>/dev/null)" ] && break; sleep 0.02; done; kill -9 $run; wait $run; id=$(id)
        postqueue -p | grep -c "^$id"; echo '== recover'; relayhost recover --json; echo '== end'; echo "id $id"
        postsuper -d "$id" 2>&1; postqueue -p; relayhost recover"#
    ));
    let id = run.stdout.split("\nid ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let said = run.json("recover")["result"].as_str().unwrap().to_owned();
    assert!(said.contains(&format!("its test message {id} is in the queue")), "{said}");
    assert!(said.contains(&format!("`postsuper -d {id}` takes it out")), "{said}");
    assert!(run.stdout.starts_with("1\n"), "{}", run.stdout);
    run.says("Deleted: 1 message").says("Mail queue is empty\nnothing to clear up\n");
}

#[test]
fn a_test_message_that_has_left_is_named_with_the_command_that_tells_its_fate() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        r#"{ID} strace -qq -o /dev/null -P /var/lib/relayhost/proof.json -e trace=rename,renameat,renameat2 -e inject=rename,renameat,renameat2:signal=SIGKILL relayhost apply >/dev/null 2>&1
        echo "killed $?"; id=$(id); echo "id $id"; echo '== check'; relayhost check --json; echo '== end'
        relayhost diagnose --queue-id "$id"; echo "diagnose $?"; relayhost apply; echo "apply $?""#
    ));
    let id = run.stdout.split("\nid ").nth(1).unwrap().lines().next().unwrap().to_owned();
    let said = run.json("check")["recovered"].as_str().unwrap().to_owned();
    assert!(said.contains(&format!("its test message {id} is no longer in the queue")), "{said}");
    assert!(said.contains(&format!("`relayhost diagnose --queue-id {id}`")), "{said}");
    run.says("killed 137\n").says("diagnose 0\n").says("said: 250").says("apply 0\n");
}

#[test]
fn recovery_that_sets_an_edit_aside_has_done_its_work_and_names_the_edit() {
    for (command, key) in [("recover", "result"), ("history", "recovered")] {
        let run = host().answers(AUTHENTICATED).sh(&format!(
            r#"strace -qq -o /dev/null -P /etc/postfix/main.cf -e trace=renameat2 -e inject=renameat2:signal=SIGKILL relayhost apply --no-verify >/dev/null 2>&1
            echo "killed $?"; echo '# mine' >> /etc/postfix/main.cf; cp /etc/postfix/main.cf /root/edited
            echo '== said'; relayhost {command} --json; echo "== end"; cmp /root/edited /var/lib/relayhost/generations/0000/found/main.cf && echo kept"#
        ));
        let document = run.json("said");
        let said = document[key].as_str().unwrap();
        assert_eq!(document["exit"], 0, "{document:#}");
        assert!(said.contains("they are again what they were before"), "{said}");
        assert!(said.contains("it is kept as /var/lib/relayhost/generations/0000/found/main.cf"), "{said}");
        run.says("killed 137\n").says("kept\n");
    }
}

#[test]
fn a_stopped_run_is_cleared_up_and_told_where_the_answers_are_gone_or_cannot_be_read() {
    for answers in ["rm /etc/relayhost/answers.toml", "echo x >>/etc/relayhost/answers.toml"] {
        for (command, exit) in [
            ("check", 2),
            ("plan", 2),
            ("verify", 2),
            ("status", if answers.starts_with("rm") { 0 } else { 2 }),
        ] {
            let run = host().answers(AUTHENTICATED).sh(&format!(
                r#"cp /etc/postfix/main.cf /root/before; strace -qq -o /dev/null -P /etc/postfix/main.cf -e trace=renameat2 -e inject=renameat2:signal=SIGKILL relayhost apply --no-verify >/dev/null 2>&1
                echo "killed $?"; {answers}; relayhost {command} >/root/out 2>&1; echo "{command} $?"; cmp /root/before /etc/postfix/main.cf && ls /var/lib/relayhost | grep -c journal; tr -s '\n ' ' ' </root/out"#
            ));
            run.says(&format!("killed 137\n{command} {exit}\n0\n"))
                .says("a run was stopped while it changed files");
        }
    }
}
