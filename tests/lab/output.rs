//! What a person, a monitoring system and a program see.

use crate::host::{AUTHENTICATED, host};

#[test]
fn json_follows_the_published_schema() {
    let run = host().answers(AUTHENTICATED).sh(
        "for c in check plan apply verify check; do echo \"== $c\"; relayhost $c --json 2>/dev/null; done > /root/out
         echo '== broken' >> /root/out; relayhost check --json --answers /nowhere >> /root/out 2>/dev/null; cat /root/out",
    );
    assert_eq!(run.json("check")["exit"], 3);
    assert_eq!(run.json("plan")["complete"], true);
    assert_eq!(run.json("apply")["delivery"]["accepted"], true);
    assert_eq!(run.json("verify")["delivery"]["from"], "monitor@op5-system.localdomain");
    assert!(run.json("broken")["error"]["remedy"].as_str().unwrap().contains("--answers"));
    run.never_says("horse");
}

/// Somebody who logs in sees in a few lines where the host stands, at each stage of its life.
#[test]
fn a_status_leads_from_a_host_set_up_by_hand_to_mail_that_leaves() {
    let script = "
        stage() { echo \"== $1\"; relayhost; echo \"exit $?\"; echo \"== $1, json\"; relayhost status --json; }
        mv /etc/relayhost/answers.toml /root/; stage bare
        postconf -e 'relayhost = [mail.example.com]:2525'; stage hand; postconf -X relayhost
        mv /root/answers.toml /etc/relayhost/; stage answered
        relayhost apply >/dev/null; stage applied
        postfix stop 2>/dev/null; stage stopped
        echo '== anybody'; setpriv --reuid=65534 --clear-groups relayhost; echo \"exit $?\"
        setpriv --reuid=65534 --clear-groups relayhost status; echo \"status $?\"";
    let run = host().answers(AUTHENTICATED).sh(script);
    for (stage, words) in [
        ("bare", vec!["answers  there are none yet", "relayhost is empty", "next     relayhost init"]),
        ("hand", vec!["gives mail to [mail.example.com]:2525", "next     relayhost route"]),
        (
            "answered",
            vec![
                "relay    mail is to leave through [smtp.example.com]:587",
                "not in order (relayhost check)",
                "next     relayhost apply",
            ],
        ),
        ("applied", vec!["host     as the answers say", "mail leaves through", "next     nothing to do"]),
        ("stopped", vec!["not in order", "next     relayhost apply"]),
    ] {
        let text = run.part(stage);
        for word in words.into_iter().chain(["relayhost diagnose", "relayhost --help", "exit 0\n"]) {
            assert!(text.contains(word), "{stage}: {word}: {text}");
        }
        let document = run.json(&format!("{stage}, json"));
        assert_eq!(document["status"]["answered"], !["bare", "hand"].contains(&stage));
    }
    let anybody = run.part("anybody");
    assert!(anybody.contains("relayhost init") && anybody.contains("exit 0\n"), "{anybody}");
    assert!(anybody.contains("status 1\n"), "{anybody}");
    run.never_says("horse");
}

/// The log has nothing of it, and the host is as it was.
#[test]
fn a_refused_run_is_what_status_shows_and_says_what_to_do() {
    let run = host().answers(AUTHENTICATED).sh(
        "sed -i s/staple/stable/ /etc/relayhost/answers.toml; relayhost apply >/dev/null; echo \"apply $?\"
         echo '== told'; relayhost status; echo '== json'; relayhost status --json
         sed -i s/stable/staple/ /etc/relayhost/answers.toml; relayhost apply >/dev/null; echo '== over'; relayhost status",
    );
    let run = run.says("apply 4\n");
    let told = run.part("told").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains("last run `relayhost apply` of 20") && told.contains("ended with 4: the relay refused"),
        "{told}"
    );
    assert!(told.contains("next `relayhost init --new-password` (asks"), "{told}");
    assert_eq!(run.json("json")["status"]["lines"][2]["name"], "last run");
    assert!(!run.part("over").contains("last run"), "{}", run.part("over"));
}

/// Messages that an earlier login has sent prove nothing of another one.
#[test]
fn a_login_that_was_changed_is_not_known_to_work_until_the_relay_takes_a_message() {
    let script = "
        look() { echo \"== $1\"; relayhost status | grep next; relayhost check --nagios; }
        relayhost apply >/dev/null; look applied; sleep 1.1
        sed -i 's/:correct.*/:bad/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd; postfix reload
        sed -i 's/^password .*/password = \"bad\"/' /etc/relayhost/answers.toml; look changed
        echo '== again'; relayhost apply >/dev/null; echo $?; look refused
        sed -i 's/:bad/:correct horse battery staple/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd; postfix reload
        sed -i 's/^password .*/password = \"correct horse battery staple\"/' /etc/relayhost/answers.toml
        echo '== right'; relayhost apply | grep -c 'said: 250'; relayhost apply | grep -c 'said: 250'";
    let run = host().answers(AUTHENTICATED).sh(script);
    let part = run.part("applied");
    assert!(part.contains("mail leaves through") && part.contains("nothing to do"), "{part}");
    let part = run.part("changed");
    assert!(
        part.contains("relayhost verify\nRELAYHOST OK - it is not known")
            && part.contains("the login was changed"),
        "{part}"
    );
    // It is tried by the next `apply`, and once the relay has taken a message no more.
    assert_eq!(run.part("again"), "4\n", "{}", run.stdout);
    assert!(run.part("refused").contains("mail does not leave"), "{}", run.stdout);
    assert_eq!(run.part("right"), "1\n0\n", "{}", run.stdout);
}

#[test]
fn no_output_shows_the_password() {
    let run = host().answers(AUTHENTICATED).sh(
        "printf '# old:horse battery\\n[smtp.example.com]:587 old:horse battery\\n' > /etc/postfix/sasl_passwd; postmap hash:/etc/postfix/sasl_passwd
         relayhost plan; relayhost plan --json; relayhost check; relayhost apply; relayhost apply --verify --json; relayhost verify; cat /var/log/maillog",
    );
    run.exits(0).says("alerts@example.com:******** (another password)").never_says("horse");
}

#[test]
fn a_monitoring_plugin_has_one_line_and_its_own_status() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost check --nagios; echo $?; relayhost apply --no-verify >/dev/null; relayhost check --nagios; echo $?
         postconf -e non_smtpd_milters=inet:127.0.0.1:1 milter_default_action=accept; relayhost check --nagios; echo $?
         relayhost check --nagios --answers /nowhere; echo $?",
    );
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 8, "{}", run.stdout);
    for (index, word, code) in
        [(0, "CRITICAL", "2"), (2, "OK", "0"), (4, "WARNING", "1"), (6, "UNKNOWN", "3")]
    {
        assert!(lines[index].starts_with(&format!("RELAYHOST {word} - ")), "{}", lines[index]);
        assert_eq!(lines[index + 1], code);
        assert!(code == "3" || lines[index].contains(" | differs="), "{}", lines[index]);
    }
}

#[test]
fn a_terminal_gets_marks_and_colours_and_a_pipe_plain_words() {
    let script = "LANG=C.UTF-8 TERM=xterm script -qec 'stty rows 24 cols 60; relayhost apply' /dev/null";
    let run = host().without("cyrus-sasl-plain").answers(AUTHENTICATED).sh(script).exits(0);
    assert!(
        run.stdout.contains("\u{1b}[32m✓\u{1b}[0m packages: installed cyrus-sasl-plain"),
        "{}",
        run.stdout
    );
    let widest = run
        .stdout
        .lines()
        .filter(|line| !line.contains('\r'))
        .map(|line| line.chars().count())
        .max()
        .unwrap();
    assert!(widest <= 60 + 12, "{widest}");
    let run =
        host().without("cyrus-sasl-plain").answers(AUTHENTICATED).sh("LANG=C.UTF-8 relayhost apply").exits(0);
    run.says("ok   packages: installed cyrus-sasl-plain").never_says("\u{1b}").never_says("✓");
}

/// The lines that are wider than that and could be broken. A diff is shown as it is, and no word and no command is cut.
fn wider(text: &str, width: usize) -> Vec<&str> {
    // A diff, and lines of an answers file, stay as they are.
    let is_of_file =
        |line: &str| ["   -", "   +", "   @", "    #", "  # "].iter().any(|head| line.starts_with(head));
    let is_one = |line: &str| {
        let (line, quotes) = (line.trim(), line.matches('`').count());
        !line.contains(' ')
            || (quotes == 2
                && line.starts_with('`')
                && line.trim_end_matches([',', ';', '.', ')']).ends_with('`'))
    };
    let is_wide = |line: &&str| line.chars().count() > width && !is_of_file(line) && !is_one(line);
    text.lines().filter(is_wide).collect()
}

/// What is behind a pipe is most often a terminal all the same: `| cat`, `| tail`, ssh without a terminal.
#[test]
fn what_goes_through_a_pipe_fits_a_terminal_of_80_columns() {
    let commands = "relayhost check; relayhost plan; relayhost diagnose; relayhost providers office365; relayhost --help";
    let run = |columns: &str| {
        let script =
            format!("{columns}; postconf -e relayhost=x content_filter=smtp:[127.0.0.1]:9; {commands}");
        host().answers(AUTHENTICATED).sh(&script).stdout
    };
    for (columns, width) in
        [("unset COLUMNS", 80), ("export COLUMNS=50", 50), ("export COLUMNS=nonsense", 80)]
    {
        let text = run(columns);
        let widest = text.lines().map(|line| line.chars().count()).filter(|count| *count <= width).max();
        assert!(widest > Some(width - 12), "{columns}: {text}");
        assert_eq!(wider(&text, width), Vec::<&str>::new(), "{columns}: {text}");
    }
}

#[test]
fn no_line_of_text_is_wider_than_the_terminal() {
    let shown = |commands: &str| {
        let script = "LANG=C.UTF-8 TERM=xterm script -qec 'stty rows 24 cols 60; COMMANDS' /dev/null";
        host()
            .without("cyrus-sasl-plain")
            .answers(AUTHENTICATED)
            .sh(&script.replace("COMMANDS", commands))
            .stdout
    };
    let color = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    for commands in [
        "relayhost check; relayhost plan; relayhost history",
        "relayhost apply >/dev/null; relayhost check; relayhost apply; relayhost history",
    ] {
        let text = shown(commands).replace('\r', "");
        let text = color.replace_all(&text, "");
        let wide = wider(&text, 60);
        assert!(text.lines().count() > 8 && wide.is_empty(), "{wide:#?} in\n{text}");
    }
}

/// An error, wrong usage and the help fit the terminal as all else does; a log gets them whole.
#[test]
fn no_line_of_an_error_or_of_the_help_is_wider_than_the_terminal() {
    let color = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    for width in [80, 50, 40] {
        let script = format!(
            "LANG=C.UTF-8 TERM=xterm script -qec 'stty rows 24 cols {width}; relayhost --help; relayhost help check; relayhost check --max-queue-age 15M; relayhost check --answers /nope; relayhost; relayhost restore 7; postconf -e relayhost=x; relayhost check' /dev/null"
        );
        let text = host().answers(AUTHENTICATED).sh(&script).stdout.replace('\r', "");
        let text = color.replace_all(&text, "");
        let wide = wider(&text, width);
        assert!(text.lines().count() > 60 && wide.is_empty(), "{width}: {wide:#?} in\n{text}");
    }
    host().sh("relayhost check").complains("; or name another with --answers\n");
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_work() {
    host()
        .answers(AUTHENTICATED)
        .sh("relayhost apply --no-verify | true; sleep 1; relayhost check >/dev/null")
        .exits(0);
}

#[test]
fn a_verbose_postfix_and_misplaced_passwords_give_nothing_away() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply --no-verify >/dev/null; rpm -e cyrus-sasl-plain; sed -i 's/^\\(smtp .*smtp\\)$/\\1 -v/' /etc/postfix/master.cf; grep -c 'smtp -v' /etc/postfix/master.cf; postfix reload 2>/dev/null
         relayhost verify; relayhost verify --json; grep -c 'pass .correct horse' /var/log/maillog
         printf '[smtp.example.com]:587 apikey hunter2a\\n[other]:25 hunter2b\\n[third]:587:user:hunter2c\\n' > /etc/postfix/sasl_passwd
         postconf -e smtp_sasl_password_maps=static:alerts:hunter2d; relayhost plan; relayhost plan --json; relayhost check; relayhost check --nagios; relayhost repair --json",
    );
    let (before, after) = run.stdout.split_once("[sasl-plugin-missing]").unwrap();
    assert!(before.starts_with('1') || before.starts_with('2'), "no verbose smtp: {before}");
    assert!(!format!("{after}{}", run.stderr).contains("hunter2"), "{after}\n{}", run.stderr);
    let shown: String = run.stdout.lines().filter(|line| line.contains("horse")).collect();
    assert_eq!(shown, "", "{}", run.stdout);
}

#[test]
fn what_no_relay_confirmed_stays_marked_until_one_does() {
    let answers = crate::host::read(AUTHENTICATED).replace("60s", "3s");
    let run = host().relay("silent").answers_text(&answers).sh(
        "relayhost apply >/dev/null; echo apply $?; relayhost apply; echo again $?; relayhost check; echo check $?; relayhost check --nagios",
    );
    run.says("apply 5").says("again 5").says("warn message.unproven").says("check 3\nRELAYHOST WARNING");
    let run = host().relay("greylist").answers_text(&answers).sh(
        "relayhost apply >/dev/null; echo apply $?; sleep 3; relayhost apply; echo again $?; relayhost check; relayhost apply; echo last $?",
    );
    run.says("apply 5").says("again 0").says("nothing to do").never_says("message.unproven").says("last 0");
}
