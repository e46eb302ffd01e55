//! Files that are not what belongs in their place: no file at all, or text in an encoding that Postfix does not read.

use std::fmt;

use super::Error;

/// A kind of thing that is no regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Odd {
    /// A directory.
    Directory,
    /// A pipe with a name.
    Fifo,
    /// A socket.
    Socket,
    /// A device.
    Device,
}

impl fmt::Display for Odd {
    /// The kind with its article, for a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Directory => "a directory",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::Device => "a device",
        })
    }
}

/// The encoding of a text, by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// ASCII or UTF-8, as far as its beginning tells.
    Plain,
    /// UTF-8 behind a byte order mark, which some editors write.
    Marked,
    /// UTF-16, as editors and PowerShell of Windows write it, by the name that iconv(1) has for its order of bytes.
    Wide(&'static str),
}

impl Encoding {
    /// The encoding of the text that begins so.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0xef, 0xbb, 0xbf, ..] => Self::Marked,
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Self::Wide("UTF-16"),
            [1..=255, 0, ..] => Self::Wide("UTF-16LE"),
            [0, 1..=255, ..] => Self::Wide("UTF-16BE"),
            _ => Self::Plain,
        }
    }
}

impl fmt::Display for Encoding {
    /// What is added to the reason why a file cannot be read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "",
            Self::Marked => "; the file begins with a byte order mark",
            Self::Wide(_) => "; the file is in UTF-16",
        })
    }
}

/// The command that takes a byte order mark out of this file of Postfix's, by GNU sed.
pub fn without_byte_order_mark(file: &str) -> String {
    format!(r"sed -i '1s/^\xEF\xBB\xBF//' /etc/postfix/{file}")
}

/// The next step where Postfix cannot read its configuration, by its words.
pub fn after_an_unreadable(reason: &str, encoding: Encoding) -> String {
    let file = Error::unreadable_file(reason);
    match encoding {
        Encoding::Plain => {}
        Encoding::Marked => {
            return format!(
                "`{}` takes it out; then run `this command` again",
                without_byte_order_mark(file)
            );
        }
        Encoding::Wide(name) => {
            return format!(
                "`iconv -f {name} -t UTF-8 /etc/postfix/{file} >/root/{file} && cat /root/{file} >/etc/postfix/{file}` makes it \
                 UTF-8; then run `this command` again"
            );
        }
    }
    if file == "master.cf" {
        return "mend that line of master.cf (nothing was changed): a service has eight columns, and an option (`-o NAME=VALUE`) begins with a blank, below its service; then run `this command` again".into();
    }
    "mend that line of main.cf (nothing was changed), and run `this command` again".into()
}

impl Error {
    /// The file of Postfix's that these words of Postfix's own are about (`file /etc/postfix/master.cf: line 67: bad field count`).
    pub fn unreadable_file(reason: &str) -> &'static str {
        if reason.contains("/master.cf:") { "master.cf" } else { "main.cf" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_tells_the_encoding() {
        let encodings = ["", "# x", "\u{feff}# x"].map(|text| Encoding::of(text.as_bytes()));
        assert_eq!(encodings, [Encoding::Plain, Encoding::Plain, Encoding::Marked]);
        for (wide, names) in [("\u{feff}# x", ["UTF-16", "UTF-16"]), ("# x", ["UTF-16LE", "UTF-16BE"])] {
            let little: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = wide.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!([Encoding::of(&little), Encoding::of(&big)], names.map(Encoding::Wide));
        }
    }

    #[test]
    fn the_file_that_postfix_cannot_read_is_the_one_to_mend() {
        for (reason, file) in [
            ("file /etc/postfix/master.cf: line 67: bad field count", "that line of master.cf"),
            ("/etc/postfix/main.cf, line 5: missing '=' after attribute name: \"x\"", "that line of main.cf"),
        ] {
            let error = Error::Unreadable { reason: reason.into(), encoding: Encoding::Plain };
            let hint = error.hint("relayhost check");
            assert!(hint.contains(file) && hint.ends_with("run `relayhost check` again"), "{hint}");
            let path = format!("/etc/postfix/{}", file.rsplit(' ').next().unwrap());
            for encoding in [Encoding::Marked, Encoding::Wide("UTF-16LE")] {
                let hint = Error::Unreadable { reason: reason.into(), encoding }.hint("relayhost check");
                assert!(hint.contains(&path), "{hint}");
            }
        }
    }
}
