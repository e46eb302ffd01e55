//! The octets that the client sends, and the server's error as text for a log.

use core::slice;

/// Longest access token that is taken, in octets. 1 MiB is more than any server reads.
pub const LONGEST_TOKEN: usize = 1 << 20;
/// Longest part of a server's error that is logged, in octets.
pub const LONGEST_ERROR: usize = 1024;

/// One of the two mechanisms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// Google's and Microsoft's form.
    Xoauth2,
    /// RFC 7628.
    Oauthbearer,
}

impl Mechanism {
    /// The first message of a login. XOAUTH2: `user=` USER ^A `auth=Bearer ` TOKEN ^A ^A (Gmail, "The SASL XOAUTH2
    /// Mechanism"). OAUTHBEARER: `n,a=` USER `,` ^A and the same (RFC 7628, section 3.1); host and port, which it may
    /// have, serve signed tokens alone.
    pub fn first<'a>(self, user: &'a [u8], token: &'a [u8]) -> impl Iterator<Item = u8> + Clone + 'a {
        let (head, middle): (&[u8], &[u8]) = match self {
            Self::Xoauth2 => (b"user=", b"\x01auth=Bearer "),
            Self::Oauthbearer => (b"n,a=", b",\x01auth=Bearer "),
        };
        let user = user.iter().flat_map(move |octet| self.spelled(octet));
        head.iter().chain(user).chain(middle).chain(token).chain(b"\x01\x01").copied()
    }

    /// An octet of a user name. `=` and `,` have a meaning in OAUTHBEARER's header (saslname, RFC 5801, section 4).
    fn spelled(self, octet: &u8) -> &[u8] {
        match (self, octet) {
            (Self::Oauthbearer, b'=') => b"=3D",
            (Self::Oauthbearer, b',') => b"=2C",
            _ => slice::from_ref(octet),
        }
    }

    /// The answer to a server's error, after which the server ends the login: one ^A (RFC 7628, section 3.2.3), or an
    /// empty message (Gmail, "The SASL XOAUTH2 Mechanism").
    pub fn last(self) -> &'static [u8] {
        match self {
            Self::Xoauth2 => b"",
            Self::Oauthbearer => b"\x01",
        }
    }
}

/// Whether a name can be sent: it is not empty, and has no control character, since ^A separates the parts of a message.
pub fn is_user(name: &[u8]) -> bool {
    !name.is_empty() && !name.iter().any(u8::is_ascii_control)
}

/// Whether a password can be an access token: `b64token` of RFC 6750, section 2.1. A password with another character
/// was meant for another mechanism, and no server is to see it.
pub fn is_token(password: &[u8]) -> bool {
    let body = password.iter().rev().skip_while(|octet| **octet == b'=');
    let is_of_body = |octet: &u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(octet);
    password.len() <= LONGEST_TOKEN && body.clone().next().is_some() && body.clone().all(is_of_body)
}

/// A server's error as a C string: its beginning, with `?` for what is not printable ASCII.
pub fn printable(error: &[u8]) -> [u8; LONGEST_ERROR + 1] {
    let mut text = [0; LONGEST_ERROR + 1];
    for (to, from) in text.iter_mut().take(LONGEST_ERROR).zip(error) {
        *to = if matches!(from, b' '..=b'~') { *from } else { b'?' };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::Mechanism::{Oauthbearer, Xoauth2};
    use super::*;

    fn first(mechanism: Mechanism, user: &str, token: &str) -> String {
        String::from_utf8(mechanism.first(user.as_bytes(), token.as_bytes()).collect()).unwrap()
    }

    /// The examples of Gmail and of RFC 7628, section 4.1, the latter without host and port.
    #[test]
    fn messages() {
        let gmail =
            "user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01";
        let token = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
        assert_eq!(first(Xoauth2, "someuser@example.com", token), gmail);
        let rfc = "n,a=user@example.com,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01";
        let token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==";
        assert_eq!(first(Oauthbearer, "user@example.com", token), rfc);
        assert_eq!((Xoauth2.last(), Oauthbearer.last()), (&b""[..], &b"\x01"[..]));
    }

    #[test]
    fn what_separates_in_a_header_is_spelled_out() {
        assert_eq!(first(Oauthbearer, "a,b=c", "T"), "n,a=a=2Cb=3Dc,\x01auth=Bearer T\x01\x01");
        assert_eq!(first(Xoauth2, "a,b=c", "T"), "user=a,b=c\x01auth=Bearer T\x01\x01");
    }

    /// For each octet at each place of a name and of a token: nothing that is let through can end a part of a message.
    #[test]
    fn no_name_and_no_token_has_a_separator() {
        for octet in 0..=u8::MAX {
            for text in [vec![octet], vec![octet, b'x'], vec![b'x', octet], vec![b'x', octet, b'x']] {
                let is_control = octet < 0x20 || octet == 0x7f;
                assert_eq!(is_user(&text), !is_control, "{text:?}");
                let of_body = octet.is_ascii_alphanumeric() || "-._~+/".as_bytes().contains(&octet);
                let is_padding = octet == b'=' && text.len() == 2 && text[0] == b'x';
                assert_eq!(is_token(&text), of_body || is_padding, "{text:?}");
            }
        }
        assert!(!is_user(b"") && !is_token(b"") && !is_token(b"==") && is_token(b"x=="));
        assert!(is_token(&vec![b'x'; LONGEST_TOKEN]) && !is_token(&vec![b'x'; LONGEST_TOKEN + 1]));
    }

    #[test]
    fn an_error_is_text_whatever_it_was() {
        for length in [0, 1, 1023, 1024, 1025, 4096, 65536] {
            for octet in 0..=u8::MAX {
                let text = printable(&vec![octet; length]);
                let shown = text.iter().position(|octet| *octet == 0).unwrap();
                assert_eq!(shown, length.min(LONGEST_ERROR));
                assert!(text[..shown].iter().all(|octet| (b' '..=b'~').contains(octet)));
            }
        }
        assert_eq!(&printable(b"{\"status\":\"400\"}\0\xff")[..18], b"{\"status\":\"400\"}??");
    }
}
