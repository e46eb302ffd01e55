//! `diagnose` on hosts that people made by hand: a failure whose reason is on the host is explained by the hop, with table,
//! file and line, and the remedy, typed as it stands, lets the next message through.

use crate::host::{AUTHENTICATED, host};

/// Prepares a host that delivers, changes it, sends a message, diagnoses; then types the commands of the remedy, and sends
/// another one.
const SCRIPT: &str = r"
relayhost apply --no-verify >/dev/null || exit 90
{ {SETUP}; } >/root/out 2>&1
cool 2>/dev/null
printf 'From: {FROM}\nTo: ops@example.com\nSubject: alert\n\nbody\n' | sendmail -f {FROM} -i ops@example.com
for i in $(seq 40); do grep -q 'status=' /var/log/maillog && break; sleep 0.2; done
sleep 0.3
echo '== diagnose'
relayhost diagnose --json
echo '== log'
cat /var/log/maillog
";

struct Kind {
    setup: &'static str,
    from: &'static str,
    id: &'static str,
    /// Words of the cause, which name the place.
    place: &'static str,
    remedy: &'static str,
}

const ALERTS: &str = "monitor@op5-system.localdomain";

const fn kind(setup: &'static str, id: &'static str, place: &'static str, remedy: &'static str) -> Kind {
    Kind { setup, from: ALERTS, id, place, remedy }
}

const KINDS: &[Kind] = &[
    kind(
        "postconf -P smtp/unix/smtp_tls_security_level=none",
        "route.tls",
        "-o smtp_tls_security_level, master.cf line",
        "postconf -PX smtp/unix/smtp_tls_security_level",
    ),
    kind(
        "postconf -P smtp/unix/smtp_sasl_auth_enable=no",
        "route.login",
        "-o smtp_sasl_auth_enable, master.cf line",
        "postconf -PX smtp/unix/smtp_sasl_auth_enable",
    ),
    kind(
        "echo '[smtp.example.com]:587 none' >/etc/postfix/l; postmap hash:/etc/postfix/l; postconf -e smtp_tls_policy_maps=hash:/etc/postfix/l",
        "route.tls",
        "smtp_tls_policy_maps, hash:/etc/postfix/l",
        "out of /etc/postfix/l",
    ),
    kind(
        "echo 'example.com smtp:[dead.lab.test]:587' >/etc/postfix/t; postmap hash:/etc/postfix/t; postconf -e transport_maps=hash:/etc/postfix/t",
        "route.transport",
        "transport_maps, hash:/etc/postfix/t",
        "out of /etc/postfix/t",
    ),
    kind(
        "postconf -e default_transport=error",
        "error-transport",
        "default_transport, main.cf line",
        "postconf -X default_transport",
    ),
    kind(
        "postconf -e defer_transports=smtp",
        "mail-kept",
        "defer_transports, main.cf line",
        "postconf -X defer_transports",
    ),
    kind(
        "postconf -e content_filter=smtp:[127.0.0.1]:10025",
        "route.filter",
        "content_filter, main.cf line",
        "content_filter",
    ),
    kind(
        "postconf -F smtp/unix/chroot=y; rm -f /var/spool/postfix/etc/resolv.conf",
        "route.service",
        "master.cf line",
        "postconf -F smtp/unix/chroot=n",
    ),
    kind(
        "printf '/.+/ root@bad.example.org\\n' >/etc/postfix/c; postconf -e sender_canonical_maps=regexp:/etc/postfix/c",
        "route.sender",
        "sender_canonical_maps, regexp:/etc/postfix/c",
        "out of /etc/postfix/c",
    ),
    Kind {
        from: "cron@op5-system.localdomain",
        ..kind(
            "echo 'cron@op5-system.localdomain nobody@bad.example.org' >>/etc/postfix/generic; postmap hash:/etc/postfix/generic",
            "route.sender",
            "hash:/etc/postfix/generic line 11, key cron@op5-system.localdomain",
            "out of /etc/postfix/generic",
        )
    },
    // What is no fault, and what the catalogue's words come of all the same.
    kind(
        "echo '[smtp.example.com]:587 secure match=other.example.net' >/etc/postfix/l; postconf -e smtp_tls_policy_maps=texthash:/etc/postfix/l",
        "certificate-name",
        "match=other.example.net` (smtp_tls_policy_maps, texthash:/etc/postfix/l line 1",
        "out of /etc/postfix/l",
    ),
    kind(
        "postconf -e smtp_tls_mandatory_protocols=TLSv1",
        "tls-weak",
        "smtp_tls_mandatory_protocols=TLSv1` (smtp_tls_mandatory_protocols, main.cf line",
        "postconf -X smtp_tls_mandatory_protocols",
    ),
    kind(
        "postconf -M 'sms/unix=sms unix - n n - - pipe user=nobody argv=/bin/false'; postconf -e sender_dependent_default_transport_maps=inline:{@op5-system.localdomain=sms:}",
        "route.transport",
        "sender_dependent_default_transport_maps",
        "out of the table in sender_dependent_default_transport_maps",
    ),
    kind(
        "printf '/.*/ root@localhost\\n' >/etc/postfix/v; postconf -e virtual_alias_maps=regexp:/etc/postfix/v",
        "delivered-locally",
        "virtual_alias_maps, regexp:/etc/postfix/v",
        "out of /etc/postfix/v",
    ),
    kind(
        "postconf -e 'smtp_tls_policy_maps=hash:/etc/postfix/generic stray'",
        "daemon-given-up",
        "names no table",
        "out of smtp_tls_policy_maps",
    ),
    // What the answers would set right is mended by the command that does so, and keeps the name of the catalogue.
    kind(
        "postconf -e smtp_tls_security_level=none",
        "starttls-demanded",
        "smtp_tls_security_level, main.cf line",
        "`relayhost apply --force`",
    ),
    kind(
        "postconf -e relayhost=[dead.lab.test]:587",
        "no-route",
        "relayhost, main.cf line",
        "`relayhost apply --force`",
    ),
];

#[test]
fn a_failure_whose_reason_is_on_the_host_is_explained_by_the_hop() {
    let mut wrong = Vec::new();
    for kind in KINDS {
        let script = SCRIPT.replace("{SETUP}", kind.setup).replace("{FROM}", kind.from);
        let run = host().answers(AUTHENTICATED).sh(&script).never_says("horse battery");
        let report = run.json("diagnose");
        let told = report["diagnosis"]["failures"].as_array().unwrap().iter().find(|one| one["ours"] == true);
        let text = |key: &str| told.and_then(|one| one[key].as_str()).unwrap_or_default().to_owned();
        let finding = report["findings"]
            .as_array()
            .into_iter()
            .flatten()
            .any(|one| one["state"] == "differs" && one["id"].as_str().is_some_and(|id| kind.id == id));
        let is_right = text("id") == kind.id
            && text("cause").contains(kind.place)
            && text("remedy").contains(kind.remedy);
        let is_fault = kind.id.starts_with("route.") && kind.from == ALERTS && !kind.place.contains('`');
        if !is_right || (is_fault && !finding) {
            wrong.push(format!("{}: {report:#}\n{}", kind.setup, run.part("log")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n--\n"));
}
