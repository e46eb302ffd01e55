//! Arrows point down: cli → engine → sys → model → error. Each file of a layer may name the layers below it alone.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop there, and it works on files of its own"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Layer, and what it may use. `cli` may name `sys::host` (root or not, the terminal's variables), `sys::output`
/// (standard output and error) and `sys::tty` (a line from the terminal).
const MAY_USE: [(&str, &[&str]); 5] = [
    ("cli", &["cli", "engine", "model", "error", "sys::host", "sys::output", "sys::tty"]),
    ("engine", &["engine", "sys", "model", "error"]),
    ("sys", &["sys", "model", "error"]),
    ("model", &["model", "error"]),
    ("error.rs", &[]),
];

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect()
}

fn sources(layer: &str) -> Vec<(PathBuf, String)> {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(layer));
    let rust = files.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let found: Vec<_> = rust.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    assert!(!found.is_empty(), "no sources in {layer}");
    found
}

#[test]
fn layers_use_what_is_below_them_alone() {
    for (layer, allowed) in MAY_USE {
        for (path, text) in sources(layer) {
            for used in text.split("crate::").skip(1) {
                let fits = |name: &&str| {
                    used.strip_prefix(*name)
                        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
                };
                assert!(
                    allowed.iter().any(fits),
                    "{} uses crate::{}",
                    path.display(),
                    used.lines().next().unwrap()
                );
            }
        }
    }
}

#[test]
fn the_core_is_pure() {
    for (path, text) in sources("model") {
        for word in [
            "std::fs",
            "std::process",
            "std::env",
            "std::net::Tcp",
            "std::time::Instant",
            "SystemTime",
            "duct",
            "nix::",
            "println",
        ] {
            assert!(!text.contains(word), "{} uses {word}", path.display());
        }
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    for (layer, _) in MAY_USE {
        for (path, text) in sources(layer) {
            assert!(text.lines().count() <= 400, "{} has {} lines", path.display(), text.lines().count());
        }
    }
}

/// A name that somebody else may have chosen is written into a sentence by `error::shown`, into a command by `error::typed`.
#[test]
fn no_path_is_written_raw_into_a_sentence() {
    let raw = |line: &&str| line.contains(".display()") && !line.contains(".display().to_string()");
    for layer in ["error.rs", "error", "engine", "cli"] {
        for (path, text) in sources(layer) {
            let found: Vec<&str> = text.lines().filter(raw).collect();
            // The one below is hashed, and shown to nobody.
            let allowed = usize::from(path.ends_with("engine/load.rs"));
            assert!(found.len() <= allowed, "{}: {found:?}", path.display());
        }
    }
}
