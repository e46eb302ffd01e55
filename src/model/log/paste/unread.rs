//! The lines that were not read, by number: what a person has pasted may be only partly evidence.

/// Most ranges that are named.
const MOST: usize = 8;

/// The numbers of the lines, as ranges.
#[derive(Debug, Default)]
pub struct Unread {
    ranges: Vec<(u64, u64)>,
    lines: u64,
}

impl Unread {
    /// Adds lines. Their order is that of the input, but for some that are judged at its end.
    pub fn add(&mut self, first: u64, last: u64) {
        self.lines += last.saturating_sub(first) + 1;
        if let Some((_, end)) = self.ranges.last_mut().filter(|(_, end)| *end + 1 == first) {
            *end = last;
        } else if self.ranges.len() <= MOST {
            self.ranges.push((first, last));
        }
    }

    /// A sentence about them; `None` if there are none.
    pub fn sentence(self) -> Option<String> {
        let (noun, verb) = if self.lines == 1 { ("line", "was") } else { ("lines", "were") };
        let ranges = self.ranges()?;
        Some(format!("{noun} {ranges} {verb} not read: no form of them is known, and they may not matter"))
    }

    /// Their numbers; `None` if there are none.
    pub fn ranges(mut self) -> Option<String> {
        self.ranges.sort_unstable();
        self.ranges.dedup();
        let shown: Vec<String> = self
            .ranges
            .iter()
            .take(MOST)
            .map(|(first, last)| if first == last { first.to_string() } else { format!("{first} to {last}") })
            .collect();
        if shown.is_empty() {
            return None;
        }
        let more = if self.ranges.len() > MOST { " and more" } else { "" };
        Some(format!("{}{more}", shown.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::Unread;

    #[test]
    fn numbers_are_shown_as_ranges() {
        let mut unread = Unread::default();
        for number in [1, 2, 3, 7] {
            unread.add(number, number);
        }
        assert!(unread.sentence().unwrap().starts_with("lines 1 to 3, 7 were not read"));
        let mut unread = Unread::default();
        unread.add(4, 4);
        assert!(unread.sentence().unwrap().starts_with("line 4 was not read"));
        let mut unread = Unread::default();
        (0..1_000_000).for_each(|number| unread.add(2 * number, 2 * number));
        assert!(unread.ranges.len() < 20 && unread.sentence().unwrap().contains(" and more were"));
        assert_eq!(Unread::default().sentence(), None);
    }
}
