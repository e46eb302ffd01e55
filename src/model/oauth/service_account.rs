//! A service account of Google, from the JSON file that Google gives for its key.

use serde::Deserialize;

use super::certificate::Key;
use crate::error::Complaint;
use crate::model::secret::Secret;

/// A service account, with its key.
#[derive(Debug, Clone)]
pub struct ServiceAccount {
    /// Its address.
    pub email: String,
    /// Id of its key, `kid` of its assertions.
    pub key_id: String,
    /// The key.
    pub key: Key,
}

/// The parts of the file that are used.
#[derive(Deserialize)]
struct File {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    private_key: String,
}

impl ServiceAccount {
    /// Reads the file.
    pub fn parse(file: &Secret) -> Result<Self, Complaint> {
        let unfit = |problem: &str| {
            let remedy = "take the JSON file that the Google Cloud console gives when a key of the service account is made, unchanged";
            Complaint::new(problem, remedy)
        };
        let parsed: File = serde_json::from_str(file.expose().trim_start_matches('\u{feff}'))
            .map_err(|_| unfit("the key file is not the JSON of a service account"))?;
        if parsed.kind != "service_account" {
            return Err(unfit("the key file is not one of a service account: its `type` is another"));
        }
        let is_clean = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_clean(&parsed.client_email) || !is_clean(&parsed.private_key_id) {
            return Err(unfit(
                "`client_email` or `private_key_id` of the key file is empty, or has a blank in it",
            ));
        }
        let key = Key::parse(&parsed.private_key)
            .map_err(|_| unfit("`private_key` of the key file is not an RSA key"))?;
        Ok(Self { email: parsed.client_email, key_id: parsed.private_key_id, key })
    }
}
