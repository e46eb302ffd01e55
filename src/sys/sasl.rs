//! A login, step by step, for the mechanisms that can be spoken without Cyrus SASL. The password is in the answers to
//! the relay and nowhere else; what the relay sends is bounded before anything is computed of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, Mac};
use md5::Md5;
use sasl::client::Mechanism;
use sasl::client::mechanisms::Scram;
use sasl::common::ChannelBinding;
use sasl::common::scram::{ScramProvider, Sha1, Sha256};

use crate::model::secret::Secret;

/// Most rounds of key derivation that a relay may ask for: a second or two of work. RFC 7677 asks for 4096 at least.
const ROUNDS: u32 = 1_000_000;

/// A login under way.
pub enum Login {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login: the name at the first question, the password at the second.
    Login {
        /// Questions that were answered.
        answered: u8,
    },
    /// RFC 2195.
    CramMd5,
    /// RFC 5802.
    ScramSha1(Box<Scram<Sha1>>),
    /// RFC 7677.
    ScramSha256(Box<Scram<Sha256>>),
}

impl Login {
    /// Begins a login; `None` if the mechanism cannot be spoken here.
    pub fn new(mechanism: &str, user: &str, password: &Secret) -> Option<Self> {
        Some(match mechanism {
            "PLAIN" => Self::Plain,
            "LOGIN" => Self::Login { answered: 0 },
            "CRAM-MD5" => Self::CramMd5,
            "SCRAM-SHA-1" => Self::ScramSha1(Box::new(scram(user, password)?)),
            "SCRAM-SHA-256" => Self::ScramSha256(Box::new(scram(user, password)?)),
            _ => return None,
        })
    }

    /// What follows the mechanism's name in the AUTH command, in base64.
    pub fn initial(&mut self, user: &str, password: &Secret) -> Option<Secret> {
        let bytes = match self {
            Self::Plain => format!("\0{user}\0{}", password.expose()).into_bytes(),
            Self::Login { .. } | Self::CramMd5 => return None,
            Self::ScramSha1(scram) => scram.initial(),
            Self::ScramSha256(scram) => scram.initial(),
        };
        Some(Secret::new(BASE64.encode(bytes)))
    }

    /// The answer to a challenge, both in base64; an error says what is wrong with the challenge.
    pub fn answer(&mut self, challenge: &str, user: &str, password: &Secret) -> Result<Secret, String> {
        let bytes = match self {
            // The whole answer was in the command: an empty challenge would ask for it again.
            Self::Plain => format!("\0{user}\0{}", password.expose()).into_bytes(),
            Self::Login { answered } => {
                *answered = answered.saturating_add(1);
                match answered {
                    1 => user.as_bytes().to_vec(),
                    2 => password.expose().as_bytes().to_vec(),
                    _ => return Err("it asks a third question".into()),
                }
            }
            Self::CramMd5 => {
                let mut digest = <Hmac<Md5> as Mac>::new_from_slice(password.expose().as_bytes())
                    .map_err(|error| error.to_string())?;
                digest.update(&decoded(challenge)?);
                let digest = digest.finalize().into_bytes();
                digest.iter().fold(format!("{user} "), |all, byte| format!("{all}{byte:02x}")).into_bytes()
            }
            Self::ScramSha1(scram) => scram_answer(&mut **scram, &decoded(challenge)?)?,
            Self::ScramSha256(scram) => scram_answer(&mut **scram, &decoded(challenge)?)?,
        };
        Ok(Secret::new(BASE64.encode(bytes)))
    }
}

fn decoded(challenge: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(challenge.trim()).map_err(|_| "its challenge is not base64".into())
}

fn scram<S: ScramProvider>(user: &str, password: &Secret) -> Option<Scram<S>> {
    // RFC 5802 §5.1: the two characters that separate the fields.
    let user = user.replace('=', "=3D").replace(',', "=2C");
    Scram::new(user, password.expose(), ChannelBinding::None).ok()
}

/// The server's first message is answered with the proof, its last one with nothing.
fn scram_answer(scram: &mut impl Mechanism, challenge: &[u8]) -> Result<Vec<u8>, String> {
    let text = String::from_utf8_lossy(challenge).into_owned();
    let field = |name: &str| text.split(',').find_map(|field| field.strip_prefix(name));
    if field("v=").is_some() {
        return scram.success(challenge).map(|()| Vec::new()).map_err(|error| error.to_string());
    }
    match field("i=").map(str::parse::<u32>) {
        Some(Ok(rounds)) if rounds <= ROUNDS => {}
        Some(Ok(rounds)) => return Err(format!("it asks for {rounds} rounds of key derivation")),
        _ => return Err("its challenge has no number of rounds".into()),
    }
    scram.response(challenge).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(secret: &Secret) -> String {
        String::from_utf8(BASE64.decode(secret.expose()).unwrap()).unwrap()
    }

    #[test]
    fn plain_and_login() {
        let password = Secret::new("s3cret");
        let mut plain = Login::new("PLAIN", "me", &password).unwrap();
        assert_eq!(decode(&plain.initial("me", &password).unwrap()), "\0me\0s3cret");
        let mut login = Login::new("LOGIN", "me", &password).unwrap();
        assert!(login.initial("me", &password).is_none());
        assert_eq!(decode(&login.answer("VXNlcm5hbWU6", "me", &password).unwrap()), "me");
        assert_eq!(decode(&login.answer("whatever", "me", &password).unwrap()), "s3cret");
        assert!(login.answer("", "me", &password).is_err());
    }

    /// The example of RFC 2195 §2.
    #[test]
    fn cram_md5() {
        let password = Secret::new("tanstaaftanstaaf");
        let challenge = BASE64.encode("<1896.697170952@postoffice.reston.mci.net>");
        let mut login = Login::new("CRAM-MD5", "tim", &password).unwrap();
        let answer = login.answer(&challenge, "tim", &password).unwrap();
        assert_eq!(decode(&answer), "tim b913a602c7eda7a495b4e6e7334d3890");
    }

    #[test]
    fn a_scram_server_cannot_make_us_work_for_ever() {
        let password = Secret::new("x");
        let mut login = Login::new("SCRAM-SHA-256", "a,b=c", &password).unwrap();
        assert!(decode(&login.initial("a,b=c", &password).unwrap()).starts_with("n,,n=a=2Cb=3Dc,r="));
        for bad in ["r=x,s=QQ==,i=4294967295", "r=x,s=QQ==,i=99999999999", "r=x,s=QQ==", "", "i=x"] {
            assert!(login.answer(&BASE64.encode(bad), "a", &password).is_err(), "{bad}");
        }
        assert!(login.answer("***", "a", &password).is_err());
    }

    #[test]
    fn what_needs_cyrus_is_not_tried() {
        for mechanism in ["GSSAPI", "NTLM", "DIGEST-MD5", "XOAUTH2", "plain"] {
            assert!(Login::new(mechanism, "u", &Secret::new("p")).is_none());
        }
    }
}
