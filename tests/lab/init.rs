//! `relayhost init`: typed at on a real terminal, and with flags alone; what it writes delivers.

use crate::faults::edits;
use crate::host::{Run, host};
use crate::secrets::PREPARE;

/// The lab's password of alerts@example.com; its pieces are looked for.
const PASSWORD: &str = "correct horse battery staple";

/// Types the answers to the words at `relayhost init FLAGS` on a terminal.
pub fn typed(columns: u32, flags: &str, steps: &[(&str, &str)]) -> String {
    let lines: Vec<_> = steps.iter().map(|(words, answer)| format!("{words}\t{answer}")).collect();
    let lines = lines.join("\n");
    format!(
        "cat > /root/steps <<'EOF'\n{lines}\nEOF\nLC_ALL=C.UTF-8 NO_COLOR=1 TERM=xterm python3 /lab/tests/lab/scripts/type.py {columns} /root/steps relayhost init {flags}\n"
    )
}

const FILES: &str = "echo '== files'; stat -c '%n %a %U:%G' /etc/relayhost/* 2>/dev/null; ls -A /etc/relayhost 2>/dev/null | grep '^\\.'; echo '== end'\n";

/// The terminal was left as it was found.
#[track_caller]
fn terminal_is_as_before(run: &Run) {
    assert!(run.part("ended").contains("echo True, lines True, signals True"), "{}", run.part("ended"));
}

#[test]
fn from_questions_to_a_delivered_message() {
    let steps = [
        ("Which relay", "office356"),
        ("did you mean office365.*.office365", ""),
        ("What will bite|what will bite.*Which cloud", "?"),
        ("usgov", ""),
        ("How shall this host log in", "password"),
        ("User name", "alerst@example.com"),
        ("Password", "<"),
        ("User name", "alerts@example.com"),
        ("Password", PASSWORD),
        ("local address", ""),
        ("relay see instead", ""),
        ("test message", "ops@example.com"),
        ("and write it", ""),
        ("Apply now", "no"),
    ];
    let run = host().relay("office365").without("cyrus-sasl-plain").sh(&format!(
        "{}{FILES}echo '== answers'; cat /etc/relayhost/answers.toml; echo '== apply'; relayhost apply; echo $?; messages",
        typed(80, "", &steps)
    ));
    let talk = run.stdout.split("== ended").next().unwrap();
    assert!(!talk.contains("horse") && talk.contains("Password (it is not shown)"), "{talk}");
    assert!(run.part("ended").contains("exit 0\nleft over: 0\nhidden hidden \n"), "{}", run.stdout);
    terminal_is_as_before(&run);
    // Tried before it was written, and the plugin that is still to be installed is no hindrance.
    for words in [
        "✗ `office356` is neither",
        "SMTP AUTH",
        "login: LOGIN as alerts@example.com",
        "written: /etc/relayhost/answers.toml",
    ] {
        assert!(talk.contains(words), "no {words} in {talk}");
    }
    assert!(talk.contains("relayhost plan, then relayhost apply"), "{talk}");
    assert_eq!(
        run.part("files"),
        "/etc/relayhost/answers.toml 600 root:root\n/etc/relayhost/password 600 root:root\n"
    );
    for line in [
        "provider = \"office365\"\n",
        "password_file = \"/etc/relayhost/password\"\n",
        "\"monitor@op5-system.localdomain\" = \"alerts@example.com\"\n\"@op5-system.localdomain\" = \"alerts@example.com\"\n",
        "to = \"ops@example.com\"\n",
    ] {
        assert!(run.part("answers").contains(line), "no {line} in {}", run.part("answers"));
    }
    run.says("Ok: queued").says("\n0\n").says("To: ops@example.com");
}

#[test]
fn what_the_relay_does_not_like_is_corrected() {
    let steps = [
        ("Does the relay want a login", "maybe"),
        ("neither yes nor no", "yes"),
        ("port", ""),
        ("User name", "alerts@example.com"),
        ("Password", "n0t-th1s"),
        ("local address", ""),
        ("relay see instead", "somebody@example.com"),
        ("test message", "ops@example.com"),
        ("and write it", "no"),
        ("Correct which answer", "recipient"),
        ("test message", "others@example.com"),
        ("and write it", "y"),
        ("wrong-password.*Correct which answer.*.password", ""),
        ("Password", PASSWORD),
        // Another sender than the login's own: refused, and offered for correction by itself.
        ("sender-refused.*Correct which answer.*.sender", ""),
        ("local address", ""),
        ("relay see instead", "alerts@example.com"),
        ("Apply now", "no"),
    ];
    let run = host().sh(&format!(
        "{}{FILES}relayhost apply >/dev/null; echo apply $?; head -1 /etc/relayhost/password",
        typed(100, "--host smtp.example.com", &steps)
    ));
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    assert_eq!(run.part("files").lines().count(), 2);
    let words = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("login alerts@example.com, TLS secure"), "{words}");
    run.says("others@example.com").says("apply 0\n").says(PASSWORD);
}

#[test]
fn a_certificate_that_nobody_signed_can_be_done_without() {
    let steps = [
        ("certificate-not-trusted.*Correct which answer.*.tls", ""),
        // Back to the choice, in which nothing is lost.
        ("TLS: none, may, encrypt or secure .secure", "<"),
        ("Correct which answer.*.tls", "tls"),
        ("TLS: none, may, encrypt or secure .secure", "encrypt"),
    ];
    let run = host().relay("untrusted").sh(&format!(
        "install -m 600 /dev/stdin /root/p <<< '{PASSWORD}'\n{}{FILES}cat /etc/relayhost/answers.toml; relayhost apply >/dev/null; echo apply $?",
        typed(80, "--host smtp.example.com --port 587 --username alerts@example.com --password-file /root/p --rewrite monitor@op5-system.localdomain=alerts@example.com --to ops@example.com",
            &[&[("and write it", "")], &steps[..], &[("Apply now", "no")]].concat())
    ));
    assert_eq!(
        run.part("files"),
        "/etc/relayhost/answers.toml 600 root:root\n",
        "the password stays where it is"
    );
    run.says("tls = \"encrypt\"").says("password_file = \"/root/p\"").says("apply 0\n");
}

#[test]
fn whatever_stops_it_nothing_is_written_and_the_terminal_is_as_before() {
    let head = [
        ("Which cloud", ""),
        ("How shall this host log in", "password"),
        ("User name", "alerts@example.com"),
    ];
    let with = |last: (&'static str, &'static str)| head.into_iter().chain([last]).collect::<Vec<_>>();
    for (steps, end) in [
        (vec![("Which cloud", "!\\x03")], "exit 130"),
        (with(("Password", "!hunter2\\x03")), "exit 130"),
        (with(("Password", "kill 15")), "exit 143"),
        (with(("Password", "kill 1")), "exit 129"),
        (with(("Password", "!\\x04")), "exit 1"),
        (vec![("Which cloud", "!\\x04")], "exit 1"),
        // Ctrl-Z while nothing is shown: the shell would be left without echo.
        (with(("Password", "!\\x1a\\x03")), "exit 130"),
        (
            vec![
                ("Which cloud", "x"),
                ("no such cloud", "y"),
                ("no such cloud", "z"),
                ("no such cloud", "w"),
                ("no such cloud", "!\\x04"),
            ],
            "exit 1",
        ),
        (
            with(("Password", "\\xff\\xfe"))
                .into_iter()
                .chain([
                    ("not UTF-8", ""),
                    ("needs an answer", "bad "),
                    ("space", "?"),
                    ("own password", "!\\x04"),
                ])
                .collect(),
            "exit 1",
        ),
    ] {
        let run =
            host().relay("office365").sh(&format!("{}{FILES}", typed(40, "--provider office365", &steps)));
        let ended = run.part("ended");
        assert!(ended.contains(&format!("{end}\nleft over: 0\n")), "{steps:?}: {}", run.stdout);
        terminal_is_as_before(&run);
        assert_eq!(run.part("files"), "", "{steps:?}");
        assert!(run.stdout.contains("nothing was written"), "{}", run.stdout);
        let word = if end == "exit 1" { "nothing was written" } else { "nothing was changed" };
        assert!(run.stdout.contains(word), "{}", run.stdout);
        run.never_says("hunter2");
    }
}

#[test]
fn pasted_junk_answers_no_other_question() {
    // Two lines more than the question wanted; what an arrow key sends; a line that is too long for any answer.
    let long = "x".repeat(3000);
    let steps = [
        ("Which relay", "smtp.example.com\\nyes\\nyes"),
        ("Does the relay want a login", "\\x1b[D\\x1b[D"),
        ("neither yes nor no", "no"),
        ("port", "25\\n\\n"),
        ("local address", &long),
        ("is not a mail address", "none"),
        ("test message", "ops@example.com"),
        ("and write it", ""),
        ("Apply now", "no"),
    ];
    let run =
        host().relay("plain").sh(&format!("{}{FILES}cat /etc/relayhost/answers.toml", typed(40, "", &steps)));
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    let talk = run.stdout.split("== ended").next().unwrap();
    // What the terminal itself echoes of an arrow key is ^[.
    assert!(!talk.replace("\u{1b}[D", "").contains("\u{1b}[D"), "{talk}");
    run.says("port = 25\n").says("to = \"ops@example.com\"");
}

#[test]
fn lines_fit_a_narrow_terminal_and_are_plain_where_that_is_all_it_shows() {
    let steps = [
        ("How shall this host log in", "password"),
        ("User name", "alerts@example.com"),
        ("Password", PASSWORD),
        ("local address", ""),
        ("relay see instead", ""),
        ("test message", "?"),
        ("look into", "ops@example.com"),
        ("and write it", ""),
        ("Apply now", "no"),
    ];
    let run = host().sh(&typed(40, "--provider gmail", &steps).replace("LC_ALL=C.UTF-8", "LC_ALL=C"));
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    let talk = run.stdout.split("== ended").next().unwrap().replace('\r', "");
    assert!(talk.is_ascii(), "{talk}");
    // The file is shown as it is, and a word is never cut.
    let shown = |line: &&str| !line.starts_with("  ") || line.trim().contains(' ');
    let plain: Vec<_> = talk
        .lines()
        .filter(|line| !line.contains('"') && !line.contains("# ") && !line.contains('\u{1b}'))
        .collect();
    let wide: Vec<_> = plain
        .iter()
        .copied()
        .filter(shown)
        .filter(|line| line.len() > 40 && line.trim().contains(' '))
        .collect();
    assert!(wide.is_empty(), "{wide:#?} in\n{talk}");
}

const FLAGS: &str = "--provider office365 --username alerts@example.com --to ops@example.com";

#[test]
fn flags_alone_ask_nothing() {
    let run = host().relay("office365").sh(&format!(
        "echo '== init'; echo '{PASSWORD}' | relayhost init {FLAGS} --password-stdin --json 2>/dev/null; {FILES}
         relayhost apply; echo apply $?; relayhost check --nagios"
    ));
    let document = run.json("init");
    assert_eq!(
        document["written"],
        serde_json::json!(["/etc/relayhost/answers.toml", "/etc/relayhost/password"])
    );
    assert!(document["probe"]["stages"].as_array().unwrap().len() > 6, "{document:#}");
    assert_eq!(run.part("files").lines().count(), 2);
    run.says("apply 0\n").says("RELAYHOST OK").never_says("horse");
}

#[test]
fn a_flag_that_is_missing_is_named() {
    let run = host().sh(
        "f() { relayhost init \"$@\" </dev/null; echo \"exit $?\"; }
         f; f --provider ses; f --provider gmail; f --provider gmail --username a@example.com; f --host relay.example.com --to a@b.c
         f --host relay.example.com --rewrite none; f --provider smarthost --to a@b.c; f --provider gogle; f --host 'smtp://x'; f --port 0 --host x.y; f --rewrite x --host x.y
         f --provider outlook --username a --to b@c.d; f --provider gmail --username a@b.c --password-file /root/none; f --provider office365-connector
         ls -A /etc/relayhost 2>/dev/null",
    );
    assert_eq!(run.stdout, "exit 2\n".repeat(14), "{}", run.stderr);
    for words in [
        "--provider NAME or --host NAME",
        "--provider NAME/PART",
        "--username NAME",
        "--password-stdin or --password-file FILE",
        "--rewrite LOCAL=PUBLIC",
        "--to ADDRESS",
        "--host NAME",
        "provider `gogle` is not known",
        "without `smtp://`",
        "0 is not a TCP port",
        "`--rewrite x` has no `=`",
        "takes no password for personal accounts",
        "there is no file `/root/none`",
        "your own domain, such as example.com",
    ] {
        assert!(run.stderr.contains(words), "no {words} in {}", run.stderr);
    }
}

#[test]
fn what_the_relay_refuses_is_not_written_unless_told_to() {
    let run = host().relay("office365").sh(&format!(
        "echo n0t-th1s | relayhost init {FLAGS} --password-stdin; echo \"exit $?\"; {FILES}
         echo '== json'; echo n0t-th1s | relayhost init {FLAGS} --password-stdin --json 2>/dev/null
         echo '== untried'; echo n0t-th1s | relayhost init {FLAGS} --password-stdin --no-probe --inline-password; echo \"exit $?\"
         {}", FILES.replace("== files", "== second")
    ));
    let document = run.json("json");
    assert_eq!((&document["exit"], &document["written"]), (&serde_json::json!(4), &serde_json::json!([])));
    assert_eq!(run.part("files"), "");
    assert_eq!(run.part("second"), "/etc/relayhost/answers.toml 600 root:root\n");
    run.says("exit 4\n").says("[wrong-password]").says("nothing was written").says("exit 0\n");
    let run = host()
        .relay("closed")
        .sh(&format!("echo p | relayhost init {FLAGS} --password-stdin; echo \"exit $?\"; {FILES}"));
    assert_eq!(run.part("files"), "");
    run.says("exit 5\n");
}

#[test]
fn nothing_is_overwritten_unasked_and_no_link_is_followed() {
    let run = host().relay("office365").sh(&format!(
        "init() {{ echo '{PASSWORD}' | relayhost init {FLAGS} --password-stdin --no-probe \"$@\" >/dev/null; echo \"exit $?\"; }}
         mkdir -p /etc/relayhost; cd /etc/relayhost
         printf 'version = 1\\n[relay]\\nhost = \"old.example.com\"\\n[auth]\\nusername = \"me\"\\npassword = \"hunter2\"\\n' > answers.toml; chmod 600 answers.toml; cp -p answers.toml /root/old
         init; cmp answers.toml /root/old && echo untouched; init --force; grep -c office365 answers.toml; rm *
         echo '{PASSWORD}' > password; chmod 600 password; relayhost init {FLAGS} --password-file password >/dev/null; echo \"uses $?\"; relayhost check >/dev/null; echo \"check $?\"; rm *
         echo other > password; init; cat password; ls; rm *
         ln -s /root/target answers.toml; init; init --force; rm answers.toml; ln -s /etc/passwd password; init --force; rm password
         mkdir /root/d; ln -s /root/d /root/link; init --output /root/link/a.toml; chmod 777 /root/d; init --output /root/d/a.toml; chown 1 /root/d; chmod 755 /root/d; init --output /root/d/a.toml; init --output /root/x/y/a.toml
         ls /root/target /root/d; stat -c '%n %a' /root/x /root/x/y/*; grep password_file /root/x/y/a.toml; relayhost check --answers /root/x/y/a.toml >/dev/null; echo check $?"
    ));
    assert!(
        run.stdout.starts_with("exit 1\nuntouched\nexit 0\n2\nuses 0\ncheck 3\nexit 1\nother\npassword\nexit 1\nexit 1\nexit 1\nexit 1\nexit 1\nexit 1\nexit 0\n"),
        "{}\n{}", run.stdout, run.stderr
    );
    let run = run
        .says("/root/x 755\n/root/x/y/a.password 600\n/root/x/y/a.toml 600\n")
        .says("password_file = \"/root/x/y/a.password\"\ncheck 3\n");
    run.complains("is there already: answers for relay old.example.com, login me")
        .complains("with --force, which replaces it")
        .complains("is a symbolic link")
        .complains("has mode 0777")
        .complains("belongs to daemon (uid 1)")
        .never_says("hunter2");
}

#[test]
fn the_password_is_roots_alone_from_the_first_instant_and_in_no_argument() {
    let run = host().relay("office365").sh(&format!(
        "{PREPARE}
         umask 000; begin
         relayhost init {FLAGS} --password-stdin < $m; echo \"exit $?\"; rm /etc/relayhost/*
         relayhost init {FLAGS} --password-stdin --inline-password --json < $m 2>&1; echo \"exit $?\"; rm /etc/relayhost/*
         over; echo '== trace'; exec < $m; trace relayhost init {FLAGS} --password-stdin; echo '== files'; $S files $m; echo '== end'"
    ));
    let run = run.exits(0).never_says("horse");
    assert_eq!(run.stdout.matches("exit 0\n").count(), 2, "{}", run.stdout);
    for part in ["procs", "watch", "trace"] {
        assert!(!run.part(part).contains("FOUND"), "{part}: {}", run.part(part));
    }
    assert!(crate::secrets::looked(run.part("watch"), "holding") >= 2, "{}", run.part("watch"));
    assert!(run.part("trace").contains("RECEIVED /etc/relayhost/"), "{}", run.part("trace"));
    let found: Vec<_> = run.part("files").lines().filter(|line| line.starts_with("FOUND")).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().any(|line| line.starts_with("FOUND /etc/relayhost/password 600 0 0 ")), "{found:?}");
}

/// Death and errors at every system call that changes something; `scripts/init_faults.py` does the work.
#[test]
fn whatever_stops_it_answers_and_password_are_the_old_pair_or_the_new_and_nothing_is_left() {
    for (work, least) in [("deaths", 140), ("errors", 240)] {
        let run = host().sh(&format!("python3 /lab/tests/lab/scripts/init_faults.py {work}"));
        println!("{}", run.stdout.trim());
        let run = run.exits(0).never_says("BAD");
        let tried = run.stdout.split_whitespace().nth(1).and_then(|word| word.parse().ok());
        assert!(tried.is_some_and(|tried: u32| tried > least), "{}", run.stdout);
    }
}

/// An edit of the answers or of the password while `init --force` replaces them; `faults/edits.py` does the work.
#[test]
fn an_edit_at_every_rename_of_it_is_in_its_place_or_named() {
    assert!(edits("init") > 20);
}

#[test]
fn a_death_of_it_between_exchange_and_look_loses_no_edit() {
    assert!(edits("init-deaths") > 2);
}

/// The answers have to name the password, and `init` has to find that name there.
#[test]
fn a_path_that_answers_cannot_name_as_it_is_is_refused_and_nothing_lost() {
    let run = host().sh(
        r#"for name in $'a\tb' $'a\xffb' $'a\nb' "a'''\"b" "a'\"b" 'a"b' "a'b" 'a\b'; do
             directory="/etc/$name"; mkdir -m 755 "$directory"; cd "$directory"
             init() { echo "$1" | relayhost init --output "$directory/x.toml" --no-probe --host "$1.example.com" --username u --password-stdin --rewrite none --to a@example.com --force >out 2>&1; }
             printf '%s\n' old >x.password; printf 'host = "old.example.com"\n' >x.toml; chmod 600 x.*
             init new; echo "exit $? $(cat x.password) $(grep -o 'host = "[a-z]*' x.toml) $(grep -c 'cannot stand' out)"
         done"#,
    );
    let refused = "exit 1 old host = \"old 1\n".repeat(3);
    assert_eq!(run.stdout, refused + &"exit 0 new host = \"new 0\n".repeat(5));
}
