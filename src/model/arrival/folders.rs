//! The folders of a mailbox: what their names mean, and which are looked into, in which order.

use base64::Engine;
use base64::alphabet::IMAP_MUTF7;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::model::text;

/// Most folders that are looked into where the answers name none.
const MOST: usize = 50;

/// What folders for junk are called where the server says of none that it is one. The last part of the name counts.
const JUNK: [&str; 8] =
    ["junk", "spam", "junk e-mail", "junk email", "junk mail", "bulk mail", "bulk", "junk-e-mail"];

/// A folder, as LIST shows it (RFC 3501 §7.2.2).
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its name on the wire.
    pub raw: Vec<u8>,
    /// What separates the parts of its name.
    pub delimiter: Option<char>,
    /// Its attributes, such as `\Junk`.
    pub attributes: Vec<String>,
}

/// The use of a folder (RFC 6154 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Where mail arrives that a person reads.
    Inbox,
    /// Where mail goes that is taken for junk.
    Junk,
    /// Another folder: a rule has put the message there.
    Other,
    /// A view of all messages, those of other folders too.
    All,
}

/// A folder that is looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its name on the wire.
    pub raw: Vec<u8>,
    /// Its name for people.
    pub name: String,
    /// Its use.
    pub kind: Kind,
}

impl Listed {
    fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|own| own.eq_ignore_ascii_case(attribute))
    }

    fn kind(&self, name: &str, is_junk_told: bool) -> Kind {
        let last = self.delimiter.and_then(|delimiter| name.rsplit(delimiter).next()).unwrap_or(name);
        if name.eq_ignore_ascii_case("inbox") {
            Kind::Inbox
        } else if self.has("\\Junk") || !is_junk_told && JUNK.contains(&last.to_lowercase().as_str()) {
            Kind::Junk
        } else if self.has("\\All") {
            Kind::All
        } else {
            Kind::Other
        }
    }
}

/// The folders to look into, INBOX first, then those for junk. `wanted`: the names in the answers; without any, all that
/// messages arrive in. The error is a name in the answers that no folder has.
pub fn choose(listed: &[Listed], wanted: &[String]) -> Result<Vec<Folder>, String> {
    let is_junk_told = listed.iter().any(|folder| folder.has("\\Junk"));
    let is_open = |folder: &&Listed| !folder.has("\\Noselect") && !folder.has("\\NonExistent");
    let own = |folder: &&Listed| folder.has("\\Sent") || folder.has("\\Drafts");
    let folder = |listed: &Listed| {
        let name = name_of(&listed.raw);
        Folder { kind: listed.kind(&name, is_junk_told), raw: listed.raw.clone(), name }
    };
    let mut folders: Vec<Folder> = Vec::new();
    for listed in listed.iter().filter(is_open) {
        let found = folder(listed);
        let is_wanted =
            if wanted.is_empty() { !own(&listed) } else { wanted.iter().any(|name| is_same(name, &found)) };
        if is_wanted && !folders.iter().any(|known| known.raw == found.raw) {
            folders.push(found);
        }
    }
    if let Some(missing) = wanted.iter().find(|name| !folders.iter().any(|found| is_same(name, found))) {
        return Err(missing.clone());
    }
    folders.sort_by_key(|folder| folder.kind);
    folders.truncate(MOST);
    Ok(folders)
}

/// Whether a folder is the one that is meant; INBOX is the same in any case (RFC 3501 §5.1).
fn is_same(typed: &str, folder: &Folder) -> bool {
    typed == folder.name || folder.kind == Kind::Inbox && typed.eq_ignore_ascii_case("inbox")
}

/// A folder's name for people: the modified UTF-7 of RFC 3501 §5.1.3 is decoded; what is none stays as it is.
pub fn name_of(raw: &[u8]) -> String {
    let raw = String::from_utf8_lossy(raw);
    text::plain(&decoded(&raw).unwrap_or_else(|| raw.into_owned()))
}

fn decoded(raw: &str) -> Option<String> {
    let coding = GeneralPurpose::new(
        &IMAP_MUTF7,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::RequireNone)
            .with_decode_allow_trailing_bits(true),
    );
    let (mut name, mut rest) = (String::new(), raw);
    while let Some((plain, coded)) = rest.split_once('&') {
        let (coded, behind) = coded.split_once('-')?;
        name.push_str(plain);
        if coded.is_empty() {
            name.push('&');
        }
        let bytes = coding.decode(coded).ok()?;
        let units =
            bytes.chunks_exact(2).map(|pair| pair.iter().fold(0, |unit, byte| unit << 8 | u16::from(*byte)));
        name.extend(char::decode_utf16(units).collect::<Result<Vec<char>, _>>().ok()?);
        rest = behind;
    }
    name.push_str(rest);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(name: &str, attributes: &[&str]) -> Listed {
        let attributes = attributes.iter().map(ToString::to_string).collect();
        Listed { raw: name.into(), delimiter: Some('/'), attributes }
    }

    fn names(listed: &[Listed], wanted: &[&str]) -> Result<Vec<(String, Kind)>, String> {
        let wanted: Vec<String> = wanted.iter().map(ToString::to_string).collect();
        Ok(choose(listed, &wanted)?.into_iter().map(|folder| (folder.name, folder.kind)).collect())
    }

    #[test]
    fn names_are_read_as_people_read_them() {
        // The example of RFC 3501 §5.1.3, and what is no modified UTF-7.
        assert_eq!(name_of(b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"), "~peter/mail/台北/日本語");
        assert_eq!(name_of(b"Pr&APw-fung &- mehr"), "Prüfung & mehr");
        for odd in ["Fish & Chips", "&AP", "&2D0-", "&!-"] {
            assert_eq!(name_of(odd.as_bytes()), odd);
        }
        assert_eq!(name_of(b"a\x1b[2J"), "a?[2J");
    }

    #[test]
    fn without_names_all_that_mail_arrives_in_is_looked_into_by_use() {
        let all = [
            listed("[Gmail]", &["\\Noselect"]),
            listed("[Gmail]/All Mail", &["\\All"]),
            listed("Alerts", &[]),
            listed("[Gmail]/Spam", &["\\Junk"]),
            listed("Spam", &[]),
            listed("Sent", &["\\Sent"]),
            listed("INBOX", &["\\HasNoChildren"]),
        ];
        let expected = [
            ("INBOX", Kind::Inbox),
            ("[Gmail]/Spam", Kind::Junk),
            ("Alerts", Kind::Other),
            ("Spam", Kind::Other),
            ("[Gmail]/All Mail", Kind::All),
        ];
        assert_eq!(names(&all, &[]).unwrap(), expected.map(|(name, kind)| (name.to_owned(), kind)));
    }

    #[test]
    fn junk_is_known_by_its_name_where_no_folder_is_told_to_be_it() {
        let all = [listed("INBOX", &[]), listed("INBOX/Junk E-mail", &[]), listed("Junkyard", &[])];
        let kinds: Vec<Kind> = choose(&all, &[]).unwrap().iter().map(|folder| folder.kind).collect();
        assert_eq!(kinds, [Kind::Inbox, Kind::Junk, Kind::Other]);
    }

    #[test]
    fn folders_of_the_answers_are_found_by_their_names_or_named() {
        let all = [listed("INBOX", &[]), listed("Pr&APw-fung", &[]), listed("Other", &[])];
        let found = names(&all, &["Prüfung", "inbox"]).unwrap();
        assert_eq!(found, [("INBOX".to_owned(), Kind::Inbox), ("Prüfung".to_owned(), Kind::Other)]);
        assert_eq!(names(&all, &["INBOX", "Gone"]).unwrap_err(), "Gone");
    }

    #[test]
    fn of_very_many_folders_the_first_are_looked_into() {
        let mut all: Vec<Listed> = (0..9999).map(|number| listed(&format!("f{number}"), &[])).collect();
        all.push(listed("INBOX", &[]));
        let found = choose(&all, &[]).unwrap();
        assert_eq!((found.len(), found[0].kind), (MOST, Kind::Inbox));
    }
}
