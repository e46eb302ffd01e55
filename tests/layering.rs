//! Arrows point down: cli → engine → sys → model → error, between the files they make no circle, and no file is too long to
//! read. Each rule is also tried on sources that break it.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop there, and it works on files of its own"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each layer, and what it may use. `cli` may name `sys::host` (root or not), `sys::environment` (the terminal's variables),
/// `sys::output` (standard output and error) and `sys::tty` (a line from the terminal).
const MAY_USE: [(&str, &[&str]); 5] = [
    ("cli", &["cli", "engine", "model", "error", "sys::environment", "sys::host", "sys::output", "sys::tty"]),
    ("engine", &["engine", "sys", "model", "error"]),
    ("sys", &["sys", "model", "error"]),
    ("model", &["model", "error"]),
    ("error", &["error"]),
];

/// Lines that a file may have, and the names of programs by their ends: data and pages may be longer.
const LONGEST: usize = 400;
const PROGRAMS: [&str; 3] = ["rs", "py", "sh"];

/// The text of each source file by its module path, `model::log::scan`.
type Sources = BTreeMap<String, String>;

fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    fs::read_dir(path).unwrap().flat_map(|entry| files(&entry.unwrap().path())).collect()
}

/// The files of a directory whose names end so, by their paths from the top, and their texts.
fn texts(directory: &str, ends: &[&str]) -> BTreeMap<String, String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let is_wanted =
        |path: &PathBuf| path.extension().is_some_and(|end| ends.contains(&end.to_str().unwrap()));
    let name = |path: &Path| path.strip_prefix(top).unwrap().display().to_string();
    let wanted = files(&top.join(directory)).into_iter().filter(is_wanted);
    let found: BTreeMap<_, _> =
        wanted.map(|path| (name(&path), fs::read_to_string(&path).unwrap())).collect();
    assert!(!found.is_empty(), "no programs in {directory}");
    found
}

/// The module that a file of src is.
fn module_of(path: &str) -> String {
    let module = path.trim_start_matches("src/").trim_end_matches(".rs").replace('/', "::");
    module.strip_suffix("::mod").map_or(module.clone(), str::to_owned)
}

/// All of src.
fn sources() -> Sources {
    texts("src", &["rs"]).into_iter().map(|(path, text)| (module_of(&path), text)).collect()
}

/// The program's part of a file: without unit tests at its end, and without comments.
fn program(text: &str) -> String {
    let program = text.split("\n#[cfg(test)]\nmod tests").next().unwrap();
    let lines = program.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every path that a text names from `crate`, `self` or `super`, groups in braces taken apart, each as its words.
fn paths(text: &str) -> Vec<Vec<String>> {
    let of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            // `super::super::x` begins at its first word.
            if text[..at].ends_with(of_path) {
                continue;
            }
            let rest = &text[at..];
            let (path, behind) = rest.split_at(rest.find(|c| !of_path(c)).unwrap_or(rest.len()));
            let path = path.trim_end_matches("::");
            match behind.strip_prefix('{') {
                None => found.push(path.split("::").map(str::to_owned).collect()),
                Some(group) => {
                    expand(path, group, &mut found);
                }
            }
        }
    }
    found
}

/// Takes apart what stands behind an open brace, up to the brace that closes it, and returns where that is.
fn expand(head: &str, group: &str, found: &mut Vec<Vec<String>>) -> usize {
    let (mut word, mut at) = (String::new(), 0);
    let letters: Vec<char> = group.chars().collect();
    let add = |word: &mut String, found: &mut Vec<Vec<String>>| {
        let name = word.split(" as ").next().unwrap().trim().trim_end_matches("::").to_owned();
        if !name.is_empty() {
            found.push(format!("{head}::{name}").split("::").map(str::to_owned).collect());
        }
        word.clear();
    };
    while at < letters.len() {
        match letters[at] {
            '}' => {
                add(&mut word, found);
                return at;
            }
            ',' => add(&mut word, found),
            '{' => {
                let inner = format!("{head}::{}", word.trim().trim_end_matches("::"));
                word.clear();
                let rest: String = letters[at + 1..].iter().collect();
                at += 1 + expand(&inner, &rest, found);
            }
            other => word.push(other),
        }
        at += 1;
    }
    at
}

/// Which files each file uses.
fn arrows(sources: &Sources) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut all = BTreeMap::new();
    for (module, text) in sources.iter().filter(|(module, _)| !module.ends_with("tests")) {
        let own: Vec<&str> = module.split("::").collect();
        let mut used = BTreeSet::new();
        for path in paths(&program(text)) {
            let up = path.iter().take_while(|word| *word == "super").count();
            let rest = path.iter().skip(up.max(1)).map(String::as_str);
            let base = match path[0].as_str() {
                "crate" => &[][..],
                "self" => &own[..],
                _ => own.get(..own.len().saturating_sub(up)).unwrap_or_default(),
            };
            let full: Vec<&str> = base.iter().copied().chain(rest).collect();
            let file = (1..=full.len()).rev().find_map(|length| {
                sources.get_key_value(&full[..length].join("::")).map(|(module, _)| module.as_str())
            });
            used.extend(file.filter(|file| file != module && !file.ends_with("tests")));
        }
        all.insert(module.as_str(), used);
    }
    all
}

/// Whether one is a module inside of the other: these may use each other.
fn is_family(one: &str, other: &str) -> bool {
    let inside =
        |child: &str, parent: &str| child.strip_prefix(parent).is_some_and(|rest| rest.starts_with("::"));
    inside(one, other) || inside(other, one)
}

/// A circle of files, if there is one: each uses the next, and the last uses the first.
fn circle(sources: &Sources) -> Option<Vec<&str>> {
    let arrows = arrows(sources);
    let next =
        |file: &str| arrows[file].iter().copied().filter(|used| !is_family(file, used)).collect::<Vec<_>>();
    let mut done = BTreeSet::new();
    for start in arrows.keys().copied() {
        // Each entry: a file on the way, and which of those that it uses are still to be looked at.
        let mut way = vec![(start, next(start))];
        while let Some((file, rest)) = way.last_mut() {
            let file = *file;
            match rest.pop() {
                Some(used) if way.iter().any(|(on_way, _)| *on_way == used) => {
                    let from = way.iter().position(|(on_way, _)| *on_way == used).unwrap();
                    return Some(way[from..].iter().map(|(file, _)| *file).collect());
                }
                Some(used) if done.contains(used) => {}
                Some(used) => way.push((used, next(used))),
                None => {
                    done.insert(file);
                    way.pop();
                }
            }
        }
    }
    None
}

/// A use of a layer that is not below, or a file that is in no layer, if there is one.
fn upwards(sources: &Sources) -> Option<String> {
    let starts = |used: &str, name: &str| {
        used.strip_prefix(name)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
    };
    let arrows = arrows(sources);
    for (module, text) in sources.iter().filter(|(module, _)| !["lib", "main"].contains(&module.as_str())) {
        let Some((_, allowed)) = MAY_USE.iter().find(|(layer, _)| starts(module, layer)) else {
            return Some(format!("{module} is in no layer"));
        };
        // As it is written, in tests too; and where `super::super` leads.
        let written = text.split("crate::").skip(1);
        let led = arrows.get(module.as_str()).into_iter().flatten().copied();
        for used in written.chain(led) {
            if !allowed.iter().any(|name| starts(used, name)) {
                return Some(format!("{module} uses {}", used.lines().next().unwrap()));
            }
        }
    }
    None
}

fn of(files: &[(&str, &str)]) -> Sources {
    files.iter().map(|(module, text)| ((*module).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn layers_use_what_is_below_them_alone() {
    assert_eq!(upwards(&sources()), None);
    assert!(upwards(&of(&[("model::a", "use crate::sys::files;\n")])).is_some());
    assert!(upwards(&of(&[("cli::a", "use crate::sys::files;\n")])).is_some());
    assert!(upwards(&of(&[("error", "fn f() -> crate::model::a::A {}\n")])).is_some());
    assert!(upwards(&of(&[("model::a", "use super::super::sys::b::B;\n"), ("sys::b", "")])).is_some());
    assert!(upwards(&of(&[("helpers", "")])).is_some());
    assert_eq!(upwards(&of(&[("cli::a", "use crate::sys::host::{a, b};\n")])), None);
}

#[test]
fn files_use_each_other_in_no_circle() {
    assert_eq!(circle(&sources()), None);
    let two = [("model::a", "use super::b::B;\n"), ("model::b", "use crate::model::{c, a::{self, A}};\n")];
    assert_eq!(circle(&of(&two)).map(|circle| circle.len()), Some(2));
    let three = [
        ("sys::a", "use super::b;\n"),
        ("sys::b::d", "use super::super::c::{\n    C,\n};\n"),
        ("sys::b", "use self::d::D;\n"),
        ("sys::c", "fn f() { crate::sys::a::g() }\n"),
    ];
    // The third way leads through a child of b, which is another file.
    assert_eq!(circle(&of(&three)), None);
    let three = three.map(|(module, text)| (module, text.replace("super::b;", "super::b::d::D;")));
    let three: Vec<_> = three.iter().map(|(module, text)| (*module, text.as_str())).collect();
    assert_eq!(circle(&of(&three)).map(|circle| circle.len()), Some(3));
    // A parent and its child, and what tests name, are no circle.
    let family = [("sys::b", "use self::d::D;\n"), ("sys::b::d", "use super::B;\n")];
    assert_eq!(circle(&of(&family)), None);
    let tests =
        [("sys::a", "use super::b;\n"), ("sys::b", "\n#[cfg(test)]\nmod tests {\n use super::super::a;\n}")];
    assert_eq!(circle(&of(&tests)), None);
}

/// Lines that a function may have, so that it is read on one screen.
const SCREEN: usize = 50;

/// Functions that are tables: one exhaustive match with a line or two for each value, which no reader reads from end to end.
const TABLES: [(&str, &str); 5] = [
    ("cli", "perform"),
    ("model::answers::interview::prompts", "prompt"),
    ("model::causes::form", "rule"),
    ("model::json", "body"),
    ("model::message::fate", "gone"),
];

/// The functions of a file, and how many lines each has: rustfmt puts the end of a function below its beginning.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (begin, line) in lines.iter().enumerate() {
        let inner = line.trim_start();
        let bare = ["pub ", "pub(super) ", "pub(crate) ", "const "]
            .iter()
            .fold(inner, |rest, word| rest.strip_prefix(word).unwrap_or(rest));
        let Some(rest) = bare.strip_prefix("fn ") else { continue };
        let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let end = format!("{}}}", &line[..line.len() - inner.len()]);
        let length = lines[begin..].iter().position(|line| *line == end).map_or(1, |last| last + 1);
        let is_one_line = line.ends_with('}') || line.ends_with(';');
        found.push((name, if is_one_line { 1 } else { length }));
    }
    found
}

/// The functions that do not fit a screen, and are no tables.
fn too_long(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (module, text) in sources.iter().filter(|(module, _)| !module.ends_with("tests")) {
        for (name, length) in functions(&program(text)) {
            if length > SCREEN && !TABLES.contains(&(module.as_str(), name.as_str())) {
                found.push(format!("{module}: {name} has {length} lines"));
            }
        }
    }
    found
}

#[test]
fn a_function_fits_a_screen() {
    let sources = sources();
    assert_eq!(too_long(&sources), Vec::<String>::new());
    for (module, table) in TABLES {
        let all = functions(&program(&sources[module]));
        assert!(
            all.iter().any(|(name, length)| name == table && *length > SCREEN),
            "{module}: {table} is short"
        );
    }
    let body =
        |lines: usize| format!("impl A {{\n    pub fn long(\n{}    }}\n}}\n", "        x();\n".repeat(lines));
    assert_eq!(too_long(&of(&[("model::a", &body(48))])), Vec::<String>::new());
    assert_eq!(too_long(&of(&[("model::a", &body(49))])), ["model::a: long has 51 lines"]);
}

#[test]
fn the_core_is_pure() {
    let pure = |text: &str| {
        let words = [
            "std::fs",
            "std::process",
            "std::env",
            "std::net::Tcp",
            "std::time::Instant",
            "SystemTime",
            "duct::",
            "nix::",
            "println",
        ];
        words.into_iter().find(|word| text.contains(word))
    };
    for (module, text) in sources().iter().filter(|(module, _)| module.starts_with("model")) {
        assert_eq!(pure(text), None, "{module}");
    }
    assert!(pure("use std::fs;\n").is_some());
}

fn is_long(text: &str) -> bool {
    text.lines().count() > LONGEST
}

#[test]
fn no_file_is_too_long_to_read() {
    for directory in ["src", "tests"] {
        let mut long = texts(directory, &PROGRAMS);
        long.retain(|_, text| is_long(text));
        assert!(long.is_empty(), "longer than {LONGEST} lines: {:?}", long.keys());
    }
    assert!(is_long(&"\n".repeat(LONGEST + 1)) && !is_long(&"\n".repeat(LONGEST)));
}

/// A line of a program that writes a path into a sentence as it is.
fn raw_path(text: &str) -> Option<String> {
    let is_raw = |line: &&str| line.contains(".display()") && !line.contains(".display().to_string()");
    program(text).lines().find(is_raw).map(str::to_owned)
}

/// A name that somebody else may have chosen is written into a sentence by `error::shown`, into a command by `error::typed`.
#[test]
fn no_path_is_written_raw_into_a_sentence() {
    for (module, text) in sources() {
        let layer = module.split("::").next().unwrap();
        // The one in load is hashed, and shown to nobody.
        if ["error", "engine", "cli"].contains(&layer) && module != "engine::load" {
            assert_eq!(raw_path(&text), None, "{module}");
        }
    }
    assert!(raw_path("    let text = format!(\"`{}` is there\", path.display());\n").is_some());
    assert_eq!(raw_path("    let name = path.display().to_string();\n"), None);
}
