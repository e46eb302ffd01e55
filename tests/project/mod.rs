//! The project's own files, for the quick tests and the lab's.

use std::path::{Path, PathBuf};

use serde_json::Value;

pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The program under test: `RELAYHOST_PROGRAM`, which `scripts/test` sets to the one of the packages; else Cargo's, whose crates
/// have what the tests' own crates want of them too (`cargo tree -e features`), such as tables that regular expressions need.
pub fn program() -> PathBuf {
    std::env::var_os("RELAYHOST_PROGRAM")
        .map_or_else(|| env!("CARGO_BIN_EXE_relayhost").into(), PathBuf::from)
}

/// The contents of a file of the project.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Parses a JSON document and checks it against docs/schema.json.
#[track_caller]
pub fn document(text: &str) -> Value {
    let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in:\n{text}"));
    let schema: Value = serde_json::from_str(&read("docs/schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    document
}
