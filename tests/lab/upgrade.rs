//! A host whose release is upgraded, as leapp leaves it, from one whose tables are hash: to one that has lmdb: instead (EL9 to
//! EL10). On the generations whose tables are lmdb: it comes from those before, and what is below /etc and /var is exchanged for
//! theirs; on the others the new release is the host's own, with hash: taken out of its Postfix and lmdb: put in.

use serde_json::Value;

use crate::generation::named;
use crate::host::{AUTHENTICATED, generation, host_of};

/// Mail from before, which left, and which waited for the relay and for Postfix; from the first seconds of the new release, before
/// relayhost looks at it; and from after. `postqueue -f` is what qmgr(8) does by itself in some minutes.
const UPGRADE: &str = r#". /lab/tests/lab/scripts/upgrade.sh
relayhost apply >/dev/null; echo "apply $?"; send before; arrived 2
cut; send waited; await queued 1; postfix stop 2>/dev/null; send dropped; mend
upgrade; waits
boot $tree '. /lab/tests/lab/lib.sh; . /lab/tests/lab/scripts/upgrade.sh
    echo "hash $(postconf -m | grep -cx hash), kept $(postconf -n | grep -c hash:)"; send first
    relayhost pending --due >/root/out; echo "pending $?"; waits; send after; postqueue -f
    await has_mails 7; await queued 0; mailq; relayhost apply >/root/out; echo "apply $?"; grep -c "^nothing to do" /root/out
    postconf -h smtp_generic_maps smtp_sasl_password_maps; echo "== check"; relayhost check --json; echo "== log"; cat /var/log/maillog'
echo "== arrived"; grep -h '^Subject: ' /lab/mailbox/new/* | LC_ALL=C sort | uniq -c"#;

#[test]
fn a_host_that_becomes_the_next_release_loses_no_message_and_needs_no_repair() {
    let after = generation();
    let before = if after.before.is_empty() { &[after.name][..] } else { after.before };
    for before in before.iter().map(|name| named(name)) {
        let host = host_of(before).answers(AUTHENTICATED);
        let host = host.bind(&before.root(), "/lab/before").bind(&after.root(), "/lab/after");
        let run = host
            .sh(UPGRADE)
            .says("apply 0\n2\n@changed.json \nhash 0, kept 4\npending 0\n\nMail queue is empty\n");
        let run = run.says("apply 0\n1\nlmdb:/etc/postfix/generic\nlmdb:/etc/postfix/sasl_passwd\n");
        let subjects: Vec<_> = run.part("arrived").lines().map(str::trim).collect();
        assert_eq!(
            subjects,
            [
                "1 Subject: after",
                "1 Subject: before",
                "1 Subject: dropped",
                "1 Subject: first",
                "2 Subject: relayhost test from op5-system.localdomain",
                "1 Subject: waited",
            ],
            "{run:?}"
        );
        let check = run.json("check");
        let tables: Vec<_> = check["findings"].as_array().unwrap().iter().filter_map(table).collect();
        assert_eq!(
            (&check["exit"], tables),
            (&0.into(), vec!["table.alias_maps", "table.alias_database"]),
            "{check:#}"
        );
    }
}

/// The name of a finding about a table.
fn table(finding: &Value) -> Option<&str> {
    finding["id"].as_str().filter(|id| id.starts_with("table."))
}
