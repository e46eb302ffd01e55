//! Two versions of a text, line by line. Of the crate's ways to compare only the one that is used here is called, since each is
//! compiled for each kind of texts: by `TextDiff` they made a twentieth of the program.

use std::convert::Infallible;
use std::fmt::Write as _;

use similar::DiffOp;
use similar::algorithms::{Capture, Compact, IdentifyDistinct, Replace, myers};
use similar::udiff::UnifiedHunkHeader;
use similar::{ChangeTag, group_diff_ops};

/// Lines around a change that a diff shows.
const AROUND: usize = 2;

/// The comparison of two texts.
pub struct Lines<'a> {
    before: Vec<&'a str>,
    after: Vec<&'a str>,
    steps: Vec<DiffOp>,
}

impl<'a> Lines<'a> {
    /// Compares two texts.
    pub fn of(before: &'a str, after: &'a str) -> Self {
        let lines = |text: &'a str| text.split_inclusive('\n').collect::<Vec<_>>();
        let (before, after) = (lines(before), lines(after));
        let (olds, news) = (0..before.len(), 0..after.len());
        // Numbers in place of lines, which are compared often.
        let known = IdentifyDistinct::<u32>::new(&before[..], olds, &after[..], news);
        let (old, new) = (known.old_lookup(), known.new_lookup());
        let mut hook = Compact::new(Replace::new(Capture::new()), old, new);
        let done: Result<(), Infallible> =
            myers::diff(&mut hook, old, known.old_range(), new, known.new_range());
        let steps = done.map(|()| hook.into_inner().into_inner().into_ops()).unwrap_or_default();
        Self { before, after, steps }
    }

    /// Each line of a step, with what became of it.
    fn lines<'b>(&'b self, step: &'b DiffOp) -> impl Iterator<Item = (ChangeTag, &'a str)> + 'b {
        step.iter_slices(&self.before, &self.after)
            .flat_map(|(tag, lines)| lines.iter().map(move |line| (tag, *line)))
    }

    /// The lines that differ, in order: `-old`, `+new`.
    pub fn changed(&self) -> impl Iterator<Item = (ChangeTag, &'a str)> {
        self.steps.iter().flat_map(|step| self.lines(step)).filter(|(tag, _)| *tag != ChangeTag::Equal)
    }

    /// A unified diff, with these names at its head; empty where nothing differs. `around`: what is shown of a line that does not
    /// differ.
    pub fn unified(&self, before: &str, after: &str, around: impl Fn(&'a str) -> &'a str) -> String {
        let mut all = String::new();
        for hunk in group_diff_ops(self.steps.clone(), AROUND) {
            if all.is_empty() {
                let _ = writeln!(all, "--- {before}\n+++ {after}");
            }
            let _ = writeln!(all, "{}", UnifiedHunkHeader::new(&hunk));
            for (tag, line) in hunk.iter().flat_map(|step| self.lines(step)) {
                let line = if tag == ChangeTag::Equal { around(line) } else { line };
                let _ = write!(all, "{tag}{line}");
                if !line.ends_with('\n') {
                    all.push_str("\n\\ No newline at end of file\n");
                }
            }
        }
        all
    }
}

/// Lines that differ, `-old` and `+new`, each cut to where it differs from the one beside it that takes its place.
pub fn shortened(changes: &[String]) -> Vec<String> {
    /// Characters that are shown around it, and of a line that has no other beside it.
    const AROUND: usize = 12;
    const ALONE: usize = 60;
    let pairs = |at: usize, line: &str| -> Option<&String> {
        let other = if line.starts_with('-') { changes.get(at + 1) } else { changes.get(at.checked_sub(1)?) };
        other.filter(|other| other.starts_with(if line.starts_with('-') { '+' } else { '-' }))
    };
    let short = |(at, line): (usize, &String)| {
        let chars: Vec<char> = line.chars().collect();
        let (sign, chars) = chars.split_at(1.min(chars.len()));
        let (begin, end) = match pairs(at, line) {
            None => (0, ALONE.min(chars.len())),
            Some(other) => {
                let other: Vec<char> = other.chars().skip(1).collect();
                let alike = |(one, other): &(&char, &char)| one == other;
                let head = chars.iter().zip(&other).take_while(alike).count();
                let longest = chars.len().min(other.len()) - head;
                let tail = chars.iter().rev().zip(other.iter().rev()).take(longest).take_while(alike).count();
                (head.saturating_sub(AROUND), (chars.len() - tail + AROUND).min(chars.len()))
            }
        };
        let shown: String = chars.get(begin..end).unwrap_or_default().iter().collect();
        let before = if begin > 0 { "…" } else { "" };
        let after = if end < chars.len() { "…" } else { "" };
        format!("{}{before}{shown}{after}", sign.iter().collect::<String>())
    };
    changes.iter().enumerate().map(short).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use similar::TextDiff;

    use super::*;

    #[test]
    fn of_long_lines_that_differ_the_difference_is_shown() {
        let rule = |sign: char, address: &str| {
            format!("{sign}/^(From:.*[ <,])root@host([ >,].*)?$/i REPLACE ${{1}}{address}${{2}}")
        };
        let short = |changes: &[String]| shortened(changes).join(" | ");
        let (old, new) = (rule('-', "a@x.example"), rule('+', "b@x.example"));
        assert_eq!(
            short(&[old.clone(), new.clone()]),
            "-…REPLACE ${1}a@x.example${… | +…REPLACE ${1}b@x.example${…"
        );
        for alone in [vec![new.clone()], vec![old.clone()], vec![new, old]] {
            assert!(shortened(&alone).iter().all(|line| line.ends_with('…') && line.chars().count() == 62));
        }
        assert_eq!(short(&["-a".into(), "+ab".into(), "-".into()]), "-a | +ab | -");
        assert!(shortened(&[]).is_empty());
    }

    proptest! {
        /// The crate's own words for the same texts.
        #[test]
        fn a_diff_is_the_one_that_the_crate_writes(before in "([abc]{0,2}\n|\r\n){0,12}[ab]?", after in "([abc]{0,2}\n|\r\n){0,12}[ab]?") {
            let theirs = TextDiff::from_lines(before.as_str(), after.as_str());
            let ours = Lines::of(&before, &after);
            let unified = theirs.unified_diff().context_radius(AROUND).header("a", "b").to_string();
            prop_assert_eq!(ours.unified("a", "b", |line| line), unified);
            let changed: Vec<_> = theirs.iter_all_changes().filter(|change| change.tag() != ChangeTag::Equal).map(|change| (change.tag(), change.value().to_owned())).collect();
            prop_assert_eq!(ours.changed().map(|(tag, line)| (tag, line.to_owned())).collect::<Vec<_>>(), changed);
        }
    }
}
