//! The packages that `scripts/rpm` made, read without rpm: what a host of any release would get.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop there, and it works on files of its own"
)]

mod page;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rpm::{DependencyFlags, FileFlags, IndexTag, Package, PackageMetadata};

fn packages() -> BTreeMap<String, Package> {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rpm/repo");
    let mut found = BTreeMap::new();
    for arch in ["x86_64", "noarch"] {
        let entries = std::fs::read_dir(repo.join(arch)).unwrap_or_else(|_| panic!("run scripts/rpm first"));
        for entry in entries {
            let package = Package::open(entry.unwrap().path()).unwrap();
            found.insert(package.metadata.get_name().unwrap().to_owned(), package);
        }
    }
    found
}

fn main_package() -> PackageMetadata {
    packages().remove("relayhost").unwrap().metadata
}

/// `path mode flags [-> target]` of each file, but for those of the documentation.
fn listing(package: &PackageMetadata) -> Vec<String> {
    let entries = package.get_file_entries().unwrap();
    let mut lines: Vec<_> = entries
        .iter()
        .filter(|entry| !entry.path().starts_with("/usr/share/doc"))
        .map(|entry| {
            assert_eq!((entry.user(), entry.group()), ("root", "root"), "{}", entry.path().display());
            let flags: Vec<_> = entry.flags().iter_names().map(|(name, _)| name).collect();
            let target = entry.linkto().filter(|to| !to.is_empty()).map(|to| format!(" -> {to}"));
            format!(
                "{} {:o} {}{}",
                entry.path().display(),
                entry.permissions(),
                flags.join("+"),
                target.unwrap_or_default()
            )
        })
        .collect();
    lines.sort();
    lines
}

#[test]
fn files_have_their_modes_owners_and_flags() {
    let expected = [
        "/etc/relayhost 755 ",
        "/etc/relayhost/answers.d 755 ",
        "/etc/relayhost/answers.toml 600 CONFIG+NOREPLACE+GHOST",
        "/etc/relayhost/answers.toml.sample 600 CONFIG+NOREPLACE",
        "/usr/bin/relayhost 755 ",
        "/usr/lib/rpm/macros.d/macros.relayhost 644 ",
        "/usr/lib/systemd/system/multi-user.target.wants/relayhost-pending.service 777  -> ../relayhost-pending.service",
        "/usr/lib/systemd/system/multi-user.target.wants/relayhost-recover.service 777  -> ../relayhost-recover.service",
        "/usr/lib/systemd/system/multi-user.target.wants/relayhost-token.service 777  -> ../relayhost-token.service",
        "/usr/lib/tmpfiles.d/relayhost.conf 644 ",
        "/usr/share/bash-completion/completions/relayhost 644 ",
        "/usr/share/fish/vendor_completions.d/relayhost.fish 644 ",
        "/usr/share/licenses/relayhost 755 ",
        "/usr/share/licenses/relayhost/LICENSE 644 LICENSE",
        "/usr/share/licenses/relayhost/LICENSE.dependencies 644 LICENSE",
        "/usr/share/man/man5/relayhost-answers.5.gz 644 DOC",
        "/usr/share/man/man8/relayhost.8.gz 644 DOC",
        "/usr/share/zsh/site-functions/_relayhost 644 ",
        "/var/lib/relayhost 700 ",
    ];
    let units = "canary.service canary.timer check.service check.timer pending.path pending.service recover.service \
        token.service watch.service watch.timer";
    let units = units.split_whitespace().map(|unit| format!("/usr/lib/systemd/system/relayhost-{unit} 644 "));
    let mut expected: Vec<String> = expected.map(str::to_owned).into_iter().chain(units).collect();
    expected.sort();
    assert_eq!(listing(&main_package()), expected);
}

#[test]
fn each_hook_is_a_package_with_nothing_else() {
    let packages = packages();
    for (name, files) in [
        ("dnf", &["/etc/dnf/plugins/post-transaction-actions.d/relayhost.action 644 CONFIG+NOREPLACE"][..]),
        ("dnf5", &["/etc/dnf/libdnf5-plugins/actions.d/relayhost.actions 644 CONFIG+NOREPLACE"]),
        (
            "yum",
            &[
                "/etc/yum/pluginconf.d/relayhost.conf 644 CONFIG+NOREPLACE",
                "/usr/lib/yum-plugins/relayhost.py 644 ",
            ],
        ),
    ] {
        assert_eq!(listing(&packages[&format!("relayhost-hook-{name}")].metadata), files);
    }
    assert_eq!(packages.len(), 6, "{:?}", packages.keys());
    for package in packages.iter().filter(|(name, _)| name.contains("-hook-")).map(|(_, package)| package) {
        assert_eq!(package.metadata.get_arch().unwrap(), "noarch");
        let own = package.metadata.get_version().unwrap();
        let needs = package.metadata.get_requires().unwrap();
        assert!(needs.iter().any(|need| need.name == "relayhost" && need.version.starts_with(own)));
    }
}

/// Not in Cyrus SASL's directory, where it would be in force for every program of the host; and no other package may take
/// it for a library to link with.
#[test]
fn the_sasl_plugin_is_where_only_relayhost_looks() {
    let package = &packages()["relayhost-sasl-xoauth2"].metadata;
    assert_eq!(
        listing(package),
        [
            "/usr/lib64/relayhost 755 ",
            "/usr/lib64/relayhost/sasl2 755 ",
            "/usr/lib64/relayhost/sasl2/librelayhost-xoauth2.so 755 ",
            "/usr/share/licenses/relayhost-sasl-xoauth2 755 ",
            "/usr/share/licenses/relayhost-sasl-xoauth2/LICENSE 644 LICENSE",
        ]
    );
    let names = |list: Vec<rpm::Dependency>| list.into_iter().map(|one| one.name).collect::<Vec<_>>();
    let provided = names(package.get_provides().unwrap());
    assert!(provided.iter().all(|name| name.starts_with("relayhost-sasl-xoauth2")), "{provided:?}");
    let required = names(package.get_requires().unwrap());
    let of_the_system = |name: &String| {
        name == "cyrus-sasl-lib" || name.starts_with("rpmlib(") || name.starts_with("libc.so.6(")
    };
    assert!(required.iter().all(of_the_system), "{required:?}");
    assert!(required.contains(&"cyrus-sasl-lib".to_owned()));
    assert!(package.get_pre_install_script().is_err() && package.get_post_install_script().is_err());
}

#[test]
fn every_page_and_example_is_among_the_documentation() {
    let package = main_package();
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wanted = vec![PathBuf::from("README.md"), PathBuf::from("CHANGELOG.md")];
    for directory in ["docs", "docs/pictures", "examples", "packaging/example", "packaging/kickstart"] {
        for entry in std::fs::read_dir(top.join(directory)).unwrap() {
            wanted.push(Path::new(directory).join(entry.unwrap().file_name()));
        }
    }
    wanted.retain(|path| top.join(path).is_file());
    for path in wanted {
        let installed = Path::new("/usr/share/doc/relayhost").join(&path);
        let entry = package.find_file_entry(&installed).unwrap();
        let entry = entry.unwrap_or_else(|| panic!("no {}", installed.display()));
        assert!(entry.flags().contains(FileFlags::DOC), "{}", installed.display());
        assert_eq!(
            entry.size() as u64,
            std::fs::metadata(top.join(&path)).unwrap().len(),
            "{} is not the one of today: run scripts/rpm",
            path.display()
        );
    }
}

fn scriptlet(slot: &str) -> String {
    format!("[ ! -x /usr/bin/relayhost ] || : | /usr/bin/relayhost scriptlet {slot} \"$1\" 2>&1 | : || :")
}

#[test]
fn scriptlets_are_one_line_that_cannot_fail_or_speak() {
    let package = main_package();
    for (slot, found) in [
        ("post", package.get_post_install_script()),
        ("posttrans", package.get_post_trans_script()),
        ("preun", package.get_pre_uninstall_script()),
        ("postun", package.get_post_uninstall_script()),
    ] {
        let found = found.unwrap();
        assert_eq!(found.script.trim_end(), scriptlet(slot));
        assert_eq!(found.program, Some(vec!["/bin/sh".to_owned()]));
    }
    assert!(package.get_pre_install_script().is_err() && package.get_pre_trans_script().is_err());
    for (name, hook) in packages().iter().filter(|(name, _)| *name != "relayhost") {
        assert!(hook.metadata.get_post_install_script().is_err(), "{name} needs no scriptlet");
    }
}

#[test]
fn triggers_watch_all_that_mail_leaves_by() {
    let package = main_package();
    let mut seen = Vec::new();
    for trigger in package.get_triggers().unwrap() {
        let [condition] = trigger.conditions.as_slice() else { panic!("{trigger:?}") };
        let slot = if condition.flags.contains(DependencyFlags::TRIGGERIN) {
            "post"
        } else {
            assert!(condition.flags.contains(DependencyFlags::TRIGGERPOSTUN), "{trigger:?}");
            "postun"
        };
        let name = &condition.name;
        assert_eq!(
            trigger.script.trim_end(),
            format!(
                "[ \"$1\" -ne 1 ] || [ ! -x /usr/bin/relayhost ] || : | /usr/bin/relayhost scriptlet {slot} \"$2\" --changed {name} 2>&1 | : || :"
            )
        );
        seen.push(format!("{slot} {name}"));
    }
    for name in
        ["postfix", "postfix-lmdb", "cyrus-sasl", "cyrus-sasl-plain", "cyrus-sasl-md5", "mailx", "s-nail"]
    {
        for slot in ["post", "postun"] {
            assert!(seen.contains(&format!("{slot} {name}")), "{slot} {name} is not in {seen:?}");
        }
    }
    // rpm 4.11 knows nothing of these.
    assert!(
        package.get_file_triggers().unwrap().is_empty()
            && package.get_trans_file_triggers().unwrap().is_empty()
    );
}

#[test]
fn requirements_bring_all_that_is_needed_and_hold_only_postfix() {
    let package = main_package();
    let requires = package.get_requires().unwrap();
    let flags = |name: &str| {
        let found: Vec<_> = requires.iter().filter(|need| need.name == name).map(|need| need.flags).collect();
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found[0]
    };
    let scripts = DependencyFlags::SCRIPT_PRE
        | DependencyFlags::SCRIPT_POST
        | DependencyFlags::SCRIPT_PREUN
        | DependencyFlags::SCRIPT_POSTUN;
    assert!(!flags("postfix").intersects(scripts));
    // Of these nothing but SCRIPT_POST: then they can be removed, and relayhost stays to bring them back.
    for name in ["cyrus-sasl", "cyrus-sasl-plain", "/bin/mailx"] {
        assert_eq!(flags(name) & scripts, DependencyFlags::SCRIPT_POST, "{name}");
        assert!(!flags(name).contains(DependencyFlags::META), "{name}");
    }
    for package in packages().values().map(|package| &package.metadata) {
        let weak = [
            package.get_recommends(),
            package.get_suggests(),
            package.get_supplements(),
            package.get_enhances(),
        ];
        assert!(
            weak.into_iter().all(|list| list.unwrap().is_empty()),
            "yum 3 does not know weak dependencies"
        );
        for need in package.get_requires().unwrap() {
            assert!(!need.name.starts_with('('), "rpm 4.11 does not know rich dependencies: {}", need.name);
        }
    }
}

fn version(text: &str) -> Vec<u32> {
    text.split(['.', '-']).map(|part| part.parse().unwrap_or_else(|_| panic!("{text}"))).collect()
}

#[test]
fn rpm_4_11_and_glibc_2_17_are_new_enough() {
    let mut symbols = 0;
    for (name, package) in packages() {
        let metadata = &package.metadata;
        assert_eq!(metadata.get_payload_compressor().unwrap(), rpm::CompressionType::Xz, "{name}");
        assert_eq!(
            metadata.header.get_entry_data_as_string(IndexTag::RPMTAG_PAYLOADFORMAT).unwrap(),
            "cpio",
            "{name}"
        );
        for need in metadata.get_requires().unwrap() {
            // Each says since which rpm there is such a thing; but the number of this one, which rpm 4.8 has, is xz's.
            if need.name.starts_with("rpmlib(") && need.name != "rpmlib(PayloadIsXz)" {
                assert!(version(&need.version) <= version("4.11"), "{name}: {} {}", need.name, need.version);
            }
            // rpm's elfdeps reads them from the program.
            if let Some(wanted) = need.name.split("(GLIBC_").nth(1) {
                let wanted = wanted.split(')').next().unwrap();
                assert!(version(wanted) <= version("2.17"), "{name}: {}", need.name);
                symbols += 1;
            } else if need.name.contains(".so") {
                let libc = ["libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6", "librt.so.1"];
                assert!(
                    libc.iter().any(|library| need.name.starts_with(library)),
                    "{name} needs {}, which not every host has",
                    need.name
                );
            }
        }
    }
    assert!(symbols > 0, "no symbol version of glibc at all: is the program linked against it?");
}

/// systemd would stop starting the unit, and the path unit that waits for answers, after five requests in ten
/// seconds; `scripts/vm burst` tries it.
#[test]
fn relayhost_pending_has_no_start_limit() {
    let unit = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("packaging/usr/lib/systemd/system/relayhost-pending.service"),
    )
    .unwrap();
    let (_, service) = unit.split_once("[Service]\n").unwrap();
    // EL7's systemd 219 knows this name only, and only here; later ones take it too.
    assert!(service.lines().any(|line| line == "StartLimitInterval=0"), "{unit}");
}

#[test]
fn digests_are_those_that_rpm_4_11_reads_and_right() {
    for (name, package) in packages() {
        package.verify_digests().unwrap_or_else(|error| panic!("{name}: {error}"));
        let signature = &package.metadata.signature;
        for tag in [rpm::IndexSignatureTag::RPMSIGTAG_MD5, rpm::IndexSignatureTag::RPMSIGTAG_SHA1] {
            assert!(
                signature.entry_is_present(tag as u32),
                "{name} has no {tag:?}, and rpm 4.11 reads no other"
            );
        }
        assert_eq!(
            package.metadata.get_file_digest_algorithm().unwrap(),
            rpm::DigestAlgorithm::Sha2_256,
            "{name}"
        );
    }
}

/// Type, key's algorithm and digest's of an OpenPGP signature packet of version 4 (RFC 4880, 4.2 and 5.2.3).
fn signature(bytes: &[u8]) -> (u8, u8, u8) {
    // Tag 2, the length in the one, two or four bytes that the old format's last bits name, or in the new format's.
    let skip = match bytes[0] {
        0x88 => 2,
        0x89 => 3,
        0x8a => 5,
        0xc2 => match bytes[1] {
            0..=191 => 2,
            192..=223 => 3,
            _ => 6,
        },
        first => panic!("{first:#x} begins no signature"),
    };
    assert_eq!(bytes[skip], 4, "the signature's version");
    (bytes[skip + 1], bytes[skip + 2], bytes[skip + 3])
}

#[test]
fn signatures_are_those_that_rpm_4_11_reads() {
    for (name, package) in packages() {
        // The header's, and that of header and payload. Type 0: of bytes, 1: RSA, 8: SHA-256.
        for tag in [rpm::IndexSignatureTag::RPMSIGTAG_RSA, rpm::IndexSignatureTag::RPMSIGTAG_PGP] {
            let found = package.metadata.signature.get_entry_data_as_binary(tag);
            let found = found.unwrap_or_else(|error| panic!("{name} has no {tag:?}: {error}"));
            assert_eq!(signature(found), (0, 1, 8), "{name}: {tag:?}");
        }
    }
}

#[test]
fn the_repository_is_signed_and_its_key_lies_beside_it() {
    let repo = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/rpm/repo");
    for (file, begin) in [
        ("RPM-GPG-KEY", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"),
        ("repodata/repomd.xml.asc", "-----BEGIN PGP SIGNATURE-----\n"),
    ] {
        let text = std::fs::read_to_string(repo.join(file)).unwrap();
        assert!(text.starts_with(begin) && text.matches("-----BEGIN ").count() == 1, "{file}: {text}");
    }
    // The half that is nobody's business is not handed out.
    let names: Vec<_> = std::fs::read_dir(&repo).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4, "{names:?}");
}

/// So that what the lab's hosts install by is what an admin is told to write.
#[test]
fn the_lab_names_the_repository_as_the_readme_does() {
    let read =
        |name: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap();
    let (readme, lab) = (read("README.md"), read("scripts/lab.d/relayhost.repo"));
    let (_, example) = readme.split_once("    # /etc/yum.repos.d/relayhost.repo\n").unwrap();
    let (example, _) = example.split_once("\n\n").unwrap();
    let example: Vec<_> =
        example.lines().map(|line| line.trim().replace("/srv/relayhost", "/lab/packages")).collect();
    let lab: Vec<_> = lab.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(example, lab);
    assert!(lab.contains(&"gpgcheck=1") && lab.contains(&"repo_gpgcheck=1"), "{lab:?}");
}

#[test]
fn nothing_tells_where_it_was_built() {
    for (name, package) in packages() {
        assert_eq!(package.metadata.get_build_host().unwrap(), "relayhost", "{name}");
        let built = package.metadata.get_build_time().unwrap();
        for entry in package.metadata.get_file_entries().unwrap() {
            assert!(u64::from(entry.modified_at().0) <= built, "{name}: {:?} is newer", entry.path());
        }
    }
}
