//! The hooks and macros of packaging/ as text, and as far as they run without a host. On hosts: tests/lab/hooks.rs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::project;

const MACROS: &str = "usr/lib/rpm/macros.d/macros.relayhost";
const DNF: &str = "etc/dnf/plugins/post-transaction-actions.d/relayhost.action";
const DNF5: &str = "etc/dnf/libdnf5-plugins/actions.d/relayhost.actions";
const YUM: &str = "usr/lib/yum-plugins/relayhost.py";

/// What mail leaves a host by.
const WATCHED: [&str; 7] =
    ["postfix", "postfix-lmdb", "cyrus-sasl*", "relayhost-sasl-xoauth2", "sasl-xoauth2", "mailx", "s-nail"];

fn read(path: &str) -> String {
    project::read(&format!("packaging/{path}"))
}

/// Lines that are no comments.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A program that keeps its arguments and does all that a hook must not show: prints, complains, fails.
fn noisy(directory: &Path) -> PathBuf {
    let path = directory.join("noisy");
    let log = directory.join("log");
    fs::write(&path, format!("#!/bin/sh\necho \"$@\" >>{}\necho out\necho err >&2\nexit 3\n", log.display()))
        .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Runs a command as a package manager does that looks at all of its output.
fn shows_nothing(program: &str, arguments: &[String]) {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert_eq!(
        (output.status.code(), output.stdout.len(), output.stderr.len()),
        (Some(0), 0, 0),
        "{output:?}"
    );
}

/// What rpm 4.11 (EL7) does not expand.
#[test]
fn the_macros_need_no_new_rpm() {
    let text = read(MACROS);
    for newer in ["%{expand", "%{lua", "%[", "%{quote", "%{shrink", "%(", "%{gsub"] {
        assert!(!text.contains(newer), "{newer}");
    }
}

#[test]
fn each_scriptlet_macro_is_one_command_for_its_slot() {
    let text = read(MACROS);
    for slot in ["post", "posttrans", "preun", "postun"] {
        let line = format!(
            "%relayhost_{slot} [ ! -x /usr/bin/relayhost ] || : | /usr/bin/relayhost scriptlet {slot} \"$1\" --for %{{name}} 2>&1 | : || :\n"
        );
        assert!(text.contains(&line), "no {line}");
    }
    let defined = lines(&text).filter(|line| line.starts_with('%')).count();
    assert_eq!(defined, 6, "a macro that no test knows");
}

#[test]
fn a_scriptlet_never_shows_anything() {
    let directory = tempfile::tempdir().unwrap();
    let noisy = noisy(directory.path());
    let text = read(MACROS);
    for line in lines(&text).filter_map(|line| line.split_once(" [ ")) {
        let body = format!("[ {}", line.1).replace("%{name}", "op5-alerts");
        for program in [noisy.to_str().unwrap(), "/nonexistent"] {
            let script = body.replace("/usr/bin/relayhost", program);
            shows_nothing("/bin/sh", &["-ec".into(), script, "scriptlet".into(), "2".into()]);
        }
    }
    let log = fs::read_to_string(directory.path().join("log")).unwrap();
    let expected =
        ["post", "posttrans", "preun", "postun"].map(|slot| format!("scriptlet {slot} 2 --for op5-alerts\n"));
    assert_eq!(log, expected.concat());
}

#[test]
fn the_hooks_watch_the_same_packages() {
    let dnf = read(DNF);
    let dnf: Vec<_> = lines(&dnf).map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(dnf, WATCHED);
    let dnf5 = read(DNF5);
    let dnf5: Vec<_> = lines(&dnf5).map(|line| line.split(':').nth(1).unwrap()).collect();
    assert_eq!(dnf5, WATCHED);
    let quoted: Vec<_> = WATCHED.iter().map(|name| format!("'{name}'")).collect();
    assert!(read(YUM).contains(&format!("PATTERNS = ({})", quoted.join(", "))));
}

/// dnf5's plugin splits its commands at spaces, and takes backslashes away afterwards
/// (libdnf5-plugins/actions/actions.cpp: split, unescape).
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut escaped) = (Vec::new(), String::new(), false);
    for c in command.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                word.push(c);
            }
            '\\' => escaped = true,
            ' ' if word.is_empty() => {}
            ' ' => words.push(std::mem::take(&mut word)),
            _ => word.push(c),
        }
    }
    words.push(word);
    words
}

#[test]
fn the_hook_of_dnf_5_shows_nothing_and_passes_the_name_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let noisy = noisy(directory.path());
    for program in [noisy.to_str().unwrap(), "/nonexistent"] {
        let text = read(DNF5);
        for line in lines(&text) {
            let fields: Vec<&str> = line.splitn(5, ':').collect();
            assert_eq!((fields[0], fields[2], fields[3]), ("post_transaction", "", "enabled=host-only"));
            let name = "cyrus-sasl;echo $HOME";
            let words = words(fields[4])
                .into_iter()
                .map(|word| word.replace("${pkg.name}", name).replace("/usr/bin/relayhost", program));
            let words: Vec<String> = words.collect();
            shows_nothing(&words[0], &words[1..]);
        }
    }
    let log = fs::read_to_string(directory.path().join("log")).unwrap();
    assert_eq!(log, "scriptlet posttrans 1 --changed cyrus-sasl;echo $HOME\n".repeat(WATCHED.len()));
}

/// On a conduit with the shape of yum 3.4.3's (yum/plugins.py); that itself runs on Python 2, which is not in Debian 12.
#[test]
fn the_plugin_of_yum_3_tells_each_name_once_and_never_fails() {
    let directory = tempfile::tempdir().unwrap();
    let noisy = noisy(directory.path());
    let output = Command::new("python3")
        .args(["-B", "tests/quick/yum_plugin.py"])
        .arg(&noisy)
        .current_dir(project::project())
        .output()
        .unwrap_or_else(|error| panic!("python3: {error}: install it"));
    assert_eq!(
        (output.status.code(), output.stdout.len(), output.stderr.len()),
        (Some(0), 0, 0),
        "{output:?}"
    );
    let log = fs::read_to_string(directory.path().join("log")).unwrap();
    let told = |name| format!("scriptlet posttrans 1 --changed {name}\n");
    assert_eq!(log, ["cyrus-sasl-plain", "mailx", "postfix"].map(told).concat());
}
