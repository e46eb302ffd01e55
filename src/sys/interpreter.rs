//! Refuses a program that somebody else could change by way of its interpreter: the kernel runs what the first line of a script
//! names (execve(2)), and whoever may write that runs in the script's place.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{files, run, trust};
use crate::error::Result;

/// How many interpreters the kernel follows from one to the next (fs/exec.c), and the bytes of a first line that it reads
/// (BINPRM_BUF_SIZE, 256).
const DEEPEST: u32 = 5;
const LINE: u64 = 256;

/// As [`trust::program`], for the program and all interpreters that it is run by. False if there is no such program.
pub fn program(path: &Path) -> Result<bool> {
    let mut left = vec![path.to_owned()];
    for depth in 0..DEEPEST {
        let mut next = Vec::new();
        for one in &left {
            match trust::program(one)? {
                true => next.extend(interpreters(one)),
                false if depth == 0 => return Ok(false),
                // The program itself ends with that, and says so.
                false => {}
            }
        }
        left = next;
    }
    Ok(true)
}

/// The interpreter that the first line of a script names; for env(1) the program too that it looks for.
fn interpreters(path: &Path) -> Vec<PathBuf> {
    let mut line = Vec::new();
    let file = files::resolve(path).and_then(|path| files::open_no_link(&path).ok().flatten());
    if file.is_none_or(|file| file.take(LINE).read_to_end(&mut line).is_err()) {
        return Vec::new();
    }
    let text = String::from_utf8_lossy(&line);
    let Some(line) = text.strip_prefix("#!").and_then(|rest| rest.lines().next()) else { return Vec::new() };
    let mut words = line.split_whitespace();
    let Some(first) = words.next().map(PathBuf::from) else { return Vec::new() };
    let is_env = first.file_name().is_some_and(|name| name == "env");
    let named = words.find(|word| !word.starts_with('-') && !word.contains('=')).filter(|_| is_env);
    let found =
        named.and_then(|name| if name.contains('/') { Some(PathBuf::from(name)) } else { run::find(name) });
    std::iter::once(first).chain(found).collect()
}

#[cfg(test)]
mod tests {
    use super::super::scratch;
    use super::*;

    #[test]
    fn the_interpreter_of_a_script_is_known() {
        let scratch = scratch::directory().unwrap();
        let of = |text: &str| {
            let path = scratch.path().join("script");
            std::fs::write(&path, text).unwrap();
            let all = interpreters(&path);
            all.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(of("#!/bin/sh\n"), ["/bin/sh"]);
        assert_eq!(of("#! /opt/x/python -u\nprint()\n"), ["/opt/x/python"]);
        assert_eq!(of("#!/usr/bin/env -S A=b /opt/y/ruby -w\n"), ["/usr/bin/env", "/opt/y/ruby"]);
        assert_eq!(of("#!/usr/bin/env sh\n").len(), 2);
        for none in ["", "#!", "#!\n/bin/sh", "echo\n", "\u{7f}ELF"] {
            assert_eq!(of(none), [""; 0], "{none:?}");
        }
    }
}
