//! A package file that may be installed: its name, version and capabilities, read from its headers by the `rpm` crate.
//! The payload is not read here.

use std::cmp::Ordering;

use rpm::{DependencyFlags, IndexSignatureTag, PackageMetadata};
use rpm_version::Evr;

use super::header;

const LESS: DependencyFlags = DependencyFlags::LESS;
const GREATER: DependencyFlags = DependencyFlags::GREATER;
const EQUAL: DependencyFlags = DependencyFlags::EQUAL;

/// One package file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its file name in the directory.
    pub file: String,
    /// Package name.
    pub name: String,
    /// Epoch (empty: none), version and release, as `epoch:version-release`.
    pub evr: String,
    /// Architecture; `src` for a source package.
    pub arch: String,
    /// Capabilities that it provides, its own name included.
    pub provides: Vec<Capability>,
    /// Its files that others may require by path.
    pub files: Vec<String>,
}

/// A capability that a package provides or requires, with its versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capability {
    /// Its name; for a requirement, a path too.
    pub name: String,
    /// Comparison (less, greater and equal, or some of them) and version; `None` for any.
    pub version: Option<(DependencyFlags, String)>,
}

/// The contents of a package file's headers.
#[derive(Debug)]
pub struct Headers {
    /// The package.
    pub candidate: Candidate,
    /// Size of the whole file, in bytes, if the headers have it.
    pub size: Option<u64>,
}

/// The fault of a file whose headers cannot be read.
pub const DAMAGED: &str = "has damaged headers";

/// Whether packages may require this path without metadata on all files, by the rule of createrepo_c (`cr_is_primary`
/// in src/misc.c).
fn may_be_required(path: &str) -> bool {
    path.contains("bin/") || path.starts_with("/etc/") || path == "/usr/lib/sendmail"
}

/// Reads a package file's lead and headers. `bytes` are exactly these, and nothing in them is trusted. `file` is the
/// file's name. The error names the fault.
pub fn read(file: &str, bytes: &[u8]) -> Result<Headers, String> {
    let (signature, main) = split(bytes).ok_or(DAMAGED)?;
    if !header::is_sound(signature) || !header::is_sound(main) {
        return Err(DAMAGED.into());
    }
    let damaged = |error: rpm::Error| format!("{DAMAGED} ({error})");
    let package = PackageMetadata::parse(&mut &*bytes).map_err(damaged)?;
    // Packages without a digest of their headers are older than RPM 4.
    package.verify_digests().map_err(|error| match error {
        rpm::Error::DigestMismatchError { digest, .. } => {
            format!("is damaged: its {digest} digest is another")
        }
        error => damaged(error),
    })?;
    let text = |value: std::result::Result<&str, rpm::Error>| value.map(str::to_owned).map_err(damaged);
    let (name, arch) = (text(package.get_name())?, text(package.get_arch())?);
    let evr = package.get_evr().map_err(damaged)?.evr_short();
    // These values become words of a command line and of relayhost's messages.
    let good = |c: char| c.is_ascii_alphanumeric() || "._+~^-:".contains(c);
    let is_word = |part: &String| !part.is_empty() && !part.starts_with('-') && part.chars().all(good);
    if ![&name, &evr, &arch].into_iter().all(is_word) {
        return Err("has a name or version with characters that no package has there".into());
    }
    let provides = package.get_provides().map_err(damaged)?;
    let files = package.get_file_paths_split().map_err(damaged)?;
    Ok(Headers {
        size: size(&package),
        candidate: Candidate {
            file: file.to_owned(),
            provides: provides.into_iter().map(Capability::of).collect(),
            files: files
                .into_iter()
                .map(|(directory, name)| format!("{directory}{name}"))
                .filter(|path| may_be_required(path))
                .collect(),
            arch: if package.is_source_package() { "src".into() } else { arch },
            name,
            evr,
        },
    })
}

/// The signature header and the main header in `bytes`; the lead is before them, padding between them.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let header_at = |at: usize| {
        let rest = header::rest(bytes.get(at..at.checked_add(header::INTRO)?)?)?;
        bytes.get(at..at + header::INTRO + rest)
    };
    let signature = header_at(header::LEAD)?;
    let main = header_at(header::LEAD + signature.len().next_multiple_of(8))?;
    (header::LEAD + signature.len().next_multiple_of(8) + main.len() == bytes.len())
        .then_some((signature, main))
}

/// Size of the file. The signature header has that of the headers and the payload (RPMSIGTAG_SIZE).
fn size(package: &PackageMetadata) -> Option<u64> {
    let signature = &package.signature;
    let size = signature.get_entry_data_as_u64(IndexSignatureTag::RPMSIGTAG_LONGSIZE).ok();
    let short = || signature.get_entry_data_as_u32(IndexSignatureTag::RPMSIGTAG_SIZE).ok().map(u64::from);
    size.or_else(short)?.checked_add(package.get_package_segment_offsets().header)
}

impl Candidate {
    /// `name-epoch:version-release.arch`, as rpm and dnf write it.
    pub fn nevra(&self) -> String {
        format!("{}-{}.{}", self.name, self.evr, self.arch)
    }

    /// Whether this package meets a requirement, by a capability or by a file.
    pub fn meets(&self, wanted: &Capability) -> bool {
        if wanted.name.starts_with('/') && self.files.contains(&wanted.name) {
            return true;
        }
        self.provides.iter().any(|provided| provided.overlaps(wanted))
    }
}

impl Capability {
    /// The capability of this name, in any version.
    pub fn any(name: &str) -> Self {
        Self { name: name.to_owned(), version: None }
    }

    fn of(dependency: rpm::Dependency) -> Self {
        let sense = dependency.flags & (LESS | GREATER | EQUAL);
        let any = sense.is_empty() || dependency.version.is_empty();
        Self { name: dependency.name, version: (!any).then_some((sense, dependency.version)) }
    }

    /// Parses `name`, or `name >= version`, as rpm writes a requirement.
    pub fn parse(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let version = match words.as_slice() {
            [_, sign, version] => sense(sign).map(|sense| (sense, (*version).to_owned())),
            _ => None,
        };
        Self { name: words.first().map_or_else(String::new, ToString::to_string), version }
    }

    /// Whether some version satisfies both, by rpm's rules (rpmverOverlap in rpmio/rpmver.c): releases count only if
    /// both have one.
    pub fn overlaps(&self, other: &Self) -> bool {
        if self.name != other.name {
            return false;
        }
        let (Some((a, one)), Some((b, two))) = (&self.version, &other.version) else { return true };
        let (mut one, mut two) = (Evr::parse(one), Evr::parse(two));
        if one.release().is_empty() || two.release().is_empty() {
            one.set_release("");
            two.set_release("");
        }
        match one.cmp(&two) {
            Ordering::Less => a.contains(GREATER) || b.contains(LESS),
            Ordering::Greater => a.contains(LESS) || b.contains(GREATER),
            Ordering::Equal => a.intersects(*b),
        }
    }
}

/// The comparison that a sign stands for.
fn sense(sign: &str) -> Option<DependencyFlags> {
    let known = [("<", LESS), ("<=", LESS | EQUAL), ("=", EQUAL), (">=", GREATER | EQUAL), (">", GREATER)];
    known.into_iter().find(|(text, _)| *text == sign).map(|(_, sense)| sense)
}

/// Compares `epoch:version-release` as rpm does.
pub fn compare(one: &str, other: &str) -> Ordering {
    Evr::parse(one).cmp(&Evr::parse(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlap(one: &str, other: &str) -> bool {
        let found = Capability::parse(one).overlaps(&Capability::parse(other));
        assert_eq!(found, Capability::parse(other).overlaps(&Capability::parse(one)), "{one} and {other}");
        found
    }

    #[test]
    fn versions_overlap_as_rpm_has_it() {
        assert!(overlap("a = 1:2.0-3", "a >= 1:2.0"));
        assert!(overlap("a = 2.0-3", "a = 2.0"));
        assert!(!overlap("a = 2.0-3", "a = 2.0-4"));
        assert!(!overlap("a = 2.0-3", "a > 2.0"));
        assert!(!overlap("a = 2.0", "a = 1:2.0"));
        assert!(overlap("a < 3", "a < 2"));
        assert!(overlap("a >= 3", "a <= 3"));
        assert!(!overlap("a > 3", "a <= 3"));
        assert!(overlap("a", "a = 5"));
        assert!(!overlap("a", "b"));
        assert!(!overlap("a = 1.0~rc1", "a >= 1.0"));
        assert!(overlap("a = 1.0^git1", "a > 1.0"));
    }

    #[test]
    fn requirements_as_rpm_writes_them() {
        assert_eq!(Capability::parse("/bin/sh"), Capability::any("/bin/sh"));
        let lib = Capability::parse("libc.so.6(GLIBC_2.34)(64bit)");
        assert_eq!((lib.name.as_str(), lib.version), ("libc.so.6(GLIBC_2.34)(64bit)", None));
        assert!(Capability::parse("a >= 1:2-3").version.is_some());
    }

    #[test]
    fn what_is_no_package_has_no_headers() {
        for bytes in [&b""[..], b"<html>", &[0; 4096], &b"\xed\xab\xee\xdb".repeat(100)] {
            assert_eq!(read("x.rpm", bytes).unwrap_err(), DAMAGED);
        }
    }
}
