//! Tables of a type that this Postfix does not have: each is named, with the commands that convert it; relayhost's own are
//! written anew. Without hash: means that its name is taken out of the real Postfix's library (texthash: goes with it, one
//! string has both), as an upgrade to EL10 leaves it; lmdb: is a package here.

use serde_json::Value;

use crate::host::{AUTHENTICATED, Run, host};

/// Sets the host up with hash:, as how-tos do, with tables of other people, and then takes hash: away and brings lmdb:.
const UPGRADED: &str = r"
relayhost apply --no-verify >/dev/null || exit 90
useradd -m lists
install -d -o lists /etc/lists
echo 'x@example.org ops@example.com' >/etc/lists/virtual; chown lists /etc/lists/virtual
echo 'old.example.org smtp:[192.0.2.77]' >/etc/postfix/transport
postconf -e virtual_alias_maps=hash:/etc/lists/virtual transport_maps=hash:/etc/postfix/transport \
    'smtpd_client_restrictions=permit_mynetworks, check_client_access hash:/etc/postfix/access' \
    alias_maps=hash:/etc/aliases alias_database=hash:/etc/aliases
: >/etc/postfix/access
postconf -P relay/unix/smtp_generic_maps=hash:/etc/postfix/transport
yum -y -q install postfix-lmdb >/dev/null 2>&1 || exit 91
postfix stop 2>/dev/null
sed -i 's/texthash\x00/textgone\x00/; s/\x00hash\x00/\x00gone\x00/' /usr/lib64/postfix/libpostfix-{util,global}.so
postconf -m | grep -qx hash && exit 92
postconf -e default_database_type=lmdb 'smtp_generic_maps=lmdb:/etc/postfix/generic, hash:/etc/postfix/generic'
postfix start 2>/dev/null
";

/// The commands in a remedy that stand between backquotes, but for packages.
fn commands(remedy: &str) -> Vec<&str> {
    remedy.split('`').skip(1).step_by(2).filter(|command| !command.starts_with("yum")).collect()
}

/// The findings about tables, with their remedies.
fn tables(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().unwrap();
    let all = findings.iter().filter(|one| one["id"].as_str().is_some_and(|id| id.starts_with("table.")));
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    all.map(|one| (text(&one["id"]), text(&one["remedy"]))).collect()
}

fn upgraded(script: &str) -> Run {
    host().answers(AUTHENTICATED).sh(&format!("{UPGRADED}{script}")).never_says("horse battery")
}

#[test]
fn an_upgrade_that_takes_hash_away_is_named_and_mended() {
    let look = "echo '== check'; relayhost check --json; echo '== plan'; relayhost plan; echo '== diagnose'; relayhost diagnose --json\n";
    let run = upgraded(look);
    let found = tables(&run.json("check"));
    let ids: Vec<&str> = found.iter().map(|(id, _)| id.as_str()).collect();
    let named = [
        "alias_maps",
        "alias_database",
        "virtual_alias_maps",
        "transport_maps",
        "smtpd_client_restrictions",
        "smtp_generic_maps",
    ];
    for name in named {
        assert!(ids.contains(&format!("table.{name}").as_str()), "{name}: {found:?}");
    }
    assert!(!ids.contains(&"table.smtp_sasl_password_maps"), "ours are in the plan: {found:?}");
    let plan = run.part("plan");
    assert!(plan.contains("lmdb table") && plan.contains("+smtp_sasl_password_maps = lmdb:"), "{plan}");
    let remedy = |name: &str| &found.iter().find(|(id, _)| id == &format!("table.{name}")).unwrap().1;
    assert!(
        remedy("virtual_alias_maps").contains("`runuser -u lists -- postmap lmdb:/etc/lists/virtual`"),
        "{found:?}"
    );
    assert!(remedy("smtp_generic_maps").contains("postconf -P "), "{found:?}");
    // What was typed, as it stands, leaves nothing; and then mail leaves.
    let typed: Vec<&str> = found.iter().flat_map(|(_, remedy)| commands(remedy)).collect();
    let script = format!(
        "{}\nrelayhost apply >/root/applied; echo \"apply $?\"; arrived\necho '== check'; relayhost check --json",
        typed.join("\n")
    );
    let run = upgraded(&script).says("apply 0\n1\n");
    assert_eq!(tables(&run.json("check")), [], "{typed:?}");
    assert_eq!(run.json("check")["exit"], 0, "{:#}", run.json("check"));
}

/// Postfix 3.11 opens another table in place of hash: where that is switched on; here only the parameter is there.
#[test]
fn with_the_redirection_on_hash_is_no_fault() {
    let script =
        "postconf -e non_bdb_migration_level=enable-redirect; echo '== check'; relayhost check --json";
    let found = tables(&upgraded(script).json("check"));
    assert_eq!(found, []);
}

#[test]
fn a_type_whose_package_is_not_there_is_named_and_without_answers_too() {
    let setup = "postconf -e canonical_maps=lmdb:/etc/postfix/c relocated_maps=pcre:/etc/postfix/p; \
                 echo '/x/ y' >/etc/postfix/p; echo 'a@b.example c@d.example' >/etc/postfix/c\n";
    let look = "echo '== diagnose'; relayhost diagnose --json";
    for run in
        [host().sh(&format!("{setup}{look}")), host().answers(AUTHENTICATED).sh(&format!("{setup}{look}"))]
    {
        let found = tables(&run.json("diagnose"));
        let remedy = |name: &str| found.iter().find(|(id, _)| id == name).map(|(_, remedy)| remedy.as_str());
        let canonical = remedy("table.canonical_maps").unwrap_or_default();
        assert!(
            canonical.contains("postmap hash:/etc/postfix/c") && canonical.contains("postfix-lmdb"),
            "{found:?}"
        );
        assert!(
            remedy("table.relocated_maps").is_some_and(|text| text.contains("yum install postfix-pcre")),
            "{found:?}"
        );
    }
}
