//! JSON texts, each on a line of its own or laid out over several.

use super::{Paste, json};

/// Most bytes of a JSON text that goes over several lines.
const JSON: usize = 1024 * 1024;
/// Most lines of such a text that look like its end.
const ENDS: u8 = 50;

impl Paste<'_> {
    /// Takes a line of a JSON text, which may go over several. True if it is part of one.
    pub(super) fn in_json(&mut self, text: &str) -> bool {
        if self.json.is_some() && !may_be_json(text) {
            self.give_up_json();
        }
        if let Some((whole, _, ends)) = &mut self.json {
            whole.push_str(text);
            whole.push('\n');
            // An object within it ends further to the right, as a rule.
            if text.starts_with(['}', ']']) {
                *ends += 1;
                if let Some(lines) = json::lines(whole, &self.calendar) {
                    self.json = None;
                    self.lines_of_json(lines);
                    return true;
                }
            }
            if whole.len() > JSON || *ends > ENDS {
                self.give_up_json();
            }
            return true;
        }
        // `data: {…}`, `mail-1 | {…}`, and the record separator of RFC 7464
        let begin =
            text.find(['{', '[']).filter(|at| *at < 64).and_then(|at| text.get(at..)).unwrap_or_default();
        let is_begin =
            begin.starts_with("{\"") || begin.starts_with("[{") || ["{", "["].contains(&text.trim());
        if !is_begin {
            return false;
        }
        if self.listing.take(begin, &self.calendar) {
            self.settle();
            self.take_listed();
            return true;
        }
        if let Some(lines) = json::lines(begin.trim_end_matches(','), &self.calendar) {
            self.settle();
            self.lines_of_json(lines);
            return true;
        }
        let opens = begin.trim_end().ends_with(['{', '[']);
        if opens {
            self.settle();
            self.json = Some((format!("{begin}\n"), self.number, 0));
        }
        opens
    }

    fn lines_of_json(&mut self, lines: Vec<String>) {
        for line in lines {
            self.understand(&line, self.number, self.number);
        }
    }

    /// Reads the lines of what was taken for JSON one by one.
    pub(super) fn give_up_json(&mut self) {
        let Some((text, first, _)) = self.json.take() else { return };
        let last = std::mem::replace(&mut self.number, first);
        for line in text.lines() {
            if !self.in_other_form(line) {
                self.understand(line, self.number, self.number);
            }
            self.number += 1;
        }
        self.number = last;
    }
}

/// Whether a line can be one of a JSON text that is laid out over lines.
fn may_be_json(text: &str) -> bool {
    let text = text.trim();
    let is_literal = |text: &str| {
        ["true", "false", "null"].contains(&text)
            || text.bytes().all(|c| c.is_ascii_digit() || b"+-.eE".contains(&c))
    };
    text.starts_with(['"', '{', '}', '[', ']', ',']) || is_literal(text.trim_end_matches(','))
}
