//! A login, step by step, for the mechanisms that relayhost speaks without Cyrus SASL. The password is in the replies to
//! the relay and nowhere else; the relay's numbers are bounded before anything is computed from them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::random;
use crate::model::secret::Secret;
use crate::model::state::generation::hex;
use crate::model::text;

/// Most rounds of key derivation that a relay may ask for: a second or two of work. RFC 7677 asks for 4096 at least.
const ROUNDS: u32 = 1_000_000;

/// A login under way.
pub struct Login<'a> {
    user: &'a str,
    password: &'a Secret,
    way: Way,
}

enum Way {
    /// RFC 4616.
    Plain,
    /// draft-murchison-sasl-login: the name at the first question, the password at the second.
    Login {
        answered: u8,
    },
    /// RFC 2195.
    CramMd5,
    Scram(Scram),
    /// Google's and Microsoft's form of a bearer token, and RFC 7628's. The whole answer is in the command.
    Bearer {
        first: Vec<u8>,
        last: &'static [u8],
        told: Option<String>,
    },
}

impl<'a> Login<'a> {
    /// Begins a login; `None` if relayhost does not speak the mechanism.
    pub fn new(mechanism: &str, user: &'a str, password: &'a Secret) -> Option<Self> {
        let way = match mechanism {
            "PLAIN" => Way::Plain,
            "LOGIN" => Way::Login { answered: 0 },
            "CRAM-MD5" => Way::CramMd5,
            "SCRAM-SHA-256" => Way::Scram(Scram::new(user, &BASE64.encode(random::bytes::<18>()))),
            "XOAUTH2" => {
                let first = format!("user={user}\x01auth=Bearer {}\x01\x01", password.expose());
                Way::Bearer { first: first.into_bytes(), last: b"", told: None }
            }
            // RFC 7628 §3.1, with the user as in RFC 5801 §4; host and port may be left out.
            "OAUTHBEARER" => {
                let user = user.replace('=', "=3D").replace(',', "=2C");
                let first = format!("n,a={user},\x01auth=Bearer {}\x01\x01", password.expose());
                Way::Bearer { first: first.into_bytes(), last: b"\x01", told: None }
            }
            _ => return None,
        };
        Some(Self { user, password, way })
    }

    /// The server's own reason for refusing a token, if it has told one.
    pub fn told(&self) -> Option<&str> {
        match &self.way {
            Way::Bearer { told, .. } => told.as_deref(),
            _ => None,
        }
    }

    fn plain(&self) -> Vec<u8> {
        format!("\0{}\0{}", self.user, self.password.expose()).into_bytes()
    }

    /// The initial response, which follows the mechanism's name in the AUTH command, in base64.
    pub fn initial(&self) -> Option<Secret> {
        self.first().map(|bytes| Secret::new(BASE64.encode(bytes)))
    }

    /// The initial response as bytes.
    pub fn first(&self) -> Option<Vec<u8>> {
        Some(match &self.way {
            Way::Plain => self.plain(),
            Way::Login { .. } | Way::CramMd5 => return None,
            Way::Bearer { first, .. } => first.clone(),
            Way::Scram(scram) => format!("n,,{}", scram.first).into_bytes(),
        })
    }

    /// The response to a challenge, both in base64; the error names the fault of the challenge.
    pub fn answer(&mut self, challenge: &str) -> Result<Secret, String> {
        let bytes = match &mut self.way {
            // The whole answer was in the command: an empty challenge asks for it again.
            Way::Plain => self.plain(),
            Way::Login { answered } => {
                *answered = answered.saturating_add(1);
                match answered {
                    1 => self.user.as_bytes().to_vec(),
                    2 => self.password.expose().as_bytes().to_vec(),
                    _ => return Err("it asks a third question".into()),
                }
            }
            Way::CramMd5 => {
                let mut digest = <Hmac<Md5> as KeyInit>::new_from_slice(self.password.expose().as_bytes())
                    .map_err(|error| error.to_string())?;
                digest.update(&decoded(challenge)?);
                format!("{} {}", self.user, hex(&digest.finalize().into_bytes())).into_bytes()
            }
            // A challenge is the refusal: the server says why, and its reply follows the answer (RFC 7628 §3.2.3).
            Way::Bearer { last, told, .. } => {
                let text = String::from_utf8_lossy(&decoded(challenge)?).into_owned();
                *told = Some(text::one_line(&text));
                last.to_vec()
            }
            Way::Scram(scram) => {
                let text = String::from_utf8(decoded(challenge)?).map_err(|_| "its challenge is no text")?;
                scram.answer(&text, self.password)?.into_bytes()
            }
        };
        Ok(Secret::new(BASE64.encode(bytes)))
    }
}

fn decoded(challenge: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(challenge.trim()).map_err(|_| "its challenge is not base64".into())
}

/// SCRAM-SHA-256 without channel binding (RFC 5802, RFC 7677).
struct Scram {
    nonce: String,
    /// The client's first message without its header.
    first: String,
    /// The signature that the server must send, once it is known.
    signature: Option<[u8; 32]>,
}

impl Scram {
    fn new(user: &str, nonce: &str) -> Self {
        // RFC 5802 §5.1: the two characters that separate the fields.
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self { nonce: nonce.to_owned(), first: format!("n={user},r={nonce}"), signature: None }
    }

    /// The response to a message of the server: the proof to the first one, nothing to the last one.
    fn answer(&mut self, message: &str, password: &Secret) -> Result<String, String> {
        let field = |name: &str| message.split(',').find_map(|field| field.strip_prefix(name));
        if let Some(signature) = self.signature {
            let signed = field("v=").and_then(|text| BASE64.decode(text).ok());
            return if signed.as_deref() == Some(&signature) {
                Ok(String::new())
            } else {
                Err("it does not know the password itself".into())
            };
        }
        let nonce = field("r=").filter(|nonce| nonce.starts_with(&self.nonce));
        let nonce = nonce.ok_or("its challenge is not for this login")?;
        let salt =
            field("s=").and_then(|salt| BASE64.decode(salt).ok()).ok_or("its challenge has no salt")?;
        let rounds = field("i=").and_then(|rounds| rounds.parse::<u32>().ok()).filter(|rounds| *rounds > 0);
        let rounds = rounds.ok_or("its challenge has no number of rounds")?;
        if rounds > ROUNDS {
            return Err(format!("it asks for {rounds} rounds of key derivation"));
        }
        let mut salted = [0; 32];
        pbkdf2::pbkdf2_hmac::<Sha256>(password.expose().as_bytes(), &salt, rounds, &mut salted);
        let last = format!("c=biws,r={nonce}");
        let all = format!("{},{message},{last}", self.first);
        let key = hmac(&salted, b"Client Key")?;
        let signature = hmac(&Sha256::digest(key), all.as_bytes())?;
        let proof: Vec<u8> = key.iter().zip(signature).map(|(one, other)| one ^ other).collect();
        self.signature = Some(hmac(&hmac(&salted, b"Server Key")?, all.as_bytes())?);
        Ok(format!("{last},p={}", BASE64.encode(proof)))
    }
}

fn hmac(key: &[u8], message: &[u8]) -> Result<[u8; 32], String> {
    let mut digest = <Hmac<Sha256> as KeyInit>::new_from_slice(key).map_err(|error| error.to_string())?;
    digest.update(message);
    Ok(digest.finalize().into_bytes().into())
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
        let plain = Login::new("PLAIN", "me", &password).unwrap();
        assert_eq!(decode(&plain.initial().unwrap()), "\0me\0s3cret");
        let mut login = Login::new("LOGIN", "me", &password).unwrap();
        assert!(login.initial().is_none());
        assert_eq!(decode(&login.answer("VXNlcm5hbWU6").unwrap()), "me");
        assert_eq!(decode(&login.answer("whatever").unwrap()), "s3cret");
        assert!(login.answer("").is_err());
    }

    /// The example of RFC 2195 §2.
    #[test]
    fn cram_md5() {
        let password = Secret::new("tanstaaftanstaaf");
        let challenge = BASE64.encode("<1896.697170952@postoffice.reston.mci.net>");
        let mut login = Login::new("CRAM-MD5", "tim", &password).unwrap();
        assert_eq!(decode(&login.answer(&challenge).unwrap()), "tim b913a602c7eda7a495b4e6e7334d3890");
    }

    /// The example of RFC 7677 §3.
    #[test]
    fn scram_sha_256() {
        let password = Secret::new("pencil");
        let mut scram = Scram::new("user", "rOprNGfwEbeRWgbNEkqO");
        assert_eq!(scram.first, "n=user,r=rOprNGfwEbeRWgbNEkqO");
        let first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        assert_eq!(
            scram.answer(first, &password).unwrap(),
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert!(scram.answer("v=AAAA", &password).is_err());
        let last = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
        assert_eq!(scram.answer(last, &password), Ok(String::new()));
    }

    #[test]
    fn a_scram_server_cannot_make_us_work_for_ever() {
        let password = Secret::new("x");
        let mut scram = Scram::new("a,b=c", "abc");
        assert_eq!(scram.first, "n=a=2Cb=3Dc,r=abc");
        for bad in [
            "r=abcd,s=QQ==,i=4294967295",
            "r=abcd,s=QQ==,i=99999999999",
            "r=abcd,s=QQ==,i=0",
            "r=abcd,s=QQ==",
            "r=abcd,i=1",
            "r=xabc,s=QQ==,i=1",
            "",
        ] {
            assert!(scram.answer(bad, &password).is_err(), "{bad}");
        }
    }

    /// The examples of RFC 7628 §4.1 and §4.3, without host and port.
    #[test]
    fn a_token_is_sent_whole_and_its_refusal_is_told() {
        let token = Secret::new("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
        let login = Login::new("XOAUTH2", "a@b", &token).unwrap();
        assert_eq!(
            decode(&login.initial().unwrap()),
            format!("user=a@b\x01auth=Bearer {}\x01\x01", token.expose())
        );
        let mut login = Login::new("OAUTHBEARER", "a,b=c", &token).unwrap();
        assert_eq!(
            decode(&login.initial().unwrap()),
            format!("n,a=a=2Cb=3Dc,\x01auth=Bearer {}\x01\x01", token.expose())
        );
        assert_eq!(login.told(), None);
        let challenge = BASE64.encode("{\"status\":\"invalid_token\"}");
        assert_eq!(login.answer(&challenge).unwrap().expose(), "AQ==");
        assert_eq!(login.told(), Some("{\"status\":\"invalid_token\"}"));
        let mut login = Login::new("XOAUTH2", "a@b", &token).unwrap();
        assert_eq!(login.answer(&challenge).unwrap().expose(), "");
    }

    #[test]
    fn what_needs_cyrus_is_not_tried() {
        for mechanism in ["GSSAPI", "NTLM", "DIGEST-MD5", "xoauth2", "plain"] {
            assert!(Login::new(mechanism, "u", &Secret::new("p")).is_none());
        }
    }
}
