//! Parses the output of `rpm -Kv` for package files: the check of their own digests and signatures. The host decides
//! whether a signature is required.

/// The verdict on one file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Digests and signatures that do not match the bytes, in rpm's words.
    pub bad: Vec<String>,
    /// Number of signatures by keys that this host trusts.
    pub trusted: usize,
    /// Signatures by other keys, in rpm's words.
    pub unknown: Vec<String>,
}

impl Verdict {
    /// Whether the file is signed, and by trusted keys alone.
    pub fn is_trusted(&self) -> bool {
        self.trusted > 0 && self.unknown.is_empty()
    }
}

/// rpm's words for a result (rpmSigString).
const RESULTS: [&str; 6] = ["ok", "bad", "nokey", "nottrusted", "notfound", "unknown"];

/// Parses the output of `rpm -Kv` in the C locale: for each file a line with its path and a colon, then one line for
/// each digest and signature, which ends in a colon and OK, NOKEY, BAD …; from rpm 4.11 (lib/signature.c) to 6.1
/// (lib/rpmvs.cc). `path` is the file whose verdict is returned.
pub fn parse(output: &str, path: &str) -> Option<Verdict> {
    let head = format!("{path}:");
    let mut lines = output.lines().skip_while(|line| *line != head);
    lines.next()?;
    let mut verdict = Verdict::default();
    for line in lines.take_while(|line| line.starts_with("    ")) {
        let line = line.trim();
        let lower = line.to_ascii_lowercase();
        let words = lower.split(':').skip(1).filter_map(|part| part.split_whitespace().next());
        // A reason may follow, with colons of its own.
        let result = words.into_iter().find(|word| RESULTS.contains(word)).unwrap_or_default();
        match (lower.contains("signature"), result) {
            // NOTFOUND: a digest of the same bytes as another, or a signature that is not there.
            (false, "ok") | (_, "notfound") => {}
            (false, _) | (true, "bad") => verdict.bad.push(line.to_owned()),
            (true, "ok") => verdict.trusted += 1,
            (true, _) => verdict.unknown.push(line.to_owned()),
        }
    }
    Some(verdict)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rpm_4_18() {
        let output = "/d/a.rpm:\n    Header SHA256 digest: OK\n    Header SHA1 digest: OK\n    Payload SHA256 digest: OK\n\
                      /d/b.rpm:\n    Header V4 RSA/SHA256 Signature, key ID fd431d51: NOKEY\n    Header SHA256 digest: OK\n\
                      \x20   Payload SHA256 digest: BAD (Expected 12 != 34)\n    V4 RSA/SHA256 Signature, key ID fd431d51: NOKEY\n    MD5 digest: OK\n";
        assert_eq!(parse(output, "/d/a.rpm").unwrap(), Verdict::default());
        let b = parse(output, "/d/b.rpm").unwrap();
        assert_eq!(
            (b.bad, b.unknown.len(), b.trusted),
            (vec!["Payload SHA256 digest: BAD (Expected 12 != 34)".to_owned()], 2, 0)
        );
        assert_eq!(parse(output, "/d/c.rpm"), None);
    }

    #[test]
    fn rpm_4_11_and_6_1() {
        let el7 = "/d/a.rpm:\n    Header V3 RSA/SHA256 Signature, key ID f4a80eb5: OK\n    Header SHA1 digest: OK (11)\n\
                   \x20   V3 RSA/SHA256 Signature, key ID f4a80eb5: OK\n    MD5 digest: OK (22)\n";
        let verdict = parse(el7, "/d/a.rpm").unwrap();
        assert!(verdict.is_trusted() && verdict.bad.is_empty() && verdict.trusted == 2);
        let bad = el7.replace("MD5 digest: OK (22)", "MD5 digest: BAD Expected(1) != (2)");
        assert_eq!(parse(&bad, "/d/a.rpm").unwrap().bad, ["MD5 digest: BAD Expected(1) != (2)"]);
        let six = "/d/a.rpm:\n    Header OpenPGP V4 RSA/SHA256 signature, key fingerprint: e8f23996f23218640cb44cbe75cf5ac418b8e74c: NOKEY\n\
                   \x20   Payload SHA256 ALT digest: NOTFOUND\n    Payload SHA3-256 digest: OK\n";
        let verdict = parse(six, "/d/a.rpm").unwrap();
        assert!(!verdict.is_trusted() && verdict.bad.is_empty() && verdict.unknown.len() == 1);
        let six = six.replace("NOKEY", "BAD (header tag 278: invalid OpenPGP signature: no key)");
        assert_eq!(parse(&six, "/d/a.rpm").unwrap().bad.len(), 1);
    }

    #[test]
    fn a_file_without_signature_is_not_trusted() {
        let demanded = "/a:\n    Header RSA signature: NOTFOUND\n    Header DSA signature: NOTFOUND\n    MD5 digest: OK\n";
        for output in ["/a:\n    MD5 digest: OK\n", demanded] {
            assert_eq!(parse(output, "/a").unwrap(), Verdict::default());
        }
        assert!(!Verdict::default().is_trusted());
    }
}
