//! What is known of relay providers, and that mail goes out by their presets' own host names, ports and certificates.

use crate::host::{OFFICE365, host, read};

/// The relay `submission` offers PLAIN and LOGIN on 587 only; one preset with parts, one whose host is the tenant's.
#[test]
fn presets_with_a_part_deliver_and_check_the_certificate() {
    for (provider, relay, host_port) in [
        ("ses/eu-west-1", "submission", "[email-smtp.eu-west-1.amazonaws.com]:587"),
        ("zoho-pro/com.au", "submission", "[smtppro.zoho.com.au]:587"),
        ("office365/china", "office365", "[smtp.partner.outlook.cn]:587"),
    ] {
        let answers =
            read(OFFICE365).replace("provider = \"office365\"", &format!("provider = \"{provider}\""));
        let run = host()
            .relay(relay)
            .answers_text(&answers)
            .sh("relayhost apply; postconf -h relayhost smtp_tls_security_level");
        run.exits(0).says("Ok: queued").says(&format!("{host_port}\nsecure\n"));
    }
}

#[test]
fn a_certificate_for_another_name_is_refused_by_a_preset() {
    let run = host().relay("wrongname").answers(OFFICE365).sh("relayhost apply");
    run.exits(4).says("[certificate-name]").says("no file was touched");
}

#[test]
fn a_tenants_own_host_needs_no_login() {
    let answers = read("examples/open.toml").replace(
        "host = \"mailhub.example.com\"\nport = 25",
        "provider = \"office365-connector/example.com\"",
    );
    let run =
        host().relay("plain").answers_text(&answers).sh("relayhost check | tr -s '\n ' ' '; relayhost apply");
    run.says("[example-com.mail.protection.outlook.com]:25, no login, TLS encrypt");
}

#[test]
fn anybody_may_ask_about_providers() {
    let run = host().sh("setpriv --reuid 65534 --clear-groups relayhost providers >/dev/null || exit 9
         echo '== all'; relayhost providers --json; echo '== one'; relayhost providers gmail --json
         echo '== text'; relayhost providers gmail; echo '== end'; relayhost providers gogle; echo $?");
    assert!(run.json("all")["providers"].as_array().unwrap().len() > 20);
    assert_eq!(run.json("one")["providers"][0]["name"], "gmail");
    let text = run.part("text");
    for part in [
        "smtp.gmail.com",
        "have ready:",
        "app password",
        "what will bite:",
        "[app-password-needed]",
        "provider = \"gmail\"",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    run.says("\n2\n").complains("provider `gogle` is not known").complains("gmail");
}

#[test]
fn the_list_of_providers_fits_a_terminal() {
    for columns in [100, 60, 40] {
        let run = host().sh(&format!(
            "LANG=C TERM=xterm script -qec 'stty rows 24 cols {columns}; relayhost providers; relayhost providers ses' /dev/null"
        ));
        let text = run.exits(0).stdout.replace('\r', "");
        assert!(text.is_ascii() && text.lines().count() > 60, "{text}");
        // A word is never cut, since a host name in two could not be copied; answers are shown as they are.
        let shown = text.split("answers (").next().unwrap();
        let wide: Vec<_> =
            shown.lines().filter(|line| line.len() > columns && line.trim().contains(' ')).collect();
        assert!(wide.is_empty(), "{columns}: {wide:#?}");
    }
}
