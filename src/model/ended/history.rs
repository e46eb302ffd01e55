//! How `history` and `restore` ended.

use std::collections::BTreeMap;

use crate::model::state::generation::Generation;
use crate::model::state::taken_back::By;

/// The generations that are recorded.
#[derive(Debug)]
pub struct Listed {
    /// Those that can be read, oldest first.
    pub generations: Vec<Generation>,
    /// The changes that were taken back, with who did it.
    pub taken_back: BTreeMap<u32, By>,
    /// What the change of the one that was asked for did to each text.
    pub changes: Option<Vec<Change>>,
    /// Whether there are, or were, others that cannot be read.
    pub is_damaged: bool,
    /// The words for the remains of a stopped run that were cleared up first.
    pub recovered: Option<String>,
}

/// What a recorded change did to a file that is a text.
#[derive(Debug)]
pub struct Change {
    /// Its name, as the generation has it.
    pub file: &'static str,
    /// A unified diff, without secrets; `None` where its bytes are not kept.
    pub diff: Option<String>,
}

/// A generation that is in force again.
#[derive(Debug)]
pub struct Restored {
    /// Its number.
    pub generation: u32,
    /// What it has replaced; `None`: nothing, since it was in force already.
    pub replaced: Option<Replaced>,
    /// What the answers ask for that is not in force now, in words; `None`: nothing, or that is not known.
    pub wanted: Option<String>,
    /// The words for the remains of a stopped run that were cleared up first.
    pub recovered: Option<String>,
}

/// What a restore has replaced.
#[derive(Debug)]
pub struct Replaced {
    /// The generation that has the files from before, edits by hand included.
    pub previous: u32,
    /// The files that somebody had edited by hand since the last run. One that was removed has no edit.
    pub edited: Vec<Edited>,
}

impl Replaced {
    /// The command that puts them back.
    pub fn undo(&self) -> String {
        format!("relayhost restore {}", self.previous)
    }
}

impl Restored {
    /// That the next run puts back into force what the answers still ask for, in words.
    pub fn unlike_answers(&self) -> Option<String> {
        let wanted = self.wanted.as_ref()?;
        Some(format!(
            "they still say that {wanted}: the next `relayhost apply` or `repair` puts that into force again, unless `relayhost init` \
             writes others"
        ))
    }
}

/// A file with an edit by hand that a restore has replaced.
#[derive(Debug)]
pub struct Edited {
    /// Its name in Postfix's directory.
    pub name: String,
    /// Whether the generation that is in force again has such a file.
    pub is_there: bool,
}
