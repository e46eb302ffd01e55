//! The signatures of `scripts/rpm`, checked by rpm and dnf: what they vouch for is installed, and nothing that somebody
//! without the key has changed.

use crate::host::{AUTHENTICATED, Run, host};
use crate::package::packages_are_built;

/// What `scripts/rpm` builds: the program, three hooks, the SASL plugin.
const PACKAGES: usize = 6;

fn on(script: &str) -> Run {
    packages_are_built();
    host().bare().without("cyrus-sasl-plain").answers(AUTHENTICATED).sh(script)
}

#[test]
fn every_package_has_both_signatures_and_rpm_finds_them_good() {
    let run = on("cd /lab/packages; echo '== strange'; rpmkeys -K */*.rpm; echo \"exit $?\"
         rpmkeys --import RPM-GPG-KEY; echo '== known'; rpmkeys -K */*.rpm; echo \"exit $?\"
         echo '== each'; rpmkeys -Kv */*.rpm; echo '== end'")
    .exits(0);
    assert_eq!(run.part("strange").matches("SIGNATURES NOT OK").count(), PACKAGES, "{run:?}");
    // rpm 4.18 ends with how many are not good.
    let ends = ["exit 1\n".to_owned(), format!("exit {PACKAGES}\n")];
    assert!(ends.iter().any(|end| run.part("strange").ends_with(end)), "{run:?}");
    assert_eq!(run.part("known").matches(": digests signatures OK\n").count(), PACKAGES, "{run:?}");
    assert!(run.part("known").ends_with("exit 0\n"), "{run:?}");
    // Of the header, which later ones go by, and of header and payload, which is all that rpm 4.11 has.
    for signature in ["    Header V4 RSA/SHA256 Signature, key ID ", "    V4 RSA/SHA256 Signature, key ID "] {
        assert_eq!(run.part("each").matches(signature).count(), PACKAGES, "{signature}: {run:?}");
    }
}

#[test]
fn yum_takes_the_key_that_lies_beside_the_packages_and_no_other_is_trusted() {
    let run = on("cat /etc/yum.repos.d/relayhost.repo; rpm -q gpg-pubkey
         yum -y install relayhost >/root/out 2>&1; echo \"yum $?\"; rpm -q relayhost >/dev/null && echo there
         echo '== keys'; rpm -q --qf '%{VERSION}\\n' gpg-pubkey; echo '== file'; gpg --show-keys --with-colons /lab/packages/RPM-GPG-KEY | awk -F: '$1 == \"pub\" { print tolower(substr($5, 9)) }'
         echo '== asked'; grep -i fingerprint /root/out; echo '== end'")
    .exits(0)
    .says("\ngpgcheck=1\nrepo_gpgcheck=1\n")
    .says("package gpg-pubkey is not installed\nyum 0\nthere\n");
    assert_eq!(run.part("keys").lines().count(), 1, "{run:?}");
    assert_eq!(run.part("keys"), run.part("file"), "{run:?}");
    assert!(!run.part("asked").is_empty(), "{run:?}");
}

/// What somebody without the key may do to the repository, with what of the check left on, and what dnf says of it.
const FORGERIES: &[(&str, &str, &str)] = &[
    ("flip $file", "", "has incorrect checksum"),
    ("flip $file; forge", "", "repomd.xml GPG signature verification error: Bad GPG signature"),
    ("flip $file; forge", "repo_gpgcheck=0", "GPG check FAILED"),
    ("rpmsign --delsign $file >/dev/null; forge", "", "Bad GPG signature"),
    ("rpmsign --delsign $file >/dev/null; forge", "repo_gpgcheck=0", "GPG check FAILED"),
    ("resign $file; forge", "repo_gpgcheck=0", "GPG check FAILED"),
    (
        "resign $file; forge; rm repodata/repomd.xml.asc; gpg -q --armor --detach-sign repodata/repomd.xml",
        "",
        "GPG signature verification error",
    ),
    ("sed -i 's,<revision>,&1,' repodata/repomd.xml", "", "Bad GPG signature"),
    ("rm repodata/repomd.xml.asc", "", "GPG verification is enabled, but GPG signature is not available"),
    (": >repodata/repomd.xml.asc", "", "GPG signature verification error"),
];

#[test]
fn what_was_changed_without_the_key_is_refused_and_nothing_is_installed() {
    let mut script = String::from(
        r#"export GNUPGHOME=/root/gpg; mkdir -m 700 $GNUPGHOME
        gpg --batch --quiet --passphrase '' --quick-generate-key 'Another <another@example.com>' rsa2048 sign never 2>/root/log || { cat /root/log; exit 99; }
        resign() { rpmsign --addsign --define '_gpg_name another@example.com' --define '__gpg /usr/bin/gpg' $1 >/root/log 2>&1 || { cat /root/log; exit 99; }; }
        # One bit in the middle, where the payload is.
        flip() { python3 -c 'import sys; d = bytearray(open(sys.argv[1], "rb").read()); d[len(d) // 2] ^= 1; open(sys.argv[1], "wb").write(d)' $1; }
        forge() { python3 /lab/tests/lab/scripts/forge_repository.py /srv/relayhost || exit 99; }
        fresh() {
            cd /; rm -rf /srv/relayhost /var/cache/dnf; cp -r /lab/packages /srv/relayhost; cd /srv/relayhost; file=$(echo x86_64/relayhost-[0-9]*.rpm)
            { sed 's,baseurl=.*,baseurl=file:///srv/relayhost,' /root/repo; printf '%s\n' "$1"; } >/etc/yum.repos.d/relayhost.repo
        }
        try() { timeout 60 yum -y install relayhost >/root/out 2>&1 </dev/null; echo "yum $?"; rpm -q relayhost; cat /root/out; }
        cp /etc/yum.repos.d/relayhost.repo /root/repo; rpmkeys --import /lab/packages/RPM-GPG-KEY
"#,
    );
    for (number, (what, setting, _)) in FORGERIES.iter().enumerate() {
        script += &format!("fresh '{setting}'; {what}; echo '== {number}'; try\n");
    }
    // As they are, and with metadata that fits them and was made anew: it was the change that was refused.
    script += "fresh repo_gpgcheck=0; forge; echo '== forged'; try; yum -y -q remove relayhost >/dev/null
        fresh ''; echo '== good'; try; echo '== end'; gpgconf --kill all";
    let run = on(&script).exits(0);
    let mut wrong = Vec::new();
    for (number, (what, setting, says)) in FORGERIES.iter().enumerate() {
        let part = run.part(&number.to_string());
        if !part.starts_with("yum 1\npackage relayhost is not installed\n") || !part.contains(says) {
            wrong.push(format!("{what} [{setting}]\nno `{says}`, or not refused:\n{part}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for good in ["forged", "good"] {
        assert!(run.part(good).starts_with("yum 0\nrelayhost-"), "{good}: {run:?}");
    }
}
