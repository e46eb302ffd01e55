//! The failure matrix: every case of matrix.toml on a host of its own, broken for real, asked what is wrong, mended as
//! relayhost says, and asked to deliver. Each is a test of its own: `cargo test --test lab -- matrix::wrong_password`, and
//! with RELAYHOST_CAPTURE=DIR it leaves the host's log there. docs/failures.md lists them (`scripts/failures` writes it).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use relayhost::model::causes::catalogue::catalogue;
use serde::Deserialize;
use serde_json::Value;

use crate::generation::{self, generation};
use crate::host::{Host, Run, host, read};

mod page;

/// A test for each case of matrix.toml, by the case's name with `_` for `-`.
macro_rules! cases {
    ($($name:ident)*) => {
        $(#[test] fn $name() { try_case(stringify!($name)); })*
        const TESTS: &[&str] = &[$(stringify!($name)),*];
    };
}

cases! {
    sasl_plugin_missing sasl_noplaintext sasl_filter sasl_null_list sasl_no_mechanism sasl_user_empty
    gssapi_without_ticket sasl_challenge sasl_challenge_not_empty login_refused_earlier no_password_table
    sasl_type_unknown wrong_password password_not_ours smtp_auth_disabled smtp_auth_disabled_mailbox
    basic_auth_blocked basic_auth_retired security_defaults conditional_access wrong_password_office365
    google_password_refused app_password_needed google_sign_in_blocked too_many_logins ses_credentials
    ses_not_subscribed login_trouble sendgrid_credits api_key_refused wrong_password_mailgun
    host_address_not_allowed not_authenticated_sasl_off not_authenticated_no_tls not_authenticated_no_key
    login_needed login_needed_gmail starttls_demanded starttls_lost relay_denied tls_not_offered
    tls_stripped starttls_refused tls_on_the_wrong_port implicit_tls_needed wrappermode_needs_encrypt
    tls_level_unknown tls_policy_bad ca_file_unreadable client_certificate_unreadable
    tls_engine_unavailable certificate_expired certificate_not_yet_valid certificate_self_signed
    certificate_name certificate_not_trusted client_certificate_wanted tls_too_old tls_no_common_version
    tls_no_common_cipher tls_cut_off tls_handshake rewrite_not_in_force sender_not_rewritten
    sender_refused sender_refused_office365 sender_refused_zoho sender_refused_unsaid sender_domain_unknown
    ses_identity_unverified ses_not_authorised sender_identity_unverified sender_restricted
    sender_unauthenticated from_header_missing null_sender_refused workspace_address_not_listed
    connector_mismatch forwarding_refused direct_send_refused exchange_no_relay_right sandbox_recipient recipient_refused
    recipient_refused_unsaid
    greylisted message_too_big smtputf8_not_offered sending_rate daily_limit too_many_connections
    tenant_distrusted direct_delivery_refused blocklisted google_helo helo_rejected no_greeting not_smtp
    relay_has_our_name greeting_refused relay_busy relay_asks_later connection_refused local_relay_down connect_forbidden
    port_25_blocked connection_timed_out ipv6_unreachable no_network no_route bind_address_gone
    connection_lost_in_message connection_lost dns_no_answer host_not_found relay_without_address
    mx_without_address null_mx relayhost_invalid dns_malformed loops_back relayhost_port_bad
    table_not_built table_unreadable table_package_missing table_type_not_here table_not_approved
    transport_table_trouble service_missing daemon_given_up setting_bad
    postfix_not_running relayhost_is_self loopback_missing no_interfaces hostname_unusable
    main_cf_unreadable postlog_missing table_not_built_canonical alias_database table_outdated
    table_line_incomplete table_alias_syntax table_key_twice setting_twice table_rule_skipped
    rewrite_many_values disk_full queue_not_writable submit_not_allowed sender_of_other_login
    message_over_local_limit
    port_25_taken started_twice permissions_wrong queue_file_damaged local_user_unknown mail_loop
    clock_wrong mail_kept
}

/// Defines what the scripts of matrix.toml may call.
const WORDS: &str = ". /lab/tests/lab/scripts/matrix.sh\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Matrix {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    id: String,
    /// Where another case has its id as well.
    name: Option<String>,
    what: String,
    relay: Option<String>,
    replies: Option<String>,
    answers: Option<String>,
    #[serde(default)]
    edit: BTreeMap<String, String>,
    #[serde(default, rename = "break")]
    damage: String,
    #[serde(default)]
    command: Asked,
    exit: Option<i64>,
    deadline: Option<String>,
    /// What `diagnose` names as well, and rightly.
    #[serde(default)]
    also: BTreeSet<String>,
    /// Where it is no line of the log that tells, but a look at the host.
    finding: Option<String>,
    mend: Option<String>,
    /// By the name of a generation: what is otherwise there.
    #[serde(default)]
    on: BTreeMap<String, Elsewhere>,
}

/// What a generation's Postfix does otherwise.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
enum Elsewhere {
    /// It cannot be produced there, for this reason.
    Never(String),
    /// No line of the log tells there, but a look at the host does, by this finding.
    Finding(String),
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Asked {
    #[default]
    Verify,
    Diagnose,
}

impl Case {
    /// The name of its test.
    fn test(&self) -> String {
        self.name.as_ref().unwrap_or(&self.id).replace('-', "_")
    }

    fn answers(&self) -> String {
        let name = self.answers.as_deref().unwrap_or("authenticated");
        let mut text = match name {
            "authenticated" | "office365" | "open" => read(&format!("examples/{name}.toml")),
            _ => preset(name),
        };
        for (from, to) in &self.edit {
            assert!(text.contains(from), "{}: {from} is not in the answers", self.what);
            text = text.replace(from, to);
        }
        text
    }

    fn host(&self) -> Host {
        let host = host().answers_text(&self.answers());
        match (&self.relay, &self.replies) {
            (None, Some(replies)) => host.replies(&format!("{}\n", replies.trim())),
            (Some(relay), None) => host.relay(relay),
            (None, None) => host,
            (Some(_), Some(_)) => panic!("{}: either a relay or replies", self.what),
        }
    }

    fn script(&self) -> String {
        let deadline = self.deadline.as_deref().unwrap_or("20s");
        let mut script = format!(
            "{WORDS}exec 3>&1 >/root/out 2>&1\nrelayhost apply --no-verify\n{}\necho '== verify' >&3\n",
            self.damage
        );
        if self.command == Asked::Verify {
            let _ = writeln!(script, "relayhost verify --json --deadline {deadline} >&3");
        }
        script += "echo '== diagnose' >&3; relayhost diagnose --json >&3; echo '== log' >&3; cat /var/log/maillog >&3\n";
        script += "echo '== mend' >&3; before=$(mails)\n";
        if let Some(mend) = &self.mend {
            let _ = writeln!(script, "{mend}");
            // What mends by sending has sent; what was mended by hand is tried now.
            if !["repair", "apply", "verify"].iter().any(|word| mend.contains(&format!("relayhost {word}"))) {
                script += "relayhost verify\n";
            }
            script += "await has_mails $((before + 1)) && echo arrived >&3\n";
        }
        script + "echo '== out' >&3; cat /root/out >&3"
    }

    /// The finding that tells on a generation, where it is no line of the log.
    fn finding_on(&self, generation: &str) -> Option<&str> {
        match self.on.get(generation) {
            Some(Elsewhere::Finding(id)) => Some(id),
            _ => self.finding.as_deref(),
        }
    }

    /// What was wrong with a run of its script.
    fn faults(&self, run: &Run) -> Vec<String> {
        let mut wrong = Vec::new();
        if self.command == Asked::Verify {
            let report = run.json("verify");
            let (exit, id) = (&report["exit"], &report["delivery"]["cause"]["id"]);
            if (exit.as_i64(), id.as_str()) != (self.exit, Some(&self.id)) {
                wrong.push(format!("verify: exit {exit}, {id}"));
            }
        }
        let report = run.json("diagnose");
        let told = told(&report);
        let mut expected: BTreeSet<&str> = self.also.iter().map(String::as_str).collect();
        match self.finding_on(generation().name) {
            None => drop(expected.insert(&self.id)),
            Some(finding) if has_finding(&report, finding) => {}
            Some(finding) => wrong.push(format!("diagnose: no finding {finding}")),
        }
        if told != expected {
            wrong.push(format!("diagnose: {told:?}, not {expected:?}"));
        }
        if self.mend.is_some() && !run.part("mend").contains("arrived") {
            wrong.push("the message did not arrive after it was mended".into());
        }
        wrong
    }
}

/// Answers for a preset.
fn preset(name: &str) -> String {
    let user = if name == "sendgrid" { "apikey" } else { "alerts@example.com" };
    format!(
        "version = 1\n[relay]\nprovider = \"{name}\"\n[auth]\nusername = \"{user}\"\npassword = \"correct horse battery staple\"\n\
         [sender]\nrewrite = {{ \"monitor@op5-system.localdomain\" = \"alerts@example.com\" }}\n[verify]\nto = \"ops@example.com\"\n"
    )
}

/// The causes that `diagnose` names for this host.
fn told(report: &Value) -> BTreeSet<&str> {
    let failures = report["diagnosis"]["failures"].as_array();
    failures
        .into_iter()
        .flatten()
        .filter(|one| one["ours"] == true)
        .map(|one| one["id"].as_str().unwrap())
        .collect()
}

fn has_finding(report: &Value, id: &str) -> bool {
    report["findings"].as_array().is_some_and(|findings| findings.iter().any(|one| one["id"] == id))
}

fn cases() -> Vec<Case> {
    toml::from_str::<Matrix>(&read("tests/lab/matrix.toml")).unwrap().case
}

/// Produces the cause, asks for it, mends it, and waits for the message.
fn try_case(test: &str) {
    let cases = cases();
    let case = cases.iter().find(|case| case.test() == test);
    let case = case.unwrap_or_else(|| panic!("{test} is not in matrix.toml"));
    if let Some(Elsewhere::Never(reason)) = case.on.get(generation().name) {
        println!("not on {}: {reason}", generation().name);
        return;
    }
    let run = case.host().sh(&case.script());
    let log = format!("{}--\n{}", run.part("log"), run.part("out"));
    if let Some(directory) = std::env::var_os("RELAYHOST_CAPTURE") {
        std::fs::write(Path::new(&directory).join(format!("{test}.log")), &log).unwrap();
    }
    let faults = case.faults(&run);
    assert!(faults.is_empty(), "{} ({}): {}\n{log}", case.id, case.what, faults.join("; "));
}

#[test]
fn each_case_has_a_test_and_a_cause_of_the_catalogue() {
    let cases = cases();
    let named: Vec<String> = cases.iter().map(Case::test).collect();
    assert_eq!(named, TESTS, "matrix.toml and the list of tests above");
    let known: BTreeSet<&str> = catalogue().iter().map(|entry| entry.id.as_str()).collect();
    for case in &cases {
        assert!(known.contains(case.id.as_str()), "{} is not in the catalogue", case.id);
        assert_eq!(case.exit.is_some(), case.command == Asked::Verify, "{}", case.what);
        let names: Vec<&str> = case.on.keys().map(|name| generation::named(name).name).collect();
        assert!(names.len() < generation::ALL.len(), "{}: named on no generation", case.what);
    }
}
