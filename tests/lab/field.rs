//! Hosts that people made by hand: every host of field.toml is made, looked at, configured, taken back, and mended as
//! relayhost says. Each is a test of its own: `cargo test --test lab -- field::milter_is_down`.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value;

use crate::host::{AUTHENTICATED, Run, host, read};

/// A test for each host of field.toml, by its id.
macro_rules! hosts {
    ($($name:ident)*) => {
        $(#[test] fn $name() { try_host(stringify!($name)); })*
        const TESTS: &[&str] = &[$(stringify!($name)),*];
    };
}

hosts! {
    comments_inside_values byte_order_mark passwords_inline tables_by_config_directory cyrus_path
    service_overrides_tls relay_by_sender default_transport_error panel managed_by_others
    password_table_with_history no_final_newline old_tls_settings recipient_domain_is_local
    header_checks_hold own_parameters service_commented_out bare_host_name_in_password_table
    milter_is_down content_filter_that_works sender_canonical_for_all only_root_reads_main_cf
    windows_line_ends word_of_vi_before_a_parameter byte_order_mark_before_a_parameter
    mailbox_for_all_of_a_test_system relay_as_a_transport_of_its_own maintenance_that_was_forgotten
    login_for_each_sender table_of_a_package_that_is_gone copies_by_a_table_that_was_not_built
    cleanup_commented_out tlsmgr_commented_out main_cf_in_utf_16 helo_for_an_old_relay offers_that_are_passed_over
    service_with_a_generic_table_of_its_own origin_in_a_file_that_is_not_there limit_below_any_message
    root_may_not_submit facility_of_its_own all_mail_goes_to_one_person
    service_that_limits_the_login reused_connections_without_tlsproxy interface_that_is_gone
    queue_manager_commented_out
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Field {
    host: Vec<Site>,
}

/// A host of field.toml; its keys are described there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Site {
    id: String,
    source: String,
    made: String,
    #[serde(default)]
    check: Vec<String>,
    #[serde(default)]
    notes: Vec<String>,
    apply: i32,
    cause: Option<String>,
    #[serde(default)]
    keeps: Vec<String>,
    #[serde(default = "nothing")]
    after: String,
    mend: Option<String>,
}

fn nothing() -> String {
    "true".into()
}

fn sites() -> Vec<Site> {
    toml::from_str::<Field>(&read("tests/lab/field.toml")).unwrap().host
}

impl Site {
    fn script(&self) -> String {
        let mut script =
            format!(". /lab/tests/lab/scripts/field.sh\nexec 3>&1 >/root/out 2>&1\n{}\n", self.made);
        let mend = self.mend.as_deref().unwrap_or("true");
        let _ = writeln!(script, "try_host '{}' '{}'", quoted(&self.after), quoted(mend));
        script + "echo '== out' >&3; cat /root/out /var/log/maillog >&3"
    }

    /// What was wrong with a run of its script.
    fn faults(&self, run: &Run) -> Vec<String> {
        let mut wrong = Vec::new();
        let ended = run.part("ended");
        if ended.lines().next() != Some(&self.apply.to_string()) {
            wrong.push(format!("apply ended with {ended}"));
        }
        if self.apply == 0 && !ended.contains("arrived") {
            wrong.push("the message did not arrive".into());
        }
        if let Some(cause) = &self.cause
            && !names(run, cause)
        {
            wrong.push(format!("apply does not name {cause}: {} {ended}", run.part("apply")));
        }
        let shown = run.part("check");
        for (ids, states) in [(&self.check, &["differs", "warning"][..]), (&self.notes, &["note"][..])] {
            for id in ids.iter().filter(|id| !found(run, "check", id, states)) {
                wrong.push(format!("check has no {id}: {shown}"));
            }
        }
        for line in self.keeps.iter().filter(|line| !run.part("main.cf").lines().any(|one| one == *line)) {
            wrong.push(format!("main.cf has lost `{line}`"));
        }
        for (part, word) in [("after", "good"), ("restored", "same"), ("mended", "0\narrived")] {
            if !run.part(part).starts_with(word) {
                wrong.push(format!("{part}: {}", run.part(part)));
            }
        }
        wrong
    }
}

/// For a word between single quotes of the shell.
fn quoted(text: &str) -> String {
    text.replace('\'', r"'\''")
}

/// Whether a document of relayhost has this finding in one of these states.
fn found(run: &Run, part: &str, id: &str, states: &[&str]) -> bool {
    let Ok(report) = serde_json::from_str::<Value>(run.part(part)) else {
        return false;
    };
    let findings = report["findings"].as_array().into_iter().flatten();
    findings.into_iter().any(|one| one["id"] == id && states.iter().any(|state| one["state"] == *state))
}

/// Whether apply named the cause: of the message, or in its findings, or in the error's words.
fn names(run: &Run, cause: &str) -> bool {
    let report = serde_json::from_str::<Value>(run.part("apply")).unwrap_or_default();
    let mut warnings = report["probe"]["warnings"].as_array().into_iter().flatten();
    report["delivery"]["cause"]["id"] == cause
        || warnings.any(|one| one["id"] == cause)
        || found(run, "apply", cause, &["differs", "warning"])
        || run.part("ended").contains(cause)
}

/// Makes the host, lets relayhost work on it, and judges.
fn try_host(id: &str) {
    let all = sites();
    let one = all.iter().find(|one| one.id == id).unwrap_or_else(|| panic!("{id} is not in field.toml"));
    let answers = read(AUTHENTICATED).replace("deadline = \"60s\"", "deadline = \"15s\"");
    let run = host().answers_text(&answers).sh(&one.script());
    let faults = one.faults(&run);
    assert!(faults.is_empty(), "{id}: {}\n--\n{}", faults.join("\n"), run.part("out"));
}

#[test]
fn each_host_has_a_test_and_a_source() {
    let all = sites();
    let named: Vec<&str> = all.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(named, TESTS, "field.toml and the list of tests above");
    assert!(all.iter().all(|one| !one.source.is_empty()));
    assert!(
        all.iter()
            .all(|one| (one.apply == 0) == one.cause.is_none() && (one.apply == 0) == one.mend.is_none())
    );
}
