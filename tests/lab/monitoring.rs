//! docs/monitoring.md: each definition on it is loaded by the program that it is for, and Nagios, NRPE, Icinga 2 and
//! node_exporter show what relayhost says of a host.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::host::{AUTHENTICATED, Host, host, project, read};

/// Where the test's host has the blocks of the page, and its functions.
const PREPARED: &str = ". /lab/tests/lab/scripts/monitoring.sh; monitors";

/// The blocks of the page: the file that is named last before each, and its text.
fn blocks() -> Vec<(String, String)> {
    let page = read("docs/monitoring.md");
    let (mut named, mut blocks): (_, Vec<(String, String)>) = (String::new(), Vec::new());
    let mut is_inside = false;
    for line in page.lines() {
        match line.strip_prefix("    ") {
            Some(text) if is_inside => blocks.last_mut().unwrap().1 += &format!("{text}\n"),
            Some(text) => {
                blocks.push((named.clone(), format!("{text}\n")));
                is_inside = true;
            }
            None if line.is_empty() && is_inside => blocks.last_mut().unwrap().1.push('\n'),
            None => {
                is_inside = false;
                let names = line.split('`').skip(1).step_by(2).filter_map(|name| name.split(' ').next_back());
                named = names.filter(|name| name.starts_with('/')).last().map_or(named, str::to_owned);
            }
        }
    }
    blocks
}

/// The blocks as files.
fn page() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in blocks() {
        let path = dir.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        assert!(!path.exists(), "two blocks of docs/monitoring.md are {}", path.display());
        fs::write(path, text).unwrap();
    }
    dir
}

fn monitored(page: &Path) -> Host {
    host().monitors().bind(page, "/lab/page")
}

#[test]
fn every_definition_on_the_page_is_loaded_by_its_program_and_a_broken_one_is_not() {
    let page = page();
    let run = monitored(page.path()).stopped().sh(&format!(
        "{PREPARED}; nagios_config; op5_config; nrpe_config; icinga_config
         tried sudoers /etc/sudoers.d/relayhost visudo -c
         tried nagios /etc/nagios4/conf.d/relayhost.cfg nagios4 -v /etc/nagios4/nagios.cfg
         tried here /etc/nagios4/conf.d/relayhost-here.cfg nagios4 -v /etc/nagios4/nagios.cfg
         tried commands /opt/monitor/etc/checkcommands.cfg nagios4 -v /opt/nagios.cfg
         tried services /opt/monitor/etc/services.cfg nagios4 -v /opt/nagios.cfg
         tried icinga /etc/icinga2/conf.d/relayhost.conf icinga2 daemon -C
         place /etc/prometheus/rules/relayhost.yml /tmp/relayhost.yml; cp /lab/tests/lab/monitoring/rules_test.yml $M/tmp/
         tried rules /tmp/relayhost.yml promtool check rules /tmp/relayhost.yml
         in_tree promtool test rules /tmp/rules_test.yml; echo \"rules $?\"
         sed -i 's/> 7 \\* 86400/> 8 * 86400/' $M/tmp/relayhost.yml; in_tree promtool test rules /tmp/rules_test.yml >/dev/null 2>&1; echo \"changed $?\""
    ));
    for name in ["sudoers", "nagios", "here", "commands", "services", "icinga", "rules"] {
        assert!(run.stdout.contains(&format!("{name} good, broken refused\n")), "{name}: {run:?}");
    }
    run.says("rules 0\n").says("changed 1\n");
    let rules = fs::read_to_string(project().join("tests/lab/monitoring/rules_test.yml")).unwrap();
    for (_, text) in blocks() {
        for alert in text.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
            let fires = format!("alertname: {alert}\n        exp_alerts:");
            assert!(rules.contains(&fires), "no case in which {alert} fires");
            assert!(
                rules.contains(&format!("alertname: {alert} }}")),
                "no case in which {alert} does not fire"
            );
        }
    }
}

#[test]
fn the_right_to_run_it_is_for_the_command_lines_on_the_page_alone() {
    let page = page();
    let allowed = ["check --nagios", "check --nagios --max-queue-age 15m --max-proof-age 30d"];
    let refused = [
        "check",
        "apply",
        "check --nagios --answers /etc/shadow",
        "check --nagios --max-queue-age 15m --max-proof-age 30d --answers /etc/shadow",
        "check --nagios --max-queue-age '5 --answers /etc/shadow 1m' --max-proof-age 30d",
        "check --nagios --max-queue-age 15m --max-proof-age '1d --answers=/etc/shadow 0d'",
        "check --nagios --max-queue-age 1*m --max-proof-age 30d",
    ];
    let call = |user: &str, line: &&str| {
        format!("in_tree sudo -u {user} sudo -n /usr/bin/relayhost {line} >/dev/null 2>&1; echo $?\n")
    };
    let calls: String = allowed.iter().chain(&refused).map(|line| call("nrpe", line)).collect();
    let stranger: String = allowed.iter().map(|line| call("nobody", line)).collect();
    let run = monitored(page.path()).answers(AUTHENTICATED).sh(&format!(
        "relayhost apply --no-verify >/dev/null; {PREPARED}\n{calls}{stranger}in_tree sudo -u nrpe sudo -n /usr/bin/relayhost apply 2>&1 | grep -c password"
    ));
    run.exits(0).says(&format!("{}{}1\n", "0\n".repeat(2), "1\n".repeat(refused.len() + 2)));
}

/// Whether systemd has something to say of the units; nobody asks where there is no systemd.
#[test]
fn the_units_on_the_page_are_good() {
    let page = page();
    let units = page.path().join("etc/systemd/system");
    let names = ["relayhost-prometheus.service", "relayhost-prometheus.timer"].map(|name| units.join(name));
    let verify = |names: &[PathBuf]| {
        let output =
            Command::new("systemd-analyze").args(["--man=no", "verify"]).args(names).output().ok()?;
        Some(format!("{}{}", output.status, String::from_utf8_lossy(&output.stderr)))
    };
    let Some(said) = verify(&names) else { return println!("no systemd-analyze here") };
    assert_eq!(said, "exit status: 0");
    fs::write(&names[0], "[Service]\nType=oneshot\nExecStrat=/bin/sh\n").unwrap();
    assert!(verify(&names).unwrap().contains("ExecStrat"));
}

/// The states of a host: mail leaves; the relay cannot be reached and a message has waited for an hour; Postfix is stopped.
const STATES: &str = "relayhost apply >/dev/null
    good() { :; }
    dead() { ip link set eth0 down; printf 'Subject: x\\n\\nx\\n' | sendmail ops@example.com; await deferred; aged; }
    stopped() { ip link set eth0 up; postfix stop 2>/dev/null; }";

fn says(part: &str, state: u8, words: &str) {
    assert!(
        part.starts_with(&format!("{state} RELAYHOST ")) && part.contains(words),
        "{state} {words}: {part}"
    );
    let (text, data) = part.rsplit_once(" | ").unwrap_or_else(|| panic!("{part}"));
    assert!(data.contains("differs=") && data.contains("queue_age="), "{part}");
    assert!(!text.contains('|'), "{part}");
}

#[test]
fn nagios_shows_what_relayhost_says_by_sudo_and_by_nrpe() {
    let page = page();
    let run = monitored(page.path()).answers(AUTHENTICATED).sh(&format!(
        "{STATES}; {PREPARED}; nagios_config; nrpe_config; start_nrpe; start_nagios
         for state in good dead stopped; do $state; look; for on in localhost mon1.example.com; do echo \"== $state $on\"; shown $on; done; done"
    ));
    for on in ["localhost", "mon1.example.com"] {
        let part = |state| run.part(&format!("{state} {on}")).to_owned();
        says(&part("good"), 0, "OK - mail leaves through [smtp.example.com]:587");
        says(&part("dead"), 2, "CRITICAL - queue.waiting: 1 message waits for the relay, for 60 min");
        assert!(part("dead").contains("mail does not leave through"), "{run:?}");
        says(&part("stopped"), 2, "service.running: not running");
    }
}

#[test]
fn icinga_shows_what_relayhost_says_with_the_limits_of_the_host() {
    let page = page();
    let run = monitored(page.path()).answers(AUTHENTICATED).sh(&format!(
        "{STATES}; {PREPARED}; icinga_config; start_icinga
         for state in good dead stopped; do $state; echo \"== $state\"; icinga_shown; done"
    ));
    says(run.part("good"), 0, "OK - mail leaves through [smtp.example.com]:587");
    // By the host's own limit: seven days.
    assert!(run.part("good").contains(";604800;;0"), "{run:?}");
    says(run.part("dead"), 2, "CRITICAL - queue.waiting: 1 message waits for the relay, for 60 min");
    says(run.part("stopped"), 2, "service.running: not running");
}

#[test]
fn node_exporter_shows_the_figures_and_keeps_the_old_ones_where_there_are_none() {
    let page = page();
    let run = monitored(page.path()).answers(AUTHENTICATED).sh(&format!(
        "{STATES}; {PREPARED}; place /etc/systemd/system/relayhost-prometheus.service; start_exporter
         for state in good dead stopped; do $state; echo \"== $state\"; written; exported; done
         echo '== broken'; echo x >>/etc/relayhost/answers.toml; written; exported
         echo '== none'; before=$(stat -c %y $M$FILE); PROGRAM=/bin/false written; [ \"$before\" = \"$(stat -c %y $M$FILE)\" ] && echo kept; ls $M${{FILE%/*}}; stat -c %a $M$FILE
         echo '== planted'; echo mine >$M/root/precious; rm $M$FILE; ln -sf /root/precious $M$FILE.new; written; cat $M/root/precious; stat -c %F $M$FILE
         mkdir $M/root/theirs; ln -sfn /root/theirs $M$FILE; written; ls $M/root/theirs; stat -c %F $M$FILE"
    ));
    let part = |name: &str, exit: &str, figures: &[&str]| {
        let part = run.part(name);
        assert!(part.contains(&format!("unit {exit}\n")) && part.contains("promtool 0\n"), "{name}: {part}");
        assert!(part.contains("node_textfile_scrape_error 0\n"), "{name}: {part}");
        for figure in figures {
            assert!(part.contains(&format!("\nrelayhost_{figure}\n")), "{name}: no {figure} in {part}");
        }
    };
    part(
        "good",
        "0",
        &["mail_leaves{state=\"yes\"} 1", "host_in_order 1", "queue_messages{state=\"waiting\"} 0"],
    );
    part(
        "dead",
        "0",
        &["mail_leaves{state=\"no\"} 1", "queue_messages{state=\"waiting\"} 1", "check_exit_status 3"],
    );
    assert!(
        run.part("dead").contains("relayhost_failure_timestamp_seconds{cause=\"no-network\"} 1."),
        "{run:?}"
    );
    assert!(run.part("dead").contains("relayhost_queue_oldest_message_timestamp_seconds 1."), "{run:?}");
    part("stopped", "0", &["mail_leaves{state=\"no\"} 1", "host_in_order 0"]);
    part("broken", "0", &["mail_leaves{state=\"unknown\"} 1", "check_exit_status 2"]);
    assert!(!run.part("broken").contains("host_in_order"), "{run:?}");
    let planted = "unit 0\npromtool 0\nmine\nregular file\nunit 0\npromtool 0\nregular file\n";
    assert_eq!(run.part("planted"), planted, "{run:?}");
    assert!(run.part("none").ends_with("kept\nrelayhost.prom\nrelayhost.prom.new\n644\n"), "{run:?}");
}

/// Figures of a look that saw nothing would take the place of those that are known.
#[test]
fn a_look_that_was_stopped_has_no_figures_and_a_wrong_call_neither() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply --no-verify >/dev/null; wrap /usr/bin/rpm 'sleep 5'
         relayhost check --prometheus >/root/out 2>/root/err & look=$!; sleep 0.5; kill -TERM $look; wait $look; echo stopped $? $(wc -c </root/out); unwrap /usr/bin/rpm
         relayhost check --prometheus --bogus 2>/dev/null; echo wrong $?; relayhost check --prometheus --json 2>/dev/null; echo both $?
         relayhost check --prometheus >/dev/full; echo full $?",
    );
    run.says("stopped 143 0\nwrong 2\nboth 2\nfull 1\n");
}

/// What a relay says goes through every form for a monitoring system, and is words in one line there.
#[test]
fn no_word_of_a_relay_leaves_its_place() {
    let page = page();
    let hostile = r#"550-5.7.1 a|b=9;;; ; `id` $(id) "c" 'd' \\ \x5cn \xe2\x80\xae\xc3\xbc\xff\n550 5.7.1 [1] PROCESS_SERVICE_CHECK_RESULT;localhost;mail leaves;0;fine | waiting=0"#;
    let long = format!("MAIL 550 5.7.1 {}\n", "long|;".repeat(700));
    let later = hostile.replace("550", "450");
    for replies in [format!("MAIL {hostile}\n"), format!("RCPT {later}\n"), long] {
        let run = monitored(page.path()).answers(AUTHENTICATED).replies(&replies).sh(&format!(
            "relayhost apply --no-verify --no-probe >/dev/null; for n in 1 2; do printf 'Subject: x\\n\\nx\\n' | sendmail ops@example.com; done; await grep -q status= /var/log/maillog; sleep 0.5
             {PREPARED}; nagios_config; nrpe_config; start_nrpe; start_nagios; place /etc/systemd/system/relayhost-prometheus.service; start_exporter
             relayhost check --json 2>/dev/null | grep -q '\"reason\": \"host ' && echo heard
             echo '== line'; relayhost check --nagios; echo '== figures'; written; exported; look
             for on in localhost mon1.example.com; do echo \"== $on\"; shown $on; done; echo '== commands'; grep -c 'EXTERNAL COMMAND: PROCESS' $M/var/log/nagios4/nagios.log; echo '== end'"
        ));
        let run = run.says("heard\n");
        assert_eq!(run.part("commands"), "0\n", "{run:?}");
        for on in ["line", "localhost", "mon1.example.com"] {
            let part = run.part(on);
            assert!(part.lines().count() == 1 && part.matches('|').count() == 1, "{on}: {part}");
            assert_eq!(data_names(part), DATA, "{on}: {part}");
        }
        let figures = run.part("figures");
        assert!(
            figures.contains("promtool 0\n") && figures.contains("node_textfile_scrape_error 0\n"),
            "{figures}"
        );
        for word in ["PROCESS", "long", "5.7.1", "192.0.2.1", "ops@"] {
            assert!(!figures.contains(word), "{word}: {figures}");
        }
    }
}

/// The performance data of `check --nagios` for a login by a password.
const DATA: [&str; 6] = ["differs", "warnings", "waiting", "queue_age", "proof_age", "refusal_age"];

/// The names of performance data.
fn data_names(line: &str) -> Vec<&str> {
    let (_, data) = line.trim_end().rsplit_once(" | ").unwrap_or_else(|| panic!("no data: {line}"));
    data.split(' ').map(|one| one.split('=').next().unwrap()).collect()
}

/// A definition that a program would not even see proves nothing.
#[test]
fn the_page_has_a_block_for_each_program() {
    let blocks = blocks();
    let names: Vec<&str> = blocks.iter().map(|(name, _)| name.as_str()).collect();
    let wanted = [
        "/etc/sudoers.d/relayhost",
        "/etc/nrpe.d/relayhost.cfg",
        "/etc/nagios/conf.d/relayhost.cfg",
        "/etc/nagios/conf.d/relayhost-here.cfg",
        "/opt/monitor/etc/checkcommands.cfg",
        "/opt/monitor/etc/services.cfg",
        "/etc/icinga2/zones.d/global-templates/relayhost.conf",
        "/etc/systemd/system/relayhost-prometheus.service",
        "/etc/systemd/system/relayhost-prometheus.timer",
        "/etc/prometheus/rules/relayhost.yml",
    ];
    assert_eq!(names, wanted);
}
