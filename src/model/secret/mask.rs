//! Takes the password out of what a stranger says. A relay may repeat it, as it is or in the base64 of a login, in any
//! reply; what it says is shown, kept as a proof, and printed by every later `check`.

use std::borrow::Cow;

use super::Secret;
use crate::model::desired::{Auth, Desired};
use crate::model::text;

/// From this length on, in bytes, a password is looked for in base64 without what stands around it. Every word is base64
/// of something: a shorter one would be found by chance.
const LEAST: usize = 4;

/// Characters for a mask: the first that the password does not have.
const MASKS: std::ops::RangeInclusive<char> = '\u{2580}'..='\u{25ff}';

/// Knows a password, and hides it in any text.
#[derive(Debug, Clone, Default)]
pub struct Mask {
    /// The password as it may stand in a text: as it is, and as smtp(8) and syslog rewrite what is not ASCII.
    forms: Vec<Secret>,
    /// What tells that base64 is that of the password.
    decoded: Vec<Secret>,
    instead: String,
}

impl Mask {
    /// Of the login that the answers have.
    pub fn of(desired: &Desired) -> Self {
        match &desired.auth {
            Auth::Login { username, password, .. } => Self::new(username, password),
            Auth::None => Self::default(),
        }
    }

    /// Of this login.
    pub fn new(user: &str, password: &Secret) -> Self {
        let plain = password.expose();
        if plain.is_empty() {
            return Self::default();
        }
        let bytewise = |write: fn(u8) -> String| -> String {
            let one = |byte: u8| if byte.is_ascii() { char::from(byte).to_string() } else { write(byte) };
            plain.bytes().map(one).collect()
        };
        let mut forms = vec![
            plain.to_owned(),
            text::one_line(plain),
            bytewise(|_| "?".to_owned()),
            plain.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect(),
            // rsyslog.conf(5), `$EscapeControlCharactersOnReceive` and `$Escape8BitCharactersOnReceive`.
            bytewise(|byte| format!("#{byte:03o}")),
        ];
        // A password of question marks only would hide every question mark.
        forms.retain(|form| form == plain || form.chars().any(|c| c != '?'));
        forms.dedup();
        let mut decoded = vec![format!("{user}\0{plain}")];
        if plain.len() >= LEAST {
            decoded.push(plain.to_owned());
        }
        let sign = std::iter::once('*').chain(MASKS).find(|sign| !plain.contains(*sign)).unwrap_or('*');
        Self {
            forms: forms.into_iter().map(Secret::new).collect(),
            decoded: decoded.into_iter().map(Secret::new).collect(),
            instead: sign.to_string().repeat(8),
        }
    }

    /// The text without the password: as it is, and every run of base64 in which it is.
    pub fn hide(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c| !is_base64(c)).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            out.push_str(if self.tells(run) { &self.instead } else { run });
            let end = after.find(is_base64).unwrap_or(after.len());
            let (between, after) = after.split_at(end);
            out.push_str(between);
            rest = after;
        }
        for form in &self.forms {
            if let Cow::Owned(hidden) = replaced(&out, form.expose(), &self.instead) {
                out = hidden;
            }
        }
        out
    }

    /// Whether this is base64 of something with the password in it, wherever the base64 begins.
    fn tells(&self, run: &str) -> bool {
        !self.decoded.is_empty()
            && (0..4).map(|lead| decoded(run, lead)).any(|bytes| {
                self.decoded.iter().any(|known| {
                    let known = known.expose().as_bytes();
                    // The characters at both ends may stand for bits of what stands around it.
                    let inner =
                        known.get(1..known.len().saturating_sub(1)).filter(|inner| inner.len() >= LEAST);
                    let known = inner.unwrap_or(known);
                    bytes.windows(known.len()).any(|window| window == known)
                })
            })
    }
}

/// `=` is no part: it ends one.
fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/-_".contains(c)
}

fn replaced<'a>(text: &'a str, form: &str, mask: &str) -> Cow<'a, str> {
    if text.contains(form) { Cow::Owned(text.replace(form, mask)) } else { Cow::Borrowed(text) }
}

/// The whole bytes of base64 before which `lead` more characters stood (RFC 4648 §4 and §5).
fn decoded(run: &str, lead: u32) -> Vec<u8> {
    let (mut bits, mut held) = (0_u32, lead * 6);
    let mut bytes = Vec::with_capacity(run.len());
    let put = |bits: u32, held: &mut u32, bytes: &mut Vec<u8>| {
        while *held >= 8 {
            *held -= 8;
            bytes.push(u8::try_from(bits >> *held & 0xff).unwrap_or_default());
        }
    };
    put(bits, &mut held, &mut bytes);
    for c in run.bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        put(bits, &mut held, &mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn other_words_stay() {
        let mask = Mask::new("alerts@example.com", &Secret::new("correct horse battery staple"));
        let text = "535 5.7.8 Error: authentication failed: VXNlcm5hbWU6 (in reply to AUTH)";
        assert_eq!(mask.hide(text), text);
        assert_eq!(mask.hide("250 Ok pw=correct horse battery staple!"), "250 Ok pw=********!");
        assert_eq!(Mask::default().hide(text), text);
        assert_eq!(
            Mask::new("u", &Secret::new("*")).hide("a*b"),
            "a\u{2580}\u{2580}\u{2580}\u{2580}\u{2580}\u{2580}\u{2580}\u{2580}b"
        );
        assert!(!format!("{mask:?}").contains("horse"));
    }

    /// The characters of base64 that the password alone decides, after `lead` bytes of something else.
    fn core(password: &str, lead: usize) -> String {
        let text = BASE64.encode([&vec![0; lead][..], password.as_bytes()].concat());
        let (from, to) = ((lead * 8).div_ceil(6), (lead + password.len()) * 8 / 6);
        text.get(from..to).unwrap_or_default().to_owned()
    }

    proptest! {
        #[test]
        fn no_form_of_it_is_left(
            user in "[ -~]{0,12}",
            password in prop_oneof![4 => "[!-~]{1,20}", 1 => "\\PC{1,9}"],
            before in "[ -~]{0,9}",
            after in "[ -~]{0,9}",
            around in proptest::collection::vec(any::<u8>(), 0..7),
        ) {
            let mask = Mask::new(&user, &Secret::new(&*password));
            let whole = |middle: &str| format!("{before}{middle}{after}");
            let login = BASE64.encode(format!("\0{user}\0{password}"));
            let embedded = BASE64.encode([&around[..], password.as_bytes(), &around[..]].concat());
            let cores: Vec<String> = (0..3).map(|lead| core(&password, lead)).collect();
            let mut texts = vec![whole(&password), whole(&login), whole(&embedded), whole(&BASE64.encode(&password))];
            texts.extend(cores.iter().map(|core| whole(core)));
            for text in texts {
                let hidden = mask.hide(&text);
                prop_assert!(!hidden.contains(&*password), "{text:?} -> {hidden:?}");
                for form in cores.iter().chain([&login]).filter(|form| form.len() >= 8) {
                    prop_assert!(!hidden.contains(form.as_str()), "{form} in {text:?} -> {hidden:?}");
                }
            }
        }
    }
}
