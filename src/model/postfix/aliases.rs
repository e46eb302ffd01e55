//! The syntax of aliases(5), as postalias(1) reads a file (src/postalias/postalias.c). Lines go together as in every other
//! table (`lines`); what differs is a line.

use super::lines::{is_space, trim};

/// The file that the system has. Other programs than Postfix read it, and packages add to it.
pub const PATH: &str = "/etc/aliases";

/// Mode of the file where relayhost makes it: every user may know who gets root's mail.
pub const MODE: u32 = 0o644;

/// Keys that postalias adds to what the file says, for sendmail and NIS, in lower case.
const SIGNATURES: [&str; 3] = ["@", "yp_last_modified", "yp_master_name"];

/// Whether postalias adds this key itself.
pub fn is_signature(key: &str) -> bool {
    SIGNATURES.contains(&key)
}

/// Name and value of a logical line; or why postalias passes over it, in its words.
pub fn split(text: &str) -> Result<(String, String), &'static str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let colon = text.find(|c: char| {
        let ends = c == ':' && !is_quoted && !is_escaped;
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    let pair = colon.and_then(|at| text.split_at_checked(at));
    let (name, value) =
        pair.map_or(("", ""), |(name, value)| (trim(name), trim(value.trim_start_matches(':'))));
    let is_bare = !name.contains('"');
    if name.is_empty() || value.is_empty() || is_bare && name.contains(',') {
        return Err("need name:value pair");
    }
    if is_bare && name.contains('@') {
        return Err("name must be local");
    }
    Ok((name.replace('"', ""), value.to_owned()))
}

/// A value without white space: postalias writes one between the parts of a value, and none where the file may have some.
pub fn squeezed(value: &str) -> String {
    value.chars().filter(|c| !is_space(*c)).collect()
}

/// Whether postalias may write this otherwise than it stands there: quotes, comments, escapes, groups; or it is not UTF-8.
pub fn is_strange(text: &str) -> bool {
    text.contains(['"', '(', '\\', '<', '[', ';', char::REPLACEMENT_CHARACTER])
}

#[cfg(test)]
mod tests {
    use crate::model::postfix::postmap::{Entries, MapSource};

    const FILE: &str = "# people\nPostmaster: root\nroot:\tmarc, \"|/bin/x -f 'a, b'\",\n   joe@x.y\n \na b: c\n\
        \"q r\": d\nnocolon e\nx@y: z\nempty:\ndup: one\ndup: two\ninc: :include:/etc/foo\ng: a@b,c@d , e@f\n";

    #[test]
    fn a_line_is_read_as_postalias_reads_it() {
        let source = MapSource::aliases(FILE.into());
        let entries = source.entries();
        for (name, value) in [
            ("postmaster", "root"),
            ("root", "marc, \"|/bin/x -f 'a, b'\",   joe@x.y"),
            ("a b", "c"),
            ("q r", "d"),
            ("dup", "one"),
            ("inc", ":include:/etc/foo"),
            ("g", "a@b,c@d , e@f"),
        ] {
            assert_eq!(entries.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(entries.len(), 7, "{entries:?}");
        let words: Vec<String> =
            source.passed_over().iter().map(|(line, why)| format!("{line} {why}")).collect();
        assert_eq!(
            words,
            [
                "8 need name:value pair",
                "9 name must be local",
                "10 need name:value pair",
                "12 a second entry for dup"
            ]
        );
    }

    #[test]
    fn the_entry_of_root_is_set_and_all_else_stays() {
        let set = |text: &str| {
            let mut source = MapSource::aliases(text.into());
            source.set("root", "ops@example.com, b@c.d");
            String::from_utf8(source.bytes().to_vec()).unwrap()
        };
        let ours = "root: ops@example.com, b@c.d";
        assert_eq!(set("a: b\n#root: marc"), format!("a: b\n#root: marc\n{ours}\n"));
        assert_eq!(set("Root:marc,\n\tjoe\n# x\nb: c\n"), format!("{ours}\n# x\nb: c\n"));
        assert_eq!(set("a: b\r\nroot: c\r\nroot: d\r\ne: f\r\n"), format!("a: b\r\n{ours}\r\ne: f\r\n"));
        assert_eq!(set("root ops\nrooty: x\n"), format!("root ops\nrooty: x\n{ours}\n"), "no entry of root");
        assert_eq!(set(""), format!("{ours}\n"));
        let mut source = MapSource::aliases(format!("a: b\n{ours}\nc: d\n").into());
        assert!(source.remove("root", |value| value == "ops@example.com, b@c.d"));
        assert_eq!(source.bytes(), b"a: b\nc: d\n");
    }

    #[test]
    fn a_database_agrees_whatever_white_space_postalias_wrote() {
        let source = MapSource::aliases("g: a@b,c@d ,\r\n  e@f\r\nBack: \\root\n".into());
        let mut built: Entries =
            [("g", "a@b, c@d, e@f"), ("back", "root"), ("@", "@"), ("yp_master_name", "h")]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into();
        assert!(source.agrees_with(&built));
        built.insert("g".into(), "a@b".into());
        assert!(!source.agrees_with(&built));
        let plain = MapSource::aliases("a: b\n".into());
        let more = [("a", "b"), ("c", "d")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert!(!plain.agrees_with(&more.into()), "an entry that the file does not have");
    }
}
