//! Parses a SHA256SUMS file, as `sha256sum` writes it: the files of a directory, and their digests. Compares nothing.

use std::collections::BTreeMap;

/// Largest SHA256SUMS file that is read, in bytes: that of a whole installation medium has a tenth of this.
pub const SIZE_LIMIT: u64 = 4 * 1024 * 1024;

/// The digests in a SHA256SUMS file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sums {
    of: BTreeMap<String, String>,
}

impl Sums {
    /// Parses the file; an error names the line, and quotes nothing of it. Lines have the default format of coreutils'
    /// sha256sum: 64 hexadecimal digits, a space, a space (text) or `*` (binary), the name. A line that begins with `\`
    /// has `\\`, `\n` and `\r` in its name escaped. Line ends may be those of DOS. `#` begins a comment.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text =
            std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or("is not text")?;
        let mut sums = Self::default();
        for (number, line) in text.lines().enumerate() {
            if line.trim_ascii().is_empty() || line.starts_with('#') {
                continue;
            }
            let fault = |fault: &str| format!("has a line {} that {fault}", number + 1);
            let (digest, name) = parse_line(line).ok_or_else(|| fault("is not one of sha256sum's"))?;
            // `sha256sum ./*` writes such names.
            let name = name.strip_prefix("./").map_or(name.as_str(), |rest| rest.trim_start_matches('/'));
            if name.starts_with('/') || name.split('/').any(|part| part == "..") {
                return Err(fault("names a file of another directory"));
            }
            // Files in subdirectories are not packages of this directory.
            if name.contains('/') {
                continue;
            }
            if sums.of.insert(name.to_owned(), digest.clone()).is_some_and(|other| other != digest) {
                return Err(fault("names a file once more, with another digest"));
            }
        }
        if sums.of.is_empty() {
            return Err("names no file".into());
        }
        Ok(sums)
    }

    /// The SHA-256 of a file, in lower-case hexadecimal digits; `None` for one that is not listed.
    pub fn digest(&self, name: &str) -> Option<&str> {
        self.of.get(name).map(String::as_str)
    }
}

fn parse_line(line: &str) -> Option<(String, String)> {
    let (line, escaped) = line.strip_prefix('\\').map_or((line, false), |rest| (rest, true));
    let (digest, rest) = line.split_at_checked(64)?;
    let name = rest.strip_prefix("  ").or_else(|| rest.strip_prefix(" *"))?;
    let sound = digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !sound || name.is_empty() {
        return None;
    }
    let name = if escaped { unescaped(name)? } else { name.to_owned() };
    Some((digest.to_ascii_lowercase(), name))
}

fn unescaped(name: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = name.chars();
    while let Some(next) = chars.next() {
        out.push(match next {
            '\\' => match chars.next()? {
                '\\' => '\\',
                'n' => '\n',
                'r' => '\r',
                _ => return None,
            },
            other => other,
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn error(text: &str) -> String {
        Sums::parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn both_modes_escapes_and_names_with_spaces() {
        let text = format!(
            "# made by hand\n{D}  a.rpm\n{} *b c.rpm\n\n\\{D}  odd\\\\na\\nme.rpm\n{D}  ./d.rpm\n{D}  repodata/repomd.xml\n",
            D.to_uppercase()
        );
        let sums = Sums::parse(text.as_bytes()).unwrap();
        for name in ["a.rpm", "b c.rpm", "odd\\na\nme.rpm", "d.rpm"] {
            assert_eq!(sums.digest(name), Some(D), "{name:?}");
        }
        assert_eq!(sums.digest("repomd.xml"), None);
        // In a line that is not escaped, a backslash stands for itself.
        assert_eq!(Sums::parse(format!("{D}  a\\nb").as_bytes()).unwrap().digest("a\\nb"), Some(D));
    }

    #[test]
    fn what_sha256sum_does_not_write_is_refused_by_its_line() {
        for line in [
            format!("SHA256 (a.rpm) = {D}"),
            format!("{D} a.rpm"),
            format!("{D}  "),
            format!("{}  a.rpm", &D[1..]),
            format!("{}  a.rpm", D.replace('e', "g")),
            format!("\\{D}  a\\x.rpm"),
            "<html>".into(),
            "é".repeat(64),
        ] {
            assert_eq!(
                error(&format!("{D}  first\n{line}\n")),
                "has a line 2 that is not one of sha256sum's",
                "{line}"
            );
        }
    }

    #[test]
    fn names_of_other_directories_empty_and_binary_files_and_contradictions() {
        for name in ["../x.rpm", "/etc/x.rpm", "a/../../x.rpm", "./../x.rpm"] {
            assert_eq!(
                error(&format!("{D}  {name}\n")),
                "has a line 1 that names a file of another directory"
            );
        }
        assert_eq!(error(""), "names no file");
        assert_eq!(error("# nothing\n"), "names no file");
        assert_eq!(Sums::parse(b"\x1f\x8b\x08\0\xff").unwrap_err(), "is not text");
        assert_eq!(error("a\0b"), "is not text");
        assert!(Sums::parse(format!("{D}  a\n{D} *a\n").as_bytes()).is_ok());
        let other = D.replace('e', "f");
        assert!(
            error(&format!("{D}  a\n{other}  a\n")).starts_with("has a line 2 that names a file once more")
        );
    }
}
