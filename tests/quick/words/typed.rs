//! Names that somebody else may have chosen, in a command that root is to type: one word of a shell each.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use relayhost::error::{Error, typed};

use crate::project::project;

/// Names that somebody else may have chosen.
const HOSTILE: [&str; 8] =
    ["/srv/a b", "/srv/$(touch pwned);x", "-x", "/it's", "/a`reboot`b", "/new\nline", "/*", "/\u{202e}\\n"];

/// Whether bash reads exactly these names where they are typed.
#[test]
fn a_name_is_one_word_of_bash_and_names_what_it_is_to_name() {
    use std::os::unix::ffi::OsStrExt;
    let broken = std::ffi::OsStr::from_bytes(b"/a\xff`'\\b");
    for name in HOSTILE.iter().map(std::ffi::OsStr::new).chain([broken]) {
        let word = typed(name);
        assert!(!word.contains('`') && !word.contains(char::is_control), "{word}");
        let bash = Command::new("bash").args(["-c", &format!("printf '<%s>' {word}")]).output().unwrap();
        let back =
            [if name.as_bytes().starts_with(b"-") { &b"<./"[..] } else { b"<" }, name.as_bytes(), b">"];
        assert_eq!(bash.stdout, back.concat(), "{word}");
    }
}

/// Each error that has a name which somebody else may have chosen gives it in its remedy as one word of a shell.
#[test]
fn the_remedies_of_errors_type_names() {
    for name in HOSTILE {
        let io = |kind| Error::Io { action: "read", path: name.into(), source: std::io::Error::from(kind) };
        let missing = vec![name.to_owned()];
        let errors = [
            io(std::io::ErrorKind::NotFound),
            io(std::io::ErrorKind::Other),
            Error::TooLarge { path: name.into(), limit: 1 },
            Error::Symlink { path: name.into() },
            Error::Image { missing: missing.clone() },
            Error::NotInstalled {
                missing,
                asked: Some(name.to_owned()),
                command: String::new(),
                status: String::new(),
                output: String::new(),
            },
            Error::MapDiffers { database: name.into() },
        ];
        for error in errors {
            let hint = error.hint("relayhost check");
            assert!(hint.contains(&typed(name)), "{hint}");
            assert!(!hint.replace(&typed(name), "").contains(name), "{hint}");
        }
    }
}

/// What is filled into a command of a remedy, in all sources: a word made by `typed`, or a number of ours.
#[test]
fn what_is_filled_into_a_command_is_typed() {
    // Numbers and queue ids; what was made by `typed` under another name; a constant.
    let plain = [
        "pid",
        "id",
        "queue_id",
        "generation",
        "generation:04",
        "number",
        "bits",
        "SUMS",
        "command",
        "parameter",
    ];
    let command = Regex::new(
        r"`(?:chmod|chown|rm|mv|ls|cd|cat|diff|grep|yum|dnf|rpm|install|RUN|post[a-z]+|systemctl|relayhost|kill|setfacl) [^`]*\{[^`]*`",
    )
    .unwrap();
    let hole = Regex::new(r"\{([a-z_A-Z0-9.:]*)\}").unwrap();
    let mut found = 0;
    for (path, text) in sources(&project().join("src")) {
        let text = text.split("#[cfg(test)]").next().unwrap();
        for place in command.find_iter(text) {
            let line = text[..place.start()].rsplit('\n').next().unwrap();
            if line.trim_start().starts_with("//") {
                continue;
            }
            found += 1;
            let shown = format!("{}: {}", path.display(), place.as_str());
            let arguments: String = text[place.end()..].chars().take(300).collect();
            for hole in hole.captures_iter(place.as_str()).map(|hole| hole[1].to_owned()) {
                let is_given = hole.is_empty() || hole.starts_with(|c: char| c.is_ascii_digit());
                let is_typed = if is_given {
                    arguments.contains("typed")
                } else {
                    plain.contains(&hole.as_str()) || text.contains(&format!("{hole} = typed("))
                };
                assert!(is_typed, "`{hole}` of {shown}");
            }
        }
    }
    assert!(found >= 15, "only {found} commands were found");
}

/// The lines of the sources in which no test and no comment stands, each with its file.
fn code() -> Vec<(PathBuf, String)> {
    let mut lines = Vec::new();
    for (path, text) in sources(&project().join("src")) {
        let is_test = ["tests.rs", "by_hand.rs"].iter().any(|name| path.to_string_lossy().ends_with(name));
        if !is_test {
            let text = text.split("#[cfg(test)]").next().unwrap();
            let all = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            lines.extend(all.map(|line| (path.clone(), line.to_owned())));
        }
    }
    lines
}

/// `Advice` puts the command in place of this notation, and nothing else of relayhost's passes it.
#[test]
fn no_remedy_leaves_open_which_command_is_to_be_run_again() {
    let mut found = 0;
    for (path, line) in code() {
        let is_open =
            ["same command", "this command", "run this again"].iter().any(|words| line.contains(words));
        if !is_open || path.ends_with("src/error/advice.rs") {
            continue;
        }
        found += 1;
        let passes =
            ["src/error", "src/sys", "src/engine"].iter().any(|part| path.to_string_lossy().contains(part));
        assert!(line.contains("`this command`") && passes, "{}: {line}", path.display());
    }
    assert!(found >= 15, "only {found} remedies were found");
}

/// A remedy is a value (`Advice`): what depends on a command in it asks the value, and reads no sentence.
#[test]
fn nobody_searches_the_words_of_a_remedy() {
    let search = Regex::new(
        r"\b(remedy|advice|hint|step)(\(\)|\.text\(\)|\.to_string\(\)|\.as_str\(\))*\.(contains|find|r?matches|replacen?|(starts|ends)_with|strip_(pre|suf)fix|r?split(_once)?)\(",
    )
    .unwrap();
    for found in [
        "let own = remedy.contains(\"relayhost apply\");",
        "self.remedy = self.remedy.replace(run, \"\");",
        "of.remedy.text().strip_prefix(\"x\")",
    ] {
        assert!(search.is_match(found), "{found}");
    }
    for (path, line) in code() {
        assert!(!search.is_match(&line), "{}: {line}", path.display());
    }
}

fn sources(directory: &Path) -> Vec<(PathBuf, String)> {
    let inside = |entry: fs::DirEntry| {
        let path = entry.path();
        if path.is_dir() { sources(&path) } else { vec![(path.clone(), fs::read_to_string(path).unwrap())] }
    };
    let all = fs::read_dir(directory).unwrap().flat_map(|entry| inside(entry.unwrap()));
    all.filter(|(path, _)| path.extension().is_some_and(|end| end == "rs")).collect()
}
