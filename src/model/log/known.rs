//! Texts that were met, so that the cause of each is looked for once.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::fold::soft;

/// Most texts whose cause is remembered.
const KNOWN: usize = 8192;

/// The group of each text that was met, by a hash of the text; `None` if the text is no trouble.
#[derive(Debug, Default)]
pub struct Known {
    hasher: RandomState,
    groups: HashMap<u64, Option<u32>>,
    folded: String,
}

impl Known {
    /// The hash of texts of this host, in which what differs from message to message is folded.
    pub fn hash(&mut self, host: u16, texts: &[&str]) -> u64 {
        self.folded.clear();
        for text in texts {
            soft(text, &mut self.folded);
            self.folded.push('\n');
        }
        self.hasher.hash_one((host, self.folded.as_str()))
    }

    /// Whether texts were met, by their hash.
    pub fn has(&self, hash: u64) -> bool {
        self.groups.contains_key(&hash)
    }

    /// The group of texts that were met and are trouble.
    pub fn group(&self, hash: u64) -> Option<u32> {
        self.groups.get(&hash).copied().flatten()
    }

    /// Remembers the group of texts.
    pub fn learn(&mut self, hash: u64, group: Option<u32>) {
        if self.groups.len() >= KNOWN {
            self.groups.clear();
        }
        self.groups.insert(hash, group);
    }
}
