//! `relayhost init` for logins by an access token: typed at on a terminal, and with flags alone; what it writes delivers.

use crate::host::{Run, host, project};
use crate::init::typed;
use crate::package::packages_are_built;

const APP: &str = "abcdef00-90ab-cdef-1234-567890abcdef";
const FLAGS: &str = "--provider office365 --flow certificate --tenant example.onmicrosoft.com --username alerts@example.com \
                     --password-file /etc/relayhost/oauth.pem --to ops@example.net";

fn run(script: &str) -> Run {
    packages_are_built();
    let host = host().relay("xoauth2").bind(&project().join("target/rpm/repo"), "/lab/packages");
    host.sh(&format!(". /lab/tests/lab/scripts/tokens.sh; . /lab/tests/lab/scripts/plugin.sh\n{script}"))
}

/// A secret's id is seen when it is typed, and a refusal of the provider leads to the answer that it is about.
#[test]
fn what_is_wrong_with_a_secret_or_an_application_is_asked_for_again_and_nothing_typed_is_lost() {
    let steps = [
        ("How shall this host log in", "secret"),
        ("User name", "alerts@example.com"),
        ("The tenant", "aadsts90002.example.com"),
        ("application's id", "12345678-90ab-cdef-1234-567890abcdef"),
        ("Client secret", "87654321-90ab-cdef-1234-567890abcdef"),
        ("is the ID of the client secret", "lab~secret/with+odd=letters"),
        ("client secret ends", "2030-01-01"),
        ("Enter when all of that is done", ""),
        ("local address", ""),
        ("relay see instead", ""),
        ("test message", "ops@example.net"),
        ("and write it", ""),
        (r"there is no such tenant.*Correct which answer.*\[tenant\]", ""),
        ("The tenant", "aadsts7000215.example.com"),
        (r"not one of the application.*\[password\]", "tenant"),
        ("The tenant", "example.onmicrosoft.com"),
        ("Apply now", "no"),
    ];
    let run = run(&format!(
        "{}cat /etc/relayhost/answers.toml",
        typed(80, "--provider office365/worldwide", &steps)
    ));
    run.says("exit 0\nleft over: 0\n")
        .says("tenant = \"example.onmicrosoft.com\"\n")
        .says("client_secret_ends = ");
}

/// The steps of the administrator have this tenant's values, and what is written delivers.
#[test]
fn microsoft_365_from_questions_to_a_message_that_a_token_has_sent() {
    let steps = [
        ("Which cloud", ""),
        ("How shall this host log in.*password", ""),
        ("User name", "alerts@example.com"),
        ("The tenant", "common"),
        ("is not a tenant", "example.onmicrosoft.com"),
        ("application's id", "my-app"),
        ("not the id of an application", APP),
        ("The file with the certificate", "/etc/relayhost/none.pem"),
        ("login --new-certificate", "/etc/relayhost/service-account.json"),
        ("there is no certificate in it", "/etc/relayhost/oauth.pem"),
        ("Enter when all of that is done", ""),
        ("local address", ""),
        ("relay see instead", ""),
        ("test message", "ops@example.net"),
        ("and write it", ""),
        ("Apply now", "no"),
    ];
    let run = run(&format!(
        "{}cat /etc/relayhost/answers.toml; relayhost apply; echo \"apply $?\"; relayhost check --nagios; grep -o 'sasl_method=[A-Z0-9]*' /lab/relay-log/mail.log | sort -u",
        typed(100, "--provider office365", &steps)
    ));
    run.says("App registrations, New registration")
        .says("Connect-ExchangeOnline -Organization example.onmicrosoft.com")
        .says(&format!("New-ServicePrincipal -AppId {APP} "))
        .says("PrimarySmtpAddress -eq 'alerts@example.com'")
        .says("Add-MailboxPermission alerts@example.com")
        .says("there is no file `/etc/relayhost/none.pem`")
        .says("openssl x509 -in /etc/relayhost/oauth.pem")
        .says("flow = \"certificate\"\n")
        .says("apply 0\n")
        .says("RELAYHOST OK")
        .says("sasl_method=XOAUTH2");
}

#[test]
fn flags_alone_write_answers_by_a_certificate_or_a_secret_once_the_relay_has_taken_the_token() {
    let run = run(&format!(
        "relayhost init {FLAGS} --client-id {APP} </dev/null; echo \"certificate $?\"; grep -c certificate /etc/relayhost/answers.toml
         relayhost init --force {} --client-id 12345678-90ab-cdef-1234-567890abcdef --client-secret-ends 2030-01-01 </dev/null; echo \"secret $?\"
         relayhost check | grep token.client_secret",
        FLAGS.replace("certificate", "secret").replace("oauth.pem", "client-secret")
    ));
    run.exits(0).says("certificate 0\n2\n").says("secret 0\n").says("lasts until 2030-01-01");
}

#[test]
fn what_the_provider_refuses_is_not_written_and_each_missing_flag_is_named() {
    let run = run(&format!(
        "f() {{ relayhost init \"$@\" </dev/null; echo \"exit $?\"; }}
         f {FLAGS}; f --provider gmail --flow certificate --username a@b.c --to a@b.c; f --host a.b --flow secret
         f {} --client-id {APP}; f {} --client-id {APP}; ls /etc/relayhost/answers.toml",
        FLAGS.replace("example.onmicrosoft.com", "aadsts700016.example.com"),
        FLAGS.replace("example.onmicrosoft.com", "common")
    ));
    run.says("exit 2\nexit 2\nexit 2\n")
        .says("exit 4\nexit 2\n")
        .says("there is no such application in this tenant [AADSTS700016]")
        .complains("--client-id ID")
        .complains("take one of service-account, code, password")
        .complains("gives no access tokens")
        .complains("is not a tenant");
}
