//! main.cf as bytes: reads and sets parameters, and leaves every other byte where it is. Syntax: postconf(5).

use super::lines::{self, Logical, trim};

/// The character that some editors write before the first one of a file in UTF-8.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// One definition of a parameter in main.cf. Of several of one parameter the last counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// The text before the first `=`.
    pub name: String,
    /// The text after it, `$name` as it stands.
    pub value: String,
    /// Number of its first line, from 1.
    pub line: usize,
}

/// The contents of a main.cf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MainCf {
    bytes: Vec<u8>,
}

/// The parameter by which Postfix returns no mail.
pub const SOFT_BOUNCE: &str = "soft_bounce";

impl MainCf {
    /// Takes a file's bytes and checks nothing: Postfix does that.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The bytes to write.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value that is in force in this file: the last one, as Postfix takes it. `None` if it is not set here.
    pub fn get(&self, name: &str) -> Option<String> {
        let line = self.definitions(name).pop()?;
        line.text(&self.bytes).split_once('=').map(|(_, value)| trim(value).to_owned())
    }

    /// Each definition, in the file's order.
    pub fn all(&self) -> Vec<Definition> {
        let (mut all, mut line, mut counted) = (Vec::new(), 1, 0);
        for logical in lines::logical(&self.bytes) {
            let start = logical.parts.first().map_or(counted, |part| part.start);
            let between = self.bytes.get(counted..start).unwrap_or_default();
            line += lines::ends(between);
            counted = start;
            if let Some((name, value)) = logical.text(&self.bytes).split_once('=') {
                all.push(Definition { name: trim(name).to_owned(), value: trim(value).to_owned(), line });
            }
        }
        all
    }

    /// The number of lines that end with CR LF, and of all lines.
    pub fn line_ends(&self) -> (usize, usize) {
        let lines = || self.bytes.split_inclusive(|byte| *byte == b'\n');
        (lines().filter(|line| line.ends_with(b"\r\n")).count(), lines().count())
    }

    /// Sets a parameter: in place of its last definition (others are removed), or at the end if there is none.
    pub fn set(&mut self, name: &str, value: &str) {
        let text = if value.is_empty() { format!("{name} =") } else { format!("{name} = {value}") };
        let mut found = self.definitions(name);
        self.bytes = match found.pop() {
            Some(last) => lines::replace(&self.bytes, Some(&last), &found, &text),
            None => lines::append(&self.bytes, &text),
        };
    }

    /// Makes the definition of a parameter what it was in an earlier file: the text that was there, or none.
    pub fn put_back(&mut self, name: &str, earlier: Option<&Self>) {
        let mut found = self.definitions(name);
        let before = earlier.and_then(|file| Some((file.definitions(name).pop()?, file)));
        self.bytes = match (before, found.pop()) {
            (None, Some(last)) => {
                found.push(last);
                lines::replace(&self.bytes, None, &found, "")
            }
            (Some((line, file)), Some(last)) => {
                lines::replace(&self.bytes, Some(&last), &found, &line.lines(&file.bytes))
            }
            (Some((line, file)), None) => lines::append(&self.bytes, &line.lines(&file.bytes)),
            (None, None) => return,
        };
    }

    /// The same file, by which Postfix returns no mail: what a relay refuses stays in the queue (`soft_bounce` in postconf(5)).
    /// `None` if this file says so itself.
    pub fn guarded(&self) -> Option<Self> {
        if self.get(SOFT_BOUNCE).as_deref() == Some("yes") {
            return None;
        }
        let mut guarded = self.clone();
        guarded.set(SOFT_BOUNCE, "yes");
        Some(guarded)
    }

    /// This file without what [`Self::guarded`] has changed of an `earlier` one. `None`: it is not guarded, or the earlier one
    /// says the same itself.
    pub fn unguarded(&self, earlier: &Self) -> Option<Self> {
        if self.guarded().is_some() || earlier.guarded().is_none() {
            return None;
        }
        let mut unguarded = self.clone();
        unguarded.put_back(SOFT_BOUNCE, Some(earlier));
        Some(unguarded)
    }

    fn definitions(&self, name: &str) -> Vec<Logical> {
        let names_it = |line: &Logical| {
            line.text(&self.bytes).split_once('=').is_some_and(|(left, _)| trim(left) == name)
        };
        lines::logical(&self.bytes).into_iter().filter(names_it).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, name: &str, value: &str) -> String {
        let mut file = MainCf::new(text.as_bytes().to_vec());
        file.set(name, value);
        assert_eq!(file.get(name).as_deref(), Some(value));
        String::from_utf8(file.bytes).unwrap()
    }

    #[test]
    fn an_absent_parameter_goes_to_the_end() {
        assert_eq!(set("# c\na = 1\n", "relayhost", "[x]:25"), "# c\na = 1\nrelayhost = [x]:25\n");
        assert_eq!(set("a = 1", "b", "2"), "a = 1\nb = 2\n");
        assert_eq!(set("", "b", "2"), "b = 2\n");
    }

    #[test]
    fn a_present_one_is_replaced_where_it_stands() {
        assert_eq!(set("a=1\n#b = 0\nb = 1\nc = 3\n", "b", "2"), "a=1\n#b = 0\nb = 2\nc = 3\n");
        assert_eq!(set("b=1", "b", "2"), "b = 2");
    }

    #[test]
    fn continuation_lines_go_and_comments_among_them_stay() {
        let text = "x = 1\nb = one,\n\n# why\n   two,\n\tthree\ny = 2\n";
        assert_eq!(set(text, "b", "2"), "x = 1\nb = 2\n\n# why\ny = 2\n");
    }

    #[test]
    fn of_several_the_last_counts_and_stays() {
        let text = "b = 1\na = 0\nb = 2\n   3\n";
        assert_eq!(MainCf::new(text.into()).get("b").as_deref(), Some("2   3"));
        assert_eq!(set(text, "b", "4"), "a = 0\nb = 4\n");
    }

    #[test]
    fn a_guarded_file_returns_no_mail_and_is_guarded_once() {
        let guarded = |text: &str| {
            let before = MainCf::new(text.as_bytes().to_vec());
            let file = before.guarded()?;
            assert_eq!(file.guarded(), None);
            assert_eq!(file.unguarded(&before), Some(before.clone()));
            assert_eq!((file.unguarded(&file), before.unguarded(&before)), (None, None));
            Some(String::from_utf8(file.bytes).unwrap())
        };
        assert_eq!(guarded("a = 1\n").as_deref(), Some("a = 1\nsoft_bounce = yes\n"));
        assert_eq!(guarded("soft_bounce = no\na = 1\n").as_deref(), Some("soft_bounce = yes\na = 1\n"));
        assert_eq!(guarded("soft_bounce=yes\n"), None);
    }

    #[test]
    fn names_are_whole_words() {
        let text = "smtp_tls_security_level_x = 1\nsmtpd_tls_security_level = may\n";
        assert_eq!(MainCf::new(text.into()).get("smtp_tls_security_level"), None);
    }

    #[test]
    fn an_empty_value_has_no_trailing_space() {
        assert_eq!(set("relayhost = x\n", "relayhost", ""), "relayhost =\n");
    }

    #[test]
    fn a_line_of_ours_ends_as_the_files_own() {
        assert_eq!(set("a = 1\r\nb = 2\r\n", "a", "3"), "a = 3\r\nb = 2\r\n");
        assert_eq!(set("a = 1\r\n", "b", "2"), "a = 1\r\nb = 2\r\n");
        assert_eq!(set("a = 1\r\n# c", "b", "2"), "a = 1\r\n# c\r\nb = 2\r\n");
        assert_eq!(set("a = 1\r\nc = 1\n", "b", "2"), "a = 1\r\nc = 1\nb = 2\n");
    }

    #[test]
    fn what_was_set_is_put_back_byte_for_byte() {
        for text in
            ["a = 1\n", "a = 1\nt=hash:/x,\n   hash:/y\nb = 2\n", "t =\n", "t = 1\r\n\tx\r\nb = 2\r\n"]
        {
            let earlier = MainCf::new(text.into());
            let mut now = earlier.clone();
            now.set("t", "hash:/x, hash:/y, hash:/ours");
            now.put_back("t", Some(&earlier));
            assert_eq!(String::from_utf8_lossy(now.bytes()), text);
            now.put_back("none", Some(&earlier));
            assert_eq!(now, earlier);
        }
        let mut file = MainCf::new(b"a = 1\nt = 2\n".to_vec());
        file.put_back("t", None);
        assert_eq!(file.bytes(), b"a = 1\n");
    }

    #[test]
    fn definitions_have_their_lines() {
        let all = MainCf::new(b"# c\n\na = 1\n  # d\n  2\nb=3\n".to_vec()).all();
        let seen: Vec<_> = all.iter().map(|one| (one.name.as_str(), one.value.as_str(), one.line)).collect();
        assert_eq!(seen, [("a", "1  2", 3), ("b", "3", 6)]);
    }

    #[test]
    fn bytes_that_are_not_utf8_stay() {
        let mut file = MainCf::new(b"# \xff\xfe\r\na = 1\n".to_vec());
        file.set("a", "2");
        assert_eq!(file.bytes(), b"# \xff\xfe\r\na = 2\n");
    }
}
